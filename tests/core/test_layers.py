"""What must hold of every layer whatever the numbers are: chunks, padding, models, dropout."""

import tracemalloc
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xprnn import losses, tree, value_and_grad
from xprnn._noise import Noise
from xprnn.cells import GRU, LSTM, Elman, GRUResetBefore
from xprnn.layers import (
    Activation,
    Bidirectional,
    CausalConv,
    Dense,
    Dropout,
    EncoderDecoder,
    Extend,
    Feedback,
    Final,
    LayerNorm,
    Parallel,
    Pool,
    Recurrent,
    Reversed,
    Softmax,
    Stack,
)

SEEDS = st.integers(0, 2**32 - 1)
FEW = settings(max_examples=max(3, settings.default.max_examples // 3))
LENGTHS = st.lists(st.integers(1, 6), min_size=1, max_size=3)
FEATURES = 3

CELLS = {
    "elman": Elman(),
    "lstm": LSTM(),
    "lstm with peepholes": LSTM(peepholes=True),
    "gru": GRU(),
    "gru, reset before": GRUResetBefore(),
}
CAUSAL = {
    **{name: Stack((Recurrent(4, cell), Dense(2))) for name, cell in CELLS.items()},
    "learnt state": Recurrent(3, "lstm", learn_initial_state=True),
    "dropout": Stack(
        (Dropout(0.3), Recurrent(3, "gru", recurrent_dropout=0.4), Dropout(0.5), Recurrent(2))
    ),
    "parallel": Parallel((Stack((Recurrent(3, "lstm"), Dropout(0.3))), Recurrent(3)), "product"),
    "convolution": Stack((CausalConv(2, 3), Recurrent(3), CausalConv(2, 1, bias=False))),
    "linear branch": Parallel(
        (Stack((Recurrent(3), Pool("last"), Dense(2))), Stack((CausalConv(2, 4), Pool("last")))),
        "sum",
    ),
    "linear at the end": Parallel(
        (Stack((Recurrent(3), Pool("last"), Dense(2))), CausalConv(2, 4, last=True)), "sum"
    ),
    "final": Stack((Recurrent(3), Final(Recurrent(2, "lstm"), 1), Dense(2))),
    "softmax": Stack((Recurrent(3), Activation("softplus"), Softmax(), Softmax(log=True))),
    "norm": Stack((LayerNorm(), Recurrent(3), LayerNorm(), Dropout(0.2))),
    **{
        f"pool {how}": Stack((Recurrent(3), Pool(how), Dropout(0.4), Dense(2)))
        for how in ("last", "mean", "max")
    },
}
WHOLE = {
    **{
        merge: Stack((Bidirectional(Recurrent(3, "lstm"), merge), Recurrent(2)))
        for merge in ("concat", "sum", "mean", "product")
    },
    "pool of both": Stack((Bidirectional(Recurrent(3, "gru")), Pool("mean"))),
    "reversed": Stack((Reversed(Recurrent(3, "lstm")), Recurrent(2))),
    "both to their ends": Parallel((Final(Recurrent(3)), Final(Reversed(Recurrent(2))))),
    "extend": Stack((Extend(4), Recurrent(3))),
    "reversed convolution": Reversed(CausalConv(2, 3)),
    "feedback": Feedback(Stack((Recurrent(3, "gru"), Dropout(0.2), Dense(FEATURES))), 4),
    "feedback, linear": Feedback(CausalConv(FEATURES, 3), 4),
    "encoder and decoder": EncoderDecoder(
        Stack((Recurrent(3, "lstm"), Dropout(0.3), Recurrent(2))),
        Stack((Extend(4), Recurrent(3, "lstm"), Recurrent(2), Dense(2))),
    ),
    "encoder and decoder that pools": EncoderDecoder(
        Recurrent(3), Stack((Extend(4), Recurrent(3), Pool("mean")))
    ),
    "encoder and decoder that feeds itself": EncoderDecoder(
        Bidirectional(Recurrent(3, "gru", learn_initial_state=True)),
        Feedback(Stack((Recurrent(3), Recurrent(3), Dense(FEATURES))), 4),
    ),
}
ALL = CAUSAL | WHOLE


def draw(network, rng, lead=()):
    """Random parameters."""
    drawn, _ = network.init(rng, FEATURES)
    return tree.map(lambda a: rng.standard_normal((*lead, *a.shape)), drawn)


def ragged(lengths, steps=None):
    """The mask of sequences of so many steps."""
    return np.arange(steps or max(lengths))[:, None, None] < np.array(lengths)[:, None]


def same(place, one, other, tolerance=1e-11):
    one, other = tree.flatten(place.host(one)), tree.flatten(place.host(other))
    assert one.keys() == other.keys()
    for name, a in one.items():
        assert a.shape == other[name].shape, name
        np.testing.assert_allclose(a, other[name], rtol=tolerance, atol=tolerance, err_msg=name)


# Chunks


@FEW
@pytest.mark.parametrize("name", CAUSAL)
@given(
    lengths=LENGTHS, size=st.integers(1, 7), noisy=st.booleans(), padding=st.booleans(), seed=SEEDS
)
def test_in_chunks_it_is_the_whole(place, name, lengths, size, noisy, padding, seed):
    """The state is handed on, the noise too; and with checkpoints the gradient is the same."""
    network, rng, xp = CAUSAL[name], np.random.default_rng(seed), place.xp
    noise = Noise((seed,)) if noisy else None
    kept = ragged(lengths, max(lengths) + padding)
    steps, batch = kept.shape[:2]
    params = place.tree(draw(network, rng))
    x = place.array(np.where(kept, rng.standard_normal((steps, batch, FEATURES)), np.nan))
    mask = None if kept.all() else place.mask(kept)

    y, end, _ = network.forward(params, x, None, mask, noise=noise, xp=xp)
    parts, state = [], None
    for t in range(0, steps, size):
        cut = slice(t, min(t + size, steps))
        part, state, _ = network.forward(
            params,
            x[cut, ...],
            state,
            None if mask is None else mask[cut, ...],
            noise=None if noise is None else noise.after(t),
            xp=xp,
        )
        parts.append(part)
    same(place, xp.concat(parts, axis=0) if network.keeps_steps else parts[-1], y)
    same(place, state, end)

    target = place.array(rng.standard_normal(y.shape))

    def grad(**more):
        return value_and_grad(
            network, losses.MSE(), params, x, target, mask=mask, noise=noise, xp=xp, **more
        )

    same(place, grad(checkpoint_every=size), grad())


def test_checkpoints_need_less_memory(rng):
    """In threads of their own, which have no memory from earlier computations."""
    network, steps = Stack((Recurrent(16, "lstm"), Dense(1))), 10_000
    params = draw(network, rng)
    x, y = rng.standard_normal((steps, 1, FEATURES)), rng.standard_normal((steps, 1, 1))
    peaks, results = [], []
    for every in (None, 100):
        tracemalloc.start()
        with ThreadPoolExecutor(1) as thread:
            task = thread.submit(
                value_and_grad, network, losses.MSE(), params, x, y, checkpoint_every=every, xp=np
            )
            results.append(task.result())
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < peaks[0] / 5
    for name, array in tree.flatten(results[0]).items():
        np.testing.assert_allclose(tree.flatten(results[1])[name], array, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("name", WHOLE)
def test_what_cannot_be_cut(name, rng):
    network = WHOLE[name]
    params, x = draw(network, rng), np.ones((4, 1, FEATURES))
    y = np.ones_like(network.forward(params, x, None, None, xp=np)[0])
    with pytest.raises(
        ValueError, match=r"checkpoint_every cuts sequences in time.* needs whole sequences"
    ):
        value_and_grad(network, losses.MSE(), params, x, y, checkpoint_every=2, xp=np)


@pytest.mark.parametrize(("every", "error"), [(0, ValueError), (-1, ValueError), (2.5, TypeError)])
def test_checkpoints_are_counted(every, error, rng):
    network, x = Recurrent(2), np.ones((4, 1, FEATURES))
    with pytest.raises(error, match="checkpoint_every must be"):
        value_and_grad(
            network, losses.MSE(), draw(network, rng), x, np.ones((4, 1, 2)),
            checkpoint_every=every, xp=np,
        )  # fmt: skip


@FEW
@pytest.mark.parametrize("name", ALL)
@given(lengths=LENGTHS, seed=SEEDS)
def test_a_gradient_of_x_that_is_not_wanted_changes_no_other(place, name, lengths, seed):
    network, rng, xp = ALL[name], np.random.default_rng(seed), place.xp
    params, mask = place.tree(draw(network, rng)), place.mask(ragged(lengths))
    x = place.array(rng.standard_normal((max(lengths), len(lengths), FEATURES)))
    y, end, cache = network.forward(params, x, None, mask, xp=xp)
    grads, _, start = network.backward(params, y, end, cache, xp=xp)
    found, dx, other = network.backward(params, y, end, cache, input_grad=False, xp=xp)
    same(place, found, grads, 0)
    same(place, other, start, 0)
    first = network.layers[0] if isinstance(network, Stack) else network
    assert dx is None or not isinstance(first, Recurrent | Dense | Bidirectional | Reversed)


# Padding


@FEW
@pytest.mark.parametrize("name", ALL)
@given(lengths=LENGTHS, padding=st.booleans(), seed=SEEDS)
def test_a_padded_row_is_the_short_row_alone(place, name, lengths, padding, seed):
    """Outputs, states and every gradient."""
    network, rng, xp = ALL[name], np.random.default_rng(seed), place.xp
    kept = ragged(lengths, max(lengths) + padding)
    params = place.tree(draw(network, rng))
    x = np.where(kept, rng.standard_normal((*kept.shape[:2], FEATURES)), np.nan)

    def run(x, mask, slope):
        y, end, cache = network.forward(params, place.array(x), None, mask, xp=xp)
        slope = rng.standard_normal(y.shape) if slope is None else slope
        grads, dx, _ = network.backward(params, place.array(slope), end, cache, xp=xp)
        return place.host((y, end, grads, dx)), slope

    (y, end, grads, dx), slope = run(x, place.mask(kept), None)
    total = tree.map(np.zeros_like, grads)
    for row, length in enumerate(lengths):
        one = slice(row, row + 1)
        part = slice(0, length if network.keeps_steps else None)
        (y1, end1, grads1, dx1), _ = run(x[:length, one], None, slope[part, one])
        same(place, y[part, one], y1)
        same(place, tree.map(lambda s, one=one: s[one], end), end1)
        same(place, dx[:length, one], dx1)
        assert not dx[length:, row].any()
        assert not network.keeps_steps or not y[length:, row].any()
        total = tree.map(np.add, total, grads1)
    same(place, grads, total, 1e-10)


@FEW
@pytest.mark.parametrize("name", ALL)
@given(holes=st.booleans(), seed=SEEDS)
def test_what_padding_holds_makes_no_difference(place, name, holes, seed):
    """NaN, infinity or anything: the same bits in the loss, every gradient and the state."""
    network, rng, xp = ALL[name], np.random.default_rng(seed), place.xp
    kept = ragged([5, 2, 4])
    if holes:
        kept = kept & (rng.random(kept.shape) < 0.7)
        kept[0] = True
    params = place.tree(draw(network, rng))
    x = rng.standard_normal((5, 3, FEATURES))
    y_hat, _, _ = network.forward(params, place.array(x), None, None, xp=xp)
    y = rng.standard_normal(y_hat.shape)

    def run(filling):
        result = value_and_grad(
            network,
            losses.Huber(),
            params,
            place.array(np.where(kept, x, filling)),
            place.array(np.where(kept, y, filling) if network.keeps_steps else y),
            mask=place.mask(kept),
            noise=Noise((seed,)),
            xp=xp,
        )
        return tree.flatten(place.host(result))

    clean = run(0.0)
    for filling in (np.nan, np.inf, 1e300):
        for key, array in run(filling).items():
            assert np.isfinite(array).all()
            np.testing.assert_array_equal(array, clean[key])


# Models side by side


@FEW
@pytest.mark.parametrize("name", ALL)
@given(lead=st.sampled_from([(2,), (2, 2), (1,)]), masked=st.booleans(), seed=SEEDS)
def test_models_side_by_side_are_each_model_alone(place, name, lead, masked, seed):
    network, rng, xp = ALL[name], np.random.default_rng(seed), place.xp
    many = draw(network, rng, lead)
    x = place.array(rng.standard_normal((4, 2, FEATURES)))
    mask = place.mask(ragged([4, 2])) if masked else None
    y_hat, _, _ = network.forward(place.tree(many), x, None, mask, xp=xp)
    y = rng.standard_normal(y_hat.shape)

    def run(params, y):
        return place.host(
            value_and_grad(
                network, losses.MSE(), place.tree(params), x, place.array(y), mask=mask, xp=xp
            )
        )

    together = run(many, y)
    for index in np.ndindex(*lead):
        alone = run(tree.map(lambda a, index=index: a[index], many), y[index])
        same(place, tree.map(lambda a, index=index: np.asarray(a)[index], together), alone)


# What each layer is, by hand


@FEW
@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("merge", ["concat", "sum", "mean", "product"])
@given(lengths=LENGTHS, seed=SEEDS)
def test_bidirectional_is_two_runs_of_each_row(place, merge, cell, lengths, seed):
    layer, rng, xp = Recurrent(3, CELLS[cell]), np.random.default_rng(seed), place.xp
    network, kept = Bidirectional(layer, merge), ragged(lengths)
    params = place.tree(draw(network, rng))
    x = np.where(kept, rng.standard_normal((*kept.shape[:2], FEATURES)), np.nan)
    y, end, _ = network.forward(params, place.array(x), None, place.mask(kept), xp=xp)
    y, end = place.host(y), place.host(end)
    for row, length in enumerate(lengths):
        short = x[:length, row : row + 1]
        u, ahead, _ = layer.forward(params[0], place.array(short), None, None, xp=xp)
        w, back, _ = layer.forward(params[1], place.array(short[::-1]), None, None, xp=xp)
        u, w = place.host(u)[:, 0], place.host(w)[::-1, 0]
        expected = {
            "concat": np.concatenate([u, w], axis=-1),
            "sum": u + w,
            "mean": (u + w) / 2,
            "product": u * w,
        }[merge]
        same(place, y[:length, row], expected)
        same(place, tree.map(lambda s, row=row: s[row : row + 1], end), (ahead, back))


@given(lengths=LENGTHS, seed=SEEDS)
def test_pool_by_its_formula(place, lengths, seed):
    rng, kept = np.random.default_rng(seed), ragged(lengths)
    x = np.where(kept, rng.standard_normal((*kept.shape[:2], FEATURES)), np.nan)
    for how, formula in (
        ("last", lambda row: row[-1]),
        ("mean", lambda row: row.mean(axis=0)),
        ("max", lambda row: row.max(axis=0)),
    ):
        y, _, _ = Pool(how).forward((), place.array(x), None, place.mask(kept), xp=place.xp)
        rows = [formula(x[:length, b]) for b, length in enumerate(lengths)]
        same(place, y, np.stack(rows)[None])


@given(size=st.integers(1, 7), steps=st.integers(1, 6), masked=st.booleans(), seed=SEEDS)
def test_a_convolution_of_the_end_is_the_last_of_all(place, size, steps, masked, seed):
    """Values and gradients are those of the pool after a convolution at every step."""
    rng, batch, xp = np.random.default_rng(seed), 3, place.xp
    one = CausalConv(2, size, last=True)
    layers = one, Stack((CausalConv(2, size), Pool("last")))
    params = place.tree(draw(one, rng))
    x = place.array(rng.standard_normal((steps, batch, FEATURES)))
    kept = rng.random((steps, batch, 1)) < 0.7
    kept[rng.integers(steps)] = True
    mask = place.mask(kept) if masked else None
    dy = place.array(rng.standard_normal((1, batch, 2)))
    results = []
    for layer, its in zip(layers, (params, (params, ())), strict=True):
        y, end, cache = layer.forward(its, x, None, mask, xp=xp)
        grads, dx, _ = layer.backward(its, dy, tree.map(xp.zeros_like, end), cache, xp=xp)
        results.append([y, dx, *tree.leaves(grads)])
    for found, wanted in zip(*results, strict=True):
        same(place, place.host(found), place.host(wanted))


@given(
    size=st.integers(1, 7),
    steps=st.integers(1, 6),
    start=st.booleans(),
    bias=st.booleans(),
    seed=SEEDS,
)
def test_a_convolution_by_its_formula(place, size, steps, start, bias, seed):
    """Of the valid steps of each row alone, wherever padding stands."""
    rng, layer, batch = np.random.default_rng(seed), CausalConv(2, size, bias), 3
    params = draw(layer, rng)
    kept = rng.random((steps, batch, 1)) < 0.7
    x = np.where(kept, rng.standard_normal((steps, batch, FEATURES)), np.nan)
    before = rng.standard_normal((size - 1, batch, FEATURES)) * start
    state = (before.swapaxes(0, 1).reshape(batch, -1),) if size > 1 else ()
    y, end, _ = layer.forward(
        place.tree(params),
        place.array(x),
        place.tree(state) if start else None,
        place.mask(kept),
        xp=place.xp,
    )
    y, matrices = place.host(y), params["W"].reshape(size, FEATURES, 2)
    for b in range(batch):
        valid = np.flatnonzero(kept[:, b, 0])
        row = [*before[:, b], *x[valid, b]]
        for n, t in enumerate(valid):
            terms = [row[n + k] @ matrices[k] for k in range(size)]
            same(place, y[t, b], sum(terms) + (params["b"][0] if bias else 0))
        if size > 1:
            same(place, end[0][b, :], np.concatenate(row[len(row) - size + 1 :]))
    assert not y[~kept[..., 0]].any()
    assert len(end) == (size > 1)


def test_equal_numbers_share_the_gradient_of_the_largest(place):
    x = place.array(np.array([1.0, 3.0, 3.0, 2.0]).reshape(4, 1, 1))
    _, end, cache = Pool("max").forward((), x, None, None, xp=place.xp)
    dy, zero = place.array(np.ones((1, 1, 1))), tree.map(place.xp.zeros_like, end)
    _, dx, _ = Pool("max").backward((), dy, zero, cache, xp=place.xp)
    assert place.host(dx).ravel().tolist() == [0, 0.5, 0.5, 0]


def test_feedback_by_hand(place, rng):
    """y(t) = network(y(t-1)), from the first step of x."""
    inner, xp = Stack((Recurrent(4, "lstm"), Dense(FEATURES))), place.xp
    params = place.tree(draw(inner, rng))
    x = place.array(rng.standard_normal((5, 2, FEATURES)))
    y, end, _ = Feedback(inner, 3).forward(params, x, None, None, xp=xp)
    step, state, steps = x[:1, ...], None, []
    for _ in range(3):
        step, state, _ = inner.forward(params, step, state, None, xp=xp)
        steps.append(step)
    same(place, y, xp.concat(steps, axis=0))
    same(place, end, state)


def test_encoder_and_decoder_by_hand(place, rng):
    """The encoder's last state and the window's last step are all that the decoder gets."""
    encoder, xp = Stack((Recurrent(4, "lstm"), Recurrent(3, "gru"))), place.xp
    decoder = Stack((Extend(2), Recurrent(4, "lstm"), Recurrent(3, "gru"), Dense(2)))
    network = EncoderDecoder(encoder, decoder)
    params = place.tree(draw(network, rng))
    x = rng.standard_normal((5, 2, FEATURES))
    y, end, _ = network.forward(params, place.array(x), None, None, xp=xp)
    _, (lstm, gru), _ = encoder.forward(params["encoder"], place.array(x), None, None, xp=xp)
    start = ((), lstm, gru, ())
    last = place.array(np.stack([x[-1], 0 * x[-1]]))
    expected, _, _ = decoder.forward(params["decoder"], last, start, None, xp=xp)
    same(place, y, expected)
    same(place, end, (lstm, gru))


@pytest.mark.parametrize("name", ALL)
def test_states_are_those_of_every_recurrent_layer(place, name, rng):
    network, xp = ALL[name], place.xp
    params = place.tree(draw(network, rng))
    x = place.array(rng.standard_normal((5, 2, FEATURES)))
    y, _, cache = network.forward(params, x, None, None, xp=xp)
    states = network.states(cache, xp=xp)
    matrices = [a for n, a in tree.flatten(params).items() if n.split(".")[-1] == "U"]
    steps = {"extend": {4}, "feedback": {4}}.get(name, {4, 5} if "encoder" in name else {5})
    assert [h.shape[-1] for h in states] == [U.shape[-2] for U in matrices]
    assert {h.shape[0] for h in states} == (steps if states else set())
    if name == "learnt state":
        same(place, states[0], y)


# Dropout


def test_dropout_keeps_the_mean(place):
    x = place.array(np.ones((100, 50, 20)))
    for rate in (0.1, 0.5, 0.9):
        y, _, _ = Dropout(rate).forward((), x, (), None, noise=Noise((3,)), xp=place.xp)
        y = place.host(y)
        np.testing.assert_allclose(np.unique(y), [0, 1 / (1 - rate)])
        assert abs(y.mean() - 1) < 5 * np.sqrt(rate / (1 - rate) / y.size)


def test_recurrent_dropout_hides_the_same_units_at_every_step(place):
    """With h(t) = (k h(t-1)) I, the state after t steps is k to the power of t."""
    layer = Recurrent(50, Elman("identity"), recurrent_dropout=0.5)
    params = place.tree({"W": np.zeros((1, 50)), "U": np.eye(50), "b": np.zeros((1, 50))})
    x, start = place.array(np.zeros((4, 3, 1))), (place.array(np.ones((3, 50))),)
    y, _, _ = layer.forward(params, x, start, None, noise=Noise((0,)), xp=place.xp)
    y = place.host(y)
    assert set(np.unique(y[0])) == {0.0, 2.0}
    for t in range(4):
        np.testing.assert_array_equal(y[t], y[0] ** (t + 1))
    assert len({row.tobytes() for row in y[0]}) == 3  # other units in another sequence


@given(seed=SEEDS)
def test_the_noise_is_a_function_of_its_seed(place, seed):
    network, rng, xp = CAUSAL["dropout"], np.random.default_rng(seed), place.xp
    params = place.tree(draw(network, rng))
    x = place.array(rng.standard_normal((20, 4, FEATURES)))

    def run(noise):
        return place.host(network.forward(params, x, None, None, noise=noise, xp=xp)[0])

    first = run(Noise((seed, 1)))
    np.testing.assert_array_equal(run(Noise((seed, 1))), first)
    assert (run(Noise((seed, 2))) != first).any()
    same_dropout = Stack((Dropout(0.5), Dropout(0.5)))
    ones = place.array(np.ones((20, 4, FEATURES)))
    y, _, _ = same_dropout.forward(((), ()), ones, None, None, noise=Noise((seed,)), xp=xp)
    assert set(np.unique(place.host(y))) == {0.0, 4.0}
    assert (place.host(y) == 0).mean() > 0.6  # two layers draw numbers of their own


def test_the_noise_is_the_same_on_every_backend(place, rng):
    x = rng.standard_normal((5, 2, 3))
    y, _, _ = Dropout(0.4).forward((), place.array(x), (), None, noise=Noise((1,)), xp=place.xp)
    expected, _, _ = Dropout(0.4).forward((), x, (), None, noise=Noise((1,)), xp=np)
    np.testing.assert_array_equal(place.host(y), expected)


def test_without_noise_nothing_is_dropped(place, rng):
    xp, cell = place.xp, GRU()
    dropped = Stack((Dropout(0.3), Recurrent(3, cell, recurrent_dropout=0.4), Dropout(0.5)))
    plain = Recurrent(3, cell)
    params = place.tree(draw(plain, rng))
    x = place.array(rng.standard_normal((5, 2, FEATURES)))
    y, _, _ = dropped.forward(((), params, ()), x, None, None, xp=xp)
    np.testing.assert_array_equal(
        place.host(y), place.host(plain.forward(params, x, None, None, xp=xp)[0])
    )


# Wrong use


SMALL = Recurrent(2)


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: Dropout(1.0), ValueError, "rate must be a finite number at least 0 and below 1"),
        (lambda: Dropout(-0.1), ValueError, "rate must be a finite number at least 0"),
        (lambda: Dropout("half"), TypeError, "rate must be a number"),
        (lambda: Recurrent(2, recurrent_dropout=1), ValueError, "recurrent_dropout .* below 1"),
        (lambda: Recurrent(2, learn_initial_state=1), TypeError, "must be True or False, got 1"),
        (lambda: Recurrent(2, "gruu"), ValueError, "did you mean 'gru'"),
        (lambda: Recurrent(2, LSTM), TypeError, "cell must be one of"),
        (lambda: LSTM(peepholes=1), TypeError, "peepholes must be True or False, got 1"),
        (lambda: LSTM(forget_bias="1"), TypeError, "forget_bias must be a number"),
        (lambda: GRU(gate_activation="sigmod"), ValueError, "did you mean 'sigmoid'"),
        (lambda: CausalConv(1, 0), ValueError, "kernel_size must be at least 1, got 0"),
        (lambda: CausalConv(1.5, 2), TypeError, "output_size must be an integer"),
        (lambda: CausalConv(1, 2, 1), TypeError, "bias must be True or False, got 1"),
        (lambda: CausalConv(1, 2, last=1), TypeError, "last must be True or False, got 1"),
        (lambda: LayerNorm(0), ValueError, "eps must be a finite number above 0"),
        (lambda: Pool("mode"), ValueError, "how must be one of 'last', 'max', 'mean', got 'mode'"),
        (lambda: Bidirectional(SMALL, "add"), ValueError, "merge must be one of 'concat', 'mean'"),
        (lambda: Bidirectional(Pool()), ValueError, "layer must give an output at every step"),
        (lambda: Bidirectional("lstm"), TypeError, "layer must be an object with init"),
        (lambda: Bidirectional(Recurrent), TypeError, "layer must be an object with init"),
        (lambda: Extend(0), ValueError, "steps must be at least 1, got 0"),
        (lambda: Extend(2.0), TypeError, "steps must be an integer"),
        (lambda: Feedback(Bidirectional(SMALL), 2), ValueError, "must be able to run step"),
        (lambda: Feedback(Stack((SMALL, Pool())), 2), ValueError, "must be able to run step"),
        (
            lambda: Feedback(Stack((SMALL, Dense(2))), 4).init(np.random.default_rng(0), 3),
            ValueError,
            r"as many outputs as features, got 2 output\(s\) for 3 feature\(s\)",
        ),
        (
            lambda: EncoderDecoder(Stack((SMALL, Pool())), Extend(2)),
            ValueError,
            "encoder must give an output at every step",
        ),
        (lambda: EncoderDecoder(SMALL, SMALL), ValueError, "decoder must generate its own steps"),
        (lambda: EncoderDecoder(SMALL, "gru"), TypeError, "decoder must be an object with init"),
        (
            lambda: EncoderDecoder(SMALL, Stack((Extend(2), Recurrent(3)))).init(
                np.random.default_rng(0), 1
            ),
            ValueError,
            r"states of the same sizes.* got \[2\] and \[3\]",
        ),
        (
            lambda: EncoderDecoder(Recurrent(2, "lstm"), Stack((Extend(2), SMALL))).init(
                np.random.default_rng(0), 1
            ),
            ValueError,
            r"states of the same sizes.* got \[2, 2\] and \[2\]",
        ),
        (lambda: Stack(()), ValueError, "at least one layer, got none"),
        (lambda: Stack(SMALL), TypeError, "layers must be a tuple of layers"),
        (lambda: Stack((SMALL, "dense")), TypeError, "layer must be an object with init"),
    ],
)
def test_wrong_use_is_named(make, error, message):
    with pytest.raises(error, match=message):
        make()


