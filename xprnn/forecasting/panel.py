"""The series to train on or to forecast, one or several, each with its inputs."""

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np

from xprnn._fields import show
from xprnn._sequences.columns import check_index, is_list, label_items, order_columns, show_ends
from xprnn._sequences.reading import check_list
from xprnn._typing import Array
from xprnn.forecasting import series
from xprnn.forecasting.series import Form, Series

SAME = 1e-6
"""Values that differ by less than this share of their column's range are the same."""


class Panel(NamedTuple):
    """Several series of the same quantities, each with its inputs."""

    y: tuple[Array, ...]
    """(T_i, O)"""
    x: tuple[Array, ...]
    """(T_i, K); K is 0 without inputs."""
    forms: tuple[Form, ...]
    """The form of each series."""
    inputs: tuple[Any, ...]
    """The column names of X; positions for arrays."""
    listed: bool
    """Whether the series were passed as a list."""

    @property
    def lengths(self) -> tuple[int, ...]:
        """The number of steps T_i of every series."""
        return tuple(map(len, self.y))

    def rows(self, cut: slice) -> "Panel":
        """Return a slice of every series; negative bounds count from the end of each."""
        return self._replace(
            y=tuple(y[cut] for y in self.y),
            x=tuple(x[cut] for x in self.x),
            forms=tuple(form.rows(cut) for form in self.forms),
        )

    def until(self, lengths: Iterable[int]) -> "Panel":
        """Return the first steps of every series; `lengths` holds their numbers."""
        cuts = [*map(slice, lengths)]
        return self._replace(
            y=tuple(y[cut] for y, cut in zip(self.y, cuts, strict=True)),
            x=tuple(x[cut] for x, cut in zip(self.x, cuts, strict=True)),
            forms=tuple(form.rows(cut) for form, cut in zip(self.forms, cuts, strict=True)),
        )

    def name(self, i: int, column: int) -> str:
        """Return the display name of a column of series i."""
        form, argument = self.forms[i], f"y[{i}]" if self.listed else "y"
        label = form.names[column]
        if form.index is None:
            return f"{argument} column {label}" if len(form.names) > 1 else argument
        if label is None:
            return argument
        return f"{argument} {show(label)}" if self.listed else show(label)

    def apply_forms(self, values: list[Array]) -> Any:
        """Return arrays (T_i, O), one for each series, in the form of y."""
        each = [form.apply(array) for form, array in zip(self.forms, values, strict=True)]
        return each if self.listed else each[0]

    def continue_forms(self, forecasts: list[Array]) -> Any:
        """Return forecasts (horizon, O) in the form of y, with the index continued."""
        ahead = tuple(form.ahead(len(forecasts[0])) for form in self.forms)
        return self._replace(forms=ahead).apply_forms(forecasts)


def read(y: Any, X: Any = None, like: Panel | None = None) -> Panel:
    """Read y and X as a panel, with the columns of all series in one order.

    Parameters
    ----------
    y, X : array, Series, DataFrame, or list of them
    like : Panel, optional
        The panel whose columns they must have. By default they must have those of the first
        series.

    Raises
    ------
    ValueError, TypeError
        If they hold anything but finite numbers, don't match each other, have other columns, or
        have an index that can't be continued.
    """
    listed = is_list(y)
    ys = [series.read(*item, continued=True) for item in _label("y", y)]
    if like is not None and len(ys) != len(like.y):
        raise ValueError(f"y must have the series of fit, {len(like.y)}, got {len(ys)}")
    for i, one in enumerate(ys):
        first = ys[0].form if like is None else like.forms[i]
        where = "as y[0] is" if like is None else "as in fit"
        _check_kind(one, first, where)
        if like is not None or not one.form.rank == first.rank == 1:  # new Series: any names
            ys[i] = one.match_columns(first.names, where)
    arrays, forms = tuple(one.array for one in ys), tuple(one.form for one in ys)
    known = None if like is None else like.inputs
    if X is None and known:
        raise ValueError(f"X must have the columns of fit, {show([*known])}, got None")
    if X is None:
        return Panel(arrays, tuple(a[:, :0] for a in arrays), forms, (), listed)
    if known == ():
        raise ValueError("X must be None, since the forecaster was fitted without inputs")
    inputs = _read_inputs(X, forms, listed)
    names = known or inputs[0].form.names
    for i, (one, its) in enumerate(zip(inputs, ys, strict=True)):
        if len(one.array) != len(its.array):
            raise ValueError(
                f"{one.argument} must have {len(its.array)} rows, as y has steps, "
                f"got {len(one.array)}"
            )
        if its.form.index is not None:
            what = f"the index of {its.argument}, as its rows are the same steps"
            check_index(one.argument, one.form.index, its.form.index, what)
        inputs[i] = one.match_columns(names, "as X[0] is" if like is None else "as in fit")
    return Panel(arrays, tuple(one.array for one in inputs), forms, names, listed)


