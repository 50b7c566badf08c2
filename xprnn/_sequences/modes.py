"""What x and y are to one another, from their shapes.

==================  =====================================  ============================
mode                x                                      y
==================  =====================================  ============================
many_to_many        (B, T, F), (T, F), (T,), or a list     (B, T, O), (T, O), (T,)
many_to_one         (B, T, F) or a list                    (B, O), (B,) or (B, 1, O)
one_to_many         (B, F) or (B, 1, F)                    (B, k, O)
encoder_decoder     (B, T, F) or a list                    (B, k, O), the steps after x
==================  =====================================  ============================

The first three are inferred where the shapes leave no doubt. The last is always
asked for: a y of another length than x is more often a mistake.
"""

from typing import Any, NamedTuple

from xprnn._sequences.columns import check_indexes, is_list, order_columns
from xprnn._sequences.reading import (
    Sequences,
    arrange,
    check_axes,
    check_finite,
    clean,
    clean_sequences,
    read_sequences,
    stack,
)
from xprnn._typing import Array
from xprnn._validate import unknown
from xprnn.backend import host
from xprnn.backend.arguments import check_dense
from xprnn.backend.frames import is_frame

MODES = ("many_to_many", "many_to_one", "one_to_many", "encoder_decoder")


class Pair(NamedTuple):
    """x and y as they belong together."""

    x: Sequences
    y: Array
    """(B, T', O)"""
    mode: str
    y_rank: int
    """The axes of y for several sequences: 3, or less if it has no axis of steps or features."""


OUTPUTS = "Here rows are steps: an array is (T,) or (T, O), one sequence, or (B, T, O), B sequences"
"""What the rows of y are, for errors."""
Columns = tuple[str, ...] | None


def read_pair(
    x: Any,
    y: Any,
    *,
    columns: tuple[Columns, Columns] = (None, None),
    mode: str | None = None,
    lengths: Any = None,
    mask: Any = None,
    names: tuple[str, str] = ("x", "y"),
) -> Pair:
    """Return x and y as sequences and targets, and the mode.

    Parameters
    ----------
    x, y
        As for `xprnn.fit`.
    columns : pair of tuples of str, optional
        The names of the features and outputs, which frames may have in any order.
    mode, lengths, mask : optional
        As for `xprnn.fit`.
    names : pair of str
        What error messages call x and y.

    Raises
    ------
    ValueError, TypeError
        If they do not fit one another, or leave the mode open.
    """
    if mode is not None and mode not in MODES:
        raise unknown("mode", mode, MODES)
    x, y = order_columns(names[0], x, columns[0]), order_columns(names[1], y, columns[1])
    listed = _is_listed(x, y)
    if listed and mode not in (None, "many_to_many"):
        if len(set(_steps(y))) > 1:
            raise ValueError(
                f"{names[1]} is a list of different lengths, which mode={mode!r} has no use for: "
                f"expected an array, {'(B, O) or (B,)' if mode == 'many_to_one' else '(B, k, O)'}"
            )
        listed = False
    try:
        raw = y if listed else _targets(names[1], y)
    except (TypeError, ValueError):  # if x is wrong too, that is the error to raise
        read_sequences(names[0], x, lengths=lengths, mask=mask, one_step=mode == "one_to_many")
        raise
    one_step = mode == "one_to_many" or (mode is None and _is_one_step(names[0], x, raw))
    given = read_sequences(names[0], x, lengths=lengths, mask=mask, one_step=one_step)
    if listed:
        check_indexes(names[0], x, names[1], y)
        return _listed(given, raw, names)
    shape = tuple(raw.shape)
    check_axes(names[1], raw, (1, 2, 3), OUTPUTS)
    if given.valid is None:
        check_finite(names[1], raw)
    if mode is None and one_step and tuple(x.shape) == shape[:2]:
        raise ValueError(
            f"{names[0]} {tuple(x.shape)} for {names[1]} {shape} can be one number at each step or "
            f"the features of one step: give {names[0]} as (B, T, F), or mode='one_to_many'"
        )
    mode = mode or _infer(given, raw, names)
    if mode == "many_to_many":
        check_indexes(names[0], x, names[1], y)
    array, y_rank = _shaped(given, raw, mode, names)
    _check(given, array, mode, names)
    valid = given.valid if mode == "many_to_many" else None
    return Pair(given, clean(names[1], array, valid, shape), mode, y_rank)


def _targets(argument: str, y: Any) -> Array:
    """Return y as an array; the error for strings says what takes them."""
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


def _is_listed(x: Any, y: Any) -> bool:
    """Whether both are lists of arrays, with an output for every step."""
    if not (is_list(x) and isinstance(y, list | tuple) and len(y) > 0):
        return False
    return _steps(y) == _steps(x) or len(set(_steps(y))) > 1