@pytest.mark.parametrize(
    ("network", "time"),
    [
        (Dense(1), "pointwise"),
        (Stack((Dense(1), LayerNorm(), Dropout(0.1))), "pointwise"),
        (Stack((Dense(1), SMALL)), "causal"),
        (Stack((SMALL, Pool(), Dense(1))), "causal"),
        (Stack((SMALL, Pool(), SMALL)), "whole"),
        (Stack((SMALL, Bidirectional(SMALL))), "whole"),
        (Extend(3), "whole"),
    ],
)
def test_how_a_stack_works_along_time(network, time):
    assert network.time == time


# Layers side by side, and last states


@given(lengths=LENGTHS, seed=SEEDS)
def test_the_last_state_is_that_of_a_run(place, lengths, seed):
    rng, xp = np.random.default_rng(seed), place.xp
    layer = Recurrent(3, "lstm")
    params = place.tree(draw(layer, rng))
    kept = ragged(lengths)
    x = place.array(np.where(kept, rng.standard_normal((*kept.shape[:2], FEATURES)), np.nan))
    for inner in (layer, Reversed(layer)):
        _, end, _ = inner.forward(params, x, None, place.mask(kept), xp=xp)
        for k in range(2):
            y, _, _ = Final(inner, k).forward(params, x, None, place.mask(kept), xp=xp)
            same(place, y[0, ...], end[k], 0)


