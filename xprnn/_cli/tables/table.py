"""Tables: the columns of a file by name."""

import difflib
import re
from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from xprnn._cli.tables.parse import parse_numbers
from xprnn._fields import show, unknown

_MOST_NAMES = 20
"""The most columns that a message names."""


class Table(NamedTuple):
    """The columns of a file."""

    columns: dict[str, Any]
    """The numeric columns by name, in the file's order, NumPy arrays (T,)."""
    unusable: dict[str, str]
    """The other columns by name, each with the reason why it is not numeric."""
    text: dict[str, list[str]]
    """Every column by name, as text, with a point for the decimal sign."""
    lines: Sequence[int] = ()
    """The line of the file on which each row ends; empty if the file has no lines."""

    def column(self, name: str, option: str = "column") -> Any:
        """Return a numeric column; raise ValueError if the table has none with that name."""
        if name in self.unusable:
            raise ValueError(f"column {name!r} cannot be used: {self.unusable[name]}")
        if name not in self.columns:
            near = difflib.get_close_matches(name, self.columns, n=_MOST_NAMES, cutoff=0.5)
            few = len(self.columns) <= _MOST_NAMES
            raise unknown(
                option, name, self.columns if few else near or [*self.columns][:_MOST_NAMES]
            )
        return self.columns[name]

    def row_name(self, row: int) -> str:
        """Return what messages call row `row`, counted from 0: its line, if the file has lines."""
        return f"line {self.lines[row]}" if self.lines else f"row {row + 1}"

    def reorder(self, order: Any) -> "Table":
        """Return the table with its rows in an order, NumPy integers (T,)."""
        rows = order.tolist()
        return self._replace(
            columns={name: column[order] for name, column in self.columns.items()},
            text={name: [strings[i] for i in rows] for name, strings in self.text.items()},
            lines=[self.lines[i] for i in rows] if self.lines else (),
        )


def display_name(path: str) -> str:
    """Return the name of a file for messages."""
    return "standard input" if path == "-" else path


def build(
    path: str, names: list[str], columns: list[Any], lines: Sequence[int] = (), decimal: str = "."
) -> Table:
    """Build a table from columns of strings.

    Raises
    ------
    ValueError
        If two columns have the same name.
    """
    repeated = [name for name, count in Counter(names).items() if count > 1]
    if repeated:
        raise ValueError(f"{path} has more than one column named {repeated[0]!r}")
    table = Table({}, {}, {}, lines)
    for name, strings in zip(names, columns, strict=True):
        strings = list(map(str.strip, strings))
        values = parse_numbers(strings, decimal)
        wrong = [i for i, value in enumerate(values) if value is None]
        if wrong:
            row = table.row_name(wrong[0])
            table.unusable[name] = _explain(row, strings[wrong[0]], len(wrong), len(strings))
        else:
            table.columns[name] = np.asarray(values)
        if decimal == ",":
            pairs = zip(strings, values, strict=True)
            strings = [t if value is None else t.replace(",", ".") for t, value in pairs]
        table.text[name] = strings
    return table


def _explain(row: str, text: str, wrong: int, count: int) -> str:
    """Say why a column is not numeric, citing the first row that holds no number."""
    why = f"{row} holds {show(text)}, which is not a finite number"
    if wrong < count:
        why += f" ({wrong} of {count} rows hold none)"
    elif re.fullmatch(r"-?\d+,\d+", text[:40]):
        why += "; if the comma is the decimal sign, use --decimal ,"
    return why
