"""What of the loss reaches each state: against the gradient of the rest of the sequence."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import xprnn
from xprnn import gradients, losses, tree
from xprnn.layers import Bidirectional, Dense, Pool, Recurrent, Stack

SEEDS = st.integers(0, 2**32 - 1)


@given(
    cell=st.sampled_from(["elman", "lstm", "gru", "gru_reset_before"]),
    pooled=st.booleans(),
    masked=st.booleans(),
    cut=st.integers(1, 4),
    seed=SEEDS,
)
def test_it_is_the_gradient_of_what_follows(place, cell, pooled, masked, cut, seed):
    rng, xp, loss, steps = np.random.default_rng(seed), place.xp, losses.HalfMSE(), 5
    tail = (Pool("mean"), Dense(2)) if pooled else (Dense(2),)
    network = Stack((Recurrent(3, cell), Recurrent(2, cell), *tail))
    params = place.tree(network.init(rng, 2)[0])
    x = place.array(rng.standard_normal((steps, 2, 2)))
    y = place.array(rng.standard_normal((1 if pooled else steps, 2, 2)))
    kept = rng.random((steps, 2, 1)) < 0.7
    kept[-1] = True
    mask = place.mask(kept) if masked else None

    norms = gradients.through_time(network, loss, params, x, y, mask=mask, xp=xp)

    def half(a, part):
        return None if a is None else a[part, ...]

    first, rest = slice(0, cut), slice(cut, steps)
    start, middle, _ = network.forward(params, x[first, ...], None, half(mask, first), xp=xp)
    end, last, cache = network.forward(params, x[rest, ...], middle, half(mask, rest), xp=xp)
    if pooled:
        _, dy = loss(end, y, None, xp=xp)
    else:
        _, dy = loss(xp.concat([start, end], axis=0), y, mask, xp=xp)
        dy = dy[rest, ...]
    dlast = tree.map(xp.zeros_like, last)
    _, _, dmiddle = network.backward(params, dy, dlast, cache, xp=xp)
    states = tree.leaves(dmiddle[:2])
    assert len(norms) == len(states)
    for ours, slope in zip(norms, states, strict=True):
        expected = np.linalg.norm(place.host(slope), axis=-1)
        np.testing.assert_allclose(place.host(ours)[cut], expected, rtol=1e-11, atol=1e-15)


def test_a_network_that_sees_the_whole_sequence_is_refused(rng):
    network = Stack((Bidirectional(Recurrent(3)), Dense(1)))
    params, _ = network.init(rng, 1)
    x = np.ones((4, 1, 1))
    with pytest.raises(ValueError, match="through_time cuts sequences in time"):
        gradients.through_time(network, losses.MSE(), params, x, x, xp=np)


def test_a_loss_by_its_name_and_the_parameters_of_a_model():
    """What a model calls `params` is flat; its `weights` are the tree that these functions take."""
    x = np.random.default_rng(0).standard_normal((5, 1, 2))
    model = xprnn.fit(x[:, 0], x[:, 0], hidden_size=3, epochs=1)
    network, weights, y = model.network, model.params, x[:, :, :2]
    for call in (
        lambda loss: xprnn.value_and_grad(network, loss, weights, x, y, xp=np)[0],
        lambda loss: gradients.through_time(network, loss, weights, x, y, xp=np)[0],
    ):
        np.testing.assert_array_equal(call("mse"), call(losses.MSE()))
        with pytest.raises(ValueError, match=r"^loss must be one of .*; did you mean 'mse'\?"):
            call("mes")
        with pytest.raises(TypeError, match=r"^loss must be one of .* or an object with __call__"):
            call(losses.MSE)
    flat = r"^params must be the tree that network.init returns, which a model has as Model.params"
    for call in (
        lambda: xprnn.value_and_grad(network, model.loss, model.named(), x, y, xp=np),
        lambda: gradients.through_time(network, model.loss, model.named(), x, y, xp=np),
        lambda: gradients.state_jacobians(network, model.named(), x, xp=np),
    ):
        with pytest.raises(TypeError, match=flat):
            call()
