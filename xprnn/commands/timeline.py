"""The column of a table that says when, and how it goes on."""

import re
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from xprnn.tables import Table

__all__ = ["Timeline", "find", "read", "why_not"]

_DATE = re.compile(r"\d{4}-\d\d(-\d\d([T ]\d\d:\d\d(:\d\d)?)?)?")
_OTHER_DATE = re.compile(r"\d{1,4}[./-]\d{1,2}[./-]\d{1,4}.*")
_UNEVEN = 0.01
"""Numbers step evenly if each is within this part of a step of where it should be."""


class Timeline(NamedTuple):
    """A column of times, as they are written."""

    name: str
    known: list[str]
    """Those of the rows."""
    after: Callable[[int], list[str]]
    """Gives so many more."""


def find(table: Table, target: str | None) -> Timeline | None:
    """Return the first column that steps evenly in time, dates before numbers, if there is one.

    The target is none, nor is the only column of numbers.

    Examples
    --------
    >>> import numpy as np
    >>> from xprnn.commands import timeline
    >>> from xprnn.tables import Table
    >>> text = {"month": ["1960-11", "1960-12"], "y": ["390", "432"]}
    >>> table = Table({"y": np.asarray([390.0, 432.0])}, {"month": "no numbers"}, text)
    >>> found = timeline.find(table, None)
    >>> found.name, found.after(2)
    ('month', ['1961-01', '1961-02'])
    """
    others = [name for name in table.columns if name != target]
    numbers = others if target is not None or len(others) > 1 else []
    for name in [*table.left_out, *numbers]:
        try:
            return read(table, name)
        except ValueError:
            continue
    return None


def read(table: Table, name: str) -> Timeline:
    """Return the timeline of a column.

    Raises
    ------
    ValueError
        If there is no such column, or it does not step evenly.
    """
    if name not in table.text:
        table.column(name)
    text = table.text[name]
    if len(text) >= 2:
        after = _numbers(table.columns[name], text) if name in table.columns else _dates(text)
        if after is not None:
            return Timeline(name, text, after)
    raise ValueError(
        f"column {name!r} must hold numbers or dates, such as 2026-01-31, that step evenly, got "
        f"{', '.join(text[:3])}, …"
    )


def why_not(text: list[str]) -> str | None:
    """Return why a column of dates is no timeline, None if it holds no dates.

    Examples
    --------
    >>> from xprnn.commands.timeline import why_not
    >>> why_not(["2026-01-01", "2026-01-02", "2026-01-05"])
    'its dates do not step evenly, 2026-01-02 is followed by 2026-01-05'
    >>> why_not(["31.01.2026", "01.02.2026"])
    'its dates are not written as 2026-01-31'
    """
    if not text or not _OTHER_DATE.fullmatch(text[0]):
        return None
    if not all(_DATE.fullmatch(t) for t in text):
        return "its dates are not written as 2026-01-31"
    try:
        steps = np.diff(np.asarray([t.replace(" ", "T") for t in text], "datetime64"))
    except ValueError:
        return "not all of its dates exist"
    (uneven,) = np.nonzero(steps != steps[0])
    at = int(uneven[0]) if uneven.size else 0
    return f"its dates do not step evenly, {text[at]} is followed by {text[at + 1]}"


def _numbers(values: Any, text: list[str]) -> Callable[[int], list[str]] | None:
    """Return what continues numbers, with their decimals."""
    step = (values[-1] - values[0]) / (len(values) - 1)
    line = values[0] + step * np.arange(len(values))
    if step == 0 or (np.abs(values - line) > _UNEVEN * abs(step)).any():
        return None
    decimals = max(len(t.partition(".")[2]) for t in text)
    return lambda n: [f"{values[-1] + step * k:.{decimals}f}" for k in range(1, n + 1)]


def _dates(text: list[str]) -> Callable[[int], list[str]] | None:
    """Return what continues dates that are so many months, days, hours or seconds apart."""
    if not all(_DATE.fullmatch(t) and len(t) == len(text[0]) for t in text):
        return None
    try:
        times = np.asarray([t.replace(" ", "T") for t in text], "datetime64")
    except ValueError:
        return None

    def written(later: Any) -> list[str]:
        return [str(t).replace("T", text[0][10:11] or "T") for t in later]

    months, step = times.astype("datetime64[M]"), _step(times.astype("datetime64[M]"))
    if step is not None and times.dtype != months.dtype:
        into, left = times - months, months + 1 - times

        def ahead(n: int) -> Any:
            return months[-1] + step * np.arange(1, n + 1)

        if (into == into[0]).all() and into[0] < np.timedelta64(28, "D"):
            return lambda n: written(ahead(n).astype(times.dtype) + into[0])
        if (left == left[0]).all():  # the last day of every month
            return lambda n: written((ahead(n) + 1).astype(times.dtype) - left[0])
    step = _step(times)
    if step is None:
        return None
    return lambda n: written(times[-1] + step * np.arange(1, n + 1))


def _step(times: Any) -> Any:
    """Return the step between times, None if there are several or it is zero."""
    steps = np.diff(times)
    return steps[0] if steps[0] != 0 * steps[0] and (steps == steps[0]).all() else None
