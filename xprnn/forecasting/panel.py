"""The series of a caller's: NumPy arrays or pandas objects, one or a list of them."""

from typing import Any, NamedTuple

import numpy as np

from xprnn._typing import Array
from xprnn.backend import admit, of
from xprnn.forecasting import frames
from xprnn.forecasting.frames import Framed
from xprnn.sequences import check_finite

__all__ = ["Panel", "check_alike", "future", "read"]


class Plain(NamedTuple):
    """What makes a NumPy array of the caller's kind of an array (T, O)."""

    rank: int

    def rows(self, start: int, stop: int) -> "Plain":
        """Return the same for other steps, which a NumPy array does not name."""
        return self

    def here(self, values: Array) -> Array:
        """Return values (T, O), or (T,) for a series that came so."""
        return values[:, 0] if self.rank == 1 else values

    def after(self, values: Array) -> Array:
        """Return the same for forecasts, as there is no index to continue."""
        return self.here(values)


class Panel(NamedTuple):
    """Several series of the same quantities, each with inputs beside it."""

    y: tuple[Array, ...]
    """(T_i, O)"""
    x: tuple[Array, ...]
    """(T_i, K); K is 0 without inputs."""
    kinds: tuple[Plain | Framed, ...]
    """What each series came as."""
    inputs: Any
    """The names of the columns of X: of a DataFrame its own, else their positions."""
    listed: bool
    """Whether they came as a list."""

    @property
    def lengths(self) -> tuple[int, ...]:
        """T_i of every series."""
        return tuple(map(len, self.y))

    def rows(self, starts: list[int], stops: list[int]) -> "Panel":
        """Return every series from its start to before its stop."""
        cuts = [slice(*cut) for cut in zip(starts, stops, strict=True)]
        return self._replace(
            y=tuple(y[cut] for y, cut in zip(self.y, cuts, strict=True)),
            x=tuple(x[cut] for x, cut in zip(self.x, cuts, strict=True)),
            kinds=tuple(k.rows(c.start, c.stop) for k, c in zip(self.kinds, cuts, strict=True)),
        )

    def here(self, values: list[Array]) -> Any:
        """Return arrays (T_i, O), one for each series, as y came."""
        return self._given([k.here(v) for k, v in zip(self.kinds, values, strict=True)])

    def after(self, values: list[Array]) -> Any:
        """Return forecasts (n, O), one for each series, as y came, the index continued."""
        return self._given([k.after(v) for k, v in zip(self.kinds, values, strict=True)])

    def _given(self, values: list[Any]) -> Any:
        return values if self.listed else values[0]


def read(y: Any, X: Any = None) -> Panel:
    """Return y and X of the caller's as a panel.

    Raises
    ------
    ValueError, TypeError
        If they hold anything but finite numbers, don't fit one another, or have an
        index that can't be continued.
    """
    listed = _is_list(y)
    ys = [_one(name, value, least=1) for name, value in _items("y", y, listed)]
    for i, (array, kind) in enumerate(ys):
        if (array.shape[1], type(kind)) != (ys[0][0].shape[1], type(ys[0][1])):
            raise ValueError(
                f"y[{i}] must be of the type and have the {ys[0][0].shape[1]} column(s) of y[0], "
                f"got {array.shape[1]} in a {type(y[i]).__name__}"
            )
    arrays, kinds = zip(*ys, strict=True)
    if X is None:
        none = tuple(np.zeros((len(array), 0)) for array in arrays)
        return Panel(arrays, none, kinds, (), listed)
    found = _inputs(X, kinds, listed)
    for (name, x, kind), y_i, like in zip(found, arrays, kinds, strict=True):
        if len(x) != len(y_i):
            raise ValueError(f"{name} must have {len(y_i)} rows, as y has steps, got {len(x)}")
        if isinstance(kind, Framed) and not kind.index.equals(like.index):
            raise ValueError(
                f"{name} must have the index of y, {_ends(like.index)}, got {_ends(kind.index)}"
            )
    names = _names(found[0][2], found[0][1])
    for name, x, kind in found:
        if _names(kind, x) != names:
            raise ValueError(f"{name} must have the columns {names}, got {_names(kind, x)}")
    return Panel(arrays, tuple(x for _, x, _ in found), kinds, names, listed)


