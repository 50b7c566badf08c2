"""Write models to ONNX files, for onnxruntime and other programs, and read them.

`export` writes a model, `xprnn.from_onnx` reads one from any program's file, and `run` computes a
single RNN, LSTM or GRU node. All need the extra ``onnx``.
"""

from xprnn.onnx.operators import run
from xprnn.onnx.write.export import export, to_proto

__all__ = ["export", "run", "to_proto"]