def test_both_directions_are_a_layer_beside_its_reversal(place, rng):
    layer, xp = Recurrent(3, "gru"), place.xp
    for merge in ("concat", "sum", "mean", "product"):
        both = Bidirectional(layer, merge)
        params = place.tree(draw(both, rng))
        x = place.array(rng.standard_normal((5, 2, FEATURES)))
        u, w = (
            one.forward(p, x, None, None, xp=xp)[0]
            for one, p in zip((layer, Reversed(layer)), params, strict=True)
        )
        expected = {"concat": xp.concat([u, w], axis=-1), "sum": u + w, "product": u * w}
        y, _, _ = both.forward(params, x, None, None, xp=xp)
        same(place, y, expected.get(merge, (u + w) / 2), 1e-15)


def test_softmax_gives_probabilities_however_large_the_scores(place):
    x = place.array(np.array([[[1000.0, 1000.0], [-1000.0, 1000.0]]]))
    y, _, _ = Softmax().forward((), x, (), None, xp=place.xp)
    same(place, y, place.array([[[0.5, 0.5], [0.0, 1.0]]]), 1e-15)
    log, _, _ = Softmax(log=True).forward((), x, (), None, xp=place.xp)
    same(place, log, place.array([[[-np.log(2)] * 2, [-2000.0, 0.0]]]), 1e-15)


