"""Forecasts that need no model; a network has to beat them to be worth its training."""

from typing import Any

import numpy as np

from xprnn.backend import on_host, quiet

__all__ = ["best_season", "drift", "naive", "seasonal_naive"]


def naive(series: Any, horizon: int) -> Any:
    """Repeat the last value.

    Parameters
    ----------
    series : NumPy array, (T,) or (T, O)
    horizon : int
        How many steps to forecast.

    Returns
    -------
    NumPy array, (horizon,) or (horizon, O)

    Examples
    --------
    >>> from xprnn import baselines
    >>> baselines.naive([1, 2, 3], 2)
    array([3, 3])
    """
    return np.repeat(on_host("series", series)[-1:], horizon, axis=0)


def seasonal_naive(series: Any, horizon: int, season: int) -> Any:
    """Repeat the last season.

    Examples
    --------
    >>> from xprnn import baselines
    >>> baselines.seasonal_naive([1, 2, 3, 4], 3, season=2)
    array([3, 4, 3])
    """
    s = on_host("series", series)
    return np.resize(s[-season:], (horizon, *s.shape[1:]))


def drift(series: Any, horizon: int) -> Any:
    """Go on by the mean change: the line through the first and the last value.

    Examples
    --------
    >>> from xprnn import baselines
    >>> baselines.drift([1.0, 5.0, 3.0], 2)
    array([4., 5.])
    """
    s = on_host("series", series)
    if len(s) < 2:
        raise ValueError(f"series must have at least 2 steps, got {len(s)}")
    ahead = np.arange(1, horizon + 1).reshape(-1, *[1] * (s.ndim - 1))
    with quiet():
        return s[-1] + ahead * ((s[-1] - s[0]) / (len(s) - 1))


def best_season(series: Any, longest: int = 22) -> int:
    """Return the season from 2 to `longest` whose repetition fits the series itself best.

    The one with the smallest mean of |s(t) - s(t - season)|.

    Examples
    --------
    >>> from xprnn import baselines
    >>> baselines.best_season([0, 5, 1, 0, 5, 1, 0, 5], longest=5)
    3
    """
    s = on_host("series", series)
    seasons = range(2, min(longest, s.shape[0] - 1) + 1)
    with quiet():
        return min(seasons, key=lambda m: np.abs(s[m:] - s[:-m]).mean())
