"""Sort, check and continue the times of a pandas index."""

import warnings
from typing import Any

import numpy as np

from xprnn._fields import warn
from xprnn._typing import Array

SPARSE = 2
"""Steps are uneven if filling the gaps would give more than this many times as many rows."""


def sort(argument: str, value: Any) -> Any:
    """Sort a Series or DataFrame by time; warn if it goes back in time."""
    index = value.index
    if not _is_time(index) or index.hasnans or index.is_monotonic_increasing:
        return value
    row = int(np.flatnonzero(_count(index)[1:] < _count(index)[:-1])[0])
    warn(
        f"{argument} goes back in time, from {index[row]} to {index[row + 1]} in row {row + 1}; "
        "it was sorted by its index"
    )
    return value.sort_index(kind="stable")


def check(argument: str, index: Any) -> None:
    """Raise unless an index can be continued.

    Every message ends with code that fixes the problem.

    Raises
    ------
    TypeError
        If the index holds neither times nor integers.
    ValueError
        If a time is missing or occurs twice, if the steps are uneven, or if a
        DatetimeIndex has no frequency.
    """
    import pandas as pd

    check_even(argument, index)
    if isinstance(index, pd.DatetimeIndex) and index.freq is None and len(index):
        freq = _infer_frequency(index.sort_values())
        remedy = "count the rows" if freq is None else "set it"
        code = "reset_index(drop=True)" if freq is None else f"asfreq({freq!r})"
        raise ValueError(
            f"{argument} has a DatetimeIndex without a frequency, so its next time is unknown; "
            f"{remedy}: {argument} = {argument}.{code}"
        )


def check_even(argument: str, index: Any) -> None:
    """Raise unless an index, once sorted, has even steps; see `check`."""
    import pandas as pd

    times_with_freq = isinstance(index, pd.DatetimeIndex) and index.freq is not None
    if times_with_freq or isinstance(index, pd.RangeIndex):
        return
    count_rows = f"to count the rows: {argument} = {argument}.reset_index(drop=True)"
    if not _is_time(index):
        raise TypeError(
            f"{argument} must have a DatetimeIndex, a PeriodIndex or an index of integers, got "
            f"{type(index).__name__} of {getattr(index, 'dtype', 'several')}; "
            f"{_convert(argument, index) or count_rows}"
        )
    if index.hasnans:
        raise ValueError(
            f"{argument} has no time in row {int(np.flatnonzero(index.isna())[0])}; to leave such "
            f"rows out: {argument} = {argument}[{argument}.index.notna()]"
        )
    repeats = np.flatnonzero(index.duplicated())
    if repeats.size:
        raise ValueError(
            f"{argument} has a second row for {index[repeats[0]]}, row {repeats[0]}; pass several "
            f"series as a list; to average the rows of one series: {argument} = "
            f"{argument}.groupby(level=0).mean()"
        )
    remedy = _convert_digits(argument, index)
    if remedy is not None:
        raise ValueError(
            f"{argument} has an index of integers that look like dates, {index[0]} to {index[-1]}, "
            f"whose next one is not the next number; {remedy}, or, if they are not, {count_rows}"
        )
    times = index.sort_values()
    grid, code = _fill(argument, times)
    odd = ~times.isin(grid)
    if odd.any():
        at = max(int(np.flatnonzero(odd)[0]), 1)
        raise ValueError(
            f"{argument} has uneven steps: {times[at]} follows {times[at - 1]} in row "
            f"{index.get_loc(times[at])}; {_convert(argument, times) or count_rows}"
        )
    gaps = grid[~grid.isin(times)]
    if len(gaps):
        before = times[times < gaps[0]][-1]
        raise ValueError(
            f"{argument} has no row for {gaps[0]}, which comes after {before}, row "
            f"{index.get_loc(before)} ({len(gaps)} such); to repeat the row before each gap: "
            f"{argument} = {code}.ffill(), or {count_rows}"
        )


def continue_index(index: Any, horizon: int) -> Any:
    """Return the index of the steps after the end of an index."""
    import pandas as pd

    if isinstance(index, pd.DatetimeIndex):
        ahead = pd.date_range(index[-1], periods=horizon + 1, freq=index.freq)[1:]
        ahead = ahead.as_unit(index.unit)
    elif isinstance(index, pd.PeriodIndex):
        ahead = pd.period_range(index[-1], periods=horizon + 1, freq=index.freq)[1:]
    else:
        step = measure_step(index)
        first = int(index[-1]) + step
        ahead = pd.RangeIndex(first, first + horizon * step, step)
        if not isinstance(index, pd.RangeIndex):
            ahead = pd.Index(ahead.to_numpy(), dtype=index.dtype)
    return ahead.rename(index.name)


