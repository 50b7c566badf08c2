"""Recognise files that are not CSV, and say how to convert them."""

import re

_UNPACK = "a {} archive; unpack it first"
_PDF = "a PDF; export the table as CSV"
_UTF = "text in UTF-{0}; write it in UTF-8, as with iconv -f UTF-{0} -t UTF-8 FILE"
_SIGNATURES = {
    b"\x1f\x8b": "compressed by gzip; unpack it first, as with gunzip -c FILE | xprnn forecast -",
    b"BZh": _UNPACK.format("bzip2"),
    b"\xfd7zXZ\0": _UNPACK.format("xz"),
    b"\x28\xb5\x2f\xfd": _UNPACK.format("zstd"),
    b"7z\xbc\xaf": _UNPACK.format("7z"),
    b"PAR1": "a Parquet file; rename it so that it ends in .parquet",
    b"\xd0\xcf\x11\xe0": "an Excel workbook (.xls); save its sheet as CSV UTF-8",
    b"%PDF-": _PDF,
    b"\xff\xfe\0\0": _UTF.format(32),
    b"\0\0\xfe\xff": _UTF.format(32),
    b"\xff\xfe": _UTF.format(16),
    b"\xfe\xff": _UTF.format(16),
    b"SQLite format 3\0": "an SQLite database; export the table as CSV",
    b"\x89HDF": "an HDF5 file; write the table as CSV",
    b"ARROW1": "an Arrow file; write the table as CSV or Parquet",
    b"\x93NUMPY": "a NumPy array (.npy); use it in Python, or write it with numpy.savetxt",
    b"\x89PNG": "a picture; provide the table itself as CSV",
    b"\xff\xd8\xff": "a picture; provide the table itself as CSV",
    b"\x7fELF": "a program; provide a table as CSV",
}
_ARCHIVES = {  # by a name inside the archive
    b"xl/": "an Excel workbook (.xlsx); save its sheet as CSV UTF-8",
    b"opendocument": "an OpenDocument file; save its sheet as CSV UTF-8",
    b".npy": "a file of NumPy arrays or a model (.npz); write the table as CSV",
}
_MARKUP = {
    rb"<(!doctype html|html|head|body|table)\b": "an HTML page; export the table as CSV",
    rb"<\?xml|<[a-z]+[ >]": "an XML file; export the table as CSV",
    rb'[\[{]\s*($|[\[{}"\d-])': "JSON; write the table as CSV",
    rb"%PDF-": _PDF,
}
_SEARCH_LENGTH = 1 << 16
"""The number of bytes to search at the start and at the end of a file."""


def check_text(path: str, data: bytes) -> None:
    r"""Raise ValueError if the bytes of a file can't be CSV in UTF-8.

    Raises
    ------
    ValueError
        If they can't; the message says what the file is and how to convert it.

    Examples
    --------
    >>> from xprnn._cli.tables.file_types import check_text
    >>> check_text("a.csv", b"PK\x03\x04\x14\0 xl/workbook.xml")
    Traceback (most recent call last):
    ValueError: a.csv must be a CSV file in UTF-8, got an Excel workbook (.xlsx); ...
    """
    at, fault = data.find(b"\0"), "a zero byte"
    advice = "it is damaged or not text"
    try:
        data.decode("utf-8")
    except UnicodeDecodeError as error:
        at, fault = error.start, f"byte {data[error.start]:#04x}"
        advice = "write it in UTF-8, often with iconv -f WINDOWS-1252 -t UTF-8 FILE"
    if at < 0:
        actual = _recognise_markup(data)
    else:
        line = data.count(b"\n", 0, at) + 1
        actual = _recognise_binary(data) or f"{fault} in line {line}; {advice}"
    if actual is not None:
        raise ValueError(f"{path} must be a CSV file in UTF-8, got {actual}")


def _recognise_markup(data: bytes) -> str | None:
    """Return the type of a text file, or None if it may be CSV."""
    first = data[:_SEARCH_LENGTH].removeprefix(b"\xef\xbb\xbf").lstrip().split(b"\n")[0][:1000]
    types = (name for start, name in _MARKUP.items() if re.match(start, first, re.IGNORECASE))
    return next(types, None)


def _recognise_binary(data: bytes) -> str | None:
    """Return the type of a binary file, or None if it is not recognised."""
    head = data[:_SEARCH_LENGTH]
    if head.startswith(b"PK\x03\x04"):
        ends = head + data[-_SEARCH_LENGTH:]  # an archive has its table of contents at the end
        return next(
            (name for sign, name in _ARCHIVES.items() if sign in ends), _UNPACK.format("zip")
        )
    for start, name in _SIGNATURES.items():
        if head.startswith(start):
            return name
    odd, even = head[1::2].count(0), head[0::2].count(0)
    if max(odd, even) > len(head) // 4 and min(odd, even) <= len(head) // 8:
        return _UTF.format("16LE" if odd > even else "16BE")
    return None
