"""Losses beyond squares: closed forms, huge outputs, what targets and outputs they take."""

import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import xprnn
from xprnn import losses
from xprnn._sequences.scaling import Scaler
from xprnn.layers import Dense, Recurrent, Stack
from xprnn.losses import BinaryCrossEntropy, CrossEntropy, GaussianNLL, Pinball
from xprnn.losses.units import InUnits, Weighted

SEEDS = st.integers(0, 2**32 - 1)
HUGE = 1e4


def column(*numbers):
    """Return numbers as (T, 1, 1)."""
    return np.array(numbers, dtype="float64").reshape(-1, 1, 1)


def valid_steps(rng):
    """A mask (4, 3, 1) with at least one valid step."""
    kept = rng.random((4, 3, 1)) < 0.6
    kept[0, 0] = True
    return kept


# Huge outputs


STABLE = {
    "labels": (CrossEntropy(), [0, 1, 2], 3),
    "all of cross-entropy": (CrossEntropy((0.5, 1.0, 2.0), 0.1), [0, 1, 2], 3),
    "binary": (BinaryCrossEntropy(), [0, 1, 0.5], 1),
    "pinball": (Pinball((0.1, 0.9)), [-HUGE, 0, HUGE], 2),
    "gaussian": (GaussianNLL(), [-HUGE, 0, HUGE], 2),
}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", STABLE)
def test_outputs_of_ten_thousand_overflow_nowhere(place, name, dtype):
    loss, targets, outputs = STABLE[name]
    grid = np.stack(np.meshgrid(*[[-HUGE, -1, 0, HUGE]] * outputs), axis=-1).reshape(-1, outputs)
    y_hat = np.repeat(grid, len(targets), axis=0)[:, None, :]
    y = np.tile(targets, len(grid))[:, None, None]
    with np.errstate(all="raise", under="ignore"):
        for t in range(len(y)):  # one by one, so that none hides in a sum
            step, truth = place.array(y_hat[t : t + 1], dtype), place.array(y[t : t + 1], dtype)
            value, dy_hat = place.host(loss(step, truth, None, xp=place.xp))
            assert np.isfinite(value)
            assert np.isfinite(dy_hat).all()
            assert value.dtype == dy_hat.dtype == dtype
            if hasattr(loss, "probabilities"):
                p = place.host(loss.probabilities(step, xp=place.xp))
                assert ((p >= 0) & (p <= 1)).all()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_what_ten_thousand_costs(dtype):
    wrong = np.array([[[HUGE, -HUGE]]], dtype)
    value, dy_hat = CrossEntropy()(wrong, column(1), None, xp=np)
    assert float(value) == 2 * HUGE
    assert dy_hat.ravel().tolist() == [1, -1]
    value, dy_hat = BinaryCrossEntropy()(wrong, np.array([[[0.0, 0.0]]]), None, xp=np)
    assert float(value) == HUGE / 2
    assert dy_hat.ravel().tolist() == [0.5, 0]


# Closed forms


@given(masked=st.booleans(), seed=SEEDS)
def test_pinball_by_its_formula(place, masked, seed):
    rng, quantiles = np.random.default_rng(seed), (0.1, 0.5, 0.8)
    y_hat, y = rng.standard_normal((4, 3, 6)), rng.standard_normal((4, 3, 2))
    kept = valid_steps(rng) if masked else np.ones((4, 3, 1), dtype=bool)
    terms = [
        q * (y[t, b, o] - y_hat[t, b, 2 * i + o])
        if y[t, b, o] > y_hat[t, b, 2 * i + o]
        else (1 - q) * (y_hat[t, b, 2 * i + o] - y[t, b, o])
        for t, b in np.argwhere(kept[..., 0])
        for i, q in enumerate(quantiles)
        for o in range(2)
    ]
    mask = place.mask(kept) if masked else None
    value, _ = Pinball(quantiles)(place.array(y_hat), place.array(y), mask, xp=place.xp)
    assert float(value) == pytest.approx(np.mean(terms), rel=1e-12)


