"""`fit`: the same training on every backend, and the same as a loop by hand."""

import contextlib
import io
import math
import signal
import subprocess
import sys
import time
import types

import numpy as np
import pytest
from compare import assert_same_params, host
from hypothesis import example, given
from hypothesis import strategies as st

import xprnn
from xprnn import activations, losses, tree, value_and_grad
from xprnn._record import Epoch, History
from xprnn._sequences.batches import Data, draw_batches
from xprnn.backend import Backend, dtype_name, of
from xprnn.cells import Elman
from xprnn.initializers import Normal
from xprnn.layers import Dense, Dropout, Recurrent, Stack
from xprnn.losses.units import Value
from xprnn.optimizers import SGD, Adam, global_norm
from xprnn.penalties import Penalty, Weights
from xprnn.training import Method, Run, Setup, watch

RNG = np.random.default_rng(3)
X = RNG.standard_normal((5, 8, 2))
Y = np.cumsum(X[:, :, :1], axis=1) / 3 + 0.5
X_VAL, Y_VAL = X[:2, :6] + 5, Y[:2, :6]


def fit(x=X, y=Y, **options):
    size = {} if "network" in options else {"hidden_size": 3}
    return xprnn.fit(x, y, **{"epochs": 3, "batch_size": 2, **size, **options})


class Keep:
    """A callback that keeps the model of every epoch."""

    def __init__(self):
        self.models = []

    def __call__(self, training):
        self.models.append(training.model)


def untrained(**options):
    """Return the model before the first update, which an interrupted first epoch leaves."""

    class Interrupted(SGD):
        def update(self, grads, state, params, *, xp):
            raise KeyboardInterrupt

    return fit(**options, optimizer=Interrupted())


# Where it runs, and in which dtype


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_parameters_live_where_they_are_asked_to(place, dtype):
    keep = Keep()
    model = fit(X.astype(dtype), Y.astype(dtype), backend=str(place.backend), callbacks=[keep])
    assert model.backend == place.backend
    assert model.dtype == dtype
    for each in (model, *keep.models):
        for name, array in each.named().items():
            assert of(array) == place.backend, name
            assert dtype_name(array) == dtype, name
        for array in (*each.x_scaler, *each.y_scaler):
            assert of(array) == place.backend
            assert dtype_name(array) == dtype


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_predict_returns_the_kind_of_array_given(place, dtype):
    model = fit(X.astype(dtype), Y.astype(dtype), backend=str(place.backend))
    y, states = model.predict(X.astype(dtype), return_states=True)
    for array in (y, *states):
        assert type(array) is np.ndarray
        assert array.dtype == dtype
    native, states = model.predict(place.array(X, dtype), return_states=True)
    for array in (native, *states):
        assert of(array) == place.backend
        assert dtype_name(array) == dtype
    np.testing.assert_array_equal(place.host(native), y)


def test_native_arrays_need_no_backend(place):
    model = fit(place.array(X), place.array(Y), validation_data=(place.array(X), place.array(Y)))
    assert model.backend == place.backend
    assert_same_params(model, fit(backend=str(place.backend)), rtol=1e-12)


def test_a_backend_may_be_given_as_an_object(place):
    assert fit(backend=place.backend).backend == place.backend


def test_dtype_is_the_widest_or_the_one_asked_for():
    narrow = X.astype("float32"), Y.astype("float32")
    assert fit(*narrow).dtype == "float32"
    assert fit(narrow[0], Y).dtype == "float64"
    assert fit(*narrow, validation_data=(X, Y)).dtype == "float64"
    assert fit(*narrow, dtype="float64").dtype == "float64"
    assert fit(dtype="float32").dtype == "float32"
    assert fit(dtype=np.dtype("float32")).dtype == "float32"


def test_dtype_may_be_given_as_an_object(place):
    for dtype in (np.float32, np.dtype("float32"), place.xp.float32):
        assert fit(backend=str(place.backend), dtype=dtype).dtype == "float32"


# The same on every backend


def test_the_same_weights_and_loss_curve_as_numpy(place):
    options = {"epochs": 30, "num_layers": 2, "clip_norm": 0.5, "validation_data": (X_VAL, Y_VAL)}
    here, there = (fit(**options, backend=name) for name in (str(place.backend), "numpy"))
    mine, its = here.history.as_dict(), there.history.as_dict()
    assert 0 < np.mean(its["clipped"]) < 1
    for name in ("loss", "val_loss", "gradient_norm", "learning_rate"):
        np.testing.assert_allclose(mine[name], its[name], rtol=1e-9, err_msg=name)
    assert mine["clipped"] == its["clipped"]
    for before, after in ((untrained(backend=str(place.backend)), untrained()),):
        assert_same_params(before, after)


def test_seeds():
    again, other = fit(seed=4), fit(seed=5)
    assert_same_params(fit(seed=4), again)
    assert fit(seed=4).history.loss == again.history.loss
    for name, array in host(other).items():
        assert not np.array_equal(array, host(again)[name]), name
    assert not np.array_equal(host(untrained(seed=4))["0.W"], host(untrained(seed=5))["0.W"])


