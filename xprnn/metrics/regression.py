"""Metrics for quantities."""

from typing import Any

from xprnn._fields import whole
from xprnn._sequences.columns import check_indexes, check_past, read_shared_names
from xprnn._sequences.reading import Sequences, arrange, clean_sequences, read_valid
from xprnn._typing import Array
from xprnn.backend import host, quiet, to_host


def _read_series(
    argument: str, value: Any, columns: tuple[str, ...] | None = None
) -> tuple[Sequences, list[Array]]:
    """Return an argument as sequences on the host, and as a list of arrays (T_i, O)."""
    sequences = arrange(argument, value, columns=columns, one_axis=True)
    array = to_host(sequences.array).astype("float64")
    sizes = sequences.sizes or [array.shape[1]] * len(array)
    arrays = [a[:size] for a, size in zip(array, sizes, strict=True)]
    return sequences._replace(array=array), arrays


def _read_pairs(
    y: Any, y_hat: Any, mask: Any, lengths: Any, argument: str = "y_hat"
) -> list[tuple[Array, Array]]:
    """Return y and y_hat (T, O) at the valid steps of each sequence; they must be finite.

    `argument` is the name of y_hat in errors.
    """
    check_indexes("y", y, "mask", mask)
    check_indexes("y", y, argument, y_hat)
    columns = read_shared_names("y", y)
    true, trues = _read_series("y", y, columns)
    predicted, predictions = _read_series(argument, y_hat, columns)
    if len(predictions) != len(trues):
        raise ValueError(f"y has {len(trues)} sequence(s), {argument} {len(predictions)}")
    for i, (a, b) in enumerate(zip(trues, predictions, strict=True)):
        if a.shape != b.shape:
            raise ValueError(
                f"{argument} must have the shape of y: (T, O) of sequence {i} is {a.shape} in y, "
                f"{b.shape} in {argument}"
            )
    shape = true.array.shape[:2]
    valid = read_valid("y", shape, lengths, mask, sizes=true.sizes, least=0)
    if valid is None:
        valid = host.ones(shape, dtype=bool) if true.valid is None else true.valid
    if not valid.any():
        raise ValueError("y has no valid step")
    arrays = [
        clean_sequences(name, sequences._replace(valid=valid))
        for name, sequences in (("y", true), (argument, predicted))
    ]
    return [(a[v], b[v]) for a, b, v in zip(*arrays, valid, strict=True)]


def _read_flat(
    y: Any, y_hat: Any, mask: Any, lengths: Any, argument: str = "y_hat"
) -> tuple[Array, Array]:
    """Return y and y_hat (N, O) at the N valid steps of all sequences."""
    true, predicted = zip(*_read_pairs(y, y_hat, mask, lengths, argument), strict=True)
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
    true, predicted = _read_flat(y, y_hat, mask, lengths)
    with quiet():
        return float(abs(predicted - true).mean())


def rmse(y: Any, y_hat: Any, *, mask: Any = None, lengths: Any = None) -> float:
    """Return the square root of the mean of (ŷ - y)² over steps, sequences and outputs.

    The root is taken once, of the mean over all outputs; scikit-learn takes one for each output.

    Examples
    --------
    >>> from xprnn import metrics
    >>> metrics.rmse([1.0, 2.0], [2.0, 9.0])
    5.0
    """
    true, predicted = _read_flat(y, y_hat, mask, lengths)
    with quiet():
        error = abs(predicted - true)
        size = error.max() or 1.0  # no square overflows or underflows
        return float(size * ((error / size) ** 2).mean() ** 0.5)


