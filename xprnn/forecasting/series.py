"""One series for the forecaster: its values, names and index."""

from typing import Any, NamedTuple

from xprnn._sequences.columns import order_names
from xprnn._sequences.reading import check_axes, check_finite, shape_error
from xprnn._typing import Array
from xprnn.backend import admit, of
from xprnn.backend.frames import is_frame, numbers
from xprnn.forecasting import times

MEANING = (
    "Here rows are steps: an array (T,) or (T, O) is one series; several series are a list of "
    "arrays"
)
"""The meaning of the rows of an array, for error messages."""


class Form(NamedTuple):
    """The form of a series, which its forecast takes too."""

    rank: int
    """1 for an array (T,) or a Series, 2 for an array (T, O) or a DataFrame."""
    labels: Any
    """The name of a Series or the columns of a DataFrame; positions for an array."""
    index: Any = None
    """The index of a pandas object; None for an array."""

    @property
    def names(self) -> tuple[Any, ...]:
        """The names of the columns."""
        return tuple(self.labels) if self.rank == 2 else (self.labels,)

    @property
    def kind(self) -> str:
        """The kind of object, for error messages."""
        return "a NumPy array" if self.index is None else "a pandas object"

    def rows(self, cut: slice) -> "Form":
        """Return the form of a slice of the steps."""
        return self if self.index is None else self._replace(index=self.index[cut])

    def ahead(self, horizon: int) -> "Form":
        """Return the form of the steps after the last one."""
        if self.index is None:
            return self
        return self._replace(index=times.continue_index(self.index, horizon))

    def apply(self, values: Array) -> Any:
        """Return values (T, O) in this form."""
        if self.index is None:
            return values[:, 0] if self.rank == 1 else values
        import pandas as pd

        if self.rank == 1:
            return pd.Series(values[:, 0], index=self.index, name=self.labels)
        return pd.DataFrame(values, index=self.index, columns=self.labels)


class Series(NamedTuple):
    """One series, or the inputs of one series."""

    argument: str
    """The argument's name in error messages."""
    array: Array
    """float64, (T, O)"""
    form: Form

    def match_columns(self, names: tuple[Any, ...], like: str) -> "Series":
        """Return the series with the columns of a frame in the order of `names`.

        Raises
        ------
        ValueError
            If a frame has other names, or an array another number of columns; `like` names the
            object with these columns.
        """
        form = self.form
        if form.index is None and len(form.names) != len(names):
            shape = self.array.shape[: form.rank]
            raise shape_error(self.argument, shape, (len(names),), like)
        if form.index is None or form.names == names:
            return self
        order = order_names(self.argument, form.names, names)
        ordered = form._replace(labels=form.labels[order])
        return self._replace(array=self.array[:, order], form=ordered)


def read(argument: str, value: Any, *, continued: bool) -> Series:
    """Read one series or its inputs, and sort a pandas object out of order, with a warning.

    Parameters
    ----------
    argument : str
        The argument's name in error messages.
    value : array, Series or DataFrame
    continued : bool
        Whether the index must have a next step: for a series, but not for its inputs.

    Raises
    ------
    ValueError, TypeError
        If the value holds anything but finite numbers, or can't be continued.
    """
    if type(value).__module__.partition(".")[0] == "pandas":
        array, form = _read_pandas(argument, value, continued)
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
                " the forecaster moves it to the backend of backend="
            )
        form = Form(array.ndim, range(array.shape[1]) if array.ndim == 2 else 0)
    if continued or array.shape[1:] != (0,):  # a frame of inputs may have no columns
        check_axes(argument, array, (1, 2), MEANING)
    check_finite(argument, array)
    array = array[:, None] if array.ndim == 1 else array
    return Series(argument, array.astype("float64"), form)


def _read_pandas(argument: str, value: Any, continued: bool) -> tuple[Array, Form]:
    """Return the values and the form of a Series or DataFrame."""
    import pandas as pd

    if not isinstance(value, pd.Series | pd.DataFrame):
        raise TypeError(
            f"{argument} must be a NumPy array, a Series or a DataFrame, got {type(value).__name__}"
        )
    if continued and len(value):
        times.check(argument, value.index)
    value = times.sort(argument, value)
    rank, labels = (1, value.name) if isinstance(value, pd.Series) else (2, value.columns)
    return numbers(argument, value), Form(rank, labels, value.index)
