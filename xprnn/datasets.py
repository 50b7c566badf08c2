"""The data of the demonstrations: the lecture's noisy sine, and yearly sunspots."""

from importlib.resources import files
from typing import Any

import numpy as np

__all__ = ["noisy_sine", "sunspots"]


def noisy_sine(seed: int = 0) -> tuple[Any, Any]:
    """Return the lecture's data: x = -10 … 10 in steps of 0.1, y = sin x + 0.1·N(0, 1).

    The noise alone gives a half mean squared error of 0.005.

    Parameters
    ----------
    seed : int
        Of the noise.

    Returns
    -------
    x, y : NumPy array, (200,)

    Examples
    --------
    >>> from xprnn import datasets
    >>> x, y = datasets.noisy_sine()
    >>> x.shape, y.shape
    ((200,), (200,))
    """
    x = np.arange(-100, 100) / 10
    return x, np.sin(x) + 0.1 * np.random.default_rng(seed).standard_normal(200)


def sunspots() -> tuple[Any, Any]:
    """Return the mean number of sunspots in each of the years 1700 to 2008.

    Source: National Geophysical Data Center, in the public domain.

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
    lines = files("xprnn").joinpath("data/sunspots.csv").read_text().split()[1:]
    rows = [line.split(",") for line in lines]
    return (
        np.asarray([int(year) for year, _ in rows]),
        np.asarray([float(number) for _, number in rows]),
    )
