"""Trains the pump's classifier and its reconstruction model, and writes the examples' data.

    pip install scikit-learn==1.9.1 skl2onnx==1.20.0 onnx
    python examples/pump/train.py

writes scripts/models/pump.onnx, scripts/models/pump_pca.onnx, examples/pump/labels.csv, and the
data of the examples of scripts/model.rhai and scripts/autoencoder.rhai. Everything is seeded.
"""

import json
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from skl2onnx import to_onnx
from sklearn.decomposition import PCA
from sklearn.ensemble import RandomForestClassifier
from sklearn.preprocessing import StandardScaler

ROOT = Path(__file__).resolve().parents[2]
NAMES = ["pressure", "flow", "temperature", "vibration", "current"]


def pump(rng, count, wear):
    """Rows of a pump: load drives everything; wear lowers flow and raises vibration and heat."""
    load = rng.uniform(0.3, 1.0, count)
    noise = rng.normal(size=(count, 5))
    return np.c_[
        2.0 + 3.0 * load - 0.4 * wear + 0.05 * noise[:, 0],
        40.0 + 60.0 * load - 15.0 * wear + 1.0 * noise[:, 1],
        45.0 + 20.0 * load + 12.0 * wear + 0.8 * noise[:, 2],
        0.4 + 0.6 * load + 2.0 * wear + 0.05 * noise[:, 3],
        4.0 + 6.0 * load + 1.5 * wear + 0.1 * noise[:, 4],
    ].astype(np.float32)


def with_names(model):
    """Writes the names of the columns into the model: scripts then need no list of features."""
    helper.set_model_props(model, {"features": json.dumps(NAMES)})
    return model.SerializeToString()


def classifier(rng):
    wear = rng.choice([0.0, 0.5, 1.0], 900) + rng.uniform(0.0, 0.2, 900)
    state = np.where(wear < 0.4, "normal", np.where(wear < 0.9, "wear", "fault"))
    forest = RandomForestClassifier(12, max_depth=5, random_state=1, n_jobs=1)
    forest.fit(pump(rng, 900, wear), state)
    model = to_onnx(forest, pump(rng, 1, 0.0), options={"zipmap": False}, target_opset=17)
    (ROOT / "scripts/models/pump.onnx").write_bytes(with_names(model))


def reconstruction(rng):
    """Scaled to two components and back: the error of a row is what they cannot express."""
    rows = pump(rng, 900, 0.0)
    scaler = StandardScaler().fit(rows)
    parts = PCA(2, random_state=1).fit(scaler.transform(rows)).components_
    constants = {
        "mean": scaler.mean_, "scale": scaler.scale_, "down": parts.T, "up": parts,
    }
    nodes = [
        helper.make_node("Sub", ["x", "mean"], ["centred"]),
        helper.make_node("Div", ["centred", "scale"], ["scaled"]),
        helper.make_node("MatMul", ["scaled", "down"], ["code"]),
        helper.make_node("MatMul", ["code", "up"], ["back"]),
        helper.make_node("Sub", ["scaled", "back"], ["rest"]),
        helper.make_node("ReduceSumSquare", ["rest"], ["error"], axes=[1], keepdims=0),
    ]
    floats = {k: numpy_helper.from_array(v.astype(np.float32), k) for k, v in constants.items()}
    graph = helper.make_graph(
        nodes,
        "pump_pca",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [None, 5])],
        [helper.make_tensor_value_info("error", TensorProto.FLOAT, [None])],
        list(floats.values()),
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    (ROOT / "scripts/models/pump_pca.onnx").write_bytes(with_names(model))


def day(rng):
    """300 minutes: the pump begins to wear in minute 180 and breaks in minute 240."""
    minute = np.arange(300)
    wear = np.clip((minute - 180) / 60.0, 0.0, 1.0)
    lines = ["time," + ",".join(NAMES)]
    for at, row in zip(minute, pump(rng, 300, wear)):
        time = f"2026-01-05 {at // 60:02d}:{at % 60:02d}:00"
        lines.append(time + "," + ",".join(f"{value:.3f}" for value in row))
    text = "\n".join(lines) + "\n"
    for name in ["model", "autoencoder"]:
        (ROOT / f"scripts/examples/{name}/input.csv").write_text(text)
    labels = "start,end\n2026-01-05T03:30:00Z,2026-01-05T05:00:00Z\n"
    (ROOT / "examples/pump/labels.csv").write_text(labels)


rng = np.random.default_rng(7)
classifier(rng)
reconstruction(rng)
day(rng)
