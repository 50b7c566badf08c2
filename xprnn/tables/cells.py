"""Reads one cell of a table as a number or as a time."""

import contextlib
import math
import re
from collections.abc import Sequence

__all__ = ["looks_like_time", "number", "numbers"]

_NUMBER = {
    sign: re.compile(rf"[+-]?(\d+({re.escape(sign)}\d*)?|{re.escape(sign)}\d+)(e[+-]?\d+)?", flags)
    for sign in ".,"
    for flags in [re.ASCII | re.IGNORECASE]
}
_FLAGS = {"True": 1.0, "TRUE": 1.0, "true": 1.0, "False": 0.0, "FALSE": 0.0, "false": 0.0}
_YEAR = r"(?<!\d)(1[6-9]|2[01])\d\d"
_MONTH = (
    "(jan(uary)?|feb(ruary)?|mar(ch)?|apr(il)?|may|june?|july?|aug(ust)?|sept?(ember)?"
    "|oct(ober)?|nov(ember)?|dec(ember)?)"
)
_DAY = "(mon|tues?|wed(nes)?|thu(rs)?|fri|sat(ur)?|sun)(day)?"
_TIME = re.compile(
    rf"{_YEAR}(?!\d)"  # a year with whatever stands beside it: 2024Q1, 2024-W05, 5 May 2024
    rf"|{_YEAR}(0[1-9]|1[0-2])([0-2]\d|3[01])(?!\d)"  # 20240131T0600
    r"|^\d{1,4}\s?[./-]\s?\d{1,2}\s?[./-]\s?\d{1,4}(?!\d)"  # 31.1.24
    r"|^\d\d[/-]\d\d$"  # 01/24
    r"|^\d{1,2}:\d\d(?!\d)"  # 12:30
    r"|^[qwh]\d{1,2}\b|^\d\d?[qwh]\d\d$"  # Q1/24, 1Q24
    rf"|^{_MONTH}(\b|\d)"
    rf"|^{_DAY}\b.*\d"
    rf"|^\d{{1,2}}(st|nd|rd|th)?[ .-]*{_MONTH}(\b|\d)"
    r"|^(year|quarter|month|week|day|hour)s?\W{0,2}\d+$",
    re.ASCII | re.IGNORECASE,
)
_LONGEST = 40
"""No time is written with more characters."""


def number(text: str, decimal: str = ".") -> float | None:
    """Read a string as a finite number in ASCII digits; return None if it is not one.

    Examples
    --------
    >>> from xprnn.tables.cells import number
    >>> number("1e3"), number("2,5", decimal=","), number("1_000"), number("nan")
    (1000.0, 2.5, None, None)
    """
    text = text.strip()
    if _NUMBER[decimal].fullmatch(text) is None:
        return None
    value = float(text.replace(",", "."))
    return value if math.isfinite(value) else None


def numbers(strings: list[str], decimal: str = ".") -> Sequence[float | None]:
    """Read each string with `number`, quicker if all are numbers; flags alone are 1 and 0.

    Examples
    --------
    >>> from xprnn.tables.cells import numbers
    >>> numbers(["1", "2.5"]), numbers(["1", "2.5", ""]), numbers(["True", "False"])
    ([1.0, 2.5], [1.0, 2.5, None], [1.0, 0.0])
    """
    if set(strings[:1]) <= _FLAGS.keys() and set(strings) <= _FLAGS.keys():
        return [_FLAGS[text] for text in strings]
    # float also takes digits that are not ASCII, underscores, inf and nan
    if (
        decimal == "."
        and all(map(str.isascii, strings))
        and not any("_" in text for text in strings)
    ):
        with contextlib.suppress(ValueError):
            values = list(map(float, strings))
            if all(map(math.isfinite, values)):
                return values
    return [number(text, decimal) for text in strings]


def looks_like_time(text: str) -> bool:
    """Whether a string looks like a date or a time of day, in any notation.

    Examples
    --------
    >>> from xprnn.tables.cells import looks_like_time
    >>> [looks_like_time(text) for text in ("2024-01-31", "31.1.24", "Q1 2024", "Total", "9.5")]
    [True, True, True, False, False]
    """
    text = text.strip()
    return len(text) <= _LONGEST and _TIME.search(text) is not None
