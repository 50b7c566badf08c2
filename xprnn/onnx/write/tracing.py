"""A namespace whose functions add ONNX nodes instead of computing.

A cell's ``forward``, called with arrays of this namespace, writes its own equations into a graph.
The mathematics of the cells is thus written only once, for files too.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

from xprnn._fields import show
from xprnn.onnx.write.graph import Graph

_OPERATORS: dict[Any, str] = {
    np.absolute: "Abs",
    np.add: "Add",
    np.bitwise_and: "And",
    np.bitwise_or: "Or",
    np.divide: "Div",
    np.exp: "Exp",
    np.greater: "Greater",
    np.greater_equal: "GreaterOrEqual",
    np.invert: "Not",
    np.less: "Less",
    np.less_equal: "LessOrEqual",
    np.log: "Log",
    np.matmul: "MatMul",
    np.maximum: "Max",
    np.minimum: "Min",
    np.multiply: "Mul",
    np.negative: "Neg",
    np.power: "Pow",
    np.sign: "Sign",
    np.sqrt: "Sqrt",
    np.subtract: "Sub",
    np.tanh: "Tanh",
}
"""NumPy functions with an ONNX operator; for booleans And, Or and Not."""


class Symbol(NDArrayOperatorsMixin):
    """The output of a node; NumPy functions and operators applied to it add nodes.

    Parameters
    ----------
    graph : Graph
    name : str
    shape : tuple
        The shape, with None for the axes of steps and rows, such as (None, H).
    """

    def __init__(self, graph: Graph, name: str, shape: tuple[Any, ...]):
        self.graph = graph
        self.name = name
        self.shape = shape

    def __array_ufunc__(self, function, method, *inputs, out=(), **options):
        """Return the output of a new node; NumPy calls this for its functions and operators."""
        if function not in _OPERATORS or method != "__call__" or options:
            return NotImplemented
        size = inputs[-1].shape[-1] if function is np.matmul else None
        y = _add_node(self.graph, _OPERATORS[function], *inputs, size=size)
        for symbol in out:  # an in-place operation, as in h += x
            symbol.name, symbol.shape = y.name, y.shape
        return out[0] if out else y

    def __getitem__(self, key):
        *before, last = key if isinstance(key, tuple) else (key,)
        every = [slice(None)] * (len(self.shape) - 1)
        slices = all(k is ... or isinstance(k, slice) for k in (*before, last))
        if not slices or before not in ([...], every) or last is ... or last.step not in (None, 1):
            raise TypeError(
                "only neighbouring features can be picked, a[..., start:stop], got "
                f"a[{show(key)}] of a {self.shape}"
            )
        start, stop, _ = last.indices(self.shape[-1])
        name = self.graph.slice(self.name, start, stop, axis=-1)
        return Symbol(self.graph, name, (*self.shape[:-1], max(0, stop - start)))


def _add_node(
    graph: Graph, op: str, *inputs: Any, size: int | None = None, **attributes: Any
) -> Symbol:
    """Add a node whose inputs are symbols, arrays and numbers, and return its output."""
    names = [
        a.name if isinstance(a, Symbol) else graph.constant(a, "weight" if np.ndim(a) else "number")
        for a in inputs
    ]
    shapes = [a.shape for a in inputs if isinstance(a, Symbol)]
    size = size or max(a.shape[-1] for a in inputs if getattr(a, "shape", ()))
    return Symbol(graph, graph.add(op, *names, **attributes), (*max(shapes, key=len)[:-1], size))


class Tracer:
    """The array API functions for which ONNX has nodes.

    Parameters
    ----------
    graph : Graph
    """

    def __init__(self, graph: Graph):
        self._graph = graph

    def __getattr__(self, name):
        function = getattr(np, name, None)
        if not isinstance(function, np.ufunc) or function not in _OPERATORS:
            raise AttributeError(f"xp.{name} is not a function that can be written to a file")
        return function

    def where(self, condition, a, b):
        """Return a where the condition holds, and b elsewhere."""
        return _add_node(self._graph, "Where", condition, a, b)

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
        """Return zeros in the shape of z."""
        return self.full_like(z, 0)

    def ones_like(self, z):
        """Return ones in the shape of z."""
        return self.full_like(z, 1)

    def full_like(self, z, number):
        """Return an array in the shape of z, filled with one number."""
        graph = self._graph
        name = graph.add("Expand", graph.constant(number), graph.add("Shape", z.name))
        return Symbol(graph, name, z.shape)

    def reshape(self, z, shape):
        """Split or merge the axes after the axes of steps and rows."""
        fixed = z.shape.count(None)
        if shape[:fixed] != z.shape[:fixed]:
            raise TypeError(f"it reshapes {z.shape} to {shape}, which moves steps or rows")
        rest = np.empty(z.shape[fixed:]).reshape(shape[fixed:]).shape
        name = self._graph.add("Reshape", z.name, self._graph.axes(*[0] * fixed, *rest))
        return Symbol(self._graph, name, (*shape[:fixed], *rest))

    def concat(self, arrays, *, axis):
        """Join arrays along the last axis."""
        if axis not in (-1, len(arrays[0].shape) - 1):
            raise TypeError(f"it joins arrays on the axis {axis}, which is not the last")
        size = sum(a.shape[-1] for a in arrays)
        return _add_node(self._graph, "Concat", *arrays, size=size, axis=axis)


@contextmanager
def refusing(thing: Any) -> Iterator[None]:
    """Turn an exception of a forward that ONNX can't express into an error that names the owner."""
    try:
        yield
    except (AttributeError, TypeError) as error:
        raise ValueError(f"{thing!r} can't be written to an ONNX file: {error}") from error