@given(
    count=st.integers(1, 7),
    size=st.none() | st.integers(1, 9),
    seed=st.integers(0, 9),
    epoch=st.integers(0, 9),
)
@example(count=5, size=2, seed=0, epoch=0)
def test_an_epoch_sees_every_sequence_once(place, count, size, seed, epoch):
    x = place.array(np.arange(2.0 * count).reshape(2, count, 1))
    data = Data(x, 10 * x)
    seen = list(draw_batches(data, size, (seed, epoch), True, place.backend))
    assert math.fsum(batch.share for batch in seen) == pytest.approx(1, rel=1e-15)
    assert [batch.share for batch in seen] == [batch.data.x.shape[1] / count for batch in seen]
    assert {batch.data.x.shape[1] for batch in seen[:-1]} <= {size}
    assert all(batch.data.valid is None for batch in seen)
    hosts = [(place.host(batch.data.x), place.host(batch.data.y)) for batch in seen]
    assert sorted(x[0, i, 0] for x, _ in hosts for i in range(x.shape[1])) == list(range(count))
    for a, b in hosts:
        np.testing.assert_array_equal(b, 10 * a)
        np.testing.assert_array_equal(a[1], a[0] + count)
    again = draw_batches(data, size, (seed, epoch), True, place.backend)
    assert all(map(np.array_equal, (place.host(b.data.x) for b in again), (a for a, _ in hosts)))


def test_every_epoch_and_every_seed_has_its_own_order():
    x = np.arange(20.0).reshape(1, 20, 1)
    here = Backend("numpy", "cpu")
    orders = {
        seed: next(draw_batches(Data(x, x), 19, seed, True, here)).data.x.ravel().tolist()
        for seed in [(0, 0), (0, 1), (1, 0), (1, 1)]
    }
    assert len({tuple(order) for order in orders.values()}) == 4


# The same as a loop by hand


def by_hand(
    place,
    network,
    optimizer,
    *,
    epochs,
    batch_size,
    x=X,
    y=Y,
    clip_norm=None,
    seed=0,
    dtype="float64",
):
    """Train without standardising; yield epoch, loss, share, gradient, norm, parameters."""
    xp = place.xp
    x, y = (place.array(a.transpose(1, 0, 2), dtype) for a in (x, y))
    weights = place.tree(network.init(np.random.default_rng(seed), x.shape[-1])[0], dtype)
    memory = optimizer.init(weights, xp=xp)
    for epoch in range(epochs):
        for batch in draw_batches(Data(x, y), batch_size, (seed, epoch), True, place.backend):
            own = batch.data
            state = network.initial_state(weights, own.x.shape[1], xp=xp)
            value, grads, _ = value_and_grad(
                network, losses.HalfMSE(), weights, own.x, own.y, state=state, xp=xp
            )
            norm = float(global_norm(grads, xp=xp))
            if clip_norm is not None and norm > clip_norm:
                grads = tree.map(lambda g, scale=clip_norm / norm: g * scale, grads)
            weights, memory = optimizer.update(grads, memory, weights, xp=xp)
            yield epoch, float(value), batch.share, grads, norm, weights


@pytest.mark.parametrize("batch_size", [None, 2])
@pytest.mark.parametrize("clip_norm", [None, 0.3])
def test_fit_is_a_plain_loop(place, batch_size, clip_norm):
    network = Stack((Recurrent(3), Recurrent(2, Elman("relu")), Dense(1)))
    options = {"epochs": 3, "batch_size": batch_size, "clip_norm": clip_norm}
    model = fit(
        network=network,
        optimizer=Adam(0.01),
        standardize=False,
        backend=str(place.backend),
        seed=6,
        **options,
    )
    steps = list(by_hand(place, network, Adam(0.01), seed=6, **options))
    rtol = 0 if clip_norm is None else 1e-13
    for name, array in tree.flatten(steps[-1][-1]).items():
        np.testing.assert_allclose(host(model)[name], place.host(array), rtol, err_msg=name)
    epochs = [[s for s in steps if s[0] == epoch] for epoch in range(3)]
    history = model.history
    assert history.loss == pytest.approx([sum(s[1] * s[2] for s in e) for e in epochs], rel=1e-13)
    assert history.gradient_norm == pytest.approx([np.mean([s[4] for s in e]) for e in epochs])
    limit = clip_norm or math.inf
    assert history.clipped == pytest.approx([np.mean([s[4] > limit for s in e]) for e in epochs])


def test_one_epoch_of_adam_written_out():
    """Full batch; θ₁ = θ₀ - η g / (|g| + ε): the moments' bias corrections cancel."""
    network = Stack((Recurrent(3), Dense(1)))
    before = untrained(network=network, standardize=False, batch_size=None)
    after = fit(network=network, standardize=False, batch_size=None, epochs=1, learning_rate=0.01)
    ((*_, grads, _, _),) = by_hand(
        Here(), network, Adam(0.01), epochs=1, batch_size=None, clip_norm=1.0
    )
    for name, g in tree.flatten(grads).items():
        step = host(before)[name] - host(after)[name]
        np.testing.assert_allclose(step, 0.01 * g / (abs(g) + 1e-8), rtol=1e-9, err_msg=name)


