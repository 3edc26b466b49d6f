"""Makes anomaly.json, which the unit tests of src/stats/anomaly compare with.

A second, direct writing of the anomaly score in plain Python (no packages): the whole history in lists,
no rings. It is the prototype with which the score's constants were chosen. `python anomaly.py` writes
the positions and values of all scores from 0.9 up on a made series.
"""

import json
import math
import pathlib
import struct

SPAN, LANDMARKS, LEARN, HISTORY, WARMUP, HOLD = 20, 1024, 0.1, 8192, 50, 100


def course(n):
    state = 1
    for i in range(n):
        state = (state * 6364136223846793005 + 1442695040888963407) % 2**64
        noise = (state >> 40) / 2**24
        daily = abs(i % 288 - 144) / 4
        spike = 60 if i % 1777 == 1500 else 0
        level = 25 if i >= 9000 else 0
        yield daily + 8 * noise + spike + level


def five_digits(x):
    """x cut to 5 binary digits after the first, all but equal values to the same."""
    bits = struct.unpack("<Q", struct.pack("<d", x * (1 + 2**-20)))[0]
    return struct.unpack("<d", struct.pack("<Q", bits >> 47 << 47))[0]


def scores(values):
    landmarks, novelties, raised, mean, unit = [], [], [], 0.0, None
    for i, x in enumerate(values):
        weight = max(1 / (i + 1), 1 / SPAN)
        mean = x if i == 0 else mean + (weight * x - weight * mean)
        near = min(landmarks, key=lambda l: max(abs(x - l[0]), abs(mean - l[1])), default=None)
        novelty = max(abs(x - near[0]), abs(mean - near[1])) if near else math.inf
        p = 1.0
        if i >= WARMUP:
            unit = unit or novelty
            multiple = novelty / unit if unit else novelty
            recent, cut = novelties[-HISTORY:], five_digits(multiple)
            above = sum(n >= cut for n in recent)
            p = (1 + above) / (1 + len(recent))
            record = max(recent, default=0)
            if above == 0 and 0 < record < multiple:
                p *= (record / multiple) ** 2
            novelties.append(cut)
        if near:
            near[2] = i
        if novelty > 0 and (len(landmarks) < LANDMARKS or p <= LEARN):
            if len(landmarks) == LANDMARKS:
                landmarks.remove(min(landmarks, key=lambda l: l[2]))
            landmarks.append([x, mean, i])
        raised = [(j, s) for j, s in raised if i - j <= HOLD]
        score = 1 - p
        if score > max((s for _, s in raised), default=0):
            raised.append((i, score))
            yield i, score


found = [(i, s) for i, s in scores(course(12000)) if s >= 0.9]
data = {"position": [i for i, _ in found], "score": [repr(s) for _, s in found]}
target = pathlib.Path(__file__).with_name("anomaly.json")
target.write_text(json.dumps(data, separators=(",", ":")) + "\n")
