"""Infer from the shapes how y relates to x.

==================  =====================================  ============================
mode                x                                      y
==================  =====================================  ============================
many_to_many        (B, T, F), (T, F), (T,), or a list     (B, T, O), (T, O), (T,)
many_to_one         (B, T, F) or a list                    (B, O), (B,) or (B, 1, O)
one_to_many         (B, F) or (B, 1, F)                    (B, k, O)
encoder_decoder     (B, T, F) or a list                    (B, k, O), the steps after x
==================  =====================================  ============================

The first three modes are inferred if the shapes are unambiguous. The last must always be given,
since a y of another length than x is more often a mistake.
"""

from typing import Any, NamedTuple

from xprnn._fields import unknown
from xprnn._sequences.columns import check_indexes, is_list, order_columns
from xprnn._sequences.reading import (
    MEANING,
    Sequences,
    arrange,
    check_axes,
    check_finite,
    clean_sequences,
    read_sequences,
    stack,
)
from xprnn._typing import Array
from xprnn.backend import admit, host, to_host
from xprnn.backend.arguments import check_dense
from xprnn.backend.frames import is_frame

MODES = ("many_to_many", "many_to_one", "one_to_many", "encoder_decoder")
Columns = tuple[str, ...] | None


class Pair(NamedTuple):
    """x and y in a common layout, and how they relate."""

    x: Sequences
    y: Array
    """(B, T', O)"""
    mode: str
    y_rank: int
    """The number of axes of y for several sequences: 3, or fewer without steps or outputs."""

    @property
    def valid(self) -> Any:
        """NumPy array of bool (B, T'), False at the padding steps of y."""
        if self.mode == "many_to_many" and self.x.valid is not None:
            return self.x.valid
        return host.ones(self.y.shape[:2], dtype=bool)


OUTPUTS = {
    "steps": (
        "Here rows are steps: an array (T,) or (T, O) is one sequence, and (B, T, O) is B sequences"
    ),
    "samples": (
        "Here rows are samples: an array (n,) or (n, O) has one target for each sequence, and "
        "(n, T) or (n, T, O) has one for each step"
    ),
}
"""The meaning of the rows of y, for error messages."""


def read_pair(
    x: Any,
    y: Any,
    *,
    columns: tuple[Columns, Columns] = (None, None),
    mode: str | None = None,
    modes: tuple[str, ...] = MODES,
    lengths: Any = None,
    mask: Any = None,
    names: tuple[str, str] = ("x", "y"),
    rows: str = "steps",
    labels: bool = False,
) -> Pair:
    """Read x and y as sequences and targets, and infer the mode if it is None.

    Parameters
    ----------
    x, y
        As for `xprnn.fit`.
    columns : pair of tuples of str, optional
        The names of the features and the outputs, which frames may have in any order.
    mode, lengths, mask : optional
        As for `xprnn.fit`.
    modes : tuple of str
        The modes that the caller supports.
    names : pair of str
        The names of x and y in error messages.
    rows : str
        The meaning of the rows of y, "steps" or "samples"; with samples, x must be (B, T, F) or a
        list.
    labels : bool
        Whether y holds class labels, so that several numbers are several steps.

    Raises
    ------
    ValueError, TypeError
        If x and y do not match, or the mode is ambiguous.
    """
    if mode is not None and mode not in modes:
        raise unknown("mode", mode, modes)
    x, y = order_columns(names[0], x, columns[0]), order_columns(names[1], y, columns[1])
    lists = _are_lists(x, y)
    if lists and mode not in (None, "many_to_many"):
        if len(set(_first_axes(y))) > 1:
            raise ValueError(
                f"{names[1]} is a list of different lengths, which mode={mode!r} does not allow: "
                f"expected an array, {'(B, O) or (B,)' if mode == 'many_to_one' else '(B, k, O)'}"
            )
        lists = False
    try:
        raw = y if lists else _stack_targets(names[1], y)
    except (TypeError, ValueError):  # if x is invalid too, raise its error
        read_sequences(names[0], x, lengths=lengths, mask=mask, one_step=mode == "one_to_many")
        raise
    one_step = mode == "one_to_many" or (mode is None and _is_one_step(names[0], x, raw))
    sequences = read_sequences(names[0], x, lengths=lengths, mask=mask, one_step=one_step)
    if lists:
        check_indexes(names[0], x, names[1], y)
        return _pair_lists(sequences, raw, names)
    shape = tuple(raw.shape)
    check_axes(names[1], raw, (1, 2, 3), OUTPUTS[rows])
    if sequences.valid is None:
        check_finite(names[1], raw)
    if mode is None and one_step and tuple(x.shape) == shape[:2]:
        raise ValueError(
            f"{names[0]} {tuple(x.shape)} for {names[1]} {shape} can be one number at each step "
            f"or the features of one step: pass {names[0]} as (B, T, F), or mode='one_to_many'"
        )
    mode = mode or _infer(sequences, raw, names, modes, labels)
    if mode == "many_to_many":
        check_indexes(names[0], x, names[1], y)
    array, y_rank = _add_axes(sequences, raw, mode, names)
    _check_counts(sequences, array, mode, names, modes, rows)
    valid = sequences.valid if mode == "many_to_many" else None
    array = clean_sequences(names[1], Sequences(array, valid, 3), shape)
    return Pair(sequences, array, mode, y_rank)


