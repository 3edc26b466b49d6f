"""Networks of PyTorch 2.15, by both of its exporters, and quantized by onnxruntime 1.31.1.

`outputs` are onnxruntime's; for quantized models without its graph optimizer, which computes in
integers and moves results by some steps of their scale. Run: python networks.py
"""
import logging
import os
import tempfile

import numpy as np
import torch
from onnx import TensorProto as T
from onnx import helper, numpy_helper
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_dynamic, quantize_static
from torch import nn

from common import onnx_model

logging.disable(logging.CRITICAL)
torch.manual_seed(0)
torch.set_num_threads(1)
work = tempfile.mkdtemp()
x = torch.randn(4, 8, 3)


def export(module, x, new=False):
    module.eval()
    path = os.path.join(work, "model.onnx")
    if new:
        shapes = ({0: torch.export.Dim.DYNAMIC},)
        torch.onnx.export(module, (x,), dynamo=True, dynamic_shapes=shapes, input_names=["x"], verbose=False).save(
            path, external_data=False)
    else:
        torch.onnx.export(module, (x,), path, dynamo=False, opset_version=17, input_names=["x"],
                          dynamic_axes={"x": {0: "n"}})
    return path


def put(name, module, x=x, new=False):
    with open(export(module, x, new), "rb") as file:
        onnx_model("networks", name, file.read(), {"x": x.numpy()})


class Autoencoder(nn.Module):
    def __init__(self, cell, **more):
        super().__init__()
        self.encode = cell(3, 4, batch_first=True, **more)
        self.decode = cell(8 if more.get("bidirectional") else 4, 4, batch_first=True)
        self.out = nn.Linear(4, 3)

    def forward(self, x):
        h = self.encode(x)[0][:, -1:].expand(-1, x.shape[1], -1)
        y = self.out(self.decode(h)[0])
        return y, ((x - y) ** 2).mean((1, 2))


class Recurrent(nn.Module):
    def __init__(self, cell, batch_first, **more):
        super().__init__()
        self.cell = cell(3, 4, batch_first=batch_first, **more)

    def forward(self, x):
        y, h = self.cell(x)
        return (y, *h) if isinstance(h, tuple) else (y, h)


class Convolutions(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv1d(3, 6, 3, padding=1), nn.BatchNorm1d(6), nn.ReLU(), nn.MaxPool1d(2),
            nn.Conv1d(6, 4, 3, stride=2, dilation=2, padding=2, groups=2), nn.LeakyReLU(), nn.AdaptiveAvgPool1d(1),
            nn.Flatten(), nn.Linear(4, 3), nn.Softmax(-1))

    def forward(self, x):
        return self.layers(x.transpose(1, 2))


class Transposed(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv1d(3, 4, 3, stride=2, padding=1), nn.GELU(), nn.Conv1d(4, 2, 3, stride=2, padding=1), nn.SiLU(),
            nn.ConvTranspose1d(2, 4, 3, stride=2, padding=1, output_padding=1), nn.ELU(),
            nn.ConvTranspose1d(4, 3, 4, stride=2, padding=1))

    def forward(self, x):
        return self.layers(x.transpose(1, 2))


class Resized(nn.Module):
    def __init__(self, mode, corners):
        super().__init__()
        self.mode, self.corners = mode, corners

    def forward(self, x):
        return nn.functional.interpolate(x[:, None], size=(7, 9), mode=self.mode, align_corners=self.corners)


class Transformer(nn.Module):
    def __init__(self):
        super().__init__()
        self.into = nn.Linear(3, 8)
        self.place = nn.Parameter(torch.randn(8, 8) * 0.1)
        self.layers = nn.TransformerEncoder(nn.TransformerEncoderLayer(8, 2, 16, batch_first=True), 2)
        self.out = nn.Linear(8, 2)

    def forward(self, x):
        return self.out(self.layers(self.into(x) + self.place).mean(1))


class Sums(nn.Module):
    def __init__(self):
        super().__init__()
        self.w = nn.Parameter(torch.randn(2, 3, 4))

    def forward(self, x):
        return torch.einsum("btf,hfd->bhtd", x, self.w), torch.einsum("btf,bsf->bts", x, x), torch.einsum("btf->bf", x)


class Arithmetic(nn.Module):
    def forward(self, x):
        values, places = torch.topk(x, 2, dim=-1)
        return (torch.cumsum(x, 1), values, places, torch.where(x > 0, x, -x).clamp(0.1, 1.5), x.argsort(-1),
                torch.round(x * 3), torch.fmod(x, 0.7), torch.logsumexp(x, 1), torch.roll(x, 2, 1), x.std(1),
                nn.functional.pad(x, (1, 1), mode="reflect"), torch.gather(x, 1, (x > 0).long()))