class Here:
    """The NumPy backend, in place of the fixture `place`."""

    xp = np
    backend = Backend("numpy", "cpu")

    def array(self, a, dtype="float64"):
        return np.asarray(a, dtype)

    def tree(self, t, dtype="float64"):
        return tree.map(lambda a: self.array(a, dtype), t)

    def host(self, a):
        return a


@pytest.mark.parametrize("name", sorted(activations.TABLE))
def test_every_activation_trains(place, name):
    model = fit(activation=name, epochs=1, backend=str(place.backend))
    assert model.network.layers[0].cell == Elman(name)
    start = untrained(activation=name, backend=str(place.backend))
    assert any(
        not np.array_equal(a, b)
        for a, b in zip(*(host(m).values() for m in (model, start)), strict=True)
    )


def test_layers():
    assert list(fit(num_layers=2).named()) == [
        "0.W",
        "0.U",
        "0.b",
        "1.W",
        "1.U",
        "1.b",
        "2.W",
        "2.b",
    ]
    assert [a.shape for a in fit(num_layers=2).named().values()] == [
        (2, 3), (3, 3), (1, 3), (3, 3), (3, 3), (1, 3), (3, 1), (1, 1),
    ]  # fmt: skip


def test_a_network_of_ones_own_is_used_as_it_is():
    network = Stack((Recurrent(2), Dense(1, bias=False)))
    assert fit(network=network).network is network


def targets(loss):
    """Return targets that a loss takes: quantities, labels or answers."""
    if losses.standardizes(losses.get(loss)):
        return Y
    return np.digitize(Y, [0.4, 0.8]) if loss == "cross_entropy" else (Y > 0.5).astype(float)


@pytest.mark.parametrize("loss", sorted(losses.TABLE))
def test_training_lowers_every_loss(loss):
    options = {"loss": loss, "epochs": 60, "batch_size": None, "learning_rate": 0.01}
    curve = fit(y=targets(loss), **options).history.loss
    assert curve[-1] < curve[0] - 0.3 * abs(curve[0])


# The history


def test_the_loss_is_that_of_the_parameters_before_the_update(place):
    keep = Keep()
    options = {"batch_size": None, "backend": str(place.backend)}
    model = fit(**options, callbacks=[keep], validation_data=(X_VAL, Y_VAL))
    before = [untrained(**options), *keep.models[:-1]]
    assert model.history.loss == pytest.approx([m.evaluate(X, Y) for m in before], rel=1e-12)
    after = [m.evaluate(X_VAL, Y_VAL) for m in keep.models]
    assert model.history.val_loss == pytest.approx(after, rel=1e-12)
    assert_same_params(model, keep.models[-1])


@pytest.mark.parametrize("loss", sorted(losses.TABLE))
@pytest.mark.parametrize("standardize", [True, False])
def test_the_loss_is_in_the_units_of_y(loss, standardize):
    options = {"batch_size": None, "standardize": standardize, "loss": loss}
    y = 7 * Y - 3 if losses.standardizes(losses.get(loss)) else targets(loss)
    first = fit(X, y, **options).history.loss[0]
    start = untrained(x=X, y=y, **options)
    assert first == pytest.approx(start.evaluate(X, y, loss=loss), rel=1e-12)
    assert first == pytest.approx(start.evaluate(X, y), rel=1e-12)


def test_curves_have_one_number_an_epoch():
    history = fit(epochs=4).history
    curves = history.as_dict()
    assert sorted(curves) == sorted(
        ["loss", "val_loss", "gradient_norm", "clipped", "learning_rate", "seconds"]
    )
    assert {name: len(curve) for name, curve in curves.items()} == dict.fromkeys(curves, 4)
    assert all(isinstance(number, float) for curve in curves.values() for number in curve)
    assert all(map(math.isnan, curves["val_loss"]))
    assert all(map(math.isfinite, fit(validation_data=(X_VAL, Y_VAL)).history.val_loss))
    assert len(history) == 4
    assert repr(history) == f"History(4 epochs, loss {history.loss[-1]:.4g}, completed)"


def test_seconds_add_up_to_the_time_that_passed():
    """With all that callbacks do, but for what a callback does after the last epoch."""
    began = time.perf_counter()
    history = fit(epochs=20, callbacks=[lambda _: time.sleep(0.01)]).history
    passed = time.perf_counter() - began
    assert 0.6 * passed < sum(history.seconds) < passed


