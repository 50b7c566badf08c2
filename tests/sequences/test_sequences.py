"""Sequences of any lengths and kinds: lists, padding, gaps, batches of them, and modes."""

import functools
from typing import ClassVar

import numpy as np
import pytest
from compare import host
from hypothesis import given, settings
from hypothesis import strategies as st

import xprnn
from xprnn import cells, losses
from xprnn._sequences import modes
from xprnn._sequences.batches import Data, draw_batches
from xprnn.backend import Backend, dtype_name, of
from xprnn.layers import Dense, Pool, Recurrent, Stack

HERE = Backend("numpy", "cpu")
EXACT = {"rtol": 0, "atol": 0}
CLOSE = {"rtol": 1e-9, "atol": 1e-12}
CELLS = sorted(cells.TABLE)

FEW = settings(max_examples=max(3, settings.default.max_examples // 3))
"""For what trains several models, or comes in many kinds."""

lengths_ = st.lists(st.integers(1, 6), min_size=1, max_size=5)
ragged_ = lengths_.filter(lambda sizes: len(set(sizes)) > 1)


def fit(x, y, **options):
    size = {} if "network" in options else {"hidden_size": 3}
    return xprnn.fit(x, y, **{"epochs": 2, **size, **options})


def draw(sizes, features=2, seed=0):
    """Return a list of sequences of these lengths."""
    rng = np.random.default_rng(seed)
    return [rng.standard_normal((size, features)) for size in sizes]


def running(x):
    """Return a target for every step."""
    return [np.cumsum(a, axis=0) / 2 + 1 for a in x]


def pad(arrays, value, steps=None):
    """Return one array with `value` after the end of each sequence."""
    steps = steps or max(map(len, arrays))
    out = np.full((len(arrays), steps, *arrays[0].shape[1:]), value)
    for row, a in zip(out, arrays, strict=True):
        row[: len(a)] = a
    return out


def valid(sizes, steps=None):
    return np.arange(steps or max(sizes)) < np.asarray(sizes)[:, None]


def assert_same(model, other, **tolerance):
    """Raise unless the parameters, the scalers and the history are the same."""
    tolerance = tolerance or EXACT
    for name, array in host(model).items():
        np.testing.assert_allclose(array, host(other)[name], **tolerance, err_msg=name)
    for mine, its in ((model.x_scaler, other.x_scaler), (model.y_scaler, other.y_scaler)):
        assert (mine is None) == (its is None)
        for a, b in zip(mine or (), its or (), strict=True):
            a, b = map(xprnn.backend.to_host, (a, b))
            np.testing.assert_allclose(a, b, **tolerance)
    for name in ("loss", "val_loss", "gradient_norm"):
        mine, its = (getattr(m.history, name) for m in (model, other))
        np.testing.assert_allclose(mine, its, **tolerance, err_msg=name)


# Lists, each sequence of which stands for itself


@functools.cache
def trained(place, cell, options):
    """Return a model trained on sequences of several lengths, kept for all examples."""
    options = dict(options)
    x = draw((4, 1, 6, 2), seed=5)
    mode = options.get("mode", "many_to_many")
    y = running(x)
    if mode == "many_to_one":
        y = np.stack([a[-1] for a in y])
    elif mode == "encoder_decoder":
        y = np.random.default_rng(6).standard_normal((4, 3, 2))
    return fit(x, y, cell=cell, backend=str(place.backend), **options)


KINDS = {
    "one layer": {},
    "two layers": {"num_layers": 2},
    "bidirectional": {"bidirectional": True, "num_layers": 2},
    "last": {"mode": "many_to_one"},
    "mean": {"mode": "many_to_one", "pool": "mean"},
    "max": {"mode": "many_to_one", "pool": "max", "num_layers": 2},
    "bidirectional mean": {"mode": "many_to_one", "bidirectional": True},
    "bidirectional last": {"mode": "many_to_one", "bidirectional": True, "pool": "last"},
    "encoder and decoder": {"mode": "encoder_decoder"},
    "feedback": {"mode": "encoder_decoder", "feedback": True},
}


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("kind", KINDS)
@given(sizes=lengths_, seed=st.integers(0, 99))
@FEW
def test_each_sequence_of_a_list_is_predicted_as_if_alone(place, cell, kind, sizes, seed):
    """In the caller's order, whatever stands beside it."""
    model = trained(place, cell, tuple(KINDS[kind].items()))
    x = draw(sizes, seed=seed)
    together = model.predict(x)
    per_step = model.mode == "many_to_many"
    assert type(together) is (list if per_step else np.ndarray)
    assert len(together) == len(x)
    for got, alone in zip(together, x, strict=True):
        expected = model.predict([alone])[0]
        assert got.shape == ((len(alone), 2) if per_step else expected.shape)
        np.testing.assert_allclose(got, expected, **CLOSE)
        np.testing.assert_allclose(got, model.predict(alone), **CLOSE)
        np.testing.assert_allclose(got, model.predict(alone[None])[0], **CLOSE)


@given(sizes=lengths_, order=st.randoms(use_true_random=False))
def test_another_order_gives_the_outputs_in_that_order(place, sizes, order):
    model, x = trained(place, "gru", ()), draw(sizes)
    chosen = order.sample(range(len(x)), len(x))
    forward, turned = model.predict(x), model.predict([x[i] for i in chosen])
    for i, got in zip(chosen, turned, strict=True):
        np.testing.assert_allclose(got, forward[i], **CLOSE)


@given(sizes=lengths_)
def test_states_of_a_list(place, sizes):
    """At the last valid step of each, and a list of those of all steps."""
    model, x = trained(place, "lstm", (("num_layers", 2),)), draw(sizes)
    y, end, states = model.predict(x, return_state=True, return_states=True)
    assert [a.shape for a in end] == [(len(x), 3)] * 4
    assert [[h.shape for h in layer] for layer in states] == [[(n, 3) for n in sizes]] * 2
    for i, alone in enumerate(x):
        one, its_end, its_states = model.predict(alone, return_state=True, return_states=True)
        np.testing.assert_allclose(y[i], one, **CLOSE)
        for a, b in zip(end, its_end, strict=True):
            np.testing.assert_allclose(a[i], b, **CLOSE)
        for layer, h in zip(states, its_states, strict=True):
            np.testing.assert_allclose(layer[i], h, **CLOSE)
        for layer, h in zip(states, end[::2], strict=True):
            np.testing.assert_allclose(layer[i][-1], h[i], **CLOSE)


@given(sizes=lengths_, steps=st.integers(1, 4))
def test_forecasts_of_a_list(place, sizes, steps):
    """Each goes on from its own end; by lengths and from a list alike."""
    model, x = trained(place, "gru", ()), draw(sizes)
    together = model.forecast(x, steps)
    assert together.shape == (len(x), steps, 2)
    for got, alone in zip(together, x, strict=True):
        np.testing.assert_allclose(got, model.forecast(alone, steps), **CLOSE)
    padded = model.forecast(pad(x, np.nan), steps, lengths=list(sizes))
    np.testing.assert_allclose(padded, together, **CLOSE)


def test_lists_of_the_backends_own_arrays(place):
    x = draw((3, 1, 5))
    y = running(x)
    native = fit([place.array(a) for a in x], [place.array(a) for a in y])
    assert native.backend == place.backend
    assert_same(native, fit(x, y, backend=str(place.backend)), **CLOSE)
    predicted = native.predict([place.array(a) for a in x])
    for got, expected in zip(predicted, fit(x, y).predict(x), strict=True):
        assert of(got) == place.backend
        np.testing.assert_allclose(place.host(got), expected, **CLOSE)
    assert native.evaluate([place.array(a) for a in x], [place.array(a) for a in y]) == (
        pytest.approx(fit(x, y).evaluate(x, y), rel=1e-9)
    )
    ends = np.stack([a[-1] for a in y])
    last = fit([place.array(a) for a in x], [place.array(a) for a in ends])
    assert_same(last, fit(x, ends), **CLOSE)


def test_lists_may_be_tuples_and_mix_dtypes(place):
    x = draw((3, 1, 5))
    y = running(x)
    model = fit(tuple(x), tuple(y), backend=str(place.backend))
    assert_same(model, fit(x, y, backend=str(place.backend)))
    assert type(model.predict(tuple(x))) is list
    mixed = [x[0].astype("float32"), x[1], np.rint(x[2]).astype("int64")]
    assert fit(mixed, y, backend=str(place.backend)).dtype == "float64"
    plain = [a.astype("float64") for a in mixed]
    assert_same(fit(mixed, y), fit(plain, y))


def test_y_of_a_list_may_lack_the_axis_of_outputs(place):
    x = draw((3, 1, 5))
    flat = [a[:, 0] for a in running(x)]
    model = fit(x, flat, backend=str(place.backend))
    assert [a.shape for a in model.predict(x)] == [(3,), (1,), (5,)]
    assert model.y_rank == 2
    assert_same(model, fit(x, [a[:, None] for a in flat], backend=str(place.backend)))


@pytest.mark.parametrize("mode", ["many_to_many", "many_to_one"])
def test_float32_lists_are_float32_throughout(place, mode):
    x = [a.astype("float32") for a in draw((3, 1, 5))]
    y = [a.astype("float32") for a in running(x)]
    y = y if mode == "many_to_many" else np.stack([a[-1] for a in y])
    model = fit(x, y, cell="lstm", batch_size=2, backend=str(place.backend))
    assert model.dtype == "float32"
    assert {dtype_name(a) for a in model.named().values()} == {"float32"}
    assert {a.dtype for a in model.predict(x)} == {np.dtype("float32")}


# Padding


TARGETS = {
    "many_to_many": running,
    "many_to_one": lambda x: np.stack([a.sum(axis=0) for a in x]),
    "encoder_decoder": lambda x: np.stack([np.outer([1, 2, 3], a[-1]) for a in x]),
}


@pytest.mark.parametrize("mode", TARGETS)
@given(
    sizes=ragged_,
    value=st.sampled_from([np.nan, np.inf, -1e300, 0.0, 7.0]),
    cell=st.sampled_from(CELLS),
    batch_size=st.sampled_from([None, 2]),
)
@FEW
def test_padding_is_never_looked_at(place, mode, sizes, value, cell, batch_size):
    """Lists, lengths and masks are one training, whatever stands in the padding."""
    options = {"mode": mode, "cell": cell, "batch_size": batch_size, "num_layers": 2}
    options |= {"dropout": 0.3, "backend": str(place.backend)}
    x = draw(sizes)
    y = TARGETS[mode](x)
    padded = [pad(x, value), pad(y, value) if mode == "many_to_many" else y]
    shown = valid(sizes)
    listed = fit(x, y, validation_data=(x, y), **options)
    by_lengths, by_mask = (
        fit(*padded, validation_data=(*padded, shown), **own, **options)
        for own in ({"lengths": np.asarray(sizes)}, {"mask": shown})
    )
    assert_same(listed, by_lengths)
    assert_same(listed, by_mask)
    expected = listed.predict(x)
    for got in (
        by_lengths.predict(padded[0], lengths=list(sizes)),
        by_mask.predict(padded[0], mask=shown),
    ):
        if mode == "many_to_many":
            np.testing.assert_array_equal(got, pad(expected, 0.0))  # zero at padding
        else:
            np.testing.assert_array_equal(got, expected)
    evaluated = listed.evaluate(x, y)
    assert evaluated == by_mask.evaluate(*padded, lengths=sizes)
    assert evaluated == by_mask.evaluate(*padded, mask=shown)


@given(sizes=lengths_, more=st.integers(0, 3), cell=st.sampled_from(CELLS))
@FEW
def test_more_padding_changes_nothing(place, sizes, more, cell):
    x = draw(sizes)
    y, steps = running(x), max(sizes) + more
    options = {"cell": cell, "bidirectional": True, "backend": str(place.backend)}
    short = fit(x, y, **options)
    long = fit(pad(x, np.nan, steps), pad(y, np.nan, steps), lengths=sizes, **options)
    assert_same(short, long, **CLOSE)


@st.composite
def gaps_(draw_):
    """Return masks (B, T) with at least one valid step in every row."""
    rows, steps = draw_(st.integers(1, 4)), draw_(st.integers(1, 6))
    flags = st.lists(st.booleans(), min_size=steps, max_size=steps).filter(any)
    return np.array(draw_(st.lists(flags, min_size=rows, max_size=rows)))


@pytest.mark.parametrize("mode", TARGETS)
@given(shown=gaps_(), cell=st.sampled_from(CELLS), bidirectional=st.booleans())
@FEW
def test_gaps_are_as_if_the_steps_were_not_there(place, mode, shown, cell, bidirectional):
    """A mask with gaps anywhere, NaN in them, trains and predicts as the steps that are left."""
    full = np.random.default_rng(1).standard_normal((*shown.shape, 2))
    left = [row[kept] for row, kept in zip(full, shown, strict=True)]
    own = TARGETS[mode](left)
    y = own
    if mode == "many_to_many":
        y = np.full(full.shape, np.nan)
        for row, kept, values in zip(y, shown, own, strict=True):
            row[kept] = values
    x = np.where(shown[:, :, None], full, np.nan)
    options = {"mode": mode, "cell": cell, "num_layers": 2, "backend": str(place.backend)}
    options["bidirectional"] = bidirectional and mode != "encoder_decoder"
    gaps, plain = fit(x, y, mask=shown, **options), fit(left, own, **options)
    assert_same(gaps, plain, **CLOSE)
    predicted, expected = gaps.predict(x, mask=shown), plain.predict(left)
    if mode == "many_to_many":
        assert not predicted[~shown].any()
        predicted = [row[kept] for row, kept in zip(predicted, shown, strict=True)]
    for got, wanted in zip(predicted, expected, strict=True):
        np.testing.assert_allclose(got, wanted, **CLOSE)
    assert gaps.evaluate(x, y, mask=shown) == pytest.approx(plain.evaluate(left, own), rel=1e-9)


def test_masks_of_a_list_and_of_one_sequence(place):
    """(T_i,) for each of a list, (T,) for one."""
    x = draw((5, 3))
    y, shown = running(x), [np.array([True, False, True, True, False]), np.array([True] * 3)]
    left = [[a[kept] for a, kept in zip(each, shown, strict=True)] for each in (x, y)]
    options = {"backend": str(place.backend)}
    masked = fit(x, y, mask=shown, **options)
    assert_same(masked, fit(*left, **options), **CLOSE)
    assert [a.shape for a in masked.predict(x, mask=shown)] == [(5, 2), (3, 2)]
    one = fit(x[0], y[0], mask=shown[0], **options)
    assert_same(one, fit(left[0][0], left[1][0], **options), **CLOSE)
    got = one.predict(x[0], mask=shown[0])
    np.testing.assert_allclose(got[shown[0]], one.predict(left[0][0]), **CLOSE)
    same = fit(x[0][None], y[0][None], mask=shown[0][None], **options)
    assert_same(one, same)


def test_a_mask_of_the_backend_itself(place):
    x, sizes = draw((5, 3)), [5, 3]
    y, shown = running(x), valid(sizes)
    arrays = place.array(pad(x, 0.0)), place.array(pad(y, 0.0))
    by_mask = fit(*arrays, mask=place.mask(shown))
    by_lengths = fit(*arrays, lengths=place.array(sizes, "int64"))
    for model in (by_mask, by_lengths):
        assert_same(model, fit(x, y, backend=str(place.backend)))
    full = fit(*arrays, mask=place.mask(np.ones((2, 5), bool)))
    assert_same(full, fit(*arrays))


def test_the_scalers_see_valid_steps_only(place):
    x = draw((5, 1, 3))
    y = [1000 * a + 5 for a in running(x)]
    model = fit(pad(x, 1e9), pad(y, -1e9), lengths=[5, 1, 3], backend=str(place.backend))
    for scaler, arrays in ((model.x_scaler, x), (model.y_scaler, y)):
        every = np.concatenate(arrays)
        np.testing.assert_allclose(place.host(scaler.mean), every.mean(0), rtol=1e-12)
        np.testing.assert_allclose(place.host(scaler.scale), every.std(0), rtol=1e-12)
    ends = np.stack([a[-1] for a in y])
    model = fit(x, ends, backend=str(place.backend))
    np.testing.assert_allclose(place.host(model.y_scaler.mean), ends.mean(0), rtol=1e-12)


def targets(loss, x):
    """Return targets for every step that a loss takes."""
    if losses.standardizes(losses.get(loss)):
        return running(x)
    if loss == "cross_entropy":
        return [np.digitize(a[:, :1], [-0.5, 0.5]) for a in x]
    return [(a > 0).astype("int64") for a in x]


@pytest.mark.parametrize("loss", sorted(losses.TABLE))
@given(sizes=ragged_)
@FEW
def test_losses_are_means_over_valid_steps(place, loss, sizes):
    """Each sequence weighs as many steps as it has; for one output a sequence, all the same."""
    x = draw(sizes)
    y = targets(loss, x)
    y[0][0, 0] = 2 if loss == "cross_entropy" else y[0][0, 0]
    options = {"loss": loss, "backend": str(place.backend), "epochs": 1, "learning_rate": 1e-12}
    if loss == "cross_entropy":
        options["loss"] = losses.CrossEntropy(num_classes=3)
    model = fit(x, y, **options)
    alone = [model.evaluate(a, b) for a, b in zip(x, y, strict=True)]
    together = model.evaluate(x, y)
    assert together == pytest.approx(np.average(alone, weights=sizes), rel=1e-9)
    assert model.history.loss[0] == pytest.approx(together, rel=1e-6)
    ends = np.stack([a[-1] for a in y])
    last = fit(x, ends, mode="many_to_one", **options)
    alone = [last.evaluate([a], b[None]) for a, b in zip(x, ends, strict=True)]
    assert last.evaluate(x, ends) == pytest.approx(np.mean(alone), rel=1e-9)


@pytest.mark.parametrize("batch_size", [2, 3])
def test_the_loss_of_an_epoch_is_that_of_all_steps(place, batch_size):
    """However they are divided into batches."""
    x = draw((4, 1, 6, 2, 2))
    options = {"epochs": 1, "learning_rate": 1e-13, "backend": str(place.backend)}
    y = running(x)
    for own in (y, np.stack([a[-1] for a in y])):
        parts = fit(x, own, batch_size=batch_size, **options).history.loss
        assert parts == pytest.approx(fit(x, own, **options).history.loss, rel=1e-9)


# Batches


@given(
    sizes=st.lists(st.integers(1, 9), min_size=1, max_size=30),
    batch_size=st.integers(1, 9),
    seed=st.tuples(st.integers(0, 9), st.integers(0, 9)),
    per_step=st.booleans(),
)
def test_batches_of_sequences_of_other_lengths(place, sizes, batch_size, seed, per_step):
    """Every sequence once; each batch as long as its longest; the same on every backend."""
    count, steps = len(sizes), max(sizes)
    x = np.zeros((steps, count, 2)) + np.arange(count)[:, None]
    y = 10 * x if per_step else 10 * x[:1]
    shown = valid(sizes).T

    def seen(where, array):
        data = Data(array(x), array(y), None if shown.all() else shown)
        return list(draw_batches(data, batch_size, seed, per_step, where))

    found = seen(place.backend, place.array)
    assert sum(batch.share for batch in found) == pytest.approx(1, rel=1e-14)
    rows = []
    for batch, same in zip(found, seen(HERE, np.asarray), strict=True):
        x_, y_ = place.host(batch.data.x), place.host(batch.data.y)
        np.testing.assert_array_equal(x_, same.data.x)
        np.testing.assert_array_equal(y_, same.data.y)
        assert batch.share == same.share
        own = x_[0, :, 0].astype(int)
        its = np.asarray(sizes)[own]
        assert x_.shape[0] == its.max()
        assert y_.shape[0] == (its.max() if per_step else 1)
        np.testing.assert_array_equal(y_, 10 * x_[: y_.shape[0]])
        mask = batch.data.valid
        assert (mask is None) == (len(set(its)) == 1)
        if mask is not None:
            np.testing.assert_array_equal(mask, valid(its).T)
            np.testing.assert_array_equal(batch.data.mask(HERE)[:, :, 0], mask)
        part = its.sum() / sum(sizes) if per_step else len(its) / count
        assert batch.share == pytest.approx(part, rel=1e-12)
        rows.append(own.tolist())
    assert sorted(i for row in rows for i in row) == list(range(count))
    assert {len(row) for row in rows[:-1]} <= {batch_size}


def test_batches_hold_sequences_of_similar_lengths():
    """Less padding than in batches drawn at random, and another order in every epoch."""
    rng = np.random.default_rng(0)
    sizes = rng.integers(1, 50, 200)
    shown = valid(sizes).T
    data = Data(np.zeros((shown.shape[0], 200, 1)), np.zeros((shown.shape[0], 200, 1)), shown)

    def waste(epoch):
        parts = [batch.data for batch in draw_batches(data, 10, (0, epoch), True, HERE)]
        return sum(np.prod(part.x.shape[:2]) for part in parts) - sizes.sum()

    drawn = rng.permutation(sizes).reshape(-1, 10)
    at_random = (drawn.max(1) * 10).sum() - sizes.sum()
    assert all(waste(epoch) < at_random / 3 for epoch in range(5))
    firsts = {
        next(draw_batches(data, 10, (0, epoch), True, HERE)).data.valid.sum() for epoch in range(5)
    }
    assert len(firsts) > 1


# Modes


def shapes(x, y):
    rng = np.random.default_rng(0)
    return rng.standard_normal(x), rng.standard_normal(y)


MODES = [
    # asked for, x, y, mode found, axes of y
    (None, (4, 6, 2), (4, 6, 3), "many_to_many", 3),
    (None, (6, 2), (6, 3), "many_to_many", 3),
    (None, (6, 2), (6,), "many_to_many", 2),
    (None, (6,), (6,), "many_to_many", 2),
    (None, (6,), (6, 3), "many_to_many", 3),
    (None, (6,), (1, 6, 3), "many_to_many", 3),
    (None, (1, 6, 2), (1, 6, 3), "many_to_many", 3),
    (None, (4, 6, 2), (4, 3), "many_to_one", 2),
    (None, (4, 6, 2), (4,), "many_to_one", 1),
    (None, (4, 6, 2), (4, 1, 3), "many_to_one", 3),
    (None, (1, 6, 2), (1,), "many_to_one", 1),
    (None, (4, 2), (4, 5, 3), "one_to_many", 3),
    (None, (4, 1, 2), (4, 5, 3), "one_to_many", 3),
    ("many_to_many", (4, 6, 2), (4, 6), "many_to_many", 2),
    ("many_to_one", (4, 6, 2), (4, 6), "many_to_one", 2),
    ("many_to_one", (4, 1, 2), (4, 3), "many_to_one", 2),
    ("one_to_many", (4, 3), (4, 3, 2), "one_to_many", 3),
    ("one_to_many", (4, 3), (4, 5), "one_to_many", 2),
    ("one_to_many", (1, 3), (1, 5, 2), "one_to_many", 3),
    ("one_to_many", (4, 3), (4, 1, 2), "one_to_many", 3),
    ("encoder_decoder", (4, 6, 2), (4, 5, 3), "encoder_decoder", 3),
    ("encoder_decoder", (4, 6, 2), (4, 6, 3), "encoder_decoder", 3),
    ("encoder_decoder", (4, 6, 2), (4, 9), "encoder_decoder", 2),
    ("encoder_decoder", (6, 2), (3, 2), "encoder_decoder", 3),
    ("encoder_decoder", (6,), (3,), "encoder_decoder", 2),
]


@pytest.mark.parametrize(("asked", "x", "y", "mode", "rank"), MODES)
def test_what_x_and_y_are_to_one_another(place, asked, x, y, mode, rank):
    """The mode, and predictions with the axes that y had."""
    x_, y_ = shapes(x, y)
    model = fit(place.array(x_), place.array(y_), mode=asked, epochs=1)
    assert (model.mode, model.y_rank) == (mode, rank)
    predicted = model.predict(place.array(x_))
    assert of(predicted) == place.backend
    assert tuple(predicted.shape) == (
        y[1:] if len(y) == 3 and len(x) < 3 and y[0] == 1 and (mode == "many_to_many") else y
    )
    expected = model.evaluate(place.array(x_), place.array(y_))
    e = place.host(predicted).reshape(-1) - y_.reshape(-1)
    per_row = y[-1] if rank == 3 or (mode == "many_to_one" and rank == 2) else 1
    assert expected == pytest.approx((e**2).mean() * per_row / 2, rel=1e-9)


@pytest.mark.parametrize(
    ("mode", "y", "one", "several"),
    [
        ("many_to_one", (4,), (), (3,)),
        ("many_to_one", (4, 2), (2,), (3, 2)),
        ("many_to_one", (4, 1, 2), (1, 2), (3, 1, 2)),
        ("many_to_many", (4, 6), (6,), (3, 6)),
        ("many_to_many", (4, 6, 2), (6, 2), (3, 6, 2)),
        ("encoder_decoder", (4, 5), (5,), (3, 5)),
        ("encoder_decoder", (4, 5, 2), (5, 2), (3, 5, 2)),
    ],
)
def test_predictions_of_one_sequence_lack_its_axis(mode, y, one, several):
    model = fit(*shapes((4, 6, 2), y), mode=mode, epochs=1)
    x = np.random.default_rng(1).standard_normal((3, 6, 2))
    assert model.predict(x).shape == several
    assert np.shape(model.predict(x[0])) == one
    np.testing.assert_allclose(model.predict(x[0]), model.predict(x)[0], **CLOSE)
    listed = model.predict(list(x))
    np.testing.assert_allclose(np.stack(list(listed)), model.predict(x), **CLOSE)


def test_the_mode_that_is_found_may_be_asked_for(place):
    for asked, x, y, mode, _ in MODES:
        if asked is None:
            arrays = shapes(x, y)
            pair, same = modes.read_pair(*arrays), modes.read_pair(*arrays, mode=mode)
            assert (pair.mode, pair.y_rank) == (same.mode, same.y_rank)
            np.testing.assert_array_equal(pair.x.array, same.x.array)
            np.testing.assert_array_equal(pair.y, same.y)


def test_many_to_one_is_the_output_at_the_last_step(place):
    """With the parameters of a network that gives an output at every step."""
    x = draw((4, 1, 6))
    model = fit(x, np.stack([a[-1] for a in running(x)]), cell="gru", backend=str(place.backend))
    recurrent, _, dense = model.network.layers
    (first, _, last) = model.params
    every = xprnn.Model(
        network=Stack((recurrent, dense)),
        params=(first, last),
        features=2,
        outputs=2,
        x_scaler=model.x_scaler,
        y_scaler=model.y_scaler,
    )
    for got, outputs in zip(model.predict(x), every.predict(x), strict=True):
        np.testing.assert_allclose(got, outputs[-1], **CLOSE)


@pytest.mark.parametrize("pool", ["mean", "max"])
def test_pools_are_over_the_valid_hidden_states(place, pool):
    x = draw((4, 1, 6))
    ends = np.stack([a[-1] for a in running(x)])
    model = fit(x, ends, pool=pool, standardize=False, backend=str(place.backend))
    predicted, (hidden,) = model.predict(x, return_states=True)
    params = host(model)
    for got, h in zip(predicted, hidden, strict=True):
        pooled = getattr(np, pool)(h, axis=0)
        np.testing.assert_allclose(got, pooled @ params["2.W"] + params["2.b"][0], **CLOSE)


def test_the_default_pool():
    x, y = shapes((4, 6, 2), (4, 2))
    assert fit(x, y).network.layers[1] == Pool("last")
    assert fit(x, y, bidirectional=True).network.layers[1] == Pool("mean")
    assert fit(x, y, bidirectional=True, pool="last").network.layers[1] == Pool("last")


def by_hand(model, x, steps, feedback):
    """Write steps with an Elman network: x, then zeros or the last output."""
    W, U, b, V, c = (host(model)[name] for name in sorted(host(model), key=_order))
    h, outputs = np.zeros((len(x), 3)), []
    for _ in range(steps):
        h = np.tanh(x @ W + h @ U + b)
        outputs.append(h @ V + c)
        x = outputs[-1] if feedback else 0 * x
    return np.stack(outputs, axis=1)


def _order(name):
    return name.split(".")[-2], "WUb".index(name[-1])


@pytest.mark.parametrize("feedback", [False, True])
def test_one_to_many_written_out(place, feedback):
    x, y = shapes((4, 2), (4, 5, 2))
    model = fit(x, y, feedback=feedback, standardize=False, backend=str(place.backend))
    assert model.mode == "one_to_many"
    np.testing.assert_allclose(model.predict(x), by_hand(model, x, 5, feedback), **CLOSE)
    np.testing.assert_allclose(model.predict(x[:, None]), model.predict(x), **CLOSE)
    np.testing.assert_allclose(model.predict(x[:1]), model.predict(x)[:1], **CLOSE)


@pytest.mark.parametrize("feedback", [False, True])
def test_encoder_and_decoder_written_out(place, feedback):
    """The decoder begins with the encoder's last state and the last valid step of x."""
    x = draw((4, 1, 6))
    y = np.random.default_rng(1).standard_normal((3, 5, 2))
    model = fit(
        x, y, mode="encoder_decoder", feedback=feedback, standardize=False,
        backend=str(place.backend),
    )  # fmt: skip
    params = host(model)
    W, U, b = (params[f"encoder.0.{name}"] for name in "WUb")
    own = {n.removeprefix("decoder."): a for n, a in params.items() if n.startswith("decoder")}
    R, S, d, V, c = (own[name] for name in sorted(own, key=_order))
    for got, sequence in zip(model.predict(x), x, strict=True):
        h = np.zeros((1, 3))
        for step in sequence:
            h = np.tanh(step @ W + h @ U + b)
        reads = sequence[-1]
        for t in range(5):
            h = np.tanh(reads @ R + h @ S + d)
            out = h @ V + c
            np.testing.assert_allclose(got[t], out[0], **CLOSE)
            reads = out[0] if feedback else 0 * reads


@pytest.mark.parametrize("mode", ["one_to_many", "encoder_decoder"])
@pytest.mark.parametrize("feedback", [False, True])
@pytest.mark.parametrize("cell", CELLS)
def test_writers_learn(mode, feedback, cell):
    x = np.linspace(-1, 1, 12).reshape(12, 1, 1)
    y = x * np.array([1.0, -1, 0.5, 2])[:, None]
    x = x if mode == "one_to_many" else np.tile(x, (1, 3, 1))
    options = {"hidden_size": 8, "epochs": 50, "learning_rate": 0.1}
    model = fit(x, y, mode=mode, feedback=feedback, cell=cell, **options)
    assert model.history.loss[-1] < 0.2 * model.history.loss[0]


# Classification


def test_labels_and_one_hot_are_one_training(place):
    """For a sequence and for every step; labels of any integers or whole floats."""
    x = np.random.default_rng(2).standard_normal((6, 5, 2))
    options = {"loss": "cross_entropy", "backend": str(place.backend)}
    last = np.array([0, 2, 1, 1, 0, 2])
    every = np.digitize(x[:, :, 0], [-0.5, 0.5])
    for labels, mode in ((last, "many_to_one"), (every, "many_to_many")):
        model = fit(x, labels, mode=mode, **options)
        assert (model.outputs, model.y_scaler) == (3, None)
        one_hot = fit(x, np.eye(3)[labels], **options)
        columns = fit(x, labels[..., None], mode=mode, **options)
        floats = fit(x, labels.astype("float64"), mode=mode, **options)
        for other in (one_hot, columns, floats):
            assert_same(model, other, **CLOSE)
        p = model.predict_proba(x)
        assert p.shape == model.predict(x).shape == (*labels.shape, 3)
        np.testing.assert_allclose(p.sum(-1), 1, rtol=1e-12)
        assert (p.argmax(-1) == model.predict(x).argmax(-1)).all()
        listed = model.predict_proba(list(x))
        np.testing.assert_allclose(np.stack(list(listed)), p, **CLOSE)


def test_labels_have_no_part_in_the_dtype(place):
    x = [a.astype("float32") for a in draw((4, 1, 6))]
    for labels in (np.array([0, 1, 0]), np.array([0.0, 1, 0])):
        data = {"validation_data": (x, labels), "backend": str(place.backend)}
        for loss in ("cross_entropy", "binary_cross_entropy"):
            model = fit(x, labels, loss=loss, **data)
            assert model.dtype == "float32"
            assert {a.dtype for a in model.predict_proba(x)} == {np.dtype("float32")}


def test_classification_of_ragged_sequences(place):
    x = draw((4, 1, 6, 2))
    every = [np.digitize(a[:, 0], [-0.5, 0.5]) for a in x]
    every[0][0] = 2
    options = {"loss": "cross_entropy", "backend": str(place.backend), "batch_size": 2}
    model = fit(x, every, **options)
    p = model.predict_proba(x)
    assert [a.shape for a in p] == [(4, 3), (1, 3), (6, 3), (2, 3)]
    for a, alone in zip(p, x, strict=True):
        np.testing.assert_allclose(a.sum(-1), 1, rtol=1e-12)
        np.testing.assert_allclose(a, model.predict_proba(alone), **CLOSE)
    wrong = pad([a.astype(float)[:, None] for a in every], 99.0)  # a label only at padding
    padded = fit(pad(x, np.nan), wrong, lengths=[4, 1, 6, 2], **options)
    assert_same(model, padded)
    assert model.evaluate(x, every) == padded.evaluate(pad(x, 0.0), wrong, lengths=[4, 1, 6, 2])
    answers = [(a > 0).astype(int) for a in x]
    model = fit(x, answers, **{**options, "loss": "binary_cross_entropy"})
    assert all(((a > 0) & (a < 1)).all() for a in model.predict_proba(x))


@pytest.mark.parametrize("cell", CELLS)
def test_classification_is_learnt(cell):
    """Which sign has the sum of a sequence of any length."""
    rng = np.random.default_rng(0)
    x = draw(rng.integers(1, 6, 40), features=1)
    y = np.array([int(a.sum() > 0) for a in x])
    model = fit(x, y, loss="cross_entropy", cell=cell, epochs=40, learning_rate=0.1)
    assert (model.predict(x).argmax(-1) == y).mean() > 0.9
    yes = fit(x, y, loss="binary_cross_entropy", cell=cell, epochs=40, learning_rate=0.1)
    assert yes.predict(x).shape == (40,)
    assert ((yes.predict_proba(x) > 0.5) == y).mean() > 0.9


# Validation data of every kind


@given(sizes=ragged_)
@FEW
def test_validation_data_are_evaluated_like_any(place, sizes):
    """Lists, padded arrays with a mask, other lengths than in training."""
    x, new = draw((4, 1, 6), seed=1), draw(sizes, seed=2)
    for mode, target in TARGETS.items():
        y, y_new = target(x), target(new)
        shown = valid(sizes)
        padded = pad(y_new, np.nan) if mode == "many_to_many" else y_new
        for data in ((new, y_new), [pad(new, np.nan), padded, shown]):
            options = {"mode": mode, "backend": str(place.backend), "validation_data": data}
            model = fit(x, y, **options)
            expected = model.evaluate(new, y_new)
            assert model.history.val_loss[-1] == pytest.approx(expected, rel=1e-9)
            assert_same_training(model, fit(x, y, mode=mode, backend=str(place.backend)))


def assert_same_training(model, other):
    for name, array in host(model).items():
        np.testing.assert_array_equal(array, host(other)[name], err_msg=name)
    assert model.history.loss == other.history.loss


def test_validation_labels(place):
    """Fewer classes than in training are all right."""
    x = np.random.default_rng(2).standard_normal((6, 5, 2))
    y = np.array([0, 2, 1, 1, 0, 2])
    model = fit(
        x, y, loss="cross_entropy", backend=str(place.backend), validation_data=(x[2:5], y[2:5])
    )
    assert model.history.val_loss[-1] == pytest.approx(model.evaluate(x[2:5], y[2:5]), rel=1e-9)
    more = fit(x, np.minimum(y, 1), loss=losses.CrossEntropy(num_classes=3), validation_data=(x, y))
    assert more.outputs == 3


def test_dropout_is_off_in_validation_and_prediction(place):
    x = draw((4, 1, 6))
    y = running(x)
    options = {"num_layers": 2, "dropout": 0.5, "recurrent_dropout": 0.5}
    model = fit(x, y, validation_data=(x, y), backend=str(place.backend), **options)
    assert model.history.val_loss[-1] == pytest.approx(model.evaluate(x, y), rel=1e-9)
    for a, b in zip(model.predict(x), model.predict(x), strict=True):
        np.testing.assert_array_equal(a, b)
    drier = fit(x, y, num_layers=2, backend=str(place.backend))
    assert model.history.loss[0] != drier.history.loss[0]


def test_dropout_is_the_same_on_every_backend(place):
    x = draw((4, 1, 6, 2))
    options = {"num_layers": 2, "dropout": 0.5, "recurrent_dropout": 0.5, "batch_size": 2}
    for own in (running(x), np.stack([a[-1] for a in running(x)])):
        here = fit(x, own, cell="lstm", backend=str(place.backend), **options)
        assert_same(here, fit(x, own, cell="lstm", **options), **CLOSE)
        again = fit(x, own, cell="lstm", backend=str(place.backend), **options)
        assert_same_training(here, again)


def test_a_dense_network_takes_lists_too():
    """A network without memory: every step by itself."""
    x = draw((4, 1, 6))
    y = [2 * a + 1 for a in x]
    options = {"network": Dense(2), "epochs": 300, "learning_rate": 0.1}
    options["optimizer"] = "sgd"  # Adam would scale the rounding of a bias near 0 up to its rate
    model = fit(x, y, **options)
    flat = fit(np.concatenate(x), np.concatenate(y), **options)
    assert_same(model, flat, rtol=1e-6, atol=1e-9)
    assert model.evaluate(x, y) < 1e-4


def test_learnt_initial_states_start_every_sequence(place):
    x = draw((4, 1, 6))
    network = Stack((Recurrent(3, "lstm", learn_initial_state=True), Dense(2)))
    model = fit(x, running(x), network=network, backend=str(place.backend), learning_rate=0.1)
    assert all(abs(host(model)[f"0.state.{i}"]).min() > 0 for i in range(2))
    for a, alone in zip(model.predict(x), x, strict=True):
        np.testing.assert_allclose(a, model.predict(alone), **CLOSE)


class Seen(Dense):
    """A layer of one's own that remembers what it was given."""

    inputs: ClassVar[list] = []

    def forward(self, params, x, state, mask, *, noise=None, xp):
        self.inputs.append(x)
        return super().forward(params, x, state, mask, noise=noise, xp=xp)


def test_padding_is_zero_inside_however_it_is_scaled(rng):
    """A layer of one's own that forgets the mask meets no NaN, and nothing large."""
    x = 1e6 + rng.standard_normal((3, 4, 2))
    xprnn.fit(x, x, lengths=[4, 1, 2], network=Seen(2), epochs=1)
    assert (Seen.inputs[0][1:, 1] == 0).all()
    assert (Seen.inputs[0][2:, 2] == 0).all()
    assert (Seen.inputs[0][:, 0] != 0).all()
