"""The series of a caller's: NumPy arrays or pandas objects, one or a list of them."""

from typing import Any, NamedTuple

import numpy as np

from xprnn._sequences.columns import (
    check_index,
    is_list,
    label_items,
    order_columns,
    order_names,
    show_ends,
)
from xprnn._sequences.reading import check_axes, check_finite, check_list, other_shape
from xprnn._typing import Array
from xprnn._validate import show
from xprnn.backend import admit, of
from xprnn.backend.frames import is_frame
from xprnn.forecasting import frames, times
from xprnn.forecasting.frames import Framed

SERIES = (
    "Here rows are steps: an array is (T,) or (T, O), one series; several series are a list of "
    "arrays"
)
"""What the rows of an array are, for errors."""
SAME = 1e-6
"""Numbers that differ by less than this part of the range of their column are the same."""


class Plain(NamedTuple):
    """What makes a NumPy array of the caller's kind of an array (T, O)."""

    rank: int
    columns: int

    @property
    def names(self) -> tuple[Any, ...]:
        """The positions of the columns."""
        return tuple(range(self.columns))

    def rows(self, start: int, stop: int) -> "Plain":
        """Return the same for other steps, which a NumPy array does not name."""
        return self

    def here(self, values: Array) -> Array:
        """Return values (T, O), or (T,) for a series that came so."""
        return values[:, 0] if self.rank == 1 else values

    def after(self, values: Array) -> Array:
        """Return the same for forecasts, as there is no index to continue."""
        return self.here(values)


class Series(NamedTuple):
    """One series, or the inputs of one, and what the caller gave it as."""

    argument: str
    """Its name in error messages."""
    array: Array
    kind: Plain | Framed


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

    def name(self, series: int, column: int) -> str:
        """Return the name of a column of a series, for people to read."""
        kind = self.kinds[series]
        label = kind.names[column]
        of = f"y[{series}]" if self.listed else ""
        if isinstance(kind, Plain):
            return f"{of or 'y'} column {column}" if kind.columns > 1 else of or "y"
        return of or "y" if label is None else f"{of} {show(label)}".strip()

    def here(self, values: list[Array]) -> Any:
        """Return arrays (T_i, O), one for each series, as y came."""
        return self._in_form([k.here(v) for k, v in zip(self.kinds, values, strict=True)])

    def after(self, values: list[Array]) -> Any:
        """Return forecasts (n, O), one for each series, as y came, the index continued."""
        return self._in_form([k.after(v) for k, v in zip(self.kinds, values, strict=True)])

    def _in_form(self, values: list[Any]) -> Any:
        return values if self.listed else values[0]


def read(y: Any, X: Any = None, like: Panel | None = None) -> Panel:
    """Return a caller's y and X as a panel, with the columns of all series in one order.

    Parameters
    ----------
    y, X : array, Series, DataFrame, or list of them
    like : Panel, optional
        The panel whose columns they must have; left out, they must have those of the first
        series.

    Raises
    ------
    ValueError, TypeError
        If they hold anything but finite numbers, don't fit one another, have other
        columns, or have an index that can't be continued.
    """
    listed = is_list(y)
    ys = [_one(*item, least=1, continued=True) for item in _items("y", y)]
    if like is not None and len(ys) != len(like.y):
        raise ValueError(f"y must have the series of fit, {len(like.y)}, got {len(ys)}")
    for i, series in enumerate(ys):
        first = ys[0].kind if like is None else like.kinds[i]
        if type(series.kind) is not type(first):
            as_before = "as y[0] is" if like is None else "as in fit"
            raise TypeError(f"{series.argument} must be {_kind(first)}, {as_before}")
        if like is not None or not _is_series(series.kind, first):
            ys[i] = _match_columns(
                series, first.names, "as y[0] is" if like is None else "as in fit"
            )
    arrays = tuple(series.array for series in ys)
    kinds = tuple(series.kind for series in ys)
    if X is None:
        if like is not None and like.inputs:
            raise ValueError(f"X must have the columns of fit, {show([*like.inputs])}, got None")
        return Panel(arrays, tuple(a[:, :0] for a in arrays), kinds, (), listed)
    if like is not None and not like.inputs:
        raise ValueError("X must be None, as in fit, where the forecaster got no inputs")
    inputs = _inputs(X, kinds, listed)
    names = inputs[0].kind.names if like is None else like.inputs
    for i, (series, y_i, own) in enumerate(zip(inputs, arrays, kinds, strict=True)):
        if len(series.array) != len(y_i):
            raise ValueError(
                f"{series.argument} must have {len(y_i)} rows, as y has steps, "
                f"got {len(series.array)}"
            )
        if isinstance(own, Framed):
            assert isinstance(series.kind, Framed)
            what = (
                f"the index of {series.argument.replace('X', 'y')}, as its rows are the same steps"
            )
            check_index(series.argument, series.kind.index, own.index, what)
        inputs[i] = _match_columns(series, names, "as X[0] is" if like is None else "as in fit")
    return Panel(arrays, tuple(series.array for series in inputs), kinds, names, listed)


