"""The way from x to y through a graph, node by node, as layers of xprnn."""

from collections.abc import Callable
from typing import Any

from xprnn import tree
from xprnn.errors import ModelFileError
from xprnn.onnx import axes as moves
from xprnn.onnx import dense_nodes, recurrent_nodes, step_nodes
from xprnn.onnx.joins import joined
from xprnn.onnx.probe import Probe
from xprnn.onnx.signal import Signal, given, refused

__all__ = ["Reader"]

_RECURRENT = ("RNN", "LSTM", "GRU")
_FLOATS = (1, 11)
"""ONNX's numbers of float32 and float64."""


class Reader:
    """What the values of a graph are, found by following it from an output back to x.

    Parameters
    ----------
    probe : Probe
    axes : tuple of str
        Those of x.
    """

    def __init__(self, probe: Probe, axes: tuple[str, ...]):
        self.probe = probe
        self.axes = axes
        self.features = probe.features
        self._signals: dict[str, Signal] = {}
        self._nodes: dict[tuple[str, ...], recurrent_nodes.Node] = {}
        probe.shape_of = self._shape

    def signal(self, name: str) -> Signal:
        """Return what is known of a value that is a function of x."""
        if name == self.probe.x:
            return Signal(self.axes, self.features)
        if name not in self._signals:
            node = self.probe.made.get(name)
            if node is None:
                raise ModelFileError(f"{name!r} is no output of a node, and not the first input")
            try:
                s = self._read(node, list(node.output).index(name))
            except (ModelFileError, recurrent_nodes.OtherAxesError):
                raise
            except Exception as error:  # a damaged node can raise anything
                raise refused(node, f"it can't be read: {error!s:.400}") from error
            made = tree.leaves(s.path[-1].params) if s.path else ()
            self.probe.spend(node, sum(a.size for a in made))
            self._signals[name] = s
        return self._signals[name]

    def _shape(self, name: str) -> tuple[int, ...]:
        """Return the shape of a value that is a function of x, for the probe's batch."""
        s = self.signal(name)
        sizes = s.sizes(self.probe)
        return tuple(sizes[axis] for axis in s.axes)

    def _read(self, node: Any, index: int) -> Signal:
        """Return an output of a node."""
        if node.domain not in ("", "ai.onnx"):
            raise refused(node, f"the domain {node.domain!r} is not ONNX's own")
        if node.op_type in ("Scan", "Loop"):
            raise refused(node, "of loops only those that xprnn wrote are read, unchanged")
        self.probe.check(node)
        if node.op_type in _RECURRENT:
            return self._recurrent(node).output(index)
        inputs = [name for name in node.input if name]
        signals = [name for name in inputs if self.probe.depends(name)]
        if not signals:
            raise refused(node, "its output is no function of x")
        if len(signals) == len(inputs) and node.op_type in ("Concat", "Add", "Mul"):
            return joined(node, [self.signal(name) for name in inputs])
        if len(signals) > 1:
            raise refused(node, "two ways from x meet here, and no layer of xprnn joins them so")
        function = _TABLE.get(node.op_type)
        first = inputs.index(signals[0])
        if function is None or first > 1 or (node.op_type == "Where" and first == 0):
            raise refused(node, "no layer of xprnn does that")
        s = self.signal(signals[0])
        rest = [self.probe.value(name) for name in inputs if name != signals[0]]
        if first and node.op_type in ("Sub", "Div"):
            return dense_nodes.affine_of(self.probe, node, s, rest[0])
        if first and node.op_type not in ("Add", "Mul", "Where"):
            raise refused(node, "x can only stand first in it")
        return function(self.probe, node, s, rest)

    def _recurrent(self, node: Any) -> recurrent_nodes.Node:
        """Return a recurrent node, read once for all of its outputs."""
        key = tuple(node.output)
        if key not in self._nodes:
            x = self.signal(node.input[0])
            self._nodes[key] = recurrent_nodes.recurrent(self.probe, node, x)
        return self._nodes[key]


def _passed_on(probe: Probe, node: Any, s: Signal, rest: list[Any]) -> Signal:
    if node.op_type == "Cast" and given(node)["to"] not in _FLOATS:
        raise refused(node, "it can make float32 or float64 of x only")
    return s


def _moved(probe: Probe, node: Any, s: Signal, rest: list[Any]) -> Signal:
    axes = moves.moved(node.op_type, s.axes, s.sizes(probe), given(node), rest)
    if axes is None or s.items:
        raise refused(node, f"it mixes the axes {', '.join(s.axes)}")
    if "DF" in axes:
        axes = tuple("F" if axis == "DF" else axis for axis in axes)
        return s._replace(axes=axes, size=s.directions * s.size, directions=1)
    return s._replace(axes=axes)


_ACTIVATIONS = (
    "Elu", "HardSigmoid", "LeakyRelu", "Relu", "Sigmoid", "Softplus", "Softsign", "Tanh",
    "ThresholdedRelu",
)  # fmt: skip

_TABLE: dict[str, Callable[..., Signal]] = {
    **dict.fromkeys(("Identity", "Cast", "Dropout"), _passed_on),
    **dict.fromkeys(("Transpose", "Squeeze", "Unsqueeze", "Reshape", "Flatten"), _moved),
    **dict.fromkeys(("Add", "Sub", "Mul", "Div"), dense_nodes.affine),
    **dict.fromkeys(("ReduceMax", "ReduceMean", "ReduceSum"), step_nodes.reduced),
    **dict.fromkeys(("Softmax", "LogSoftmax"), dense_nodes.softmax),
    **dict.fromkeys(_ACTIVATIONS, dense_nodes.activation),
    "Gather": step_nodes.gathered,
    "GatherElements": step_nodes.last_valid,
    "Gemm": dense_nodes.gemm,
    "LayerNormalization": dense_nodes.layer_norm,
    "MatMul": dense_nodes.matmul,
    "Slice": step_nodes.sliced,
    "Where": step_nodes.where,
}
