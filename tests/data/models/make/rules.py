"""Nodes of ai.onnx.ml put together by hand: rules that the specification leaves to onnxruntime.

Transforms, base values, two classes, missing values, minima and maxima. `outputs` are those of
onnxruntime 1.31.1. Run: python rules.py
"""
import numpy as np
from onnx import TensorProto as T
from onnx import helper, numpy_helper

from common import onnx_model

random = np.random.default_rng(3)
X = random.normal(size=(8, 4)).astype(np.float32)
X[2] = 0
GAPS = X.copy()
GAPS[5, 1] = np.nan
LABEL = [("label", T.INT64), ("scores", T.FLOAT)]
VALUE = [("Y", T.FLOAT)]


def node(name, operator, outputs, x=X, version=3, **attributes):
    attributes = {key: value for key, value in attributes.items() if value is not None}
    one = helper.make_node(operator, ["X"], [n for n, _ in outputs], domain="ai.onnx.ml", **attributes)
    kind = T.DOUBLE if x.dtype == np.float64 else T.FLOAT
    graph = helper.make_graph([one], "g", [helper.make_tensor_value_info("X", kind, [None, 4])],
                              [helper.make_tensor_value_info(n, t, None) for n, t in outputs])
    opsets = [helper.make_opsetid("", 21), helper.make_opsetid("ai.onnx.ml", version)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=10)
    onnx_model("rules", name, model.SerializeToString(), {"X": x})


def numbers(count, positive=False):
    values = random.normal(size=count).astype(np.float32)
    return (np.abs(values) if positive else values).tolist()


def trees(prefix, targets, positive=False, mode="BRANCH_LEQ", missing=None):
    """Three trees of depth 2; `targets` gives the classes of a leaf by tree and node."""
    nodes = {key: [] for key in ("treeids", "nodeids", "featureids", "values", "modes", "truenodeids",
                                 "falsenodeids", "missing_value_tracks_true")}
    weights = {key: [] for key in ("treeids", "nodeids", "ids", "weights")}
    for tree in range(3):
        for at in range(7):
            leaf = at > 2
            row = [tree, at, 0 if leaf else int(random.integers(4)), 0.0 if leaf else round(random.normal() * 2) / 2,
                   "LEAF" if leaf else mode, 0 if leaf else 2 * at + 1, 0 if leaf else 2 * at + 2,
                   int(random.integers(2)) if missing is None else missing]
            for list_, value in zip(nodes.values(), row):
                list_.append(value)
            for target in targets(tree, at) if leaf else []:
                weight = float(random.random() * 0.33 if positive else random.normal())
                for list_, value in zip(weights.values(), [tree, at, target, weight]):
                    list_.append(value)
    return {**{f"nodes_{key}": value for key, value in nodes.items()},
            **{f"{prefix}_{key}": value for key, value in weights.items()}}


classes = {"first": (2, lambda t, i: [0]), "second": (2, lambda t, i: [1]), "both": (2, lambda t, i: [0, 1]),
           "three": (3, lambda t, i: [t]), "sparse": (3, lambda t, i: [i % 3]), "only": (3, lambda t, i: [1])}
