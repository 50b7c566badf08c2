"""CSV and Parquet files as arrays."""

import csv
import io
import math
import re
import sys
from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from xprnn._validate import unknown
from xprnn.errors import MissingExtraError

__all__ = ["Table", "named", "read", "read_csv", "read_parquet"]


class Table(NamedTuple):
    """The columns of a file."""

    columns: dict[str, Any]
    """Those that hold numbers, by name, in the file's order, NumPy arrays (T,)."""
    left_out: dict[str, str]
    """Why other columns are not among them, by name."""
    text: dict[str, list[str]]
    """All columns by name, as they are written."""

    def column(self, name: str) -> Any:
        """Return a column; raise ValueError if it is not there or holds no numbers."""
        if name in self.left_out:
            raise ValueError(f"column {name!r} cannot be used: {self.left_out[name]}")
        if name not in self.columns:
            raise unknown("column", name, self.columns)
        return self.columns[name]


def named(path: str) -> str:
    """Return what messages call a file."""
    return "standard input" if path == "-" else path


DELIMITERS = ",;\t|"
"""Those that are recognised, by the names that they make of the first line."""


def read(path: str, delimiter: str | None = None, decimal: str = ".", header: bool = True) -> Table:
    """Read a file whose name ends in ``.parquet``, or else a CSV file.

    Parameters
    ----------
    path : str
        ``"-"`` is a CSV file on standard input.
    delimiter, decimal, header
        Of a CSV file, as for `read_csv`.

    Returns
    -------
    Table

    Raises
    ------
    FileNotFoundError, ValueError, MissingExtraError
        As `read_csv` and `read_parquet`.
    """
    if path.endswith(".parquet"):
        return read_parquet(path)
    return read_csv(path, delimiter, decimal, header)


def read_csv(
    path: str, delimiter: str | None = None, decimal: str = ".", header: bool = True
) -> Table:
    """Read a CSV file.

    Parameters
    ----------
    path : str
        ``"-"`` is standard input.
    delimiter : str, optional
        Between the columns; left out, that of `DELIMITERS` which makes the most names of
        the first line.
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
        If it is empty, not in UTF-8, has no rows, rows of different lengths, two columns
        of one name, or nothing but numbers where names are expected.
    """
    data = sys.stdin.buffer.read() if path == "-" else Path(path).read_bytes()
    path = named(path)
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} must be a CSV file in UTF-8, got {error}") from error
    if delimiter is None:
        delimiter = _delimiter(text, DELIMITERS.replace(decimal, ""))
    delimiter = {"\\t": "\t", "tab": "\t"}.get(delimiter, delimiter)
    if len(delimiter) != 1:
        raise ValueError(f"delimiter must be one character or tab, got {delimiter!r}")
    if decimal not in (".", ","):
        raise ValueError(f"decimal must be . or , got {decimal!r}")
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    try:
        lines = [(reader.line_num, row) for row in reader if row]
    except csv.Error as error:
        raise ValueError(f"{path}, line {reader.line_num}: {error}") from error
    if len(lines) < 1 + header:
        raise ValueError(
            f"{path} must hold a line of column names and rows, got {len(lines)} line(s)"
        )
    first = lines[0][1]
    names = [name.strip() if header else str(i + 1) for i, name in enumerate(first)]
    rows = lines[1:] if header else lines
    if header and all(map(_is_value, names)) and not _counts(names):
        raise ValueError(
            f"{path} must name its columns in the first line, got "
            f"{', '.join(names[:3])}; if there are no names, say --no-header"
        )
    for number, row in rows:
        if len(row) != len(names):
            raise ValueError(
                f"{path}, line {number}: expected {len(names)} values as in the first line, "
                f"got {len(row)}"
            )
    columns = list(zip(*(row for _, row in rows), strict=True))
    return _table(path, names, columns, [f"line {number}" for number, _ in rows], decimal)


def _delimiter(text: str, signs: str) -> str:
    """Return the one of some signs that makes the most names of the first line."""
    first = next((line for line in text.splitlines() if line.strip()), "")[:10_000]
    return max(signs, key=lambda sign: len(next(csv.reader([first], delimiter=sign), ())))


def read_parquet(path: str) -> Table:
    """Read a Parquet file, with pandas.

    Parameters
    ----------
    path : str

    Returns
    -------
    Table

    Raises
    ------
    MissingExtraError
        If pandas or pyarrow is not installed.
    FileNotFoundError
        If there is no such file.
    ValueError
        If it is no Parquet file, has no rows, or two columns of one name.
    """
    data = io.BytesIO(Path(path).read_bytes())
    try:
        import pandas as pd

        frame = pd.read_parquet(data, engine="pyarrow")
    except ImportError as error:
        raise MissingExtraError(
            "Parquet files need pandas and pyarrow: pip install pandas pyarrow"
        ) from error
    except (OSError, ValueError) as error:
        raise ValueError(f"{path} is not a Parquet file that can be read: {error}") from error
    if not isinstance(frame.index, pd.RangeIndex):
        frame = frame.reset_index()
    if not len(frame):
        raise ValueError(f"{path} must hold rows, got none")
    columns = [[str(value) for value in frame.iloc[:, i]] for i in range(frame.shape[1])]
    rows = [f"row {i + 1}" for i in range(len(frame))]
    return _table(path, [str(name) for name in frame.columns], columns, rows)


def _table(
    path: str, names: list[str], written: list[Any], rows: list[str], decimal: str = "."
) -> Table:
    """Return the table of columns of text; `rows` says where each row stands."""
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise ValueError(f"{path} has more than one column named {twice[0]!r}")
    columns, left_out = {}, {}
    for name, texts in zip(names, written, strict=True):
        wrong = [i for i, text in enumerate(texts) if not _is_number(text, decimal)]
        if wrong:
            left_out[name] = _why(rows[wrong[0]], texts[wrong[0]], len(wrong), len(texts))
        else:
            columns[name] = np.asarray([_number(text, decimal) for text in texts])
    return Table(
        columns, left_out, {n: [t.strip() for t in w] for n, w in zip(names, written, strict=True)}
    )


def _number(text: str, decimal: str) -> float:
    return float(text.replace(",", ".") if decimal == "," else text)


def _is_number(text: str, decimal: str) -> bool:
    try:
        return math.isfinite(_number(text, decimal))
    except ValueError:
        return False


def _is_value(name: str) -> bool:
    """Whether what stands for a name is a number or a date."""
    return _is_number(name, ".") or re.match(r"\d{1,4}[./-]\d", name) is not None


def _counts(names: list[str]) -> bool:
    """Whether names count the columns, as those do that pandas gives."""
    return any(names == [str(i + first) for i in range(len(names))] for first in (0, 1))


def _why(row: str, text: str, wrong: int, count: int) -> str:
    """Return why a column is left out, by the first row that is wrong."""
    why = f"{row} holds {text!r}, which is not a finite number"
    if wrong < count:
        why += f" ({wrong} of {count} rows are none)"
    elif re.fullmatch(r"-?\d+,\d+", text.strip()):
        why += "; for a comma before decimals say --decimal ,"
    return why
