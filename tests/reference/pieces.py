"""Makes pieces.json and cross.json: what the collections and the functions of numbers and texts give.

Independent sources: Python's collections, heapq, decimal, hashlib and `%`, SciPy and NumPy. pieces.json is a list of
[script, expected]: a program for the script's engine, and the value that Python computes for the same operations.
Seeds are fixed, so a second run writes the same files. `python pieces.py`
"""

import collections
import decimal
import hashlib
import heapq
import json
import pathlib
import random

import numpy as np
from scipy import signal

HERE = pathlib.Path(__file__).parent
r = random.Random(16)
cases = []


def literal(value):
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return repr(value) if "e" in repr(value) or "." in repr(value) else repr(value) + ".0"
    if isinstance(value, str):
        return json.dumps(value)
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(literal(v) for v in value) + "]"
    return str(value)


def case(script, expected):
    cases.append([script, expected])


# ring and queue: collections.deque
for size in [1, 2, 5, None]:
    queue = collections.deque(maxlen=size)
    lines = [f"let q = {'queue()' if size is None else f'ring({size})'};", "let out = [];"]
    out = []
    for step in range(60):
        what = r.choice(["push", "push", "push", "front", "pop", "shift", "extend", "set", "remove"])
        x = r.randrange(100)
        if what == "push":
            queue.append(x)
            lines.append(f"q.push({x});")
        elif what == "front":
            queue.appendleft(x)
            lines.append(f"q.push_front({x});")
        elif what == "extend":
            queue.extend([x, x + 1])
            lines.append(f"q.extend([{x}, {x + 1}]);")
        elif queue and what == "pop":
            out.append(queue.pop())
            lines.append("out.push(q.pop());")
        elif queue and what == "shift":
            out.append(queue.popleft())
            lines.append("out.push(q.shift());")
        elif queue and what == "set":
            queue[-1] = x
            lines.append(f"q[-1] = {x};")
        elif queue and what == "remove":
            at = r.randrange(len(queue))
            out.append(queue[at])
            del queue[at]
            lines.append(f"out.push(q.remove({at}));")
        out.append(len(queue))
        lines.append("out.push(q.len);")
    case("\n".join(lines + ["[out, q.values]"]), [out, list(queue)])

# tally: collections.Counter
for _ in range(5):
    words = [r.choice("abcdefgh") for _ in range(60)]
    counts = collections.Counter(words)
    case(
        f"let t = tally().extend({literal(words)}); "
        "[t.total, t.distinct, t.values, t.most_common().map(|e| [e.value, e.count]), t.most_common(3).map(|e| e.value)]",
        [
            counts.total(),
            len(counts),
            list(counts),
            [list(e) for e in counts.most_common()],
            [e[0] for e in counts.most_common(3)],
        ],
    )
    other = collections.Counter({"a": 3, "z": 2})
    case(
        f"tally().extend({literal(words)}).merge(tally().push(\"a\", 3).push(\"z\", 2)).most_common().map(|e| [e.value, e.count])",
        [list(e) for e in (counts + other).most_common()],
    )

# timed_queue and distinct: written out with all of the history
for span in [1, 7, 30]:
    history, newest, lines, out = [], None, [f"let q = timed_queue({span}); let d = distinct({span}); let o = [];"], []
    seen = {}
    for _ in range(60):
        time, x = (0 if newest is None else newest) + r.choice([0, 1, 2, 5, -3, -10, 40]), r.randrange(6)
        newest = time if newest is None else max(newest, time)
        kept = lambda t: t > newest - span
        history = [(t, v) for t, v in history if kept(t)]
        seen = {v: t for v, t in seen.items() if kept(t)}
        new = False
        if kept(time):
            history.append((time, x))
            new = x not in seen
            seen[x] = max(seen.get(x, time), time)
        history.sort(key=lambda e: e[0])
        lines.append(f"q.push({time}, {x}); o.push([d.push({time}, {x}), d.count, q.values, q.times]);")
        out.append([new, len(seen), [v for _, v in history], [t for t, _ in history]])
    case("\n".join(lines + ["o"]), out)

# top and bottom: heapq
for k in [1, 3, 10]:
    rows = [(r.choice("abcde"), r.randrange(12)) for _ in range(40)]
    maps = "[" + ", ".join(f'#{{ host: "{h}", cpu: {x}, i: {i} }}' for i, (h, x) in enumerate(rows)) + "]"
    largest = heapq.nlargest(k, enumerate(rows), key=lambda e: e[1][1])
    smallest = heapq.nsmallest(k, enumerate(rows), key=lambda e: e[1][1])
    case(f'top({maps}, {k}, "cpu").map(|row| row.i)', [i for i, _ in largest])
    case(f'{maps}.bottom({k}, "cpu").map(|row| row.i)', [i for i, _ in smallest])
    case(f'let t = top({k}, "cpu"); for row in {maps} {{ t.push(row); }} t.rows.map(|row| row.i)', [i for i, _ in largest])
    best = {}
    for h, x in rows:
        best[h] = max(best.get(h, x), x)
    case(
        f'let t = top({k}, "cpu", #{{ by: "host" }}).extend({maps}); t.rows.map(|row| row.cpu)',
        heapq.nlargest(k, best.values()),
    )