def _stack_targets(argument: str, y: Any) -> Array:
    """Return y as an array; the error for strings names the class that accepts them."""
    try:
        return stack(argument, y)
    except TypeError as error:
        if not (isinstance(y, list | tuple | host.ndarray) or is_frame(y)):
            raise
        first = host.asarray(y, dtype=object).ravel()[:1].tolist()
        if not first or not isinstance(first[0], str):
            raise
        raise TypeError(
            f"{error}; class labels are integers from 0, and xprnn.estimators.RNNClassifier takes "
            "labels of any kind"
        ) from None


def _are_lists(x: Any, y: Any) -> bool:
    """Return whether x and y are lists of arrays, and y has an output for every step."""
    if not (is_list(x) and isinstance(y, list | tuple) and len(y) > 0):
        return False
    return _first_axes(y) == _first_axes(x) or len(set(_first_axes(y))) > 1


def _first_axes(arrays: Any) -> list[tuple[int, ...]]:
    """Return the first axis of each item's shape, or () for a number."""
    return [tuple(getattr(a, "shape", ())[:1]) for a in arrays]


def _is_one_step(argument: str, x: Any, y: Any) -> bool:
    """Return whether x is (B, F) and y (B, k, O)."""
    check_dense(argument, x)  # a nested tensor has no shape
    inputs, targets = tuple(getattr(x, "shape", ())), tuple(getattr(y, "shape", ()))
    return len(inputs) == 2 and len(targets) == 3 and inputs[0] == targets[0] > 1


def _infer(
    x: Sequences, y: Array, names: tuple[str, str], modes: tuple[str, ...], labels: bool
) -> str:
    """Return the only mode that matches the shapes."""
    rank = len(y.shape)
    if x.rank < 3:
        return "many_to_many"
    if rank == 1:
        return "many_to_one"
    T, steps = x.array.shape[1], y.shape[1]
    if rank == 2:
        other = "many_to_many" if steps == T else "one_to_many"
        if (steps == T or T == 1) and other in modes:
            if labels and steps > 1 and not _is_one_hot(y):
                return other
            raise ValueError(
                f"{names[1]} {tuple(y.shape)} for {names[0]} {tuple(x.array.shape)} can be one "
                f"number at each step or several at the end: pass mode={other!r} or "
                f"mode='many_to_one', or {names[1]} as (B, T, O)"
            )
        return "many_to_one"
    if steps == 1 < T:
        return "many_to_one"
    return "one_to_many" if T == 1 < steps and "one_to_many" in modes else "many_to_many"


def _is_one_hot(y: Array) -> bool:
    """Return whether each row of y (B, C) could be a one-hot class."""
    rows = to_host(y)
    return bool(((rows == 0) | (rows == 1)).all() and ((rows == 1).sum(axis=1) == 1).all())


def _add_axes(x: Sequences, y: Array, mode: str, names: tuple[str, str]) -> tuple[Array, int]:
    """Return y as (B, T', O), and its number of axes for several sequences."""
    rank, one = len(y.shape), x.rank < 3
    if mode == "many_to_one":
        if one:
            raise ValueError(
                f"mode='many_to_one' needs several sequences, {names[0]} as (B, T, F), got one"
            )
        if rank == 1:
            y = y[:, None]
        return y if rank == 3 else y[:, None, :], rank
    if rank == 3:
        return y, 3
    if one:
        return (y[None, :, :], 3) if rank == 2 else (y[None, :, None], 2)
    if rank == 2:
        return y[:, :, None], 2
    raise ValueError(f"{names[1]} must be (B, T, O) for mode={mode!r}, got {tuple(y.shape)}")


