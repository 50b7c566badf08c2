"""What `fit` returns: predictions of any length, in pieces, in a closed loop."""

import dataclasses
import pickle
from copy import deepcopy

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import xprnn
from xprnn import losses
from xprnn._sequences.scaling import Scaler
from xprnn.backend import dtype_name, of
from xprnn.layers import Dense, Recurrent, Stack

RNG = np.random.default_rng(11)
X = RNG.standard_normal((4, 9, 2))
Y = X[:, :, ::-1] ** 2 + 3
SIZES = {"hidden_size": 3, "num_layers": 2, "epochs": 3}


def fit(x=X, y=Y, **options):
    return xprnn.fit(x, y, **{**SIZES, **options})


@pytest.fixture(scope="module")
def trained():
    """Return the model of a backend, trained once: two features, two outputs, two layers."""
    models = {}

    def get(place, dtype="float64"):
        key = str(place), dtype
        if key not in models:
            models[key] = fit(place.array(X, dtype), place.array(Y, dtype))
        return models[key]

    return get


# Shapes


@pytest.mark.parametrize(
    ("x", "y", "new", "shape"),
    [
        ((9,), (9,), (5,), (5,)),
        ((9,), (9,), (5, 1), (5,)),
        ((9,), (9,), (4, 5, 1), (4, 5)),
        ((9,), (9, 1), (4, 5, 1), (4, 5, 1)),
        ((9, 2), (9,), (4, 5, 2), (4, 5)),
        ((9,), (9, 1), (5,), (5, 1)),
        ((9,), (9, 2), (5,), (5, 2)),
        ((9,), (1, 9, 1), (5,), (5, 1)),
        ((9, 2), (9,), (5, 2), (5,)),
        ((9, 2), (9, 3), (5, 2), (5, 3)),
        ((9, 2), (9, 3), (4, 5, 2), (4, 5, 3)),
        ((3, 9, 2), (3, 9, 1), (4, 5, 2), (4, 5, 1)),
        ((3, 9, 2), (3, 9, 4), (5, 2), (5, 4)),
        ((3, 9, 1), (3, 9, 4), (5,), (5, 4)),
    ],
)
def test_shapes_of_predictions(place, x, y, new, shape):
    x, y, new = (np.random.default_rng(0).random(s) for s in (x, y, new))
    model = fit(place.array(x), place.array(y), epochs=1)
    predicted, states = model.predict(place.array(new), return_states=True)
    assert tuple(predicted.shape) == shape
    lead = new.shape[:2] if new.ndim == 3 else new.shape[:1]
    assert [tuple(h.shape) for h in states] == [(*lead, 3)] * 2


