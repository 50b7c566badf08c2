"""An ONNX graph under construction: nodes, constants and their names."""

import copy
from itertools import count
from typing import Any

import numpy as np

from xprnn.onnx.library import import_onnx


class Graph:
    """A graph that collects nodes and constants.

    Parameters
    ----------
    dtype : str
        The dtype of its numbers, ``"float32"`` or ``"float64"``.
    outer : Graph, optional
        The graph that holds the constants, if this is the body of a node.
    most : int, optional
        The largest number of nodes.
    """

    def __init__(self, dtype: str, outer: "Graph | None" = None, most: int | None = None):
        self.dtype = dtype
        self.most = most
        self.nodes: list[Any] = []
        self.constants: dict[Any, Any] = {} if outer is None else outer.constants
        self._numbers: Any = count() if outer is None else outer._numbers

    def in_dtype(self, dtype: str) -> "Graph":
        """Return this graph with another dtype for its numbers."""
        graph = copy.copy(self)
        graph.dtype = dtype
        return graph

    def make_name(self, what: str) -> str:
        """Return a new name."""
        return f"{what}_{next(self._numbers)}"

    def constant(self, value: Any, what: str = "constant", dtype: str | None = None) -> str:
        """Return the name of a constant; equal arrays share one name."""
        array = np.ascontiguousarray(np.asarray(value, dtype=dtype or self.dtype))
        array = array.reshape(np.shape(value))
        key = (str(array.dtype), array.shape, array.tobytes())
        if key not in self.constants:
            tensor = import_onnx().numpy_helper.from_array(array, self.make_name(what))
            self.constants[key] = tensor
        name: str = self.constants[key].name
        return name

    def axes(self, *values: int) -> str:
        """Return the name of a constant list of integers."""
        return self.constant(values, "axes", "int64")

    def add(self, op: str, *inputs: str, **attributes: Any) -> str:
        """Add a node with one output, and return the output's name."""
        return self.add_node(op, inputs, 1, **attributes)[0]

    def add_node(
        self, op: str, inputs: Any, outputs: int | list[str], **attributes: Any
    ) -> list[str]:
        """Add a node with a number of outputs, or with named outputs, and return their names."""
        if len(self.nodes) == self.most:
            raise ValueError(f"the graph has more than {self.most} nodes")
        names = (
            [self.make_name(op) for _ in range(outputs)] if isinstance(outputs, int) else outputs
        )
        self.nodes.append(import_onnx().helper.make_node(op, list(inputs), names, **attributes))
        return names

    def slice(self, name: str, start: int, stop: int = 2**31 - 1, *, axis: int) -> str:
        """Return a slice of a value along an axis, by default to the end."""
        return self.add("Slice", name, self.axes(start), self.axes(stop), self.axes(axis))

    def cast(self, name: str, dtype: str, old: str | None = None) -> str:
        """Cast a value to a dtype, unless its dtype `old` is the same."""
        return name if dtype == old else self.add("Cast", name, to=_find_code(dtype))

    def declare(self, name: str, dtype: str | None, shape: Any) -> Any:
        """Return the declaration of an input or an output."""
        return import_onnx().helper.make_tensor_value_info(
            name, _find_code(dtype or self.dtype), shape
        )

    def build(self, name: str, inputs: list[Any], outputs: list[Any]) -> Any:
        """Return the graph, without the constants if it is a body."""
        return import_onnx().helper.make_graph(self.nodes, name, inputs, outputs)


def _find_code(dtype: str) -> int:
    """Return ONNX's number for a dtype."""
    code: int = import_onnx().helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
    return code
