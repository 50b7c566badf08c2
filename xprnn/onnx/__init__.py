"""Models to and from ONNX files, for onnxruntime and other programs that run them.

`export` writes a model, `xprnn.from_onnx` reads one that any program wrote, and `run`
computes a single node RNN, LSTM or GRU. All need the extra ``onnx``.
"""

from xprnn.onnx.operators import run
from xprnn.onnx.write.export import export, to_proto

__all__ = ["export", "run", "to_proto"]
