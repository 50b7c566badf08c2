"""Read RNN, LSTM and GRU nodes as layers."""

from typing import Any

import numpy as np

from xprnn.layers import Extend, Final, Layer, Pool, Recurrent, Reversed
from xprnn.layers.walk import recurrent_layers
from xprnn.onnx.library import make_error
from xprnn.onnx.operators import read_attributes, read_directions
from xprnn.onnx.read.branch_nodes import set_side_by_side
from xprnn.onnx.read.graph import FileGraph
from xprnn.onnx.read.values import Stage, Value


class OtherAxesError(Exception):
    """The axes of x are not in the order that the reader assumed."""


def read_recurrent(graph: FileGraph, node: Any, v: Value) -> list[Value]:
    """Read a recurrent node whose X is a value that depends on x, and return its outputs.

    Y_h is the last step of Y or, for a node that reads backward, the first step. Other outputs
    come from the same layer, applied again.
    """
    names = list(node.input)
    _, W, R, B, lengths, h, c, P = names + [""] * (8 - len(names))
    W, R, B, P = (_read_weight(graph, node, name) for name in (W, R, B, P))
    attributes = read_attributes(node, peepholes=P is not None)
    axes = ("B", "T", "F") if attributes.batch_first else ("T", "B", "F")
    if v.axes != axes:
        below = (next(recurrent_layers(stage.layer), None) for stage in v.path)
        if set(v.axes) == set(axes) and v.axes[-1] == "F" and not any(below):
            raise OtherAxesError
        raise make_error(node, f"its X has the axes {', '.join(v.axes)}, not {', '.join(axes)}")
    if W.shape[-1] != v.size:
        raise make_error(node, f"W has {W.shape[-1]} columns, and X has {v.size} features")
    _check_lengths(graph, node, lengths)
    parts, cell = read_directions(attributes, W, R, B, P), attributes.cells[0]
    rows = [
        _read_state(graph, node, name, (len(parts), R.shape[-1]), attributes.batch_first)
        for name in (h, c)[: cell.states]
    ]
    if any(np.any(row) for row in rows):
        parts = [_learn_state(part, [row[d] for row in rows]) for d, part in enumerate(parts)]
    stages = [Stage(*part) for part in parts]
    v = v.complete(node)._replace(size=R.shape[-1], directions=len(stages))
    steps = ("B", "T", "D", "F") if attributes.batch_first else ("T", "D", "B", "F")
    y = v._replace(axes=steps, path=(*v.path, set_side_by_side(stages)))
    finals = [
        set_side_by_side([Stage(Final(stage.layer, k), stage.params) for stage in stages])
        for k in range(cell.states)
    ]
    paths = [(*v.path, final) for final in finals]
    if len(stages) == 1:
        paths[0] = (*y.path, Stage(Extend(1) if attributes.reverse[0] else Pool("last")))
    ends = ("B", "D", "F") if attributes.batch_first else ("D", "B", "F")
    return [y, *(v._replace(axes=ends, path=path) for path in paths)]


def _learn_state(part: tuple[Layer, Any], rows: list[Any]) -> tuple[Layer, Any]:
    """Return a layer that learns its initial state, and its parameters with that state."""
    layer, params = part
    inner: Any = layer.layer if isinstance(layer, Reversed) else layer
    inner = Recurrent(inner.hidden_size, inner.cell, learn_initial_state=True)
    state = tuple(row[None, :].astype(params["U"].dtype) for row in rows)
    return Reversed(inner) if isinstance(layer, Reversed) else inner, {**params, "state": state}


def _read_weight(graph: FileGraph, node: Any, name: str) -> Any:
    """Return a weight, or None if the node has no such input."""
    if not name:
        return None
    if graph.sources(name):
        raise make_error(node, f"its weight {name!r} is not a constant")
    return graph.compute(name)


def _check_lengths(graph: FileGraph, node: Any, name: str) -> None:
    """Raise unless a node's sequence_lens are the model's lengths or cover all steps."""
    if name and graph.depends_on_x(name):
        raise make_error(node, f"its sequence_lens {name!r} are computed from x")
    lengths = graph.compute(name) if name else np.full(graph.sizes["B"], graph.sizes["T"])
    if not np.array_equal(lengths, graph.lengths):
        raise make_error(
            node, "its sequence_lens are neither the lengths among the inputs nor the steps of x"
        )


def _read_state(
    graph: FileGraph, node: Any, name: str, shape: tuple[int, int], batch_first: bool
) -> Any:
    """Return an initial state (D, H) shared by the whole batch; zeros if it is an input."""
    if not name:
        return np.zeros(shape)
    if graph.depends_on_x(name):
        raise make_error(node, f"its initial state {name!r} is computed from x")
    if "computed" in graph.sources(name):
        raise make_error(node, f"its initial state {name!r} is computed from another input")
    if "free" in graph.sources(name):
        return np.zeros(shape)
    state = graph.compute(name)
    if batch_first:
        state = state.swapaxes(0, 1)
    if (state != state[:, :1]).any():
        raise make_error(node, f"its initial state {name!r} is not the same for the whole batch")
    return np.broadcast_to(state[:, 0], shape)
