"""The estimators are scikit-learn's: its own checks pass, and its tools take them."""

import pickle
import subprocess
import sys

import joblib
import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.exceptions import DataConversionWarning, NotFittedError
from sklearn.metrics import accuracy_score, r2_score
from sklearn.model_selection import GridSearchCV, KFold, cross_val_score, train_test_split
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

import xprnn
from xprnn import datasets, layers
from xprnn._sequences.reading import MEANING
from xprnn.cells import GRU
from xprnn.estimators import RNNClassifier, RNNRegressor, SequenceScaler

QUICK = {"hidden_size": 4, "epochs": 2, "random_state": 0}


@parametrize_with_checks(
    [
        RNNRegressor(hidden_size=8, epochs=40, batch_size=None, learning_rate=0.05),
        RNNClassifier(hidden_size=8, epochs=20, batch_size=None, learning_rate=0.05),
        SequenceScaler(),
    ]
)
def test_check_of_scikit_learn(estimator, check, run_check):
    run_check(estimator, check)


@pytest.mark.parametrize("estimator", [RNNRegressor(), RNNClassifier(), SequenceScaler()])
def test_tags_are_true(estimator):
    tags = estimator.__sklearn_tags__()
    assert tags.input_tags.three_d_array
    assert tags.input_tags.two_d_array
    assert tags.array_api_support
    assert not tags.non_deterministic
    assert not tags.input_tags.sparse
    assert tags.target_tags.multi_output == isinstance(estimator, RNNRegressor)


# What is chosen


def test_a_label_of_a_sequence_comes_from_the_maximum_of_both_ways():
    rng = np.random.default_rng(0)
    X, labels = rng.standard_normal((20, 6, 1)), rng.integers(0, 2, (20, 6))
    both, pool, _ = RNNClassifier(**QUICK).fit(X, labels[:, 0]).model_.network.layers
    assert (both.layer.cell, both.layer.hidden_size, pool) == (GRU(), 4, layers.Pool("max"))
    steps = RNNClassifier(**QUICK).fit(X, labels).model_.network
    assert steps == layers.Stack((layers.Recurrent(4, GRU()), layers.Dense(2)))
    one_way = RNNClassifier(bidirectional=False, pool="last", **QUICK).fit(X, labels[:, 0])
    assert one_way.model_.network.layers[:2] == (steps.layers[0], layers.Pool("last"))
    own = layers.Stack((layers.Recurrent(3), layers.Pool("mean"), layers.Dense(2)))
    options = {"epochs": 2, "random_state": 0}
    assert RNNClassifier(network=own, **options).fit(X, labels[:, 0]).model_.network == own
    with pytest.raises(ValueError, match="bidirectional describe"):
        RNNClassifier(network=own, bidirectional=False, **options).fit(X, labels[:, 0])


def test_a_batch_that_is_no_number_is_named():
    with pytest.raises(TypeError, match="batch_size must be an integer, got 'many'"):
        RNNRegressor(**QUICK, batch_size="many").fit(np.zeros((3, 5, 1)), np.zeros((3, 5, 1)))


@pytest.mark.parametrize(
    ("n", "T", "options", "chunk"),
    [
        (17, 250, {"batch_size": "auto"}, 100),
        (1, 250, {}, 100),
        (16, 101, {}, 100),
        (1, 100, {}, None),
        (17, 250, {}, None),
        (17, 250, {"batch_size": None}, 100),
        (1, 250, {"bidirectional": True}, None),
        (1, 250, {"checkpoint_every": 7}, None),
        (1, 250, {"tbptt": None}, None),
        (1, 250, {"tbptt": 30}, 30),
    ],
)
def test_one_batch_of_long_sequences_is_cut(n, T, options, chunk):
    X = np.random.default_rng(0).standard_normal((n, T, 1))
    found = RNNRegressor(**QUICK, **options).fit(X, X)
    same = RNNRegressor(**{**QUICK, **options, "tbptt": chunk}).fit(X, X)
    assert found.loss_curve_ == same.loss_curve_
    if chunk is not None:
        whole = RNNRegressor(**{**QUICK, **options, "tbptt": None}).fit(X, X)
        assert found.loss_curve_ != whole.loss_curve_


# What X is


def blocks(n=6, T=5, F=2, seed=0):
    return np.random.default_rng(seed).standard_normal((n, T, F))


def ragged(n=6, F=2, seed=0):
    rng = np.random.default_rng(seed)
    return [rng.standard_normal((length, F)) for length in rng.integers(1, 6, n)]


def objects(items):
    array = np.empty(len(items), dtype=object)
    array[:] = items
    return array


