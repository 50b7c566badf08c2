"""The format ``.npz``: NumPy's own, a zip archive of arrays."""

import io
from typing import Any, BinaryIO

import numpy as np

from xprnn.errors import ModelFileError

__all__ = ["read", "write"]

_BEGIN = b"PK\x03\x04"


def write(file: BinaryIO, header: str, checksum: str, arrays: dict[str, Any]) -> None:
    """Write two texts and arrays by name to an open file."""
    np.savez(file, header=np.asarray(header), sha256=np.asarray(checksum), **arrays)


def read(data: bytes) -> tuple[str | None, str | None, dict[str, Any]]:
    """Return what `write` wrote; None for a text that is not there.

    Raises
    ------
    ModelFileError
        If the bytes are no such file, or not all of one. Whatever else the reader
        raises says that they are damaged.
    """
    import zipfile

    if not zipfile.is_zipfile(io.BytesIO(data)):  # which looks for its end
        whole = not _BEGIN.startswith(data[:4])
        raise ModelFileError("is no .npz file" if whole else "is cut short: its end is missing")
    with np.load(io.BytesIO(data), allow_pickle=False) as file:
        arrays = {name: np.asarray(file[name]) for name in file.files}
    header, checksum = arrays.pop("header", None), arrays.pop("sha256", None)
    return (
        None if header is None else str(header),
        None if checksum is None else str(checksum),
        arrays,
    )
