"""RNN, LSTM and GRU nodes of a graph, as layers."""

from typing import Any, NamedTuple

import numpy as np

from xprnn.layers import Extend, Final, Layer, Pool, Recurrent, Reversed
from xprnn.layers.walk import recurrent_layers
from xprnn.onnx.nodes import Attributes, attributes, directions
from xprnn.onnx.probe import Probe
from xprnn.onnx.signal import Entry, Signal, beside, refused

__all__ = ["Node", "OtherAxesError", "recurrent"]


class OtherAxesError(Exception):
    """x has its axes in another order."""


class Node(NamedTuple):
    """A recurrent node that was read."""

    x: Signal
    read: Attributes
    hidden_size: int
    entries: list[Entry]
    """One for each direction."""
    y: Entry
    """All of them."""

    def output(self, index: int) -> Signal:
        """Return Y, Y_h or Y_c.

        Y_h of a node that runs forward is the last step of Y; of one that reads from the
        end, the first. What is neither is given by the same layer once more.
        """
        D, H = len(self.entries), self.hidden_size
        batch_first, reverse = self.read.batch_first, self.read.reverse
        s = self.x._replace(size=H, directions=D)
        if index == 0:
            axes = ("B", "T", "D", "F") if batch_first else ("T", "D", "B", "F")
            return s._replace(axes=axes, path=(*s.path, self.y))
        s = s._replace(axes=("B", "D", "F") if batch_first else ("D", "B", "F"))
        if index == 1 and D == 1:
            last = Entry(Extend(1) if reverse[0] else Pool("last"))
            return s._replace(path=(*s.path, self.y, last))
        ends = [Entry(Final(e.layer, index - 1), e.params) for e in self.entries]
        return s._replace(path=(*s.path, ends[0] if D == 1 else beside(ends)))


def recurrent(probe: Probe, node: Any, s: Signal) -> Node:
    """Return the layers of a node that reads x."""
    names = list(node.input)
    _, W, R, B, lengths, h, c, P = names + [""] * (8 - len(names))
    W, R, B, P = (_weight(probe, node, name) for name in (W, R, B, P))
    read = attributes(node, peepholes=P is not None)
    wanted = ("B", "T", "F") if read.batch_first else ("T", "B", "F")
    if s.axes != wanted:
        below = (next(recurrent_layers(entry.layer), None) for entry in s.path)
        if set(s.axes) == set(wanted) and s.axes[-1] == "F" and not any(below):
            raise OtherAxesError
        raise refused(node, f"its X has the axes {', '.join(s.axes)}, not {', '.join(wanted)}")
    if W.shape[-1] != s.size:
        raise refused(node, f"W has {W.shape[-1]} columns, and X has {s.size} features")
    _check_lengths(probe, node, lengths)
    parts, cell = directions(read, W, R, B, P), read.cells[0]
    rows = [
        _row(probe, node, name, (len(parts), R.shape[-1]), read.batch_first)
        for name in (h, c)[: cell.states]
    ]
    if any(np.any(row) for row in rows):
        parts = [_learnt(part, [row[d] for row in rows]) for d, part in enumerate(parts)]
    entries = [Entry(*part) for part in parts]
    y = entries[0] if len(entries) == 1 else beside(entries)
    return Node(s.whole(node), read, R.shape[-1], entries, y)


def _learnt(part: tuple[Layer, Any], rows: list[Any]) -> tuple[Layer, Any]:
    """Return a layer and its parameters with an initial state that is one of them."""
    layer, params = part
    inner: Any = layer.layer if isinstance(layer, Reversed) else layer
    inner = Recurrent(inner.hidden_size, inner.cell, learn_initial_state=True)
    state = tuple(row[None, :].astype(params["U"].dtype) for row in rows)
    return Reversed(inner) if isinstance(layer, Reversed) else inner, {**params, "state": state}


def _weight(probe: Probe, node: Any, name: str) -> Any:
    """Return a weight, None if there is none."""
    if not name:
        return None
    if probe.sources(name):
        raise refused(node, f"its weight {name!r} is no constant")
    return probe.value(name)


def _check_lengths(probe: Probe, node: Any, name: str) -> None:
    """Raise unless a node's sequence_lens are the model's lengths, or all steps."""
    if name and probe.depends(name):
        raise refused(node, f"its sequence_lens {name!r} are computed from x")
    found = probe.value(name) if name else np.full(probe.sizes["B"], probe.sizes["T"])
    if not np.array_equal(found, probe.lengths):
        raise refused(
            node, "its sequence_lens are neither the lengths among the inputs nor the steps of x"
        )


def _row(probe: Probe, node: Any, name: str, shape: tuple[int, int], batch_first: bool) -> Any:
    """Return an initial state (D, H) that is the same for the whole batch; zero for an input."""
    if not name:
        return np.zeros(shape)
    if probe.depends(name):
        raise refused(node, f"its initial state {name!r} is computed from x")
    if probe.free(name):
        if not probe.carried(name):
            raise refused(node, f"its initial state {name!r} is computed from another input")
        return np.zeros(shape)
    state = probe.value(name)
    if batch_first:
        state = state.swapaxes(0, 1)
    if (state != state[:, :1]).any():
        raise refused(node, f"its initial state {name!r} is not one for the whole batch")
    return np.broadcast_to(state[:, 0], shape)
