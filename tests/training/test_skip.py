"""A linear way past the recurrent layers: what it adds, where it works, and that it helps."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import xprnn
from xprnn import tree
from xprnn.training import Network

RNG = np.random.default_rng(2)
X = RNG.standard_normal((6, 9, 2))
SIZES = (9, 2, 5, 9, 1, 7)
LIST = [x[:size] for x, size in zip(X, SIZES, strict=True)]
EVERY = [np.cumsum(x, axis=0) for x in LIST]
MODES = {"many_to_many": EVERY, "many_to_one": X[:, -1]}


def process(steps, seed=0, noise=0.1):
    """A series in which each step is a sum of the five before it."""
    rng, weights = np.random.default_rng(seed), np.array([0.4, 0.0, -0.6, 0.0, 0.7])
    series = list(rng.standard_normal(5))
    for _ in range(steps + 50):
        series.append(weights @ series[-5:] + noise * rng.standard_normal())
    return np.array(series[-steps:])


def lagged(x, p):
    """Return x(t-p+1) … x(t) of each step of (T, F) side by side, zeros before the first."""
    long = np.concatenate([np.zeros((p - 1, x.shape[1])), x])
    return np.stack([long[t : t + p].ravel() for t in range(len(x))])


@pytest.mark.parametrize("mode", MODES)
@given(
    skip=st.integers(1, 9),
    bidirectional=st.booleans(),
    cell=st.sampled_from(["elman", "lstm"]),
)
def test_the_output_is_the_sum_of_both_ways(place, mode, skip, bidirectional, cell):
    model = xprnn.fit(
        LIST, MODES[mode], cell=cell, hidden_size=3, bidirectional=bidirectional, skip=skip,
        standardize=False, epochs=2, batch_size=4, backend=str(place.backend),
    )  # fmt: skip
    recurrent, _ = model.network.layers
    plain = Network(cell=cell, hidden_size=3, bidirectional=bidirectional)
    assert recurrent == plain.build(mode, outputs=2, steps=9)
    without = xprnn.Model(network=recurrent, params=model.params[0], features=2, outputs=2,
                          mode=mode, y_rank=2 if mode == "many_to_one" else 3)  # fmt: skip
    (W,) = tree.leaves(place.host(model.params[1]))
    assert W.shape == (2 * skip, 2)
    for x, y, part in zip(LIST, model.predict(LIST), without.predict(LIST), strict=True):
        rows = lagged(x, skip) @ W
        expected = part + (rows if mode == "many_to_many" else rows[-1])
        np.testing.assert_allclose(place.host(y), place.host(expected), rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("mode", MODES)
def test_it_can_be_streamed_saved_traced_and_cut(mode, tmp_path):
    every = mode == "many_to_many"
    y, options = np.cumsum(X, axis=1) if every else X[:, -1], {"tbptt": 5} if every else {}
    model = xprnn.fit(X, y, cell="gru", hidden_size=3, skip=4, epochs=2, **options)
    expected, state = model.predict(X, return_state=True)
    ahead, state_ahead = None, None
    outputs = []
    for t in range(X.shape[1]):
        ahead, state_ahead = model.predict(X[:, t : t + 1], state=state_ahead, return_state=True)
        outputs.append(ahead)
    streamed = np.concatenate(outputs, axis=1) if every else ahead
    np.testing.assert_allclose(streamed, expected, rtol=1e-9)
    for one, other in zip(state_ahead, state, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-9)
    for ending in (".npz", ".safetensors"):
        model.save(tmp_path / f"model{ending}")
        again = xprnn.load(tmp_path / f"model{ending}")
        assert again.network == model.network
        np.testing.assert_array_equal(again.predict(X), expected)
    (seen,) = model.trace(X)
    _, (h,) = model.predict(X, return_states=True)
    np.testing.assert_allclose(seen["h"], h, rtol=1e-9)
    options = {"cell": "gru", "hidden_size": 3, "skip": 4, "epochs": 2}
    whole, cut = (xprnn.fit(X, y, checkpoint_every=k, **options) for k in (None, 2))
    for name, a in whole.named().items():
        np.testing.assert_allclose(cut.named()[name], a, rtol=1e-8, atol=1e-11, err_msg=name)


def test_a_model_goes_on_in_a_closed_loop():
    series = process(200, noise=0.0)
    model = xprnn.fit(series[:-1], series[1:], hidden_size=2, skip=5, epochs=2)
    steps = list(series)
    for _ in range(4):
        steps.append(model.predict(np.array(steps))[-1])
    np.testing.assert_allclose(model.forecast(series, 4), steps[200:], rtol=1e-9)


def test_a_linear_process_is_learnt_better_with_it():
    windows = np.lib.stride_tricks.sliding_window_view(process(600, seed=2), 11)
    x, y = windows[:, :10, None], windows[:, 10]
    options = {"cell": "gru", "hidden_size": 8, "batch_size": 32, "epochs": 20}
    models = [
        xprnn.fit(x[:400], y[:400], skip=skip, learning_rate=0.01, **options) for skip in (0, 5)
    ]
    without, past = (np.mean((model.predict(x[400:]) - y[400:]) ** 2) for model in models)
    assert past < 0.6 * without
    assert past < 2 * 0.1**2  # what the noise leaves
