"""Metrics of classes."""

from typing import Any

from xprnn._sequences.columns import check_indexes, is_list, order_columns
from xprnn._sequences.reading import check_axes, check_finite, read_list, read_valid
from xprnn._typing import Array
from xprnn._validate import whole
from xprnn.backend import admit, host, on_host, to_host
from xprnn.metrics.common import columns_of


def _read(argument: str, value: Any, columns: tuple[str, ...] | None) -> list[Array]:
    """Return the arrays of a list, or one array, on the host."""
    value = order_columns(argument, value, columns)
    arrays = read_list(argument, value) if is_list(value) else [admit(argument, value)]
    for array in arrays:
        check_axes(argument, array, range(1, 9), "Labels are an array (B,), (B, T) or larger")
    return [to_host(a).astype("float64") for a in arrays]


def _cases(y: Any, y_hat: Any, mask: Any, lengths: Any) -> tuple[Array, Array]:
    """Return y and y_hat at valid steps, which are their first axis if there is a mask."""
    check_indexes("y", y, "mask", mask)
    check_indexes("y", y, "y_hat", y_hat)
    columns = columns_of(y)
    trues, scores = _read("y", y, columns), _read("y_hat", y_hat, columns)
    if [a.shape[:1] for a in trues] != [b.shape[:1] for b in scores]:
        raise ValueError(
            f"y_hat must have as many sequences and steps as y, {[a.shape for a in trues]}, "
            f"got {[b.shape for b in scores]}"
        )
    true, score = host.concatenate(trues), host.concatenate(scores)
    axes = 1 if is_list(y) or (mask is not None and host.ndim(on_host("mask", mask)) < 2) else 2
    steps = true.shape[:axes]
    sizes = tuple(map(len, trues)) if is_list(y) else None
    shape = (1, *steps) if len(steps) == 1 else steps
    valid = read_valid("y", shape, lengths, mask, sizes=sizes, least=0)
    given = mask is not None or lengths is not None
    if given and score.shape[: len(steps)] != steps:
        raise ValueError(f"y_hat must have the steps {steps} of y, got {score.shape}")
    if valid is not None:
        valid = valid.reshape(steps) if sizes is None else _join(valid, sizes)
        if not valid.any():
            raise ValueError("y has no valid step")
        true, score = true[valid], score[valid]
    for name, array in (("y", true), ("y_hat", score)):
        check_finite(name, array)
    return true, score


def _join(valid: Array, sizes: tuple[int, ...]) -> Array:
    """Return the valid steps (B, T) of sequences of these lengths one after the other."""
    return host.concatenate([v[:size] for v, size in zip(valid, sizes, strict=True)])


def _whole(array: Array) -> bool:
    return bool(((array >= 0) & (array == host.floor(array))).all())


def _one_hot(array: Array) -> bool:
    """Whether an array has C ≥ 2 columns, and a 1 and else zeros in every row."""
    columns = array.ndim > 1 and array.shape[-1] > 1
    return columns and bool(((array == 0) | (array == 1)).all() and (array.sum(axis=-1) == 1).all())


def _labels(true: Array, predicted: Array) -> tuple[Array, Array, int | None]:
    """Return the labels (N,) in y and y_hat, and how many columns of scores there are."""
    rows = true.shape[:-1] if true.ndim > 1 and true.shape[-1] == 1 else true.shape
    columns = None
    if predicted.shape[:-1] in (rows, true.shape) and predicted.shape[-1] > 1:
        columns, predicted = predicted.shape[-1], predicted.argmax(axis=-1)
    elif predicted.shape != true.shape:
        raise ValueError(
            f"y_hat must hold labels of the shape of y, {true.shape}, or scores (..., C) of two "
            f"or more classes for each, got {predicted.shape}"
        )
    elif _one_hot(true):
        if _whole(predicted):
            raise ValueError(
                f"y and y_hat of shape {true.shape} can be labels, or one-hot and scores: give y "
                "as labels for scores, or both with a last axis of 1 for labels"
            )
        columns, true, predicted = (
            predicted.shape[-1],
            true.argmax(axis=-1),
            predicted.argmax(axis=-1),
        )
    for name, labels in (("y", true), ("y_hat", predicted)):
        if not _whole(labels):
            odd = labels[(labels < 0) | (labels != host.floor(labels))]
            raise ValueError(
                f"{name} must hold class labels 0, 1, …, got {odd[0]:g} (scores have a column for "
                "each of two or more classes)"
            )
    if columns is not None and true.max() >= columns:
        raise ValueError(
            f"y must hold labels below {columns}, the columns of y_hat, got {true.max():g}"
        )
    return true.ravel().astype("int64"), predicted.ravel().astype("int64"), columns


def accuracy(y: Any, y_hat: Any, *, mask: Any = None, lengths: Any = None) -> float:
    """Return the share of labels that are predicted rightly.

    Parameters
    ----------
    y : array of labels, or list of arrays
    y_hat : array of labels or of scores, or list of arrays
        The module's page says how they are told apart.
    mask, lengths : array, optional

    Raises
    ------
    ValueError
        If it can't be told whether labels or scores came, among others.

    Examples
    --------
    >>> from xprnn import metrics
    >>> metrics.accuracy([0, 1, 2, 1], [0, 1, 1, 1])
    0.75
    >>> metrics.accuracy([0, 1], [[0.9, 0.1], [0.7, 0.3]])
    0.5
    """
    true, predicted, _ = _labels(*_cases(y, y_hat, mask, lengths))
    return float((true == predicted).mean())


def confusion_matrix(
    y: Any, y_hat: Any, *, num_classes: int | None = None, mask: Any = None, lengths: Any = None
) -> Array:
    """Count how often class i (row) was predicted as class j (column).

    Parameters
    ----------
    y : array of labels, or list of arrays
    y_hat : array of labels or of scores, or list of arrays
        The module's page says how they are told apart.
    num_classes : int, optional
        Left out, the columns of the scores, or as many as the labels need.
    mask, lengths : array, optional

    Returns
    -------
    NumPy array of int, (C, C)

    Examples
    --------
    >>> from xprnn import metrics
    >>> metrics.confusion_matrix([0, 0, 1, 1], [0, 1, 1, 1])
    array([[1, 1],
           [0, 2]])
    """
    true, predicted, columns = _labels(*_cases(y, y_hat, mask, lengths))
    most = int(max(true.max(), predicted.max()))
    size = columns or most + 1
    if num_classes is not None:
        size = whole("num_classes", num_classes)
        if most >= size:
            raise ValueError(f"num_classes must be above the largest label {most}, got {size}")
    return host.bincount(true * size + predicted, minlength=size * size).reshape(size, size)
