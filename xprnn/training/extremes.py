"""A warning about extreme targets, before training."""

from xprnn._fields import warn
from xprnn._sequences.batches import Data
from xprnn.backend import host, of, to_host
from xprnn.losses import Loss

FAR, NARROW = 12.0, 1 / 3
"""y is extreme if a value is more than FAR standard deviations from the mean and the middle half
of all values spans less than NARROW standard deviations. For a normal y it spans 1.35."""


def warn_of_extremes(data: Data, loss: Loss) -> None:
    """Warn if a few extreme values dominate a squared error on the standardised y.

    Values with a weight of zero don't count. A y that mostly has one value, such as sparse counts,
    is not extreme.
    """
    place = of(data.y)
    if getattr(loss, "degree", None) != 2 or float(place.xp.max(place.xp.abs(data.y))) <= FAR:
        return
    y, counts = to_host(data.y), data.valid
    if counts is None or counts.shape != y.shape[:2]:
        counts = host.ones(y.shape[:2], dtype=bool)
    if data.weights is not None:
        counts = counts & (to_host(data.weights)[:, :, 0] > 0)
    for column in y[counts].T:
        low, high = host.quantile(column, [0.25, 0.75])
        largest = abs(column - column.mean()).max() / (column.std() or 1)
        span = (high - low) / (column.std() or 1)
        if largest > FAR and 0 < span < NARROW:
            warn(
                f"y has extreme values: one is {largest:.0f} standard deviations from the mean, "
                f"and half of them lie within {span:.2g} of one another; the extremes dominate a "
                "squared error: try loss='huber', or a transform of y such as its logarithm"
            )
            return
