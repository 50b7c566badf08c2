"""The step of a cell as C++: read back as Python, it computes what the cell does."""

import dataclasses
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from xprnn import activations
from xprnn.cells import GRU, LSTM, Elman, GRUResetBefore, blocks
from xprnn.kernels.cuda.expressions import write_step
from xprnn.kernels.tracing import FORMS, Graph, Numbers, Untraceable

NAMES = sorted(activations.TABLE)
SEEDS = st.integers(0, 2**32 - 1)
CELLS = st.one_of(
    st.builds(Elman, st.sampled_from(NAMES)),
    st.builds(GRU, st.sampled_from(NAMES), st.sampled_from(NAMES)),
    st.builds(
        LSTM,
        st.sampled_from(NAMES),
        st.sampled_from(NAMES),
        peepholes=st.booleans(),
        output_activation=st.sampled_from(NAMES),
        coupled=st.booleans(),
    ),
)

PYTHON = {name: getattr(np, name) for name in FORMS if hasattr(np, name)} | {"real": float}


def run(statements, **names):
    """Do what C++ statements do."""
    for line in statements.splitlines():
        line = re.sub(r"^const auto |;$", "", line)
        line = re.sub(r"= (.*) \? (.*) : (.*)", r"= np.where(\1, \2, \3)", line)
        exec(line, {"np": np, **PYTHON, **names}, names)
    return names


def both(cell, rng, units=4):
    """Return what a cell computes and what its C++ does, for some units."""
    count, made = cell.states + getattr(cell, "weights", 0), write_step(cell)
    p, q = (rng.standard_normal((1, cell.gates * units)) for _ in range(2))
    state = tuple(rng.standard_normal((1, units)) for _ in range(count))
    dstate = tuple(rng.standard_normal((1, units)) for _ in range(count))
    after, memo = cell.forward(p, q, state, xp=np)
    dp, dq, before = cell.backward(dstate, memo, xp=np)

    kept, found, slopes = [None] * made.kept, list(state), list(dstate)
    run(made.forward, p=blocks(p, cell.gates), q=blocks(q, cell.gates), state=found, kept=kept)
    own, found_dp, found_dq = state[cell.states :], [None] * cell.gates, [None] * cell.gates
    run(
        made.backward,
        dstate=slopes, h_before=state[0], h_after=found[0], own=own, kept=kept,
        dp=found_dp, dq=found_dq,
    )  # fmt: skip
    expected = [*after, *blocks(dp, cell.gates), *blocks(dq, cell.gates), *before]
    return expected, [*found, *found_dp, *found_dq, *slopes], made


@given(cell=CELLS, seed=SEEDS)
def test_the_statements_compute_what_the_cell_does(cell, seed):
    """In the same order, so to the last bit."""
    expected, found, made = both(cell, np.random.default_rng(seed))
    for one, other in zip(expected, found, strict=True):
        np.testing.assert_array_equal(np.broadcast_to(other, (1, 4)), np.broadcast_to(one, (1, 4)))
    first, gates = cell.states + made.own, cell.gates
    dp, dq = expected[first:][:gates], expected[first + gates :][:gates]
    assert made.same == all(a is b or (a == b).all() for a, b in zip(dp, dq, strict=True))


@pytest.mark.parametrize(
    ("cell", "kept"),
    [
        (Elman("tanh"), 0),  # h(t) is there
        (Elman("sigmoid"), 0),
        (Elman("relu"), 1),
        (GRU(), 4),  # r, z, n and q_n + v; h - n is made again from h(t-1)
        (LSTM(), 6),  # c(t-1), i, f, g, o, tanh c
        (LSTM(peepholes=True), 7),  # and c
    ],
)
def test_no_more_is_kept_than_the_way_back_needs(cell, kept):
    assert write_step(cell).kept == kept


def test_the_same_operation_is_noted_once():
    made = write_step(GRU())
    for statements in (made.forward, made.backward):
        values = [line.split(" = ")[1] for line in statements.splitlines() if "auto" in line]
        assert len(values) == len(set(values))


# What can't be noted


class Cell:
    """A cell whose f and f' are a test's."""

    gates, states = 1, 1

    def __init__(self, f, slope=lambda dh, z, h, xp: dh):
        self.f, self.slope = f, slope

    def forward(self, p, q, state, *, xp):
        z = p + q
        h = self.f(z, xp)
        return (h,), (z, h)

    def backward(self, dstate, memo, *, xp):
        dz = self.slope(*dstate, *memo, xp)
        return dz, dz, (0.0,)