def r2(y: Any, y_hat: Any, *, mask: Any = None, lengths: Any = None) -> float:
    """Return R² = 1 - Σ (ŷ - y)² / Σ (y - mean y)², averaged over the outputs.

    1 is perfect, and 0 is no better than the mean of y. If y is constant in an output, its R² is 1
    if ŷ equals y and 0 otherwise, as in scikit-learn's ``r2_score``.

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
    true, predicted = _read_flat(y, y_hat, mask, lengths)
    if len(true) < 2:
        raise ValueError("y must have at least two valid steps for r2, got 1")
    with quiet():
        apart = true - true.mean(axis=0)
        size = abs(apart).max(axis=0)
        size = host.where(size > 0, size, 1)  # no square overflows or underflows
        left = (((predicted - true) / size) ** 2).sum(axis=0)
        spread = ((apart / size) ** 2).sum(axis=0)
        varies = (true.max(axis=0) > true.min(axis=0)) & (spread > 0)
        constant = host.where(left == 0, 1.0, 0.0)
        return float(host.where(varies, 1 - left / host.where(varies, spread, 1), constant).mean())


def smape(y: Any, y_hat: Any, *, mask: Any = None, lengths: Any = None) -> float:
    """Return the mean of 2 |ŷ - y| / (|y| + |ŷ|), from 0 to 2, counting 0 where y = ŷ = 0.

    Makridakis, "Accuracy measures", 1993. It is often multiplied by 100 to give a percentage.

    Examples
    --------
    >>> from xprnn import metrics
    >>> metrics.smape([1.0, 0.0, 5.0], [3.0, 0.0, 0.0])
    1.0
    """
    true, predicted = _read_flat(y, y_hat, mask, lengths)
    with quiet():
        size = abs(true) + abs(predicted)
        return float((2 * abs(predicted - true) / host.where(size == 0, 1, size)).mean())


def mase(
    y: Any, y_hat: Any, *, train: Any, season: int = 1, mask: Any = None, lengths: Any = None
) -> float:
    """Return the mean of |ŷ - y| / s, where s is the error of a forecast without a model.

    s is the mean of |x(t) - x(t - m)| over the series `train` before y: the error of the naive
    forecast (m = 1) or of the seasonal naive forecast (m the season). Each sequence and output has
    its own s. A value below 1 is better than that forecast. Hyndman and Koehler, "Another look at
    measures of forecast accuracy", 2006.

    Parameters
    ----------
    y, y_hat : array, (B, T, O), (T, O) or (T,), or list of arrays
    train : array or list of arrays
        The same sequences before y, with the same outputs, of any lengths and without padding. A
        pandas frame must end before y begins, or contain y.
    season : int
        m, in steps.
    mask, lengths : array, optional
        The valid steps of y.

    Raises
    ------
    ValueError
        If `train` is not longer than the season, or repeats exactly from season to season, so that
        s is 0.

    Examples
    --------
    >>> from xprnn import metrics
    >>> metrics.mase([6.0, 7.0], [5.0, 5.0], train=[1.0, 3.0, 2.0, 5.0])
    0.75
    """
    whole("season", season)
    pairs = _read_pairs(y, y_hat, mask, lengths)
    sequences, past = _read_series("train", train, read_shared_names("y", y))
    clean_sequences("train", sequences)
    check_past("train", train, "y", y)
    features = [true.shape[-1] for true, _ in pairs]
    if [series.shape[-1] for series in past] != features:
        raise ValueError(
            f"train must have the {len(pairs)} sequence(s) of {features[0]} feature(s) of y, "
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
    """Return the share of y within two bounds, inclusive; about 0.9 for a good 90 % interval.

    Parameters
    ----------
    y, lower, upper : array, (B, T, O), (T, O) or (T,), or list of arrays
    mask, lengths : array, optional
        The valid steps of y.

    Raises
    ------
    ValueError
        If a lower bound is above its upper bound.

    Examples
    --------
    >>> from xprnn import metrics
    >>> metrics.coverage([1.0, 2.0, 3.0, 9.0], [0.0, 0.0, 3.0, 0.0], [2.0, 2.0, 4.0, 8.0])
    0.75
    """
    true, low = _read_flat(y, lower, mask, lengths, "lower")
    _, high = _read_flat(y, upper, mask, lengths, "upper")
    if (low > high).any():
        raise ValueError(
            f"lower must not be above upper, got {int((low > high).sum())} such number(s)"
        )
    return float(((low <= true) & (true <= high)).mean())