@given(quantile=st.floats(0.05, 0.95), seed=SEEDS)
def test_the_minimum_of_pinball_is_the_quantile(quantile, seed):
    y = np.random.default_rng(seed).standard_normal((101, 1, 1))
    best = np.quantile(y, quantile, method="inverted_cdf")

    def value(y_hat):
        return float(Pinball((quantile,))(np.full_like(y, y_hat), y, None, xp=np)[0])

    assert all(value(best) <= value(other) + 1e-15 for other in y.ravel())


@given(seed=SEEDS)
def test_the_median_of_pinball_is_half_the_absolute_error(seed):
    y_hat, y = np.random.default_rng(seed).standard_normal((2, 4, 3, 2))
    half = Pinball()(y_hat, y, None, xp=np)
    for ours, theirs in zip(half, losses.MAE()(y_hat, y, None, xp=np), strict=True):
        np.testing.assert_allclose(2 * ours, theirs, rtol=1e-14)


def test_pinball_at_its_kink():
    value, dy_hat = Pinball((0.9,))(column(2), column(2), None, xp=np)
    assert (float(value), dy_hat.item()) == (0, 0)


@given(masked=st.booleans(), seed=SEEDS)
def test_gaussian_nll_is_the_likelihood_of_the_normal_distribution(place, masked, seed):
    rng = np.random.default_rng(seed)
    mean, log_variance, y = rng.standard_normal((3, 4, 3, 2))
    kept = valid_steps(rng) if masked else np.ones((4, 3, 1), dtype=bool)
    variance = np.exp(log_variance)
    density = np.exp(-((y - mean) ** 2) / (2 * variance)) / np.sqrt(2 * np.pi * variance)
    terms = (-np.log(density) - 0.5 * np.log(2 * np.pi))[kept[..., 0]]
    y_hat = place.array(np.concatenate([mean, log_variance], axis=-1))
    mask = place.mask(kept) if masked else None
    value, _ = GaussianNLL()(y_hat, place.array(y), mask, xp=place.xp)
    assert float(value) == pytest.approx(terms.mean(), rel=1e-12)


def test_below_its_bound_the_variance_does_not_count():
    loss, y = GaussianNLL(min_variance=0.25), column(0)
    values, gradients = zip(
        *[loss(np.array([[[1.0, s]]]), y, None, xp=np) for s in (np.log(0.25), -2, -100)],
        strict=True,
    )
    assert {float(value) for value in values} == {0.5 * (np.log(0.25) + 4)}
    assert [dy_hat.ravel().tolist() for dy_hat in gradients] == [[4, 0]] * 3


@given(masked=st.booleans(), seed=SEEDS)
def test_cross_entropy_by_its_formula(place, masked, seed):
    """Weights, smoothing and the mean over the weights, step by step."""
    rng, weights, smoothing = np.random.default_rng(seed), np.array([0.5, 2.0, 1.0]), 0.3
    y_hat, labels = rng.standard_normal((4, 3, 3)), rng.integers(3, size=(4, 3, 1))
    kept = valid_steps(rng) if masked else np.ones((4, 3, 1), dtype=bool)
    lost = weight = 0.0
    for t, b in np.argwhere(kept[..., 0]):
        log_p = np.log(np.exp(y_hat[t, b]) / np.exp(y_hat[t, b]).sum())
        label = labels[t, b, 0]
        lost -= (1 - smoothing) * weights[label] * log_p[label]
        lost -= smoothing / 3 * (weights * log_p).sum()
        weight += weights[label]
    mask = place.mask(kept) if masked else None
    loss = CrossEntropy(weights, smoothing)
    for y in (
        place.array(labels),
        place.array(labels, "int64"),
        place.array(np.eye(3)[labels[..., 0]]),
    ):
        value, _ = loss(place.array(y_hat), y, mask, xp=place.xp)
        assert float(value) == pytest.approx(lost / weight, rel=1e-12)