# round: decimal, halves away from zero on the exact value of the double
decimal.getcontext().prec = 1500
numbers = [2.675, 2.5, -2.5, 0.5, 1.005, 1e-5, 123456.789, -0.125, 0.375, 1e22, 5e-324, 1.7976931348623157e308, 15.0, 1234.5678]
numbers += [r.uniform(-1000, 1000) for _ in range(40)] + [r.randrange(-4000, 4000) / 16 for _ in range(40)]
for x in numbers:
    for digits in [0, 1, 2, 3, -1, -2, 20]:
        exact = decimal.Decimal(x).quantize(decimal.Decimal(1).scaleb(-digits), rounding=decimal.ROUND_HALF_UP)
        case(f"round({literal(x)}, {digits})", float(exact))
for x in [0, 5, -15, 14, 25, 999, 123456]:
    for digits in [2, 0, -1, -2, -5]:
        exact = int(decimal.Decimal(x).quantize(decimal.Decimal(1).scaleb(-digits), rounding=decimal.ROUND_HALF_UP)) if digits < 0 else x
        case(f"round({x}, {digits})", exact)
for x, low, high in [(5, 0, 3), (-1, 0, 3), (2, 0, 3), (2.5, 0, 3), (9.5, 0.5, 3.5), (-9, 0.5, 3)]:
    value = float(np.clip(x, low, high))
    case(f"clamp({x}, {low}, {high})", int(value) if all(isinstance(v, int) for v in (x, low, high)) else value)

# format: Python's %
values = [0, 5, -42, 255, 3.14159, -0.5, 2.5, 1e-5, 1e16, 123456789.0, 1e100, 0.0001, -0.0]
formats = ["%d", "%5d", "%-5d|", "%05d", "%+d", "% d", "%f", "%.2f", "%08.3f", "%+.1f", "%e", "%.0e", "%E", "%g", "%.3g", "%#g", "%G", "%s", "%8s|", "%-8s|", "%.0f", "%#.0f", "100%% of %.1f", "%.12g", "%5.3d", "%i"]
for f in formats:
    for x in values:
        if x == 1e100 and ("d" in f or "i" in f) or x == 1e16 and "s" in f or x == 1e-5 and "s" in f or x == 1e100 and "s" in f or x == 0 and str(x) == "-0.0" and "s" in f:
            continue
        case(f"format({literal(x)}, {literal(f)})", f % x)
for f, x in [("%x", 255), ("%#x", 255), ("%X", 3054), ("%o", 8), ("%#o", 8), ("%x", -255), ("%c", 65), ("%5c|", "z"), ("%s", "text"), ("%.2s", "text"), ("%6.2s|", "text"), ("%-8s|", "é"), ("%05s", "ab"), ("%08x", 48879)]:
    case(f"format({literal(x)}, {literal(f)})", f % x)
case('format(["web1", 97.456, 3], "%s: %.1f%% of %d")', "%s: %.1f%% of %d" % ("web1", 97.456, 3))
case('format(1.0 / 0.0, "%05.1f") + format(-1.0 / 0.0, "%g") + format(0.0 / 0.0, "%8.2f")', "%05.1f%g%8.2f" % (float("inf"), -float("inf"), float("nan")))

# hash: hashlib
for text in ["", "web1", "é", "a much longer text, with spaces"]:
    number = int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1
    case(f"hash({literal(text)})", number)
    case(f"hash({literal(text)}, 10)", number % 10)
case("hash(42)", int.from_bytes(hashlib.sha256(b"42").digest()[:8], "big") >> 1)
case("hash(1.5)", int.from_bytes(hashlib.sha256(b"1.5").digest()[:8], "big") >> 1)

(HERE / "pieces.json").write_text(json.dumps(cases, indent=None, separators=(",", ":")).replace('],["', '],\n["') + "\n")

# cross-correlation: SciPy's correlate of the standardised series
g = np.random.default_rng(16)
found = []
for n, max_lag, offset in [(2, 1, 0), (10, 3, 0), (200, 25, 0), (200, 199, 1e6), (50, 0, 5)]:
    a = g.normal(size=n).cumsum() + offset
    b = np.roll(a, 4) * 3 + g.normal(size=n)
    x, y = a - a.mean(), b - b.mean()
    values = signal.correlate(y, x, method="direct") / (n * x.std() * y.std())
    middle = n - 1
    values = values[middle - max_lag : middle + max_lag + 1]
    found.append({
        "a": [repr(float(v)) for v in a],
        "b": [repr(float(v)) for v in b],
        "max_lag": str(max_lag),
        "values": [repr(float(v)) for v in values],
        "lag": str(int(np.argmax(np.abs(values)) - max_lag)),
    })
(HERE / "cross.json").write_text(json.dumps(found, separators=(",", ":")) + "\n")
