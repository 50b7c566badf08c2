"""Metrics of quantities."""

from typing import Any

from xprnn._sequences.reading import clean_sequences
from xprnn._typing import Array
from xprnn._validate import whole
from xprnn.backend import host, quiet
from xprnn.metrics.common import columns_of, read_pairs, read_series


def _flat(pairs: list[tuple[Array, Array]]) -> tuple[Array, Array]:
    """Return y and y_hat (N, O) at the N valid steps of all sequences."""
    true, predicted = zip(*pairs, strict=True)
    return host.concatenate(true), host.concatenate(predicted)


def mae(y: Any, y_hat: Any, *, mask: Any = None, lengths: Any = None) -> float:
    """Return the mean of |ŷ - y| over steps, sequences and outputs.

    Examples
    --------
    >>> from xprnn import metrics
    >>> metrics.mae([1.0, 2.0, 3.0], [1.0, 2.0, 9.0])
    2.0
    >>> metrics.mae([1.0, 2.0, 3.0], [1.0, 2.0, 9.0], mask=[True, True, False])
    0.0
    """
    true, predicted = _flat(read_pairs(y, y_hat, mask, lengths))
    with quiet():
        return float(abs(predicted - true).mean())


def rmse(y: Any, y_hat: Any, *, mask: Any = None, lengths: Any = None) -> float:
    """Return the root of the mean of (ŷ - y)² over steps, sequences and outputs.

    The root is taken once; of several outputs, scikit-learn takes a root each.

    Examples
    --------
    >>> from xprnn import metrics
    >>> metrics.rmse([1.0, 2.0], [2.0, 9.0])
    5.0
    """
    true, predicted = _flat(read_pairs(y, y_hat, mask, lengths))
    with quiet():
        error = abs(predicted - true)
        size = error.max() or 1.0  # no square over- or underflows
        return float(size * ((error / size) ** 2).mean() ** 0.5)


def r2(y: Any, y_hat: Any, *, mask: Any = None, lengths: Any = None) -> float:
    """Return R² = 1 - Σ (ŷ - y)² / Σ (y - mean y)², its mean over the outputs.

    1 is perfect, 0 no better than the mean of y. An output whose y is constant has 1 if
    ŷ is y, else 0. As scikit-learn's ``r2_score``.

    Raises
    ------
    ValueError
        If there are fewer than two valid steps.

    Examples
    --------
    >>> from xprnn import metrics
    >>> metrics.r2([1.0, 2.0, 3.0], [1.0, 2.0, 2.0])
    0.5
    """
    true, predicted = _flat(read_pairs(y, y_hat, mask, lengths))
    if len(true) < 2:
        raise ValueError("y must have at least two valid steps for r2, got 1")
    with quiet():
        apart = true - true.mean(axis=0)
        size = abs(apart).max(axis=0)
        size = host.where(size > 0, size, 1)  # no square over- or underflows
        left = (((predicted - true) / size) ** 2).sum(axis=0)
        spread = ((apart / size) ** 2).sum(axis=0)
        varies = (true.max(axis=0) > true.min(axis=0)) & (spread > 0)
        constant = host.where(left == 0, 1.0, 0.0)
        return float(host.where(varies, 1 - left / host.where(varies, spread, 1), constant).mean())


def smape(y: Any, y_hat: Any, *, mask: Any = None, lengths: Any = None) -> float:
    """Return the mean of 2 |ŷ - y| / (|y| + |ŷ|), from 0 to 2; where both are 0, it is 0.

    Makridakis, "Accuracy measures", 1993. Some give a hundred times that, in per cent.

    Examples
    --------
    >>> from xprnn import metrics
    >>> metrics.smape([1.0, 0.0, 5.0], [3.0, 0.0, 0.0])
    1.0
    """
    true, predicted = _flat(read_pairs(y, y_hat, mask, lengths))
    with quiet():
        size = abs(true) + abs(predicted)
        return float((2 * abs(predicted - true) / host.where(size == 0, 1, size)).mean())


def mase(
    y: Any, y_hat: Any, *, train: Any, season: int = 1, mask: Any = None, lengths: Any = None
) -> float:
    """Return the mean of |ŷ - y| / s, where s is the error of a forecast that needs no model.

    s is the mean of |x(t) - x(t - m)| over the series `train` before y: what the naive
    forecast (m = 1) or the seasonal one (m the season) has there. Each sequence and
    output has an s of its own. Below 1 is better than that forecast. Hyndman and
    Koehler, "Another look at measures of forecast accuracy", 2006.

    Parameters
    ----------
    y, y_hat : array, (B, T, O), (T, O) or (T,), or list of arrays
    train : array or list of arrays
        The same sequences with the same outputs, of any lengths, without padding.
    season : int
        m, in steps.
    mask, lengths : array, optional
        Of y.

    Raises
    ------
    ValueError
        If `train` is not longer than the season, or repeats itself, so that s is 0.

    Examples
    --------
    >>> from xprnn import metrics
    >>> metrics.mase([6.0, 7.0], [5.0, 5.0], train=[1.0, 3.0, 2.0, 5.0])
    0.75
    """
    whole("season", season)
    pairs = read_pairs(y, y_hat, mask, lengths)
    given, past = read_series("train", train, columns_of(y))
    clean_sequences("train", given)
    wanted = [true.shape[-1] for true, _ in pairs]
    if [series.shape[-1] for series in past] != wanted:
        raise ValueError(
            f"train must have the {len(pairs)} sequence(s) of {wanted[0]} feature(s) that y has, "
            f"got {len(past)} of {past[0].shape[-1]}"
        )
    errors = []
    for series, (true, predicted) in zip(past, pairs, strict=True):
        if len(series) <= season:
            raise ValueError(f"train must be longer than the season {season}, got {len(series)}")
        with quiet():
            scale = abs(series[season:] - series[:-season]).mean(axis=0)
        if not scale.all():
            raise ValueError(f"train must not repeat itself exactly after {season} step(s)")
        with quiet():
            errors.append(abs(predicted - true) / scale)
    return float(host.concatenate(errors).mean())


def coverage(y: Any, lower: Any, upper: Any, *, mask: Any = None, lengths: Any = None) -> float:
    """Return the share of y between two bounds, those included: 0.9 of a good 90 % interval.

    Parameters
    ----------
    y, lower, upper : array, (B, T, O), (T, O) or (T,), or list of arrays
    mask, lengths : array, optional
        Of y.

    Raises
    ------
    ValueError
        If a lower bound is above the upper one.

    Examples
    --------
    >>> from xprnn import metrics
    >>> metrics.coverage([1.0, 2.0, 3.0, 9.0], [0.0, 0.0, 3.0, 0.0], [2.0, 2.0, 4.0, 8.0])
    0.75
    """
    true, low = _flat(read_pairs(y, lower, mask, lengths, "lower"))
    _, high = _flat(read_pairs(y, upper, mask, lengths, "upper"))
    if (low > high).any():
        raise ValueError(f"lower must not be above upper, got {int((low > high).sum())} such")
    return float(((low <= true) & (true <= high)).mean())
