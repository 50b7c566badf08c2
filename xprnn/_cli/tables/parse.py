"""Parse the cells of a table: decide which are numbers, and which look like times."""

import contextlib
import math
import re
from collections.abc import Sequence

_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)(e[+-]?\d+)?", re.ASCII | re.IGNORECASE)
_SWAP = str.maketrans(".,", ",.")
_BOOLEANS = {"True": 1.0, "TRUE": 1.0, "true": 1.0, "False": 0.0, "FALSE": 0.0, "false": 0.0}
_YEAR = r"(?<!\d)(1[6-9]|2[01])\d\d"
_MONTH = (
    "(jan(uary)?|feb(ruary)?|mar(ch)?|apr(il)?|may|june?|july?|aug(ust)?|sept?(ember)?"
    "|oct(ober)?|nov(ember)?|dec(ember)?)"
)
_DAY = "(mon|tues?|wed(nes)?|thu(rs)?|fri|sat(ur)?|sun)(day)?"
_TIME = re.compile(
    rf"{_YEAR}(?!\d)"  # a year with anything around it: 2024Q1, 2024-W05, 5 May 2024
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
"""The most characters that a time can have."""


def parse_number(text: str, decimal: str = ".") -> float | None:
    """Parse a finite number in ASCII digits, or return None.

    Examples
    --------
    >>> from xprnn._cli.tables.parse import parse_number
    >>> parse_number("1e3"), parse_number("2,5", decimal=","), parse_number("1_000")
    (1000.0, 2.5, None)
    """
    text = text.strip()
    if decimal == ",":
        text = text.translate(_SWAP)  # a point becomes a comma, which no number may contain
    if _NUMBER.fullmatch(text) is None:
        return None
    value = float(text)
    return value if math.isfinite(value) else None


def parse_numbers(strings: list[str], decimal: str = ".") -> Sequence[float | None]:
    """Parse each string as `parse_number` does; booleans are 1 and 0 if all strings are booleans.

    Examples
    --------
    >>> from xprnn._cli.tables.parse import parse_numbers
    >>> parse_numbers(["1", "2.5", "n/a"]), parse_numbers(["True", "False"])
    ([1.0, 2.5, None], [1.0, 0.0])
    """
    if set(strings[:1]) <= _BOOLEANS.keys() and set(strings) <= _BOOLEANS.keys():
        return [_BOOLEANS[text] for text in strings]
    # Fast path. float() also accepts digits beyond ASCII, underscores, inf and nan.
    if (
        decimal == "."
        and all(map(str.isascii, strings))
        and not any("_" in text for text in strings)
    ):
        with contextlib.suppress(ValueError):
            values = list(map(float, strings))
            if all(map(math.isfinite, values)):
                return values
    return [parse_number(text, decimal) for text in strings]


def looks_like_time(text: str) -> bool:
    """Return whether a string looks like a date or a time of day, in any notation.

    Examples
    --------
    >>> from xprnn._cli.tables.parse import looks_like_time
    >>> [looks_like_time(text) for text in ("2024-01-31", "31.1.24", "Q1 2024", "Total", "9.5")]
    [True, True, True, False, False]
    """
    text = text.strip()
    return len(text) <= _LONGEST and _TIME.search(text) is not None
