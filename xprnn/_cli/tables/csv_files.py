"""Read CSV files."""

import contextlib
import csv
import io
import re
import sys
from pathlib import Path
from typing import TextIO

from xprnn._cli.tables.file_types import check_text
from xprnn._cli.tables.parse import looks_like_time, parse_number
from xprnn._cli.tables.table import Table, build, display_name

DELIMITERS = ",;\t|"
"""The delimiters that are recognised."""
MOST_COLUMNS = 20_000
"""The most columns that a file may have."""
_SNIFF_LENGTH = 100_000
"""The number of characters of a line to read when looking for the delimiter."""


def read_csv(
    path: str, delimiter: str | None = None, decimal: str = ".", header: bool = True
) -> Table:
    """Read a CSV file.

    Parameters
    ----------
    path : str
        The file; ``"-"`` is standard input.
    delimiter : str, optional
        The delimiter of the columns. The default is the one of `DELIMITERS` that splits the first
        line into the most names, and the next lines into as many values.
    decimal : {".", ","}
        The decimal sign.
    header : bool
        Whether the first line names the columns; otherwise they are ``"1"``, ``"2"``, …

    Returns
    -------
    Table

    Raises
    ------
    FileNotFoundError
        If the file does not exist.
    ValueError
        If the file is empty or not CSV in UTF-8; if it has no rows, rows of different lengths,
        two columns of the same name or an unclosed quote; or if the first line holds numbers and
        dates instead of names.
    """
    if path == "-" and sys.stdin is None:
        raise ValueError("standard input is closed; name a file")
    data = sys.stdin.buffer.read() if path == "-" else Path(path).read_bytes()
    path = display_name(path)
    check_text(path, data)
    if decimal not in (".", ","):
        raise ValueError(f"decimal must be '.' or ',', got {decimal!r}")
    if delimiter is None:
        delimiter = _sniff_delimiter(data, DELIMITERS.replace(decimal, ""))
    delimiter = {"\\t": "\t", "tab": "\t"}.get(delimiter, delimiter)
    if len(delimiter) != 1 or delimiter in '"\r\n':
        raise ValueError(f"delimiter must be one character or tab, got {delimiter!r}")
    if delimiter == decimal:
        raise ValueError(f"delimiter must differ from decimal, got {delimiter!r} twice")
    columns, lines = _read_columns(path, data, delimiter)
    if len(lines) < 1 + header:
        raise ValueError(
            f"{path} must hold a line of column names and rows, got {len(lines)} line(s)"
        )
    if not header:
        return build(path, [str(i + 1) for i in range(len(columns))], columns, lines, decimal)
    names = [column.pop(0).strip() for column in columns]
    if all(map(_is_value, names)) and not _count_up(names):
        raise ValueError(
            f"{path} must name its columns in the first line, got {', '.join(names[:3])}; "
            "if there are no names, use --no-header"
        )
    return build(path, names, columns, lines[1:], decimal)


def _open(data: bytes) -> TextIO:
    """Return the bytes of a file as a text file object."""
    return io.TextIOWrapper(io.BytesIO(data), "utf-8-sig", newline="")


def _read_columns(path: str, data: bytes, delimiter: str) -> tuple[list[list[str]], list[int]]:
    """Return the columns, and the line on which each row ends; raise if row lengths differ."""
    reader = csv.reader(_open(data), delimiter=delimiter, strict=True)
    columns: list[list[str]] = []
    lines: list[int] = []
    last_line = 0
    try:
        for row in reader:
            last_line = reader.line_num
            if not row:
                continue
            if not columns:
                if len(row) > MOST_COLUMNS:
                    raise ValueError(f"{path} has {len(row)} columns, more than {MOST_COLUMNS}")
                columns = [[] for _ in row]
            if len(row) != len(columns):
                raise ValueError(
                    f"{path}, line {last_line}: expected {len(columns)} values as in the first "
                    f"line, got {len(row)}"
                )
            for column, cell in zip(columns, row, strict=True):
                column.append(cell)
            lines.append(last_line)
    except csv.Error as error:
        why = str(error)
        if why == "unexpected end of data":
            why = "a quote is opened here and never closed"
        raise ValueError(f"{path}, line {last_line + 1}: {why}") from error
    return columns, lines


def _sniff_delimiter(data: bytes, signs: str) -> str:
    """Return the delimiter that splits the first line into the most names.

    A delimiter that splits the next lines into as many values takes precedence.
    """
    file = _open(data)
    lines = [file.readline(_SNIFF_LENGTH) for _ in range(20)]
    scores = {}
    for sign in signs:
        rows = []
        with contextlib.suppress(csv.Error):
            for row in csv.reader(lines, delimiter=sign, strict=True):
                rows += [len(row)] * bool(row)
        names = rows[0] if rows else 0
        scores[sign] = names > 1 and len(set(rows)) == 1, names
    return max(scores, key=lambda sign: scores[sign])


def _is_value(name: str) -> bool:
    """Return whether the name of a column looks like a number or a date."""
    return parse_number(name) is not None or (
        looks_like_time(name) and re.search(r"\d", name) is not None
    )


def _count_up(names: list[str]) -> bool:
    """Return whether the names count up from 0 or 1, like pandas' default names."""
    return any(names == [str(i + first) for i in range(len(names))] for first in (0, 1))