@given(n=st.integers(2, 5), T=st.integers(1, 5), seed=st.integers(0, 99))
@example(n=3, T=3, seed=0)
def test_two_axes_are_sequences_of_one_number_a_step(n, T, seed):
    X = blocks(n, T, 1, seed)
    y = X.sum(axis=(1, 2))
    flat = RNNRegressor(**QUICK).fit(X[:, :, 0], y)
    deep = RNNRegressor(**QUICK).fit(X, y)
    assert (flat.n_features_in_, deep.n_features_in_) == (T, 1)
    expected = xprnn.Model.predict(deep.model_, X)
    np.testing.assert_array_equal(flat.predict(X[:, :, 0]), expected)
    np.testing.assert_array_equal(flat.predict(X), expected)
    np.testing.assert_array_equal(deep.predict(X[:, :, 0]), expected)
    np.testing.assert_array_equal(flat.predict(list(X[:, :, 0])), expected)
    np.testing.assert_array_equal(flat.predict(X[:, :, 0].tolist()), expected)
    np.testing.assert_allclose(flat.predict(list(X)), expected, rtol=1e-12)


def test_a_sequence_in_a_list_gives_what_it_gives_alone():
    X = ragged()
    y = np.array([x.sum() for x in X])
    steps = [x.cumsum(axis=0) for x in X]
    one, many = RNNRegressor(**QUICK).fit(X, y), RNNRegressor(**QUICK).fit(X, steps)
    for i, x in enumerate(X):
        assert one.predict(X)[i] == pytest.approx(one.predict([x])[0], rel=1e-12)
        np.testing.assert_allclose(many.predict(X)[i], many.predict(x[None])[0], rtol=1e-12)
    for found, again in zip(many.predict(X), many.predict(objects(X)), strict=True):
        np.testing.assert_array_equal(found, again)
    lines = [x[:, 0] for x in X]
    np.testing.assert_array_equal(
        RNNRegressor(**QUICK).fit(lines, y).predict(lines),
        RNNRegressor(**QUICK).fit([x[:, :1] for x in X], y).predict([x[:, :1] for x in X]),
    )


@pytest.mark.parametrize(
    ("X", "said"),
    [
        (np.zeros(5), "Reshape your data"),
        (np.zeros((2, 3, 4, 5)), r"can't have the shape \(2, 3, 4, 5\)"),
    ],
)
@pytest.mark.parametrize("estimator", [RNNRegressor(), SequenceScaler()])
def test_what_is_no_x_is_told_what_two_axes_mean(estimator, X, said):
    with pytest.raises(ValueError, match=said) as caught:
        estimator.fit(X, np.zeros(len(X)))
    assert str(caught.value).endswith(MEANING["samples"])


@pytest.mark.parametrize(
    ("first", "then", "said"),
    [
        (blocks(), blocks(F=3), "X has 3 features, but RNNRegressor is expecting 2"),
        (blocks(), ragged(F=1), "X has 1 features, but RNNRegressor is expecting 2"),
        (blocks()[:, :, 0], blocks(T=4)[:, :, 0], "X has 4 features, but .* expecting 5"),
        (blocks()[:, :, 0], blocks(), "X has 2 features, but RNNRegressor is expecting 1"),
    ],
)
def test_another_x_than_that_of_fit_is_refused(first, then, said):
    fitted = RNNRegressor(**QUICK).fit(first, np.arange(6.0))
    for call in (fitted.predict, lambda X: fitted.score(X, np.arange(6.0))):
        with pytest.raises(ValueError, match=said) as caught:
            call(then)
        assert "rows are samples" in str(caught.value)


def test_names_of_columns_are_kept_and_forgotten():
    pandas = pytest.importorskip("pandas")
    table = pandas.DataFrame(blocks()[:, :, 0], columns=list("abcde"))
    fitted = RNNRegressor(**QUICK).fit(table, np.arange(6.0))
    assert fitted.feature_names_in_.tolist() == list("abcde")
    with pytest.raises(ValueError, match="feature names should match"):
        fitted.predict(table.rename(columns={"a": "z"}))
    assert not hasattr(fitted.fit(blocks(), np.arange(6.0)), "feature_names_in_")


def test_plain_lists_are_the_arrays_that_they_hold():
    """Of any depth, a list in X or y is what a list of arrays is: sequences."""
    X = blocks()
    y = X.sum(axis=(1, 2))
    for x in (X, X[:, :, 0]):
        expected = RNNRegressor(**QUICK).fit(x, y).predict(x)
        for form in (x.tolist(), list(x), tuple(map(tuple, x.tolist()))):
            found = RNNRegressor(**QUICK).fit(form, y.tolist()).predict(form)
            np.testing.assert_allclose(found, expected, rtol=1e-12)
    assert RNNRegressor(**QUICK).fit([np.arange(5.0)] * 2, [0.0, 1.0]).n_features_in_ == 5


