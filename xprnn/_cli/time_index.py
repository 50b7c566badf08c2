"""Time indexes: read dates or numbers, find their step, and write the times that follow."""

import datetime as dt
import re
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, NamedTuple, NoReturn

import numpy as np

from xprnn._fields import show

_DATE = re.compile(
    r"(\d{4}-\d\d(?:-\d\d)?)|"
    r"(\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:\.\d{3}(?:\d{3})?)?)?)(Z|[+-]\d\d:?\d\d)?",
    re.ASCII,
)
_COMPACT = re.compile(r"(1[6-9]|2[01])\d\d(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])?", re.ASCII)
_PLAIN = re.compile(r"-?\d{1,19}(\.\d{1,17})?", re.ASCII)
_MONTH = np.timedelta64(1, "M")
_TOLERANCE = 0.01
"""Numbers have even steps if none is off by more than this share of a step."""


class RowError(ValueError):
    """A row has a time that can't be read or does not match the others."""

    def __init__(self, row: int, why: str):
        super().__init__(why)
        self.row = row


def are_compact(strings: list[str]) -> bool:
    """Return whether all strings are months, like 202601, or all are days, like 20260131."""
    return all(_COMPACT.fullmatch(t) and len(t) == len(strings[0]) for t in strings)


def sample(strings: list[str]) -> list[str]:
    """Return about 1,000 evenly spaced strings of a column, enough to recognise its kind."""
    return strings[:: max(1, len(strings) // 1000)]


def are_plain(strings: list[str]) -> bool:
    """Return whether most strings of a sample are plain numbers: digits and a point."""
    some = sample(strings)
    return 2 * sum(_PLAIN.fullmatch(t) is not None for t in some) > len(some)


class Times(NamedTuple):
    """The times of a column."""

    strings: list[str]
    """The times as the file writes them."""
    values: Any
    """NumPy array (T,): integers in units of the last decimal, or datetime64, in UTC if the
    offsets differ."""
    write: Callable[[Any], list[str]]
    """A function that writes values in the notation of the strings."""

    def find_step(self) -> Callable[[int], list[str]]:
        """Return a function of n that writes the next n times; raise RowError if uneven."""
        if len(self.values) < 2:
            return _refuse_one
        units, to_values = _count_units(self.values)
        counts = units.astype("int64")
        last, steps = int(counts[-1]), len(counts) - 1
        step: float
        step, rest = divmod(last - int(counts[0]), steps)
        step = step + rest / steps if rest else step  # an integer stays exact
        errors = np.abs(counts - counts[0] - step * np.arange(len(counts)))
        tolerance = _TOLERANCE if self.values.dtype.kind == "i" else 0
        if (errors > tolerance * step).any():
            _check_compact(self.strings)
            _raise_uneven(self.strings, counts)

        def write_next(n: int) -> list[str]:
            ahead = [last + round(step * k) for k in range(1, n + 1)]
            return self.write(to_values(np.asarray(ahead).astype(units.dtype)))

        return write_next


def read(strings: list[str]) -> Times:
    """Read the strings of a column as dates or as numbers.

    Raises
    ------
    RowError
        For the first row that can't be read.

    Examples
    --------
    >>> from xprnn._cli import time_index
    >>> time_index.read(["2026-01-29", "2026-01-30"]).find_step()(2)
    ['2026-01-31', '2026-02-01']
    >>> time_index.read(["202611", "202612"]).find_step()(1)
    ['202701']
    >>> time_index.read(["0.8", "0.9"]).find_step()(1)
    ['1.0']
    """
    if are_plain(strings) and not are_compact(strings):
        return _read_numbers(strings)
    return _read_dates(strings)


def _read_numbers(strings: list[str]) -> Times:
    """Read strings as numbers."""
    padded = any(re.match(r"-?0\d", text) for text in strings)
    for i, text in enumerate(strings):
        if not _PLAIN.fullmatch(text):
            raise RowError(i, f"holds {show(text)}, which is not written as {show(strings[i - 1])}")
        if padded and len(text) != len(strings[0]):
            raise RowError(
                i,
                f"holds {show(text)}, which does not have as many digits as {show(strings[0])}",
            )
    parts = [text.partition(".") for text in strings]
    decimals = max(len(part) for _, _, part in parts)
    values = [int(whole + part.ljust(decimals, "0")) for whole, _, part in parts]
    for i in (values.index(min(values)), values.index(max(values))):
        if abs(values[i]) >= 2**62:
            raise RowError(i, f"holds {show(strings[i])}, which has too many digits")
    write = partial(_write_numbers, strings, decimals, padded)
    return Times(strings, np.asarray(values, "int64"), write)


def _write_numbers(strings: list[str], decimals: int, padded: bool, values: Any) -> list[str]:
    """Write numbers in the notation of the strings; raise if only the strings may be dates."""
    width = len(strings[0].partition(".")[0]) if padded else 1
    texts = []
    for value in values.tolist():
        digits = f"{abs(value):0{width + decimals}d}"
        if decimals:
            digits = f"{digits[:-decimals]}.{digits[-decimals:]}"
        texts.append(f"{'-' * (value < 0)}{digits}")
    if padded and len(texts[-1]) != len(strings[0]):
        raise ValueError(f"{texts[-1]} is not written as {strings[0]}")
    for layout in _find_layouts(strings):
        wrong = next((text for text in texts if not _fits(layout, text)), None)
        if wrong is not None:
            raise ValueError(
                f"if {strings[-1]} is a date or a time of day, {wrong} is not; write "
                "dates as 2026-01-31 or 2026-01-31 12:30"
            )
    return texts


def _check_compact(strings: list[str]) -> None:
    """If most numbers are dates, raise RowError for the first that is not."""
    others = [i for i, text in enumerate(strings) if not _COMPACT.fullmatch(text)]
    if others and 2 * len(others) < len(strings):
        raise RowError(others[0], f"holds {show(strings[others[0]])}, which is not a date")


_LAYOUTS = (
    "%Y%m", "%Y%m%d", "%d%m%Y", "%m%d%Y", "%m%Y", "%y%m%d", "%d%m%y", "%m%d%y", "%Y%j",
    "%Y%m%d%H", "%Y%m%d%H%M", "%Y%m%d%H%M%S", "%H00", "%Y.%m", "%m.%Y", "%d.%m",
    re.compile(r"\d{4}[1-4]"), re.compile(r"\d{4}(0[1-9]|[1-4]\d|5[0-2])"),
)  # fmt: skip
"""Layouts of dates in digits that are recognised but not read: days, hours, quarters, weeks …"""


def _fits(layout: Any, text: str) -> bool:
    """Return whether a number could be a date in a layout."""
    text = re.sub(r"\.0+$", "", text)
    if not isinstance(layout, str):
        return layout.fullmatch(text) is not None and "1600" <= text[:4] < "2200"
    try:
        length = len(dt.datetime(2000, 1, 1).strftime(layout))
        text = text if "%y" in layout else text.zfill(length)  # numbers lose their leading zeros
        if "%y" in layout.lower():
            date = dt.datetime.strptime(text, layout)
        else:  # in a leap year, which has every day
            date = dt.datetime.strptime(f"2000 {text}", f"%Y {layout}")
    except ValueError:
        return False
    return date.strftime(layout) == text and ("%Y" not in layout or 1600 <= date.year < 2200)


def may_be_dates(strings: list[str]) -> bool:
    """Return whether all numbers could be dates in one layout, or hours such as 0600."""
    hours = any(text.startswith("0") for text in strings)
    return any(hours or layout != "%H00" for layout in _find_layouts(strings))


def _find_layouts(strings: list[str]) -> Iterator[Any]:
    """Yield the layouts in which all strings could be dates."""
    return (layout for layout in _LAYOUTS if all(_fits(layout, text) for text in strings))


def _read_dates(strings: list[str]) -> Times:
    """Read strings as dates, with or without a time of day."""
    compact = are_compact(strings)
    texts = [_separate(text) for text in strings] if compact else strings
    dates, zones = [], []
    for i, text in enumerate(texts):
        match = _DATE.fullmatch(text)
        if match is None:
            raise RowError(i, f"holds {show(text)}, which is neither")
        day, clock, zone = match.groups("")
        zones.append(zone)
        if (len(text), len(zone)) != (len(texts[0]), len(zones[0])):
            raise RowError(i, f"holds {show(text)}, which is not written as {show(texts[0])}")
        try:
            dates.append(np.datetime64((day or clock).replace(" ", "T")))
        except ValueError:
            raise RowError(i, f"holds {show(day or clock)}, which does not exist") from None
    values = np.asarray(dates)
    shift = values[0] - values[0]
    if len(set(zones)) > 1:
        shifts = [_parse_offset(i, zone) for i, zone in enumerate(zones)]
        values, shift = values - shifts, shifts[-1]
    write = partial(_write_dates, strings[0], compact, zones[-1], shift)
    return Times(strings, values, write)


def _write_dates(first: str, compact: bool, zone: str, shift: Any, values: Any) -> list[str]:
    """Write dates like the first one, at the offset from UTC that the text writes as `zone`."""
    local = [str(t).replace("T", first[10:11] or "T") for t in values + shift]
    if compact:
        local = [t.replace("-", "") for t in local]
    if len(local[-1]) + len(zone) != len(first):
        raise ValueError(f"{local[-1]} is not written as {first}")
    return [t + zone for t in local]


def _separate(text: str) -> str:
    """Return 20260131 as 2026-01-31, and 202601 as 2026-01."""
    return "-".join(part for part in (text[:4], text[4:6], text[6:]) if part)


def _parse_offset(row: int, zone: str) -> Any:
    """Parse an offset from UTC as a NumPy timedelta64."""
    if zone == "Z":
        return np.timedelta64(0, "m")
    hours, minutes = int(zone[1:3]), int(zone[-2:])
    if hours > 14 or minutes > 59:
        raise RowError(row, f"holds the offset {zone}, which does not exist")
    return np.timedelta64(int(f"{zone[0]}1") * (60 * hours + minutes), "m")


def _count_units(times: Any) -> tuple[Any, Callable[[Any], Any]]:
    """Return times as counts of a unit, and a function that converts counts back to times.

    The unit is a month if all dates are on the same day of the month, or all on the last day; a
    working day if most are one working day apart; otherwise the unit of the times.
    """
    if times.dtype in ("int64", "datetime64[M]"):
        return times, lambda counts: counts
    months = times.astype("datetime64[M]")
    days = times.astype("datetime64[D]")
    into, left, hour = times - months, months + _MONTH - times, times - days
    if (np.diff(months) > np.timedelta64(0, "M")).all():
        if (into == into[0]).all() and into[0] < np.timedelta64(28, "D"):
            return months, lambda counts: counts.astype(times.dtype) + into[0]
        if (left == left[0]).all():
            return months, lambda counts: (counts + _MONTH).astype(times.dtype) - left[0]
    steps = np.diff(times)
    if (steps != steps[0]).any() and (hour == hour[0]).all() and np.is_busday(days).all():
        working = np.busday_count(days[0], days)
        if 2 * (np.diff(working) == 1).sum() > len(steps):
            return working, lambda w: np.busday_offset(days[0], w).astype(times.dtype) + hour[0]
    return times, lambda counts: counts


def _refuse_one(n: int) -> list[str]:
    """Raise ValueError, since a single time has no step."""
    raise ValueError("a single row does not define a step")


def _raise_uneven(strings: list[str], values: Any) -> NoReturn:
    """Raise RowError for the first row that is not one step after the row before it."""
    steps = np.diff(values)
    distinct, counts = np.unique(steps, return_counts=True)
    (others,) = np.nonzero(steps != distinct[counts.argmax()])
    i = int(others[0]) + 1
    raise RowError(i, f"holds {show(strings[i])}, and the time before it is {show(strings[i - 1])}")