@given(scale=st.sampled_from([1.0, 30.0]), seed=SEEDS)
def test_probabilities(place, scale, seed):
    """They sum to 1, and the losses are the logarithms of them."""
    rng = np.random.default_rng(seed)
    y_hat = place.array(scale * rng.standard_normal((1, 1, 3)))
    p = place.host(CrossEntropy().probabilities(y_hat, xp=place.xp))
    assert p.sum() == pytest.approx(1, rel=1e-14)
    for label in range(3):
        value, _ = CrossEntropy()(y_hat, place.array(column(label)), None, xp=place.xp)
        assert p[0, 0, label] == pytest.approx(np.exp(-float(value)), rel=1e-12)
    p = place.host(BinaryCrossEntropy().probabilities(y_hat, xp=place.xp))
    np.testing.assert_allclose(p, 1 / (1 + np.exp(-place.host(y_hat))), rtol=1e-13)
    yes = place.array(np.ones((1, 1, 3)))
    value, _ = BinaryCrossEntropy()(y_hat, yes, None, xp=place.xp)
    assert float(value) == pytest.approx(-np.log(p).mean(), rel=1e-12)


# How many outputs, and of what targets


@pytest.mark.parametrize(
    ("loss", "y", "expected"),
    [
        (CrossEntropy(), column(0, 3, 1), 4),
        (CrossEntropy(), column(0, 1), 2),
        (CrossEntropy(), column(0, 0), 2),
        (CrossEntropy(), column(1, 1), 2),
        (CrossEntropy(num_classes=7), column(0, 3), 7),
        (CrossEntropy((1, 2, 3, 4)), column(0, 3), 4),
        (CrossEntropy(), np.eye(3)[:, None, :], 3),
        (CrossEntropy((1, 2, 3)), np.full((2, 1, 3), 1 / 3), 3),
        (BinaryCrossEntropy(), np.array([[[0.0, 0.5, 1.0]]]), 3),
        (Pinball((0.1, 0.5, 0.9)), np.zeros((4, 1, 2)), 6),
        (GaussianNLL(), np.zeros((4, 1, 3)), 6),
        (losses.MSE(), np.zeros((4, 1, 3)), 3),
    ],
)
@pytest.mark.parametrize("bad", [np.nan, -1.0, 1e9, 0.3])
def test_outputs(place, loss, y, expected, bad):
    """With and without padding, whatever that holds."""
    assert losses.outputs(loss, place.array(y), None, xp=place.xp) == expected
    padded = place.array(np.concatenate([y, np.full_like(y[:1], bad)]))
    mask = place.mask(np.arange(len(y) + 1)[:, None, None] < np.full((1, y.shape[1], 1), len(y)))
    assert losses.outputs(loss, padded, mask, xp=place.xp) == expected


def test_outputs_of_integers(place):
    labels = place.array(column(0, 3, 1), "int64")
    assert losses.outputs(CrossEntropy(), labels, None, xp=place.xp) == 4
    answers = place.array(column(0, 1, 1), "int64")
    assert losses.outputs(BinaryCrossEntropy(), answers, None, xp=place.xp) == 1


