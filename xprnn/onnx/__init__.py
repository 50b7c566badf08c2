"""Models to and from ONNX files, for onnxruntime and other programs that run them.

`export` writes a model, `load` reads one that any program wrote, and `run` computes a
single node RNN, LSTM or GRU. All need the extra ``onnx``.
"""

from xprnn.onnx.export import export, to_proto
from xprnn.onnx.load import load
from xprnn.onnx.nodes import run

__all__ = ["export", "load", "run", "to_proto"]