@given(steps=st.integers(1, 40), batch=st.integers(1, 5))
def test_any_length_and_batch(place, trained, steps, batch):
    """What comes after a step, and what stands beside a sequence, makes no difference to it."""
    x = np.random.default_rng(steps).standard_normal((batch, steps, 2))
    model = trained(place)
    whole = model.predict(x)
    assert whole.shape == (batch, steps, 2)
    np.testing.assert_allclose(model.predict(x[-1]), whole[-1], rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(model.predict(x[:, :1]), whole[:, :1], rtol=1e-12, atol=1e-12)


def test_predict_is_the_network_in_the_units_of_y():
    model = fit()
    z, (W, U, b, V, R, c, Q, d) = (X - X.mean((0, 1))) / X.std((0, 1)), model.named().values()
    first, second = np.zeros((4, 3)), np.zeros((4, 3))
    for t in range(9):
        first = np.tanh(z[:, t] @ W + first @ U + b)
        second = np.tanh(first @ V + second @ R + c)
        y = (second @ Q + d) * Y.std((0, 1)) + Y.mean((0, 1))
        np.testing.assert_allclose(model.predict(X)[:, t], y, rtol=1e-12, atol=1e-12)
        states = model.predict(X, return_states=True)[1]
        np.testing.assert_allclose(states[0][:, t], first, rtol=1e-12, atol=1e-12)
        np.testing.assert_allclose(states[1][:, t], second, rtol=1e-12, atol=1e-12)


# States


@given(cuts=st.lists(st.integers(1, 8), unique=True).map(sorted), one=st.booleans())
def test_in_pieces_as_in_one(place, trained, cuts, one):
    """Each piece starts from the states at the end of the one before."""
    model, x = trained(place), place.array(X[0] if one else X)
    whole, hidden = model.predict(x, return_states=True)
    state, pieces, parts = None, [], []
    for start, stop in zip([0, *cuts], [*cuts, 9], strict=True):
        piece = x[..., start:stop, :]
        y, h = model.predict(piece, state=state, return_states=True)
        state = tuple(layer[..., -1, :] for layer in h)
        pieces.append(place.host(y))
        parts.append([place.host(layer) for layer in h])
    np.testing.assert_allclose(
        np.concatenate(pieces, -2), place.host(whole), rtol=1e-12, atol=1e-12
    )
    for layers, expected in zip(zip(*parts, strict=True), hidden, strict=True):
        np.testing.assert_allclose(
            np.concatenate(layers, -2), place.host(expected), rtol=1e-12, atol=1e-12
        )


def test_a_state_of_zeros_is_none(place, trained):
    model = trained(place)
    state = (np.zeros((4, 3)), np.zeros((4, 3)))
    np.testing.assert_array_equal(model.predict(X, state=state), model.predict(X))
    np.testing.assert_array_equal(model.predict(X, state=list(state)), model.predict(X))
    one = model.predict(X[0], state=(np.zeros(3), np.zeros((1, 3))))
    np.testing.assert_array_equal(one, model.predict(X[0]))


def test_every_state_is_used_in_its_place(trained, place):
    model = trained(place)
    for layer in range(2):
        state = [np.zeros((4, 3)), np.zeros((4, 3))]
        state[layer] = np.ones((4, 3))
        y, hidden = model.predict(X, state=tuple(state), return_states=True)
        plain, at_zero = model.predict(X, return_states=True)
        assert abs(y - plain).max() > 1e-3
        assert np.array_equal(hidden[0], at_zero[0]) == (layer == 1)


# Forecasts


@pytest.mark.parametrize("steps", [1, 2, 7])
def test_a_forecast_is_a_closed_loop(place, trained, steps):
    model = trained(place)
    y, states = model.predict(X, return_states=True)
    expected = [y[:, -1:]]
    while len(expected) < steps:
        state = tuple(h[:, -1] for h in states)
        y, states = model.predict(expected[-1], state=state, return_states=True)
        expected.append(y)
    expected = np.concatenate(expected, axis=1)
    forecast = model.forecast(X, steps)
    assert type(forecast) is np.ndarray
    np.testing.assert_allclose(forecast, expected, rtol=1e-12, atol=1e-12)
    native = model.forecast(place.array(X), steps)
    assert of(native) == place.backend
    np.testing.assert_allclose(place.host(native), expected, rtol=1e-12, atol=1e-12)


def test_a_forecast_starts_at_the_prediction_for_the_last_step(place, trained):
    model = trained(place)
    np.testing.assert_allclose(
        model.forecast(X, 1), model.predict(X)[:, -1:], rtol=1e-12, atol=1e-12
    )


@pytest.mark.parametrize(
    ("x", "y", "past", "shape"),
    [
        ((9,), (9,), (5,), (4,)),
        ((9,), (9, 1), (5,), (4, 1)),
        ((9, 2), (9, 2), (5, 2), (4, 2)),
        ((3, 9, 2), (3, 9, 2), (6, 5, 2), (6, 4, 2)),
        ((3, 9, 2), (3, 9, 2), (5, 2), (4, 2)),
    ],
)
def test_shapes_of_forecasts(x, y, past, shape):
    x, y, past = (np.random.default_rng(0).random(s) for s in (x, y, past))
    assert fit(x, y, epochs=1).forecast(past, 4).shape == shape


# Losses


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_evaluate(place, trained, dtype):
    """Each loss written out, in the units of y."""
    model = trained(place, dtype)
    e = model.predict(X.astype(dtype)).astype("float64") - Y
    expected = {
        "half_mse": (e**2).sum(-1).mean() / 2,
        "mse": (e**2).mean(),
        "mae": abs(e).mean(),
        "huber": np.where(abs(e) <= 1, e**2 / 2, abs(e) - 0.5).mean(),
        "pinball": abs(e).mean() / 2,
    }
    elsewhere = ["binary_cross_entropy", "cross_entropy", "gaussian_nll"]
    assert sorted([*expected, *elsewhere]) == sorted(losses.TABLE)
    rel = 1e-12 if dtype == "float64" else 1e-5
    for name, value in expected.items():
        got = model.evaluate(place.array(X, dtype), place.array(Y, dtype), loss=name)
        assert type(got) is float
        assert got == pytest.approx(value, rel=rel)
    assert model.evaluate(X, Y) == pytest.approx(expected["half_mse"], rel=1e-5)
    huber = losses.Huber(0.5)
    by_hand = np.where(abs(e) <= 0.5, e**2 / 2, 0.5 * (abs(e) - 0.25)).mean()
    assert model.evaluate(X, Y, loss=huber) == pytest.approx(by_hand, rel=1e-5)


@pytest.mark.parametrize("standardize", [True, False])
def test_evaluate_by_the_loss_of_the_training(place, standardize):
    """Of one mean and variance, of quantiles, of labels and of answers, written out."""
    options = {"backend": str(place.backend), "standardize": standardize}
    y = 10 * Y[:, :, :1] + 40
    model = fit(y=y, loss="gaussian_nll", **options)
    mean, log_variance = np.split(model.predict(X), 2, -1)
    expected = 0.5 * (log_variance + (y - mean) ** 2 / np.exp(log_variance))
    assert model.evaluate(X, y) == pytest.approx(expected.mean(), rel=1e-12)

    model = fit(y=y, loss=losses.Pinball((0.1, 0.9)), **options)
    e = y - model.predict(X)
    expected = np.where(e > 0, [0.1, 0.9], [-0.9, -0.1]) * e
    assert model.evaluate(X, y) == pytest.approx(expected.mean(), rel=1e-12)

    labels = np.digitize(X[:, :, 0], [-0.5, 0.5])
    for y in (labels[:, :, None], np.eye(3)[labels]):
        model = fit(y=y, loss="cross_entropy", **options)
        p = model.predict_proba(X)
        np.testing.assert_allclose(p.sum(-1), 1, rtol=1e-12)
        scores = np.exp(model.predict(X))
        np.testing.assert_allclose(p, scores / scores.sum(-1, keepdims=True), rtol=1e-10)
        expected = -np.log(np.take_along_axis(p, labels[:, :, None], -1)).mean()
        assert model.evaluate(X, y) == pytest.approx(expected, rel=1e-10)
        few = np.minimum(labels, 1)  # fewer classes than there are outputs
        expected = -np.log(np.take_along_axis(p, few[:, :, None], -1)).mean()
        assert model.evaluate(X, few[:, :, None]) == pytest.approx(expected, rel=1e-10)

    answers = (X > 0).astype("int64")
    model = fit(y=answers, loss="binary_cross_entropy", **options)
    p = model.predict_proba(X)
    np.testing.assert_allclose(p, 1 / (1 + np.exp(-model.predict(X))), rtol=1e-10)
    expected = -np.log(np.where(answers == 1, p, 1 - p)).mean()
    assert model.evaluate(X, answers) == pytest.approx(expected, rel=1e-10)


def test_a_loss_that_does_not_fit_the_outputs_is_no_number():
    """Not one of a broadcast."""
    y = Y[:, :, :1]
    for loss in ("gaussian_nll", losses.Pinball((0.1, 0.9))):
        for other in ("mse", "half_mse", losses.Pinball((0.1, 0.5, 0.9))):
            with pytest.raises(ValueError, match=r"^the network has 2 output\(s\), but this lo"):
                fit(y=y, loss=loss).evaluate(X, y, loss=other)
    labels = np.digitize(X[:, :, :1], [-0.5, 0.5])
    with pytest.raises(ValueError, match=r"^the network has 3 output\(s\), but .* needs 1"):
        fit(y=labels, loss="cross_entropy").evaluate(X, labels, loss="mse")


def test_evaluate_takes_y_in_any_dtype(place, trained):
    model, whole = trained(place), np.rint(Y).astype("int64")
    expected = model.evaluate(X, whole.astype("float64"))
    assert model.evaluate(X, whole) == expected
    assert model.evaluate(X, whole.astype("float32")) == pytest.approx(expected, rel=1e-12)


# Precision


@pytest.mark.parametrize(
    ("of_model", "of_x", "of_y"),
    [
        ("float32", "float32", "float32"),
        ("float32", "float64", "float64"),
        ("float64", "float32", "float64"),
        ("float64", "float64", "float64"),
        ("float32", "int64", "float32"),
        ("float64", "int64", "float64"),
    ],
)
def test_predictions_are_in_the_wider_dtype(place, trained, of_model, of_x, of_y):
    model = trained(place, of_model)
    x = np.rint(3 * X).astype(of_x)
    y, states = model.predict(x, return_states=True)
    assert [a.dtype for a in (y, *states)] == [of_y] * 3
    assert model.forecast(x, 3).dtype == of_y
    native, states = model.predict(place.array(x, of_x), return_states=True)
    assert [dtype_name(a) for a in (native, *states)] == [of_y] * 3


def test_a_wider_x_is_computed_with_in_full(place, trained):
    """As by a float64 model with the same numbers, not by rounding x or the result."""
    narrow = trained(place, "float32")
    wide = dataclasses.replace(
        narrow,
        params=place.tree(place.host(narrow.params)),
        x_scaler=Scaler(*place.tree(place.host(tuple(narrow.x_scaler)))),
        y_scaler=Scaler(*place.tree(place.host(tuple(narrow.y_scaler)))),
    )
    np.testing.assert_allclose(narrow.predict(X), wide.predict(X), rtol=1e-12, atol=1e-12)
    rounded = narrow.predict(X.astype("float32"))
    assert abs(narrow.predict(X) - rounded).max() > 1e-9


# What it says of itself


def test_names_of_the_parameters(trained, place):
    params = trained(place).named()
    assert {name: tuple(a.shape) for name, a in params.items()} == {
        "0.W": (2, 3),
        "0.U": (3, 3),
        "0.b": (1, 3),
        "1.W": (3, 3),
        "1.U": (3, 3),
        "1.b": (1, 3),
        "2.W": (3, 2),
        "2.b": (1, 2),
    }
    network = Stack((Recurrent(2), Dense(2, bias=False)))
    assert list(xprnn.fit(X, Y, network=network, epochs=1).named()) == ["0.W", "0.U", "0.b", "1.W"]


def test_summary(trained, place):
    header, *rows = trained(place).summary().split("\n")
    assert header.split() == ["name", "shape", "numbers"]
    assert [row.split()[0] for row in rows] == [*trained(place).named(), "total"]
    assert rows[0].split() == ["0.W", "(2,", "3)", "6"]
    numbers = [int(row.split()[-1]) for row in rows]
    assert numbers == [6, 9, 3, 9, 9, 3, 6, 2, 47]
    assert sum(numbers[:-1]) == numbers[-1]
    assert len({len(row) for row in rows}) == 1


def test_repr(place, trained):
    model = trained(place, "float32")
    assert repr(model) == (
        f"Model(2 feature(s) -> 2 output(s), 47 parameters, float32 on {place.backend}, "
        f"History(3 epochs, loss {model.history.loss[-1]:.4g}, completed))"
    )


def test_a_model_is_built_by_keywords():
    model = fit(X, Y)
    with pytest.raises(TypeError, match="positional"):
        xprnn.Model(model.network, model.params, 2, 2)


@pytest.mark.parametrize("again", [lambda m: pickle.loads(pickle.dumps(m)), deepcopy])
def test_a_model_pickles_and_copies(place, trained, again):
    model = trained(place)
    copy = again(model)
    assert copy.backend == place.backend
    assert copy.network == model.network
    assert repr(copy) == repr(model)
    np.testing.assert_equal(copy.history.as_dict(), model.history.as_dict())
    np.testing.assert_array_equal(copy.predict(X), model.predict(X))
    np.testing.assert_array_equal(copy.forecast(X, 3), model.forecast(X, 3))


def test_a_model_cannot_be_changed_by_accident(trained, place):
    with pytest.raises(dataclasses.FrozenInstanceError):
        trained(place).features = 3
