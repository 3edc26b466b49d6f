"""Trains models of the sizes that issue 14 speaks of, and measures onnxruntime on them.

    python benches/peer/models.py FOLDER
    RHAI_UDF_BENCH_MODELS=FOLDER cargo bench --bench models

The first command prints microseconds a row, alone and in a batch of 300, with one thread; the second
does the same for the evaluator. scikit-learn, skl2onnx and onnxruntime are needed.
"""
import os
import statistics
import sys
import time

import numpy as np
import onnxruntime
from skl2onnx import to_onnx
from sklearn.ensemble import GradientBoostingRegressor, RandomForestClassifier, RandomForestRegressor
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

folder = sys.argv[1]
os.makedirs(folder, exist_ok=True)
random = np.random.default_rng(1)
X = (random.normal(size=(6000, 5)) * 20 + 60).astype(np.float32)
y = np.sin(X[:, 0] / 9) + X[:, 1] * X[:, 2] / 4000 + random.normal(size=6000)
two = (y > 0.8).astype(int)
models = {
    "forest_100_8": RandomForestRegressor(100, max_depth=8, random_state=0).fit(X, y),
    "forest_100_8_two_classes": RandomForestClassifier(100, max_depth=8, random_state=0).fit(X, two),
    "boosted_100_3": GradientBoostingRegressor(n_estimators=100, max_depth=3, random_state=0).fit(X, y),
    "linear": LinearRegression().fit(X, y),
    "scaled_linear": make_pipeline(StandardScaler(), LinearRegression()).fit(X, y),
    "logistic": LogisticRegression(max_iter=1000).fit(X, two),
}


def microseconds(session, rows, count):
    """The median of seven measurements, for one row."""
    times = []
    for _ in range(7):
        start = time.perf_counter()
        for at in range(count):
            session.run(None, {"X": rows[at % len(rows)]})
        times.append((time.perf_counter() - start) / count / len(rows[0]) * 1e6)
    return statistics.median(times)


for name, model in models.items():
    options = {id(model): {"zipmap": False}} if hasattr(model, "classes_") else None
    bytes_ = to_onnx(model, X[:1], options=options).SerializeToString()
    with open(os.path.join(folder, f"{name}.onnx"), "wb") as file:
        file.write(bytes_)
    one = onnxruntime.SessionOptions()
    one.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(bytes_, one, providers=["CPUExecutionProvider"])
    alone = microseconds(session, [X[at : at + 1] for at in range(300)], 1500)
    batch = microseconds(session, [X[:300]], 100)
    print(f"{name:26} alone {alone:7.2f}  batch {batch:7.3f}")