def test_the_learning_rate_is_that_of_the_last_update_of_the_epoch():
    history = fit(optimizer=SGD(0.1, decay=0.5), epochs=3).history  # three updates an epoch
    assert history.learning_rate == pytest.approx([0.1 / (1 + 0.5 * i) for i in (2, 5, 8)])
    assert fit(learning_rate=0.02).history.learning_rate == [0.02] * 3
    assert fit(optimizer="sgd", learning_rate=0.02).history.learning_rate == [0.02] * 3


def test_clipping_is_counted():
    assert fit(clip_norm=1e-6).history.clipped == [1.0] * 3
    assert fit(clip_norm=1e6).history.clipped == [0.0] * 3
    assert fit(clip_norm=None).history.clipped == [0.0] * 3
    norms = fit(clip_norm=1e6).history.gradient_norm
    assert norms == fit(clip_norm=None).history.gradient_norm
    assert_same_params(fit(clip_norm=1e6), fit(clip_norm=None), rtol=1e-14)


def test_clipping_bounds_the_update():
    options = {"optimizer": SGD(1.0), "epochs": 1, "batch_size": None}
    start, end = untrained(batch_size=None), fit(clip_norm=1e-3, **options)
    moved = [host(start)[name] - a for name, a in host(end).items()]
    assert math.sqrt(sum(np.sum(a * a) for a in moved)) == pytest.approx(1e-3)


def test_validation_data_are_not_trained_on():
    assert_same_params(fit(), fit(validation_data=(X_VAL, Y_VAL)))
    assert fit().history.loss == fit(validation_data=(X_VAL, Y_VAL)).history.loss


def test_validation_data_may_have_other_lengths():
    model = fit(validation_data=(X_VAL[0], Y_VAL[0]))
    expected = model.evaluate(X_VAL[0], Y_VAL[0])
    assert model.history.val_loss[-1] == pytest.approx(expected, rel=1e-12)


# Standardisation


@pytest.mark.parametrize("factor", [1024.0, 2.0**-20])
def test_another_unit_of_y_changes_nothing_but_the_unit_of_the_loss(place, factor):
    """Exactly, since a power of two does not round."""
    name = str(place.backend)
    here, scaled = fit(backend=name), fit(y=factor * Y, backend=name)
    assert_same_params(here, scaled)
    assert scaled.history.loss == [factor**2 * value for value in here.history.loss]
    np.testing.assert_array_equal(scaled.predict(X), factor * here.predict(X))


@pytest.mark.parametrize("factor", [2.0**600, 2.0**-600])
def test_any_unit_of_x_gives_the_same_model(factor):
    """Even where the squares of the numbers overflow or underflow."""
    here, other = fit(), fit(factor * X)
    assert_same_params(here, other)
    np.testing.assert_array_equal(other.predict(factor * X), here.predict(X))


def test_a_small_unit_of_y_gives_the_same_model():
    assert_same_params(fit(), fit(y=2.0**-600 * Y))


def test_other_units_of_x_and_y():
    here, other = fit(), fit(X * [1000, 0.01] + [5, -3], 1000 * Y + 40)
    assert_same_params(here, other, rtol=1e-9)
    np.testing.assert_allclose(other.history.loss, np.multiply(1e6, here.history.loss), rtol=1e-9)


def test_the_scaler_sees_the_training_data_only():
    model = fit(validation_data=(X_VAL * 100, Y_VAL - 1000))
    np.testing.assert_allclose(model.x_scaler.mean, X.mean((0, 1)), rtol=1e-12)
    np.testing.assert_allclose(model.x_scaler.scale, X.std((0, 1)), rtol=1e-12)
    np.testing.assert_allclose(model.y_scaler.mean, Y.mean((0, 1)), rtol=1e-12)
    np.testing.assert_allclose(model.y_scaler.scale, Y.std((0, 1)), rtol=1e-12)


def test_without_standardisation_there_is_no_scaler():
    model = fit(standardize=False)
    assert model.x_scaler is None
    assert model.y_scaler is None


@given(constant=st.floats(-1e6, 1e6), dtype=st.sampled_from(["float32", "float64"]))
def test_constant_features_are_shifted_only(place, constant, dtype):
    x, y = X.astype(dtype), np.full_like(Y, constant, dtype=dtype)
    x[:, :, 1] = constant
    model = fit(x, y, backend=str(place.backend))
    assert float(model.x_scaler.scale[1]) == float(model.y_scaler.scale[0]) == 1
    assert all(map(math.isfinite, model.history.loss))
    assert abs(model.predict(x) - y).max() < 5


@pytest.mark.parametrize("factor", [1e-22, 1e-37, 1e19, 1e36])
def test_losses_in_units_whose_squares_are_no_float32(factor):
    """The history has them in float64; the training is that of the same curve in unit 1."""
    y, here = (factor * Y).astype("float32"), fit(X, Y, dtype="float32")
    model = fit(X.astype("float32"), y)
    expected = np.array(here.history.loss) * factor**2
    np.testing.assert_allclose(model.history.loss, expected, rtol=1e-3)
    assert model.dtype == "float32"
    assert model.evaluate(X.astype("float32"), y) == pytest.approx(
        here.evaluate(X, Y) * factor**2, rel=1e-3
    )


