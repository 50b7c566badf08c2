"""Forecasts without a model, which a network has to beat to be worth training."""

from typing import Any

import numpy as np

from xprnn._fields import whole
from xprnn._sequences.reading import check_finite
from xprnn._sequences.scaling import Scaler
from xprnn.backend import on_host, quiet

__all__ = ["drift", "find_season", "naive", "seasonal_naive"]

_OF_LEVELS = 0.5
"""The least share of the variance, without the trend, that a season must explain."""

_OF_CHANGES = 0.25
"""The least share of the variance of the changes from step to step."""

_NEARLY = 0.9
"""A season must explain this share of what the best season explains."""

_TINY = 1e-9
"""Values that vary by less than this share of the series' spread count as constant."""


def naive(series: Any, horizon: int) -> Any:
    """Repeat the last value.

    Parameters
    ----------
    series : NumPy array, (T,) or (T, O)
    horizon : int
        The number of steps to forecast.

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
    """Continue with the mean change: along the line through the first and the last value.

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


def find_season(series: Any, longest: int = 200) -> int:
    """Return the season of a series in steps, or 1 if it has none.

    A series has a season of m steps if the means at the m positions in the season explain enough
    of its variance: at least half of the variance of the series without its trend (a moving
    average over m steps), or a quarter of the variance of its changes from step to step. The first
    detects a slow season under noise, the second a season whose shape changes. The share is
    adjusted for the number of means, like the adjusted R² of a regression::

        R²(m) = 1 - (1 - S(m) / S) (n - 1) / (n - m),    S = Σ d(t)²,  S(m) = Σ n_i d_i²

    where d(t) are the n values minus their mean, and d_i is the mean of the n_i values of d at
    position i. Multiples of a season explain no more than the season itself, so the result is the
    smallest m that explains nine tenths of what the best m explains of the same values. A season
    must occur at least four times.

    Parameters
    ----------
    series : NumPy array, (T,) or (T, O)
        The series; with several columns, the share is computed over all of them together.
    longest : int
        The longest season to look for.

    Raises
    ------
    ValueError, TypeError
        If a value is NaN or infinite, or if the series is a masked array or not an array.

    Examples
    --------
    >>> from xprnn import baselines, datasets
    >>> baselines.find_season(datasets.airline()[1]), baselines.find_season(range(50))
    (12, 1)
    """
    s = on_host("series", series)
    check_finite("series", s)
    columns = Scaler.of(s.reshape(len(s), -1), xp=np).apply(s.reshape(len(s), -1))
    seasons = range(2, min(whole("longest", longest), (len(s) - 1) // 4) + 1)
    changes = np.diff(columns, axis=0)
    for least, remove in ((_OF_LEVELS, _remove_trend), (_OF_CHANGES, lambda *_: changes)):
        shares = [_explain(remove(columns, m), m) for m in seasons]
        if max(shares, default=0.0) >= least:
            numbers = remove(columns, seasons[int(np.argmax(shares))])
            return next(m for m in seasons if _explain(numbers, m) >= _NEARLY * max(shares))
    return 1


def _remove_trend(columns: Any, season: int) -> Any:
    """Return a series minus its moving average over a season, without the ends."""
    sums = np.cumsum(np.concatenate([np.zeros_like(columns[:1]), columns]), axis=0)
    trend = (sums[season:] - sums[:-season]) / season
    if season % 2 == 0:  # centre a window of even length
        trend = (trend[1:] + trend[:-1]) / 2
    half = season // 2
    return columns[half : len(columns) - half] - trend


def _explain(numbers: Any, season: int) -> float:
    """Return the adjusted share of the variance that the means at the positions explain."""
    d, n = numbers - numbers.mean(axis=0), len(numbers)
    places = np.arange(n) % season
    counts = np.bincount(places, minlength=season)
    sums = np.asarray([np.bincount(places, column, minlength=season) for column in d.T])
    if np.abs(d).max() < _TINY:
        return 0.0
    missed = 1 - float((sums**2 / counts).sum() / (d**2).sum())
    return 1 - missed * (n - 1) / (n - season)
