"""The gates and states of every step: they satisfy the equations, and are those of predict."""

from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import xprnn
from xprnn import testing
from xprnn._model.gates import trace_gates
from xprnn.cells import GRU, LSTM, Elman, GRUResetBefore
from xprnn.layers import Dense, Recurrent, Stack
from xprnn.layers.walk import recurrent_layers

CELLS = [Elman(), LSTM(), LSTM(peepholes=True), GRU(), GRUResetBefore()]
STATES = {"h", "c"}


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def expected(cell, p, x):
    """Return gates and states at every step in NumPy, one (T, B, H) for each name."""
    H, B = p["U"].shape[0], x.shape[1]
    h = c = np.zeros((B, H))
    U, v = p["U"], np.split(p["v"], p["v"].shape[-1] // H, axis=-1) if "v" in p else [0, 0, 0]
    rows = []
    for x_t in x:
        a = np.split(x_t @ p["W"] + p["b"], cell.gates, axis=-1)
        q = np.split(h @ U, cell.gates, axis=-1)
        if isinstance(cell, Elman):
            h = np.tanh(a[0] + q[0])
            rows.append({"h": h})
        elif isinstance(cell, LSTM):
            i, f = sigmoid(a[0] + q[0] + v[0] * c), sigmoid(a[1] + q[1] + v[1] * c)
            g = np.tanh(a[2] + q[2])
            c = f * c + i * g
            o = sigmoid(a[3] + q[3] + v[2] * c)
            h = o * np.tanh(c)
            rows.append({"input": i, "forget": f, "candidate": g, "output": o, "h": h, "c": c})
        else:
            r, z = sigmoid(a[0] + q[0]), sigmoid(a[1] + q[1])
            if isinstance(cell, GRU):
                n = np.tanh(a[2] + r * (q[2] + v[0]))
            else:
                n = np.tanh(a[2] + (r * h) @ U[:, 2 * H :])
            h = (1 - z) * n + z * h
            rows.append({"reset": r, "update": z, "candidate": n, "h": h})
    return {name: np.stack([row[name] for row in rows]) for name in rows[0]}


@given(cell=st.sampled_from(CELLS), x=testing.sequences(), seed=testing.seeds())
def test_it_is_the_equations(place, cell, x, seed):
    rng = np.random.default_rng(seed)
    layer = Recurrent(3, cell)
    drawn, _ = layer.init(rng, x.shape[-1])
    params = {name: rng.standard_normal(a.shape) for name, a in drawn.items()}
    (seen,) = trace_gates(layer, place.tree(params), place.array(x), None, None, xp=place.xp)
    wanted = expected(cell, params, x)
    assert list(seen) == list(wanted)
    for name, array in wanted.items():
        np.testing.assert_allclose(place.host(seen[name]), array, rtol=1e-11, atol=1e-13)


@given(data=st.data(), seed=testing.seeds())
def test_h_is_that_of_the_network_in_networks_of_every_kind(place, data, seed):
    network = data.draw(testing.networks(features=2), "network")
    rng, xp = np.random.default_rng(seed), place.xp
    params = place.tree(network.init(rng, 2)[0])
    x = place.array(rng.standard_normal((4, 2, 2)))
    mask = place.mask(data.draw(testing.masks(4, 2), "mask"))
    _, _, cache = network.forward(params, x, None, mask, xp=xp)
    states = network.states(cache, xp=xp)
    seen = trace_gates(network, params, x, None, mask, xp=xp)
    assert len(seen) == len(states) == len(list(recurrent_layers(network)))
    for layer, h in zip(seen, states, strict=True):
        np.testing.assert_allclose(place.host(layer["h"]), place.host(h), rtol=1e-11, atol=1e-13)


@given(cell=st.sampled_from(CELLS), mask=testing.masks(5, 3), seed=testing.seeds())
def test_at_padding_gates_are_zero_and_states_stay(place, cell, mask, seed):
    rng = np.random.default_rng(seed)
    layer = Recurrent(2, cell)
    params = place.tree(layer.init(rng, 1)[0])
    x = place.array(np.where(mask, rng.standard_normal((5, 3, 1)), np.nan))
    (seen,) = trace_gates(layer, params, x, None, place.mask(mask), xp=place.xp)
    for name, array in place.host(seen).items():
        before = np.concatenate([np.zeros_like(array[:1]), array[:-1]])
        stays = before if name in STATES else np.zeros_like(array)
        np.testing.assert_array_equal(np.where(mask, 0, array), np.where(mask, 0, stays))


@pytest.fixture(scope="module")
def wave():
    return np.sin(np.arange(0, 6, 0.25))


@pytest.mark.parametrize("cell", ["lstm", "gru", "gru_reset_before", "elman"])
def test_of_a_model_the_axes_are_those_of_x(place, wave, cell):
    batch = np.stack([wave, 2 * wave, 3 * wave])[:, :, None]
    model = xprnn.fit(
        place.array(batch), place.array(batch), cell=cell, hidden_size=3, num_layers=2, epochs=2
    )
    for x, axes in ((wave, ()), (wave[:, None], ()), (batch, (3,))):
        layers = model.trace(x)
        _, states = model.predict(x, return_states=True)
        for layer, h in zip(layers, states, strict=True):
            assert all(array.shape == (*axes, 24, 3) for array in layer.values())
            np.testing.assert_allclose(layer["h"], h, rtol=1e-12, atol=1e-14)
    assert all(type(a) is np.ndarray for a in layers[0].values())
    there = place.host(model.trace(place.array(wave)))
    np.testing.assert_array_equal(there[1]["h"], model.trace(wave)[1]["h"])
    on_host = xprnn.fit(batch, batch, cell=cell, hidden_size=3, num_layers=2, epochs=2)
    for layer, expected in zip(there, on_host.trace(wave), strict=True):
        assert list(layer) == list(expected)
        for name, values in layer.items():
            np.testing.assert_allclose(values, expected[name], rtol=1e-8, atol=1e-10)


def test_of_a_list_a_list(wave):
    words = [wave[:5, None], wave[:2, None], wave[:9, None]]
    model = xprnn.fit(words, [0, 1, 0], loss="cross_entropy", cell="lstm", epochs=1)
    (seen,) = model.trace(words)
    for i, word in enumerate(words):
        (alone,) = model.trace(word)
        for name, arrays in seen.items():
            assert len(arrays[i]) == len(word)
            np.testing.assert_allclose(arrays[i], alone[name], rtol=1e-12, atol=1e-14)


def test_a_state_handed_in_is_where_it_begins(wave):
    model = xprnn.fit(wave[:-1], wave[1:], cell="lstm", hidden_size=3, epochs=1)
    (whole,) = model.trace(wave)
    _, state = model.predict(wave[:10], return_state=True)
    (rest,) = model.trace(wave[10:], state=state)
    for name, array in rest.items():
        np.testing.assert_allclose(array, whole[name][10:], rtol=1e-12, atol=1e-14)


def test_a_decoder_has_steps_of_its_own(wave):
    windows = np.lib.stride_tricks.sliding_window_view(wave, 8)[:, :, None]
    past, future = windows[:, :5], windows[:, 5:]
    for feedback in (False, True):
        model = xprnn.fit(
            past, future, mode="encoder_decoder", cell="gru", feedback=feedback, epochs=1
        )
        reader, writer = model.trace(past[0])
        assert reader["update"].shape == (5, 64)
        assert writer["update"].shape == (3, 64)


def test_a_decoder_of_as_many_steps_as_a_list_keeps_them(wave):
    words = [wave[:5, None], wave[:2, None]]
    future = np.stack([wave[5:10], wave[2:7]])[:, :, None]
    model = xprnn.fit(words, future, mode="encoder_decoder", hidden_size=3, epochs=1)
    reader, writer = model.trace(words)
    assert [h.shape for h in reader["h"]] == [(5, 3), (2, 3)]
    assert writer["h"].shape == (2, 5, 3)
    _, states = model.predict(words, return_states=True)
    np.testing.assert_allclose(writer["h"], states[1], rtol=1e-12, atol=1e-14)


class Leaky:
    """A user's own cell, which says nothing of itself."""

    gates, states = 1, 2

    def forward(self, p, q, state, *, xp):
        h, c = state
        new = xp.tanh(p + q) + 0.5 * h
        return (new, c + new), (h, new)

    def backward(self, dstate, memo, *, xp):
        raise NotImplementedError


class Telling(Leaky):
    """The same, but it names what it has."""

    gate_names = ("before", "after")
    state_names = ("h", "sum")

    def trace(self, memo):
        return memo


@pytest.mark.parametrize(
    ("cell", "names"),
    [(Leaky(), ["h", "state 1"]), (Telling(), ["before", "after", "h", "sum"])],
)
def test_a_cell_of_ones_own_shows_what_it_names(rng, cell, names):
    layer, x = Recurrent(2, cell), rng.standard_normal((4, 3, 1))
    (seen,) = trace_gates(layer, layer.init(rng, 1)[0], x, None, None, xp=np)
    assert list(seen) == names
    *_, h, total = seen.values()
    np.testing.assert_allclose(total, np.cumsum(h, axis=0), rtol=1e-12)
    if "before" in seen:
        np.testing.assert_array_equal(seen["after"], h)
        np.testing.assert_array_equal(seen["before"][1:], h[:-1])


@pytest.mark.parametrize(
    ("members", "message"),
    [
        (
            {"gate_names": ("one",)},
            r"must return an array from trace for each of its gate_names \('one',\)",
        ),
        ({"state_names": ("h",)}, r"state_names of .* must be 2 name\(s\), got \('h',\)"),
        ({"gate_names": ("h", "after")}, r"gate_names and state_names of .* must differ"),
    ],
)
def test_a_cell_that_names_wrongly_is_refused(rng, members, message):
    layer = Recurrent(2, type("Wrong", (Telling,), members)())
    with pytest.raises(ValueError, match=message):
        trace_gates(layer, layer.init(rng, 1)[0], np.ones((4, 3, 1)), None, None, xp=np)


@dataclass(frozen=True)
class Residual:
    """A user's own layer around another."""

    layer: object
    time = "causal"
    keeps_steps = True

    def init(self, rng, features):
        return self.layer.init(rng, features)

    def initial_state(self, params, batch, *, xp):
        return self.layer.initial_state(params, batch, xp=xp)

    def forward(self, params, x, state, mask, *, noise=None, xp):
        y, state, cache = self.layer.forward(params, x, state, mask, noise=noise, xp=xp)
        return x + y, state, cache

    def backward(self, params, dy, dstate, cache, *, input_grad=True, xp):
        raise NotImplementedError

    def states(self, cache, *, xp):
        return self.layer.states(cache, xp=xp)


def test_a_layer_of_ones_own_is_looked_into_if_it_is_a_dataclass(rng):
    inside = Recurrent(2, "gru")
    network, x = Stack((Residual(inside), Dense(1))), rng.standard_normal((4, 3, 2))
    params, _ = network.init(rng, 2)
    (seen,) = trace_gates(network, params, x, None, None, xp=np)
    (alone,) = trace_gates(inside, params[0], x, None, None, xp=np)
    for name, array in alone.items():
        np.testing.assert_array_equal(seen[name], array)


def test_what_cannot_be_looked_into_is_refused(rng):
    class Closed:
        """Hands everything on, and is no dataclass."""

        def __init__(self, layer):
            self.__dict__.update(
                {
                    name: getattr(layer, name)
                    for name in ("time", "keeps_steps", "init", "initial_state")
                }
            )
            self.forward, self.backward, self.states = layer.forward, layer.backward, layer.states

    network = Closed(Recurrent(2))
    params, _ = network.init(rng, 1)
    with pytest.raises(ValueError, match="and this network has others"):
        trace_gates(network, params, np.ones((4, 3, 1)), None, None, xp=np)


def test_bad_input_is_that_of_predict(wave):
    model = xprnn.fit(wave[:-1], wave[1:], epochs=1)
    with pytest.raises(ValueError, match=r"x must have 1 feature\(s\)"):
        model.trace(np.ones((5, 2)))
    with pytest.raises(ValueError, match="x must be finite"):
        model.trace([0.0, np.nan])
