"""The model that `fit` returns: a network with its parameters, ready to be applied."""

from xprnn._model.files import from_onnx, load, load_snapshot
from xprnn._model.model import Model

__all__ = ["Model", "from_onnx", "load", "load_snapshot"]
