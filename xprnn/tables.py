"""CSV files as arrays."""

import csv
import math
from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from xprnn._validate import unknown

__all__ = ["Table", "read_csv"]


class Table(NamedTuple):
    """The columns of a file that hold numbers."""

    columns: dict[str, Any]
    """By name, in the file's order, NumPy arrays (T,)."""
    left_out: dict[str, str]
    """Why other columns are not among them, by name."""

    def column(self, name: str) -> Any:
        """Return a column; raise ValueError if it is not there or holds no numbers."""
        if name in self.left_out:
            raise ValueError(f"column {name!r} cannot be used: {self.left_out[name]}")
        if name not in self.columns:
            raise unknown("column", name, self.columns)
        return self.columns[name]


def read_csv(path: str, delimiter: str = ",") -> Table:
    """Read a CSV file whose first line names the columns.

    Parameters
    ----------
    path : str
    delimiter : str

    Returns
    -------
    Table

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it is empty, has no rows, rows of different lengths, or two columns of one
        name.
    """
    with Path(path).open(newline="", encoding="utf-8-sig") as file:
        reader = csv.reader(file, delimiter=delimiter)
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
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise ValueError(f"{path} has more than one column named {twice[0]!r}")
    for number, row in rows:
        if len(row) != len(names):
            raise ValueError(
                f"{path}, line {number}: expected {len(names)} values as in the first line, "
                f"got {len(row)}"
            )
    columns, left_out = {}, {}
    for i, name in enumerate(names):
        try:
            columns[name] = np.asarray([_number(line, row[i]) for line, row in rows])
        except ValueError as error:
            left_out[name] = str(error)
    return Table(columns, left_out)


def _number(line: int, text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise ValueError(f"line {line} holds {text!r}, which is not a finite number")
    return number
