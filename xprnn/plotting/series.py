"""Read the data of a plot as host arrays: one of several sequences, with its steps."""

from typing import Any

from xprnn._fields import show, whole
from xprnn._model import Model
from xprnn._sequences.modes import read_pair
from xprnn._sequences.reading import read_sequences
from xprnn.backend import to_host
from xprnn.cells import Cell
from xprnn.layers.walk import recurrent_layers


def read_index(argument: str, value: Any, count: int, of: str) -> int:
    """Return `value` as an index below `count`."""
    index = whole(argument, value, least=0)
    if index >= count:
        raise ValueError(f"{argument} must be one of the {count} {of}, got {value}")
    return index


def find_cell(model: Model, layer: Any) -> Cell:
    """Return the cell of a recurrent layer."""
    layers = list(recurrent_layers(model.network))
    return layers[read_index("layer", layer, len(layers), "recurrent layers")].cell


def read_sequence(argument: str, value: object, sequence: Any, model: Model | None = None) -> Any:
    """Return one sequence of an argument as a host array (T, F), without padding.

    With a model, the columns of a frame are put in the order of the model's features.
    """
    one_step = model is not None and model.mode == "one_to_many"
    columns = None if model is None else model.feature_names
    sequences = read_sequences(argument, value, columns=columns, one_step=one_step)
    b = read_index("sequence", sequence, sequences.array.shape[0], f"of {argument}")
    return to_host(sequences.array)[b, slice(sequences.sizes and sequences.sizes[b])]


def read_feature(argument: str, value: object, sequence: Any) -> Any:
    """Return one sequence of one feature as a host array (T,)."""
    array = read_sequence(argument, value, sequence)
    if array.shape[1] != 1:
        raise ValueError(
            f"{argument} must have one feature, got {array.shape[1]}: draw each separately"
        )
    return array[:, 0]


def read_data(model: Model, x: object, y: object | None, sequence: Any) -> tuple[Any, Any]:
    """Return one sequence of x (T, F), and of y (T', O) or None, without padding."""
    if y is None:
        return read_sequence("x", x, sequence, model), None
    pair = read_pair(x, y, columns=(model.feature_names, model.output_names), mode=model.mode)
    b = read_index("sequence", sequence, pair.x.array.shape[0], "of x")
    steps = slice(pair.x.sizes and pair.x.sizes[b])
    targets = to_host(pair.y)[b]
    return to_host(pair.x.array)[b, steps], targets[steps] if model.network.keeps_steps else targets


def label_columns(name: str, columns: Any) -> Any:
    """Return the label of one column, or the labels of several."""
    count = columns.shape[1]
    return name if count == 1 else [f"{name} {i}" for i in range(count)]


def read_interval(interval: Any, shape: tuple[int, ...], of: str) -> tuple[Any, Any]:
    """Return an interval (low, high) as two host arrays of shape (T, O)."""
    if not isinstance(interval, tuple | list) or len(interval) != 2:
        raise TypeError(f"interval must be a pair (low, high), got {show(interval)}")
    low, high = (read_sequence(f"interval[{i}]", edge, 0) for i, edge in enumerate(interval))
    if not low.shape == high.shape == shape:
        raise ValueError(
            f"interval must be two arrays of shape {shape}, as {of}, got {low.shape}, {high.shape}"
        )
    if (low > high).any():
        raise ValueError("interval must be (low, high), got a low value above its high value")
    return low, high
