"""Checks of plain arguments in the public API."""

import math
import numbers
import sys
import warnings
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, TypeAlias

Check: TypeAlias = Callable[[str, Any], Any]
"""A function that takes the name and value of an argument, and returns the value to use or
raises."""


def show(value: Any) -> str:
    """Return a value in the form for error messages: one line of at most 80 characters.

    Examples
    --------
    >>> from xprnn._fields import show
    >>> show("lstm"), show(list(range(100)))[-9:]
    ("'lstm'", '20, 21, …')
    """
    shape = getattr(value, "shape", ())
    if isinstance(shape, tuple) and shape:
        return f"{type(value).__name__} of shape {tuple(shape)}"
    text = repr(value) if isinstance(value, str) else " ".join(repr(value).split())
    return text if len(text) <= 80 else f"{text[:79]}…"


def warn(message: str, category: type[Warning] = UserWarning) -> None:
    """Warn, with the line of the user's code that called xprnn as the location."""
    level, frame = 2, sys._getframe(1)
    ours = ("xprnn", "contextlib")
    while frame.f_back and frame.f_globals.get("__name__", "").partition(".")[0] in ours:
        level, frame = level + 1, frame.f_back
    warnings.warn(message, category, stacklevel=level)


def translate(name: str, synonyms: dict[str, str]) -> str | None:
    """Translate another library's name to ours.

    `synonyms` maps each of our names to the other libraries' names, lowercase and space-separated.
    """
    return next((ours for ours, theirs in synonyms.items() if name in theirs.split()), None)


def unknown(
    argument: str, value: Any, valid: Iterable[str], synonyms: dict[str, str] | None = None
) -> ValueError:
    """Return the error for a name that is not in `valid`, with the nearest valid name.

    For `synonyms` see `translate`.
    """
    import difflib

    valid = sorted(valid)
    name = str(value)[:80].lower()
    near = difflib.get_close_matches(name, valid, n=1, cutoff=0.5)
    ours = translate(name, synonyms or {}) or (near[0] if near else None)
    hint = f"; did you mean {ours!r}?" if ours else ""
    names = ", ".join(map(repr, valid))
    return ValueError(f"{argument} must be one of {names}, got {show(value)}{hint}")


def choose(
    argument: str,
    value: Any,
    table: dict[str, Any],
    methods: tuple[str, ...],
    synonyms: dict[str, str] | None = None,
) -> Any:
    """Return `table[value]` for a name, or `value` itself if it has all `methods`."""
    if isinstance(value, str) and table:
        if value not in table:
            raise unknown(argument, value, table, synonyms)
        return table[value]
    lacking = [method for method in methods if not callable(getattr(value, method, None))]
    if lacking or isinstance(value, type):
        names = f"one of {', '.join(map(repr, sorted(table)))} or " if table else ""
        raise TypeError(
            f"{argument} must be {names}an object with {', '.join(methods)}, got {show(value)}"
        )
    return value


def flag(argument: str, value: Any, expected: str = "True or False") -> bool:
    """Return `value` as a bool; it may be a NumPy bool or a 0-d array."""
    if isinstance(value, bool):
        return value
    if getattr(value, "dtype", None) == "bool" and getattr(value, "shape", None) == ():
        return bool(value)
    raise TypeError(f"{argument} must be {expected}, got {show(value)}")


def whole(argument: str, value: Any, least: int = 1) -> int:
    """Return `value` as an int that is at least `least`."""
    if isinstance(value, bool) or not isinstance(value, numbers.Integral):
        raise TypeError(f"{argument} must be an integer, got {show(value)}")
    if value < least:
        raise ValueError(f"{argument} must be at least {least}, got {show(value)}")
    return int(value)


def number(
    argument: str,
    value: Any,
    *,
    above: float = -math.inf,
    least: float = -math.inf,
    below: float = math.inf,
) -> float:
    """Return `value` as a finite float within the given bounds."""
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        raise TypeError(f"{argument} must be a number, got {show(value)}")
    result = float(value)
    if not (above < result < below and result >= least):
        limits = {"above": above, "at least": least, "below": below}
        texts = [f"{words} {limit}" for words, limit in limits.items() if math.isfinite(limit)]
        bounds = " and ".join(texts) or "finite"
        raise ValueError(f"{argument} must be a finite number {bounds}, got {show(value)}")
    return result


positive = partial(number, above=0)
not_negative = partial(number, least=0)
fraction = partial(number, least=0, below=1)
natural = partial(whole, least=0)


def check_choice(argument: str, value: Any, names: Iterable[str]) -> Any:
    """Return `value`; raise ValueError unless it is one of the names."""
    if value not in names:
        raise unknown(argument, value, names)
    return value


def one_of(names: Iterable[str]) -> Check:
    """Return a check that a value is one of the names."""
    return partial(check_choice, names=names)


def optional(check: Check) -> Check:
    """Return a check that also accepts None."""
    return lambda argument, value: None if value is None else check(argument, value)


def check_fields(thing: Any, **checks: Check) -> None:
    """In ``__post_init__`` of a frozen dataclass, replace fields by the results of their checks.

    Examples
    --------
    >>> from dataclasses import dataclass
    >>> from xprnn._fields import check_fields, positive, whole
    >>> @dataclass(frozen=True)
    ... class Grid:
    ...     rows: int
    ...     width: float
    ...     def __post_init__(self):
    ...         check_fields(self, rows=whole, width=positive)
    >>> Grid(2, 1)
    Grid(rows=2, width=1.0)
    """
    for name, check in checks.items():
        set_fields(thing, **{name: check(name, getattr(thing, name))})


def set_fields(thing: Any, **values: Any) -> None:
    """Set fields of a frozen dataclass in its ``__post_init__``."""
    for name, value in values.items():
        object.__setattr__(thing, name, value)
