"""The columns that a network reads and gives."""

import argparse
import sys
from typing import Any, NamedTuple

import numpy as np

from xprnn import tables
from xprnn.commands import timeline
from xprnn.commands.timeline import Timeline

__all__ = ["Columns", "read"]


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
    time: Timeline | None


def read(options: argparse.Namespace) -> Columns:
    """Return the columns that ``--target`` and ``--features`` name.

    A target among the features means its value one row before.
    """
    table = tables.read(options.file, options.delimiter)
    target = None if options.target is None else table.column(options.target)
    time = timeline.find(table, options.target)
    if options.features:
        names = [name.strip() for name in options.features.split(",")]
    else:
        names = [name for name in table.columns if name != options.target]
        names = names or ([] if target is None else [options.target])
        for name, why in table.left_out.items():
            if time is None or name != time.name:
                print(f"xprnn: column {name!r} is left out: {why}", file=sys.stderr)
    if len(set(names)) < len(names):
        raise ValueError(f"--features must name each column once, got {options.features!r}")
    if not names:
        raise ValueError(f"{tables.named(options.file)} has no column of numbers")
    columns = {name: table.column(name) for name in names}
    if target is None or options.target not in names:
        return Columns(names, np.stack([*columns.values()], axis=-1), target, 0, time)
    columns = {n: c[:-1] if n == options.target else c[1:] for n, c in columns.items()}
    return Columns(names, np.stack([*columns.values()], axis=-1), target[1:], 1, time)