def test_series_in_a_list_are_sequences_whatever_their_names():
    """A column of a table is a feature; the name of a sequence says which one it is."""
    pandas = pytest.importorskip("pandas")
    for lengths in ((5, 5, 5), (4, 5, 6)):
        X = [np.sin(np.arange(length)) for length in lengths]
        named = [pandas.Series(x, name=f"sensor {i}") for i, x in enumerate(X)]
        for estimator in (RNNRegressor(**QUICK), RNNClassifier(**QUICK)):
            expected = clone(estimator).fit(X, [0, 1, 2]).predict(X)
            np.testing.assert_allclose(
                estimator.fit(named, [0, 1, 2]).predict(named[::-1]), expected[::-1], rtol=1e-8
            )


LONG = np.arange(9999.0)
SETTINGS = {
    "mode": "m" * 9999, "loss": "l" * 9999, "warm_start": LONG.tolist(), "cell": "c" * 9999,
    "column_order": LONG, "epochs": LONG.tolist(), "hidden_size": LONG.tolist(),
}  # fmt: skip


@pytest.mark.parametrize("setting", SETTINGS)
@pytest.mark.parametrize("estimator", [RNNRegressor, RNNClassifier])
def test_errors_about_settings_are_short(estimator, setting):
    with pytest.raises((TypeError, ValueError)) as caught:
        estimator(**{**QUICK, setting: SETTINGS[setting]}).fit(blocks(), np.arange(6) % 2)
    assert len(str(caught.value)) < 300
    assert "\n" not in str(caught.value)


def test_errors_about_labels_are_short():
    for labels, classes in ((np.arange(6), LONG[:999] + 1), (["z" * 9999] * 6, ["z" * 9999])):
        with pytest.raises(ValueError, match=r"y h(olds|as)") as caught:
            RNNClassifier(**QUICK).partial_fit(blocks(), labels, classes=classes)
        assert len(str(caught.value)) < 300
        assert "\n" not in str(caught.value)


# The order of steps


@given(n=st.integers(3, 5), T=st.integers(1, 5), seed=st.integers(0, 99))
@example(n=3, T=3, seed=0)
def test_the_newest_step_may_come_first(n, T, seed):
    X = blocks(n, T, 1, seed)[:, :, 0]
    y, turned = X @ np.arange(T), X[:, ::-1]
    expected = RNNRegressor(**QUICK).fit(X, y)
    model = RNNRegressor(column_order="newest_first", **QUICK).fit(turned, y)
    for form in (turned, turned.tolist(), list(turned)):
        np.testing.assert_allclose(model.predict(form), expected.predict(X), rtol=1e-8)
    assert model.score(turned, y) == pytest.approx(expected.score(X, y), rel=1e-8)
    pieces = RNNRegressor(column_order="newest_first", **QUICK)
    pieces.partial_fit(turned, y).partial_fit(turned, y)
    again = RNNRegressor(**QUICK).partial_fit(X, y).partial_fit(X, y)
    np.testing.assert_allclose(pieces.predict(turned), again.predict(X), rtol=1e-8)
    labels = np.arange(n) % 2
    classifier = RNNClassifier(column_order="newest_first", **QUICK).fit(turned, labels)
    plain = RNNClassifier(**QUICK).fit(X, labels)
    np.testing.assert_allclose(classifier.predict_proba(turned), plain.predict_proba(X), rtol=1e-8)


@pytest.mark.parametrize(
    ("X", "y", "said"),
    [
        (blocks(), np.zeros(6), "is valid only for the columns of a 2-D X"),
        (ragged(), np.zeros(6), "is valid only for the columns of a 2-D X"),
        (blocks()[:, :, 0], np.zeros((6, 5, 1)), "pass X and y oldest first"),
    ],
)
def test_an_order_of_columns_without_effect_is_refused(X, y, said):
    with pytest.raises(ValueError, match=said):
        RNNRegressor(column_order="newest_first", **QUICK).fit(X, y)


def test_the_order_of_columns_stays_that_of_fit():
    X, y = blocks()[:, :, 0], np.arange(6.0)
    fitted = RNNRegressor(warm_start=True, **QUICK).fit(X, y)
    fitted.set_params(column_order="newest_first")
    for call in (fitted.predict, lambda X: fitted.fit(X, y), lambda X: fitted.partial_fit(X, y)):
        with pytest.raises(ValueError, match="must be that of the first fit, 'oldest_first', got"):
            call(X)
    assert fitted.set_params(warm_start=False).fit(X, y).predict(X).shape == (6,)
    with pytest.raises(ValueError, match="did you mean 'newest_first'"):
        RNNRegressor(column_order="newest", **QUICK).fit(X, y)


NEWEST = ["lag_1", "lag_2", "lag_3", "lag_12", "lag_24"]