def check_alike(given: Panel, like: Panel, least: int) -> None:
    """Raise unless a panel has the series, columns and inputs of another, and enough steps."""
    for what, got, wanted in (
        ("series", len(given.y), len(like.y)),
        ("columns", given.y[0].shape[1], like.y[0].shape[1]),
        ("inputs", list(given.inputs), list(like.inputs)),
    ):
        if got != wanted:
            raise ValueError(f"y and X must have the {what} of fit, {wanted}, got {got}")
    if min(given.lengths) < least:
        raise ValueError(f"y must have at least {least} steps, got {given.lengths}")


def future(X: Any, panel: Panel, names: tuple[Any, ...], steps: int) -> tuple[Array, ...]:
    """Return X of the steps after those of a panel, (steps, K) for each series.

    Parameters
    ----------
    X : array, DataFrame, list of them, or None
    panel : Panel
    names : tuple
        The columns that are expected.
    steps : int

    Raises
    ------
    ValueError, TypeError
        If X has other rows, columns or times.
    """
    if not names:
        if X is not None:
            raise ValueError(
                "X must be None: the forecaster was fitted without inputs that are known ahead"
            )
        return tuple(np.zeros((steps, 0)) for _ in panel.y)
    if X is None:
        raise ValueError(
            f"X must hold the {steps} step(s) after the last of y, columns {names}, got None"
        )
    found = _inputs(X, panel.kinds, panel.listed)
    for (name, x, kind), like in zip(found, panel.kinds, strict=True):
        framed = isinstance(kind, Framed)
        if (list(kind.labels) != list(names)) if framed else (x.shape[1] != len(names)):
            got = list(kind.labels) if framed else f"{x.shape[1]} column(s)"
            raise ValueError(f"{name} must have the columns {list(names)}, got {got}")
        if len(x) != steps:
            raise ValueError(
                f"{name} must hold the {steps} step(s) after the last of y, got {len(x)}"
            )
        if framed:
            wanted = frames.following(like.index, steps)
            if not kind.index.equals(wanted):
                raise ValueError(
                    f"{name} must have the index that follows on y, {_ends(wanted)}, "
                    f"got {_ends(kind.index)}"
                )
    return tuple(x for _, x, _ in found)


def _inputs(X: Any, kinds: Any, listed: bool) -> list[tuple[str, Array, Any]]:
    """Return X by its names in errors, with one array and kind for each series."""
    if _is_list(X) != listed:
        raise TypeError(
            f"X must be {'a list with one for each series' if listed else 'one array'}, as y is"
        )
    if listed and len(X) != len(kinds):
        raise ValueError(f"X must hold one for each of the {len(kinds)} series, got {len(X)}")
    found = [(name, *_one(name, value, least=0)) for name, value in _items("X", X, listed)]
    for (name, _, kind), like in zip(found, kinds, strict=True):
        if type(kind) is not type(like):
            wanted = "a pandas object" if isinstance(like, Framed) else "a NumPy array"
            raise TypeError(f"{name} must be {wanted}, as y is")
    return found


def _is_list(value: Any) -> bool:
    """Whether a value is a list of arrays or pandas objects."""
    return isinstance(value, list | tuple) and any(getattr(item, "ndim", 0) for item in value)


def _items(name: str, value: Any, listed: bool) -> list[tuple[str, Any]]:
    return [(f"{name}[{i}]", item) for i, item in enumerate(value)] if listed else [(name, value)]


def _one(argument: str, value: Any, least: int) -> tuple[Array, Plain | Framed]:
    """Return one series as float64 (T, O), and what it came as."""
    kind: Plain | Framed
    if frames.is_frame(value):
        array, kind = frames.read(argument, value)
    else:
        array = admit(argument, value)
        if of(array).name != "numpy":
            raise TypeError(
                f"{argument} must be a NumPy array or a pandas object, got an array on {of(array)}:"
                " the forecaster moves it where backend= says"
            )
        if array.ndim not in (1, 2):
            raise ValueError(
                f"{argument} must be (T,) or (T, O), several series of different lengths a list of "
                f"such, got {array.ndim} axes: {array.shape}"
            )
        kind = Plain(array.ndim)
        array = array[:, None] if array.ndim == 1 else array
    if len(array) == 0 or array.shape[1] < least:
        raise ValueError(f"{argument} is empty: {array.shape}")
    check_finite(argument, array)
    return array.astype("float64"), kind


def _names(kind: Any, x: Array) -> tuple[Any, ...]:
    """Return the names of the columns of X."""
    if not isinstance(kind, Framed):
        return tuple(range(x.shape[1]))
    return tuple(kind.labels) if kind.rank == 2 else (kind.labels,)


def _ends(index: Any) -> str:
    return f"{index[0]} to {index[-1]} ({len(index)})" if len(index) else "nothing"
