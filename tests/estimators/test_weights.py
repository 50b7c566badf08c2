"""What fit needs for the estimators: weights are repetitions, and a start is a continuation."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import xprnn
from xprnn import losses, optimizers
from xprnn._sequences.scaling import Scaler
from xprnn.layers import Dense, Pool, Recurrent, Stack
from xprnn.losses.units import Weighted

LOSSES = {
    **{name: losses.get(name) for name in ("half_mse", "mse", "mae", "huber", "gaussian_nll")},
    "pinball": losses.Pinball((0.1, 0.5, 0.9)),
    "cross_entropy": losses.CrossEntropy(label_smoothing=0.1, num_classes=3),
    "binary_cross_entropy": losses.BinaryCrossEntropy(),
}


def targets(loss, shape, rng):
    """Return y (T, B, 1) that the loss can take."""
    if isinstance(loss, losses.CrossEntropy):
        return rng.integers(0, 3, shape).astype("float64")
    if isinstance(loss, losses.BinaryCrossEntropy):
        return rng.uniform(size=shape)
    return rng.standard_normal(shape)


@pytest.mark.parametrize("name", LOSSES)
@given(
    T=st.integers(1, 4),
    weights=st.lists(st.integers(0, 3), min_size=1, max_size=4).filter(any),
    masked=st.booleans(),
    seed=st.integers(0, 99),
)
def test_whole_weights_repeat_sequences(place, name, T, weights, masked, seed):
    rng, loss, B = np.random.default_rng(seed), LOSSES[name], len(weights)
    y = targets(loss, (T, B, 1), rng)
    outputs = losses.outputs(loss, place.array(y), None, xp=place.xp)
    y_hat = rng.standard_normal((T, B, outputs))
    lengths = rng.integers(1, T + 1, B) if masked else np.full(B, T)
    mask = (np.arange(T)[:, None] < lengths)[:, :, None]
    if masked:
        y_hat = np.where(mask, y_hat, np.nan)
    copies = np.repeat(np.arange(B), weights)
    total = (mask * np.asarray(weights)[:, None]).sum()
    scaled = np.asarray(weights)[None, :, None] * mask.sum() / total

    def computed(loss, *arrays, shown):
        shown = place.mask(shown) if masked else None
        return place.host(loss(*map(place.array, arrays), shown, xp=place.xp))

    weighted = Weighted(loss, place.array(scaled))
    value, slope = computed(weighted, y_hat, y, shown=mask)
    again, slopes = computed(loss, y_hat[:, copies], y[:, copies], shown=mask[:, copies])
    assert value == pytest.approx(again, rel=1e-12, abs=1e-12)
    summed = np.zeros_like(slope)
    np.add.at(summed, (slice(None), copies), slopes)
    np.testing.assert_allclose(slope, summed, rtol=1e-12, atol=1e-14)


@given(
    weights=st.lists(st.integers(0, 3), min_size=2, max_size=6).filter(lambda w: sum(w) > 1),
    seed=st.integers(0, 99),
)
def test_scaler_with_weights_is_that_of_repeated_rows(place, weights, seed):
    x = 5 + np.random.default_rng(seed).standard_normal((len(weights), 3))
    x[:, 2] = 7.0
    kept = np.asarray(weights) > 0
    own = Scaler.of(
        place.array(x[kept]), place.array(np.asarray(weights, "float64")[kept]), xp=place.xp
    )
    repeated = np.repeat(x, weights, axis=0)
    np.testing.assert_allclose(place.host(own.mean), repeated.mean(axis=0), rtol=1e-13)
    spread = np.where(np.ptp(repeated, axis=0) > 0, repeated.std(axis=0), 1)
    np.testing.assert_allclose(place.host(own.scale), spread, rtol=1e-10)


CASES = {
    "many to one": {},
    "many to many": {"mode": "many_to_many"},
    "ragged": {"ragged": True},
    "in chunks": {"mode": "many_to_many", "tbptt": 2},
    "as they are": {"standardize": False},
}


@pytest.mark.parametrize("case", CASES)
def test_fit_with_weights_is_fit_of_repeated_sequences(place, case):
    rng, settings = np.random.default_rng(3), dict(CASES[case])
    ragged, weights = settings.pop("ragged", False), np.array([2, 0, 1, 3, 1])
    copies = np.repeat(np.arange(5), weights)
    x = 4 + 2 * rng.standard_normal((5, 5, 2))
    y = x.sum(axis=(1, 2)) if case in ("many to one", "as they are") else x.cumsum(axis=1)[..., 0]
    if ragged:
        lengths = (5, 2, 4, 1, 3)
        parts = [place.array(a[:n]) for a, n in zip(x, lengths, strict=True)]
        goals = [place.array(a[:n]) for a, n in zip(y, lengths, strict=True)]
        first, second = (parts, goals), ([parts[i] for i in copies], [goals[i] for i in copies])
    else:
        first = place.array(x), place.array(y)
        second = place.array(x[copies]), place.array(y[copies])
    settings |= {"epochs": 4, "hidden_size": 3, "optimizer": optimizers.SGD(0.1)}
    own = xprnn.fit(*first, sample_weight=10 * weights, **settings)
    other = xprnn.fit(*second, **settings)
    np.testing.assert_allclose(own.history.loss, other.history.loss, rtol=1e-10)
    for name, array in place.host(other.named()).items():
        np.testing.assert_allclose(
            place.host(own.named())[name], array, rtol=1e-9, atol=1e-11, err_msg=name
        )


def test_weights_of_steps_leave_steps_out(place):
    """A step of weight 0 is a step that the loss does not see."""
    rng = np.random.default_rng(4)
    x, y = rng.standard_normal((3, 6, 1)), rng.standard_normal((3, 6, 1))
    weights = np.ones((3, 6))
    weights[:, 4:] = 0
    settings = {"epochs": 3, "hidden_size": 3, "standardize": False}
    own = xprnn.fit(place.array(x), place.array(y), sample_weight=weights, **settings)
    other = xprnn.fit(place.array(x[:, :4]), place.array(y[:, :4]), **settings)
    for name, array in place.host(other.named()).items():
        np.testing.assert_allclose(place.host(own.named())[name], array, rtol=1e-9, err_msg=name)


@pytest.mark.parametrize("batch_size", [None, 2])
def test_equal_weights_are_none(batch_size):
    rng = np.random.default_rng(5)
    x = [rng.standard_normal((n, 2)) for n in (3, 5, 1, 4, 2)]
    y = [np.cumsum(a[:, :1], axis=0) for a in x]
    settings = {"epochs": 3, "hidden_size": 3, "batch_size": batch_size}
    own = xprnn.fit(x, y, sample_weight=np.full(5, 0.3), **settings)
    other = xprnn.fit(x, y, **settings)
    np.testing.assert_allclose(own.history.loss, other.history.loss, rtol=1e-10)
    np.testing.assert_allclose(own.named()["0.U"], other.named()["0.U"], rtol=1e-8)


@pytest.mark.parametrize("cut", [{"batch_size": 2}, {"tbptt": 2}, {"batch_size": 2, "tbptt": 2}])
@pytest.mark.parametrize("per_step", [False, True])
@pytest.mark.parametrize("even", [False, True])
def test_weights_go_where_their_sequences_go(place, cut, per_step, even):
    """Where nothing is learnt, the loss of an epoch is the same in any pieces."""
    rng = np.random.default_rng(6)
    lengths = (4,) * 5 if even else (3, 5, 1, 4, 2)
    x = [place.array(rng.standard_normal((n, 2))) for n in lengths]
    y = [place.array(100.0**i * rng.standard_normal((n, 1))) for i, n in enumerate(lengths)]
    weights = rng.uniform(size=(5, max(lengths)) if per_step else 5)
    still = {"epochs": 1, "hidden_size": 3, "optimizer": optimizers.SGD(1e-300)}
    own = xprnn.fit(x, y, sample_weight=weights, **still, **cut)
    whole = xprnn.fit(x, y, sample_weight=weights, **still)
    assert own.history.loss == pytest.approx(whole.history.loss, rel=1e-10)
    other = xprnn.fit(x, y, sample_weight=weights[::-1].copy(), **still)
    assert other.history.loss != pytest.approx(whole.history.loss, rel=1e-3)


X = np.random.default_rng(0).standard_normal((4, 3, 2))
Y = X[:, -1, 0]


@pytest.mark.parametrize(
    ("weights", "said"),
    [
        (np.ones(3), r"shape \(4,\), one number for each sequence, got \(3,\)"),
        (np.ones((4, 3)), r"shape \(4,\), one number for each sequence, got \(4, 3\)"),
        ([1, 1, -1, 1], "below zero, got -1.0"),
        ([1, np.nan, 1, 1], "sample_weight must be finite"),
        (np.zeros(4), "above zero, got a weight of zero for all"),
    ],
)
def test_weights_that_do_not_fit_are_refused(weights, said):
    with pytest.raises(ValueError, match=said):
        xprnn.fit(X, Y, sample_weight=weights, epochs=1)


def test_weights_and_a_loss_with_class_weights_are_refused():
    loss = losses.CrossEntropy(class_weights=(1.0, 2.0))
    with pytest.raises(ValueError, match="sample_weight and the class_weights of the loss"):
        xprnn.fit(X, (Y > 0).astype(int), loss=loss, sample_weight=np.ones(4), epochs=1)


# Starting from a model


@pytest.mark.parametrize("standardize", [True, False])
def test_a_start_goes_on_where_the_model_stands(place, standardize):
    """SGD remembers nothing: two epochs and three more are five."""
    x, y = place.array(3 + X), place.array(Y)
    settings = {"optimizer": optimizers.SGD(0.1), "standardize": standardize}
    whole = xprnn.fit(x, y, hidden_size=3, epochs=5, **settings)
    begun = xprnn.fit(x, y, hidden_size=3, epochs=2, **settings)
    before = place.host(begun.named())
    ended = xprnn.fit(x, y, epochs=3, warm_start=begun, **settings)
    for name, array in place.host(whole.named()).items():
        np.testing.assert_allclose(place.host(ended.named())[name], array, rtol=1e-12, err_msg=name)
        np.testing.assert_array_equal(place.host(begun.named())[name], before[name])
    assert ended.history.loss == pytest.approx(whole.history.loss[2:], rel=1e-12)


def test_a_start_keeps_the_standardisation():
    begun = xprnn.fit(X, Y, hidden_size=3, epochs=1)
    ended = xprnn.fit(100 * X, Y + 50, epochs=1, warm_start=begun)
    np.testing.assert_array_equal(ended.x_scaler.mean, begun.x_scaler.mean)
    np.testing.assert_array_equal(ended.y_scaler.scale, begun.y_scaler.scale)
    plain = xprnn.fit(X, Y, hidden_size=3, epochs=1, standardize=False)
    assert xprnn.fit(X, Y, epochs=1, warm_start=plain).x_scaler is None


def test_a_start_of_float64_stays_float64():
    begun = xprnn.fit(X, Y, hidden_size=3, epochs=1)
    x, y = X.astype("float32"), Y.astype("float32")
    assert xprnn.fit(x, y, epochs=1, warm_start=begun).dtype == "float64"


def test_a_start_where_numpy_arrays_are_moved_to(place):
    begun = xprnn.fit(X, Y, hidden_size=3, epochs=1, backend=place.backend)
    assert xprnn.fit(X, Y, epochs=1, warm_start=begun).backend == place.backend


MODEL = xprnn.fit(X, Y, hidden_size=3, epochs=1)


@pytest.mark.parametrize(
    ("x", "y", "settings", "error", "said"),
    [
        (X, Y, {"warm_start": "model.npz"}, TypeError, "warm_start must be a Model"),
        (X, Y, {"hidden_size": 5}, ValueError, "hidden_size describe"),
        (
            X[:, :, :1],
            Y,
            {},
            ValueError,
            r"warm_start has 2 feature\(s\) and 1 output\(s\), but x, y and the loss need 1 and 1",
        ),
        (X, X, {}, ValueError, "was trained for mode='many_to_one'"),
        (X, Y > 0, {"loss": "cross_entropy"}, ValueError, "output"),
        (X, Y > 0, {"loss": "binary_cross_entropy"}, ValueError, "is for classes"),
        (
            X,
            Y,
            {"network": Stack((Recurrent(2), Pool("last"), Dense(1)))},
            ValueError,
            "leave network out",
        ),
    ],
)
def test_starts_that_do_not_fit_are_refused(x, y, settings, error, said):
    with pytest.raises(error, match=said):
        xprnn.fit(x, np.asarray(y, "float64"), **({"warm_start": MODEL, "epochs": 1} | settings))


def test_a_start_elsewhere_is_refused(place):
    if place.backend.name == "numpy":
        begun = xprnn.fit(X, Y, hidden_size=3, epochs=1, backend="array_api_strict")
    else:
        begun = xprnn.fit(X, Y, hidden_size=3, epochs=1, backend=place.backend)
    with pytest.raises(ValueError, match="warm_start is on"):
        xprnn.fit(X, Y, epochs=1, warm_start=begun, backend="numpy")
