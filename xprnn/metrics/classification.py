"""Metrics for classes."""

from typing import Any

from xprnn._fields import whole
from xprnn._sequences.columns import (
    check_indexes,
    is_list,
    label_items,
    order_columns,
    read_shared_names,
)
from xprnn._sequences.reading import check_axes, check_finite, read_list, read_valid
from xprnn._typing import Array
from xprnn.backend import admit, host, on_host, to_host


def _read(argument: str, value: Any, columns: tuple[str, ...] | None) -> list[Array]:
    """Return one array, or the arrays of a list, on the host."""
    value = order_columns(argument, value, columns)
    arrays = read_list(argument, value) if is_list(value) else [admit(argument, value)]
    for array in arrays:
        check_axes(argument, array, range(1, 9), "Labels are an array (B,), (B, T) or larger")
    return [to_host(a).astype("float64") for a in arrays]


def _read_cases(y: Any, y_hat: Any, mask: Any, lengths: Any) -> tuple[Array, Array]:
    """Return y and y_hat at valid steps, which form the first axis if there is a mask."""
    check_indexes("y", y, "mask", mask)
    check_indexes("y", y, "lengths", lengths, "sequences")
    check_indexes("y", y, "y_hat", y_hat)
    columns = read_shared_names("y", y)
    trues, scores = _read("y", y, columns), _read("y_hat", y_hat, columns)
    if [a.shape[:1] for a in trues] != [b.shape[:1] for b in scores]:
        raise ValueError(
            f"y_hat must have as many sequences and steps as y, {[a.shape for a in trues]}, "
            f"got {[b.shape for b in scores]}"
        )
    one_axis = is_list(y) or (mask is not None and host.ndim(on_host("mask", mask)) < 2)
    steps = trues[0].shape[: 1 if one_axis else 2]
    sizes = tuple(map(len, trues)) if is_list(y) else None
    shape = (1, *steps) if len(steps) == 1 else steps
    valid = read_valid("y", shape, lengths, mask, sizes=sizes, least=0)
    if (mask is not None or lengths is not None) and scores[0].shape[: len(steps)] != steps:
        raise ValueError(f"y_hat must have the steps {steps} of y, got {scores[0].shape}")
    parts: list[Any] = [None] * len(trues)
    if valid is not None and sizes is not None:
        parts = [v[:size] for v, size in zip(valid, sizes, strict=True)]
    elif valid is not None:
        parts = [valid.reshape(steps)]
    if valid is not None and not valid.any():
        raise ValueError("y has no valid step")
    return _select("y", y, trues, parts), _select("y_hat", y_hat, scores, parts)


def _select(argument: str, value: Any, arrays: list[Array], parts: list[Any]) -> Array:
    """Return the values at the valid steps of all arrays; they must be finite.

    `parts` holds the valid steps of each array, or None for all steps.
    """
    selected = []
    for (label, _), array, part in zip(label_items(argument, value), arrays, parts, strict=True):
        if part is None:
            check_finite(label, array)
        else:
            mask = part.reshape(part.shape + (1,) * (array.ndim - part.ndim))
            check_finite(label, host.where(mask, array, 0))  # the index refers to `array`
            array = array[part]
        selected.append(array)
    return host.concatenate(selected)


def _is_whole(array: Array) -> bool:
    """Return whether an array holds only 0, 1, …."""
    return bool(((array >= 0) & (array == host.floor(array))).all())


def _is_one_hot(array: Array) -> bool:
    """Return whether an array has C ≥ 2 columns and, in every row, one 1 and otherwise zeros."""
    columns = array.ndim > 1 and array.shape[-1] > 1
    return columns and bool(((array == 0) | (array == 1)).all() and (array.sum(axis=-1) == 1).all())


def _read_labels(true: Array, predicted: Array) -> tuple[Array, Array, int | None]:
    """Return the labels (N,) in y and y_hat, and the number of score columns."""
    rows = true.shape[:-1] if true.ndim > 1 and true.shape[-1] == 1 else true.shape
    columns = None
    if predicted.shape[:-1] in (rows, true.shape) and predicted.shape[-1] > 1:
        columns, predicted = predicted.shape[-1], predicted.argmax(axis=-1)
    elif predicted.shape != true.shape:
        raise ValueError(
            f"y_hat must hold labels of the shape of y, {true.shape}, or scores (..., C) of two "
            f"or more classes for each, got {predicted.shape}"
        )
    elif _is_one_hot(true):
        if _is_whole(predicted):
            raise ValueError(
                f"y and y_hat of shape {true.shape} can be labels, or one-hot rows and scores: "
                "pass y as labels if y_hat holds scores, or both with a last axis of 1 if they "
                "hold labels"
            )
        columns = predicted.shape[-1]
        true, predicted = true.argmax(axis=-1), predicted.argmax(axis=-1)
    for name, labels in (("y", true), ("y_hat", predicted)):
        if not _is_whole(labels):
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
    """Return the share of labels that are predicted correctly.

    Parameters
    ----------
    y : array of labels, or list of arrays
    y_hat : array of labels or of scores, or list of arrays
        The module's docstring says how labels and scores are distinguished.
    mask, lengths : array, optional

    Raises
    ------
    ValueError
        If y and y_hat are ambiguous between labels and scores, or do not match each other.

    Examples
    --------
    >>> from xprnn import metrics
    >>> metrics.accuracy([0, 1, 2, 1], [0, 1, 1, 1])
    0.75
    >>> metrics.accuracy([0, 1], [[0.9, 0.1], [0.7, 0.3]])
    0.5
    """
    true, predicted, _ = _read_labels(*_read_cases(y, y_hat, mask, lengths))
    return float((true == predicted).mean())


def confusion_matrix(
    y: Any, y_hat: Any, *, num_classes: int | None = None, mask: Any = None, lengths: Any = None
) -> Array:
    """Count how often class i (row) was predicted as class j (column).

    Parameters
    ----------
    y : array of labels, or list of arrays
    y_hat : array of labels or of scores, or list of arrays
        The module's docstring says how labels and scores are distinguished.
    num_classes : int, optional
        C. The default is the number of score columns, or as many as the labels need.
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
    true, predicted, columns = _read_labels(*_read_cases(y, y_hat, mask, lengths))
    most = int(max(true.max(), predicted.max()))
    size = columns or most + 1
    if num_classes is not None:
        size = whole("num_classes", num_classes)
        if most >= size:
            raise ValueError(f"num_classes must be above the largest label {most}, got {size}")
    return host.bincount(true * size + predicted, minlength=size * size).reshape(size, size)
