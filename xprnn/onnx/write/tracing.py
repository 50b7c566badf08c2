"""A namespace whose functions write nodes of ONNX instead of computing.

A cell's ``forward``, called with arrays of this namespace, writes its own equations
into a graph. So the mathematics of the cells stands written once, for files too.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from xprnn.onnx.write.graph import Graph


class Symbol:
    """The output of a node, (B, size), with the operators of an array."""

    __array_ufunc__ = None  # so that NumPy leaves array * symbol to the symbol

    def __init__(self, graph: Graph, name: str, size: int):
        self.graph = graph
        self.name = name
        self.shape = (None, size)

    def _with(self, op: str, *others: Any, size: int | None = None) -> "Symbol":
        return _node(self.graph, op, self, *others, size=size)

    def __add__(self, other):
        return self._with("Add", other)

    def __mul__(self, other):
        return self._with("Mul", other)

    __radd__, __rmul__ = __add__, __mul__

    def __sub__(self, other):
        return self._with("Sub", other)

    def __rsub__(self, other):
        return _node(self.graph, "Sub", other, self)

    def __truediv__(self, other):
        return self._with("Div", other)

    def __rtruediv__(self, other):
        return _node(self.graph, "Div", other, self)

    def __pow__(self, other):
        return self._with("Pow", other)

    def __neg__(self):
        return self._with("Neg")

    def __abs__(self):
        return self._with("Abs")

    def __matmul__(self, other):
        return self._with("MatMul", other, size=other.shape[-1])

    def __gt__(self, other):
        return self._with("Greater", other)

    def __ge__(self, other):
        return self._with("GreaterOrEqual", other)

    def __lt__(self, other):
        return self._with("Less", other)

    def __le__(self, other):
        return self._with("LessOrEqual", other)

    def __and__(self, other):
        return self._with("And", other)

    def __or__(self, other):
        return self._with("Or", other)

    def __invert__(self):
        return self._with("Not")

    def __getitem__(self, key):
        columns = key[-1]
        start, stop, _ = columns.indices(self.shape[-1])
        axes = self.graph.axes
        ends = (_Name(axes(start)), _Name(axes(stop)), _Name(axes(-1)))
        return self._with("Slice", *ends, size=stop - start)


class _Name(str):
    """The name of a constant whose dtype is not the graph's."""

    __slots__ = ()


def _node(graph: Graph, op: str, *inputs: Any, size: int | None = None, **attributes: Any) -> Any:
    """Add a node of symbols, arrays and numbers, and return its output."""
    sizes = [a.shape[-1] for a in inputs if isinstance(a, Symbol)]
    names = [
        a.name
        if isinstance(a, Symbol)
        else a
        if isinstance(a, _Name)
        else graph.constant(a, "weight" if np.ndim(a) else "number")
        for a in inputs
    ]
    return Symbol(graph, graph.add(op, *names, **attributes), size or max(sizes))


class Tracer:
    """The functions of the array API for which ONNX has nodes: pointwise ones and concat.

    Parameters
    ----------
    graph : Graph
    """

    def __init__(self, graph: Graph):
        self._graph = graph

    def __getattr__(self, name):
        operators = {
            "abs": "Abs",
            "exp": "Exp",
            "log": "Log",
            "maximum": "Max",
            "minimum": "Min",
            "sign": "Sign",
            "sqrt": "Sqrt",
            "tanh": "Tanh",
            "where": "Where",
        }
        if name not in operators:
            raise AttributeError(f"xp.{name} is not a function that can be written to a file")
        return lambda *arrays: _node(self._graph, operators[name], *arrays)

    def expm1(self, z):
        """Return exp z - 1."""
        return self.exp(z) - 1

    def log1p(self, z):
        """Return log(1 + z)."""
        return self.log(1 + z)

    def logaddexp(self, a, b):
        """Return log(exp a + exp b)."""
        return self.maximum(a, b) + self.log(1 + self.exp(-self.abs(a - b)))

    def zeros_like(self, z):
        """Return zeros of the shape of z."""
        return self._full(z, 0)

    def ones_like(self, z):
        """Return ones of the shape of z."""
        return self._full(z, 1)

    def _full(self, z, number):
        graph = self._graph
        shape = _Name(graph.add("Shape", z.name))
        one = graph.constant(number)
        return _node(graph, "Expand", _Name(one), shape, size=z.shape[-1])

    def concat(self, arrays, *, axis):
        """Join arrays along the last axis."""
        size = sum(a.shape[-1] for a in arrays)
        return _node(self._graph, "Concat", *arrays, size=size, axis=axis)


@contextmanager
def refusing(thing: Any) -> Iterator[None]:
    """Turn the exception of a forward for which ONNX has no nodes into an error that names it."""
    try:
        yield
    except (AttributeError, TypeError) as error:
        raise ValueError(f"{thing!r} can't be written to an ONNX file: {error}") from error


def trace_activation(graph: Graph, activation: Any, z: str) -> str:
    """Add the nodes of an activation, and return its output."""
    with refusing(activation):
        y: Symbol = activation.forward(Symbol(graph, z, 1), xp=Tracer(graph))
    return y.name