def _steps(arrays: Any) -> list[tuple[int, ...]]:
    """Return the lengths of the arrays of a list, () for what has none."""
    return [tuple(getattr(a, "shape", ())[:1]) for a in arrays]


def _is_one_step(argument: str, x: Any, y: Any) -> bool:
    """Whether x is (B, F) and y (B, k, O)."""
    check_dense(argument, x)  # else a nested tensor fails when its shape is asked for
    inputs, targets = tuple(getattr(x, "shape", ())), tuple(getattr(y, "shape", ()))
    return len(inputs) == 2 and len(targets) == 3 and inputs[0] == targets[0] > 1


def _infer(x: Sequences, y: Array, names: tuple[str, str]) -> str:
    """Return the mode that the shapes leave."""
    if x.rank < 3:
        return "many_to_many"
    B, T = x.array.shape[:2]
    rank = len(y.shape)
    if rank == 1:
        return "many_to_one"
    if rank == 2:
        if y.shape == (B, T) or T == 1:
            other = "many_to_many" if y.shape == (B, T) else "one_to_many"
            raise ValueError(
                f"{names[1]} {tuple(y.shape)} for {names[0]} {tuple(x.array.shape)} can be one "
                f"number at each step or several at the end: give mode={other!r} or "
                f"mode='many_to_one', or {names[1]} as (B, T, O)"
            )
        return "many_to_one"
    steps = y.shape[1]
    if steps == T:
        return "many_to_many"
    if steps == 1:
        return "many_to_one"
    return "one_to_many" if T == 1 else "many_to_many"


def _shaped(x: Sequences, y: Array, mode: str, names: tuple[str, str]) -> tuple[Array, int]:
    """Return y as (B, T', O), and its axes for several sequences."""
    rank, one = len(y.shape), x.rank < 3
    if mode == "many_to_one":
        if one:
            raise ValueError(
                f"mode='many_to_one' needs several sequences, {names[0]} as (B, T, F), got one"
            )
        return {
            1: lambda: (y[:, None, None], 1),
            2: lambda: (y[:, None, :], 2),
            3: lambda: (y, 3),
        }[rank]()
    if rank == 3:
        return y, 3
    if one:
        return (y[None, :, :], 3) if rank == 2 else (y[None, :, None], 2)
    if rank == 2:
        return y[:, :, None], 2
    raise ValueError(f"{names[1]} must be (B, T, O) for mode={mode!r}, got {tuple(y.shape)}")


def _check(x: Sequences, y: Array, mode: str, names: tuple[str, str]) -> None:
    """Raise unless there are as many sequences, and as many steps as the mode says."""
    (xb, xt), (yb, yt, outputs) = x.array.shape[:2], y.shape
    fits = {
        "many_to_many": xt == yt,
        "many_to_one": yt == 1,
        "one_to_many": xt == 1,
        "encoder_decoder": True,
    }[mode]
    if xb == yb and fits:
        return
    got = f"{names[0]} has {xb} sequence(s) of {xt} step(s), {names[1]} {yb} of {yt}"
    hint = ""
    if mode == "many_to_many":
        if (xb, xt) == (yt, yb):
            hint = f"; {names[1]} looks as if its batch and time axes were swapped"
        elif xb == yb == 1 and outputs == xt:
            hint = f"; {names[1]} looks as if it were transposed: expected (T, O)"
        elif xb == 1 < yb == xt:
            hint = f"; {names[0]} of one number a step for several sequences is (B, T, 1)"
        elif xb == yb and x.rank == 3:
            hint = f"; if {names[1]} is what follows on {names[0]}, give mode='encoder_decoder'"
        raise ValueError(f"{names[0]} and {names[1]} must have the same lengths: {got}{hint}")
    raise ValueError(f"{names[0]} and {names[1]} do not fit mode={mode!r}: {got}")


def _listed(x: Sequences, y: Any, names: tuple[str, str]) -> Pair:
    """Return the pair for a y that is a list of arrays, one for each of x."""
    given = arrange(names[1], y, one_axis=True)
    sizes, expected = given.sizes or (), x.sizes or ()
    if len(sizes) != len(expected):
        raise ValueError(f"{names[0]} has {len(expected)} sequence(s), {names[1]} {len(sizes)}")
    for i, (size, steps) in enumerate(zip(sizes, expected, strict=True)):
        if size != steps:
            raise ValueError(
                f"{names[1]}[{i}] must have {steps} step(s), as {names[0]}[{i}], got {size}"
            )
    array = clean_sequences(names[1], given._replace(valid=x.valid))
    return Pair(x, array, "many_to_many", len(y[0].shape) + 1)
