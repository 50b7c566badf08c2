"""The model that `fit` returns: a network with its parameters, ready to be applied."""

from xprnn.model.files import from_onnx, load, load_snapshot
from xprnn.model.model import Model

__all__ = ["Model", "from_onnx", "load", "load_snapshot"]
