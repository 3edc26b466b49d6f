"""What the scripts of this folder share: the data, and how inputs and answers are written."""
import json
import math
import os
import warnings

import numpy as np

warnings.filterwarnings("ignore")
FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..")


def tensor(values):
    """A tensor as `rhai-udf model --run` reads and writes it; what is not finite is null."""
    values = np.asarray(values)
    kinds = {"f": "double" if values.dtype == np.float64 else "float", "i": "int", "u": "int", "b": "bool"}
    kind = kinds.get(values.dtype.kind, "string")
    data = values.ravel().tolist()
    if values.dtype.kind == "f":
        data = [None if not math.isfinite(x) else float(f"{x:.9g}") for x in data]
    return {"type": kind, "shape": list(values.shape), "data": data}


def write(folder, name, inputs, key, outputs):
    """Writes NAME.json: what goes in, and what must come out."""
    path = os.path.join(FOLDER, folder)
    os.makedirs(path, exist_ok=True)
    text = {
        "inputs": {name: tensor(values) for name, values in inputs.items()},
        key: {name: tensor(values) for name, values in outputs.items()},
    }
    with open(os.path.join(path, f"{name}.json"), "w") as file:
        json.dump(text, file, separators=(",", ":"))


def onnx_model(folder, name, model, inputs, optimize=True):
    """Writes an ONNX model, and what onnxruntime answers with one thread."""
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 4
    if not optimize:
        options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    answers = session.run(None, inputs)
    os.makedirs(os.path.join(FOLDER, folder), exist_ok=True)
    with open(os.path.join(FOLDER, folder, f"{name}.onnx"), "wb") as file:
        file.write(model)
    names = [output.name for output in session.get_outputs()]
    write(folder, name, inputs, "outputs", dict(zip(names, answers)))
