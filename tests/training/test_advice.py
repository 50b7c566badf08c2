"""The warnings of extreme targets, and of a training that learned nothing."""

import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import xprnn
from xprnn.training import Method, Network, prepare, train

RNG = np.random.default_rng(0)
X, Z = RNG.standard_normal((2, 300, 6, 1))
STUCK = r"^after \d+ updates the loss is .*, and a constant output has"


def warned(call):
    """Return the texts of the warnings of a call."""
    with warnings.catch_warnings(record=True, action="always") as seen:
        call()
    return [str(each.message) for each in seen]


def heavy(seed, count=1000):
    return np.random.default_rng(seed).standard_t(1.2, (1, count, 1))


def prepared(y, **options):
    method = Method(
        **{name: options.pop(name) for name in ("loss", "standardize") if name in options}
    )
    return prepare(0 * y, y, Network(hidden_size=2), method, **options)


@pytest.mark.parametrize(
    "draw",
    [
        lambda rng, n: rng.standard_normal(n),
        lambda rng, n: rng.exponential(size=n),
        lambda rng, n: rng.poisson(3, n),
        lambda rng, n: rng.poisson(0.01, n),
        lambda rng, n: rng.lognormal(0, 1, n),
        lambda rng, n: 0.1 * rng.standard_normal(n) + 10 * (rng.random(n) < 0.05),
        lambda rng, n: np.ones(n),
    ],
    ids=["normal", "exponential", "counts", "sparse", "lognormal", "pulses", "constant"],
)
@given(seed=st.integers(0, 99))
def test_ordinary_targets_are_not_extreme(draw, seed):
    for count in (20, 1000, 100_000):
        y = draw(np.random.default_rng(seed), count)[None, :, None].astype("float64")
        assert warned(lambda y=y: prepared(y)) == []


@pytest.mark.parametrize("loss", ["mse", "half_mse"])
def test_heavy_tails_are_extreme_for_a_squared_error(place, loss):
    """In any column, in any unit, and whatever the padding."""
    ys = [place.array(heavy(seed)) for seed in range(20)]
    seen = [len(warned(lambda y=y: prepared(y, loss=loss))) for y in ys]
    assert max(seen) == 1
    assert sum(seen) >= 17
    y = np.concatenate([RNG.standard_normal((1, 1000, 1)), 1e6 * heavy(3) + 1e9], axis=2)
    with pytest.warns(UserWarning, match=r"^y has extreme values: one is \d\d standard dev.*huber"):
        prepared(place.array(y), loss=loss)
    padded = np.concatenate([y, np.full((1, 3000, 2), np.nan)], axis=1)
    with pytest.warns(UserWarning, match="^y has extreme values"):
        prepared(place.array(np.nan_to_num(padded)), loss=loss, lengths=[1000])


def test_who_deals_with_extremes_is_not_warned():
    y = heavy(3)
    for options in ({"loss": "huber"}, {"loss": "mae"}, {"standardize": False}):
        assert warned(lambda options=options: prepared(y, **options)) == []
    ordinary = (abs(y) < 5)[:, :, 0].astype(float)
    assert warned(lambda: prepared(y, sample_weight=ordinary)) == []
    assert len(warned(lambda: prepared(y))) == 1


@pytest.mark.parametrize(
    "options",
    [
        {"learning_rate": 1e-7},
        {"learning_rate": 1e-7, "batch_size": 60, "epochs": 20},
        {"learning_rate": 1e-7, "loss": "cross_entropy"},
        {"learning_rate": 1e-7, "recurrent_dropout": 0.5},
    ],
    ids=str,
)
def test_a_training_that_learns_nothing_is_told(options):
    labels = options.get("loss") == "cross_entropy"
    y = (Z[:, 0, 0] > 0).astype(int) if labels else Z[:, 0, 0]
    with pytest.warns(UserWarning, match=STUCK):
        xprnn.fit(X, y, **{"epochs": 100, "hidden_size": 4, **options})


def test_an_x_that_says_nothing_is_told():
    with pytest.warns(UserWarning, match=STUCK):
        xprnn.fit(np.ones_like(X), Z, epochs=100, hidden_size=2)


def test_who_learns_or_has_just_begun_is_not_warned():
    assert warned(lambda: xprnn.fit(X, X, epochs=100, hidden_size=8)) == []
    options = {"epochs": 99, "hidden_size": 4, "learning_rate": 1e-7, "batch_size": None}
    assert warned(lambda: xprnn.fit(X, Z, **options)) == []
    assert warned(lambda: xprnn.fit(X[:40], Z[:40], epochs=150)) == []  # noise, known by heart


def test_one_member_that_learns_nothing_is_told():
    method = Method(epochs=100, learning_rate=1e-7)
    setup = prepare(X, Z, Network(hidden_size=4), method)
    with pytest.warns(UserWarning, match=STUCK):
        train(setup.stacked([0, 1]))