for cell in (nn.LSTM, nn.GRU, nn.RNN):
    name = cell.__name__.lower()
    put(f"autoencoder_{name}", Autoencoder(cell))
    for batch_first in (True, False):
        for both in (True, False):
            put(f"{name}_{'batch' if batch_first else 'time'}_{'both' if both else 'one'}",
                Recurrent(cell, batch_first, bidirectional=both))
put("autoencoder_two_layers", Autoencoder(nn.LSTM, num_layers=2, bidirectional=True))
put("rnn_relu", Recurrent(nn.RNN, True, nonlinearity="relu"))
put("convolutions", Convolutions())
put("transposed", Transposed())
for mode, corners in (("nearest", None), ("bilinear", True), ("bilinear", False)):
    put(f"resized_{mode}{'_corners' if corners else ''}", Resized(mode, corners))
put("transformer", Transformer())
put("einsum", Sums())
put("arithmetic", Arithmetic())
for name, module in (("lstm", Autoencoder(nn.LSTM)), ("convolutions", Convolutions()), ("transformer", Transformer())):
    put(f"new_{name}", module, new=True)


class Reader(CalibrationDataReader):
    def __init__(self, x):
        self.rows = iter([{"x": x[at : at + 1]} for at in range(len(x))])

    def get_next(self):
        return next(self.rows, None)


dense = nn.Sequential(nn.Linear(3, 16), nn.ReLU(), nn.Linear(16, 8), nn.Sigmoid(), nn.Linear(8, 2))
flat = torch.randn(20, 3)
quantized = os.path.join(work, "quantized.onnx")
for name, module, rows in (("dense", dense, flat), ("convolutions", Convolutions(), torch.randn(20, 8, 3))):
    path = export(module, rows)
    for kind in (QuantType.QUInt8, QuantType.QInt8, QuantType.QInt16):
        for symmetric in (False, True):
            quantize_static(path, quantized, Reader(rows.numpy()), quant_format=QuantFormat.QDQ, activation_type=kind,
                            weight_type=QuantType.QInt8, per_channel=symmetric,
                            extra_options={"ActivationSymmetric": symmetric})
            with open(quantized, "rb") as file:
                onnx_model("networks", f"qdq_{name}_{kind}_{'symmetric' if symmetric else 'shifted'}".lower(),
                           file.read(), {"x": rows.numpy()[:5]}, optimize=False)
    for kind in (QuantType.QUInt8, QuantType.QInt8):
        quantize_dynamic(path, quantized, weight_type=kind)
        with open(quantized, "rb") as file:
            onnx_model("networks", f"dynamic_{name}_{kind}".lower(), file.read(), {"x": rows.numpy()[:5]})


def by_hand(name, operator, x, tail, outputs=T.UINT8):
    """One operator whose first input is computed by QuantizeLinear."""
    node = helper.make_node(operator, [key for key, _ in tail], ["y"])
    values = [numpy_helper.from_array(value, key) for key, value in tail if value is not None]
    values += [numpy_helper.from_array(np.float32(0.02), "xs"), numpy_helper.from_array(np.uint8(120), "xz")]
    first = helper.make_node("QuantizeLinear", ["x", "xs", "xz"], ["xq"])
    graph = helper.make_graph([first, node], "g", [helper.make_tensor_value_info("x", T.FLOAT, list(x.shape))],
                              [helper.make_tensor_value_info("y", outputs, None)], values)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx_model("networks", name, model.SerializeToString(), {"x": x})


numbers = np.random.default_rng(1)
whole = lambda *shape: numbers.integers(-100, 100, size=shape).astype(np.int8)
scale = lambda *values: np.array(values, np.float32) if len(values) > 1 else np.float32(values[0])
result = [("ys", scale(0.05)), ("yz", np.uint8(100))]
scales = scale(0.01, 0.02, 0.015)
none = np.zeros(3, np.int8)
by_hand("q_linear_matmul", "QLinearMatMul", numbers.normal(size=(5, 4)).astype(np.float32),
        [("xq", None), ("xs", None), ("xz", None), ("b", whole(4, 3)), ("bs", scales), ("bz", none), *result])
image = numbers.normal(size=(2, 2, 9)).astype(np.float32)
by_hand("q_linear_conv", "QLinearConv", image,
        [("xq", None), ("xs", None), ("xz", None), ("w", whole(3, 2, 3)), ("ws", scales), ("wz", none), *result,
         ("bias", np.array([100, -200, 50], np.int32))])
by_hand("conv_integer", "ConvInteger", image, [("xq", None), ("w", whole(3, 2, 3)), ("xz", None)], T.INT32)