@pytest.mark.parametrize(
    ("loss", "y", "message"),
    [
        (CrossEntropy(), column(0, -1), r"y must hold class labels 0, 1, 2, …, got -1 at step 1"),
        (CrossEntropy(), column(0, 0, 1.5), r"y .*, got 1.5 at step 2 of sequence 0"),
        (CrossEntropy(), column(np.nan), r"y .*, got nan at step 0"),
        (CrossEntropy(), column(np.inf), r"y .*, got inf at step 0"),
        (CrossEntropy(num_classes=3), column(2, 3), r"y must hold class labels 0 to 2, got 3"),
        (CrossEntropy((1, 2)), column(0, 2), r"y must hold class labels 0 to 1, got 2"),
        (CrossEntropy((1, 2)), np.eye(3)[:, None, :], r"y .* 2 classes, got 3 columns"),
        (CrossEntropy(num_classes=4), np.eye(3)[:, None, :], r"y .* 4 classes, got 3 columns"),
        (CrossEntropy(), np.array([[[2.0, 1.0]]]), r"y must hold probabilities .*, got 2, 1 at"),
        (CrossEntropy(), np.array([[[1.5, -0.5]]]), r"y .* got 1.5, -0.5 at step 0 of sequence 0"),
        (
            BinaryCrossEntropy(),
            column(0, 1, 2),
            r"y must hold numbers from 0 to 1, got 2 at step 2",
        ),
        (BinaryCrossEntropy(), column(-0.1), r"y must hold numbers from 0 to 1, got -0.1"),
        (BinaryCrossEntropy(), column(np.nan), r"y must hold numbers from 0 to 1, got nan"),
    ],
)
def test_targets_that_a_loss_cannot_take(place, loss, y, message):
    with pytest.raises(ValueError, match=message):
        losses.outputs(loss, place.array(y), None, xp=place.xp)


@pytest.mark.parametrize(
    ("loss", "outputs", "y", "message"),
    [
        (CrossEntropy(), 1, column(0), "2 outputs, one for each class, got 1"),
        (CrossEntropy(), 2, np.eye(3)[:1, None, :], "3 outputs, one for each class, got 2"),
        (CrossEntropy((1, 2, 3)), 2, column(0), "3 outputs, one for each class, got 2"),
        (Pinball((0.1, 0.9)), 1, column(0), r"2 outputs, 2 quantile\(s\) of 1, got 1"),
        (GaussianNLL(), 1, column(0), r"2 outputs, 1 mean\(s\) and .*, got 1"),
    ],
)
def test_a_network_with_other_outputs(loss, outputs, y, message):
    with pytest.raises(ValueError, match=f"y_hat must have {message}"):
        loss(np.zeros((1, 1, outputs)), y, None, xp=np)


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: CrossEntropy(class_weights=3.0), TypeError, "class_weights must be a tuple"),
        (lambda: CrossEntropy((1.0,)), ValueError, "class_weights must hold at least 2"),
        (lambda: CrossEntropy((1.0, 0.0)), ValueError, r"class_weights\[1\] must be .* above 0"),
        (
            lambda: CrossEntropy((1, 2), num_classes=3),
            ValueError,
            "must hold num_classes=3 numbers",
        ),
        (lambda: CrossEntropy(num_classes=1), ValueError, "num_classes must be at least 2, got 1"),
        (lambda: CrossEntropy(num_classes=2.0), TypeError, "num_classes must be an integer"),
        (lambda: CrossEntropy(label_smoothing=1), ValueError, "label_smoothing must be .* below 1"),
        (lambda: CrossEntropy(label_smoothing=-0.1), ValueError, "label_smoothing"),
        (lambda: Pinball(0.5), TypeError, "quantiles must be a tuple of numbers, got 0.5"),
        (lambda: Pinball("0.5"), TypeError, "quantiles must be a tuple of numbers, got '0.5'"),
        (lambda: Pinball(()), ValueError, "quantiles must hold at least 1"),
        (lambda: Pinball((0.5, 1.0)), ValueError, r"quantiles\[1\] must be .* below 1, got 1.0"),
        (lambda: GaussianNLL(0), ValueError, "min_variance must be a finite number above 0, got 0"),
    ],
)
def test_hyperparameters_are_checked(make, error, message):
    with pytest.raises(error, match=message):
        make()


def test_hyperparameters_are_settled_as_plain_numbers():
    """From arrays and lists as well; the losses compare, hash and pickle."""
    for loss in (
        CrossEntropy(np.array([1, 2]), np.float32(0.5), np.int64(2)),
        Pinball([np.float32(0.5)]),
        GaussianNLL(np.float64(1)),
    ):
        assert pickle.loads(pickle.dumps(loss)) == loss
        assert hash(loss) == hash(pickle.loads(pickle.dumps(loss)))
    assert CrossEntropy(np.array([1, 2])) == CrossEntropy((1.0, 2.0))