@pytest.mark.parametrize(
    ("names", "order", "said"),
    [
        (NEWEST, "oldest_first", "lags newest first, .*: give column_order='newest_first'"),
        (NEWEST, "newest_first", None),
        (NEWEST[::-1], "oldest_first", None),
        (NEWEST[::-1], "newest_first", "lags oldest first, .*: give column_order='oldest_first'"),
        ([*NEWEST[3:], *NEWEST[:3]], "newest_first", "lags in no order, .*: sort them"),
        ([f"sold(t-{i})" for i in range(1, 6)], "oldest_first", "lags newest first"),
        ([f"Sold_Lag{i}" for i in range(1, 6)], "oldest_first", "lags newest first"),
        ([f"sold_target_lag-{i}" for i in range(1, 6)], "oldest_first", "lags newest first"),
        (
            ["lag_2", "lag_1", "exog", "month", "flag"],
            "oldest_first",
            "not lags, exog, month",
        ),
        (["flag_1", "flag_2", "lagoon", "t1", "t2"], "oldest_first", None),
    ],
)
def test_lags_are_known_by_their_names(names, order, said):
    pandas = pytest.importorskip("pandas")
    table = pandas.DataFrame(blocks()[:, :, 0], columns=names)
    for estimator in (RNNRegressor, RNNClassifier):
        model = estimator(column_order=order, **QUICK)
        if said is None:
            model.fit(table, np.arange(6) % 2)
        else:
            with pytest.warns(UserWarning, match=said) as caught:
                model.fit(table, np.arange(6) % 2)
            assert [warning.filename for warning in caught] == [__file__]
        model.predict(table)


def test_the_scaler_speaks_of_columns_that_are_no_lags():
    pandas = pytest.importorskip("pandas")
    table = pandas.DataFrame(blocks()[:, :, 0], columns=["lag_3", "lag_2", "lag_1", "hot", "dry"])
    with pytest.warns(UserWarning, match=r"not lags, hot, dry, and .*: X \(n, T, F\)"):
        SequenceScaler().fit(table)
    SequenceScaler().fit(table[["lag_1", "lag_2"]])  # for a mean, their order is nothing


@pytest.mark.parametrize("estimator", [RNNRegressor, RNNClassifier])
def test_axes_that_are_swapped_leave_one_step(estimator):
    """sktime's numpy3D is (n, F, T)."""
    X, y = blocks(F=1).swapaxes(1, 2), np.arange(6) % 2
    assert X.shape == (6, 1, 5)
    with pytest.warns(UserWarning, match=r"one step, of 5 features: .* X.swapaxes\(1, 2\) here"):
        estimator(**QUICK).fit(X, y)
    with pytest.warns(UserWarning, match=r"whose X is \[x.T for x in X\] here"):
        estimator(**QUICK).fit(list(X), y)
    estimator(**QUICK).fit(X.swapaxes(1, 2), y)
    estimator(**QUICK).fit(X[:, :, :1], y)  # one step of one number


# What y is


