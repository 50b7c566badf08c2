"""The step of a cell as C++, made by running the cell on arrays that take notes.

The backward step needs some numbers of the forward one. h(t-1), h(t) and the cell's own
weights are there anyway, and what is one operation away from what is there is computed
again; the other numbers are kept.
"""

import functools
from collections.abc import Iterable
from typing import Any, NamedTuple

from xprnn.cells import Cell, blocks, inner_gates
from xprnn.kernels.tracing import FORMS, TRUTHS, Graph, Numbers, Traced, Untraceable

UNITS = 3
"""Traced side by side, to see that each is computed like the others and from itself alone."""

AGAIN = frozenset({"negative", "add", "subtract", "multiply", "where"})
"""Operations that cost less than to keep their result."""


class Step(NamedTuple):
    """A cell's forward and backward step for one unit of one row."""

    gates: int
    """G, numbers of p, q, dp and dq."""
    states: int
    own: int
    """Weights of its own."""
    kept: int
    """Numbers that the forward step keeps for the backward one."""
    same: bool
    """Whether dq is dp."""
    forward: str
    """C++ statements, from p, q and state to state and kept."""
    backward: str
    """From dstate, h_before, h_after, own and kept to dp, dq and dstate."""


def write_step(cell: Cell) -> Step:
    """Return the step of a cell; raise `Untraceable` with a sentence if it has none.

    Examples
    --------
    >>> from xprnn.cells import Elman
    >>> from xprnn.kernels.cuda.expressions import write_step
    >>> print(write_step(Elman("sigmoid")).backward)
    const auto v0 = h_after;
    const auto v1 = dstate[0];
    const auto v2 = real(1.0) - v0;
    const auto v3 = v0 * v2;
    const auto v4 = v1 * v3;
    dp[0] = v4;
    dq[0] = v4;
    dstate[0] = real(0.0);
    """
    try:
        return _write_cached(cell)  # type: ignore[arg-type]
    except TypeError:  # can't be hashed, or can't be traced
        return _step(cell)


def _step(cell: Cell) -> Step:
    """As `write_step`."""
    if inner_gates(cell):
        raise Untraceable("it has an inner part, which makes two products at each step")
    try:
        return _trace(cell)
    except Untraceable:
        raise
    except Exception as error:
        raise Untraceable(f"it cannot be traced: {type(error).__name__}: {error}") from error


_write_cached = functools.lru_cache(maxsize=64)(_step)


def _trace(cell: Cell) -> Step:
    """Run a cell forward and backward, and write down what it did."""
    graph, own = Graph(), getattr(cell, "weights", 0)
    xp, count = Numbers(graph), cell.states + own
    p, q = (graph.inputs(name, cell.gates, UNITS) for name in ("p", "q"))
    state = tuple(blocks(graph.inputs("state", count, UNITS), count))
    after, memo = cell.forward(p, q, state, xp=xp)
    new = _read_outputs(graph, after[: cell.states], cell.states)
    if [a.places for a in after[cell.states :]] != [s.places for s in state[cell.states :]]:
        raise Untraceable("it does not return its own weights as they are")

    made = len(graph.nodes)
    dstate = tuple(blocks(graph.inputs("dstate", count, UNITS), count))
    dp, dq, before = cell.backward(dstate, memo, xp=xp)
    into_p, into_q = (_read_outputs(graph, [d], cell.gates) for d in (dp, dq))
    direct = _read_outputs(graph, before, count)

    there = {state[0].places[0]: "h_before", new[0]: "h_after"}
    there |= {state[cell.states + k].places[0]: f"own[{k}]" for k in range(own)}
    kept = _list_kept(graph, [*into_p, *into_q, *direct], made, set(there))
    forward = {f"state[{k}]": place for k, place in enumerate(new)}
    forward |= {f"kept[{k}]": place for k, place in enumerate(kept)}
    backward = {f"dp[{k}]": place for k, place in enumerate(into_p)}
    backward |= {f"dq[{k}]": place for k, place in enumerate(into_q)}
    backward |= {f"dstate[{k}]": place for k, place in enumerate(direct)}
    there |= {place: f"kept[{k}]" for k, place in enumerate(kept)}
    return Step(
        gates=cell.gates,
        states=cell.states,
        own=own,
        kept=len(kept),
        same=into_p == into_q,
        forward=_write_statements(graph, forward, {}),
        backward=_write_statements(graph, backward, there),
    )