for transform in ("NONE", "LOGISTIC", "SOFTMAX", "SOFTMAX_ZERO", "PROBIT"):
    short = transform.lower()
    for which, (count, targets) in classes.items():
        for positive in (False, True):
            for base in (None, [0.2], [0.3, -0.1, 0.15][:count]):
                # onnxruntime leaves the second of two scores undefined.
                if transform == "PROBIT" or len(base or []) == 1 and which != "first":
                    continue
                sign = "positive" if positive else "signed"
                node(f"trees_{which}_{sign}_{short}_{len(base or [])}", "TreeEnsembleClassifier", LABEL, GAPS,
                     classlabels_int64s=[0, 1, 2][:count], post_transform=transform, base_values=base,
                     **trees("class", targets, positive))
    for count, targets in ((1, lambda t, i: [0]), (2, lambda t, i: [i % 2])):
        for aggregate in ("SUM", "AVERAGE", "MIN", "MAX") if transform == "NONE" else ("SUM",):
            node(f"trees_{count}_{aggregate.lower()}_{short}", "TreeEnsembleRegressor", VALUE, GAPS, n_targets=count,
                 post_transform=transform, aggregate_function=aggregate, base_values=[0.25, 0.5][:count],
                 **trees("target", targets, positive=transform == "PROBIT"))
        node(f"linear_{count}_{short}", "LinearRegressor", VALUE, targets=count, post_transform=transform,
             coefficients=numbers(4 * count), intercepts=[0.1, 0.2][:count])
    for count in (1, 2, 3):
        if (transform, count) != ("PROBIT", 1):
            node(f"linear_classes_{count}_{short}", "LinearClassifier", LABEL, post_transform=transform,
                 classlabels_ints=[7, 3, 5][:max(2, count)], coefficients=numbers(4 * count),
                 intercepts=[0.1, 0.2, -0.3][:count])
    for kernel in ("LINEAR", "POLY", "RBF", "SIGMOID") if transform == "NONE" else ("RBF",):
        same = dict(kernel_type=kernel, kernel_params=[0.3, 0.5, 3.0], post_transform=transform)
        for count, vectors in ((2, [3, 2]), (3, [2, 3, 2])):
            pairs = count * (count - 1) // 2
            for a, b in ((None, None), (numbers(pairs), numbers(pairs))):
                if (transform, count, a) == ("PROBIT", 2, None):
                    continue
                node(f"svm_{count}_{kernel.lower()}_{short}_{'votes' if a is None else 'probabilities'}",
                     "SVMClassifier", LABEL, classlabels_ints=[7, 3, 5][:count], vectors_per_class=vectors,
                     support_vectors=numbers(4 * sum(vectors)), coefficients=numbers(sum(vectors) * (count - 1)),
                     rho=numbers(pairs), prob_a=a and [-abs(x) for x in a], prob_b=b, **same)
        node(f"svm_value_{kernel.lower()}_{short}", "SVMRegressor", VALUE, n_supports=5,
             support_vectors=numbers(20), coefficients=numbers(5), rho=[0.3], **same)
        for count in (2, 3):
            for positive in (False, True):
                node(f"svm_without_vectors_{count}_{kernel.lower()}_{short}_{int(positive)}", "SVMClassifier", LABEL,
                     classlabels_ints=[7, 3, 5][:count], coefficients=numbers(4 * count, positive), rho=[0.3], **same)
for mode in ("LEQ", "LT", "GTE", "GT", "EQ", "NEQ"):
    for missing in (0, 1):
        node(f"mode_{mode.lower()}_{missing}", "TreeEnsembleRegressor", VALUE, np.round(GAPS * 2) / 2, n_targets=1,
             **trees("target", lambda t, i: [0], mode=f"BRANCH_{mode}", missing=missing))


def ensemble(name, modes, kind=np.float32, aggregate=1, transform=0, targets=1, missing=None, members=None):
    """Two trees of depth 2 in the form of ai.onnx.ml 5."""
    nodes = dict(nodes_truenodeids=[1, 0, 2, 4, 4, 6], nodes_trueleafs=[0, 1, 1, 0, 1, 1],
                 nodes_falsenodeids=[2, 1, 3, 5, 5, 7], nodes_falseleafs=[0, 1, 1, 0, 1, 1])
    splits = (np.round(random.normal(size=6) * 2) / 2).astype(kind)
    node(name, "TreeEnsemble", [("Y", T.DOUBLE if kind == np.float64 else T.FLOAT)],
         (np.round(GAPS * 2) / 2).astype(kind), version=5, tree_roots=[0, 3],
         nodes_featureids=random.integers(0, 4, size=6).tolist(), nodes_splits=numpy_helper.from_array(splits),
         nodes_modes=numpy_helper.from_array(np.array(modes, np.uint8)), leaf_targetids=[i % targets for i in range(8)],
         leaf_weights=numpy_helper.from_array(random.normal(size=8).astype(kind)), n_targets=targets,
         aggregate_function=aggregate, post_transform=transform, nodes_missing_value_tracks_true=missing,
         membership_values=None if members is None else numpy_helper.from_array(np.array(members, kind)), **nodes)


nan = np.nan
for kind in (np.float32, np.float64):
    for mode in range(6):
        ensemble(f"ensemble_{kind.__name__}_mode_{mode}", [mode] * 6, kind, missing=[1, 0, 1, 0, 1, 0])
    ensemble(f"ensemble_{kind.__name__}_mixed", [0, 1, 2, 3, 4, 5], kind)
    for aggregate in range(4):
        ensemble(f"ensemble_{kind.__name__}_aggregate_{aggregate}", [0] * 6, kind, aggregate, targets=2)
    for transform in range(4):
        ensemble(f"ensemble_{kind.__name__}_transform_{transform}", [0] * 6, kind, transform=transform, targets=2)
    ensemble(f"ensemble_{kind.__name__}_members", [6, 0, 6, 6, 1, 6], kind,
             members=[0, 1, nan, 2, 3, nan, 0, 2, nan, 1, nan])
