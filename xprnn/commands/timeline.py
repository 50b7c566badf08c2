"""The one place that decides which column of a table is the time, and whether it steps evenly."""

import argparse
import re
import sys
from collections.abc import Callable, Collection
from typing import Any, NamedTuple

import numpy as np

from xprnn._validate import unknown
from xprnn.commands import times
from xprnn.commands.times import Numbers, RowError, are_compact, are_plain, may_be_dates
from xprnn.tables import Table
from xprnn.tables.cells import looks_like_time, number

__all__ = ["Timeline", "add_options", "find", "left_out", "read", "settle"]

_SHARE = 0.6
"""Numbers are meant as time if more than this share of their steps is the same."""
_MOST = 0.8
"""The same share for rows that are in no order."""
_TRIED = 20
"""How many columns that look like time are tried before the error of the first is raised."""
_INDEX = ("", "index", "unnamed: 0")
"""Columns of these names that count the rows are the time only if no others are."""
_YEAR = re.compile(r"(1[6-9]|2[01])\d\d", re.ASCII)
_LOOKED_AT = 1000
"""How many rows decide whether a column of strings looks like time."""


class NumbersError(ValueError):
    """Numbers that may be time or a feature, and can't be told apart."""


class Timeline(NamedTuple):
    """The time of each row."""

    name: str
    known: list[str]
    """The times of the rows, as the file writes them."""
    after: Callable[[int], list[str]]
    """Takes n and returns the next n times."""
    sorted: bool = False
    """Whether the rows were in another order in the file."""
    numbered: bool = False
    """Whether the rows are counted, as there is no time column."""

    def report(self) -> dict[str, Any]:
        """Return what every command writes about time with ``--json``."""
        return {"time": self.name, "sorted": self.sorted, "numbered": self.numbered}


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that `settle` reads."""
    group = parser.add_mutually_exclusive_group()
    group.add_argument(
        "--time",
        metavar="COLUMN",
        help="dates or numbers that step evenly (default: the first column of dates that does, "
        "or else of numbers)",
    )
    group.add_argument(
        "--rows",
        action="store_true",
        help="take the rows as they stand and count them, whatever the times say",
    )


def settle(
    options: argparse.Namespace, table: Table, features: Collection[str] = ()
) -> tuple[Table, Timeline]:
    """Return the table sorted by time, and its timeline, as the options ask for.

    A note on standard error says that rows were sorted.

    Raises
    ------
    ValueError
        If the target is not a column of numbers, and as `find` and `read`.
    """
    if options.target is not None:
        table.column(options.target, "--target")
    if options.rows:
        return table, _numbered(table)
    if options.time is not None:
        if options.time == options.target:
            raise ValueError(f"--target and --time must be two columns, got {options.time!r} twice")
        if options.time not in table.text:
            raise unknown("--time", options.time, table.text)
        table, timeline = read(table, options.time)
    else:
        try:
            table, timeline = find(table, options.target, features)
        except NumbersError as fault:
            if not hasattr(options, "features"):
                raise
            raise ValueError(f"{fault}; --features names the columns to learn from") from fault
    if timeline.sorted:
        print(
            f"xprnn: the rows are sorted by {timeline.name!r}, the oldest first; --rows leaves "
            "them as they stand",
            file=sys.stderr,
        )
    return table, timeline


def find(
    table: Table, target: str | None, features: Collection[str] = ()
) -> tuple[Table, Timeline]:
    """Find the time column; return the table sorted by it, and the timeline.

    It is the first column of dates that steps evenly. If there are no dates, it is the column of
    years, or else of other numbers, that does; the index of a table counts only where there is
    no other. It is never the target or the only column of numbers. If there is no such column,
    the rows are counted.

    Parameters
    ----------
    table : Table
    target : str or None
    features : collection of str
        A column of numbers among them is taken as time only if it steps evenly.

    Returns
    -------
    table : Table
    timeline : Timeline

    Raises
    ------
    ValueError
        If some columns look like time but none steps evenly, or if several of numbers do.

    Examples
    --------
    >>> import numpy as np
    >>> from xprnn.commands import timeline
    >>> from xprnn.tables import Table
    >>> text = {"month": ["1960-12", "1960-11"], "y": ["432", "390"]}
    >>> table = Table({"y": np.asarray([432.0, 390.0])}, {"month": "no numbers"}, text)
    >>> table, found = timeline.find(table, None)
    >>> found.name, found.known, found.after(2)
    ('month', ['1960-11', '1960-12'], ['1961-01', '1961-02'])
    >>> table.column("y")
    array([390., 432.])
    """
    few = target is None and len(table.columns) < 2
    names = [name for name in table.text if name != target and not (few and name in table.columns)]
    alike = [name for name in names if _are_dates(table, name)]
    dates = [name for name in alike if len(table.text[name]) < 2 or _differ(table.text[name])]
    numbers = [] if dates else [name for name in names if _are_steps(table, name, features)]
    years = [name for name in numbers if _are_years(table, name)]
    numbers = [name for name in numbers if not _is_index(table, name)] or numbers
    for candidates in (dates, years, numbers, alike):
        faults, readings = [], {}
        for name in candidates[:_TRIED]:
            try:
                readings[name] = read(table, name)
            except ValueError as fault:
                faults.append(fault)
            if readings and candidates is not numbers:
                break
        others = [name for name in readings if name not in features]
        if len(others) > 1:
            both = " and ".join(map(repr, others[:3]))
            raise NumbersError(f"{both} step evenly; --time must name the one that is time")
        if readings:
            return readings[(others or [*readings])[0]]
        if faults:
            raise NumbersError(str(faults[0])) if candidates in (years, numbers) else faults[0]
    return table, _numbered(table)


def left_out(table: Table, target: str | None) -> list[str]:
    """Return the columns of numbers that look like time, though the rows are counted."""
    return [
        name
        for name in table.columns
        if name != target and (_are_dates(table, name) or _are_steps(table, name, ()))
    ]


def read(table: Table, name: str) -> tuple[Table, Timeline]:
    """Return the table sorted by a time column, and its timeline.

    Raises
    ------
    ValueError
        If there is no such column, or if it does not step evenly once it is sorted.
    """
    if name not in table.text:
        table.column(name)
    try:
        found = times.read(table.text[name])
        order = np.argsort(found.at, kind="stable")
        _check_once(table, found, order)
        moved = bool((np.diff(order) < 0).any())
        if moved:
            _check_sortable(found)
            table, found = table.in_order(order), found.in_order(order)
        after = found.continued()
    except RowError as fault:
        text, hint = table.text[name], ""
        if any(t[10:11] in ("T", " ") and len(t) < 20 for t in text[:1]):
            hint = "; local times need their offset from UTC, as 2026-01-31T12:00+01:00"
        raise ValueError(
            f"column {name!r} must hold numbers or dates, such as 2026-01-31, that step evenly, "
            f"but {table.where(fault.row)} {fault}{hint}; --time names another column, --rows "
            "counts the rows as they stand"
        ) from fault

    def go_on(n: int) -> list[str]:
        try:
            return after(n)
        except ValueError as error:
            raise ValueError(
                f"column {name!r} cannot go on for {n} rows: {error}; --rows counts the rows"
            ) from error

    return table, Timeline(name, table.text[name], go_on, sorted=moved)


def _numbered(table: Table) -> Timeline:
    """Return a timeline that counts the rows."""
    rows = len(next(iter(table.text.values())))
    return Timeline(
        "row",
        [str(k + 1) for k in range(rows)],
        lambda n: [str(rows + k + 1) for k in range(n)],
        numbered=True,
    )


def _check_once(table: Table, found: Any, order: Any) -> None:
    """Raise RowError if two rows have the same time, as when a file holds several series."""
    at, text = found.at, found.strings
    (twice,) = np.nonzero(np.diff(at[order]) == 0 * np.diff(at[order]))
    if not twice.size:
        return
    steps = np.sign(np.diff(at).astype("int64"))
    (turns,) = np.nonzero(steps == -np.sign(steps.sum()))
    if turns.size and steps.sum():
        row = int(turns[0]) + 1
        raise RowError(
            row,
            f"starts again at {text[row]} after {text[row - 1]}; of several series keep the "
            "rows of one",
        )
    first, second = (int(order[twice[0] + k]) for k in (0, 1))
    raise RowError(second, f"holds {text[second]} once more, as {table.where(first)} does")


def _check_sortable(found: Any) -> None:
    """Raise RowError if numbers could be dates or hours, whose order is not that of numbers."""
    if isinstance(found, Numbers) and may_be_dates(found.strings):
        row = int(np.flatnonzero(np.diff(found.at) < 0)[0]) + 1
        raise RowError(
            row,
            f"holds {found.strings[row]} after {found.strings[row - 1]}; numbers that could be "
            "dates or times of day are not sorted",
        )


def _are_dates(table: Table, name: str) -> bool:
    """Whether a column holds dates, even in a notation that can't be read."""
    strings = table.text[name]
    if name in table.columns:
        return _differ(strings) and are_compact(strings)
    some = _some([text for text in strings if text])
    alike = sum(looks_like_time(text) for text in some)
    return 2 * alike > len(some)


