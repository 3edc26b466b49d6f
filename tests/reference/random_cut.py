"""Makes random_cut.json, which the unit tests of src/stats/distance/random_cut compare with.

Trees of the package rrcf 0.4.4 (Bartos, Mullapudi & Troutman 2019): trees with the collusive displacement of
each leaf, after half of the points have gone; and, for every fifth point of a stream with a window of 64, the mean of
its displacement in 400 trees drawn for the window, with the standard error of that mean. The trees are drawn
anew: rrcf 0.4.4 can put a point that it inserts on the wrong side of a cut. Seeds are fixed.
"""

import json
import pathlib

import numpy
import rrcf

WINDOW, TREES = 64, 400


def preorder(node):
    if isinstance(node, rrcf.Leaf):
        return [[node]]
    return [[int(node.q), repr(float(node.p))], *preorder(node.l), *preorder(node.r)]


def tree(seed, rows):
    """The tree of all rows after the older half has been forgotten."""
    tree = rrcf.RCTree(rows, random_state=seed)
    half = len(rows) // 2
    for i in range(half):
        tree.forget_point(i)
    rows = rows[half:]
    first = {}
    for i in range(len(rows)):
        first.setdefault(id(tree.leaves[half + i]), i)
    parts = [part if len(part) == 2 else [first[id(part[0])]] for part in preorder(tree.root)]
    codisp = [repr(float(tree.codisp(half + i))) for i in range(len(rows))]
    return {"values": [repr(float(x)) for x in rows.ravel()], "parts": parts, "codisp": codisp}


def stream(rows):
    places, mean, error = [], [], []
    for i in range(WINDOW, len(rows), 5):
        window = rows[i + 1 - WINDOW : i + 1]
        scores = [rrcf.RCTree(window, random_state=seed).codisp(WINDOW - 1) for seed in range(TREES)]
        places.append(i)
        mean.append(repr(float(numpy.mean(scores))))
        error.append(repr(float(numpy.std(scores, ddof=1) / TREES**0.5)))
    return {"values": [repr(float(x)) for x in rows.ravel()], "place": places, "mean": mean, "error": error}


if __name__ == "__main__":
    random = numpy.random.default_rng(3)
    smooth = random.normal(size=(80, 3)) * [1, 3, 0.2]
    whole = random.integers(0, 4, (80, 3)).astype(float)
    rows = random.normal(size=(300, 3))
    rows[:, 1] += rows[:, 0]
    rows[::37, 2] += 6
    data = {"trees": [tree(1, smooth), tree(2, smooth), tree(3, whole)], "stream": stream(rows)}
    target = pathlib.Path(__file__).with_name("random_cut.json")
    target.write_text(json.dumps(data, separators=(",", ":")) + "\n")