@pytest.mark.parametrize("factor", [2.0**600, 2.0**-600])
def test_a_loss_that_no_float64_holds_is_no_failure(factor):
    """It is shown as infinity, or as 0, and what was minimised goes on."""
    stop = xprnn.callbacks.EarlyStopping(patience=2)
    model = fit(y=factor * Y, callbacks=[stop], epochs=5)
    assert stop.best_epoch == 5
    assert set(model.history.loss) <= {0.0, math.inf}
    assert_same_params(model, fit(epochs=5))


def test_what_is_advised_is_not_already_so():
    """The error of a standardised training speaks of what can still be changed."""
    for standardize in (True, False):
        with pytest.raises(xprnn.NonFiniteError) as caught:
            fit(optimizer=SGD(1e200), network=Dense(1), clip_norm=None, standardize=standardize)
        assert ("standardize=True" in str(caught.value)) != standardize


# A training that made things worse


WORSE = "the training took the loss from .* to .*: try a smaller learning_rate"
SINE = np.sin(np.linspace(0, 20, 80))


@pytest.mark.parametrize("optimizer", ["adam", "sgd"])
@pytest.mark.parametrize("standardize", [True, False])
@pytest.mark.parametrize("loss", ["half_mse", "mae", "gaussian_nll"])
def test_a_training_that_made_things_worse_is_warned_of(optimizer, standardize, loss):
    options = {"optimizer": optimizer, "standardize": standardize, "loss": loss, "epochs": 8}
    options |= {"hidden_size": 4, "batch_size": None}
    if loss == "gaussian_nll":
        options["loss"] = losses.GaussianNLL(min_variance=1e-2)
    with pytest.warns(UserWarning, match=WORSE) as seen:
        model = fit(SINE[:-1], SINE[1:], learning_rate=100.0, **options)
    assert model.history.ended == "completed"
    assert [warning.filename for warning in seen] == [__file__]
    fit(SINE[:-1], SINE[1:], learning_rate=0.003, **options)  # warnings are errors


def test_classes_that_are_worse_than_a_guess():
    labels = (SINE > 0).astype(int)
    with pytest.warns(UserWarning, match="a constant output would do better"):
        fit(SINE, labels, loss="cross_entropy", learning_rate=100.0, epochs=8, batch_size=None)


def test_the_warning_is_of_the_parameters_that_the_training_ends_with():
    """What a callback chose instead may be well; and a loss that rose may have fallen again."""
    options = {"hidden_size": 4, "epochs": 8, "batch_size": None}
    start = fit(SINE[:-1], SINE[1:], learning_rate=1e-9, **options)

    def back(training):
        return start if training.epoch == 8 else None

    fit(SINE[:-1], SINE[1:], learning_rate=100.0, callbacks=[back], **options)

    def rate(i):
        return 1.0 if i < 2 else 0.01

    calm = {**options, "epochs": 100}
    model = fit(SINE[:-1], SINE[1:], learning_rate=rate, **calm)
    assert max(model.history.loss) > 2 * model.history.loss[0] > 2 * model.history.loss[-1]


@pytest.mark.filterwarnings("error")
@given(
    epochs=st.integers(1, 4),
    batch_size=st.sampled_from([None, 1, 2]),
    dropout=st.sampled_from([0.0, 0.5]),
    cell=st.sampled_from(["elman", "lstm", "gru"]),
    seed=st.integers(0, 100),
)
def test_a_short_training_is_no_reason_to_warn(epochs, batch_size, dropout, cell, seed):
    """Of data that can't be learnt; warnings are errors."""
    y = np.random.default_rng(seed).standard_normal(Y.shape)
    options = {"num_layers": 2, "dropout": dropout, "cell": cell, "seed": seed}
    fit(X, y, epochs=epochs, batch_size=batch_size, learning_rate=None, **options)


# Callbacks and the end of a run


def test_callbacks_see_every_epoch_and_the_model(place):
    seen = []

    def first(training):
        seen.append((training.epoch, training.epochs, len(training.history.loss)))
        assert training.history.ended == "running"
        assert training.model.predict(X[:1]).shape == (1, 8, 1)

    second = Keep()
    model = fit(callbacks=(first, second), backend=str(place.backend))
    assert seen == [(1, 3, 1), (2, 3, 2), (3, 3, 3)]
    assert len(second.models) == 3
    assert model.history.ended == "completed"
    assert_same_params(model, second.models[-1])


@pytest.mark.parametrize("true", [True, np.True_])
def test_a_callback_stops_the_run(true):
    keep = Keep()
    stop = [lambda training: true if training.epoch == 2 else None]
    model = fit(epochs=9, callbacks=[*stop, keep])
    assert model.history.ended == "stopped"
    assert len(model.history) == len(keep.models) == 2
    assert_same_params(model, fit(epochs=2))