def check_goes_on(longer: Panel, known: Panel) -> None:
    """Raise unless every series of a panel, with its inputs, begins with that of `known`.

    Otherwise a new series, or a list in another order, would get the scale of another series.
    """
    for i, (kind, before) in enumerate(zip(longer.kinds, known.kinds, strict=True)):
        which = f"[{i}]" if longer.listed else ""
        steps = len(known.y[i])
        expected = f"the {steps} step(s) of fit and what came since"
        if isinstance(kind, Framed):
            assert isinstance(before, Framed)
            if not kind.index[:steps].equals(before.index):
                raise ValueError(
                    f"y{which} must hold {expected}, from {before.index[0]} to "
                    f"{before.index[-1]} and on, got {show_ends(kind.index)}"
                )
        if len(longer.y[i]) < steps:
            raise ValueError(f"y{which} must hold {expected}, got {len(longer.y[i])} step(s)")
        for name, new, old in (("y", longer.y[i], known.y[i]), ("X", longer.x[i], known.x[i])):
            apart = np.abs(new[:steps] - old) > SAME * np.ptp(old, axis=0)
            if apart.any():
                t, column = (int(axis[0]) for axis in np.nonzero(apart))
                when = kind.index[t] if isinstance(kind, Framed) else f"step {t}"
                raise ValueError(
                    f"{name}{which} must hold {expected}, in their order; at {when} it was "
                    f"{old[t, column]:.6g} in fit, and is {new[t, column]:.6g} now: other series, "
                    "and series that were revised, need a fit of their own"
                )


def future(X: Any, panel: Panel, names: tuple[Any, ...], steps: int) -> tuple[Array, ...]:
    """Return X of the steps after those of a panel, (steps, K) for each series.

    Parameters
    ----------
    X : array, DataFrame, list of them, or None
    panel : Panel
    names : tuple
        The columns that are expected, which a DataFrame may have in any order.
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
            f"X must hold the {steps} step(s) after the last of y, columns {show([*names])}, "
            "got None"
        )
    inputs = []
    for series, own in zip(_inputs(X, panel.kinds, panel.listed), panel.kinds, strict=True):
        if isinstance(own, Plain):
            if len(series.kind.names) != len(names):
                raise other_shape(series.argument, series.array.shape, (len(names),), "as in fit")
        else:
            series = _match_columns(series, names, "as in fit")
        if len(series.array) != steps:
            raise ValueError(
                f"{series.argument} must hold the {steps} step(s) after the last of y, "
                f"got {len(series.array)}"
            )
        if isinstance(own, Framed):
            assert isinstance(series.kind, Framed)
            later = times.following(own.index, steps)
            check_index(series.argument, series.kind.index, later, "the index that follows on y")
        inputs.append(series.array)
    return tuple(inputs)


def _inputs(X: Any, kinds: Any, listed: bool) -> list[Series]:
    """Return X, one for each series."""
    items = _items("X", X)
    if is_list(X) != listed:
        raise TypeError(
            f"X must be {'a list with one for each series' if listed else 'one array'}, as y is"
        )
    if listed and len(X) != len(kinds):
        raise ValueError(f"X must hold one for each of the {len(kinds)} series, got {len(X)}")
    inputs = [_one(*item, least=0, continued=False) for item in items]
    for series, like in zip(inputs, kinds, strict=True):
        if type(series.kind) is not type(like):
            raise TypeError(f"{series.argument} must be {_kind(like)}, as y is")
    return inputs


def _items(argument: str, value: Any) -> list[tuple[str, Any]]:
    """Return one series, or each of a list, with its name for errors."""
    if not is_list(value):
        check_list(argument, value)
    return label_items(argument, order_columns(argument, value, None))


def _one(argument: str, value: Any, least: int, continued: bool) -> Series:
    """Return one series or its inputs as float64 (T, O)."""
    kind: Plain | Framed
    if frames.is_frame(value):
        array, kind = frames.read(argument, value, continued=continued)
    elif is_frame(value):
        raise TypeError(
            f"{argument} must be a NumPy array, or a Series or a DataFrame of pandas, got a "
            f"{type(value).__name__} of polars, whose names would be lost: {argument}.to_pandas()"
        )
    else:
        array = admit(argument, value)
        if of(array).name != "numpy":
            raise TypeError(
                f"{argument} must be a NumPy array or a pandas object, got an array on {of(array)}:"
                " the forecaster moves it where backend= says"
            )
        rank = array.ndim
        kind = Plain(rank, array.shape[1] if rank == 2 else 1)
    if least or array.ndim != 2 or len(array) == 0:
        check_axes(argument, array, (1, 2), SERIES)
    check_finite(argument, array)
    array = array[:, None] if array.ndim == 1 else array
    return Series(argument, array.astype("float64"), kind)


def _match_columns(series: Series, names: tuple[Any, ...], like: str) -> Series:
    """Return columns in the order of `names`; raise if they have other names.

    `like` says in error messages whose names these are.
    """
    own = series.kind.names
    if own == names:
        return series
    if isinstance(series.kind, Plain):
        shape = series.array.shape[: series.kind.rank]
        raise other_shape(series.argument, shape, (len(names),), like)
    order = order_names(series.argument, own, names)
    return Series(series.argument, series.array[:, order], series.kind.taking(order))


def _is_series(*kinds: Any) -> bool:
    """Whether all are Series of pandas; in a list their names may differ."""
    return all(isinstance(kind, Framed) and kind.rank == 1 for kind in kinds)


def _kind(kind: Plain | Framed) -> str:
    return "a pandas object" if isinstance(kind, Framed) else "a NumPy array"
