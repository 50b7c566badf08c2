"""The times of a pandas index: sorts, checks and continues them."""

import warnings
from typing import Any

import numpy as np

from xprnn._typing import Array
from xprnn._validate import warn

SPARSE = 2
"""If filling the gaps takes more than this many times the rows, the steps count as uneven."""


def sort(argument: str, value: Any) -> Any:
    """Sort a Series or a DataFrame by its times; warn if it goes back in time."""
    index = value.index
    if not _is_time(index) or index.hasnans or index.is_monotonic_increasing:
        return value
    row = int(np.flatnonzero(_numbers(index)[1:] < _numbers(index)[:-1])[0])
    warn(
        f"{argument} goes back in time, from {index[row]} to {index[row + 1]} in row {row + 1}; "
        "it was sorted by its index"
    )
    return value.sort_index(kind="stable")


def check(argument: str, index: Any) -> None:
    """Raise unless an index has a next step.

    Every message holds a line of code that mends the fault.

    Raises
    ------
    TypeError
        If it holds neither times nor integers.
    ValueError
        If a time is missing or occurs twice, if the steps are uneven, or if a
        DatetimeIndex has no frequency.
    """
    import pandas as pd

    check_even(argument, index)
    if isinstance(index, pd.DatetimeIndex) and index.freq is None and len(index):
        freq = _frequency(index.sort_values())
        remedy = "count the rows" if freq is None else "give it its own"
        code = "reset_index(drop=True)" if freq is None else f"asfreq({freq!r})"
        raise ValueError(
            f"{argument} has a DatetimeIndex without a frequency, so nobody knows which time "
            f"comes next; {remedy}: {argument} = {argument}.{code}"
        )


def check_even(argument: str, index: Any) -> None:
    """Raise unless an index, once it is sorted, has even steps; see `check`."""
    import pandas as pd

    if isinstance(index, pd.RangeIndex):
        return
    if isinstance(index, pd.DatetimeIndex) and index.freq is not None:
        return
    counted = f"{argument} = {argument}.reset_index(drop=True)"
    if not _is_time(index):
        raise TypeError(
            f"{argument} must have a DatetimeIndex, a PeriodIndex or an index of integers, got "
            f"{type(index).__name__} of {getattr(index, 'dtype', 'several')}; "
            f"{_remedy(argument, index) or f'to count the rows: {counted}'}"
        )
    if index.hasnans:
        raise ValueError(
            f"{argument} has no time in row {int(np.flatnonzero(index.isna())[0])}; to leave such "
            f"rows out: {argument} = {argument}[{argument}.index.notna()]"
        )
    twice = np.flatnonzero(index.duplicated())
    if twice.size:
        raise ValueError(
            f"{argument} has a second row for {index[twice[0]]}, row {twice[0]}; several series "
            f"come as a list of them, and the mean of each time is {argument} = "
            f"{argument}.groupby(level=0).mean()"
        )
    remedy = _of_digits(argument, index)
    if remedy is not None:
        raise ValueError(
            f"{argument} has an index of integers that look like dates, {index[0]} to {index[-1]}, "
            f"which can't be counted on; {remedy}, or, if they count something: {counted}"
        )
    times = index.sort_values()
    whole, filled = _filled(argument, times)
    odd = _uncommon(times) if whole is None else ~times.isin(whole)
    if odd.any():
        at = max(int(np.flatnonzero(odd)[0]), 1)
        raise ValueError(
            f"{argument} has uneven steps: {times[at]} follows on {times[at - 1]} in row "
            f"{index.get_loc(times[at])}; {_remedy(argument, times) or f'to count them: {counted}'}"
        )
    gaps = whole[~whole.isin(times)]
    if len(gaps):
        before = times[times < gaps[0]][-1]
        raise ValueError(
            f"{argument} has no row for {gaps[0]}, which comes after {before}, row "
            f"{index.get_loc(before)} ({len(gaps)} such); to repeat the last row: {argument} = "
            f"{filled}.ffill(), or to count the rows: {counted}"
        )