@pytest.mark.parametrize("answer", [None, False, 0, "no", np.False_])
def test_other_answers_of_a_callback_do_not_stop_the_run(answer):
    assert fit(callbacks=[lambda training: answer]).history.ended == "completed"


@pytest.mark.parametrize("answer", [1, 1.0, np.ones(2)])
def test_a_callback_may_return_numbers(answer):
    assert fit(callbacks=[lambda training: answer]).history.ended == "completed"


def test_callbacks_may_be_any_iterable():
    keep = Keep()
    fit(callbacks=iter([keep]))
    assert len(keep.models) == 3


def test_an_error_in_a_callback_comes_out():
    def fails(training):
        raise ZeroDivisionError(f"in epoch {training.epoch}")

    with pytest.raises(ZeroDivisionError, match="in epoch 1"):
        fit(callbacks=[fails])


def interrupt_in(epoch):
    def callback(training):
        if training.epoch == epoch:
            raise KeyboardInterrupt

    return callback


def test_ctrl_c_returns_the_model_so_far(place):
    model = fit(epochs=9, callbacks=[interrupt_in(2)], backend=str(place.backend))
    assert model.history.ended == "interrupted"
    assert len(model.history) == len(model.history.loss) == 2
    assert_same_params(model, fit(epochs=2, backend=str(place.backend)))


def test_ctrl_c_in_the_first_epoch_returns_the_untrained_model():
    model = untrained()
    assert model.history.ended == "interrupted"
    assert repr(model.history) == "History(no epochs)"
    drawn = model.network.init(np.random.default_rng(0), 2)[0]
    for name, array in tree.flatten(drawn).items():
        np.testing.assert_array_equal(host(model)[name], array)


def test_a_signal_from_outside():
    """What the terminal sends at Ctrl-C, wherever the computation is when it comes."""
    code = """if True:
        import signal, xprnn
        signal.signal(signal.SIGINT, signal.default_int_handler)
        tell = lambda training: print(training.epoch, flush=True) if training.epoch == 3 else None
        model = xprnn.fit([0.0, 1.0], [1.0, 2.0], epochs=10**9, callbacks=[tell])
        print(model.history.ended, len(model.history) >= 3, model.predict([0.5]).shape)
        """
    child = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    with child:
        try:
            assert child.stdout.readline() == "3\n"
            child.send_signal(signal.SIGINT)
            out, err = child.communicate(timeout=60)
        finally:
            child.kill()
    assert (out, err) == ("interrupted True (1,)\n", "")


# Numbers that are no longer finite


def first_not_finite(place, network, optimizer, *, x=X, **options):
    """Look after every update: epoch, what is not finite, and the parameters before."""
    before = tree.flatten(network.init(np.random.default_rng(0), x.shape[-1])[0])
    with place.backend.active():
        for epoch, value, _, grads, norm, weights in by_hand(
            place, network, optimizer, x=x, **options
        ):
            after = place.host(tree.flatten(weights))
            numbers = {
                "loss": value,
                **{f"gradient of {n}": g for n, g in place.host(tree.flatten(grads)).items()},
                "gradient norm": norm,
                **{f"parameter {n}": w for n, w in after.items()},
            }
            bad = [name for name, number in numbers.items() if not np.isfinite(number).all()]
            if bad:
                return epoch + 1, bad[0], before
            before = after
    return None


IDENTITY = Stack((Recurrent(3, Elman("identity")), Dense(1)))
TANH = Stack((Recurrent(3), Dense(1)))
STEEP = Stack((Recurrent(3), Dense(1, kernel_initializer=Normal(1e23))))


@pytest.mark.parametrize("look_every", [0.0, 1e9])
@pytest.mark.parametrize(
    ("network", "rate", "x", "y", "name", "epochs"),
    [
        (IDENTITY, 1e30, X, Y, "loss", range(1, 2)),
        (Dense(1), 100.0, X, Y, "loss", range(2, 6)),
        (Dense(1), 20.0, X, Y, "loss", range(4, 9)),
        (STEEP, 0.1, 0 * X, Y + 1e18, "gradient of 0.W", range(1, 2)),
        (Dense(1), 0.1, 0 * X + 100, 0 * Y + 4e18, "gradient norm", range(1, 2)),
        (TANH, 1e30, X, 1e10 * Y, "parameter 0.W", range(1, 2)),
    ],
    ids=["at once", "soon", "later", "gradient", "norm", "parameter"],
)
def test_what_is_not_finite_is_named(
    place, monkeypatch, network, rate, x, y, name, epochs, look_every
):
    """However rarely anybody looks, the epoch, the name and the parameters are the first."""
    monkeypatch.setattr(watch, "LOOK_EVERY", look_every)
    options = {"optimizer": SGD(rate), "epochs": 20, "batch_size": 2, "dtype": "float32"}
    epoch, first, before = first_not_finite(place, network, x=x, y=y, **options)
    assert first == name
    assert epoch in epochs
    with pytest.raises(xprnn.NonFiniteError) as caught:
        fit(
            x,
            y,
            network=network,
            clip_norm=None,
            standardize=False,
            backend=str(place.backend),
            **options,
        )
    error = caught.value
    assert (error.epoch, error.name) == (epoch, name)
    assert f"the {name} was no longer finite in epoch {epoch}; try a smaller" in str(error)
    assert error.model.backend == place.backend
    for key, array in error.model.named().items():
        found = place.host(array)
        assert np.isfinite(found).all()
        np.testing.assert_allclose(found, before[key], rtol=1e-5, err_msg=key)
    assert error.model.predict(x).shape == y.shape


