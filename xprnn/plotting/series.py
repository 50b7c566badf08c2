"""What is drawn, as arrays on the host: one sequence of several, along its steps."""

import numbers
from typing import Any

import numpy as np

from xprnn._model import Model
from xprnn._sequences.modes import read_pair
from xprnn._sequences.reading import read_sequences
from xprnn._validate import show
from xprnn.backend import to_host


def index(argument: str, value: Any, count: int, of: str) -> int:
    """Return `value` as an index below `count`."""
    if isinstance(value, bool) or not isinstance(value, numbers.Integral):
        raise TypeError(f"{argument} must be an integer, got {show(value)}")
    if not 0 <= int(value) < count:
        raise ValueError(f"{argument} must be one of the {count} {of}, got {value}")
    return int(value)


def one(argument: str, value: object, sequence: Any, model: Model | None = None) -> Any:
    """Return one sequence of an argument as a host array (T, F), without its padding.

    With a model, the columns of a frame are put in the order of its features.
    """
    one_step = model is not None and model.mode == "one_to_many"
    columns = None if model is None else model.feature_names
    given = read_sequences(argument, value, columns=columns, one_step=one_step)
    b = index("sequence", sequence, given.array.shape[0], f"of {argument}")
    return to_host(given.array)[b, slice(given.sizes and given.sizes[b])]


def one_feature(argument: str, value: object, sequence: Any) -> Any:
    """Return one sequence of one feature as a host array (T,)."""
    array = one(argument, value, sequence)
    if array.shape[1] != 1:
        raise ValueError(f"{argument} must have one feature, got {array.shape[1]}: draw them apart")
    return array[:, 0]


def one_pair(model: Model, x: object, y: object, sequence: Any) -> tuple[Any, Any]:
    """Return one sequence of x (T, F) and of y (T', O) as host arrays, without padding."""
    pair = read_pair(x, y, columns=(model.feature_names, model.output_names), mode=model.mode)
    b = index("sequence", sequence, pair.x.array.shape[0], "of x")
    steps = slice(pair.x.sizes and pair.x.sizes[b])
    targets = to_host(pair.y)[b]
    return to_host(pair.x.array)[b, steps], targets[steps] if model.network.keeps_steps else targets


def along(x: Any, steps: int | None = None) -> tuple[Any, str]:
    """Return what to draw along: x itself if it is one rising feature, else the step.

    The step too, where something has other steps than x.
    """
    if steps in (None, len(x)) and x.shape[-1] == 1 and (np.diff(x[:, 0]) > 0).all():
        return x[:, 0], "x"
    return np.arange(len(x) if steps is None else steps), "step"


def labels(name: str, columns: Any) -> Any:
    """Return the label of one column, or the labels of several."""
    count = columns.shape[1]
    return name if count == 1 else [f"{name} {i}" for i in range(count)]


def band(interval: Any, shape: tuple[int, ...], of: str) -> tuple[Any, Any]:
    """Return an interval (low, high) as two host arrays of a shape (T, O)."""
    if not isinstance(interval, tuple | list) or len(interval) != 2:
        raise TypeError(f"interval must be a pair (low, high), got {show(interval)}")
    low, high = (one(f"interval[{i}]", edge, 0) for i, edge in enumerate(interval))
    if not low.shape == high.shape == shape:
        raise ValueError(
            f"interval must be two arrays of shape {shape}, as {of}, got {low.shape}, {high.shape}"
        )
    if (low > high).any():
        raise ValueError("interval must be (low, high), got a low above its high")
    return low, high
