"""The columns of a file, by name."""

import difflib
import re
from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from xprnn._validate import shown, unknown
from xprnn.tables.cells import numbers

__all__ = ["Table", "make", "named"]


_NAMED = 20
"""How many columns a message names at most."""


class Table(NamedTuple):
    """The columns of a file."""

    columns: dict[str, Any]
    """Those that hold numbers, by name, in the file's order, NumPy arrays (T,)."""
    left_out: dict[str, str]
    """Why other columns are not among them, by name."""
    text: dict[str, list[str]]
    """All columns by name, as the file writes them; the decimal sign is always a point."""
    lines: Sequence[int] = ()
    """The line of the file in which each row ends; empty for a file without lines."""

    def column(self, name: str, option: str = "column") -> Any:
        """Return a column; raise ValueError if it is not there or holds no numbers."""
        if name in self.left_out:
            raise ValueError(f"column {name!r} cannot be used: {self.left_out[name]}")
        if name not in self.columns:
            near = difflib.get_close_matches(name, self.columns, n=_NAMED, cutoff=0.5)
            few = len(self.columns) <= _NAMED
            raise unknown(option, name, self.columns if few else near or [*self.columns][:_NAMED])
        return self.columns[name]

    def where(self, row: int) -> str:
        """Return the name of a row in messages; rows are counted from 0."""
        return f"line {self.lines[row]}" if self.lines else f"row {row + 1}"

    def in_order(self, order: Any) -> "Table":
        """Return the table with its rows in the order given by NumPy integers (T,)."""
        rows = order.tolist()
        return self._replace(
            columns={name: column[order] for name, column in self.columns.items()},
            text={name: [strings[i] for i in rows] for name, strings in self.text.items()},
            lines=[self.lines[i] for i in rows] if self.lines else (),
        )


def named(path: str) -> str:
    """Return what messages call a file."""
    return "standard input" if path == "-" else path


def make(
    path: str, names: list[str], written: list[Any], lines: Sequence[int] = (), decimal: str = "."
) -> Table:
    """Return the table of columns of strings.

    Raises
    ------
    ValueError
        If two columns have the same name.
    """
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise ValueError(f"{path} has more than one column named {twice[0]!r}")
    table = Table({}, {}, {}, lines)
    for name, strings in zip(names, written, strict=True):
        strings = list(map(str.strip, strings))
        values = numbers(strings, decimal)
        wrong = [i for i, value in enumerate(values) if value is None]
        if wrong:
            first = wrong[0]
            table.left_out[name] = _why(
                table.where(first), strings[first], len(wrong), len(strings)
            )
        else:
            table.columns[name] = np.asarray(values)
        if decimal == ",":
            pairs = zip(strings, values, strict=True)
            strings = [t if value is None else t.replace(",", ".") for t, value in pairs]
        table.text[name] = strings
    return table


def _why(row: str, text: str, wrong: int, count: int) -> str:
    """Return why a column is left out, by the first row that is wrong."""
    why = f"{row} holds {shown(text)}, which is not a finite number"
    if wrong < count:
        why += f" ({wrong} of {count} rows are none)"
    elif re.fullmatch(r"-?\d+,\d+", text[:40]):
        why += "; for a comma before decimals say --decimal ,"
    return why