def check_continues(longer: Panel, first: Panel) -> None:
    """Raise unless every series of a panel, with its inputs, starts with the one of the training.

    Otherwise a new series, or a list in another order, would get another series' scale.
    """
    for i, (form, before) in enumerate(zip(longer.forms, first.forms, strict=True)):
        which = f"[{i}]" if longer.listed else ""
        length = len(first.y[i])
        expected = f"the {length} step(s) of fit and what came since"
        if form.index is not None and not form.index[:length].equals(before.index):
            raise ValueError(
                f"y{which} must hold {expected}, from {before.index[0]} to "
                f"{before.index[-1]} and on, got {show_ends(form.index)}"
            )
        if len(longer.y[i]) < length:
            raise ValueError(f"y{which} must hold {expected}, got {len(longer.y[i])} step(s)")
        for name, new, old in (("y", longer.y[i], first.y[i]), ("X", longer.x[i], first.x[i])):
            differs = np.abs(new[:length] - old) > SAME * np.ptp(old, axis=0)
            if differs.any():
                t, column = np.argwhere(differs)[0]
                when = f"step {t}" if form.index is None else form.index[t]
                raise ValueError(
                    f"{name}{which} must hold {expected}, in their order; at {when} it was "
                    f"{old[t, column]:.6g} in fit, and is {new[t, column]:.6g} now: call fit "
                    "again for other series or revised values"
                )


def read_ahead(X: Any, panel: Panel, names: tuple[Any, ...], horizon: int) -> tuple[Array, ...]:
    """Read X at the steps after the end of a panel, (horizon, K) for each series.

    Parameters
    ----------
    X : array, DataFrame, list of them, or None
    panel : Panel
    names : tuple
        The expected columns; a DataFrame may have them in any order.
    horizon : int

    Raises
    ------
    ValueError, TypeError
        If X has the wrong rows, columns or times.
    """
    if not names and X is not None:
        raise ValueError("X must be None: the forecaster was fitted without inputs known ahead")
    if not names:
        return tuple(np.zeros((horizon, 0)) for _ in panel.y)
    if X is None:
        raise ValueError(
            f"X must hold the {horizon} step(s) after the last of y, columns {show([*names])}, "
            "got None"
        )
    inputs = []
    for one, form in zip(_read_inputs(X, panel.forms, panel.listed), panel.forms, strict=True):
        one = one.match_columns(names, "as in fit")
        if len(one.array) != horizon:
            raise ValueError(
                f"{one.argument} must hold the {horizon} step(s) after the last of y, "
                f"got {len(one.array)}"
            )
        if form.index is not None:
            what = "the index that follows y"
            check_index(one.argument, one.form.index, form.ahead(horizon).index, what)
        inputs.append(one.array)
    return tuple(inputs)


def _read_inputs(X: Any, forms: tuple[Form, ...], listed: bool) -> list[Series]:
    """Read X, with one item for each series."""
    items = _label("X", X)
    if is_list(X) != listed:
        raise TypeError(
            f"X must be {'a list with one for each series' if listed else 'one array'}, as y is"
        )
    if len(items) != len(forms):
        raise ValueError(
            f"X must hold one item for each of the {len(forms)} series, got {len(items)}"
        )
    inputs = [series.read(*item, continued=False) for item in items]
    for one, form in zip(inputs, forms, strict=True):
        _check_kind(one, form, "as y is")
    return inputs


def _label(argument: str, value: Any) -> list[tuple[str, Any]]:
    """Return one series, or each of a list, with its name for error messages."""
    if not is_list(value):
        check_list(argument, value)
    return label_items(argument, order_columns(argument, value, None))


def _check_kind(one: Series, form: Form, like: str) -> None:
    """Raise TypeError unless a series is of the expected kind, array or pandas object."""
    if one.form.kind != form.kind:
        raise TypeError(f"{one.argument} must be {form.kind}, {like}")
