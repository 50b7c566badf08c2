"""Models to and from ONNX files, for onnxruntime and other programs that run them.

`export` writes a model, `xprnn.from_onnx` reads one from a file of any program, and `run`
computes one RNN, LSTM or GRU node. All need the extra ``onnx``.
"""

from xprnn.onnx.operators import run
from xprnn.onnx.write.export import export, to_proto

__all__ = ["export", "run", "to_proto"]
