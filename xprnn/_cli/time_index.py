"""A time index: reads dates or numbers, finds their step, and writes the times that follow."""

import datetime as dt
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, NoReturn

import numpy as np

from xprnn._validate import show

_DATE = re.compile(
    r"(\d{4}-\d\d(?:-\d\d)?)|"
    r"(\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:\.\d{3}(?:\d{3})?)?)?)(Z|[+-]\d\d:?\d\d)?",
    re.ASCII,
)
_COMPACT = re.compile(r"(1[6-9]|2[01])\d\d(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])?", re.ASCII)
_PLAIN = re.compile(r"-?\d{1,19}(\.\d{1,17})?", re.ASCII)
_MONTH = np.timedelta64(1, "M")
_TOLERANCE = 0.01
"""Numbers step evenly if none is off by more than this share of a step."""


class RowError(ValueError):
    """The time of a row can't be read, or does not fit the others."""

    def __init__(self, row: int, why: str):
        super().__init__(why)
        self.row = row


def are_compact(strings: list[str]) -> bool:
    """Whether all strings are months, such as 202601, or all are days, such as 20260131."""
    return all(_COMPACT.fullmatch(t) and len(t) == len(strings[0]) for t in strings)


def are_plain(strings: list[str]) -> bool:
    """Whether most of a sample of strings are plain numbers: digits and a point."""
    some = strings[:: max(1, len(strings) // 1000)]
    return 2 * sum(_PLAIN.fullmatch(t) is not None for t in some) > len(some)


def read(strings: list[str]) -> "Dates | Numbers":
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


@dataclass(frozen=True)
class Numbers:
    """Times that are numbers."""

    strings: list[str]
    values: Any
    """NumPy integers (T,), in units of the last decimal."""
    decimals: int
    """The most decimals that a number has."""

    def reorder(self, order: Any) -> "Numbers":
        """Return the index in another order."""
        return replace(self, strings=[self.strings[i] for i in order], values=self.values[order])

    def find_step(self) -> Callable[[int], list[str]]:
        """Return a function of n that writes the next n times; raise RowError if steps differ."""
        if len(self.values) < 2:
            return _refuse_one
        last, steps = int(self.values[-1]), len(self.values) - 1
        step: float
        step, rest = divmod(last - int(self.values[0]), steps)
        step = step + rest / steps if rest else step  # an integer stays exact
        errors = self.values - self.values[0] - step * np.arange(len(self.values))
        if (np.abs(errors) > _TOLERANCE * step).any():
            _check_compact(self.strings)
            _raise_uneven(self.strings, self.values)
        return lambda n: self._write([last + round(step * k) for k in range(1, n + 1)])

    def _write(self, values: list[int]) -> list[str]:
        """Write numbers like those of the index; raise if those may be dates and these can't."""
        padded = _are_padded(self.strings)
        width = len(self.strings[0].partition(".")[0]) if padded else 1
        digits = (f"{abs(value):0{width + self.decimals}d}" for value in values)
        if self.decimals:
            digits = (f"{d[: -self.decimals]}.{d[-self.decimals :]}" for d in digits)
        written = [f"{'-' * (value < 0)}{d}" for value, d in zip(values, digits, strict=True)]
        if padded and len(written[-1]) != len(self.strings[0]):
            raise ValueError(f"{written[-1]} is not written as {self.strings[0]}")
        for layout in _LAYOUTS:
            wrong = next((t for t in written if not _fits(layout, t)), None)
            if wrong is not None and all(_fits(layout, t) for t in self.strings):
                raise ValueError(
                    f"if {self.strings[-1]} is a date or a time of day, {wrong} is not; write "
                    "dates as 2026-01-31 or 2026-01-31 12:30"
                )
        return written


def _read_numbers(strings: list[str]) -> Numbers:
    """Read strings as numbers."""
    for i, text in enumerate(strings):
        if not _PLAIN.fullmatch(text):
            raise RowError(i, f"holds {show(text)}, which is not written as {show(strings[i - 1])}")
    decimals = max((len(text.partition(".")[2]) for text in strings if "." in text), default=0)
    parts = (text.partition(".") for text in strings) if decimals else ()
    digits = [whole + part.ljust(decimals, "0") for whole, _, part in parts] or strings
    values = list(map(int, digits))
    for i in (values.index(min(values)), values.index(max(values))):
        if abs(values[i]) >= 2**62:
            raise RowError(i, f"holds {show(strings[i])}, which has too many digits")
    if _are_padded(strings):
        for i, text in enumerate(strings):
            if len(text) != len(strings[0]):
                first = show(strings[0])
                raise RowError(
                    i, f"holds {show(text)}, which does not have as many digits as {first}"
                )
    return Numbers(strings, np.asarray(values, "int64"), decimals)


def _are_padded(strings: list[str]) -> bool:
    """Whether a number is padded with zeros, such as 007."""
    return any(re.match(r"-?0\d", text) for text in strings if text.startswith(("0", "-0")))


def _check_compact(strings: list[str]) -> None:
    """Raise RowError for the first number that is not a date if most are dates."""
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
    """Whether a number could be a date in a layout."""
    text = re.sub(r"\.0+$", "", text)
    if not isinstance(layout, str):
        return layout.fullmatch(text) is not None and "1600" <= text[:4] < "2200"
    try:
        length = len(dt.datetime(2000, 1, 1).strftime(layout))
        text = text if "%y" in layout else text.zfill(length)  # numbers lose their leading zeros
        date = dt.datetime.strptime(text, layout)
    except ValueError:
        return False
    return date.strftime(layout) == text and ("%Y" not in layout or 1600 <= date.year < 2200)


def may_be_dates(strings: list[str]) -> bool:
    """Whether all numbers could be dates in one layout."""
    hours = any(text.startswith("0") for text in strings)
    layouts = (layout for layout in _LAYOUTS if hours or layout != "%H00")
    return any(all(_fits(layout, text) for text in strings) for layout in layouts)


@dataclass(frozen=True)
class Dates:
    """Times that are dates, with or without a time of day."""

    strings: list[str]
    values: Any
    """NumPy datetime64 (T,), in UTC if the offsets differ."""
    shifts: Any
    """What to add to `values` for the time as it is written, NumPy timedelta64 (T,)."""
    zones: list[str]
    """The offsets from UTC, as they are written after the times."""
    compact: bool
    """Whether the dates have no separators, as in 20260131."""

    def reorder(self, order: Any) -> "Dates":
        """Return the index in another order."""
        return replace(
            self, strings=[self.strings[i] for i in order], values=self.values[order],
            shifts=self.shifts[order], zones=[self.zones[i] for i in order],
        )  # fmt: skip

    def find_step(self) -> Callable[[int], list[str]]:
        """Return a function of n that writes the next n times; raise RowError if steps differ."""
        if len(self.values) < 2:
            return _refuse_one
        counts, to_times = _count_units(self.values)
        step = counts[1] - counts[0]
        if (np.diff(counts) != step).any():
            _raise_uneven(self.strings, counts)
        return lambda n: self._write(to_times(counts[-1] + step * np.arange(1, n + 1)))

    def _write(self, times: Any) -> list[str]:
        """Write times like those of the index."""
        first, zone = self.strings[0], self.zones[-1]
        local = [str(t).replace("T", first[10:11] or "T") for t in times + self.shifts[-1]]
        if self.compact:
            local = [t.replace("-", "") for t in local]
        if any(len(t) + len(zone) != len(first) for t in local[-1:]):
            raise ValueError(f"{local[-1]} is not written as {first}")
        return [t + zone for t in local]


def _read_dates(strings: list[str]) -> Dates:
    """Read strings as dates."""
    compact = are_compact(strings)
    separated = [_separate(text) for text in strings] if compact else strings
    clocks, zones = [], []
    for i, text in enumerate(separated):
        match = _DATE.fullmatch(text)
        if match is None:
            raise RowError(i, f"holds {show(text)}, which is neither")
        day, clock, zone = match.groups()
        clocks.append(day or clock)
        zones.append(zone or "")
        if (len(clocks[i]), len(zones[i])) != (len(clocks[0]), len(zones[0])):
            raise RowError(i, f"holds {show(text)}, which is not written as {show(separated[0])}")
    local = _parse_dates(clocks)
    unit = {"datetime64[M]": "M", "datetime64[D]": "D"}.get(str(local.dtype), "m")
    shifts = np.zeros(len(strings), f"timedelta64[{unit}]")
    if len(set(zones)) > 1:
        shifts = np.asarray(
            [_parse_offset(i, zone) for i, zone in enumerate(zones)], "timedelta64[m]"
        )
    return Dates(strings, local - shifts, shifts, zones, compact)


def _separate(text: str) -> str:
    """Return 20260131 as 2026-01-31, and 202601 as 2026-01."""
    return "-".join(part for part in (text[:4], text[4:6], text[6:]) if part)


def _parse_dates(clocks: list[str]) -> Any:
    """Parse dates as NumPy datetime64 (T,)."""
    clocks = [clock.replace(" ", "T") for clock in clocks]
    try:
        return np.asarray(clocks, "datetime64")
    except ValueError:
        for i, clock in enumerate(clocks):
            try:
                np.datetime64(clock)
            except ValueError:
                raise RowError(i, f"holds {show(clock)}, which does not exist") from None
        raise


def _parse_offset(row: int, zone: str) -> int:
    """Parse an offset from UTC, in minutes."""
    if zone == "Z":
        return 0
    hours, minutes = int(zone[1:3]), int(zone[-2:])
    if hours > 14 or minutes > 59:
        raise RowError(row, f"holds the offset {zone}, which does not exist")
    return int(f"{zone[0]}1") * (60 * hours + minutes)


def _count_units(times: Any) -> tuple[Any, Callable[[Any], Any]]:
    """Return times as counts of a unit, and a function that turns counts back into times.

    The unit is the month if all times are on the same day of the month, or all on the last one;
    the working day if most times are one working day apart; otherwise that of the dates.
    """
    months = times.astype("datetime64[M]")
    if times.dtype == months.dtype:
        return times, lambda counts: counts
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
    """Raise ValueError: a single time has no step."""
    raise ValueError("one row does not say how far the next one is")


def _raise_uneven(strings: list[str], values: Any) -> NoReturn:
    """Raise RowError for the first row that is not one step after the row before it."""
    steps = np.diff(values)
    distinct, counts = np.unique(steps, return_counts=True)
    (others,) = np.nonzero(steps != distinct[counts.argmax()])
    i = int(others[0]) + 1
    raise RowError(i, f"holds {show(strings[i])}, and the time before it is {show(strings[i - 1])}")
