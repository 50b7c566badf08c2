"""What texts say of time, how they step, and how they go on."""

import datetime as dt
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, NoReturn

import numpy as np

from xprnn.tables.cells import shown

__all__ = ["Dates", "Numbers", "RowError", "are_compact", "are_plain", "may_be_dates", "read"]

_DATE = re.compile(
    r"(\d{4}-\d\d(?:-\d\d)?)|"
    r"(\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:\.\d{3}(?:\d{3})?)?)?)(Z|[+-]\d\d:?\d\d)?",
    re.ASCII,
)
_COMPACT = re.compile(r"(1[6-9]|2[01])\d\d(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])?", re.ASCII)
_PLAIN = re.compile(r"-?\d{1,19}(\.\d{1,17})?", re.ASCII)
_UNEVEN = 0.01
"""Numbers step evenly if each is within this part of a step of where it should be."""


class RowError(ValueError):
    """A row that does not say when, or not as the others do."""

    def __init__(self, row: int, why: str):
        super().__init__(why)
        self.row = row


def are_compact(texts: list[str]) -> bool:
    """Whether all of some numbers are months, as 202601, or all are days, as 20260131."""
    return all(_COMPACT.fullmatch(t) and len(t) == len(texts[0]) for t in texts)


def are_plain(texts: list[str]) -> bool:
    """Whether most of some texts are numbers in digits and a point."""
    some = texts[:: max(1, len(texts) // 1000)]
    return 2 * sum(_PLAIN.fullmatch(t) is not None for t in some) > len(some)


def read(texts: list[str]) -> "Dates | Numbers":
    """Return what dates or numbers say.

    Raises
    ------
    RowError
        That names the first row that is wrong.

    Examples
    --------
    >>> from xprnn.commands import times
    >>> times.read(["2026-01-29", "2026-01-30"]).continued()(2)
    ['2026-01-31', '2026-02-01']
    >>> times.read(["202611", "202612"]).continued()(1)
    ['202701']
    >>> times.read(["0.8", "0.9"]).continued()(1)
    ['1.0']
    """
    return _numbers(texts) if are_plain(texts) and not are_compact(texts) else _dates(texts)


@dataclass(frozen=True)
class Numbers:
    """Numbers with so many decimals."""

    texts: list[str]
    at: Any
    """NumPy integers (T,), in units of the last decimal."""
    decimals: int

    def in_order(self, order: Any) -> "Numbers":
        """Return them in another order."""
        return replace(self, texts=[self.texts[i] for i in order], at=self.at[order])

    def continued(self) -> Callable[[int], list[str]]:
        """Return what gives so many more; raise RowError where they do not step evenly."""
        if len(self.at) < 2:
            return _more_of_one
        last, pieces = int(self.at[-1]), len(self.at) - 1
        step: float
        step, rest = divmod(last - int(self.at[0]), pieces)
        step = step + rest / pieces if rest else step
        far = self.at - self.at[0] - step * np.arange(len(self.at))
        if (np.abs(far) > _UNEVEN * step).any():
            _check_compact(self.texts)
            _uneven(self.texts, self.at)
        return lambda n: self._more([last + round(step * k) for k in range(1, n + 1)])

    def _more(self, later: list[int]) -> list[str]:
        """Return numbers as they are written, unless they could be dates that end before them."""
        padded = _are_padded(self.texts)
        width = len(self.texts[0].partition(".")[0]) if padded else 1
        digits = (f"{abs(value):0{width + self.decimals}d}" for value in later)
        if self.decimals:
            digits = (f"{d[: -self.decimals]}.{d[-self.decimals :]}" for d in digits)
        written = [f"{'-' * (value < 0)}{d}" for value, d in zip(later, digits, strict=True)]
        if padded and len(written[-1]) != len(self.texts[0]):
            raise ValueError(f"{written[-1]} is not written as {self.texts[0]}")
        for layout in _LAYOUTS:
            wrong = next((t for t in written if not _fits(layout, t)), None)
            if wrong is not None and all(_fits(layout, t) for t in self.texts):
                raise ValueError(
                    f"if {self.texts[-1]} is a date or a time of day, there is no {wrong}; dates "
                    "are read as 2026-01-31 and 2026-01-31 12:30"
                )
        return written


def _numbers(texts: list[str]) -> Numbers:
    """Return what numbers say."""
    for i, text in enumerate(texts):
        if not _PLAIN.fullmatch(text):
            raise RowError(i, f"holds {shown(text)}, which is not written as {shown(texts[i - 1])}")
    decimals = max((len(text.partition(".")[2]) for text in texts if "." in text), default=0)
    parts = (text.partition(".") for text in texts) if decimals else ()
    digits = [whole + part.ljust(decimals, "0") for whole, _, part in parts] or texts
    at = list(map(int, digits))
    for i in (at.index(min(at)), at.index(max(at))):
        if abs(at[i]) >= 2**62:
            raise RowError(i, f"holds {shown(texts[i])}, which has too many digits")
    if _are_padded(texts):
        for i, text in enumerate(texts):
            if len(text) != len(texts[0]):
                first = shown(texts[0])
                raise RowError(i, f"holds {shown(text)}, which has not as many digits as {first}")
    return Numbers(texts, np.asarray(at, "int64"), decimals)


def _are_padded(texts: list[str]) -> bool:
    """Whether a number begins with a zero that it needs not."""
    return any(re.match(r"-?0\d", text) for text in texts if text.startswith(("0", "-0")))


def _check_compact(texts: list[str]) -> None:
    """Raise RowError for the first number that is no date, if most of them are."""
    others = [i for i, text in enumerate(texts) if not _COMPACT.fullmatch(text)]
    if others and 2 * len(others) < len(texts):
        raise RowError(others[0], f"holds {shown(texts[others[0]])}, which is no date")


_LAYOUTS = (
    "%Y%m", "%Y%m%d", "%d%m%Y", "%m%d%Y", "%m%Y", "%y%m%d", "%d%m%y", "%m%d%y", "%Y%j",
    "%Y%m%d%H", "%Y%m%d%H%M", "%Y%m%d%H%M%S", "%H00", "%Y.%m", "%m.%Y", "%d.%m",
    re.compile(r"\d{4}[1-4]"), re.compile(r"\d{4}(0[1-9]|[1-4]\d|5[0-2])"),
)  # fmt: skip
"""Dates in digits that are not read: days, months, hours, and of a year quarters and weeks."""


def _fits(layout: Any, text: str) -> bool:
    """Whether a number could be a date of a layout."""
    text = re.sub(r"\.0+$", "", text)
    if not isinstance(layout, str):
        return layout.fullmatch(text) is not None and "1600" <= text[:4] < "2200"
    try:
        length = len(dt.datetime(2000, 1, 1).strftime(layout))
        text = text if "%y" in layout else text.zfill(length)  # a number loses its first zero
        found = dt.datetime.strptime(text, layout)
    except ValueError:
        return False
    return found.strftime(layout) == text and ("%Y" not in layout or 1600 <= found.year < 2200)


def may_be_dates(texts: list[str]) -> bool:
    """Whether numbers could be dates of one layout, and hardly anything else."""
    hours = any(text.startswith("0") for text in texts)
    layouts = (layout for layout in _LAYOUTS if hours or layout != "%H00")
    return any(all(_fits(layout, text) for text in texts) for layout in layouts)


@dataclass(frozen=True)
class Dates:
    """Dates, and times of day."""

    texts: list[str]
    at: Any
    """NumPy datetime64 (T,), in UTC where their offsets differ."""
    shifts: Any
    """From `at` to what is written, NumPy timedelta64 (T,)."""
    zones: list[str]
    """What is written behind."""
    compact: bool
    """Whether they are written without signs between, as 20260131."""

    def in_order(self, order: Any) -> "Dates":
        """Return them in another order."""
        return replace(
            self, texts=[self.texts[i] for i in order], at=self.at[order],
            shifts=self.shifts[order], zones=[self.zones[i] for i in order],
        )  # fmt: skip

    def continued(self) -> Callable[[int], list[str]]:
        """Return what gives so many more; raise RowError where they do not step evenly."""
        if len(self.at) < 2:
            return _more_of_one
        counted, back = _way(self.at)
        step = counted[1] - counted[0]
        if (np.diff(counted) != step).any():
            _uneven(self.texts, counted)
        return lambda n: self._more(back(counted[-1] + step * np.arange(1, n + 1)))

    def _more(self, later: Any) -> list[str]:
        """Return times as they are written."""
        first, zone = self.texts[0], self.zones[-1]
        local = [str(t).replace("T", first[10:11] or "T") for t in later + self.shifts[-1]]
        if self.compact:
            local = [t.replace("-", "") for t in local]
        if any(len(t) + len(zone) != len(first) for t in local[-1:]):
            raise ValueError(f"{local[-1]} is not written as {first}")
        return [t + zone for t in local]


def _dates(texts: list[str]) -> Dates:
    """Return what dates say."""
    compact = are_compact(texts)
    written = [_with_signs(text) for text in texts] if compact else texts
    clocks, zones = [], []
    for i, text in enumerate(written):
        match = _DATE.fullmatch(text)
        if match is None:
            raise RowError(i, f"holds {shown(text)}, which is neither")
        day, clock, zone = match.groups()
        clocks.append(day or clock)
        zones.append(zone or "")
        if (len(clocks[i]), len(zones[i])) != (len(clocks[0]), len(zones[0])):
            raise RowError(i, f"holds {shown(text)}, which is not written as {shown(written[0])}")
    local = _existing(clocks)
    shifts = np.zeros(len(texts), "timedelta64[m]")
    if local.dtype == "datetime64[M]":
        shifts = shifts.astype("timedelta64[M]")
    elif local.dtype == "datetime64[D]":
        shifts = shifts.astype("timedelta64[D]")
    if len(set(zones)) > 1:
        shifts = np.asarray([_shift(i, zone) for i, zone in enumerate(zones)], "timedelta64[m]")
    return Dates(texts, local - shifts, shifts, zones, compact)


def _with_signs(text: str) -> str:
    """Return 20260131 as 2026-01-31, and 202601 as 2026-01."""
    return "-".join(part for part in (text[:4], text[4:6], text[6:]) if part)


def _existing(clocks: list[str]) -> Any:
    """Return dates as NumPy datetime64 (T,)."""
    clocks = [clock.replace(" ", "T") for clock in clocks]
    try:
        return np.asarray(clocks, "datetime64")
    except ValueError:
        for i, clock in enumerate(clocks):
            try:
                np.datetime64(clock)
            except ValueError:
                raise RowError(i, f"holds {shown(clock)}, which does not exist") from None
        raise


def _shift(row: int, zone: str) -> int:
    """Return the minutes of an offset from UTC."""
    if zone == "Z":
        return 0
    hours, minutes = int(zone[1:3]), int(zone[-2:])
    if hours > 14 or minutes > 59:
        raise RowError(row, f"holds the offset {zone}, which does not exist")
    return int(f"{zone[0]}1") * (60 * hours + minutes)


def _way(at: Any) -> tuple[Any, Callable[[Any], Any]]:
    """Return times that differ as what they count, and what makes times of such counts again.

    They count months, if they lie on one day of the month or on the last one; working days, if
    most are one from Monday to Friday apart; and else days, hours or seconds.
    """
    months = at.astype("datetime64[M]")
    if at.dtype == months.dtype:
        return at, lambda later: later
    days = at.astype("datetime64[D]")
    into, left, hour = at - months, months + 1 - at, at - days
    if (np.diff(months) > np.timedelta64(0, "M")).all():
        if (into == into[0]).all() and into[0] < np.timedelta64(28, "D"):
            return months, lambda later: later.astype(at.dtype) + into[0]
        if (left == left[0]).all():
            return months, lambda later: (later + 1).astype(at.dtype) - left[0]
    steps = np.diff(at)
    if (steps != steps[0]).any() and (hour == hour[0]).all() and np.is_busday(days).all():
        working = np.busday_count(days[0], days)
        if 2 * (np.diff(working) == 1).sum() > len(steps):
            return working, lambda w: np.busday_offset(days[0], w).astype(at.dtype) + hour[0]
    return at, lambda later: later


def _more_of_one(n: int) -> list[str]:
    raise ValueError("one row does not say how far the next one is")


def _uneven(texts: list[str], counted: Any) -> NoReturn:
    """Raise RowError for the first row that is not one step after the row before it."""
    steps = np.diff(counted)
    found, count = np.unique(steps, return_counts=True)
    (others,) = np.nonzero(steps != found[count.argmax()])
    i = int(others[0]) + 1
    raise RowError(i, f"holds {shown(texts[i])}, and the time before it is {shown(texts[i - 1])}")
