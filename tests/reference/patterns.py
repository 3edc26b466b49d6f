"""Makes level_change.json, discord.json and subspace.json, which the unit tests of src/stats compare with.

The first two are written out in plain Python and NumPy from the papers, without any recursion; the third is
made with scikit-learn's PCA. Needs numpy and scikit-learn; seeds are fixed.
"""

import json
import math
import pathlib

import numpy
from sklearn.decomposition import PCA

HERE = pathlib.Path(__file__)


def write(name, **data):
    text = {k: [repr(float(x)) for x in v] for k, v in data.items()}
    HERE.with_name(name).write_text(json.dumps(text, separators=(",", ":")) + "\n")


def level_change(values, warmup=10):
    """Scores and sizes: the recent values against a baseline that is learned value by value."""
    recent, count, mean, deviation = [], 0, 0.0, 0.0
    for x in values:
        grows = len(recent) < 64 and len(recent) <= count
        recent.append(x)
        if not grows:
            old = recent.pop(0)
            count = min(count + 1, 500)
            if count == 1:
                mean = old
            else:
                reach = 3 * 1.2533 * deviation if count > 10 and deviation > 0 else math.inf
                step = max(-reach, min(reach, old - mean))
                mean += step / count
                deviation += (abs(step) - deviation) / (count - 1)
        if count < warmup or len(recent) < 5:
            yield math.nan, math.nan
            continue
        z = [max(-3, min(3, (r - mean) / (1.2533 * deviation))) for r in recent]
        tests = [(sum(z[-m:]) ** 2 / (m * (1 + m / count)), m) for m in range(5, len(z) + 1)]
        best, m = max(tests, key=lambda test: test[0])
        yield math.sqrt(best), sum(r - mean for r in recent[-m:]) / m


def discord(values, m, memory, floor):
    """All distances of the newest run to those before; the buffer holds up to twice the memory."""
    held = []
    for x in values:
        if len(held) >= 2 * memory:
            held = held[memory:]
        held.append(x)
        if len(held) < 4 * m:
            yield math.nan
            continue
        v = numpy.array(held)
        first = max(0, len(v) - memory - m)
        runs = numpy.lib.stride_tricks.sliding_window_view(v, m)
        far = runs[first::m]
        least = floor**2 * (far.mean(axis=1).var() + far.var(axis=1).mean())
        normal = lambda r: (r - r.mean(axis=-1, keepdims=True)) / numpy.sqrt(r.var(axis=-1, keepdims=True) + least)
        past = normal(runs[first : len(runs) - m])
        yield numpy.sqrt(((past - normal(runs[-1])) ** 2).mean(axis=1)).min()


def subspace(rows, learn, keep, level):
    train, calibration = rows[: learn * 2 // 3], rows[learn * 2 // 3 : learn]
    mean, deviation = train.mean(axis=0), train.std(axis=0)
    full = PCA().fit((train - mean) / deviation)
    kept = int(numpy.searchsorted(numpy.cumsum(full.explained_variance_ratio_), keep) + 1)
    n = len(train)
    values = full.explained_variance_[:kept] * (n - 1) / n

    def judge(rows):
        scores = full.transform((rows - mean) / deviation)
        return (scores[:, :kept] ** 2 / values).sum(axis=1), (scores[:, kept:] ** 2).sum(axis=1)

    limits = [numpy.quantile(part, level) for part in judge(calibration)]
    return [part / limit for part, limit in zip(judge(rows[learn:]), limits)]


if __name__ == "__main__":
    random = numpy.random.default_rng(7)
    values = random.normal(size=700) + numpy.where(numpy.arange(700) >= 350, 1.5, 0)
    values[200] = 50
    scores, sizes = zip(*level_change(values.tolist()))
    write("level_change.json", value=values, score=scores, size=sizes)

    values = numpy.sin(numpy.arange(400) / 3) + random.normal(size=400) / 4
    write("discord.json", value=values, **{str(f): list(discord(values.tolist(), 8, 64, f)) for f in (0, 0.1)})

    loadings = random.normal(size=(3, 5))
    rows = random.normal(size=(500, 3)) @ loadings + random.normal(size=(500, 5)) / 3 + [1, 20, -5, 0, 3]
    rows[450:, 2] += 4
    t2, q = subspace(rows, 300, 0.8, 0.99)
    write("subspace.json", values=rows.ravel(), t2=t2, q=q)