@given(
    rate=st.floats(-3, 200).map(lambda exponent: 10**exponent),
    scale=st.floats(-200, 160).map(lambda exponent: 10**exponent),
    network=st.sampled_from([IDENTITY, TANH, Dense(1)]),
    clip_norm=st.sampled_from([None, 1.0]),
)
@example(rate=1e12, scale=1.0, network=IDENTITY, clip_norm=None)
def test_whatever_the_sizes_it_works_or_the_first_trouble_is_named(rate, scale, network, clip_norm):
    options = {
        "y": scale * Y,
        "optimizer": SGD(rate),
        "epochs": 6,
        "batch_size": 3,
        "clip_norm": clip_norm,
    }
    expected = first_not_finite(Here(), network, **options)
    if expected is None:
        fit(network=network, standardize=False, **options)
        return
    with pytest.raises(xprnn.NonFiniteError) as caught:
        fit(network=network, standardize=False, **options)
    assert (caught.value.epoch, caught.value.name) == expected[:2]


@pytest.mark.parametrize("clip_norm", [None, 1.0])
def test_a_norm_that_overflows_is_no_validation_loss(clip_norm):
    """The gradient itself is finite, and so are the loss and the parameters."""
    options = {"epochs": 2, "batch_size": None, "clip_norm": clip_norm, "standardize": False}
    with pytest.raises(xprnn.NonFiniteError) as caught:
        fit(network=Dense(1), x=0 * X + 1e100, y=0 * Y + 1e60, optimizer=SGD(1e-200), **options)
    assert (caught.value.epoch, caught.value.name) == (1, "gradient norm")


def test_the_history_tells_of_the_failure():
    """It ends where the model stands: at the last epoch that went well."""
    with pytest.raises(xprnn.NonFiniteError) as caught:
        fit(network=Dense(1), optimizer=SGD(1e30), clip_norm=None, epochs=30, batch_size=None)
    history = caught.value.model.history
    assert history.ended == "diverged"
    assert len(history) == caught.value.epoch - 1 > 0
    assert all(map(math.isfinite, history.loss))


@pytest.mark.parametrize("nth", [1, 3])
def test_ctrl_c_while_the_history_is_read_leaves_it_whole(monkeypatch, nth):
    """On a GPU that is where the host waits, and so where Ctrl-C arrives."""
    done = History()
    for loss in range(5):
        number = np.asarray(float(loss))
        done.append(Epoch([Value(number, number)], [1.0], [number], 1.0, [], 0.1), 1.0)

    fetched = []

    def interrupted(array):
        fetched.append(array)
        if len(fetched) == nth:
            raise KeyboardInterrupt
        return array

    monkeypatch.setattr("xprnn._record.history.to_host", interrupted)
    with contextlib.suppress(KeyboardInterrupt):
        _ = done.loss
    monkeypatch.undo()
    assert done.loss == [0.0, 1.0, 2.0, 3.0, 4.0]
    assert len(done) == 5


WAITING = {"all", "any", "clip", "isfinite", "nonzero", "unique_values"}
"""Functions for which a GPU's host waits; array-api-compat's clip counts a mask's elements."""


class NeverWaits:
    """NumPy's namespace without them."""

    def __getattr__(self, name):
        assert name not in WAITING, f"xp.{name} makes a GPU wait"
        return getattr(np, name)