class Mutable(Cell):
    """It compares, and so it has no hash."""

    def __eq__(self, other):
        return True


class Unsteady(GRU):
    """It changes its own weights."""

    def forward(self, p, q, state, *, xp):
        (h, v), memo = super().forward(p, q, state, xp=xp)
        return (h, 2 * v), memo


def mean_free(z, xp):
    return z - xp.mean(z, axis=-1, keepdims=True)


def first_unit_alone(z, xp):
    return xp.concat([2 * z[..., :1], z[..., 1:]], axis=-1)


def turned_around(z, xp):
    return z[..., ::-1]


@pytest.mark.parametrize(
    ("cell", "reason"),
    [
        (GRUResetBefore(), "an inner part, which makes two products"),
        (Cell(mean_free), "calls mean"),
        (Cell(first_unit_alone), "its units act on one another, or differ"),
        (Cell(turned_around), "its units act on one another, or differ"),
        (Cell(lambda z, xp: z, lambda dh, z, h, xp: turned_around(dh, xp)), "act on one another"),
        (Cell(lambda z, xp: z if z > 0 else 0 * z), "branches on the values"),
        (Cell(lambda z, xp: z[0]), "a part of an array other than"),
        (Cell(lambda z, xp: z[..., 0]), "a part of an array other than"),
        (Cell(lambda z, xp: z * np.inf), "computes with inf, which is not a finite number"),
        (Cell(lambda z, xp: z * np.ones(3)), "which is not a finite number|cannot be traced"),
        (Cell(lambda z, xp: np.tanh(z)), "cannot be traced: TypeError"),
        (Cell(lambda z, xp: xp.astype(z, np.float32)), "calls astype"),
        (Cell(lambda z, xp: z.sum()), "uses sum of an array"),
        (Cell(lambda z, xp: xp.concat([z, z], axis=-1)), "returns 2 numbers a unit, not 1"),
        (Cell(lambda z, xp: xp.concat([z, z], axis=0)), "calls concat along axis 0"),
        (Cell(lambda z, xp: xp.tanh(1.0)), "calls tanh without an array"),
        (Cell(lambda z, xp: z + xp.concat([z, z], axis=-1)), "of different lengths"),
        (Unsteady(), "does not return its own weights unchanged"),
        (Cell(lambda z, xp: 1 / 0), "cannot be traced: ZeroDivisionError"),
    ],
)
def test_what_cannot_be_noted_is_said(cell, reason):
    with pytest.raises(Untraceable, match=reason):
        write_step(cell)


def test_a_cell_without_a_hash_is_traced_too():
    with pytest.raises(TypeError):
        hash(Mutable(None))
    assert (
        write_step(Mutable(lambda z, xp: xp.sin(z), lambda dh, z, h, xp: dh * xp.cos(z))).kept == 1
    )


def test_every_operation_can_be_asked_for():
    """By its name in the standard; none is written that NumPy does not have."""
    for name, form in FORMS.items():
        xp = Numbers(Graph())
        z = xp.graph.inputs("z", 1, 1)
        getattr(xp, name)(*[z] * form.count("{}"))
        assert xp.graph.nodes[-1].name == name
        assert hasattr(np, name)


def test_operators_are_noted_as_python_means_them():
    graph = Graph()
    a, b = graph.inputs("a", 1, 1), graph.inputs("b", 1, 1)
    noted = {
        "add": a + b, "subtract": 1 - a, "multiply": 2 * a, "divide": 1 / a, "pow": a**2,
        "negative": -a, "abs": abs(a), "less": a < b, "greater_equal": a >= b,
        "logical_and": (a < b) & (a > b), "logical_not": ~(a < b),
    }  # fmt: skip
    for name, array in noted.items():
        assert graph.nodes[array.places[0]].name == name
    assert graph.nodes[noted["subtract"].places[0]].arguments == (graph.number(1), *a.places)


def test_numbers_that_compare_equal_but_differ_are_two():
    graph = Graph()
    assert graph.number(0.0) != graph.number(-0.0)
    assert graph.number(1) == graph.number(1.0)


def test_activations_of_ones_own_are_traced():
    @dataclasses.dataclass(frozen=True)
    class Cube:
        def forward(self, z, *, xp):
            return z * xp.square(z)

        def backward(self, dy, z, y, *, xp):
            return 3 * dy * z * z

    expected, found, _ = both(Elman(Cube()), np.random.default_rng(0))
    for one, other in zip(expected, found, strict=True):
        np.testing.assert_array_equal(np.broadcast_to(other, (1, 4)), np.broadcast_to(one, (1, 4)))
