"""The library onnx, imported when it is needed."""

from typing import Any

from xprnn.errors import MissingExtraError

__all__ = ["OPSET", "library"]

OPSET = 17
"""Of the files written."""


def library() -> Any:
    """Return the module onnx with its helpers."""
    try:
        import onnx
        import onnx.checker
        import onnx.helper
        import onnx.numpy_helper
    except ImportError as error:
        raise MissingExtraError("ONNX files need onnx: pip install 'xprnn[onnx]'") from error
    return onnx
