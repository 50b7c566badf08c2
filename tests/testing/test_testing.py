"""What the strategies draw, and a user's own cell tested with them."""

import random
import subprocess
import sys

import hypothesis
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import xprnn
from xprnn import cells, gradients, testing
from xprnn.layers import Recurrent
from xprnn.layers.walk import recurrent_layers

FIRST = [hypothesis.Phase.generate]
"""The first thing that is found, and no smaller one: that takes long."""


class MinimalGatedUnit:
    """A user's own cell: a GRU with one gate."""

    gates, states = 2, 1
    forgets = True

    def forward(self, p, q, state, *, xp):
        (h,) = state
        H = h.shape[-1]
        f = 1 / (1 + xp.exp(-(p[..., :H] + q[..., :H])))
        n = xp.tanh(p[..., H:] + f * q[..., H:])
        return (h + f * (n - h),), (h, f, n, q[..., H:])

    def backward(self, dstate, memo, *, xp):
        (dh,), (h, f, n, q_n) = dstate, memo
        dz_n = dh * f * (1 - n * n)
        df = dh * (n - h) + dz_n * q_n
        dz_f = df * f * (1 - f)
        dp = xp.concat([dz_f, dz_n], axis=-1)
        dq = xp.concat([dz_f, dz_n * f], axis=-1)
        return dp, dq, (dh * (1 - f) if self.forgets else 0.0,)


class Wrong(MinimalGatedUnit):
    """Without the gradient that goes to the last state directly."""

    forgets = False


@settings(max_examples=max(3, settings.default.max_examples // 3))
@given(
    network=testing.networks(features=2, cells=st.just(MinimalGatedUnit())),
    masked=st.booleans(),
    seed=testing.seeds(),
)
def test_a_cell_of_ones_own_in_networks_of_every_kind(place, prove, network, masked, seed):
    assert {type(layer.cell) for layer in recurrent_layers(network)} == {MinimalGatedUnit}
    report = gradients.check(
        network, features=2, masked=masked, seed=seed, directions=1, backend=str(place.backend)
    )
    prove(report)


def test_a_wrong_cell_of_ones_own_is_found():
    @settings(database=None, max_examples=50, phases=FIRST)
    @given(network=testing.networks(features=2, cells=st.just(Wrong())))
    def run(network):
        report = gradients.check(network, features=2, directions=1)
        assert report.ok, report

    with pytest.raises(AssertionError, match="wrong"):
        run()


def reached(strategy, condition):
    """Whether a strategy draws something that meets a condition."""
    found = hypothesis.find(
        strategy,
        condition,
        settings=settings(max_examples=2000, database=None, phases=FIRST),
        random=random.Random(0),
    )
    return condition(found)


@pytest.mark.parametrize("kind", sorted(cells.TABLE))
def test_every_cell_is_drawn(kind):
    assert reached(testing.cells(), lambda cell: type(cell) is cells.TABLE[kind])


@given(states=st.sampled_from([1, 2]), data=st.data())
def test_cells_of_so_many_states(states, data):
    assert data.draw(testing.cells(states)).states == states


@pytest.mark.parametrize(
    "kind",
    ["Bidirectional", "CausalConv", "Pool", "Extend", "Feedback", "EncoderDecoder", "LayerNorm"],
)
def test_every_layer_is_drawn(kind):
    assert reached(testing.networks(features=1), lambda network: f"{kind}(" in repr(network))


@given(data=st.data())
def test_networks_take_the_features_they_are_drawn_for(data):
    features = data.draw(st.integers(1, 3))
    network = data.draw(testing.networks(features))
    params, outputs = network.init(np.random.default_rng(0), features)
    y, _, _ = network.forward(params, np.ones((4, 2, features)), None, None, xp=np)
    assert y.shape[1:] == (2, outputs)
    assert (y.shape[0] == 4) or not network.keeps_steps


@given(steps=st.integers(1, 5), batch=st.integers(1, 4), gaps=st.booleans(), data=st.data())
def test_masks(steps, batch, gaps, data):
    mask = data.draw(testing.masks(steps, batch, gaps))
    assert mask.shape == (steps, batch, 1)
    assert mask.dtype == bool
    assert mask.any(axis=0).all()
    if not gaps:
        assert (np.diff(mask.astype(int), axis=0) <= 0).all()


def test_a_mask_may_have_a_gap():
    def gap(mask):
        return (np.diff(mask[:, 0, 0].astype(int)) > 0).any()

    assert reached(testing.masks(3, 1), gap)


@given(data=st.data(), batch=st.integers(1, 4), most=st.integers(1, 5))
def test_lengths(data, batch, most):
    lengths = data.draw(testing.lengths(batch, most))
    assert len(lengths) == batch
    assert all(1 <= length <= most for length in lengths)


@given(x=testing.sequences(features=2, steps=4, batch=3))
def test_sequences(x):
    assert x.ndim == 3
    assert 1 <= x.shape[0] <= 4
    assert 1 <= x.shape[1] <= 3
    assert x.shape[2] == 2
    assert np.isfinite(x).all()


@given(layer=testing.recurrent(hidden_size=3, states=2))
def test_a_recurrent_layer_as_it_is_asked_for(layer):
    assert isinstance(layer, Recurrent)
    assert (layer.hidden_size, layer.cell.states) == (3, 2)


@pytest.mark.parametrize(
    "make",
    [
        testing.activations,
        testing.cells,
        testing.seeds,
        lambda: testing.networks(2),
        lambda: testing.masks(3, 2),
    ],
    ids=["activations", "cells", "seeds", "networks", "masks"],
)
def test_without_hypothesis(monkeypatch, make):
    monkeypatch.setitem(sys.modules, "hypothesis", None)
    with pytest.raises(xprnn.MissingExtraError, match="needs hypothesis: pip install hypothesis"):
        make()


def test_hypothesis_is_imported_with_the_first_strategy():
    code = """if True:
        import sys
        from xprnn import testing
        before = "hypothesis" in sys.modules
        testing.cells()
        print(before, "hypothesis" in sys.modules)
        """
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout == "False True\n"