def measure_step(index: Any) -> int:
    """Return the step of an index of integers."""
    return int(index[1] - index[0]) if len(index) > 1 else int(getattr(index, "step", 1))


def _is_time(index: Any) -> bool:
    """Return whether an index holds times or integers."""
    import pandas as pd

    if isinstance(index, pd.DatetimeIndex | pd.PeriodIndex):
        return True
    return not isinstance(index, pd.MultiIndex) and pd.api.types.is_integer_dtype(index.dtype)


def _count(index: Any) -> Array:
    """Return the times of an index as integers."""
    return np.asarray(index.asi8 if hasattr(index, "asi8") else index, dtype="int64")


def _fill(argument: str, times: Any) -> tuple[Any, str]:
    """Return sorted times with the gaps filled, and the code that fills them.

    If there is no regular step, return the times that follow another one by the most frequent step.
    """
    import pandas as pd

    if len(times) < 2:
        return times, argument
    steps, first, last = np.diff(_count(times)), times[0], times[-1]
    sizes, counts = np.unique(steps, return_counts=True)
    step = int(sizes[counts.argmax()])
    regular = times[np.concatenate([[True], steps == step])]
    if steps.sum() > SPARSE * len(times) * step:
        return regular, ""
    if isinstance(times, pd.PeriodIndex):
        ends = f"{argument}.index.min(), {argument}.index.max()"
        return pd.period_range(first, last), f"{argument}.reindex(pd.period_range({ends}))"
    if isinstance(times, pd.DatetimeIndex):
        freq = _infer_frequency(times)
        if freq is None:
            return regular, ""
        return pd.date_range(first, last, freq=freq), f"{argument}.asfreq({freq!r})"
    grid = pd.Index(np.arange(first, last + 1, step))
    return grid, f"{argument}.reindex(range({first}, {last + 1}, {step}))"


def _infer_frequency(times: Any) -> str | None:
    """Return the frequency of sorted times, which may have gaps, or None."""
    import pandas as pd

    if len(times) < 2:
        return None
    if len(times) == 2:
        return str(pd.tseries.frequencies.to_offset(times[1] - times[0]).freqstr)
    starts = range(0, len(times) - 2, max(1, len(times) // 50))
    pieces = [times, *(times[start : start + 10] for start in starts)]  # ten rows show weekends
    for piece in pieces:
        with warnings.catch_warnings(action="ignore"):  # pandas 3.1 will return an offset
            freq = pd.infer_freq(piece)
        if freq is not None:
            return str(getattr(freq, "freqstr", freq))
    return None


def _convert(argument: str, index: Any) -> str | None:
    """Return code that turns an index into even times, or None."""
    import pandas as pd

    if isinstance(index, pd.MultiIndex):
        name, listed, _ = argument.partition("[")
        each = f"one in {name} for _, part in one" if listed else f"_, part in {name}"
        return (
            f"pass several series as a list: {name} = [part.droplevel(0) for "
            f"{each}.groupby(level=0)]"
        )
    if isinstance(index, pd.DatetimeIndex):
        for freq in ("D", "W", "M", "Q", "Y") if index.tz is None else ():
            if (np.diff(index.to_period(freq).asi8) == 1).all():
                return (
                    f"to let each stand for its whole day, week, month or year: {argument}.index = "
                    f"{argument}.index.to_period({freq!r})"
                )
    elif pd.api.types.is_string_dtype(index.dtype):
        try:
            with warnings.catch_warnings(action="error"):
                pd.to_datetime(index)
        except (ValueError, TypeError, UserWarning):
            return None
        return f"to make times of text: {argument}.index = pd.to_datetime({argument}.index)"
    return None


def _convert_digits(argument: str, index: Any) -> str | None:
    """Return code that turns integers such as 202312 or 20231231 into times, or None."""
    if hasattr(index, "asi8") or len(index) < 2:
        return None
    numbers = _count(index)
    for months, layout, freq in ((numbers, "%Y%m", "M"), (numbers // 100, "%Y%m%d", "D")):
        years, month, day = months // 100, months % 100, numbers % 100
        dated = (years >= 1800) & (years <= 2200) & (month >= 1) & (month <= 12)
        if (dated & (day >= 1) & (day <= 31)).all():
            times = f"pd.to_datetime({argument}.index.astype(str), format={layout!r})"
            return f"to make times of them: {argument}.index = {times}.to_period({freq!r})"
    return None
