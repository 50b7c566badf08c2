"""Recurrences of random numbers, run by a loop and compared: shared by the tests here.

It needs no pytest, so that a process under a sanitizer imports it quickly.
"""

import numpy as np

from xprnn import recurrence, tree
from xprnn.cells import GRU, LSTM, Elman
from xprnn.kernels import compiled
from xprnn.kernels.cuda.fused import Fused
from xprnn.kernels.cuda.layout import Plan
from xprnn.recurrence import Unroll

ELMANS = [Elman(f) for f in ("tanh", "relu", "sigmoid", "identity")]
CELLS = [*ELMANS, LSTM(), GRU()]

SHAPES = {"x": (1, 1, 1), "U": (1, 1)}

TIMEOUT = 20
"""Seconds after which threads are said to hang."""


def names(cells):
    return [f"{type(cell).__name__} {type(cell.activation).__name__}" for cell in cells]


def draw(
    cell,
    *,
    seed=0,
    lead=(),
    leads=None,
    steps=4,
    batch=3,
    hidden=5,
    features=3,
    masked=False,
    dropped=False,
    dtype="float64",
):
    """Return what a recurrence takes, with small numbers so that no cell is saturated."""
    rng, columns = np.random.default_rng(seed), cell.gates * hidden
    leads = leads or {}

    def array(name, *shape, scale=0.5):
        return (scale * rng.standard_normal((*leads.get(name, lead), *shape))).astype(dtype)

    params = {
        "W": array("W", features, columns),
        "U": array("U", hidden, columns, scale=1 / np.sqrt(hidden)),
        "b": array("b", 1, columns),
    }
    rows = [batch] * cell.states + [1] * getattr(cell, "weights", 0)
    return {
        "cell": cell,
        "params": params,
        "x": array("x", steps, batch, features, scale=1),
        "state": tuple(array("state", n, hidden) for n in rows),
        "mask": rng.random((steps, batch, 1)) < 0.7 if masked else None,
        "keep": ((rng.random((*lead, batch, hidden)) > 0.4) / 0.6).astype(dtype)
        if dropped
        else None,
    }


def run(case, loop=compiled.COMPILED, xp=np, between=lambda: None):
    """Return the values of a recurrence and the gradients of ½ Σ y² + ½ Σ state(T)²."""
    cell = case["cell"]
    y, end, cache = recurrence.forward(**case, unroll=loop, xp=xp)
    between()
    end = (*end[: cell.states], *case["state"][cell.states :])
    back = recurrence.backward(cell, case["params"], y, end, cache, xp=xp)
    return tree.flatten({"y": y, "end": end, "gradient": back})


def twin(launcher, *layout):
    """Return the loops on a GPU in a layout: groups, blocks, rows, threads."""
    one = Fused(launcher, lambda device, loop: Plan(*layout))
    return Unroll(one.unroll, one.unroll_backward)


def as_float64(case):
    return tree.map(
        lambda a: a.astype("float64") if getattr(a, "dtype", None) == "float32" else a, case
    )


def assert_close(found, expected, limit):
    """Raise unless arrays are near others, compared to these or, if smaller, to tenths."""
    assert found.keys() == expected.keys()
    for name, array in expected.items():
        assert found[name].shape == array.shape, name
        distance = np.linalg.norm(found[name] - array)
        assert distance <= limit * max(np.linalg.norm(array), 0.1 * array.size**0.5), name


def assert_same(found, expected):
    for name, array in expected.items():
        np.testing.assert_array_equal(found[name], array, err_msg=name)
