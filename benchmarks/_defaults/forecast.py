"""What a forecaster gives, ours or a peer."""

from typing import NamedTuple

import numpy as np

LEVELS = (80, 95)


class Forecast(NamedTuple):
    """What is ahead of one series."""

    steps: np.ndarray
    intervals: dict[int, tuple[np.ndarray, np.ndarray]]
    """The lower and the upper bounds, by the percentage that they are to cover."""
