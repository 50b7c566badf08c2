"""CSV files."""

import contextlib
import csv
import gc
import io
import re
import sys
from pathlib import Path

from xprnn.tables.cells import looks_like_time, number
from xprnn.tables.kinds import check_text
from xprnn.tables.table import Table, make, named

__all__ = ["read_csv"]

DELIMITERS = ",;\t|"
"""The delimiters that are recognised."""
_LOOKED_AT = 100_000
"""How many characters of a line are used to recognise the delimiter."""
_AT_ONCE = 100_000
"""How many values are held as rows before they move into the columns."""
MOST_COLUMNS = 20_000
"""A file with more columns is refused."""


def read_csv(
    path: str, delimiter: str | None = None, decimal: str = ".", header: bool = True
) -> Table:
    """Read a CSV file.

    Parameters
    ----------
    path : str
        ``"-"`` is standard input.
    delimiter : str, optional
        Between the columns; left out, the one of `DELIMITERS` that splits the first line
        into the most names and the next lines into as many values.
    decimal : {".", ","}
        Before the decimals of a number.
    header : bool
        Whether the first line names the columns; else they are ``"1"``, ``"2"``, …

    Returns
    -------
    Table

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it is empty or not a CSV file in UTF-8; if it has no rows, rows of different
        lengths, two columns of the same name, or a quote that is not closed; or if its
        first line holds numbers and dates instead of names.
    """
    if path == "-" and sys.stdin is None:
        raise ValueError("standard input is closed; name a file")
    data = sys.stdin.buffer.read() if path == "-" else Path(path).read_bytes()
    path = named(path)
    check_text(path, data)
    if decimal not in (".", ","):
        raise ValueError(f"decimal must be '.' or ',', got {decimal!r}")
    if delimiter is None:
        delimiter = _delimiter(data, DELIMITERS.replace(decimal, ""))
    delimiter = {"\\t": "\t", "tab": "\t"}.get(delimiter, delimiter)
    if len(delimiter) != 1 or delimiter in '"\r\n':
        raise ValueError(f"delimiter must be one character or tab, got {delimiter!r}")
    if delimiter == decimal:
        raise ValueError(f"delimiter must differ from decimal, got {delimiter!r} twice")
    collects = gc.isenabled()
    gc.disable()  # it would search millions of short lists again and again, in vain
    try:
        columns, lines = _columns(path, data, delimiter)
    finally:
        if collects:
            gc.enable()
    if len(lines) < 1 + header:
        raise ValueError(
            f"{path} must hold a line of column names and rows, got {len(lines)} line(s)"
        )
    names = [str(i + 1) for i in range(len(columns))]
    if header:
        names = [column.pop(0).strip() for column in columns]
        lines.pop(0)
        if all(map(_is_value, names)) and not _counts(names):
            raise ValueError(
                f"{path} must name its columns in the first line, got "
                f"{', '.join(names[:3])}; if there are no names, say --no-header"
            )
    return make(path, names, columns, lines, decimal)


def _columns(path: str, data: bytes, delimiter: str) -> tuple[list[list[str]], list[int]]:
    """Return the columns and the last line of each row; raise if rows differ in length."""
    file = io.TextIOWrapper(io.BytesIO(data), "utf-8-sig", newline="")
    reader = csv.reader(file, delimiter=delimiter, strict=True)
    columns: list[list[str]] = []
    lines: list[int] = []
    rows: list[list[str]] = []
    before = width = most = 0
    try:
        for row in reader:
            before = reader.line_num
            if not row:
                continue
            if not columns:
                width = len(row)
                if width > MOST_COLUMNS:
                    raise ValueError(f"{path} has {width} columns, more than {MOST_COLUMNS}")
                columns, most = [[] for _ in row], _AT_ONCE // width
            if len(row) != width:
                raise ValueError(
                    f"{path}, line {before}: expected {width} values as in the first line, got "
                    f"{len(row)}"
                )
            rows.append(row)
            lines.append(before)
            if len(rows) > most:
                _append(columns, rows)
    except csv.Error as error:
        why = str(error)
        if why == "unexpected end of data":
            why = "a quote that is opened here is never closed"
        raise ValueError(f"{path}, line {before + 1}: {why}") from error
    _append(columns, rows)
    return columns, lines


def _append(columns: list[list[str]], rows: list[list[str]]) -> None:
    """Move rows into the columns, where they take less memory."""
    for column, cells in zip(columns, zip(*rows, strict=True), strict=False):
        column.extend(cells)
    rows.clear()


def _delimiter(data: bytes, signs: str) -> str:
    """Return the sign that splits the first line into the most names.

    A sign that splits the next lines into as many values goes before one that does not.
    """
    file = io.TextIOWrapper(io.BytesIO(data), "utf-8-sig", newline="")
    lines = [file.readline(_LOOKED_AT) for _ in range(20)]
    found = {}
    for sign in signs:
        rows = []
        with contextlib.suppress(csv.Error):
            for row in csv.reader(lines, delimiter=sign, strict=True):
                rows += [len(row)] * bool(row)
        names = rows[0] if rows else 0
        found[sign] = names > 1 and len(set(rows)) == 1, names
    return max(found, key=lambda sign: found[sign])


def _is_value(name: str) -> bool:
    """Whether a column name is really a number or a date."""
    return number(name) is not None or (
        looks_like_time(name) and re.search(r"\d", name) is not None
    )


def _counts(names: list[str]) -> bool:
    """Whether the names count the columns, as those that pandas makes up."""
    return any(names == [str(i + first) for i in range(len(names))] for first in (0, 1))
