"""Reads CSV files."""

import contextlib
import csv
import gc
import io
import re
import sys
from pathlib import Path

from xprnn._cli.tables.file_types import check_text
from xprnn._cli.tables.parse import looks_like_time, parse_number
from xprnn._cli.tables.table import Table, build, display_name

DELIMITERS = ",;\t|"
"""The delimiters that are recognised."""
MOST_COLUMNS = 20_000
"""A file with more columns is refused."""
_SNIFFED = 100_000
"""How many characters of a line are read to recognise the delimiter."""
_BUFFERED = 100_000
"""How many values are held as rows before they move into the columns."""


def read_csv(
    path: str, delimiter: str | None = None, decimal: str = ".", header: bool = True
) -> Table:
    """Read a CSV file.

    Parameters
    ----------
    path : str
        ``"-"`` is standard input.
    delimiter : str, optional
        What separates the columns. By default, the one of `DELIMITERS` that splits the first
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
        two columns of the same name or an unclosed quote; or if its first line holds numbers
        and dates instead of names.
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
    collecting = gc.isenabled()
    gc.disable()  # it would scan millions of short lists over and over, and free none
    try:
        columns, lines = _read_columns(path, data, delimiter)
    finally:
        if collecting:
            gc.enable()
    if len(lines) < 1 + header:
        raise ValueError(
            f"{path} must hold a line of column names and rows, got {len(lines)} line(s)"
        )
    names = [str(i + 1) for i in range(len(columns))]
    if header:
        names = [column.pop(0).strip() for column in columns]
        lines.pop(0)
        if all(map(_is_value, names)) and not _count_up(names):
            raise ValueError(
                f"{path} must name its columns in the first line, got "
                f"{', '.join(names[:3])}; if there are no names, say --no-header"
            )
    return build(path, names, columns, lines, decimal)


def _read_columns(path: str, data: bytes, delimiter: str) -> tuple[list[list[str]], list[int]]:
    """Return the columns, and the line on which each row ends; raise if rows differ in length."""
    file = io.TextIOWrapper(io.BytesIO(data), "utf-8-sig", newline="")
    reader = csv.reader(file, delimiter=delimiter, strict=True)
    columns: list[list[str]] = []
    lines: list[int] = []
    rows: list[list[str]] = []
    last_line = width = most = 0
    try:
        for row in reader:
            last_line = reader.line_num
            if not row:
                continue
            if not columns:
                width = len(row)
                if width > MOST_COLUMNS:
                    raise ValueError(f"{path} has {width} columns, more than {MOST_COLUMNS}")
                columns, most = [[] for _ in row], _BUFFERED // width
            if len(row) != width:
                raise ValueError(
                    f"{path}, line {last_line}: expected {width} values as in the first line, got "
                    f"{len(row)}"
                )
            rows.append(row)
            lines.append(last_line)
            if len(rows) > most:
                _move(rows, columns)
    except csv.Error as error:
        why = str(error)
        if why == "unexpected end of data":
            why = "a quote opens here and is never closed"
        raise ValueError(f"{path}, line {last_line + 1}: {why}") from error
    _move(rows, columns)
    return columns, lines


def _move(rows: list[list[str]], columns: list[list[str]]) -> None:
    """Move rows into the columns, where they take less memory."""
    for column, cells in zip(columns, zip(*rows, strict=True), strict=False):
        column.extend(cells)
    rows.clear()


def _sniff_delimiter(data: bytes, signs: str) -> str:
    """Return the sign that splits the first line into the most names.

    Signs that split the next lines into as many values come first.
    """
    file = io.TextIOWrapper(io.BytesIO(data), "utf-8-sig", newline="")
    lines = [file.readline(_SNIFFED) for _ in range(20)]
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
    """Whether a column name is in truth a number or a date."""
    return parse_number(name) is not None or (
        looks_like_time(name) and re.search(r"\d", name) is not None
    )


def _count_up(names: list[str]) -> bool:
    """Whether the names count up from 0 or 1, as the default names of pandas do."""
    return any(names == [str(i + first) for i in range(len(names))] for first in (0, 1))