def _some(strings: list[str]) -> list[str]:
    """Return a sample of a column, large enough to tell what it holds."""
    return strings[:: max(1, len(strings) // _LOOKED_AT)]


def _differ(strings: list[str]) -> bool:
    """Whether there are at least two different times."""
    return len(set(strings) - {""}) > 1


def _are_steps(table: Table, name: str, features: Collection[str]) -> bool:
    """Whether a column holds numbers that are meant as time: they step evenly, but for faults.

    A feature must step evenly without a fault. In other columns most steps from row to row
    must be the same. Or the different numbers step evenly and each occurs in equally many
    rows, as when several series stand one below the other; in no order, more of them must.
    Or all of them could be dates written in digits.
    """
    strings = _some(table.text[name])
    if sum(number(text) is not None for text in strings) <= _SHARE * len(strings):
        return False
    at = _values(table, name)
    with np.errstate(all="ignore"):
        even = len(at) > 2 and bool(_same(np.diff(at)) == 1)
        if name in features:
            return even and are_plain(table.text[name])
        if even or len(at) < 4:
            return even
        found = at[np.isfinite(at)]
        steps = np.diff(found)
        numbers, rows = np.unique(found, return_counts=True)
        ordered = (steps >= 0).all() or (steps <= 0).all()
        if len(found) <= _SHARE * len(at) or len(numbers) < 3:
            return False
        once = len(numbers) == len(at) > 4 and _same(np.diff(numbers)) == 1
        alike = min(_same(np.diff(numbers)), (rows == np.median(rows)).mean())
        return bool(
            once
            or _same(steps) * len(steps) > _SHARE * (len(at) - 1)
            or (alike > _MOST and (ordered or len(numbers) > 7))
            or may_be_dates([text for text in table.text[name] if number(text) is not None])
        )


def _values(table: Table, name: str) -> Any:
    """Return the numbers of a column, NaN where a row holds none."""
    if name in table.columns:
        return table.columns[name]
    values = (number(text) for text in table.text[name])
    return np.asarray([np.nan if value is None else value for value in values])


def _same(steps: Any) -> float:
    """Return the share of steps that equal the median, up to rounding; 0 if that is zero."""
    step = np.median(steps)
    if step == 0 or not np.isfinite(step):
        return 0.0
    return float((np.abs(steps - step) <= 0.02 * abs(step)).mean())


def _are_years(table: Table, name: str) -> bool:
    """Whether a column holds years."""
    return all(_YEAR.fullmatch(text) for text in _some(table.text[name]))


def _is_index(table: Table, name: str) -> bool:
    """Whether a column is the index of a table, which counts the rows from 0 or from 1."""
    at = _values(table, name)
    counts = at[0] in (0, 1) and (at == at[0] + np.arange(len(at))).all()
    return name.lower() in _INDEX and bool(counts)
