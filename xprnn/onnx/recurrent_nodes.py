"""RNN, LSTM and GRU nodes of a graph, as layers."""

from typing import Any

import numpy as np

from xprnn.layers import Bidirectional, Layer, Recurrent, Reversed
from xprnn.onnx.chain import Chain, Signal, refused
from xprnn.onnx.nodes import attributes, directions

__all__ = ["OtherAxesError", "check_last", "recurrent"]


class OtherAxesError(Exception):
    """x has its axes in another order."""


def recurrent(chain: Chain, node: Any, s: Signal) -> Signal:
    """Put a recurrent layer after all others, and return Y."""
    names = list(node.input)
    _, W, R, B, lengths, h, c, P = names + [""] * (8 - len(names))
    W, R, B, P = (_weight(chain, node, name) for name in (W, R, B, P))
    read = attributes(node, peepholes=P is not None)
    wanted = ("B", "T", "F") if read.batch_first else ("T", "B", "F")
    if s.axes != wanted:
        if not chain.recurrent and set(s.axes) == set(wanted) and s.axes[-1] == "F":
            raise OtherAxesError
        raise refused(node, f"its X has the axes {', '.join(s.axes)}, not {', '.join(wanted)}")
    if W.shape[-1] != s.size:
        raise refused(node, f"W has {W.shape[-1]} columns, and X has {s.size} features")
    if any(cell != read.cells[0] for cell in read.cells):
        raise refused(node, "its directions have different activations; xprnn.onnx.run computes it")
    _check_lengths(chain, node, lengths)
    params = [p for _, p in directions(read, W, R, B, P)]
    H, cell = R.shape[-1], read.cells[0]
    rows = [
        _row(chain, node, name, (len(params), H), read.batch_first)
        for name in (h, c)[: cell.states]
    ]
    learnt = any(np.any(row) for row in rows)
    if learnt:
        for d, p in enumerate(params):
            p["state"] = tuple(row[d : d + 1].astype(R.dtype) for row in rows)
    inner = Recurrent(H, cell, learn_initial_state=learnt)
    axes = ("B", "T", "D", "F") if read.batch_first else ("T", "D", "B", "F")
    layer: Layer = inner
    if len(params) == 2:
        layer = Bidirectional(inner)
    elif read.reverse[0]:
        layer = Reversed(inner)
    weights = tuple(params) if len(params) == 2 else params[0]
    return chain.add(node, s, layer, weights, axes=axes, size=H, directions=len(params))


def check_last(node: Any, index: int) -> None:
    """Raise unless an output after Y is the last step of Y."""
    if index > 1:
        raise refused(node, "Y_c is used as an output, which no layer of xprnn gives")
    if attributes(node).reverse != (False,):
        raise refused(
            node, "Y_h of a node that reads from the end is used, which no layer of xprnn gives"
        )


def _weight(chain: Chain, node: Any, name: str) -> Any:
    """Return a weight, None if there is none."""
    if not name:
        return None
    if chain.probe.sources(name):
        raise refused(node, f"its weight {name!r} is no constant")
    return chain.probe.value(name)


def _check_lengths(chain: Chain, node: Any, name: str) -> None:
    """Raise unless a node's sequence_lens are the model's lengths, or all steps."""
    probe = chain.probe
    found = probe.value(name) if name else np.full(probe.sizes["B"], probe.sizes["T"])
    if not np.array_equal(found, probe.lengths):
        raise refused(
            node, "its sequence_lens are neither the lengths among the inputs nor the steps of x"
        )


def _row(chain: Chain, node: Any, name: str, shape: tuple[int, int], batch_first: bool) -> Any:
    """Return an initial state (D, H) that is the same for the whole batch; zero for an input."""
    probe = chain.probe
    if not name or probe.sources(name) - set(probe.constants) - {probe.x}:
        return np.zeros(shape)
    if probe.depends(name):
        raise refused(node, f"its initial state {name!r} is computed from x")
    state = probe.value(name)
    if batch_first:
        state = state.swapaxes(0, 1)
    if (state != state[:, :1]).any():
        raise refused(node, f"its initial state {name!r} is not one for the whole batch")
    return np.broadcast_to(state[:, 0], shape)
