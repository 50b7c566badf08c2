"""Along time: streaming with the state, truncated back-propagation, checkpoints."""

import functools

import numpy as np
import pytest
from compare import assert_same_curves, assert_same_params, host
from hypothesis import example, given, settings
from hypothesis import strategies as st

import xprnn
from xprnn import cells, losses, optimizers, tree, value_and_grad
from xprnn._noise import Noise
from xprnn._sequences.batches import Data, draw_batches
from xprnn.layers import (
    Bidirectional,
    CausalConv,
    Dense,
    Dropout,
    Parallel,
    Pool,
    Recurrent,
    Stack,
)
from xprnn.optimizers import SGD, Adam
from xprnn.penalties import Penalty, Weights

CLOSE = {"rtol": 1e-10, "atol": 1e-12}
CELLS = sorted(cells.TABLE)
FEW = settings(max_examples=max(3, settings.default.max_examples // 3))

RNG = np.random.default_rng(4)
X = RNG.standard_normal((5, 9, 2))
Y = np.cumsum(X, axis=1) / 3 + 0.5
SIZES = (9, 1, 4, 6, 2)
LIST = [x[:size] for x, size in zip(X, SIZES, strict=True)]
TARGETS = [y[:size] for y, size in zip(Y, SIZES, strict=True)]
ENDS = Y[:, -1]


def fit(x=X, y=Y, **options):
    size = {} if "network" in options else {"hidden_size": 3}
    return xprnn.fit(x, y, **{"epochs": 3, **size, **options})


def assert_same(model, other, **tolerance):
    assert_same_params(model, other, **tolerance)
    assert_same_curves(model, other, **tolerance)


# The state, from call to call


@functools.cache
def trained(place, cell, num_layers, mode):
    y = {"many_to_many": Y, "last": ENDS, "mean": ENDS, "max": ENDS}[mode]
    pool = None if mode == "many_to_many" else mode
    options = {"cell": cell, "num_layers": num_layers, "pool": pool, "epochs": 2}
    return fit(y=y, backend=str(place.backend), **options)


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("num_layers", [1, 2])
@FEW
@given(cuts=st.lists(st.integers(1, 8), unique=True).map(sorted), one=st.booleans())
@example(cuts=list(range(1, 9)), one=True)
def test_a_stream_is_as_the_whole(place, cell, num_layers, cuts, one):
    """Step by step or in pieces, for one sequence or several; the states have its axes."""
    model = trained(place, cell, num_layers, "many_to_many")
    x = place.array(X[0] if one else X)
    expected, end, hidden = model.predict(x, return_state=True, return_states=True)
    count = num_layers * model.network.layers[0].cell.states
    lead = () if one else (5,)
    assert [tuple(s.shape) for s in end] == [(*lead, 3)] * count
    assert [tuple(h.shape) for h in hidden] == [(*lead, 9, 3)] * num_layers
    state, pieces, states = None, [], []
    for start, stop in zip([0, *cuts], [*cuts, 9], strict=True):
        y, state, h = model.predict(
            x[..., start:stop, :], state=state, return_state=True, return_states=True
        )
        pieces.append(place.host(y))
        states.append(place.host(h[-1]))
    np.testing.assert_allclose(np.concatenate(pieces, -2), place.host(expected), **CLOSE)
    np.testing.assert_allclose(np.concatenate(states, -2), place.host(hidden[-1]), **CLOSE)
    for got, wanted in zip(state, end, strict=True):
        np.testing.assert_allclose(place.host(got), place.host(wanted), **CLOSE)


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("pool", ["last", "mean", "max"])
@FEW
@given(cuts=st.lists(st.integers(1, 8), unique=True).map(sorted), one=st.booleans())
@example(cuts=list(range(1, 9)), one=True)
def test_a_stream_of_many_to_one(place, cell, pool, cuts, one):
    """After every piece, the output is that for all that was read."""
    model, x, state = trained(place, cell, 2, pool), X[0] if one else X, None
    for start, stop in zip([0, *cuts], [*cuts, 9], strict=True):
        y, state = model.predict(x[..., start:stop, :], state=state, return_state=True)
        np.testing.assert_allclose(y, model.predict(x[..., :stop, :]), **CLOSE)


@pytest.mark.parametrize("cell", CELLS)
@FEW
@given(data=st.data())
def test_a_stream_of_sequences_of_other_lengths(place, cell, data):
    """The state is that after the last valid step, so each goes on from where it is."""
    model = trained(place, cell, 2, "many_to_many")
    cuts = data.draw(st.lists(st.integers(1, 8), min_size=5, max_size=5))
    heads = [x[:cut] for x, cut in zip(X, cuts, strict=True)]
    tails = [x[cut:] for x, cut in zip(X, cuts, strict=True)]
    first, state = model.predict(heads, return_state=True)
    second = model.predict(tails, state=state)
    expected = model.predict(X)
    for a, b, whole in zip(first, second, expected, strict=True):
        np.testing.assert_allclose(np.concatenate([a, b]), whole, **CLOSE)


def test_masked_steps_leave_the_state_alone(place):
    model = trained(place, "lstm", 2, "many_to_many")
    shown = np.arange(9)[None] < np.array(SIZES)[:, None]
    _, state = model.predict(np.where(shown[..., None], X, np.nan), mask=shown, return_state=True)
    for i, x in enumerate(LIST):
        for got, wanted in zip(state, model.predict(x, return_state=True)[1], strict=True):
            np.testing.assert_allclose(got[i], wanted, **CLOSE)


def test_a_learnt_state_is_where_a_stream_begins(place):
    network = Stack((Recurrent(3, "gru", learn_initial_state=True), Dense(2)))
    model = fit(network=network, learning_rate=0.1, backend=str(place.backend))
    learnt = host(model)["0.state.0"]
    assert abs(learnt).min() > 1e-3
    given_ = model.predict(X, state=(np.broadcast_to(learnt, (5, 3)),))
    np.testing.assert_allclose(given_, model.predict(X), **CLOSE)
    assert abs(model.predict(X, state=(np.zeros((5, 3)),)) - given_).max() > 1e-4


def test_a_bidirectional_state_is_one_of_both_directions(place):
    """It can be had and given, though it makes no stream."""
    model = fit(bidirectional=True, cell="lstm", backend=str(place.backend))
    y, state, states = model.predict(X, return_state=True, return_states=True)
    assert [s.shape for s in state] == [(5, 3)] * 4
    assert [h.shape for h in states] == [(5, 9, 3)] * 2
    np.testing.assert_allclose(states[0][:, -1], state[0], **CLOSE)
    np.testing.assert_allclose(states[1][:, 0], state[2], **CLOSE)
    zeros = tuple(np.zeros((5, 3)) for _ in range(4))
    np.testing.assert_array_equal(model.predict(X, state=zeros), y)


def test_states_of_an_encoder_and_decoder():
    """Of the encoder over x, then of the decoder over y; the state is the one between."""
    model = fit(y=Y[:, :4], mode="encoder_decoder")
    y, (between,), (read, wrote) = model.predict(X, return_state=True, return_states=True)
    assert (y.shape, read.shape, wrote.shape) == ((5, 4, 2), (5, 9, 3), (5, 4, 3))
    np.testing.assert_array_equal(read[:, -1], between)
    two = model.predict(X[:, :4], return_state=True)[1]
    np.testing.assert_allclose(model.predict(X[:, 4:], state=two), y, **CLOSE)


@pytest.mark.parametrize("steps", [4, 9])
def test_states_of_an_encoder_and_decoder_for_a_list(steps):
    """The encoder's end with each sequence; the decoder's have the steps of y."""
    model = fit(LIST, Y[:, :steps], mode="encoder_decoder")
    y, (read, wrote) = model.predict(LIST, return_states=True)
    assert [h.shape for h in read] == [(size, 3) for size in SIZES]
    assert (y.shape, wrote.shape) == ((5, steps, 2), (5, steps, 3))


# Truncated back-propagation

DROPPING = {"num_layers": 2, "dropout": 0.3, "recurrent_dropout": 0.2}


@pytest.mark.parametrize("options", [{}, DROPPING], ids=["plain", "dropout"])
@FEW
@given(
    cell=st.sampled_from(CELLS),
    k=st.sampled_from([9, 10, 1000]),
    batch_size=st.sampled_from([None, 2]),
    ragged=st.booleans(),
)
def test_chunks_as_long_as_the_sequences_are_full_back_propagation(
    place, cell, options, k, batch_size, ragged
):
    """To the bit."""
    x, y = (LIST, TARGETS) if ragged else (X, Y)
    options = {"cell": cell, "batch_size": batch_size, "backend": str(place.backend), **options}
    assert_same(fit(x, y, tbptt=k, **options), fit(x, y, **options))


def in_chunks(place, network, k, *, sizes, epochs, batch_size, clip_norm=None, rate=0.1, seed=0):
    """Train by hand with SGD and without standardising; yield loss, share, parameters."""
    xp, loss, params = place.xp, losses.HalfMSE(), network.init(np.random.default_rng(seed), 2)[0]
    params = place.tree(params)
    shown = np.arange(max(sizes))[:, None] < np.asarray(sizes)
    x, y = (
        place.array(np.where(shown.T[..., None], a[:, : max(sizes)], 0.0).swapaxes(0, 1))
        for a in (X, Y)
    )
    data = Data(x, y, None if shown.all() else shown)
    for epoch in range(epochs):
        for number, batch in enumerate(
            draw_batches(data, batch_size, (seed, epoch), True, place.backend)
        ):
            own, state, noise = batch.data, None, Noise((seed, epoch, number, 1))
            for start in range(0, own.x.shape[0], k):
                part = slice(start, min(start + k, own.x.shape[0]))
                kept = None if own.valid is None else own.valid[part]
                if kept is not None and not kept.any():
                    continue
                mask = None if kept is None else place.mask(kept[..., None])
                value, grads, state = value_and_grad(
                    network, loss, params, own.x[part, ...], own.y[part, ...],
                    state=state, mask=mask, noise=noise.after(start), xp=xp,
                )  # fmt: skip
                if clip_norm is not None:
                    grads, _ = optimizers.clip_by_global_norm(grads, clip_norm, xp=xp)
                params = tree.map(lambda p, g: p - rate * g, params, grads)
                steps = own.x.shape[0] * own.x.shape[1]
                share = (
                    min(k, own.x.shape[0] - start) * own.x.shape[1] / steps
                    if kept is None
                    else kept.sum() / own.valid.sum()
                )
                yield epoch, float(value), share * batch.share, params


NETWORKS = {
    "elman": Stack((Recurrent(3), Dense(2))),
    "lstm, gru": Stack((Recurrent(3, "lstm"), Recurrent(2, "gru"), Dense(2))),
    "dropout": Stack((Recurrent(3, "gru", recurrent_dropout=0.4), Dropout(0.3), Dense(2))),
    "learnt": Stack((Recurrent(3, "lstm", learn_initial_state=True), Dense(2))),
    "linear": Parallel((Stack((Recurrent(3), Dense(2))), CausalConv(2, 3, bias=False)), "sum"),
}


@pytest.mark.parametrize("name", NETWORKS)
@FEW
@given(
    k=st.integers(1, 8),
    batch_size=st.sampled_from([None, 2]),
    clip_norm=st.sampled_from([None, 0.2]),
    sizes=st.lists(st.integers(1, 9), min_size=5, max_size=5) | st.just([9] * 5),
)
@example(k=3, batch_size=None, clip_norm=None, sizes=[1, 2, 1, 4, 2])
@example(k=2, batch_size=2, clip_norm=None, sizes=[9, 1, 1, 1, 1])
@example(k=2, batch_size=2, clip_norm=None, sizes=[4, 4, 4, 4, 4])
def test_each_chunk_starts_from_the_state_before_and_is_updated_by_itself(
    place, name, k, batch_size, clip_norm, sizes
):
    """Where some rows, or all, have only padding in a chunk, too."""
    options = {"network": NETWORKS[name], "tbptt": k, "batch_size": batch_size}
    x, y = ([a[:n] for a, n in zip(each, sizes, strict=True)] for each in (X, Y))
    model = fit(
        x, y, optimizer=SGD(0.1), clip_norm=clip_norm, standardize=False, epochs=2,
        backend=str(place.backend), **options,
    )  # fmt: skip
    steps = list(
        in_chunks(
            place, NETWORKS[name], k, sizes=sizes, epochs=2, batch_size=batch_size,
            clip_norm=clip_norm,
        )
    )  # fmt: skip
    for key, array in tree.flatten(steps[-1][-1]).items():
        np.testing.assert_allclose(host(model)[key], place.host(array), **CLOSE, err_msg=key)
    expected = [sum(v * share for e, v, share, _ in steps if e == epoch) for epoch in range(2)]
    assert model.history.loss == pytest.approx(expected, rel=1e-10)
    shares = [sum(share for e, _, share, _ in steps if e == epoch) for epoch in range(2)]
    assert shares == pytest.approx([1, 1])


def elman(W, U, b, V, c, x, y, h):
    """Return the gradients of half the mean squared error of a chunk, and its last state."""
    hs, outs = [h], []
    for x_t in x:
        hs.append(np.tanh(x_t @ W + hs[-1] @ U + b))
        outs.append(hs[-1] @ V + c)
    dy = (np.stack(outs) - y) / (len(x) * x.shape[1])
    dW, dU, db, dV, dc, dh = (np.zeros_like(a) for a in (W, U, b, V, c, h))
    for t in reversed(range(len(x))):
        dV, dc = dV + hs[t + 1].T @ dy[t], dc + dy[t].sum(0)
        ds = (dh + dy[t] @ V.T) * (1 - hs[t + 1] ** 2)
        dW, dU, db, dh = dW + x[t].T @ ds, dU + hs[t].T @ ds, db + ds.sum(0), ds @ U.T
    return (dW, dU, db, dV, dc), hs[-1]


@pytest.mark.parametrize("k", [1, 2, 4, 8, 9])
def test_truncated_back_propagation_written_out(place, k):
    """With nothing of the library but the first weights."""
    network = NETWORKS["elman"]
    options = {"network": network, "optimizer": SGD(0.1), "standardize": False, "clip_norm": None}
    model = fit(tbptt=k, epochs=2, backend=str(place.backend), **options)
    weights = list(tree.flatten(network.init(np.random.default_rng(0), 2)[0]).values())
    x, y = X.swapaxes(0, 1), Y.swapaxes(0, 1)
    for _ in range(2):
        h = np.zeros((5, 3))
        for t in range(0, 9, k):
            grads, h = elman(*weights, x[t : t + k], y[t : t + k], h)
            weights = [w - 0.1 * g for w, g in zip(weights, grads, strict=True)]
    for got, wanted in zip(host(model).values(), weights, strict=True):
        np.testing.assert_allclose(got, wanted, **CLOSE)


def test_a_chunk_that_is_padding_for_all_is_no_update(place):
    """A gap of a whole chunk, too."""
    shown = np.ones((5, 9), dtype=bool)
    shown[:, 3:6] = False
    options = {"tbptt": 3, "optimizer": SGD(0.1, decay=0.5), "backend": str(place.backend)}
    gap = fit(np.where(shown[..., None], X, np.nan), Y, mask=shown, **options)
    left = fit(X[shown].reshape(5, 6, 2), Y[shown].reshape(5, 6, 2), **options)
    assert_same(gap, left, **CLOSE)
    assert gap.history.learning_rate == left.history.learning_rate


def test_a_long_series_is_learnt_in_chunks():
    wave = np.sin(0.3 * np.arange(301))
    model = xprnn.fit(wave[:-1], wave[1:], hidden_size=8, cell="gru", tbptt=25, epochs=30)
    assert model.evaluate(wave[:-1], wave[1:]) < 0.01
    schedule = xprnn.fit(wave[:-1], wave[1:], tbptt=25, epochs=2, optimizer=SGD(0.1, decay=1.0))
    assert schedule.history.learning_rate == pytest.approx([0.1 / 12, 0.1 / 24])  # 12 an epoch


# Checkpoints


@pytest.mark.parametrize("kind", ["many_to_many", "last", "mean", "max"])
@FEW
@given(
    cell=st.sampled_from(CELLS),
    k=st.integers(1, 10),
    dropping=st.booleans(),
    ragged=st.booleans(),
    batch_size=st.sampled_from([None, 2]),
)
def test_checkpoints_change_nothing(place, cell, kind, k, dropping, ragged, batch_size):
    """But memory and time: the gradient is the full one, with the same noise."""
    x = LIST if ragged else X
    y = ENDS if kind != "many_to_many" else TARGETS if ragged else Y
    options = {"cell": cell, "backend": str(place.backend), "batch_size": batch_size}
    options |= {"pool": None if kind == "many_to_many" else kind, **(DROPPING if dropping else {})}
    lean = fit(x, y, checkpoint_every=k, **options)
    assert_same(lean, fit(x, y, **options), rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("k", [1, 2, 3])
@pytest.mark.parametrize("network", [NETWORKS["learnt"], NETWORKS["dropout"]])
def test_checkpoints_within_chunks(place, k, network):
    for x, y in ((X, Y), (LIST, TARGETS)):
        options = {"network": network, "tbptt": 4, "batch_size": 2, "backend": str(place.backend)}
        assert_same(fit(x, y, checkpoint_every=k, **options), fit(x, y, **options), **CLOSE)


def test_checkpoints_with_a_learnt_state(place):
    for network in (NETWORKS["learnt"], NETWORKS["lstm, gru"]):
        options = {"network": network, "backend": str(place.backend), "learning_rate": 0.1}
        assert_same(fit(checkpoint_every=2, **options), fit(**options), **CLOSE)


def test_fewer_steps_are_remembered_with_checkpoints(monkeypatch):
    """No forward pass whose cache is kept is longer than the chunk."""
    seen = []
    forward = Recurrent.forward

    def watched(self, params, x, *args, **options):
        seen.append(x.shape[-3])
        return forward(self, params, x, *args, **options)

    monkeypatch.setattr(Recurrent, "forward", watched)
    fit(checkpoint_every=4, epochs=1)
    assert sorted(seen) == sorted(2 * [4, 4, 1])


def test_what_sees_a_sequence_whole_is_refused_inside_a_stack_too():
    inside = Stack((Stack((Bidirectional(Recurrent(2)),)), Dense(2)))
    pooled = Stack((Recurrent(2), Pool("last"), Recurrent(2), Dense(2)))
    for network, y in ((inside, Y), (pooled, ENDS)):
        for argument in ("tbptt", "checkpoint_every"):
            with pytest.raises(ValueError, match=f"^{argument} (cuts|updates)"):
                fit(y=y, network=network, **{argument: 3})


# All together, in float32


OPTIONS = [
    {"tbptt": 4},
    {"checkpoint_every": 3},
    DROPPING,
    {**DROPPING, "tbptt": 2, "checkpoint_every": 1},
    {"bidirectional": True, **DROPPING},
    {"penalty": Penalty(Weights(l1=1e-3), Weights(l2=1e-3, max_norm=2.0), Weights(max_norm=1))},
    {"learning_rate": xprnn.schedules.Cosine(0.01, steps=5, warmup=2)},
    {"learning_rate": lambda i: np.float64(0.1) / (i + 1)},
    {"optimizer": Adam(np.float64(0.01)), "clip_norm": np.float64(0.1)},
    {"optimizer": "adamw", "penalty": Penalty(input=Weights(l2=np.float64(0.1)))},
    {"callbacks": [xprnn.callbacks.ReduceOnPlateau(patience=0, min_delta=1e9)]},
    {"callbacks": [lambda t: t.multiply_learning_rate(np.float64(0.5))]},
    {"callbacks": [xprnn.callbacks.EarlyStopping(patience=1)]},
]


@pytest.mark.parametrize("options", OPTIONS, ids=lambda options: ", ".join(options))
@pytest.mark.parametrize("ragged", [False, True])
def test_float32_stays_float32(place, options, ragged):
    """Parameters and predictions; pytest turns a warning of NumPy into an error."""
    x, y = (LIST, TARGETS) if ragged else (list(X), list(Y))
    x, y = ([a.astype("float32") for a in each] for each in (x, y))
    options = {"batch_size": 2, "validation_data": (x, y), **options}
    model = fit(x, y, cell="lstm", backend=str(place.backend), **options)
    assert {xprnn.backend.dtype_name(a) for a in model.named().values()} == {"float32"}
    for scaler in (model.x_scaler, model.y_scaler):
        assert {xprnn.backend.dtype_name(a) for a in scaler} == {"float32"}
    predicted, state = model.predict(x, return_state=True)
    assert {a.dtype for a in (*predicted, *state)} == {np.dtype("float32")}
    wide = fit([a.astype("float64") for a in x], [a.astype("float64") for a in y], cell="lstm",
               **{**options, "validation_data": None})  # fmt: skip
    np.testing.assert_allclose(model.history.loss, wide.history.loss, rtol=1e-3)
