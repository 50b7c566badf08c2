"""Import the onnx library on first use; helpers for its nodes."""

from typing import Any

from xprnn.errors import MissingExtraError, ModelFileError

OPSET = 17
"""The version of ONNX's operator set in the files that xprnn writes."""


def import_onnx() -> Any:
    """Import onnx with its helpers, and return the module."""
    try:
        import onnx
        import onnx.checker
        import onnx.helper
        import onnx.numpy_helper
    except ImportError as error:
        raise MissingExtraError("ONNX files need onnx: pip install onnx") from error
    return onnx


def get_attributes(node: Any) -> dict[str, Any]:
    """Return the attributes of a node by name."""
    value = import_onnx().helper.get_attribute_value
    return {a.name: value(a) for a in node.attribute}


def make_error(node: Any, reason: str) -> ModelFileError:
    """Return the error for a node that xprnn can't read."""
    name = node.name or next(filter(None, node.output), "")
    return ModelFileError(f"node {name!r} ({node.op_type}): {reason}")
