"""pandas objects: their numbers, names and index."""

from typing import Any, NamedTuple

from xprnn._typing import Array
from xprnn.backend.frames import numbers
from xprnn.forecasting import times


class Framed(NamedTuple):
    """What makes a Series or a DataFrame of an array (T, O)."""

    rank: int
    """1 for a Series, 2 for a DataFrame."""
    labels: Any
    """The name of a Series, the columns of a DataFrame."""
    index: Any

    @property
    def names(self) -> tuple[Any, ...]:
        """The names of the columns."""
        return tuple(self.labels) if self.rank == 2 else (self.labels,)

    def taking(self, order: list[int]) -> "Framed":
        """Return the same for columns in another order."""
        return self._replace(labels=self.labels[order])

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
        return self._replace(index=times.following(self.index, len(values))).here(values)


def is_frame(value: Any) -> bool:
    """Whether a value is an object of pandas, which is not imported to find out."""
    return type(value).__module__.partition(".")[0] == "pandas"


def read(argument: str, value: Any, *, continued: bool) -> tuple[Array, Framed]:
    """Return the numbers (T, O) of a Series or a DataFrame, and its names and index.

    Rows that are not in the order of time are sorted, with a warning.

    Parameters
    ----------
    argument : str
        Its name in error messages.
    value : Series or DataFrame
    continued : bool
        Whether its index must have a next step.

    Raises
    ------
    TypeError
        If it is neither of the two or holds anything but numbers, and as `times.check`.
    ValueError
        As `times.check`.
    """
    import pandas as pd

    if not isinstance(value, pd.Series | pd.DataFrame):
        raise TypeError(
            f"{argument} must be a NumPy array, a Series or a DataFrame, got {type(value).__name__}"
        )
    if continued and len(value):
        times.check(argument, value.index)
    value = times.in_order(argument, value)
    if isinstance(value, pd.Series):
        column = numbers(argument, value).astype("float64")
        return column[:, None], Framed(1, value.name, value.index)
    array = numbers(argument, value).astype("float64")
    return array, Framed(2, value.columns, value.index)