# Standardised targets


def test_which_losses_standardise():
    labels = {name for name, loss in losses.TABLE.items() if not losses.standardizes(loss)}
    assert labels == {"cross_entropy", "binary_cross_entropy"}


def test_a_loss_of_ones_own_needs_no_more_than_to_be_called(place):
    def own(y_hat, y, mask, *, xp):
        return xp.sum(y_hat), y_hat

    scaler = Scaler(place.array([1.0]), place.array([2.0]))
    assert losses.outputs(own, place.array(np.zeros((3, 1, 2))), None, xp=place.xp) == 2
    assert losses.standardizes(own)
    assert float(losses.unscale(own, place.array([3.0]), scaler, xp=place.xp)[0]) == 7


@given(lead=st.sampled_from([(), (2,)]), seed=SEEDS)
def test_unscaled_outputs_are_those_for_y_in_its_units(place, lead, seed):
    """Losses of quantities grow with the unit; a likelihood loses the logarithm of it."""
    rng, xp = np.random.default_rng(seed), place.xp
    one = float(rng.uniform(0.1, 10))
    scaler = Scaler(place.array(rng.standard_normal(2)), place.array([one, one]))
    y = place.array(rng.standard_normal((4, 3, 2)))
    for loss, outputs, expected in [
        (losses.MAE(), 2, lambda value: one * value),
        (losses.MSE(), 2, lambda value: one**2 * value),
        (Pinball((0.1, 0.5, 0.9)), 6, lambda value: one * value),
        (GaussianNLL(1e-9), 4, lambda value: value + np.log(one)),
    ]:
        y_hat = place.array(rng.standard_normal((*lead, 4, 3, outputs)))
        value = place.host(loss(y_hat, y, None, xp=xp)[0])
        units = losses.unscale(loss, y_hat, scaler, xp=xp)
        assert units.shape == y_hat.shape
        got = place.host(loss(units, scaler.invert(y), None, xp=xp)[0])
        np.testing.assert_allclose(got, expected(value), rtol=1e-12, atol=1e-13)


def test_every_block_is_unscaled_by_its_own_feature(place):
    scaler = Scaler(place.array([1.0, 2.0]), place.array([10.0, 100.0]))
    y_hat = place.array([1.0, 1.0, 3.0, 3.0])
    quantiles = losses.unscale(Pinball((0.1, 0.9)), y_hat, scaler, xp=place.xp)
    assert place.host(quantiles).tolist() == [11, 102, 31, 302]
    gaussian = losses.unscale(GaussianNLL(), y_hat, scaler, xp=place.xp)
    expected = [11, 102, 3 + np.log(10**2), 3 + np.log(100**2)]
    np.testing.assert_allclose(place.host(gaussian), expected, rtol=1e-14)


# Losses in the units of y


QUANTITIES = [name for name in sorted(losses.TABLE) if losses.standardizes(losses.get(name))]