def _read_outputs(graph: Graph, arrays: Iterable[Any], count: int) -> list[int]:
    """Return the numbers of the first unit, one for each block; check those of the others."""
    places: list[int] = []
    for a in arrays:
        places += a.places if isinstance(a, Traced) else [graph.number(a)] * UNITS
    if len(places) != count * UNITS:
        raise Untraceable(f"it returns {len(places) / UNITS:g} numbers a unit, not {count}")
    first = places[::UNITS]
    for unit in range(UNITS):
        copies = _map_to_unit(graph, unit)
        if places[unit::UNITS] != [copies[place] for place in first]:
            raise Untraceable("its units act on one another, or differ")
    return first


def _map_to_unit(graph: Graph, unit: int) -> list[int | None]:
    """Return which node is to a unit what each is to the first; None for those of others."""
    copies: list[int | None] = []
    for place, (name, arguments) in enumerate(list(graph.nodes)):
        copy: int | None = place
        if name == "input":
            *which, own = arguments
            copy = graph.node(name, *which, unit) if own == 0 else None
        elif name in FORMS:
            moved = [copies[a] for a in arguments]
            copy = None if None in moved else graph.node(name, *moved)
        copies.append(copy)
    return copies


def _read_operands(graph: Graph, place: int) -> tuple[int, ...]:
    """Return the nodes that a node is computed from."""
    name, arguments = graph.nodes[place]
    return arguments if name in FORMS else ()


def _list_computed(graph: Graph, roots: Iterable[int], there: Iterable[int]) -> list[int]:
    """Return the nodes that roots are computed from, in order, with those that are there."""
    found, left = set(), list(roots)
    known = set(there)
    while left:
        place = left.pop()
        if place not in found:
            found.add(place)
            left += () if place in known else _read_operands(graph, place)
    return sorted(found)


def _list_kept(graph: Graph, roots: list[int], made: int, there: set[int]) -> list[int]:
    """Return which of the first `made` nodes must be kept for some roots."""
    constant = {k for k, node in enumerate(graph.nodes) if node.name == "number"}
    truths = {k for k in range(made) if graph.nodes[k].name in TRUTHS}
    first = set(range(made)) - truths
    needed = set(_list_computed(graph, roots, first)) & first
    for place in sorted(needed, reverse=True):
        derived = graph.nodes[place].name in AGAIN
        if derived and {*_read_operands(graph, place)} <= needed | there | constant:
            needed.remove(place)
    return sorted(needed - there - constant)


def _write_statements(graph: Graph, results: dict[str, int], there: dict[int, str]) -> str:
    """Return the C++ that computes results, where some nodes are there by a name."""
    constants = [k for k, node in enumerate(graph.nodes) if node.name == "number"]
    names = {k: f"real({graph.nodes[k].arguments[0]!r})" for k in constants}
    lines: list[str] = []
    for place in _list_computed(graph, results.values(), there):
        name, arguments = graph.nodes[place]
        if name == "number":
            continue
        names[place] = f"v{len(lines)}"
        if place in there:
            value = there[place]
        elif name == "input":
            which, block, _ = arguments
            value = f"{which}[{block}]"
        else:
            value = FORMS[name].format(*(names[a] for a in arguments))
        lines.append(f"const auto {names[place]} = {value};")
    lines += [f"{result} = {names[place]};" for result, place in results.items()]
    return "\n".join(lines)
