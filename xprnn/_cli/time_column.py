"""Find the time column of a table, check that it has even steps, and sort the rows by it."""

import argparse
import re
from collections.abc import Callable, Collection
from itertools import compress
from typing import Any, NamedTuple

import numpy as np

from xprnn._cli import output, time_index
from xprnn._cli.tables import Table
from xprnn._cli.tables.parse import looks_like_time, parse_number
from xprnn._cli.time_index import RowError, Times, are_compact, are_plain, may_be_dates, sample
from xprnn._fields import check_choice

_SHARE = 0.6
"""Numbers count as time if more than this share of their steps are equal."""
_SHARE_UNORDERED = 0.8
"""The same for unordered rows."""
_MOST_CANDIDATES = 20
"""The most columns that look like time to try before the first error is raised."""
_INDEX_NAMES = ("", "index", "unnamed: 0")
"""Names of columns that, if they count the rows, are the time only as a last resort."""
_YEAR = re.compile(r"(1[6-9]|2[01])\d\d", re.ASCII)


class Timeline(NamedTuple):
    """The time of each row."""

    name: str
    times: list[str]
    """The times of the rows, as the file writes them."""
    after: Callable[[int], list[str]]
    """A function that returns the next n times."""
    sorted: bool = False
    """Whether the rows were sorted into another order than the file's."""
    numbered: bool = False
    """Whether the rows are counted because the table has no time column."""

    def report(self) -> dict[str, Any]:
        """Return the part about time of every command's report with ``--json``."""
        return {"time": self.name, "sorted": self.sorted, "numbered": self.numbered}


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that `sort` reads."""
    group = parser.add_mutually_exclusive_group()
    group.add_argument(
        "--time",
        metavar="COLUMN",
        help="the column of the times: dates or numbers with even steps (default: the first such "
        "column of dates, or else of numbers)",
    )
    group.add_argument(
        "--rows",
        action="store_true",
        help="keep the order of the rows and number them, whatever the times are",
    )


def sort(
    options: argparse.Namespace, table: Table, features: Collection[str] | None = None
) -> tuple[Table, Timeline]:
    """Sort the table by the time column that the options name or imply; return it and its timeline.

    If the order of the rows changes, a note on standard error says so.

    Raises
    ------
    ValueError
        If the target is not a numeric column, and as for `find` and `read`.
    """
    if options.target is not None:
        table.column(options.target, "--target")
    if options.rows:
        return table, _count_rows(table)
    if options.time is not None:
        if options.time == options.target:
            raise ValueError(f"--target and --time must be two columns, got {options.time!r} twice")
        table, timeline = read(table, options.time)
    else:
        table, timeline = find(table, options.target, features)
    if timeline.sorted:
        output.note(
            f"the rows are sorted by {timeline.name!r}, the oldest first; --rows keeps the order "
            "of the file"
        )
    return table, timeline


def find(
    table: Table, target: str | None, features: Collection[str] | None = None
) -> tuple[Table, Timeline]:
    """Find the time column; return the table sorted by it, and the timeline.

    The time column is the first column of dates with even steps. In a table without dates it is a
    column of years with even steps, or else of other numbers, or as a last resort the index. It is
    never the target or the only numeric column. Without a time column the rows are numbered.

    Parameters
    ----------
    table : Table
    target : str or None
    features : collection of str, optional
        The features; one of them counts as time only if its steps are even from the first row to
        the last. None if the command has no features; otherwise errors mention ``--features``.

    Returns
    -------
    table : Table
    timeline : Timeline

    Raises
    ------
    ValueError
        If columns look like time but none has even steps, or if several numeric columns have.

    Examples
    --------
    >>> import numpy as np
    >>> from xprnn._cli import time_column
    >>> from xprnn._cli.tables import Table
    >>> text = {"month": ["1960-12", "1960-11"], "y": ["432", "390"]}
    >>> table = Table({"y": np.asarray([432.0, 390.0])}, {"month": "no numbers"}, text)
    >>> table, timeline = time_column.find(table, None)
    >>> timeline.name, timeline.times, timeline.after(2)
    ('month', ['1960-11', '1960-12'], ['1961-01', '1961-02'])
    >>> table.column("y")
    array([390., 432.])
    """
    hint = "" if features is None else "; --features names the columns to learn from"
    features = features or ()
    excluded = {target}
    if target is None and len(table.columns) == 1:
        excluded = {*table.columns}
    names = [name for name in table.text if name not in excluded]
    date_like = [name for name in names if _are_dates(table, name)]
    dates = [name for name in date_like if len(table.text[name]) < 2 or _vary(table.text[name])]
    numbers = [] if dates else [name for name in names if _are_steps(table, name, features)]
    years = [name for name in numbers if _are_years(table, name)]
    numbers = [name for name in numbers if not _is_index(table, name)] or numbers
    for candidates in (dates, years, numbers, date_like):
        errors, readings = [], {}
        for name in candidates[:_MOST_CANDIDATES]:
            try:
                readings[name] = read(table, name)
            except ValueError as error:
                errors.append(error)
            if readings and candidates is not numbers:
                break
        others = [name for name in readings if name not in features]
        if len(others) > 1:
            both = " and ".join(map(repr, others[:3]))
            raise ValueError(f"{both} step evenly; --time must name the time column{hint}")
        if readings:
            return readings[(others or [*readings])[0]]
        if errors:
            raise (
                errors[0] if candidates in (dates, date_like) else ValueError(f"{errors[0]}{hint}")
            )
    return table, _count_rows(table)


def find_time_like(table: Table, target: str | None) -> list[str]:
    """Return the numeric columns that look like time, except the target."""
    return [
        name
        for name in table.columns
        if name != target and (_are_dates(table, name) or _are_steps(table, name, ()))
    ]


def read(table: Table, name: str) -> tuple[Table, Timeline]:
    """Sort the table by a time column; return it and its timeline.

    Raises
    ------
    ValueError
        If the table has no such column, or if the sorted times have uneven steps.
    """
    check_choice("--time", name, table.text)
    try:
        times = time_index.read(table.text[name])
        order = np.argsort(times.values, kind="stable")
        _check_unique(table, times, order)
        unsorted = bool((np.diff(order) < 0).any())
        if unsorted:
            _check_sortable(times)
            table = table.reorder(order)
            times = time_index.read(table.text[name])
        after = times.find_step()
    except RowError as error:
        text, hint = table.text[name], ""
        if any(t[10:11] in ("T", " ") and len(t) < 20 for t in text[:1]):
            hint = "; local times need their offset from UTC, as 2026-01-31T12:00+01:00"
        raise ValueError(
            f"column {name!r} must hold numbers or dates, such as 2026-01-31, that step evenly, "
            f"but {table.row_name(error.row)} {error}{hint}; --time names another column, --rows "
            "counts the rows in the order of the file"
        ) from error

    def extend(n: int) -> list[str]:
        try:
            return after(n)
        except ValueError as error:
            raise ValueError(
                f"column {name!r} cannot be continued for {n} rows: {error}; --rows counts the rows"
            ) from error

    return table, Timeline(name, table.text[name], extend, sorted=unsorted)


def _count_rows(table: Table) -> Timeline:
    """Return a timeline that numbers the rows."""
    rows = len(next(iter(table.text.values())))
    return Timeline(
        "row",
        [str(k + 1) for k in range(rows)],
        lambda n: [str(rows + k + 1) for k in range(n)],
        numbered=True,
    )


def _check_unique(table: Table, times: Times, order: Any) -> None:
    """Raise RowError if two rows have the same time, as in a file with several series."""
    values, text = times.values.astype("int64"), times.strings
    (repeats,) = np.nonzero(np.diff(values[order]) == 0)
    if not repeats.size:
        return
    steps = np.sign(np.diff(values))
    (turns,) = np.nonzero(steps == -np.sign(steps.sum()))
    if turns.size and steps.sum():
        row = int(turns[0]) + 1
        raise RowError(
            row,
            f"starts again at {text[row]} after {text[row - 1]}; if the file holds several "
            "series, keep the rows of one",
        )
    first, second = (int(order[repeats[0] + k]) for k in (0, 1))
    raise RowError(second, f"holds {text[second]} again, after {table.row_name(first)}")


def _check_sortable(times: Times) -> None:
    """Raise RowError if numbers could be dates or hours, which may sort in another order."""
    if times.values.dtype.kind == "i" and may_be_dates(times.strings):
        row = int(np.flatnonzero(np.diff(times.values) < 0)[0]) + 1
        raise RowError(
            row,
            f"holds {times.strings[row]} after {times.strings[row - 1]}; numbers that could be "
            "dates or times of day are not sorted",
        )


def _are_dates(table: Table, name: str) -> bool:
    """Return whether a column holds dates, even in a notation that can't be read."""
    strings = table.text[name]
    if name in table.columns:
        return _vary(strings) and are_compact(strings)
    some = sample([text for text in strings if text])
    return 2 * sum(map(looks_like_time, some)) > len(some)