@given(
    name=st.sampled_from(QUANTITIES),
    outputs=st.integers(1, 3),
    exponents=st.lists(st.floats(-15, 15), min_size=3, max_size=3),
    dtype=st.sampled_from(["float32", "float64"]),
    weighted=st.booleans(),
    masked=st.booleans(),
    seed=SEEDS,
)
def test_a_loss_is_reported_in_the_units_of_y(
    place, name, outputs, exponents, dtype, weighted, masked, seed
):
    """As if it were computed of numbers in these units, whose mean is 0, in float64."""
    rng, xp, loss = np.random.default_rng(seed), place.xp, losses.get(name)
    y = rng.standard_normal((4, 3, outputs)).astype(dtype).astype("float64")
    wide = losses.outputs(loss, y, None, xp=np)
    y_hat = rng.standard_normal((4, 3, wide)).astype(dtype).astype("float64")
    mask = rng.random((4, 3, 1)) < 0.7 if masked else None
    if masked:
        mask[0, 0] = True
    weights = rng.random((4, 3, 1)).astype(dtype) + 0.1 if weighted else None
    scale = 10.0 ** np.array(exponents[:outputs])
    free = getattr(loss, "unbounded", loss)  # its bound is that of the standardised y
    direct = free if weights is None else Weighted(free, weights.astype("float64"))
    centred = Scaler(np.zeros(outputs), scale)
    own = losses.unscale(loss, y_hat, centred, xp=np)
    expected = float(direct(own, centred.invert(y), mask, xp=np)[0])
    scaler = Scaler(place.array(np.full(outputs, 1e9)), place.array(scale))
    arguments = (
        place.array(y_hat, dtype), place.array(y, dtype), None if mask is None else place.mask(mask)
    )  # fmt: skip
    moved = None if weights is None else place.array(weights, dtype)
    value, dy_hat = InUnits(loss, scaler, moved)(*arguments, xp=xp)
    # float32 rounds before the unit comes in, where one factor is all that the unit is
    rel = 1e-5 if dtype == "float32" else 1e-12
    assert float(value.in_units) == pytest.approx(expected, rel=rel, abs=1e-12)
    plain = loss if weights is None else Weighted(loss, moved)
    minimised, slope = plain(*arguments, xp=xp)
    assert float(value.minimised) == float(minimised)
    np.testing.assert_array_equal(place.host(dy_hat), place.host(slope))


@pytest.mark.parametrize("name", QUANTITIES)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_what_a_loss_says_of_itself(name, dtype):
    """That errors are all it looks at, and what a factor does to it."""
    rng, loss = np.random.default_rng(0), losses.get(name)
    y = rng.standard_normal((4, 3, 1))
    y_hat = rng.standard_normal((4, 3, losses.outputs(loss, y, None, xp=np)))
    value = loss(y_hat, y, None, xp=np)[0]
    assert loss.of_errors
    shifted = losses.unscale(loss, y_hat, Scaler(np.array([8.0]), np.array([1.0])), xp=np)
    assert loss(shifted, y + 8, None, xp=np)[0] == pytest.approx(value, rel=1e-12)
    if hasattr(loss, "degree"):
        grown = loss(4 * y_hat, 4 * y, None, xp=np)[0]
        assert grown == pytest.approx(4**loss.degree * value, rel=1e-12)


def test_a_loss_of_ones_own_sees_the_mean(place):
    """It may look at more than errors: here at their size beside that of y."""

    def relative(y_hat, y, mask, *, xp):
        return xp.mean(xp.abs((y_hat - y) / y)), xp.zeros_like(y_hat)

    scaler = Scaler(place.array([10.0]), place.array([1.0]))
    y_hat, y = (place.array(np.full((2, 1, 1), n), "float32") for n in (12, 10))
    value, _ = InUnits(relative, scaler)(y_hat, y, None, xp=place.xp)
    assert float(value.in_units) == pytest.approx(0.1)


@pytest.mark.parametrize("unit", [1e-30, 1e-3, 1e3])
def test_the_likelihood_of_a_gaussian_has_no_unit(unit):
    """A unit adds its logarithm, though the network is surer than the bound allows."""
    x = np.sin(np.linspace(0, 20, 100))
    network = Stack((Recurrent(4), Dense(2)))
    options = {"network": network, "loss": GaussianNLL(0.5), "epochs": 40, "learning_rate": 0.03}
    model, other = xprnn.fit(x, x, **options), xprnn.fit(x, unit * x, **options)
    assert min(model.history.loss) < np.log(x.std()) + 0.5 * np.log(0.5) + 0.1  # it acts
    np.testing.assert_allclose(
        np.asarray(other.history.loss) - np.log(unit), model.history.loss, rtol=1e-9, atol=1e-9
    )
    ours, its = model.evaluate(x, x), other.evaluate(x, unit * x)
    assert its - np.log(unit) == pytest.approx(ours, rel=1e-9, abs=1e-9)
    variance = np.exp(model.predict(x)[:, 1])
    assert variance.min() >= 0.5 * x.var() * (1 - 1e-9)