@pytest.mark.parametrize("loss", sorted(losses.TABLE))
@pytest.mark.parametrize("optimizer", [SGD(0.1, momentum=0.9, nesterov=True), Adam(0.1)])
@pytest.mark.parametrize(
    ("ragged", "tbptt", "checkpoint_every"),
    [(False, None, None), (True, None, None), (True, 2, None), (False, None, 3)],
)
def test_nothing_in_an_epoch_waits_for_the_device(loss, optimizer, ragged, tbptt, checkpoint_every):
    xp = NeverWaits()
    place = types.SimpleNamespace(xp=xp, asarray=lambda a, dtype: np.asarray(a).astype(dtype))
    valid = np.array([[True] * 3, [True] * 3, [True, False, True], [True, False, False]])
    loss = losses.get(loss)
    data = Data(np.ones((4, 3, 1)), np.zeros((4, 3, 1)), valid if ragged else None)
    outputs = losses.outputs(loss, data.y, None, xp=np)
    network = Stack((Recurrent(3, recurrent_dropout=0.2), Dropout(0.5), Dense(outputs)))
    params, _ = network.init(np.random.default_rng(0), 1)
    method = Method(
        loss=loss,
        optimizer=optimizer,
        penalty=Penalty(Weights(l1=0.1), Weights(l2=0.1), Weights(max_norm=1)),
        clip_norm=0.1,
        batch_size=2,
        tbptt=tbptt,
        checkpoint_every=checkpoint_every,
    )
    model = xprnn.Model(network=network, params=params, features=1, outputs=outputs)
    task = Run(Setup(model=model, method=method, data=data, validation=data, place=place))
    position, measured = task.epoch(task.start()._replace(factor=0.5))
    updates = 2 if tbptt is None else 4
    assert (position.epoch, position.updates, len(measured.losses)) == (1, updates, updates)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_numbers_of_numpy_as_hyperparameters_change_no_dtype(place, dtype, tmp_path):
    network = Stack(
        (
            Recurrent(np.int64(3), recurrent_initializer=Normal(np.float64(0.2))),
            Dense(np.int32(1)),
        )
    )
    for optimizer in (SGD(np.float64(0.1), np.float64(0.5)), Adam(np.float32(0.1))):
        model = fit(
            network=network, optimizer=optimizer, loss=losses.Huber(np.float64(1)), dtype=dtype,
            backend=str(place.backend),
        )  # fmt: skip
        assert model.dtype == dtype
        xprnn.save(model, tmp_path / "m.npz")


def test_data_far_from_zero_keep_their_digits_in_float32():
    """Seconds since 1970, one a step, are all the same number in float32."""
    seconds = 1_700_000_000 + np.arange(100)
    y = np.sin(np.arange(100) / 10)
    for x in (seconds, seconds.astype("float64")):
        losses_ = [
            xprnn.fit(x, y, hidden_size=8, epochs=100, dtype=dtype).evaluate(x, y)
            for dtype in ("float32", "float64")
        ]
        assert losses_[0] == pytest.approx(losses_[1], rel=0.2)


def test_numbers_too_large_for_the_dtype_asked_for():
    with pytest.raises(ValueError, match="y in float32 must be finite, got inf at index"):
        fit(X, 1e39 * Y, dtype="float32", standardize=False)


def test_a_model_kept_by_a_callback_has_the_history_of_its_epoch():
    kept = []
    fit(epochs=4, callbacks=[lambda training: kept.append(training.model)])
    assert [len(model.history) for model in kept] == [1, 2, 3, 4]


def test_a_validation_loss_that_is_not_finite_does_not_stop_the_run():
    history = fit(activation="identity", validation_data=(1e200 * X_VAL, Y_VAL)).history
    assert history.val_loss == [math.inf] * 3
    assert history.ended == "completed"


# Progress


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_silent_in_a_pipe(capfd):
    fit()
    assert capfd.readouterr() == ("", "")


def test_silent_if_asked_even_on_a_terminal(monkeypatch):
    monkeypatch.setattr(sys, "stderr", Terminal())
    fit(progress=False)
    assert sys.stderr.getvalue() == ""


@pytest.mark.parametrize("progress", [True, None])
def test_a_bar_with_the_loss(monkeypatch, progress):
    """On a terminal by itself, elsewhere if asked."""
    pytest.importorskip("tqdm")
    monkeypatch.setattr(sys, "stderr", Terminal() if progress is None else io.StringIO())
    model = fit(progress=progress)
    last = sys.stderr.getvalue().split("\r")[-1]
    assert "3/3" in last
    assert f"loss {model.history.loss[-1]:.4g}" in last


def test_the_bar_of_a_run_that_is_stopped(monkeypatch):
    pytest.importorskip("tqdm")
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    fit(progress=True, epochs=9, callbacks=[lambda training: training.epoch == 2])
    assert "2/9" in sys.stderr.getvalue().split("\r")[-1]


@pytest.mark.parametrize("look_every", [0.0, 1e9])
def test_a_line_of_text_on_a_terminal_without_tqdm(monkeypatch, look_every):
    monkeypatch.setitem(sys.modules, "tqdm.auto", None)
    monkeypatch.setattr(sys, "stderr", Terminal())
    monkeypatch.setattr(watch, "LOOK_EVERY", look_every)
    model = fit(callbacks=[lambda training: training.epoch == 2])
    *_, last = sys.stderr.getvalue().split("\r")
    assert last.rstrip(" ") == f"epoch 2/3, loss {model.history.loss[-1]:.4g}   \n"
    assert sys.stderr.getvalue().count("epoch 1/3") == (look_every == 0)


def test_a_bar_without_tqdm_is_an_error(monkeypatch):
    monkeypatch.setitem(sys.modules, "tqdm.auto", None)
    with pytest.raises(xprnn.MissingExtraError, match="needs tqdm: pip install tqdm"):
        fit(progress=True)


def test_without_standard_error(monkeypatch):
    """As under pythonw."""
    monkeypatch.setattr(sys, "stderr", None)
    assert len(fit().history) == 3
