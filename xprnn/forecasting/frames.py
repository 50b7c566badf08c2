"""pandas objects: their numbers, and their index continued."""

from typing import Any, NamedTuple

import numpy as np

from xprnn._typing import Array
from xprnn.backend.frames import numbers

__all__ = ["Framed", "following", "is_frame", "read"]


class Framed(NamedTuple):
    """What makes a Series or a DataFrame of an array (T, O)."""

    rank: int
    """1 for a Series, 2 for a DataFrame."""
    labels: Any
    """The name of a Series, the columns of a DataFrame."""
    index: Any

    def rows(self, start: int, stop: int) -> "Framed":
        """Return the same for the steps from `start` to before `stop`."""
        return self._replace(index=self.index[start:stop])

    def here(self, values: Array) -> Any:
        """Return values (T, O) with this index."""
        import pandas as pd

        if self.rank == 1:
            return pd.Series(values[:, 0], index=self.index, name=self.labels)
        return pd.DataFrame(values, index=self.index, columns=self.labels)

    def after(self, values: Array) -> Any:
        """Return values (n, O) with the index continued."""
        return self._replace(index=following(self.index, len(values))).here(values)


def is_frame(value: Any) -> bool:
    """Whether a value is an object of pandas, which is not imported to find out."""
    return type(value).__module__.partition(".")[0] == "pandas"


def read(argument: str, value: Any) -> tuple[Array, Framed]:
    """Return the numbers (T, O) of a Series or a DataFrame, and what it is besides.

    Raises
    ------
    TypeError
        If it is neither of the two, holds anything but numbers, or has an index that
        can't be continued.
    ValueError
        If the index has no frequency, or gaps, or goes back in time.
    """
    import pandas as pd

    if isinstance(value, pd.Series):
        column = numbers(argument, value).astype("float64")
        return column[:, None], Framed(1, value.name, _checked(argument, value.index))
    if not isinstance(value, pd.DataFrame):
        raise TypeError(
            f"{argument} must be a NumPy array, a Series or a DataFrame, got {type(value).__name__}"
        )
    if not value.columns.is_unique:
        raise ValueError(f"{argument} must have columns of different names, got {[*value.columns]}")
    array = numbers(argument, value).astype("float64")
    return array, Framed(2, value.columns, _checked(argument, value.index))


def _checked(argument: str, index: Any) -> Any:
    """Return an index that can be continued; raise if this one can't."""
    import pandas as pd

    if not isinstance(index, pd.DatetimeIndex | pd.PeriodIndex | pd.RangeIndex):
        raise TypeError(
            f"{argument} must have a DatetimeIndex, a PeriodIndex or a RangeIndex, got "
            f"{type(index).__name__} of {index.dtype}: make one, such as pd.to_datetime({argument}"
            f".index), or count the steps, {argument}.reset_index(drop=True)"
        )
    if isinstance(index, pd.DatetimeIndex) and index.freq is None:
        raise ValueError(
            f"{argument} has a DatetimeIndex without a frequency, so nobody knows which time comes "
            f"next: give it one, such as {argument} = {argument}.asfreq('D') for days or 'MS' for "
            f"the firsts of months; pd.infer_freq({argument}.index) tells which one fits"
        )
    if len(index) > 1 and index[1] <= index[0]:
        raise ValueError(
            f"{argument} must go forward in time, got {index[0]} and then {index[1]}: "
            f"{argument}.sort_index()"
        )
    if isinstance(index, pd.PeriodIndex) and len(index):
        whole = pd.period_range(index[0], periods=len(index), freq=index.freq)
        wrong = np.flatnonzero(index != whole)
        if wrong.size:
            raise ValueError(
                f"{argument} must have every {index.freqstr} in its PeriodIndex once, got "
                f"{index[wrong[0]]} where {whole[wrong[0]]} was expected"
            )
    return index


def following(index: Any, steps: int) -> Any:
    """Return the index of the steps after the last of an index."""
    import pandas as pd

    if isinstance(index, pd.DatetimeIndex):
        found = pd.date_range(index[-1], periods=steps + 1, freq=index.freq)[1:]
        found = found.as_unit(index.unit)
    elif isinstance(index, pd.PeriodIndex):
        found = pd.period_range(index[-1], periods=steps + 1, freq=index.freq)[1:]
    else:
        first = index[-1] + index.step
        found = pd.RangeIndex(first, first + steps * index.step, index.step)
    return found.rename(index.name)
