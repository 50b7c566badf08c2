"""Read the tensors of a file as arrays, and check them against their shapes."""

from math import prod
from pathlib import Path
from typing import Any

from xprnn.errors import ModelFileError
from xprnn.onnx.library import import_onnx

_BYTES = {1: 4, 2: 1, 3: 1, 4: 2, 5: 2, 6: 4, 7: 8, 9: 1, 10: 2, 11: 8, 12: 4, 13: 8, 16: 2}
"""Bytes per number, by ONNX's type code: floats, integers, booleans."""


def read_tensor(tensor: Any, folder: Path | None) -> Any:
    """Return a tensor as an array.

    Parameters
    ----------
    tensor : onnx.TensorProto
    folder : path or None
        The folder of the file, in which other files may hold its tensors.

    Raises
    ------
    ModelFileError
        If its type is unknown, or the number of its values does not match its shape.
    """
    shape, kind = tuple(tensor.dims), tensor.data_type
    if kind not in _BYTES:
        raise _make_error(tensor, f"has the type {kind}, which is not read")
    if min(shape, default=0) < 0:
        raise _make_error(tensor, f"has the shape {shape}")
    if tensor.data_location == tensor.EXTERNAL:
        data = _read_external(tensor, folder, prod(shape) * _BYTES[kind])
        tensor = import_onnx().TensorProto(dims=shape, data_type=kind, raw_data=data)
    try:
        return import_onnx().numpy_helper.to_array(tensor)
    except ValueError as error:
        raise _make_error(tensor, f"does not fit its shape {shape}: {error}") from error


def count_external_bytes(tensors: Any, folder: Path | None) -> int:
    """Return the size in bytes of the other files that hold tensors."""
    external = [t for t in tensors if t.data_location == t.EXTERNAL]
    return sum(path.stat().st_size for path in {_find_external_file(t, folder) for t in external})


def _read_external(tensor: Any, folder: Path | None, length: int) -> bytes:
    """Return the bytes of a tensor from another file."""
    entries = {entry.key: entry.value for entry in tensor.external_data}
    start, place = int(entries.get("offset", 0)), _find_external_file(tensor, folder)
    claimed = int(entries.get("length", length))
    if claimed != length or start < 0:
        raise _make_error(
            tensor, f"is {claimed} bytes from {start} on, but its shape needs {length}"
        )
    if start + length > place.stat().st_size:
        raise _make_error(tensor, f"needs {length} bytes of {place}, which is cut short")
    with place.open("rb") as file:
        file.seek(start)
        return file.read(length)


def _find_external_file(tensor: Any, folder: Path | None) -> Path:
    """Return the file that holds the data of a tensor; it must be in the folder."""
    location = next((e.value for e in tensor.external_data if e.key == "location"), "")
    if folder is None:
        raise _make_error(tensor, f"is in the file {location!r}: pass the path of the model")
    place = (folder / location).resolve()
    if not (place.is_relative_to(folder.resolve()) and place.is_file()):
        raise _make_error(
            tensor, f"is in {location!r}, which is not a file in the folder of the model"
        )
    return place


def _make_error(tensor: Any, what: str) -> ModelFileError:
    return ModelFileError(f"the tensor {tensor.name!r} {what}")
