"""A recurrent layer as nodes: RNN, LSTM or GRU where ONNX has them, else a Scan.

onnxruntime computes its recurrent nodes in float32 only, their Softplus overflows from 89 on,
and its LSTM does not clip the memory before the last activation. In float64, in these two
cases, and for cells and activations that ONNX has no node for, the layer becomes the node
Scan, ONNX's loop, whose body is what the cell's ``forward`` writes down.
"""

from typing import Any, NamedTuple

import numpy as np

from xprnn import _ops, cells, recurrence
from xprnn.cells import GRU, LSTM, Elman, GRUResetBefore
from xprnn.onnx import activations, weights
from xprnn.onnx.graph import Graph
from xprnn.onnx.trace import Symbol, Tracer, writing

__all__ = ["Steps", "described", "recurrent"]


class Steps(NamedTuple):
    """Which steps are valid."""

    lengths: str
    """(B,), int32"""
    mask: str
    """(T, B, 1), bool"""


def described(cell: Any) -> tuple[str, dict[str, Any]] | None:
    """Return the operator of a cell and its attributes in one direction; None without one."""
    kinds: dict[type, tuple[str, tuple[str, ...], dict[str, Any]]] = {
        Elman: ("RNN", ("activation",), {}),
        GRU: ("GRU", ("gate_activation", "activation"), {"linear_before_reset": 1}),
        GRUResetBefore: ("GRU", ("gate_activation", "activation"), {"linear_before_reset": 0}),
        LSTM: ("LSTM", ("gate_activation", "activation", "output_activation"), {}),
    }
    if type(cell) not in kinds:
        return None
    op, names, more = kinds[type(cell)]
    found = [activations.described(getattr(cell, name)) for name in names]
    parts = [part for part in found if part is not None]
    if len(parts) < len(found) or len({clip for *_, clip in parts}) > 1:
        return None
    attributes = {
        "activations": [name for name, *_ in parts],
        "activation_alpha": [a for _, alpha, _, _ in parts for a in alpha],
        "activation_beta": [b for _, _, beta, _ in parts for b in beta],
        **more,
    }
    if parts[0][-1] is not None:
        attributes["clip"] = parts[0][-1]
    if getattr(cell, "coupled", False):
        attributes["input_forget"] = 1
    return op, attributes


def recurrent(
    graph: Graph,
    layers: list[Any],
    params: list[Any],
    reverse: list[bool],
    x: str,
    states: list[tuple[str, ...]],
    steps: Steps | None,
) -> tuple[list[str], list[tuple[str, ...]]]:
    """Add recurrent layers of one kind, one for each direction, that read the same x.

    Parameters
    ----------
    graph : Graph
    layers : list of Recurrent
    params : list of dict of arrays
    reverse : list of bool
        Whether each reads from the end.
    x : str
        (T, B, F)
    states : list of tuple of str
        (B, H) each.
    steps : Steps or None

    Returns
    -------
    y : list of str
        (T, B, H) each, zero at padding.
    states : list of tuple of str
    """
    kind = described(layers[0].cell) if graph.dtype == "float32" else None
    if kind is None or not _trusted(*kind):
        found = [
            _scan(graph, layer.cell, p, r, x, state, steps)
            for layer, p, r, state in zip(layers, params, reverse, states, strict=True)
        ]
        return [y for y, _ in found], [end for _, end in found]
    op, attributes = kind
    D, count = len(layers), layers[0].cell.states
    attributes = {
        name: value * D if isinstance(value, list) else value
        for name, value in attributes.items()
        if value != []
    }
    direction = "bidirectional" if D == 2 else "reverse" if reverse[0] else "forward"
    parts = [weights.to_node(layer.cell, p) for layer, p in zip(layers, params, strict=True)]
    W, R, B, *P = (
        graph.constant(np.stack(arrays), name)
        for name, arrays in zip("WRBP", zip(*parts, strict=True), strict=False)
    )
    first = [_joined(graph, [state[k] for state in states]) for k in range(count)]
    Y, *last = graph.several(
        op,
        [x, W, R, B, "" if steps is None else steps.lengths, *first, *P],
        1 + count,
        hidden_size=layers[0].hidden_size,
        direction=direction,
        **attributes,
    )

    def of(name: str, d: int, axis: int) -> str:
        return graph.add("Gather", name, graph.constant(d, "index", "int64"), axis=axis)

    return [of(Y, d, 1) for d in range(D)], [tuple(of(s, d, 0) for s in last) for d in range(D)]


def _trusted(op: str, attributes: dict[str, Any]) -> bool:
    """Whether onnxruntime computes a node as the standard defines it."""
    clipped = op == "LSTM" and "clip" in attributes
    return "Softplus" not in attributes["activations"] and not clipped


def _joined(graph: Graph, names: list[str]) -> str:
    """Return arrays (B, H) as one (D, B, H)."""
    parts = [graph.add("Unsqueeze", name, graph.axes(0)) for name in names]
    return parts[0] if len(parts) == 1 else graph.add("Concat", *parts, axis=0)


def _scan(
    graph: Graph,
    cell: Any,
    params: dict[str, Any],
    reverse: bool,
    x: str,
    state: tuple[str, ...],
    steps: Steps | None,
) -> tuple[str, tuple[str, ...]]:
    """Add a recurrent layer as a loop whose body is the cell's step."""
    body, H = graph.body(), params["U"].shape[-2]
    xp, G = Tracer(body), cell.gates
    p = graph.add("MatMul", x, graph.constant(params["W"], "W"))
    p = graph.add("Add", p, graph.constant(params["b"], "b"))
    old = tuple(Symbol(body, body.name("state"), H) for _ in state)
    p_t = Symbol(body, body.name("p"), G * H)
    mask_t = None if steps is None else Symbol(body, body.name("mask"), 1)
    own = cells.blocks(params["v"], cell.weights) if "v" in params else []
    with writing(cell):
        q, _, _ = recurrence.multiply(cell, params["U"], p_t, old[0], xp=xp)
        new, _ = cell.forward(p_t, q, (*old, *own), xp=xp)
    new = _ops.select(mask_t, new[: len(old)], old, xp=xp)
    y = _ops.apply_mask(new[0], mask_t, xp=xp)
    ends = [body.add("Identity", s.name) for s in (*new, y)]
    given = [*old, p_t] if mask_t is None else [*old, p_t, mask_t]
    inputs = [body.value(s.name, "bool" if s is mask_t else None, None) for s in given]
    outputs = [body.value(name, None, None) for name in ends]
    sequences = [p] if steps is None else [p, steps.mask]
    *last, Y = graph.several(
        "Scan",
        [*state, *sequences],
        len(ends),
        body=body.proto(type(cell).__name__, inputs, outputs),
        num_scan_inputs=len(sequences),
        scan_input_directions=[int(reverse)] * len(sequences),
        scan_output_directions=[int(reverse)],
    )
    return Y, tuple(last)
