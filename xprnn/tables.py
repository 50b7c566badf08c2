"""CSV files as arrays."""

import csv
import math
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
        If it is empty, has no rows, or rows of different lengths.
    """
    with Path(path).open(newline="", encoding="utf-8-sig") as file:
        rows = [row for row in csv.reader(file, delimiter=delimiter) if row]
    if len(rows) < 2:
        raise ValueError(
            f"{path} must hold a line of column names and rows, got {len(rows)} line(s)"
        )
    names = [name.strip() for name in rows[0]]
    for number, row in enumerate(rows[1:], start=2):
        if len(row) != len(names):
            raise ValueError(
                f"{path}, line {number}: expected {len(names)} values as in the first line, "
                f"got {len(row)}"
            )
    columns, left_out = {}, {}
    for i, name in enumerate(names):
        try:
            columns[name] = np.asarray(_numbers([row[i] for row in rows[1:]]))
        except ValueError as error:
            left_out[name] = str(error)
    return Table(columns, left_out)


def _numbers(texts: list[str]) -> list[float]:
    numbers = []
    for line, text in enumerate(texts, start=2):
        try:
            number = float(text)
        except ValueError:
            number = math.nan
        if not math.isfinite(number):
            raise ValueError(f"line {line} holds {text!r}, which is not a finite number")
        numbers.append(number)
    return numbers
