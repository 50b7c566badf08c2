"""The features and the target that a network learns from, as columns of a table."""

import argparse
from typing import Any, NamedTuple

import numpy as np

from xprnn._cli import output, tables, time_column
from xprnn._cli.tables import Table
from xprnn._cli.time_column import Timeline


class Features(NamedTuple):
    """Features and target, row by row."""

    names: list[str]
    """Of the features."""
    x: Any
    """NumPy array (T, F)"""
    y: Any
    """NumPy array (T,), None without a target."""
    time: Timeline
    """Of all rows of the file: one more than here if the target is a feature."""


def parse_names(options: argparse.Namespace) -> list[str] | None:
    """Split the value of ``--features`` into names; None without one."""
    if options.features is None:
        return None
    names = [name.strip() for name in options.features.split(",")]
    if len(set(names)) < len(names):
        raise ValueError(f"--features must name each column once, got {options.features!r}")
    return names


def select(options: argparse.Namespace, table: Table, names: list[str] | None) -> Features:
    """Select the target and the features from a table, sorted by time.

    Without names, the features are all columns of numbers except the target and the time, or the
    target itself if there are no others. As a feature, it is its value one row before.
    """
    target = options.target
    table, time = time_column.sort(options, table, names or ())
    y = None if target is None else table.column(target)
    if names is None:
        excluded = [target, *([] if time.numbered else [time.name])]
        if options.rows:
            time_like = time_column.find_time_like(table, target)
            for name in time_like:
                output.note(
                    f"column {name!r} looks like time and is left out; --features can name it"
                )
            excluded += time_like
        names = [name for name in table.columns if name not in excluded]
        names = names or ([] if target is None else [target])
        for name, why in table.unusable.items():
            if name not in excluded:
                output.note(f"column {name!r} is left out: {why}")
    if not names:
        raise ValueError(
            f"{tables.display_name(options.file)} has no column of numbers for the features"
        )
    columns = {name: table.column(name) for name in names}
    if y is not None and target in names:
        columns = {n: c[:-1] if n == target else c[1:] for n, c in columns.items()}
        y = y[1:]
    return Features(names, np.stack([*columns.values()], axis=-1), y, time)
