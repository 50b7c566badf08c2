"""Trace a cell: record its computation as expressions of single numbers.

A `Traced` array has a number for each gate and unit, like the arrays of a cell along the last
axis. Every operation adds a node to a graph, but only once: the same operation on the same numbers
is the same node. An operation without an entry in `FORMS` raises `Untraceable`.
"""

import builtins
from typing import Any, NamedTuple


class Untraceable(Exception):  # noqa: N818 (a finding, and no mistake of the caller)
    """A cell can't be traced; the message says in a sentence what it does."""


FORMS = {
    "negative": "-{}",
    "add": "{} + {}",
    "subtract": "{} - {}",
    "multiply": "{} * {}",
    "divide": "{} / {}",
    "less": "{} < {}",
    "less_equal": "{} <= {}",
    "greater": "{} > {}",
    "greater_equal": "{} >= {}",
    "equal": "{} == {}",
    "not_equal": "{} != {}",
    "logical_and": "{} && {}",
    "logical_or": "{} || {}",
    "logical_not": "!{}",
    "where": "{} ? {} : {}",
}
FORMS |= {
    name: f"{name}({{}})"
    for name in ("abs", "cos", "exp", "expm1", "log", "log1p", "sin", "sqrt", "tanh")
}
FORMS |= {name: f"{name}({{}}, {{}})" for name in ("logaddexp", "maximum", "minimum", "pow")}
"""Elementwise functions of the array API standard, with their form in C++."""

TRUTHS = frozenset(name for name in FORMS if name.startswith(("less", "greater", "logical")))
TRUTHS |= {"equal", "not_equal"}
"""The functions whose result is true or false."""


class Node(NamedTuple):
    """An operation on earlier nodes, or a constant, or an input."""

    name: str
    arguments: tuple[Any, ...]


class Graph:
    """The nodes in the order of their computation.

    Examples
    --------
    >>> from xprnn.kernels.tracing import Graph, Numbers
    >>> graph = Graph()
    >>> z = graph.inputs("z", 1, 1)
    >>> y = Numbers(graph).tanh(2 * z) + Numbers(graph).tanh(2 * z)
    >>> [node.name for node in graph.nodes]
    ['input', 'number', 'multiply', 'tanh', 'add']
    """

    def __init__(self):
        self.nodes: list[Node] = []
        self._places: dict[Any, int] = {}

    def node(self, name: str, *arguments: Any) -> int:
        """Return the index of a node, adding it if it is new."""
        key = (name, *map(repr, arguments))  # 0.0 and -0.0 are different
        if key not in self._places:
            self._places[key] = len(self.nodes)
            self.nodes.append(Node(name, arguments))
        return self._places[key]

    def number(self, value: Any) -> int:
        """Return the node of a constant."""
        if not isinstance(value, int | float) or value - value != 0:
            raise Untraceable(f"it computes with {value!r}, which is not a finite number")
        return self.node("number", float(value))

    def inputs(self, name: str, blocks: int, units: int) -> "Traced":
        """Return an array of inputs, with `units` numbers in each block."""
        places = [
            self.node("input", name, block, unit)
            for block in range(blocks)
            for unit in range(units)
        ]
        return Traced(self, tuple(places))


class Traced:
    """An array (1, n) of traced numbers.

    Parameters
    ----------
    graph : Graph
    places : tuple of int
        The indices of its numbers among the nodes.
    """

    ndim = 2
    __array_ufunc__ = None  # makes NumPy's own functions raise an error

    def __init__(self, graph: Graph, places: tuple[int, ...]):
        self.graph, self.places = graph, places

    @property
    def shape(self) -> tuple[int, int]:
        """(1, n)."""
        return 1, len(self.places)

    def __getitem__(self, key: Any) -> "Traced":
        match key:
            case (builtins.Ellipsis, slice() as part):
                return Traced(self.graph, self.places[part])
        raise Untraceable(f"it takes a part of an array other than [..., a:b]: {key!r}")

    def __bool__(self) -> bool:
        raise Untraceable("it branches on the values of an array")

    def __getattr__(self, name: str) -> Any:
        raise Untraceable(f"it uses {name} of an array")


def _elementwise(name: str, *arguments: Any) -> Traced:
    """Record an operation for every number of arrays of equal length."""
    arrays = [a for a in arguments if isinstance(a, Traced)]
    if not arrays:
        raise Untraceable(f"it calls {name} without an array of its own")
    graph, counts = arrays[0].graph, {len(a.places) for a in arrays}
    if len(counts) > 1:
        raise Untraceable(f"it calls {name} on arrays of different lengths")
    columns = [
        a.places if isinstance(a, Traced) else (graph.number(a),) * counts.copy().pop()
        for a in arguments
    ]
    return Traced(graph, tuple(graph.node(name, *each) for each in zip(*columns, strict=True)))


def _operator(name: str, swapped: bool = False) -> Any:
    """Return the method of an operator."""
    if swapped:
        return lambda self, other: _elementwise(name, other, self)
    return lambda self, *other: _elementwise(name, self, *other)


for _python, _name in {
    "add": "add", "sub": "subtract", "mul": "multiply", "truediv": "divide", "pow": "pow",
}.items():  # fmt: skip
    setattr(Traced, f"__{_python}__", _operator(_name))
    setattr(Traced, f"__r{_python}__", _operator(_name, swapped=True))

for _python, _name in {
    "neg": "negative", "abs": "abs", "lt": "less", "le": "less_equal", "gt": "greater",
    "ge": "greater_equal", "eq": "equal", "ne": "not_equal", "and": "logical_and",
    "or": "logical_or", "invert": "logical_not",
}.items():  # fmt: skip
    setattr(Traced, f"__{_python}__", _operator(_name))


class Numbers:
    """The namespace of traced arrays, with the functions that a cell may use.

    Parameters
    ----------
    graph : Graph
    """

    def __init__(self, graph: Graph):
        self.graph = graph

    def __getattr__(self, name: str) -> Any:
        if name not in FORMS:
            raise Untraceable(f"it calls {name}")
        return lambda *arguments: _elementwise(name, *arguments)

    def square(self, a: Traced) -> Traced:
        """Return a²."""
        return _elementwise("multiply", a, a)

    def zeros_like(self, a: Traced) -> Traced:
        """Return zeros in the shape of a."""
        return Traced(self.graph, (self.graph.number(0),) * len(a.places))

    def ones_like(self, a: Traced) -> Traced:
        """Return ones in the shape of a."""
        return Traced(self.graph, (self.graph.number(1),) * len(a.places))

    def concat(self, arrays: Any, *, axis: int = 0) -> Traced:
        """Join arrays along the last axis."""
        if axis not in (-1, 1):
            raise Untraceable(f"it calls concat along axis {axis}")
        return Traced(self.graph, tuple(place for a in arrays for place in a.places))
