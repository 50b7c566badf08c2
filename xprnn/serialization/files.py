"""Read and write files: a header and named arrays, with a checksum over both."""

import json
import os
import sys
from pathlib import Path
from typing import Any

import numpy as np

from xprnn._version import __version__
from xprnn.errors import ModelFileError
from xprnn.serialization import npz, safetensors
from xprnn.serialization.atomic import write_atomically
from xprnn.serialization.json_text import parse_json

FORMAT = 4
"""The format of the files that xprnn writes and reads. Header and checksum have been at the same
place since format 3, so that an error can name the format of a file."""

_FORMATS: dict[str, Any] = {".npz": npz, ".safetensors": safetensors}


def check_path(path: str | os.PathLike[str]) -> str:
    """Return the extension of a path to which a model can be written; raise as `save` does."""
    check_place(path, tuple(_FORMATS))
    ending = Path(path).suffix
    if ending == ".safetensors":
        safetensors.import_library()
    return ending


def check_place(path: str | os.PathLike[str], endings: tuple[str, ...]) -> None:
    """Raise unless a path has one of these extensions and its folder exists."""
    path = Path(path)
    if path.suffix not in endings:
        raise ValueError(f"path must end in {' or '.join(endings)}, got {str(path)!r}")
    if not path.parent.is_dir():
        raise FileNotFoundError(f"there is no folder {str(path.parent)!r}")


def write(path: str | os.PathLike[str], header: dict[str, Any], arrays: dict[str, Any]) -> None:
    """Write a header and arrays; the old file stays until the new file is complete.

    Parameters
    ----------
    path : str or path
    header : dict
        JSON.
    arrays : dict of NumPy arrays, contiguous

    Raises
    ------
    ValueError
        If `read` could not read the header.
    """
    versions = {"xprnn": __version__, "numpy": np.__version__, "python": sys.version.split()[0]}
    text = json.dumps({**header, "format": FORMAT, **versions, "arrays": sorted(arrays)})
    try:
        parse_json(text)
    except ModelFileError as error:
        raise ValueError(f"the model can't be written, since its file {error}") from error
    ending = check_path(path)
    with write_atomically(Path(path)) as file:
        _FORMATS[ending].write(file, text, _checksum(text, arrays), arrays)


def _checksum(header: str, arrays: dict[str, Any]) -> str:
    """Return the SHA-256 of a header and of arrays with their names, dtypes and shapes."""
    import hashlib

    total = hashlib.sha256(header.encode())
    for name in sorted(arrays):
        array = arrays[name].astype(arrays[name].dtype.newbyteorder("<"), copy=False)
        total.update(f"{name} {array.dtype.str} {array.shape}".encode())
        total.update(array.tobytes())
    return total.hexdigest()


def read(path: str | os.PathLike[str]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the header and the arrays of a file that `write` wrote.

    Raises
    ------
    FileNotFoundError
        If the file does not exist.
    ModelFileError
        If it is truncated, damaged, not a model, or in another format; the error says which.
    """
    ending, data = check_path(path), Path(path).read_bytes()
    try:
        return _check(*_FORMATS[ending].read(data))
    except ModelFileError as error:
        raise ModelFileError(f"{path} {error}") from error
    except MemoryError:
        raise
    except Exception as error:  # damaged bytes can raise anything
        raise ModelFileError(f"{path} is damaged: {error}") from error


def _check(
    text: str | None, checksum: str | None, arrays: dict[str, Any]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return header and arrays if they are unchanged and in this format."""
    header = _parse_header(text)
    if checksum is not None and _checksum(text or "", arrays) != checksum:
        raise ModelFileError(f"is damaged: {_describe_damage(header, arrays)}")
    if header is None:
        raise ModelFileError("is not a model of xprnn")
    number = header["format"]
    if checksum is None and number >= 3:
        raise ModelFileError("is damaged: its checksum is missing")
    if number != FORMAT:
        older = f", which this xprnn {__version__} no longer reads"
        newer = f"; this xprnn {__version__} reads format {FORMAT}: update xprnn"
        raise ModelFileError(
            f"was written by xprnn {header['xprnn']:.40} in format {number}"
            f"{newer if number > FORMAT else older}"
        )
    return header, arrays


def _parse_header(text: str | None) -> dict[str, Any] | None:
    """Return the header in a text, or None if it has none."""
    try:
        header = parse_json(text or "")
    except json.JSONDecodeError:
        return None
    if not (isinstance(header, dict) and isinstance(header.get("format"), int)):
        return None
    return header if isinstance(header.get("xprnn"), str) else None


def _describe_damage(header: dict[str, Any] | None, arrays: dict[str, Any]) -> str:
    """Say what is wrong with a file whose checksum differs."""
    names = (header or {}).get("arrays")
    if isinstance(names, list):
        missing, extra = sorted({*names} - {*arrays}), sorted({*arrays} - {*names})
        if missing:
            return f"it lacks {', '.join(missing)}"
        if extra:
            return f"it holds {', '.join(extra)}, which its header does not list"
    return "its content has changed since it was written (the checksum differs)"
