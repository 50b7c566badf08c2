"""Forecasts that need no model; a network has to beat them to be worth its training."""

from typing import Any

import numpy as np

__all__ = ["best_period", "naive", "seasonal_naive"]


def naive(series: Any, steps: int) -> Any:
    """Repeat the last value.

    Parameters
    ----------
    series : NumPy array, (T,)
    steps : int

    Returns
    -------
    NumPy array, (steps,)

    Examples
    --------
    >>> from xprnn import baselines
    >>> baselines.naive([1, 2, 3], 2)
    array([3, 3])
    """
    return np.repeat(np.asarray(series)[-1:], steps)


def seasonal_naive(series: Any, steps: int, period: int) -> Any:
    """Repeat the last period.

    Examples
    --------
    >>> from xprnn import baselines
    >>> baselines.seasonal_naive([1, 2, 3, 4], 3, period=2)
    array([3, 4, 3])
    """
    return np.resize(np.asarray(series)[-period:], steps)


def best_period(series: Any, longest: int = 22) -> int:
    """Return the period from 2 to `longest` whose repetition fits the series itself best.

    The one with the smallest mean of |s(t) - s(t - period)|.

    Examples
    --------
    >>> from xprnn import baselines
    >>> baselines.best_period([0, 5, 1, 0, 5, 1, 0, 5], longest=5)
    3
    """
    s = np.asarray(series)
    periods = range(2, min(longest, s.shape[0] - 1) + 1)
    return min(periods, key=lambda p: np.abs(s[p:] - s[:-p]).mean())
