"""Read the path from x to y through a graph, node by node, as xprnn layers."""

from collections.abc import Callable
from typing import Any

from xprnn import tree
from xprnn.errors import ModelFileError
from xprnn.onnx import activations
from xprnn.onnx.library import get_attributes, make_error
from xprnn.onnx.read import feature_nodes, recurrent_nodes, step_nodes
from xprnn.onnx.read.axes import read_axes
from xprnn.onnx.read.branch_nodes import read_join
from xprnn.onnx.read.graph import FileGraph
from xprnn.onnx.read.values import Value

_RECURRENT = ("RNN", "LSTM", "GRU")
_FLOATS = (1, 11)
"""ONNX's type codes of float32 and float64."""


class Reader:
    """A reader that follows a graph from a value back to x and turns the nodes into layers.

    Parameters
    ----------
    graph : FileGraph
    axes : tuple of str
        The axes of x.
    """

    def __init__(self, graph: FileGraph, axes: tuple[str, ...]):
        self.graph = graph
        self.axes = axes
        self.features = graph.features
        self._values: dict[str, Value] = {}
        self._nodes: dict[tuple[str, ...], list[Value]] = {}
        graph.shape_of = self._get_shape

    def value(self, name: str) -> Value:
        """Return a value that is a function of x."""
        if name == self.graph.x:
            return Value(self.axes, self.features)
        if name not in self._values:
            node = self.graph.producers.get(name)
            if node is None:
                raise ModelFileError(
                    f"{name!r} is neither the output of a node nor the first input"
                )
            try:
                v = self._read_node(node, list(node.output).index(name))
            except (ModelFileError, recurrent_nodes.OtherAxesError):
                raise
            except Exception as error:  # a damaged node can raise anything
                raise make_error(node, f"it can't be read: {error!s:.400}") from error
            params = tree.leaves(v.path[-1].params) if v.path else ()
            self.graph.spend(node, sum(a.size for a in params))
            self._values[name] = v
        return self._values[name]

    def _get_shape(self, name: str) -> tuple[int, ...]:
        """Return the shape of a value that is a function of x, in the batch of the graph."""
        v = self.value(name)
        sizes = v.sizes(self.graph)
        return tuple(sizes[axis] for axis in v.axes)

    def _read_node(self, node: Any, index: int) -> Value:
        """Return an output of a node."""
        if node.domain not in ("", "ai.onnx"):
            raise make_error(node, f"the domain {node.domain!r} is not ONNX's own")
        if node.op_type in ("Scan", "Loop"):
            raise make_error(node, "only loops that xprnn wrote are read, in unchanged files")
        self.graph.check(node)
        if node.op_type in _RECURRENT:
            return self._read_recurrent(node)[index]
        inputs = [name for name in node.input if name]
        from_x = [name for name in inputs if self.graph.depends_on_x(name)]
        if not from_x:
            raise make_error(node, "its output does not depend on x")
        if len(from_x) == len(inputs) and node.op_type in ("Concat", "Add", "Mul"):
            return read_join(node, [self.value(name) for name in inputs])
        if len(from_x) > 1:
            raise make_error(
                node, "no layer of xprnn joins two values that depend on x in this way"
            )
        function = _TABLE.get(node.op_type)
        first = inputs.index(from_x[0])
        if function is None or first > 1 or (node.op_type == "Where" and first == 0):
            raise make_error(node, "no layer of xprnn does that")
        v = self.value(from_x[0])
        rest = [self.graph.compute(name) for name in inputs if name != from_x[0]]
        if first and node.op_type in ("Sub", "Div"):
            return feature_nodes.read_subtraction_from(self.graph, node, v, rest[0])
        if first and node.op_type not in ("Add", "Mul", "Where"):
            raise make_error(node, "x must be its first input")
        return function(self.graph, node, v, rest)

    def _read_recurrent(self, node: Any) -> list[Value]:
        """Return the outputs of a recurrent node, which is read only once."""
        key = tuple(node.output)
        if key not in self._nodes:
            x = self.value(node.input[0])
            self._nodes[key] = recurrent_nodes.read_recurrent(self.graph, node, x)
        return self._nodes[key]


def _read_identity(graph: FileGraph, node: Any, v: Value, rest: list[Any]) -> Value:
    if node.op_type == "Cast" and get_attributes(node)["to"] not in _FLOATS:
        raise make_error(node, "it must cast x to float32 or float64")
    return v


_TABLE: dict[str, Callable[..., Value]] = {
    **dict.fromkeys(("Identity", "Cast", "Dropout"), _read_identity),
    **dict.fromkeys(("Transpose", "Squeeze", "Unsqueeze", "Reshape", "Flatten"), read_axes),
    **dict.fromkeys(("Add", "Sub", "Mul", "Div"), feature_nodes.read_affine),
    **dict.fromkeys(("ReduceMax", "ReduceMean", "ReduceSum"), step_nodes.read_reduction),
    **dict.fromkeys(("Softmax", "LogSoftmax"), feature_nodes.read_softmax),
    **dict.fromkeys(activations.TABLE, feature_nodes.read_activation),
    "Gather": step_nodes.read_gather,
    "GatherElements": step_nodes.read_last_valid,
    "Gemm": feature_nodes.read_gemm,
    "LayerNormalization": feature_nodes.read_layer_norm,
    "MatMul": feature_nodes.read_matmul,
    "Slice": step_nodes.read_slice,
    "Where": step_nodes.read_where,
}
