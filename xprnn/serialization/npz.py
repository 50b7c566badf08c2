"""The format ``.npz``: NumPy's zip archive of arrays.

A file may be untrusted, so no array is created before its size is compared with the bytes in the
file. Compressed arrays raise an error (`write` compresses nothing), and the header of an array
must match the bytes after it.
"""

import io
import math
from typing import Any, BinaryIO

import numpy as np

from xprnn.errors import ModelFileError

_BEGIN = b"PK\x03\x04"
_ENTRY = b"PK\x01\x02"
_ENTRIES = 200_000
"""More arrays than any model has; listing more would take more memory than the arrays."""

_HEADERS: dict[tuple[int, int], Any] = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}


def write(file: BinaryIO, header: str, checksum: str, arrays: dict[str, Any]) -> None:
    """Write two texts and named arrays to an open file."""
    np.savez(file, header=np.asarray(header), sha256=np.asarray(checksum), **arrays)


def read(data: bytes) -> tuple[str | None, str | None, dict[str, Any]]:
    """Return the header, the checksum and the arrays, with None for a missing text.

    Raises
    ------
    ModelFileError
        If the bytes are another kind of file, or truncated. Any other exception means that they
        are damaged.
    """
    import zipfile

    if not zipfile.is_zipfile(io.BytesIO(data)):  # zipfile looks for the end of the archive
        whole = not _BEGIN.startswith(data[:4])
        raise ModelFileError("is not a .npz file" if whole else "is cut short: its end is missing")
    if data.count(_ENTRY) > _ENTRIES:
        raise ModelFileError("holds more arrays than any model has")
    arrays: dict[str, Any] = {}
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        entries = archive.infolist()
        for entry in entries:
            if entry.compress_type != zipfile.ZIP_STORED:
                raise ModelFileError(f"holds {entry.filename} compressed, unlike every model")
        if sum(entry.file_size for entry in entries) > len(data):
            raise ModelFileError("is damaged: its arrays are larger than the file")
        for entry in entries:
            name = entry.filename.removesuffix(".npy")
            if name in arrays:
                raise ModelFileError(f"is damaged: it holds {name} twice")
            member = archive.read(entry)
            foreign = name == entry.filename
            arrays[name] = np.frombuffer(member, "uint8") if foreign else _read_array(member)
    header, checksum = (
        str(arrays.pop(name)) if name in arrays else None for name in ("header", "sha256")
    )
    return header, checksum, arrays


def _read_array(member: bytes) -> Any:
    """Return an array if its size is that in its header."""
    stream = io.BytesIO(member)
    version = np.lib.format.read_magic(stream)
    if version not in _HEADERS:
        raise ModelFileError(f"is damaged: it holds an array of the version {version}")
    try:
        shape, _, dtype = _HEADERS[version](stream)
    except (MemoryError, RecursionError) as error:  # Python's parser raises these for invalid text
        raise ModelFileError("is damaged: the header of an array makes no sense") from error
    size = math.prod(shape) * dtype.itemsize
    if not dtype.hasobject and (min(shape, default=0) < 0 or size != len(member) - stream.tell()):
        raise ModelFileError("is damaged: an array is not as large as its header says")
    if shape and dtype.kind not in "biuf" and not dtype.hasobject:
        raise ModelFileError(f"is damaged: it holds an array of the dtype {dtype}")
    stream.seek(0)
    return np.lib.format.read_array(stream, allow_pickle=False)
