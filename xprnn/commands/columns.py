"""The columns that a network reads and gives."""

import argparse
import sys
from typing import Any, NamedTuple

import numpy as np

from xprnn import tables
from xprnn.commands import timeline
from xprnn.commands.options import table as read_table
from xprnn.commands.timeline import Timeline
from xprnn.tables import Table

__all__ = ["Columns", "chosen", "listed", "read"]


class Columns(NamedTuple):
    """Features and target, row by row."""

    names: list[str]
    """Of the features."""
    x: Any
    """NumPy array (T, F)"""
    y: Any
    """NumPy array (T,), None without a target."""
    first: int
    """The row of the file that is the first one here: 1, where a target is its own feature."""
    time: Timeline
    """Of all rows of the file."""


def read(options: argparse.Namespace) -> Columns:
    """Return the columns that ``--target`` and ``--features`` name.

    A target among the features means its value one row before.
    """
    table = read_table(options)
    names = None if options.features is None else listed(options.features)
    return chosen(options, table, names)


def listed(features: str) -> list[str]:
    """Return the names of ``--features``."""
    names = [name.strip() for name in features.split(",")]
    if len(set(names)) < len(names):
        raise ValueError(f"--features must name each column once, got {features!r}")
    return names


def chosen(options: argparse.Namespace, table: Table, names: list[str] | None) -> Columns:
    """Return the target and the features of a table, sorted by time.

    If no features are named, they are all columns of numbers except the target and the time;
    if there are none, the target itself.
    """
    target = options.target
    table, time = timeline.settle(options, table, names or ())
    y = None if target is None else table.column(target)
    if names is None:
        others = [target, *([] if time.numbered else [time.name])]
        if options.rows:
            alike = timeline.left_out(table, target)
            for name in alike:
                print(
                    f"xprnn: column {name!r} looks like time and is left out; --features can name "
                    "it",
                    file=sys.stderr,
                )
            others += alike
        names = [name for name in table.columns if name not in others]
        names = names or ([] if target is None else [target])
        for name, why in table.left_out.items():
            if name not in others:
                print(f"xprnn: column {name!r} is left out: {why}", file=sys.stderr)
    if not names:
        raise ValueError(f"{tables.named(options.file)} has no column of numbers for the features")
    columns = {name: table.column(name) for name in names}
    if y is None or target not in names:
        return Columns(names, np.stack([*columns.values()], axis=-1), y, 0, time)
    columns = {n: c[:-1] if n == target else c[1:] for n, c in columns.items()}
    return Columns(names, np.stack([*columns.values()], axis=-1), y[1:], 1, time)
