"""The format ``.safetensors``: a JSON text with all shapes, then the bytes of the arrays."""

from typing import Any, BinaryIO

from xprnn.errors import MissingExtraError, ModelFileError
from xprnn.serialization.json_text import parse_json

_LARGEST = 100_000_000
"""The most bytes that the JSON text may have, as the format defines."""


def import_library() -> Any:
    """Return the module safetensors.numpy.

    Raises
    ------
    MissingExtraError
        If it is not installed.
    """
    try:
        import safetensors.numpy
    except ImportError as error:
        raise MissingExtraError(
            ".safetensors files need safetensors: pip install safetensors"
        ) from error
    return safetensors.numpy


def write(file: BinaryIO, header: str, checksum: str, arrays: dict[str, Any]) -> None:
    """Write two texts and named arrays to an open file."""
    file.write(import_library().save(arrays, metadata={"xprnn": header, "sha256": checksum}))


def read(data: bytes) -> tuple[str | None, str | None, dict[str, Any]]:
    """Return the header, the checksum and the arrays, with None for a missing text.

    Raises
    ------
    ModelFileError
        If the bytes are another kind of file, or truncated. Any other exception means that they
        are damaged.
    """
    begin = 8 + int.from_bytes(data[:8], "little")
    if begin - 8 > _LARGEST or data[8:9] not in (b"", b"{"):
        raise ModelFileError("is not a .safetensors file")
    if len(data) < begin:
        raise ModelFileError(f"is cut short: it has {len(data)} of {begin} bytes or more")
    tensors = parse_json(data[8:begin].decode())
    texts = tensors.pop("__metadata__", None) or {}
    end = begin + max((tensor["data_offsets"][1] for tensor in tensors.values()), default=0)
    if len(data) < end:
        raise ModelFileError(f"is cut short: it has {len(data)} of {end} bytes")
    return texts.get("xprnn"), texts.get("sha256"), import_library().load(data)