def _check_counts(
    x: Sequences,
    y: Array,
    mode: str,
    names: tuple[str, str],
    modes: tuple[str, ...],
    rows: str,
) -> None:
    """Raise ValueError unless the numbers of sequences and steps match the mode."""
    (xb, xt), (yb, yt, outputs) = x.array.shape[:2], y.shape
    fits = {
        "many_to_many": xt == yt,
        "many_to_one": yt == 1,
        "one_to_many": xt == 1,
        "encoder_decoder": True,
    }[mode]
    if xb == yb and fits:
        return
    counts = f"{names[0]} has {xb} sequence(s) of {xt} step(s), {names[1]} {yb} of {yt}"
    hint = ""
    if mode == "many_to_many":
        if (xb, xt) == (yt, yb):
            hint = f"; {names[1]} looks as if its batch and time axes were swapped"
        elif xb == yb == 1 and outputs == xt:
            hint = f"; {names[1]} looks as if it were transposed: expected (T, O)"
        elif xb == 1 < yb == xt:
            hint = f"; for several sequences of one number per step, {names[0]} is (B, T, 1)"
        elif xb == yb and x.rank == 3 and "encoder_decoder" in modes:
            hint = f"; if {names[1]} holds the steps after {names[0]}, pass mode='encoder_decoder'"
    if rows == "samples":
        hint += f". {MEANING[rows]}"
    if mode == "many_to_many":
        raise ValueError(f"{names[0]} and {names[1]} must have the same lengths: {counts}{hint}")
    raise ValueError(f"{names[0]} and {names[1]} do not match mode={mode!r}: {counts}{hint}")


def _pair_lists(x: Sequences, y: Any, names: tuple[str, str]) -> Pair:
    """Return the pair for a y that is a list of arrays, one for each sequence of x."""
    targets = arrange(names[1], y, one_axis=True)
    sizes, expected = targets.sizes or (), x.sizes or ()
    if len(sizes) != len(expected):
        raise ValueError(f"{names[0]} has {len(expected)} sequence(s), {names[1]} {len(sizes)}")
    for i, (size, steps) in enumerate(zip(sizes, expected, strict=True)):
        if size != steps:
            raise ValueError(
                f"{names[1]}[{i}] must have {steps} step(s), as {names[0]}[{i}], got {size}"
            )
    array = clean_sequences(names[1], targets._replace(valid=x.valid))
    return Pair(x, array, "many_to_many", len(y[0].shape) + 1)


def read_weights(weights: Any, y: Any, pair: Pair) -> Any:
    """Read `sample_weight` as a NumPy array of float64: (B,), or (B, T) for steps.

    Parameters
    ----------
    weights : array, or list of arrays
    y
        The original targets, whose index the weights must have.
    pair : Pair
        The pair that was read from them.

    Raises
    ------
    ValueError
        If the weights do not match y, if one is negative or not finite, or if all are zero.
    """
    check_indexes("y", y, "sample_weight", weights, "steps" if is_list(y) else "sequences")
    array = to_host(admit("sample_weight", weights)).astype("float64")
    valid, per_step = pair.valid, pair.mode == "many_to_many"
    B, steps = valid.shape
    shapes = [(B,), (B, steps)] if per_step else [(B,)]
    if array.shape not in shapes:
        raise ValueError(
            f"sample_weight must have shape {' or '.join(map(str, shapes))}, one number for each "
            f"sequence{' or step' if per_step else ''}, got {array.shape}"
        )
    if array.ndim == 2:
        array = host.where(valid, array, 0)
    elif pair.x.rank < 3:
        raise ValueError(
            "sample_weight of one number has no effect: x is one sequence, and only the ratios "
            f"of the weights matter; pass one for each step, (1, {steps})"
        )
    check_finite("sample_weight", array)
    if (array < 0).any():
        raise ValueError(f"sample_weight must not hold numbers below zero, got {array.min()}")
    if not array.any():
        raise ValueError(
            "sample_weight must hold a number above zero, got a weight of zero for all"
        )
    return array
