"""Write a recurrent layer as an RNN, LSTM or GRU node where ONNX has it, else as a Scan.

onnxruntime computes its recurrent nodes in float32 only, their Softplus overflows from 89 on, and
its LSTM does not clip c before the last activation. In float64, in these two cases, and for cells
and activations that ONNX does not have, the layer becomes ONNX's loop, Scan. The cell's
``forward`` writes the body of the loop.
"""

from typing import Any, NamedTuple

import numpy as np

from xprnn import _ops, cells, recurrence
from xprnn.layers import Recurrent
from xprnn.onnx import weights
from xprnn.onnx.operators import describe_cell
from xprnn.onnx.write.graph import Graph
from xprnn.onnx.write.tracing import Symbol, Tracer, refusing


class Steps(NamedTuple):
    """The valid steps."""

    lengths: str
    """(B,), int32"""
    mask: str
    """(T, B, 1), bool"""


class Direction(NamedTuple):
    """A recurrent layer that reads x in one direction."""

    layer: Recurrent
    params: dict[str, Any]
    reverse: bool
    """Whether it reads x backward."""
    state: tuple[str, ...]
    """The names of the initial states, (B, H) each."""


def write_recurrent(
    graph: Graph, directions: list[Direction], x: str, steps: Steps | None
) -> tuple[list[str], list[tuple[str, ...]]]:
    """Add recurrent layers of the same kind that read the same x.

    Parameters
    ----------
    graph : Graph
    directions : list of Direction
        One direction, or two for a bidirectional layer.
    x : str
        (T, B, F)
    steps : Steps or None

    Returns
    -------
    y : list of str
        The outputs, (T, B, H) each, zero at padding steps.
    states : list of tuple of str
    """
    layer = directions[0].layer
    kind = describe_cell(layer.cell) if graph.dtype == "float32" else None
    if kind is None or not _runs_as_defined(*kind):
        scans = [_write_scan(graph, d, x, steps) for d in directions]
        return [y for y, _ in scans], [end for _, end in scans]
    op, attributes = kind
    D, count = len(directions), layer.cell.states
    attributes = {
        name: value * D if isinstance(value, list) else value
        for name, value in attributes.items()
        if value != []
    }
    direction = "bidirectional" if D == 2 else "reverse" if directions[0].reverse else "forward"
    parts = [weights.to_node(d.layer.cell, d.params) for d in directions]
    W, R, B, *P = (
        graph.constant(np.stack(arrays), name)
        for name, arrays in zip("WRBP", zip(*parts, strict=True), strict=False)
    )
    start = [_stack_directions(graph, [d.state[k] for d in directions]) for k in range(count)]
    Y, *last = graph.add_node(
        op,
        [x, W, R, B, "" if steps is None else steps.lengths, *start, *P],
        1 + count,
        hidden_size=layer.hidden_size,
        direction=direction,
        **attributes,
    )

    def pick(name: str, d: int, axis: int) -> str:
        return graph.add("Gather", name, graph.constant(d, "index", "int64"), axis=axis)

    outputs = [pick(Y, d, 1) for d in range(D)]
    return outputs, [tuple(pick(s, d, 0) for s in last) for d in range(D)]


def _runs_as_defined(op: str, attributes: dict[str, Any]) -> bool:
    """Return whether onnxruntime computes a node as the standard defines it."""
    clipped = op == "LSTM" and "clip" in attributes
    return "Softplus" not in attributes["activations"] and not clipped


def _stack_directions(graph: Graph, names: list[str]) -> str:
    """Stack arrays (B, H) into one array (D, B, H)."""
    parts = [graph.add("Unsqueeze", name, graph.axes(0)) for name in names]
    return parts[0] if len(parts) == 1 else graph.add("Concat", *parts, axis=0)


def _write_scan(
    graph: Graph, direction: Direction, x: str, steps: Steps | None
) -> tuple[str, tuple[str, ...]]:
    """Add a recurrent layer as a loop whose body is the cell's step."""
    layer, params, reverse, state = direction
    cell: Any = layer.cell
    body, H = Graph(graph.dtype, graph), params["U"].shape[-2]
    xp, G = Tracer(body), cell.gates
    p = graph.add("MatMul", x, graph.constant(params["W"], "W"))
    p = graph.add("Add", p, graph.constant(params["b"], "b"))
    old = tuple(Symbol(body, body.make_name("state"), (None, H)) for _ in state)
    p_t = Symbol(body, body.make_name("p"), (None, G * H))
    mask_t = None if steps is None else Symbol(body, body.make_name("mask"), (None, 1))
    fixed = cells.blocks(params["v"], cell.weights) if "v" in params else []
    with refusing(cell):
        q, _, _ = recurrence.multiply(cell, params["U"], p_t, old[0], xp=xp)
        new, _ = cell.forward(p_t, q, (*old, *fixed), xp=xp)
    new = _ops.select(mask_t, new[: len(old)], old, xp=xp)
    y = _ops.apply_mask(new[0], mask_t, xp=xp)
    ends = [body.add("Identity", s.name) for s in (*new, y)]
    arguments = [*old, p_t] if mask_t is None else [*old, p_t, mask_t]
    inputs = [body.declare(s.name, "bool" if s is mask_t else None, None) for s in arguments]
    outputs = [body.declare(name, None, None) for name in ends]
    sequences = [p] if steps is None else [p, steps.mask]
    *last, Y = graph.add_node(
        "Scan",
        [*state, *sequences],
        len(ends),
        body=body.build(type(cell).__name__, inputs, outputs),
        num_scan_inputs=len(sequences),
        scan_input_directions=[int(reverse)] * len(sequences),
        scan_output_directions=[int(reverse)],
    )
    return Y, tuple(last)
