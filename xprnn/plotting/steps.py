"""The x-axis of a plot: the step numbers, or the index of a pandas Series.

Dates and periods are passed to matplotlib as NumPy's ``datetime64``, a period as its start, so
that pandas' converters are not involved.
"""

from typing import Any, NamedTuple

import numpy as np

from xprnn._model import Model
from xprnn._sequences.columns import is_list, read_names
from xprnn.backend.frames import is_frame, is_pandas


class Steps(NamedTuple):
    """The positions of a sequence's steps on the x-axis."""

    values: Any
    """NumPy array (T,) of numbers or ``datetime64``; dates with a time zone are in UTC."""
    label: str
    zone: Any = None
    """The time zone in which the dates are shown."""

    def show(self, ax: Any) -> None:
        """Label an x-axis, and give it date ticks if the steps are dates."""
        ax.set_xlabel(self.label)
        drawn_by_pandas = getattr(ax, "freq", None) is not None  # matplotlib converts dates itself
        if self.values.dtype.kind != "M" or drawn_by_pandas:
            return
        from matplotlib import dates

        locator = dates.AutoDateLocator(tz=self.zone)
        ax.xaxis.set_major_locator(locator)
        ax.xaxis.set_major_formatter(dates.ConciseDateFormatter(locator, tz=self.zone))


def choose_steps(model: Model, x: object, inputs: Any, count: int, sequence: int = 0) -> Steps:
    """Return the x-axis for `count` steps that a model computed from x.

    It is the index of x if x is from pandas with an increasing index of dates, periods or numbers;
    otherwise x itself, if it is a single increasing feature; otherwise the step number. The output
    of an encoder–decoder has other steps than x, and gets step numbers.

    Parameters
    ----------
    model : Model
    x : array, DataFrame or Series, or list of them
        x as the caller passed it.
    inputs : array, (T, F)
        The sequence that was read from x.
    count : int
    sequence : int
    """
    counted = Steps(np.arange(count), "step")
    if model.mode == "encoder_decoder" or count != len(inputs):
        return counted
    index = find_index(x, sequence)
    rises = index is not None and _name_kind(index) and _find_fall(index) is None
    if rises and not _only_counts(index) and len(index) == count:
        return to_steps(index)
    if inputs.shape[-1] == 1 and (np.diff(inputs[:, 0]) > 0).all():
        return Steps(inputs[:, 0], "x")
    return counted


def choose_forecast_steps(
    past: object, predicted: object, like: dict[str, object], start: int | None, sequence: int
) -> tuple[Any, Any] | None:
    """Return the indexes of a series and of its forecast, or None to count the steps.

    An index that only counts from 0 is used only if another one does not.

    Parameters
    ----------
    past, predicted : array, or DataFrame or Series, or list of them
    like : dict
        Other values at the steps of the forecast, by argument name.
    start : int or None
        The number of the first step, if given.
    sequence : int

    Raises
    ------
    ValueError, TypeError
        If an index does not hold dates, periods or numbers, an index is missing or does not match
        the others, or both start and an index are given.
    """
    given = {"past": past, "predicted": predicted, **like}
    found = {name: find_index(value, sequence) for name, value in given.items()}
    found = {name: index for name, index in found.items() if index is not None}
    kinds = {name: _check_index(name, index) for name, index in found.items()}
    telling = next((name for name, index in found.items() if not _only_counts(index)), None)
    if telling is None:
        return None
    if start is not None:
        raise ValueError(
            f"start must be left out, because {telling} has an index, which says where it "
            f"starts; got {start}"
        )
    for name in ("past", "predicted"):
        if name not in found:
            raise ValueError(
                f"{name} must be a pandas Series with an index of {kinds[telling]}, as {telling} "
                f"is, got {type(given[name]).__name__}; to count the steps, pass arrays only: "
                f"{telling}.to_numpy()"
            )
    for name, kind in kinds.items():
        if kind != kinds["past"]:
            raise ValueError(
                f"{name} must have an index of {kinds['past']}, as past has, got one of {kind}"
            )
    before, after = found["past"], found["predicted"]
    if not after[0] > before[-1]:
        raise ValueError(
            f"predicted must begin after the end of past, {before[-1]}, got an index from "
            f"{after[0]}"
        )
    for name in like:
        if name in found and not np.array_equal(
            to_steps(found[name]).values, to_steps(after).values
        ):
            raise ValueError(
                f"{name} must have the index of predicted, {after[0]} to {after[-1]}, got "
                f"{found[name][0]} to {found[name][-1]}"
            )
    return before, after


def to_steps(index: Any) -> Steps:
    """Return a pandas index of dates, periods or numbers as an x-axis."""
    kind = type(index).__name__
    if kind == "PeriodIndex":
        values = index.to_timestamp().to_numpy()
    elif kind == "DatetimeIndex":
        values = (index if index.tz is None else index.tz_convert(None)).to_numpy()
    else:
        values = index.to_numpy("int64" if index.dtype.kind in "iu" else "float64")
    label = "step" if values.dtype.kind != "M" else "time"
    name = label if index.name is None else str(index.name)
    return Steps(values, name, getattr(index, "tz", None))


def find_index(value: object, sequence: int) -> Any:
    """Return the index of a pandas Series or DataFrame, or of one in a list, or None."""
    one = _pick(value, sequence)
    return one.index if is_frame(one) and is_pandas(one) else None


def find_name(argument: str, value: object, sequence: int) -> str | None:
    """Return the name of a Series, of a DataFrame's only column, or of one of them in a list."""
    names = read_names(argument, _pick(value, sequence))
    return None if names is None else names[0]


def _pick(value: Any, sequence: int) -> Any:
    return value[sequence] if is_list(value) else value


def _only_counts(index: Any) -> bool:
    """Return whether an index is the default of pandas, from 0 in steps of 1."""
    return type(index).__name__ == "RangeIndex" and (index.start, index.step) == (0, 1)


def _name_kind(index: Any) -> str | None:
    """Return the kind of an index, or None if it does not hold dates, periods or numbers."""
    kind = type(index).__name__
    if kind == "DatetimeIndex":
        return "dates" if index.tz is None else f"dates in {index.tz}"
    if kind == "PeriodIndex":
        return f"periods ({index.freqstr})"
    holds_numbers = getattr(index.dtype, "kind", None) in ("i", "u", "f")
    return "numbers" if holds_numbers and kind in ("Index", "RangeIndex") else None


def _find_fall(index: Any) -> int | None:
    """Return the first row whose time is missing or not after the previous one, or None."""
    if not index.hasnans and index.is_monotonic_increasing and index.is_unique:
        return None
    good = np.append(True, index[1:] > index[:-1]) & ~index.isna()
    return int(np.flatnonzero(~good)[0])


def _check_index(argument: str, index: Any) -> str:
    """Return the kind of an index; raise unless it can be an x-axis."""
    kind = _name_kind(index)
    if kind is None:
        raise TypeError(
            f"{argument} must have an index of dates, periods or numbers, got "
            f"{type(index).__name__} of {getattr(index, 'dtype', 'several')}; to count the steps: "
            f"{argument}.reset_index(drop=True)"
        )
    row = _find_fall(index)
    if row is not None:
        raise ValueError(
            f"{argument} must have an index that increases from row to row, got {index[row]} in "
            f"row {row}" + (f" after {index[row - 1]}" if row else "")
        )
    return kind