def _vary(strings: list[str]) -> bool:
    """Return whether at least two different times occur."""
    return len(set(strings) - {""}) > 1


def _are_steps(table: Table, name: str, features: Collection[str]) -> bool:
    """Return whether a numeric column is meant as time: even steps, with a few faults at most.

    A feature must have no fault. Any other column is time if most steps from row to row are equal
    (in unordered rows, a larger share); if its distinct numbers have even steps and occur equally
    often, as in several series one below the other; or if all could be dates in digits.
    """
    values = _read_numbers(table, name)
    with np.errstate(all="ignore"):
        even = len(values) > 2 and _share_of_median(np.diff(values)) == 1
        if name in features:
            return even and are_plain(table.text[name])
        if even or len(values) < 4:
            return even
        finite = np.isfinite(values)
        steps = np.diff(values[finite])
        numbers, rows = np.unique(values[finite], return_counts=True)
        if finite.mean() <= _SHARE or len(numbers) < 3:
            return False
        ordered = (steps >= 0).all() or (steps <= 0).all()
        share = _share_of_median(np.diff(numbers))
        regular = min(share, (rows == np.median(rows)).mean())
        return bool(
            (share == 1 and len(numbers) == len(values) > 4)
            or _share_of_median(steps) * len(steps) > _SHARE * (len(values) - 1)
            or (regular > _SHARE_UNORDERED and (ordered or len(numbers) > 7))
            or may_be_dates([*compress(table.text[name], finite)])
        )


def _read_numbers(table: Table, name: str) -> Any:
    """Return the numbers of a column, with NaN for a row that holds none."""
    if name in table.columns:
        return table.columns[name]
    return np.asarray([parse_number(text) for text in table.text[name]], "float64")


def _share_of_median(steps: Any) -> float:
    """Return the share of steps equal to the median step up to rounding; 0 if that step is 0."""
    step = np.median(steps)
    if step == 0 or not np.isfinite(step):
        return 0.0
    return float((np.abs(steps - step) <= 0.02 * abs(step)).mean())


def _are_years(table: Table, name: str) -> bool:
    """Return whether a column holds years."""
    return all(map(_YEAR.fullmatch, sample(table.text[name])))


def _is_index(table: Table, name: str) -> bool:
    """Return whether a column is the index of a table, which numbers the rows from 0 or 1."""
    values = _read_numbers(table, name)
    counts = values[0] in (0, 1) and (values == values[0] + np.arange(len(values))).all()
    return name.lower() in _INDEX_NAMES and bool(counts)