def continue_index(index: Any, horizon: int) -> Any:
    """Return the index of the steps after the last of an index."""
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
    import pandas as pd

    if isinstance(index, pd.DatetimeIndex | pd.PeriodIndex):
        return True
    return not isinstance(index, pd.MultiIndex) and pd.api.types.is_integer_dtype(index.dtype)


def _numbers(index: Any) -> Array:
    """Return the times of an index as integers."""
    return np.asarray(index.asi8 if hasattr(index, "asi8") else index, dtype="int64")


def _filled(argument: str, times: Any) -> tuple[Any, str]:
    """Return sorted times with their gaps filled, and the code that fills them.

    The times are None if no step is regular.
    """
    import pandas as pd

    if len(times) < 2:
        return times, argument
    steps = np.diff(_numbers(times))
    step = int(_common(steps))
    if steps.sum() > SPARSE * len(times) * step:
        return None, ""
    first, last = times[0], times[-1]
    if isinstance(times, pd.PeriodIndex):
        ends = f"{argument}.index.min(), {argument}.index.max()"
        return pd.period_range(first, last), f"{argument}.reindex(pd.period_range({ends}))"
    if isinstance(times, pd.DatetimeIndex):
        freq = times.freq or _frequency(times)
        whole = None if freq is None else pd.date_range(first, last, freq=freq)
        return whole, f"{argument}.asfreq({freq!r})"
    return (
        pd.Index(np.arange(first, last + 1, step)),
        f"{argument}.reindex(range({first}, {last + 1}, {step}))",
    )


def _common(steps: Array) -> Any:
    """Return the most frequent step."""
    found, counts = np.unique(steps, return_counts=True)
    return found[counts.argmax()]


def _uncommon(times: Any) -> Array:
    """Return which of the sorted times are not one common step after the one before."""
    steps = np.diff(_numbers(times))
    return np.concatenate([[False], steps != _common(steps)])


def _frequency(times: Any) -> str | None:
    """Return the frequency of sorted times, which may have gaps; None if they have none."""
    import pandas as pd

    if len(times) < 2:
        return None
    if len(times) == 2:
        return str(pd.tseries.frequencies.to_offset(times[1] - times[0]).freqstr)
    pieces = [times]  # ten rows show that there are no weekends
    for start in range(0, len(times) - 2, max(1, len(times) // 50)):
        pieces.append(times[start : start + 10])
    for piece in pieces:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # pandas 3.1 will give another type
            found = pd.infer_freq(piece)
        if found is not None:
            return str(getattr(found, "freqstr", found))
    return None


def _remedy(argument: str, index: Any) -> str | None:
    """Return code that turns another index into times, None if no code is known."""
    import pandas as pd

    if isinstance(index, pd.MultiIndex):
        return (
            f"several series come as a list: {argument} = "
            f"[part.droplevel(0) for _, part in {argument}.groupby(level=0)]"
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
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                pd.to_datetime(index)
        except (ValueError, TypeError, UserWarning):
            return None
        return f"to make times of text: {argument}.index = pd.to_datetime({argument}.index)"
    return None


def _of_digits(argument: str, index: Any) -> str | None:
    """Return code that turns integers such as 202312 or 20231231 into times; None for others."""
    import pandas as pd

    if isinstance(index, pd.RangeIndex) or hasattr(index, "asi8") or len(index) < 2:
        return None
    numbers = _numbers(index)
    for months, written, freq in ((numbers, "%Y%m", "M"), (numbers // 100, "%Y%m%d", "D")):
        years, month, day = months // 100, months % 100, numbers % 100
        dated = (years >= 1800) & (years <= 2200) & (month >= 1) & (month <= 12)
        if (dated & (day >= 1) & (day <= 31)).all():
            times = f"pd.to_datetime({argument}.index.astype(str), format={written!r})"
            return f"to make times of them: {argument}.index = {times}.to_period({freq!r})"
    return None
