"""What y is: one target for each sequence, or one for each step."""

from typing import Any, NamedTuple

import numpy as np

from xprnn._sequences.columns import check_indexes, is_list
from xprnn._validate import unknown
from xprnn.backend import refuse_masked, to_host
from xprnn.estimators.sequences import SAMPLES, Read, native, to_list

MODES = ("many_to_many", "many_to_one", "encoder_decoder")


class Targets(NamedTuple):
    """Targets on the host, as `fit` takes them."""

    y: Any
    """NumPy array, or a list of them, one for each sequence."""
    mode: str


def on_host(value: Any, argument: str = "sample_weight") -> Any:
    """Return an array, or what NumPy makes one of, as a NumPy array."""
    refuse_masked(argument, value)
    return to_host(native(argument, value))


def targets(y: Any, given: Read, mode: str | None, name: str, *, labels: bool = False) -> Targets:
    """Return y with the mode that it leaves, if none is given.

    Raises
    ------
    ValueError
        If y does not fit X, or can be two things.
    """
    if mode is not None and mode not in MODES:
        raise unknown("mode", mode, MODES)
    if y is None:
        raise ValueError(f"{name} requires y to be passed, but the target y is None")
    refuse_masked("y", y)
    y = to_list(y)
    if not is_list(y):
        check_indexes("X", given.frames, "y", y, "samples")
        array = on_host(y, "y")
    else:
        if mode != "encoder_decoder":
            check_indexes("X", given.frames, "y", y)
        items = [on_host(item, f"y[{i}]") for i, item in enumerate(y)]
        if len({item.shape for item in items}) > 1:
            return _listed(items, given, mode)
        array = np.stack(items)
    if array.ndim not in (1, 2, 3):
        raise ValueError(f"y must be (n,), (n, O), (n, T) or (n, T, O), got {array.shape}")
    count = len(given.lengths)
    if len(array) != count:
        raise ValueError(f"X has {count} sequence(s), y {len(array)}. {SAMPLES}")
    return Targets(array, mode or _mode(array.shape, given, labels))


def _listed(items: list[Any], given: Read, mode: str | None) -> Targets:
    """Return targets for each step of sequences of different lengths."""
    lengths = [len(item) for item in items]
    if lengths != given.lengths or {item.ndim for item in items} not in ({1}, {2}):
        raise ValueError(
            "y is a list of arrays of different shapes, which must be (T_i,) or (T_i, O) with the "
            f"{len(given.lengths)} lengths of X, {given.lengths!s:.60}, got {lengths!s:.60}. "
            f"{SAMPLES}"
        )
    if mode not in (None, "many_to_many"):
        raise ValueError(f"y has targets for each step, which mode={mode!r} has no use for")
    return Targets(items, "many_to_many")


def _mode(shape: tuple[int, ...], given: Read, labels: bool) -> str:
    """Return the mode that the shapes leave."""
    lengths = set(given.lengths)
    steps = lengths.pop() if len(lengths) == 1 else None
    if len(shape) == 1 or shape[1] == 1:
        return "many_to_one"
    if labels:
        if shape[1:] == (steps,):
            return "many_to_many"
        raise ValueError(
            f"y must hold one label for each sequence, (n,), or for each step, (n, T) or a list of "
            f"(T_i,), got {shape} for {'several lengths' if steps is None else steps}. {SAMPLES}"
        )
    if len(shape) == 3:
        if shape[1] == steps:
            return "many_to_many"
        raise ValueError(
            f"y {shape} has {shape[1]} steps and X {'several lengths' if steps is None else steps}"
            ": if y is what follows on X, give mode='encoder_decoder'; targets for each step of "
            f"sequences of different lengths are a list. {SAMPLES}"
        )
    if shape[1] == steps:
        raise ValueError(
            f"y {shape} for X of {steps} steps can be one number at each step or several for each "
            "sequence: give mode='many_to_many' or mode='many_to_one', or y as (n, T, O)"
        )
    return "many_to_one"


def rows(y: Any, mode: str) -> Any:
    """Return targets or predictions as one row for each sequence or each step, (N, O)."""
    if isinstance(y, list):
        return np.concatenate([rows(a, "many_to_one") for a in y])
    y = np.asarray(y)
    if mode == "many_to_one":
        return y.reshape(len(y), -1)
    return y.reshape(y.shape[0] * y.shape[1], -1)


def counted(sample_weight: Any, found: Any, given: Read, mode: str) -> Any:
    """Return the weight of each of the N rows found, None if none are given."""
    if sample_weight is None:
        return None
    weights, count = on_host(sample_weight), len(given.lengths)
    if weights.shape == (count,):
        steps = given.lengths if isinstance(found, list) else len(rows(found, mode)) // count
        return np.repeat(weights, steps)
    lengths = np.asarray(given.lengths)
    if mode == "many_to_many" and weights.shape == (count, lengths.max()):
        return weights[np.arange(lengths.max()) < lengths[:, None]]
    raise ValueError(
        f"sample_weight must have shape ({count},), one number for each sequence, or (n, T) for "
        f"targets at each step, got {weights.shape}"
    )


def per_step_weights(weights: Any, lengths: list[int]) -> Any:
    """Return the weights (N,) of all steps as an array (n, T), padded with ones."""
    padded = np.ones((len(lengths), max(lengths)))
    padded[np.arange(max(lengths)) < np.asarray(lengths)[:, None]] = weights
    return padded
