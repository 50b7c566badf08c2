"""Data sets for the examples: a noisy sine, yearly sunspots, monthly airline passengers."""

from importlib.resources import files
from typing import Any

import numpy as np

from xprnn.backend import generator

__all__ = ["airline", "noisy_sine", "sunspots"]


def noisy_sine(seed: int = 0) -> tuple[Any, Any]:
    """Return x = -10 … 10 in steps of 0.1 and y = sin x + 0.1·N(0, 1).

    This is the data set of the lecture "Recurrent Neural Networks – from Scratch" by Markus Hohle.
    The noise alone gives a ``"half_mse"`` of 0.005.

    Parameters
    ----------
    seed : int
        Seed for the noise.

    Returns
    -------
    x, y : NumPy array, (200,)

    Raises
    ------
    TypeError, ValueError
        If the seed is not an integer of at least 0.

    Examples
    --------
    >>> from xprnn import datasets
    >>> x, y = datasets.noisy_sine()
    >>> x.shape, y.shape
    ((200,), (200,))
    """
    x = np.arange(-100, 100) / 10
    return x, np.sin(x) + 0.1 * generator(seed).standard_normal(200)


def sunspots() -> tuple[Any, Any]:
    """Return the mean number of sunspots in each year from 1700 to 2008.

    Source: National Geophysical Data Center (NOAA), in the public domain.

    Returns
    -------
    years : NumPy array of int, (309,)
    numbers : NumPy array of float, (309,)

    Examples
    --------
    >>> from xprnn import datasets
    >>> years, numbers = datasets.sunspots()
    >>> int(years[0]), int(years[-1]), float(numbers[-1])
    (1700, 2008, 2.9)
    """
    years, numbers = _read_columns("sunspots.csv")
    return np.asarray([int(year) for year in years]), np.asarray([float(n) for n in numbers])


def airline() -> tuple[Any, Any]:
    """Return the monthly number of international airline passengers, 1949 to 1960, in thousands.

    Source: series G of Box and Jenkins, "Time Series Analysis: Forecasting and Control",
    1976, after Brown, "Smoothing, Forecasting and Prediction of Discrete Time Series", 1962.

    Returns
    -------
    months : NumPy array of datetime64[M], (144,)
    passengers : NumPy array of float, (144,)

    Examples
    --------
    >>> from xprnn import datasets
    >>> months, passengers = datasets.airline()
    >>> str(months[0]), str(months[-1]), float(passengers[-1])
    ('1949-01', '1960-12', 432.0)
    """
    months, passengers = _read_columns("airline.csv")
    return np.asarray(months, "datetime64[M]"), np.asarray([float(p) for p in passengers])


def _read_columns(name: str) -> Any:
    """Return the columns of a CSV file in this folder as tuples of str."""
    lines = files("xprnn.datasets").joinpath(name).read_text().split()[1:]
    return zip(*(line.split(",") for line in lines), strict=True)
