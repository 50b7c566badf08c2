"""CSV and Parquet files as arrays."""

import csv
import io
import math
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


def read(path: str, delimiter: str = ",") -> Table:
    """Read a file whose name ends in ``.parquet``, or else a CSV file.

    Parameters
    ----------
    path : str
        ``"-"`` is a CSV file on standard input.
    delimiter : str
        Between the columns of a CSV file.

    Returns
    -------
    Table

    Raises
    ------
    FileNotFoundError, ValueError, MissingExtraError
        As `read_csv` and `read_parquet`.
    """
    return read_parquet(path) if path.endswith(".parquet") else read_csv(path, delimiter)


def read_csv(path: str, delimiter: str = ",") -> Table:
    """Read a CSV file whose first line names the columns.

    Parameters
    ----------
    path : str
        ``"-"`` is standard input.
    delimiter : str

    Returns
    -------
    Table

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it is empty, not in UTF-8, has no rows, rows of different lengths, or two
        columns of one name.
    """
    data = sys.stdin.buffer.read() if path == "-" else Path(path).read_bytes()
    path = named(path)
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} must be a CSV file in UTF-8, got {error}") from error
    if len(delimiter) != 1:
        raise ValueError(f"delimiter must be one character, got {delimiter!r}")
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    try:
        lines = [(reader.line_num, row) for row in reader if row]
    except csv.Error as error:
        raise ValueError(f"{path}, line {reader.line_num}: {error}") from error
    if len(lines) < 2:
        raise ValueError(
            f"{path} must hold a line of column names and rows, got {len(lines)} line(s)"
        )
    (_, first), *rows = lines
    names = [name.strip() for name in first]
    for number, row in rows:
        if len(row) != len(names):
            raise ValueError(
                f"{path}, line {number}: expected {len(names)} values as in the first line, "
                f"got {len(row)}"
            )
    columns = list(zip(*(row for _, row in rows), strict=True))
    return _table(path, names, columns, [f"line {number}" for number, _ in rows])


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


def _table(path: str, names: list[str], written: list[Any], rows: list[str]) -> Table:
    """Return the table of columns of text; `rows` says where each row stands."""
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise ValueError(f"{path} has more than one column named {twice[0]!r}")
    columns, left_out = {}, {}
    for name, texts in zip(names, written, strict=True):
        try:
            columns[name] = np.asarray([_number(*at) for at in zip(rows, texts, strict=True)])
        except ValueError as error:
            left_out[name] = str(error)
    return Table(
        columns, left_out, {n: [t.strip() for t in w] for n, w in zip(names, written, strict=True)}
    )


def _number(row: str, text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise ValueError(f"{row} holds {text!r}, which is not a finite number")
    return number
