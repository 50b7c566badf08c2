"""The Jacobians of the state: against differences, and where they are known."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from xprnn import gradients, testing, tree
from xprnn.cells import Elman
from xprnn.layers import Bidirectional, Dense, Pool, Recurrent, Stack


def flat(states, b):
    """Return all numbers of the state of a sequence, of the recurrent layers."""
    return np.concatenate([s[b] for s in tree.leaves(states)])


@given(
    cell=st.sampled_from(["elman", "lstm", "gru", "gru_reset_before"]),
    pooled=st.booleans(),
    mask=st.none() | testing.masks(4, 2),
    seed=testing.seeds(),
)
def test_they_are_what_differences_say(place, cell, pooled, mask, seed):
    rng, xp = np.random.default_rng(seed), place.xp
    below = Recurrent(2, cell), Recurrent(1, cell)
    network = Stack((*below, Pool("mean"), Dense(2)) if pooled else (*below, Dense(2)))
    drawn, _ = network.init(rng, 2)
    drawn = tree.map(lambda a: a + 0.3 * rng.standard_normal(a.shape), drawn)
    x = rng.standard_normal((4, 2, 2))
    moved = None if mask is None else place.mask(mask)
    found = place.host(
        gradients.state_jacobians(network, place.tree(drawn), place.array(x), mask=moved, xp=xp)
    )

    recurrent = Stack(below)

    def run(state, start, stop):
        part = None if mask is None else mask[start:stop]
        return recurrent.forward(drawn[:2], x[start:stop], state, part, xp=np)[1]

    count = sum(s.shape[-1] for s in tree.leaves(recurrent.initial_state(drawn[:2], 2, xp=np)))
    assert found.shape == (4, 2, count, count)
    for t in range(4):
        state = run(None, 0, t) if t else recurrent.initial_state(drawn[:2], 2, xp=np)
        names = tree.flatten(state)
        for column, (name, unit) in enumerate(
            (name, unit) for name, s in names.items() for unit in range(s.shape[-1])
        ):
            step = 1e-5 * (np.arange(names[name].shape[-1]) == unit)
            ends = [
                run(tree.unflatten({**names, name: names[name] + sign * step}, state), t, 4)
                for sign in (1, -1)
            ]
            for b in range(2):
                difference = (flat(ends[0], b) - flat(ends[1], b)) / 2e-5
                np.testing.assert_allclose(found[t, b, :, column], difference, atol=1e-8)


@given(x=testing.sequences(features=1), seed=testing.seeds())
def test_of_a_linear_recurrence_they_are_powers_of_u(x, seed):
    layer = Recurrent(3, Elman("identity"))
    params, _ = layer.init(np.random.default_rng(seed), 1)
    found = gradients.state_jacobians(layer, params, x, xp=np)
    for t in range(len(x)):
        power = np.linalg.matrix_power(params["U"].T, len(x) - t)
        for b in range(x.shape[1]):
            np.testing.assert_allclose(found[t, b], power, atol=1e-12)


@pytest.mark.parametrize(
    ("network", "message"),
    [
        (Stack((Bidirectional(Recurrent(3)), Dense(1))), "state_jacobians cuts sequences in time"),
        (Dense(1), "state_jacobians needs a network with a state"),
    ],
)
def test_networks_without_are_refused(rng, network, message):
    params, _ = network.init(rng, 1)
    with pytest.raises(ValueError, match=message):
        gradients.state_jacobians(network, params, np.ones((4, 1, 1)), xp=np)


def test_several_models_are_refused(rng):
    layer = Recurrent(2)
    params = tree.map(lambda a: np.stack([a, a]), layer.init(rng, 1)[0])
    with pytest.raises(ValueError, match="takes one model and x"):
        gradients.state_jacobians(layer, params, np.ones((4, 1, 1)), xp=np)
