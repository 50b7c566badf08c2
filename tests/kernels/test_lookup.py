"""Which loop runs a case, and what the environment says in it."""

import importlib
import importlib.util

import numpy as np
import pytest
from cases import CELLS, SHAPES, assert_close, assert_same

from xprnn import kernels, losses, recurrence, tree, value_and_grad
from xprnn.cells import GRU, LSTM, Elman
from xprnn.kernels import compiled
from xprnn.layers import Dense, Recurrent, Stack


def example():
    """Return the loss and the gradients of a small network."""
    network, rng = Stack((Recurrent(4, "lstm"), Dense(1))), np.random.default_rng(0)
    x = rng.standard_normal((5, 2, 1))
    value, grads, _ = value_and_grad(
        network, losses.HalfMSE(), network.init(rng, 1)[0], x, x, xp=np
    )
    return tree.flatten({"value": np.asarray(value), "grads": grads})


def test_the_environment_switches_the_loops_off(loops, monkeypatch):
    monkeypatch.delenv("XPRNN_KERNELS", raising=False)
    for cell in CELLS:
        assert kernels.lookup(cell, np, SHAPES, np.float64) is compiled.COMPILED
    with_loops = example()
    monkeypatch.setenv("XPRNN_KERNELS", "reference")
    for cell in CELLS:
        assert kernels.lookup(cell, np, SHAPES, np.float64) is recurrence.REFERENCE
    assert "switched off" in kernels.status()
    assert_close(example(), with_loops, 1e-12)
    monkeypatch.setenv("XPRNN_KERNELS", "fast")
    with pytest.raises(ValueError, match="XPRNN_KERNELS must be 'reference'"):
        example()


OTHERS = [
    Elman("elu"),
    LSTM(peepholes=True),
    LSTM(activation="relu"),
    LSTM(output_activation="relu"),
    LSTM(coupled=True),
    LSTM(gate_activation="softsign"),
    GRU(activation="relu"),
    type("Own", (Elman,), {})(),
]


@pytest.mark.parametrize("cell", OTHERS, ids=repr)
def test_a_cell_of_other_equations_has_the_reference(cell):
    assert kernels.lookup(cell, np, SHAPES, np.float64) is recurrence.REFERENCE


def test_other_dtypes_and_namespaces_have_the_reference(place, loops):
    for dtype in (np.float16, np.longdouble, np.complex128):
        assert kernels.lookup(Elman(), np, SHAPES, dtype) is recurrence.REFERENCE
    found = kernels.lookup(Elman(), place.xp, SHAPES, place.xp.float64)
    assert (found is compiled.COMPILED) == (place.backend.name == "numpy")


@pytest.mark.parametrize("where", ["x", "W", "U", "b", "state"])
def test_one_wider_array_has_the_reference(where, loops):
    """The loops would read it as what it is not."""
    layer, rng = Recurrent(5), np.random.default_rng(0)
    arrays = {"x": rng.standard_normal((3, 2, 4)), "state": np.ones((2, 5))} | layer.init(rng, 4)[0]
    arrays[where] = arrays[where].astype(np.longdouble)
    x, state = arrays.pop("x"), arrays.pop("state")
    y, _, cache = layer.forward(arrays, x, (state,), None, xp=np)
    assert cache[0].unroll is recurrence.REFERENCE
    assert y.dtype == np.longdouble


@pytest.fixture
def no_compiler(fresh, monkeypatch, tmp_path):
    """Take away every compiler, and the cache."""
    find = importlib.util.find_spec
    monkeypatch.setenv("PATH", "")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.delenv("CC", raising=False)
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *a: None if name == "ziglang" else find(name, *a)
    )


def test_without_a_compiler_the_reference_runs(no_compiler, blas):
    """And nobody is warned of it."""
    assert kernels.lookup(Elman(), np, SHAPES, np.float64) is recurrence.REFERENCE
    with kernels.workspace(np) as xp:
        assert xp.threads == 1
        assert blas() == {3}
    assert "there is no C compiler" in kernels.status()
    found = example()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XPRNN_KERNELS", "reference")
        assert_same(example(), found)
