"""Makes anomaly.json, rhythm.json, budget.json and tail_rank.json, which the unit tests of src/stats compare with.

A second, direct writing of the anomaly score and of the alarm budget in plain Python: whole histories in
lists and dictionaries, no rings and no blocks of counts. They are the prototypes with which the constants
were chosen. The rhythm is written with pandas, the ranks with SciPy. `python anomaly.py` needs both.
"""

import json
import math
import pathlib
import struct

import numpy
import pandas
from scipy import stats

WARMUP = 50
HERE = pathlib.Path(__file__)


def noise():
    state = 1
    while True:
        state = (state * 6364136223846793005 + 1442695040888963407) % 2**64
        yield (state >> 40) / 2**24


def course(n):
    """A daily course by five minutes with noise, spikes and a new level."""
    for i, u in zip(range(n), noise()):
        daily = abs(i % 288 - 144) / 4
        spike = 60 if i % 1777 == 1500 else 0
        level = 25 if i >= 9000 else 0
        yield daily + 8 * u + spike + level


class Rank:
    """p-values by counts in classes, halved at twice the memory."""

    def __init__(self, memory):
        self.memory, self.unit, self.counts = memory, 0.0, {}

    def push(self, x):
        if self.unit == 0 and math.isfinite(x):
            self.unit = x
        bits = lambda x: struct.unpack("<Q", struct.pack("<d", x))[0] >> 48
        if x == 0:
            c = 0
        elif self.unit == 0:
            c = 767
        else:
            c = min(767, max(1, bits(x / self.unit * (1 + 2**-20)) - bits(1.0) + 320))
        total = sum(self.counts.values())
        above = sum(n for k, n in self.counts.items() if k >= c)
        p = (above + 256) / (total + 256)
        if above < 128:
            seen = [k for k, n in self.counts.items() if 0 < k < c and n >= 128]
            if seen:
                low = lambda c: struct.unpack("<d", struct.pack("<Q", (bits(1.0) + c - 320) << 48))[0]
                p *= (low(max(seen)) / low(c)) ** 2
        self.counts[c] = self.counts.get(c, 0) + 256
        if total + 256 >= 2 * self.memory * 256:
            self.counts = {k: n // 2 for k, n in self.counts.items()}
        return p


class Novelty:
    def __init__(self):
        self.marks, self.rank, self.n = [], Rank(8192), 0

    def push(self, a, b):
        self.n += 1
        near = min(self.marks, key=lambda m: max(abs(a - m[0]), abs(b - m[1])), default=None)
        distance = max(abs(a - near[0]), abs(b - near[1])) if near else math.inf
        if near:
            near[2] = self.n
        p = self.rank.push(distance) if self.n > WARMUP else 1.0
        if distance > 0 and (len(self.marks) < 512 or p <= 0.1):
            mark = [a, b, self.n]
            if len(self.marks) == 512:
                self.marks[min(range(512), key=lambda i: self.marks[i][2])] = mark
            else:
                self.marks.append(mark)
        return p


def means(values, span):
    """Exponentially weighted means, after each value."""
    out = []
    for n, x in enumerate(values, 1):
        weight = max(1 / n, 1 / span)
        out.append(x if n == 1 else out[-1] + (weight * x - weight * out[-1]))
    return out


def rhythm(minutes, values):
    """The median of the same five minutes and those beside, on the last seven days, by pandas."""
    cells = pandas.Series(values).groupby([m // 5 for m in minutes]).mean()
    table = cells.reindex(range(int(cells.index[0]) - 7 * 288 - 1, int(cells.index[-1]) + 1))
    near = {}
    for back in range(1, 8):
        for beside in (-1, 0, 1):
            if (back, beside) != (7, -1):
                near[back, beside] = table.shift(288 * back - beside)
    near = pandas.DataFrame(near)
    days = sum(near[back].notna().any(axis=1) for back in range(1, 8))
    expected = near.median(axis=1).where(days >= 2)
    return [expected[m // 5] for m in minutes]


def scores(minutes, values):
    """1 less the geometric mean of the p-values of each value."""
    expected = rhythm(minutes, values)
    first = minutes[0]
    short, long = means(values, 5), means(values, 20)
    far = means(values, 2000)
    steps = [x - short[i - 1] if i else 0.0 for i, x in enumerate(values)]
    distance = means([abs(x - m) for x, m in zip(values, far)], 2000)
    step = means([abs(s) for s in steps], 2000)
    known = [i for i, e in enumerate(expected) if e == e]
    rest = {i: values[i] - expected[i] for i in known}
    rest_short = dict(zip(known, means([rest[i] for i in known], 5)))
    rest_long = dict(zip(known, means([rest[i] for i in known], 20)))
    states, jumps, rests, rest_steps = Novelty(), Novelty(), Novelty(), Rank(32768)
    before = None
    for i, x in enumerate(values):
        views = [(states.push(x, long[i]), 1), (jumps.push(steps[i], x), 1)]
        if i in rest:
            views.append((rests.push(rest[i], rest_long[i]), 1))
            if rests.n > WARMUP:
                p = rest_steps.push(abs(rest[i] - rest_short[before]))
                if step[i] < 0.5 * distance[i]:
                    views.append((p, 3))
            before = i
        elif minutes[i] - first < 2 * 1440:
            views.append((1.0, 1))
        logs = sum(w * math.log(max(p, 1e-30)) for p, w in views)
        yield 1 - math.exp(logs / sum(w for _, w in views))


def alarms(minutes, pvalues, per_week, cluster, least_u=-0.3, most_u=0.4, step=0.05):
    """The positions of alarms by p-values."""
    silence = lambda values, rate: min(64, max(1, values / (8 * rate)))
    reference, interval, weeks, n = max(12, per_week), 0.0, 0.0, 0
    full = store = 4 * max(1, per_week / 7)
    episodes, u, asked, counted, least = 0, 0.0, 0.0, 0.0, 0.0
    anomalous, alarm_level, below, far = 0, 0.0, 0, False
    last_episode = last_alarm = -math.inf
    for i, p in enumerate(pvalues):
        if i:
            n += 1
            elapsed = minutes[i] - minutes[i - 1]
            interval = interval or elapsed
            elapsed = min(elapsed, 10 * interval)
            interval += (elapsed - interval) / min(n, 200)
            weeks += elapsed / 10080
            store = min(full, store + 5 * per_week * elapsed / 10080)
        if i < WARMUP:
            continue
        values = 10080 / interval
        counted_below = min(reference * 5 / values, 0.3)
        if p > 0.3:
            continue
        due, asked = per_week * weeks - asked, per_week * weeks
        u = min(most_u, max(least_u, u + step * due))
        watched = max(weeks - episodes * silence(values, reference) / values, weeks / 4)
        share = max((episodes + 8) / (reference * watched + 8), 0.55)
        level = per_week * cluster * (values / 2016) ** 0.3 / values / share**0.75 * math.exp(u)
        level = min(level + 0.5 * anomalous / (weeks + 8) / values, 0.3)
        alarm = p <= level and store >= 1
        if i - last_alarm <= max(silence(values, per_week), min(10, values / (2 * per_week))):
            alarm = alarm and p * 10 < least
            if p < least:
                u += step * (counted - counted * p / least)
                counted, least = counted * p / least, p
            if p <= alarm_level:
                below += 1
                anomalous += 1 if far else below if p < alarm_level / 2 else 0
                far = far or p < alarm_level / 2
        if p <= counted_below and i - last_episode > silence(values, reference):
            episodes, last_episode = episodes + 1, i
        if alarm:
            last_alarm, store = i, store - 1
            counted, least = 2.4 * p / level, p
            alarm_level, below, far = level, 1, p < level / 2
            anomalous += far
            u = max(least_u, u - step * counted)
            yield i


def write(name, data):
    HERE.with_name(name).write_text(json.dumps(data, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    values = list(course(12000))
    minutes = [5 * i for i in range(len(values))]
    found = list(scores(minutes, values))
    high = [i for i, s in enumerate(found) if s >= 0.95]
    raised = list(alarms(minutes, [1 - x for x in found], 3, 15))
    write("anomaly.json", {"position": high, "score": [repr(found[i]) for i in high], "alarms": raised})

    random = numpy.random.default_rng(5)
    minutes = numpy.cumsum(random.choice([1, 2, 30], 4000, p=[0.6, 0.35, 0.05])).tolist()
    values = [math.sin(m / 1440 * 2 * math.pi) + random.normal() / 5 for m in minutes]
    text = [repr(float(e)) for e in rhythm(minutes, values)]
    write("rhythm.json", {"minute": minutes, "value": [repr(float(v)) for v in values], "expected": text})

    minutes = [2 * i for i in range(9000)]
    noise = numpy.convolve(random.normal(size=9003), [0.5] * 4, "valid")
    values = [float(p) for p in 2 * stats.norm.sf(abs(noise))]
    write("budget.json", {
        "score": [repr(1 - p) for p in values],
        "alarms": {k: list(alarms(minutes, [1 - (1 - p) for p in values], k, 5)) for k in (1, 7, 50)},
    })

    draws = {
        "normal": abs(random.normal(size=1500)),
        "heavy": random.pareto(1, 1500),
        "bounded": random.uniform(size=1500) ** 0.2,
        "far": 100 + random.uniform(size=1500),
        "few": random.integers(0, 6, 1500).astype(float),
    }
    ranked = {}
    for name, values in draws.items():
        # The share of the values before that are at least as large.
        above = [100 - stats.percentileofscore(values[:i], x, "strict") if i else 0 for i, x in enumerate(values)]
        pvalue = [(1 + i * a / 100) / (1 + i) for i, a in enumerate(above)]
        ranked[name] = {"value": [repr(float(v)) for v in values], "pvalue": [repr(float(p)) for p in pvalue]}
    write("tail_rank.json", ranked)
