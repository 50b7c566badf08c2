"""The way from x to y through a graph, node by node, as layers of xprnn."""

from collections.abc import Callable
from typing import Any

from xprnn.errors import ModelFileError
from xprnn.layers import Pool
from xprnn.onnx import axes as moves
from xprnn.onnx import dense_nodes, recurrent_nodes, step_nodes
from xprnn.onnx.chain import Chain, Signal, given, refused
from xprnn.onnx.probe import Probe

__all__ = ["Reader"]

_RECURRENT = ("RNN", "LSTM", "GRU")
_FLOATS = (1, 11)
"""ONNX's numbers of float32 and float64."""


class Reader:
    """Layers, found by following a graph from its output back to x.

    Parameters
    ----------
    probe : Probe
    axes : tuple of str
        Those of x.
    """

    def __init__(self, probe: Probe, axes: tuple[str, ...]):
        self.probe = probe
        self.axes = axes
        self.chain = Chain(probe)
        self.features = probe.features
        self._signals: dict[str, Signal] = {}
        probe.shape_of = self._shape

    def signal(self, name: str) -> Signal:
        """Return what is known of a value that is a function of x."""
        if name == self.probe.x:
            return Signal(self.axes, self.features, 0)
        if name not in self._signals:
            node = self.probe.made.get(name)
            if node is None:
                raise ModelFileError(f"{name!r} is no output of a node, and not the first input")
            self._signals[name] = self._read(node, list(node.output).index(name))
        return self._signals[name]

    def _shape(self, name: str) -> tuple[int, ...]:
        """Return the shape of a value that is a function of x, for the probe's batch."""
        s = self.signal(name)
        sizes = self.chain.sizes(s)
        return tuple(sizes[axis] for axis in s.axes)

    def _read(self, node: Any, index: int) -> Signal:
        """Return an output of a node."""
        if node.domain not in ("", "ai.onnx"):
            raise refused(node, f"the domain {node.domain!r} is not ONNX's own")
        if node.op_type in _RECURRENT:
            return self._recurrent(node, index)
        inputs = [name for name in node.input if name]
        signals = [name for name in inputs if self.probe.depends(name)]
        if not signals:
            raise refused(node, "its output is no function of x")
        if node.op_type == "Concat" or (len(signals) == 2 and node.op_type in ("Add", "Mul")):
            return step_nodes.merged(self.chain, node, [self.signal(name) for name in inputs])
        if len(signals) > 1:
            raise refused(node, "two ways from x to y meet here; layers stand in one row")
        if signals[0] not in inputs[:2] or (node.op_type == "Where" and signals[0] == inputs[0]):
            raise refused(node, "no layer of xprnn does that")
        function = _TABLE.get(node.op_type)
        if function is None:
            raise refused(node, "no layer of xprnn does that")
        one = self._of_one_layer(node)
        if one:
            return step_nodes.gathered(self.chain, node, self.signal(one), [0 * self._at(node)])
        s = self.signal(signals[0])
        rest = [self.probe.value(name) for name in inputs if name != signals[0]]
        if inputs[0] != signals[0] and node.op_type not in ("Add", "Sub", "Mul", "Div", "Where"):
            raise refused(node, "x can only stand first in it")
        if inputs[0] != signals[0] and node.op_type in ("Sub", "Div"):
            return dense_nodes.affine_of(self.chain, node, s, rest[0])
        return function(self.chain, node, s, rest)

    def _at(self, node: Any) -> Any:
        """Return the index of a Gather."""
        return self.probe.value(node.input[1])

    def _of_one_layer(self, node: Any) -> str | None:
        """Return the Y_h that a Gather takes out of those of all layers, if it does that."""
        joined = self.probe.made.get(node.input[0]) if node.op_type == "Gather" else None
        if joined is None or joined.op_type != "Concat" or self._at(node).size != 1:
            return None
        makers = [self.probe.made.get(name) for name in joined.input]
        ends = all(m is not None and m.op_type in _RECURRENT for m in makers)
        if not ends or given(joined)["axis"] != given(node).get("axis", 0):
            return None
        return str(joined.input[int(self._at(node).reshape(()))])

    def _recurrent(self, node: Any, index: int) -> Signal:
        """Return Y, or Y_h as its last step."""
        if index == 0:
            return recurrent_nodes.recurrent(self.chain, node, self.signal(node.input[0]))
        recurrent_nodes.check_last(node, index)
        if node.output[0]:
            s = self.signal(node.output[0])
        else:
            s = recurrent_nodes.recurrent(self.chain, node, self.signal(node.input[0]))
        axes = ("B", "D", "F") if s.axes[0] == "B" else ("D", "B", "F")
        return self.chain.add(node, s, Pool("last"), (), axes=axes)


def _passed_on(chain: Chain, node: Any, s: Signal, rest: list[Any]) -> Signal:
    if node.op_type == "Cast" and given(node)["to"] not in _FLOATS:
        raise refused(node, "it can make float32 or float64 of x only")
    return s


def _moved(chain: Chain, node: Any, s: Signal, rest: list[Any]) -> Signal:
    axes = moves.moved(node.op_type, s.axes, chain.sizes(s), given(node), rest)
    if axes is None:
        raise refused(node, f"it mixes the axes {', '.join(s.axes)}")
    if "D" in s.axes and "D" not in axes and s.directions == 2:
        return s._replace(axes=axes, size=2 * s.size, directions=1)
    return s._replace(axes=axes)


_TABLE: dict[str, Callable[..., Signal]] = {
    **dict.fromkeys(("Identity", "Cast", "Dropout"), _passed_on),
    **dict.fromkeys(("Transpose", "Squeeze", "Unsqueeze", "Reshape", "Flatten"), _moved),
    **dict.fromkeys(("Add", "Sub", "Mul", "Div"), dense_nodes.affine),
    **dict.fromkeys(("ReduceMax", "ReduceMean", "ReduceSum"), step_nodes.reduced),
    "Gather": step_nodes.gathered,
    "GatherElements": step_nodes.last_valid,
    "Gemm": dense_nodes.gemm,
    "LayerNormalization": dense_nodes.layer_norm,
    "MatMul": dense_nodes.matmul,
    "Slice": step_nodes.sliced,
    "Where": step_nodes.where,
}
