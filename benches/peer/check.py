"""Compares what two peers answered to the same stream: python check.py ONE OTHER

Both must have written the same points in the same order (time, group, and each field that both
kept, to TOLERANCE, relative above 1 and absolute below). Fields that only one kept are counted: the
official moving average drops all but its own.
"""

import math
import sys

from agent import header
from udf_pb2 import Response

TOLERANCE = 1e-9


def points(path):
    with open(path, "rb") as file:
        data = file.read()
    at = 0
    while at < len(data):
        start, size = header(data, at)
        if size is None or start + size > len(data):
            sys.exit(f"{path}: ends inside a frame")
        at = start + size
        response = Response.FromString(data[start:at])
        match response.WhichOneof("message"):
            case "point":
                yield response.point
            case "init" if not response.init.success:
                sys.exit(f"{path}: init was refused: {response.init.error}")
            case "error":
                sys.exit(f"{path}: {response.error.error}")


def fields(point):
    return {**point.fieldsString, **point.fieldsInt, **point.fieldsDouble, **point.fieldsBool}


def difference(a, b):
    if isinstance(a, float) and isinstance(b, float):
        if math.isnan(a) and math.isnan(b) or a == b:
            return 0.0
        gap = abs(a - b) / max(1.0, abs(a), abs(b))
        return gap if not math.isnan(gap) else math.inf
    return 0.0 if a == b and type(a) is type(b) else math.inf


def main(one, other):
    count = alone = shared = 0
    worst = 0.0
    ones, others = points(one), points(other)
    while True:
        a, b = next(ones, None), next(others, None)
        if a is None or b is None:
            break
        count += 1
        if (a.time, a.group) != (b.time, b.group):
            sys.exit(f"point {count}: {a.time} of '{a.group}' against {b.time} of '{b.group}'")
        mine, theirs = fields(a), fields(b)
        both = mine.keys() & theirs.keys()
        alone += len(mine.keys() ^ theirs.keys())
        shared += len(both)
        for name in both:
            gap = difference(mine[name], theirs[name])
            if gap > TOLERANCE:
                sys.exit(f"point {count}, field {name}: {mine[name]} against {theirs[name]}")
            worst = max(worst, gap)
    if a is not b:
        sys.exit(f"after {count} points one has no more")
    if count and not shared:
        sys.exit("the points have no field in common")
    print(f"{count} points, {shared} values agree to {worst:.1e}; {alone} in only one of the two")


if __name__ == "__main__":
    main(*sys.argv[1:])
