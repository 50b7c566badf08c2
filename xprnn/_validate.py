"""Checks of plain arguments at the public edge."""

import math
import numbers
import sys
import warnings
from collections.abc import Iterable
from typing import Any


def shown(value: Any) -> str:
    """Return a value as error messages show it: one line of at most 80 characters.

    Examples
    --------
    >>> from xprnn._validate import shown
    >>> shown("lstm"), shown(list(range(100)))[-9:]
    ("'lstm'", '20, 21, …')
    """
    shape = getattr(value, "shape", ())
    if isinstance(shape, tuple) and shape:
        return f"{type(value).__name__} of shape {tuple(shape)}"
    text = repr(value) if isinstance(value, str) else " ".join(repr(value).split())
    return text if len(text) <= 80 else f"{text[:79]}…"


def warn(message: str, category: type[Warning] = UserWarning) -> None:
    """Warn, and point at the line of the user's code that called xprnn."""
    level, frame = 2, sys._getframe(1)
    ours = ("xprnn", "contextlib")
    while frame.f_back and frame.f_globals.get("__name__", "").partition(".")[0] in ours:
        level, frame = level + 1, frame.f_back
    warnings.warn(message, category, stacklevel=level)


def unknown(
    argument: str, value: Any, valid: Iterable[str], elsewhere: dict[str, str] | None = None
) -> ValueError:
    """Return the error for a name that is none of `valid`, with the nearest one.

    `elsewhere` maps names of other libraries, in small letters, to names in `valid`.
    """
    import difflib

    valid = sorted(valid)
    asked = str(value)[:80].lower()
    near = difflib.get_close_matches(asked, valid, n=1, cutoff=0.5)
    meant = (elsewhere or {}).get(asked, near[0] if near else None)
    hint = f"; did you mean {meant!r}?" if meant else ""
    names = ", ".join(map(repr, valid))
    return ValueError(f"{argument} must be one of {names}, got {shown(value)}{hint}")


def chosen(
    argument: str,
    value: Any,
    table: dict[str, Any],
    methods: tuple[str, ...],
    elsewhere: dict[str, str] | None = None,
) -> Any:
    """Return `table[value]` for a name, or `value` itself if it has all `methods`."""
    if isinstance(value, str) and table:
        if value not in table:
            raise unknown(argument, value, table, elsewhere)
        return table[value]
    lacking = [method for method in methods if not callable(getattr(value, method, None))]
    if lacking or isinstance(value, type):
        names = f"one of {', '.join(map(repr, sorted(table)))} or " if table else ""
        raise TypeError(
            f"{argument} must be {names}an object with {', '.join(methods)}, got {shown(value)}"
        )
    return value


def flag(argument: str, value: Any, wanted: str = "True or False") -> bool:
    """Return `value` as a bool; it may be one of NumPy or a 0-d array."""
    if isinstance(value, bool):
        return value
    if getattr(value, "dtype", None) == "bool" and getattr(value, "shape", None) == ():
        return bool(value)
    raise TypeError(f"{argument} must be {wanted}, got {shown(value)}")


def whole(argument: str, value: Any, least: int = 1) -> int:
    """Return `value` as an int of at least `least`."""
    if isinstance(value, bool) or not isinstance(value, numbers.Integral):
        raise TypeError(f"{argument} must be an integer, got {shown(value)}")
    if value < least:
        raise ValueError(f"{argument} must be at least {least}, got {shown(value)}")
    return int(value)


def number(
    argument: str,
    value: Any,
    *,
    above: float | None = None,
    least: float | None = None,
    below: float | None = None,
) -> float:
    """Return `value` as a finite float within the given bounds."""
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        raise TypeError(f"{argument} must be a number, got {shown(value)}")
    given, value = value, float(value)
    expected = [
        text
        for text, bound in (
            (f"above {above}", above),
            (f"at least {least}", least),
            (f"below {below}", below),
        )
        if bound is not None
    ]
    if (
        not math.isfinite(value)
        or (above is not None and value <= above)
        or (least is not None and value < least)
        or (below is not None and value >= below)
    ):
        bounds = " and ".join(expected) or "finite"
        raise ValueError(f"{argument} must be a finite number {bounds}, got {shown(given)}")
    return value


def settle(thing: Any, **values: Any) -> None:
    """Set fields of a frozen dataclass, in its ``__post_init__``, to their checked values."""
    for name, value in values.items():
        object.__setattr__(thing, name, value)