def test_what_can_not_stand_side_by_side_is_named():
    def refused(message, make, error=ValueError):
        with pytest.raises(error, match=message):
            make()

    refused("layers must be a tuple of layers, got 3", lambda: Parallel(3), TypeError)
    refused("at least one layer, got none", lambda: Parallel(()))
    refused("must all keep the steps of x, or none", lambda: Parallel((Dense(1), Pool("last"))))
    refused("merge must be one of .*'max'", lambda: Parallel((Dense(1),), "max"))
    refused(
        r"merge='sum' needs outputs of equal sizes, got \[1, 2\]",
        lambda: draw(Parallel((Dense(1), Dense(2)), "sum"), np.random.default_rng(0)),
    )
    steps = Parallel((Extend(2), Extend(3)), "sum")
    refused(
        r"the same number of steps, got \[2, 3\]",
        lambda: steps.forward(((), ()), np.ones((1, 1, 1)), None, None, xp=np),
    )
    refused("layer must be a Recurrent", lambda: Final(Dense(1)), TypeError)
    refused("state must be below 1, the arrays of the cell's", lambda: Final(Recurrent(2), 1))
    refused("state must be an integer", lambda: Final(Recurrent(2), "c"), TypeError)
    refused("log must be True or False, got 1", lambda: Softmax(1), TypeError)
    refused("activation must be one of .*'gelu'", lambda: Activation("gelu"))