@pytest.mark.parametrize(
    ("shape", "mode", "expected"),
    [
        ((6,), None, "many_to_one"),
        ((6, 1), None, "many_to_one"),
        ((6, 3), None, "many_to_one"),
        ((6, 5, 1), None, "many_to_many"),
        ((6, 5, 3), None, "many_to_many"),
        ((6, 1, 3), None, "many_to_one"),
        ((6, 5), "many_to_one", "many_to_one"),
        ((6, 5), "many_to_many", "many_to_many"),
        ((6, 2, 1), "encoder_decoder", "encoder_decoder"),
    ],
)
def test_predictions_have_the_shape_of_y(shape, mode, expected):
    X, y = blocks(), np.random.default_rng(1).standard_normal(shape)
    fitted = RNNRegressor(mode=mode, **QUICK).fit(X, y)
    assert (fitted.model_.mode, fitted.predict(X).shape) == (expected, shape)
    one = len(shape) == 1 or (len(shape) == 2 and expected == "many_to_many")
    flat = (-1, 1 if one else shape[-1])
    assert fitted.n_outputs_ == flat[1]
    weights = np.array([1.0, 2, 3, 4, 5, 6])
    assert fitted.score(X, y) == r2_score(y.reshape(flat), fitted.predict(X).reshape(flat))
    each = np.repeat(weights, len(y.reshape(flat)) // 6)
    assert fitted.score(X, y, sample_weight=weights) == r2_score(
        y.reshape(flat), fitted.predict(X).reshape(flat), sample_weight=each
    )


@pytest.mark.parametrize(
    ("X", "y", "settings", "said"),
    [
        (blocks(), np.zeros((6, 5)), {}, "can be one number at each step or several at the end"),
        (blocks(), np.zeros((6, 4, 1)), {}, "pass mode='encoder_decoder'"),
        (ragged(), np.zeros((6, 9, 1)), {}, "pass mode='encoder_decoder'"),
        (blocks(), np.zeros(5), {}, r"X has 6 sequence\(s\) of .* y 5 of 1.*rows are samples"),
        (blocks(), np.zeros((6, 1, 1, 1)), {}, "y can't have .* rows are samples"),
        (blocks(), [[1.0], [1.0, 2.0]], {}, "y must be an array, got a ragged list"),
        (
            ragged(),
            [np.zeros(n) for n in (1, 2, 3, 4, 5, 6)],
            {},
            r"y\[0\] must have 5 step\(s\), as X\[0\], got 1",
        ),
        (
            ragged(),
            [x[:, :1] for x in ragged()],
            {"mode": "many_to_one"},
            "which mode='many_to_one' does not allow",
        ),
        (blocks(), None, {}, "requires y to be passed"),
        (blocks(), np.zeros(6), {"mode": "one_to_many"}, "mode must be one of"),
        (blocks(), np.zeros(6), {"loss": "cross_entropy"}, "see RNNClassifier"),
        (blocks(), ["a"] * 6, {}, "numeric"),
    ],
)
def test_what_is_no_y_is_refused(X, y, settings, said):
    with pytest.raises(ValueError, match=said):
        RNNRegressor(**QUICK, **settings).fit(X, y)


def test_score_of_other_targets_is_refused():
    fitted = RNNRegressor(**QUICK).fit(blocks(), np.zeros((6, 2)))
    with pytest.raises(ValueError, match=r"2 number\(s\) for each of 6 predictions, got 3"):
        fitted.score(blocks(), np.zeros((6, 3)))
    with pytest.raises(ValueError, match=r"sample_weight must have shape \(6,\)"):
        fitted.score(blocks(), np.zeros((6, 2)), sample_weight=np.ones(5))


def test_score_of_lists_is_r2_over_all_steps():
    X = ragged()
    y = [x.cumsum(axis=0) for x in X]
    fitted = RNNRegressor(**QUICK).fit(X, y)
    weights = np.arange(1.0, 7.0)
    each = np.concatenate([[w] * len(x) for w, x in zip(weights, X, strict=True)])
    pair = np.concatenate(y), np.concatenate(fitted.predict(X))
    assert fitted.score(X, y) == r2_score(*pair)
    assert fitted.score(X, y, sample_weight=weights) == r2_score(*pair, sample_weight=each)
    steps = max(map(len, X))
    valid = np.arange(steps) < np.array([len(x) for x in X])[:, None]
    padded = np.where(valid, weights[:, None], np.nan)
    assert fitted.score(X, y, sample_weight=padded) == r2_score(*pair, sample_weight=each)


# The network is that of fit


def test_the_regressor_is_fit():
    X, y = blocks(), np.arange(6)
    weights = np.array([1, 2, 0, 1, 1, 1])
    settings = {"cell": "gru", "hidden_size": 3, "epochs": 3, "batch_size": 4, "loss": "huber"}
    own = RNNRegressor(random_state=5, **settings).fit(X, y, sample_weight=weights)
    seed = int(np.random.RandomState(5).randint(np.iinfo(np.int32).max))
    model = xprnn.fit(X, y.astype("float64"), sample_weight=weights, seed=seed, **settings)
    np.testing.assert_array_equal(own.predict(X), model.predict(X))
    assert (own.loss_curve_, own.n_iter_) == (model.history.loss, 3)


def test_float32_is_computed_in_float32():
    X, y = blocks().astype("float32"), np.arange(6.0).astype("float32")
    assert RNNRegressor(**QUICK).fit(X, y).predict(X).dtype == "float32"
    assert RNNRegressor(**QUICK).fit(X, y.astype(int)).predict(X).dtype == "float64"
    assert RNNRegressor(dtype="float32", **QUICK).fit(X, y.astype(int)).model_.dtype == "float32"
    assert RNNClassifier(**QUICK).fit(X, y > 2).predict_proba(X).dtype == "float32"


def test_random_states():
    X, y = blocks(), np.arange(6.0)
    settings = QUICK | {"random_state": None}
    a, b = (RNNRegressor(**settings).fit(X, y).predict(X) for _ in range(2))
    assert not np.array_equal(a, b)
    state = np.random.RandomState(3)
    settings["random_state"] = state
    c, d = (RNNRegressor(**settings).fit(X, y).predict(X) for _ in range(2))
    assert not np.array_equal(c, d)
    settings["random_state"] = 3
    np.testing.assert_array_equal(RNNRegressor(**settings).fit(X, y).predict(X), c)


def test_backend_takes_and_gives_numpy():
    X, y = blocks(), np.arange(6)
    fitted = RNNRegressor(backend="array_api_strict", **QUICK).fit(X, y)
    assert fitted.model_.backend.name == "array_api_strict"
    assert isinstance(fitted.predict(X), np.ndarray)
    assert fitted.partial_fit(X, y).n_iter_ == 3
    labels = RNNClassifier(backend="array_api_strict", **QUICK).fit(X, y % 2).predict(X)
    assert isinstance(labels, np.ndarray)


# Going on


def test_warm_start_goes_on():
    X, y = blocks(), np.arange(6.0)
    settings = QUICK | {"optimizer": xprnn.optimizers.SGD(0.1)}
    whole = RNNRegressor(**settings).set_params(epochs=4).fit(X, y)
    half = RNNRegressor(warm_start=True, **settings).fit(X, y).fit(X, y)
    assert (half.n_iter_, len(half.loss_curve_)) == (4, 4)
    np.testing.assert_allclose(half.predict(X), whole.predict(X), rtol=1e-12)
    cold = RNNRegressor(**settings).fit(X, y).fit(X, y)
    assert cold.n_iter_ == 2
    with pytest.raises(ValueError, match="hidden_size changed since the first fit"):
        half.set_params(hidden_size=7).fit(X, y)
    with pytest.raises(TypeError, match="warm_start must be True or False"):
        RNNRegressor(warm_start=1).fit(X, y)


def test_early_stopping_holds_out_samples_by_class():
    """In any order of the rows; a fit that goes on holds out the same ones."""
    rng = np.random.default_rng(0)
    y = np.repeat(["a", "b", "c"], 20)
    X = 3 * rng.standard_normal((60, 5)) + np.repeat([-1, 0, 1], 20)[:, None]
    settings = {"hidden_size": 8, "learning_rate": 0.05, "random_state": 0}
    own = RNNClassifier(early_stopping=True, **settings).fit(X, y)
    assert own.model_.history.ended == "stopped"
    assert own.n_iter_ == np.argmin(own.model_.history.val_loss) + 21 < 300
    settings |= {"validation_fraction": 0.2, "warm_start": True, "epochs": 5}
    own = RNNClassifier(**settings).fit(X, y)
    before = own.model_.history.val_loss[-1]
    own.set_params(optimizer="sgd", learning_rate=1e-300).fit(X, y)
    assert own.model_.history.val_loss[0] == pytest.approx(before, rel=1e-12)


@pytest.mark.parametrize("option", [{"early_stopping": True}, {"validation_fraction": 0.2}])
def test_partial_fit_holds_nothing_out(option):
    for own in (RNNRegressor(**QUICK, **option), RNNClassifier(**QUICK, **option)):
        with pytest.raises(ValueError, match=r"^partial_fit trains on all it gets"):
            own.partial_fit(blocks(), np.arange(6))


def test_partial_fit_goes_on_epoch_by_epoch():
    X, y = blocks(), np.arange(6.0)
    settings = QUICK | {"optimizer": xprnn.optimizers.SGD(0.1)}
    whole = RNNRegressor(**settings).set_params(epochs=3).fit(X, y)
    parts = RNNRegressor(**settings)
    for _ in range(3):
        parts.partial_fit(X, y)
    np.testing.assert_allclose(parts.predict(X), whole.predict(X), rtol=1e-12)
    with pytest.raises(ValueError, match="mode"):
        parts.set_params(mode="many_to_many").partial_fit(X, np.zeros((6, 5)))
    for bad in (X[:, :, :1], blocks(F=3)):
        with pytest.raises(ValueError, match="is expecting 2 features"):
            parts.partial_fit(bad, y)


def test_partial_fit_of_a_classifier_is_told_the_classes():
    X, y = blocks(), np.array(["b", "a", "b", "a", "b", "a"])
    own = RNNClassifier(**QUICK)
    with pytest.raises(ValueError, match="classes must be given in the first call"):
        own.partial_fit(X, y)
    own.partial_fit(X[1:2], ["a"], classes=["c", "b", "a"]).partial_fit(X, y)
    assert (own.classes_.tolist(), own.n_iter_) == (["a", "b", "c"], 2)
    assert own.predict_proba(X).shape == (6, 3)
    with pytest.raises(ValueError, match="the label 'd', which is not one of"):
        own.partial_fit(X, ["d"] * 6)
    with pytest.raises(ValueError, match="classes must be those of the first call"):
        own.partial_fit(X, y, classes=["a", "b"])
    with pytest.raises(ValueError, match="needs all labels at once"):
        own.set_params(class_weight="balanced").partial_fit(X, y)


# Labels


def labelled(n=30, T=6, seed=0):
    X = blocks(n, T, 2, seed)
    return X, np.array(["low", "high"])[(X[:, -1, 0] > 0).astype(int)]


def test_labels_of_each_step():
    X, _ = labelled()
    y = np.array(["minus", "plus"])[(X[:, :, 0] > 0).astype(int)]
    own = RNNClassifier(hidden_size=8, epochs=60, learning_rate=0.05, random_state=0).fit(X, y)
    assert own.model_.mode == "many_to_many"
    assert (own.predict(X).shape, own.predict_proba(X).shape) == ((30, 6), (30, 6, 2))
    assert own.score(X, y) == (own.predict(X) == y).mean() > 0.95
    weights = np.random.default_rng(0).uniform(size=(30, 6))
    expected = accuracy_score(y.ravel(), own.predict(X).ravel(), sample_weight=weights.ravel())
    assert own.score(X, y, sample_weight=weights) == expected
    lines = [x[: 1 + i % 6] for i, x in enumerate(X)]
    goals = [a[: 1 + i % 6] for i, a in enumerate(y)]
    own.fit(lines, goals)
    assert [a.shape for a in own.predict(lines)] == [a.shape for a in goals]
    assert own.score(lines, goals) > 0.95
    found = np.concatenate(own.predict(objects(lines)))
    assert own.score(lines, goals) == (found == np.concatenate(goals)).mean()


@pytest.mark.parametrize("per_step", [False, True])
def test_class_weights_are_sample_weights(per_step):
    X, y = labelled()
    if per_step:
        y = np.array(["low", "high"])[(X[:, :, 0] > 0.5).astype(int)]
    by_class = {"low": 1.0, "high": 3.0}
    each = np.vectorize(by_class.get)(y)
    own = RNNClassifier(class_weight=by_class, **QUICK).fit(X, y)
    other = RNNClassifier(**QUICK).fit(X, y, sample_weight=each)
    np.testing.assert_allclose(own.predict_proba(X), other.predict_proba(X), rtol=1e-9)
    counts = {label: y.size / (2 * (y == label).sum()) for label in by_class}
    each = np.vectorize(counts.get)(y)
    weights = np.arange(1.0, 31.0)
    own = RNNClassifier(class_weight="balanced", **QUICK).fit(X, y, sample_weight=weights)
    both = each * (weights[:, None] if per_step else weights)
    other = RNNClassifier(**QUICK).fit(X, y, sample_weight=both)
    np.testing.assert_allclose(own.predict_proba(X), other.predict_proba(X), rtol=1e-9)


def test_class_weights_of_the_steps_of_a_list():
    X, _ = labelled(8)
    y = (X[:, :, 0] > 0.5).astype(int)
    lines, goals = ([a[: 2 + i % 4] for i, a in enumerate(array)] for array in (X, y))
    weights = np.where(y > 0, 3.0, 1.0)
    own = RNNClassifier(class_weight={0: 1, 1: 3}, **QUICK).fit(lines, goals)
    other = RNNClassifier(**QUICK).fit(lines, goals, sample_weight=weights[:, :5])
    for found, expected in zip(own.predict_proba(lines), other.predict_proba(lines), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-9)


@pytest.mark.parametrize(
    ("y", "settings", "said"),
    [
        (np.zeros(6), {}, "y has 1 class"),
        (np.zeros((6, 3), int), {}, r"X has 6 .* of 5 step\(s\), y 6 of 3"),
        (np.zeros((6, 5, 1), int), {}, "y must hold one label"),
        (np.zeros((6, 5), int), {"mode": "many_to_one"}, "y must hold one label"),
        (np.arange(6) % 2, {"mode": "many_to_many"}, "y must hold one label"),
        (
            np.arange(6) % 2,
            {"mode": "encoder_decoder"},
            "mode must be one of 'many_to_many', 'many_",
        ),
        (np.arange(6) % 2, {"loss": "mse"}, "loss must be 'cross_entropy'"),
        (
            np.arange(6) % 2,
            {"loss": xprnn.losses.CrossEntropy(class_weights=(1, 2))},
            "set class_weight instead",
        ),
        (np.arange(6) % 2, {"class_weight": "equal"}, "class_weight"),
    ],
)
def test_what_are_no_labels_is_refused(y, settings, said):
    with pytest.raises(ValueError, match=said):
        RNNClassifier(**QUICK, **settings).fit(blocks(), y)


def test_a_column_of_labels_is_a_warning():
    y = np.arange(6)[:, None] % 2
    with pytest.warns(DataConversionWarning, match="column-vector"):
        own = RNNClassifier(**QUICK).fit(blocks(), y)
    assert own.predict(blocks()).shape == (6,)


# The scaler


@given(n=st.integers(1, 5), F=st.integers(1, 3), seed=st.integers(0, 99))
def test_the_scaler_is_that_of_all_steps(n, F, seed):
    X = [3 + 10 * x for x in ragged(n, F, seed)]
    steps = np.concatenate(X)
    steps[:, 0] = 7.0  # constant
    X = np.split(steps, np.cumsum([len(x) for x in X])[:-1])
    own, theirs = SequenceScaler().fit(X), StandardScaler().fit(steps)
    np.testing.assert_allclose(own.mean_, theirs.mean_, rtol=1e-12)
    np.testing.assert_allclose(own.scale_, theirs.scale_, rtol=1e-12)
    found = own.transform(X)
    assert [x.shape for x in found] == [x.shape for x in X]
    np.testing.assert_allclose(np.concatenate(found), theirs.transform(steps), atol=1e-12)
    for x, again in zip(X, own.inverse_transform(found), strict=True):
        np.testing.assert_allclose(again, x, rtol=1e-12)
    block = np.stack([steps, steps + 1])
    found = SequenceScaler().fit_transform(block)
    np.testing.assert_allclose(found.mean(axis=(0, 1)), 0, atol=1e-12)
    np.testing.assert_array_equal(SequenceScaler().fit(block).transform(block), found)
    assert SequenceScaler().fit_transform(block[:, :, 0]).shape == block.shape[:2]


def test_a_scaler_that_was_not_fitted():
    with pytest.raises(NotFittedError):
        SequenceScaler().transform(blocks())


# The tools of scikit-learn, on data


def test_digits_row_by_row():
    digits = load_digits()
    X, y = digits.images[:600] / 16, digits.target[:600]
    parts = train_test_split(X, y, random_state=0, stratify=y)
    own = RNNClassifier(
        hidden_size=32, cell="gru", epochs=12, batch_size=32, learning_rate=0.01, random_state=0
    )
    own.fit(parts[0], parts[2])
    assert own.score(parts[1], parts[3]) > 0.8
    np.testing.assert_allclose(own.predict_proba(parts[1]).sum(axis=1), 1, rtol=1e-12)


def test_grid_search_over_a_pipeline_on_sunspots():
    _, numbers = datasets.sunspots()
    windows = np.lib.stride_tricks.sliding_window_view(numbers, 13)
    X, y = windows[:, :-1], windows[:, -1]
    pipeline = Pipeline(
        [("scale", SequenceScaler()), ("rnn", RNNRegressor(hidden_size=8, random_state=0))]
    )
    search = GridSearchCV(
        pipeline,
        {"rnn__epochs": [1, 40], "rnn__learning_rate": [0.02]},
        cv=KFold(3),
        error_score="raise",
    )
    search.fit(X, y)
    assert search.best_params_["rnn__epochs"] == 40
    assert search.best_score_ > 0.7
    assert search.predict(X[:2]).shape == (2,)


def test_cross_validation_of_lists():
    X = ragged(30)
    y = np.array([x[-1, 0] for x in X])
    settings = {"hidden_size": 8, "epochs": 80, "learning_rate": 0.03, "random_state": 0}
    scores = cross_val_score(RNNRegressor(**settings), X, y, cv=3, error_score="raise")
    assert scores.min() > 0.5
    steps = [x[:, 0] for x in X]
    scores = cross_val_score(
        make_pipeline(SequenceScaler(), RNNRegressor(**settings)), X, steps, cv=3,
        error_score="raise",
    )  # fmt: skip
    assert scores.min() > 0.5
    labels = [(x > 0).astype(int) for x in steps]
    scores = cross_val_score(
        RNNClassifier(**settings), objects(X), labels, cv=KFold(3), error_score="raise"
    )
    assert scores.min() > 0.7


@pytest.mark.parametrize("kept", ["pickle", "joblib"])
def test_a_fitted_estimator_is_kept(kept, tmp_path):
    X, y = labelled()
    own = make_pipeline(SequenceScaler(), RNNClassifier(cell="lstm", **QUICK)).fit(X, y)
    if kept == "pickle":
        again = pickle.loads(pickle.dumps(own))
    else:
        joblib.dump(own, tmp_path / "own")
        again = joblib.load(tmp_path / "own")
    np.testing.assert_array_equal(again.predict(X), own.predict(X))
    np.testing.assert_array_equal(again.predict_proba(X), own.predict_proba(X))
    again[-1].partial_fit(X, y)


def test_clone_forgets_what_was_fitted_and_keeps_the_rest():
    stop = xprnn.callbacks.EarlyStopping(patience=3)
    own = RNNRegressor(cell="gru", callbacks=[stop], **QUICK).fit(blocks(), np.arange(6.0))
    again = clone(own)
    assert not hasattr(again, "model_")
    different = {
        name for name, value in again.get_params().items() if value != own.get_params()[name]
    }
    assert different == {"callbacks"}  # a copy of its own


def test_a_callback_ends_the_training():
    own = RNNRegressor(
        hidden_size=4, epochs=50, callbacks=[lambda training: training.epoch == 3], random_state=0
    )
    assert own.fit(blocks(), np.arange(6.0)).n_iter_ == 3


def test_without_scikit_learn_the_error_names_the_extra():
    code = (
        "import sys; sys.modules['sklearn'] = None; import xprnn; xprnn.estimators\n"
        "try: from xprnn.estimators import RNNRegressor\n"
        "except xprnn.MissingExtraError as error: print(error)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert 'needs scikit-learn, 1.6 or newer: pip install "scikit-learn>=1.6"' in run.stdout
