"""What watches a run: early stopping, plateaus, files, lines; penalties and schedules in it."""

import errno
import functools
import math
import os
import shutil
import types

import numpy as np
import pytest
from compare import assert_same_params, host
from hypothesis import example, given
from hypothesis import strategies as st

import xprnn
from xprnn import losses, schedules
from xprnn._record import Epoch, History
from xprnn.callbacks import Checkpoint, EarlyStopping, Log, ReduceOnPlateau, Training
from xprnn.layers import Dense, Recurrent, Stack
from xprnn.losses.units import Value
from xprnn.optimizers import SGD, Adam, AdamW, NAdam, RMSprop
from xprnn.penalties import Penalty, Weights
from xprnn.training import watch

RNG = np.random.default_rng(8)
X = RNG.standard_normal((6, 7, 2))
Y = np.cumsum(X[:, :, :1], axis=1) / 3 + 0.5
X_VAL, Y_VAL = RNG.standard_normal((3, 7, 2)), RNG.standard_normal((3, 7, 1))


def fit(x=X, y=Y, **options):
    return xprnn.fit(x, y, **{"epochs": 3, "hidden_size": 3, **options})


class Keep:
    def __init__(self):
        self.models = []

    def __call__(self, training):
        self.models.append(training.model)


def value(number):
    """Return a loss whose unit is 1."""
    return Value(np.asarray(float(number)), np.asarray(float(number)))


def replay(callback, curve, validation=None, epochs=None):
    """Show a loss curve to a callback; return its answers and the factors it asked for."""
    history, answers, factors = History(), [], []
    for i, loss in enumerate(curve):
        val_loss = [] if validation is None else [value(validation[i])]
        numbers = [value(loss)], [1.0], [np.asarray(1.0)], None, val_loss, 0.1
        history.append(Epoch(*numbers), 0.0)
        more = validation is not None
        training = Training(i + 1, epochs or len(curve), history, lambda i=i: i, more)
        answers.append(callback(training))
        factors.append(training.factor)
    return answers, factors


curves = st.lists(st.integers(0, 6).map(lambda n: n / 4), min_size=1, max_size=25)


# Early stopping


@given(curve=curves, patience=st.integers(1, 4), min_delta=st.sampled_from([0.0, 0.25, 0.3]))
def test_early_stopping_ends_after_its_patience_with_the_best(curve, patience, min_delta):
    stop = EarlyStopping(patience, min_delta=min_delta)
    best, since, found = math.inf, 0, None
    answers, _ = replay(stop, curve, epochs=99)
    for epoch, loss in enumerate(curve):
        since += 1
        if loss < best - min_delta:
            best, since, found = loss, 0, epoch
        expected = found if since >= patience else False
        assert (answers[epoch], type(answers[epoch])) == (expected, type(expected))
        if since >= patience:
            break
    assert replay(EarlyStopping(9, min_delta=min_delta), [5.0, *curve[:8]])[0][-1] is not False


def test_without_restoring_it_only_stops():
    assert replay(EarlyStopping(2, restore_best=False), [3, 1, 2, 2, 2], epochs=9)[0] == (
        [False, False, False, True, True]
    )
    assert replay(EarlyStopping(9, restore_best=False), [3, 1, 2])[0] == [False] * 3


def test_the_last_epoch_ends_with_the_best_too():
    assert replay(EarlyStopping(9), [3, 1, 2])[0] == [False, False, 1]
    assert replay(EarlyStopping(9), [3, 2, 1])[0] == [False, False, 2]


def test_the_monitored_curve():
    """The validation loss if there is one."""
    loss, other = [3, 2, 1], [1, 2, 3]
    assert replay(EarlyStopping(9), loss, other)[0][-1] == 0
    assert replay(EarlyStopping(9, monitor="val_loss"), loss, other)[0][-1] == 0
    assert replay(EarlyStopping(9, monitor="loss"), loss, other)[0][-1] == 2
    assert replay(EarlyStopping(9), loss)[0][-1] == 2


def test_a_validation_loss_that_is_nan_is_not_the_best_nor_another_curve():
    """It is monitored on, and the loss does not take its place."""
    nan = math.nan
    assert replay(EarlyStopping(9), [3, 2, 1, 0], [nan, 2, nan, 3])[0][-1] == 1
    assert replay(EarlyStopping(2), [3, 2, 1, 0], [nan, 2, nan, nan], epochs=9)[0][-1] == 1
    assert replay(EarlyStopping(9), [nan, nan])[0] == [False, False]
    assert replay(ReduceOnPlateau(0.5, patience=0), [1, 2], [nan, nan])[1] == [1.0, 0.5]


@pytest.mark.parametrize("epochs", [4, 40])
def test_the_best_parameters_are_restored(place, epochs):
    """In the middle or at the last epoch; the history goes to the end of the run."""
    keep, stop = Keep(), EarlyStopping(patience=3)
    model = fit(
        epochs=epochs, learning_rate=0.1, optimizer="sgd", clip_norm=None,
        validation_data=(X_VAL, Y_VAL), callbacks=[keep, stop], backend=str(place.backend),
    )  # fmt: skip
    best = int(np.argmin(model.history.val_loss))
    assert stop.best_epoch == best + 1
    assert_same_params(model, keep.models[best])
    assert len(model.history) == len(keep.models) == min(epochs, best + 4)
    assert model.history.ended == ("completed" if len(model.history) == epochs else "stopped")
    assert model.evaluate(X_VAL, Y_VAL) == pytest.approx(min(model.history.val_loss), rel=1e-12)
    assert model.backend == place.backend


def test_it_begins_anew_with_every_run():
    """A second run that is worse from the start still ends with its own best."""
    stop = EarlyStopping(patience=2)
    options = {"epochs": 6, "callbacks": [stop]}
    good = fit(**options)
    keep = Keep()
    bad = fit(X, 1000 * Y, optimizer="sgd", learning_rate=0.5, **options | {
        "callbacks": [keep, stop]})  # fmt: skip
    assert min(bad.history.loss) > max(good.history.loss)
    best = int(np.argmin(bad.history.loss))
    assert stop.best_epoch == best + 1
    assert_same_params(bad, keep.models[best])
    again = EarlyStopping(patience=2)
    assert_same_params(bad, fit(X, 1000 * Y, optimizer="sgd", learning_rate=0.5, epochs=6,
                                callbacks=[again]))  # fmt: skip


def test_a_callback_that_returns_a_model_ends_the_run_with_it(place):
    keep = Keep()

    def second(training):
        return keep.models[1] if training.epoch == 4 else None

    model = fit(epochs=9, callbacks=[keep, second], backend=str(place.backend))
    assert_same_params(model, keep.models[1])
    assert (len(model.history), model.history.ended) == (4, "stopped")
    with pytest.raises(AssertionError):
        assert_same_params(model, keep.models[3])


# Plateaus


@given(
    curve=curves,
    factor=st.sampled_from([0.1, 0.5]),
    patience=st.integers(0, 4),
    min_delta=st.sampled_from([0.0, 0.25, 0.3]),
)
def test_reduce_on_plateau_is_as_in_torch(curve, factor, patience, min_delta):
    torch = pytest.importorskip("torch")
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    theirs = torch.optim.lr_scheduler.ReduceLROnPlateau(
        optimizer, factor=factor, patience=patience, threshold=min_delta,
        threshold_mode="abs", eps=0.0,
    )  # fmt: skip
    _, factors = replay(ReduceOnPlateau(factor, patience, min_delta=min_delta), curve)
    rate = 1.0
    for loss, asked in zip(curve, factors, strict=True):
        rate *= asked
        theirs.step(loss)
        assert rate == pytest.approx(optimizer.param_groups[0]["lr"], rel=1e-12)


def test_a_plateau_begins_anew_with_every_run():
    plateau = ReduceOnPlateau(patience=1)
    first = replay(plateau, [1, 1, 1])[1]
    assert first == [1.0, 1.0, 0.1]
    assert replay(plateau, [1, 1])[1] == [1.0, 1.0]
    assert replay(plateau, [2, 2, 2])[1] == first


OPTIMIZERS = {
    "sgd": SGD(0.1),
    "momentum": SGD(0.1, momentum=0.9, nesterov=True),
    "adam": Adam(0.1),
    "rmsprop": RMSprop(0.1),
    "nadam": NAdam(0.1),
    "adamw": AdamW(0.1, weight_decay=0.1),
}


@pytest.mark.parametrize("optimizer", OPTIMIZERS.values(), ids=OPTIMIZERS)
@pytest.mark.parametrize("batch_size", [None, 2])
def test_a_factor_is_a_smaller_learning_rate(place, optimizer, batch_size):
    """From the next epoch on; as a schedule that steps down there."""
    updates = 1 if batch_size is None else 3

    def half(training):
        if training.epoch == 2:
            training.multiply_learning_rate(0.5)
        if training.epoch == 3:
            training.multiply_learning_rate(0.5)
            training.multiply_learning_rate(0.2)

    def rate(i):
        return 0.1 * (1 if i < 2 * updates else 0.5 if i < 3 * updates else 0.05)

    options = {"epochs": 5, "batch_size": batch_size, "backend": str(place.backend)}
    model = fit(optimizer=optimizer, callbacks=[half], **options)
    expected = fit(optimizer=optimizer, learning_rate=rate, **options)
    assert_same_params(model, expected, rtol=1e-12, atol=1e-12)
    assert model.history.learning_rate == pytest.approx([0.1, 0.1, 0.05, 0.005, 0.005])
    assert model.history.learning_rate == pytest.approx(expected.history.learning_rate)
    np.testing.assert_allclose(model.history.loss, expected.history.loss, rtol=1e-12)


def test_a_factor_in_the_last_epoch_changes_nothing():
    def last(training):
        if training.epoch == 3:
            training.multiply_learning_rate(0.5)

    assert_same_params(fit(callbacks=[last]), fit())
    assert fit(callbacks=[last]).history.learning_rate == [0.003] * 3


def test_a_plateau_in_a_run(place):
    """A threshold that nothing meets: reduced in every second epoch."""
    options = {"epochs": 7, "optimizer": SGD(0.1), "backend": str(place.backend)}
    plateau = ReduceOnPlateau(0.5, patience=1, min_delta=1e9)
    rates = fit(callbacks=[plateau], **options).history.learning_rate
    assert rates == pytest.approx([0.1, 0.1, 0.1, 0.05, 0.05, 0.025, 0.025])
    falling = fit(callbacks=[ReduceOnPlateau(patience=0)], **options).history
    assert falling.learning_rate == [0.1] * 7
    assert falling.loss == sorted(falling.loss, reverse=True)


def test_factors_of_several_callbacks_multiply():
    half = [lambda training: training.multiply_learning_rate(0.5)] * 2
    rates = fit(callbacks=half, learning_rate=0.1).history.learning_rate
    assert rates == pytest.approx([0.1, 0.025, 0.00625])


# Files


@pytest.mark.parametrize("ending", [".npz", ".safetensors"])
def test_a_file_is_written_after_epochs(place, tmp_path, ending):
    keep = Keep()
    path = tmp_path / f"model-{{epoch}}{ending}"
    fit(epochs=5, callbacks=[keep, Checkpoint(path, every=2)], backend=str(place.backend))
    assert sorted(p.name for p in tmp_path.iterdir()) == [f"model-{i}{ending}" for i in (2, 4, 5)]
    for epoch in (2, 4, 5):
        saved = xprnn.load(tmp_path / f"model-{epoch}{ending}", backend=str(place.backend))
        assert_same_params(saved, keep.models[epoch - 1])
        assert len(saved.history) == epoch
    one = tmp_path / f"one{ending}"
    fit(callbacks=[Checkpoint(str(one))], backend=str(place.backend))
    assert len(xprnn.load(one).history) == 3


def test_only_the_best_is_written(tmp_path):
    keep, path = Keep(), tmp_path / "best.npz"
    best = Checkpoint(path, best_only=True)
    options = {"optimizer": SGD(0.5), "validation_data": (X_VAL, Y_VAL), "epochs": 8}
    model = fit(callbacks=[keep, best], **options)
    least = int(np.argmin(model.history.val_loss))
    assert least < 7
    saved = xprnn.load(path)
    assert_same_params(saved, keep.models[least])
    assert len(saved.history) == least + 1
    by_loss = Checkpoint(path, best_only=True, monitor="loss")
    model = fit(callbacks=[keep, by_loss], **options)
    assert len(xprnn.load(path).history) == int(np.argmin(model.history.loss)) + 1


def full(monkeypatch, epochs):
    """Let every write to the disk fail in these epochs; return the callback that knows of them."""
    now, sync = [1], os.fsync

    def fsync(file):
        if now[0] in epochs:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        sync(file)

    monkeypatch.setattr(os, "fsync", fsync)
    return lambda training: now.__setitem__(0, training.epoch)


@pytest.mark.parametrize("ending", ["npz", "safetensors"])
def test_a_full_disk_ends_no_training(tmp_path, monkeypatch, ending):
    """One warning; the older file stays whole, and a later one is written."""
    if ending == "safetensors":
        pytest.importorskip("safetensors", reason="needs safetensors")
    path = tmp_path / f"run.{ending}"
    watch = full(monkeypatch, {3, 4, 5})
    lengths = []

    def count(training):
        if training.epoch > 1:
            lengths.append(len(xprnn.load(path).history))

    with pytest.warns(RuntimeWarning, match=r"run\..* could not .* continues: .*No space") as seen:
        model = fit(epochs=7, callbacks=[count, watch, Checkpoint(path)])
    assert len(seen) == 1
    assert len(model.history) == 7
    assert lengths == [1, 2, 2, 2, 2, 6]
    assert len(xprnn.load(path).history) == 7
    assert [file.name for file in tmp_path.iterdir()] == [path.name]
    assert_same_params(model, fit(epochs=7))


@given(curve=curves, failing=st.sets(st.integers(1, 8)), every=st.integers(1, 3))
def test_the_best_is_the_best_of_those_that_were_written(curve, failing, every):
    """A file that could not be written leaves the older one, and so its loss, to be beaten."""
    checkpoint, history = Checkpoint("m.npz", every, best_only=True), History()
    written, expected, best, unwritten = [], [], math.inf, ()
    for epoch, loss in enumerate(curve, start=1):
        history.append(Epoch([value(float(loss))], [1.0], [np.asarray(1.0)], None, [], 0.1), 0.0)
        training = Training(epoch, len(curve), history, lambda: None, False, unwritten)
        checkpoint(training)
        unwritten = tuple(training.files) if epoch in failing else ()
        written += [epoch] * (len(training.files) - len(unwritten))
        due = epoch % every == 0 or epoch == len(curve)
        if due and loss < best and epoch not in failing:
            best = loss
            expected.append(epoch)
    assert written == expected


def test_a_training_says_what_could_not_be_written(tmp_path, monkeypatch):
    seen, watch = [], full(monkeypatch, {2})

    def note(training):
        seen.append([path.name for path in training.unwritten])

    with pytest.warns(RuntimeWarning, match="could not be written"):
        fit(epochs=4, callbacks=[note, watch, Checkpoint(tmp_path / "{epoch}.npz")])
    assert seen == [[], [], ["2.npz"], []]


def test_a_folder_that_vanishes_ends_no_training(tmp_path):
    (tmp_path / "runs").mkdir()

    def vanish(training):
        if training.epoch == 2:
            shutil.rmtree(tmp_path / "runs")

    keep = Checkpoint(tmp_path / "runs" / "{epoch}.npz")
    for _ in range(2):  # each training warns anew
        (tmp_path / "runs").mkdir(exist_ok=True)
        with pytest.warns(RuntimeWarning, match="2.npz could not be written, and the trai") as seen:
            assert len(fit(epochs=4, callbacks=[vanish, keep]).history) == 4
        assert [warning.filename for warning in seen] == [__file__]


def test_a_line_that_cannot_be_written_ends_no_training():
    def closed(line):
        raise BrokenPipeError(errno.EPIPE, os.strerror(errno.EPIPE))

    log = Log(1, write=closed)
    for _ in range(2):
        with pytest.warns(RuntimeWarning, match=r"^a line could .* continues: .*Broken") as seen:
            assert len(fit(callbacks=[log]).history) == 3
        assert len(seen) == 1


def test_what_is_wrong_with_a_callback_still_ends_the_training(tmp_path):
    def wrong(training):
        raise OSError("mine")

    with pytest.raises(OSError, match="mine"):
        fit(callbacks=[wrong])
    with pytest.raises(ValueError, match="path must end in"):
        fit(callbacks=[lambda training: training.save(tmp_path / "model.pkl")])


@given(curve=curves, every=st.integers(1, 4))
def test_which_epochs_are_written(curve, every):
    """Every so many, the last one, and of these only what is best so far, if asked."""
    for best_only in (False, True):
        written, best, checkpoint = [], math.inf, Checkpoint("m.npz", every, best_only)

        def watched(training, written=written, checkpoint=checkpoint):
            checkpoint(training)
            written.extend(training.epoch - 1 for _ in training.files)

        replay(watched, curve)
        expected = []
        for i, loss in enumerate(curve):
            if ((i + 1) % every == 0 or i + 1 == len(curve)) and (not best_only or loss < best):
                best = loss
                expected.append(i)
        assert written == expected


def test_a_best_only_checkpoint_begins_anew_with_every_run(tmp_path):
    best = Checkpoint(tmp_path / "m.npz", best_only=True, every=2)
    fit(callbacks=[best])
    fit(X, 1000 * Y, callbacks=[best])
    assert xprnn.load(tmp_path / "m.npz").y_scaler.mean[0] > 100


# Units of y


UNITS = st.sampled_from([2.0**-40, 2.0**20, 1000.0, 1e-22, 1e150, 1e-200])
SINE = np.sin(np.arange(30) / 3)


def decisions(y, dtype, loss, folder, **options):
    """Return the epochs at which something happens, and the curves on which it does."""
    stop, keep = EarlyStopping(patience=3), Checkpoint(folder / "best.npz", best_only=True)
    written, rates = [], []

    def watch(training):
        written.append(bool(training.files))
        rates.append(training.factor)

    plateau = ReduceOnPlateau(0.5, patience=0)
    model = xprnn.fit(
        SINE[:-1].astype(dtype), y.astype(dtype), hidden_size=3, epochs=30, learning_rate=0.1,
        optimizer="adam", loss=loss, callbacks=[stop, keep, plateau, watch], dtype=dtype, **options,
    )  # fmt: skip
    return (stop.best_epoch, len(model.history), written, rates), model


@pytest.fixture(scope="module")
def reference(tmp_path_factory):
    """Return what happens with y as it is."""

    @functools.cache
    def of(dtype, loss):
        return decisions(SINE[1:], dtype, loss, tmp_path_factory.mktemp("run"))[0]

    return of


@given(
    unit=UNITS,
    offset=st.sampled_from([0.0, 1.0, -1e3, 1e6]),
    dtype=st.sampled_from(["float32", "float64"]),
    loss=st.sampled_from([n for n in sorted(losses.TABLE) if "cross_entropy" not in n]),
)
@example(unit=1e-22, offset=0.0, dtype="float32", loss="half_mse")
@example(unit=1e19, offset=0.0, dtype="float32", loss="mse")
@example(unit=1e-200, offset=0.0, dtype="float64", loss="mse")
@example(unit=1e-22, offset=0.0, dtype="float32", loss="gaussian_nll")
@example(unit=1e3, offset=0.0, dtype="float64", loss="huber")
def test_no_unit_and_no_offset_of_y_changes_when_something_happens(
    reference, tmp_path_factory, unit, offset, dtype, loss
):
    """Not the end, not the best epoch, not an epoch that is written or reduces the rate."""
    if dtype == "float32":
        unit, offset = min(max(unit, 1e-30), 1e30), 0.0  # an offset takes its own digits
    y = unit * (SINE[1:] + offset)
    found, _ = decisions(y, dtype, loss, tmp_path_factory.mktemp("run"))
    assert found == reference(dtype, loss)


def test_an_offset_that_float32_can_not_tell_from_y(tmp_path):
    """The data come in float64 and the training is in float32."""
    expected = xprnn.fit(SINE[:-1], SINE[1:], hidden_size=3, epochs=20, dtype="float32")
    y = SINE[1:] + 1.7e9
    found = xprnn.fit(SINE[:-1], y, hidden_size=3, epochs=20, dtype="float32")
    np.testing.assert_allclose(found.history.loss, expected.history.loss, rtol=1e-3)
    assert found.evaluate(SINE[:-1], y) == pytest.approx(
        expected.evaluate(SINE[:-1], SINE[1:]), rel=1e-3
    )


def test_units_of_several_outputs_change_nothing(tmp_path):
    """What is compared is what is minimised: each output counts alike, in whatever unit."""
    y = np.stack([SINE[1:], np.cos(np.arange(29) / 3)], axis=-1)
    here, _ = decisions(y, "float64", "half_mse", tmp_path)
    other, _ = decisions(y * [1e6, 1e-6], "float64", "half_mse", tmp_path)
    assert here == other


def test_min_delta_is_in_the_units_of_the_loss():
    """With one, the losses that the history shows are compared."""
    history, epochs = History(), []
    stop = EarlyStopping(patience=9, min_delta=50.0)
    for i, loss in enumerate([1.0, 0.9, 0.3]):
        both = Value(np.asarray(loss), np.asarray(100 * loss))
        history.append(Epoch([both], [1.0], [np.asarray(1.0)], None, [], 0.1), 0.0)
        stop(Training(i + 1, 9, history, lambda: None))
        epochs.append(stop.best_epoch)
    assert epochs == [1, 1, 3]


def test_an_older_checkpoint_whose_losses_were_compared_otherwise():
    for callback in (EarlyStopping(), ReduceOnPlateau(), Checkpoint("run.npz", best_only=True)):
        with pytest.raises(ValueError, match="an older xprnn wrote the checkpoint"):
            callback.restore({"best": 0.5, "best_epoch": 3, "bad": 1, "weights": None}, None)


# Lines


def test_lines():
    lines = []
    history = fit(
        epochs=5, callbacks=[Log(2, lines.append)], validation_data=(X_VAL, Y_VAL),
        learning_rate=schedules.Exponential(0.1, 0.5),
    ).history  # fmt: skip
    assert lines == [
        f"epoch {i}/5, loss {history.loss[i - 1]:.4g}, "
        f"validation loss {history.val_loss[i - 1]:.4g}, learning rate {0.1 * 0.5 ** (i - 1):.4g}"
        for i in (2, 4, 5)
    ]


def test_lines_without_validation_go_to_the_standard_output(capsys):
    history = fit(callbacks=[Log(1)]).history
    expected = [
        f"epoch {i}/3, loss {history.loss[i - 1]:.4g}, learning rate 0.003" for i in (1, 2, 3)
    ]
    assert capsys.readouterr().out.splitlines() == expected


# Numbers that are no longer finite


def explodes(after):
    """Return a schedule that is too much from some update on."""
    return lambda i: 0.01 if i < after else 1e30


@pytest.mark.parametrize("look_every", [0.0, 1e9])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"tbptt": 3},
        {"dropout": 0.3, "num_layers": 2, "recurrent_dropout": 0.2},
        {"tbptt": 2, "dropout": 0.3, "num_layers": 2, "recurrent_dropout": 0.2},
        {"callbacks": [ReduceOnPlateau(0.5, patience=0, min_delta=1e9)]},
        {
            "callbacks": [ReduceOnPlateau(0.5, patience=1, min_delta=1e9)],
            "dropout": 0.3, "num_layers": 2, "tbptt": 2, "checkpoint_every": 1,
        },
        {"penalty": Penalty(Weights(l2=0.01), bias=Weights(l1=0.01))},
    ],
    ids=lambda options: ", ".join(options),
)  # fmt: skip
@pytest.mark.parametrize("ragged", [False, True])
def test_the_first_trouble_is_named_in_every_kind_of_run(
    place, monkeypatch, look_every, options, ragged
):
    """However rarely anybody looks: the same epoch, name and parameters."""
    sizes = (7, 1, 4, 6, 2, 3) if ragged else (7,) * 6
    x, y = ([a[:n] for a, n in zip(each, sizes, strict=True)] for each in (X, Y))
    options = {"epochs": 8, "batch_size": 4, "activation": "identity", **options}
    options |= {"optimizer": SGD(explodes(12)), "clip_norm": None, "dtype": "float32"}
    keep = Keep()
    options["callbacks"] = [keep, *options.get("callbacks", ())]

    def caught(every):
        monkeypatch.setattr(watch, "LOOK_EVERY", every)
        keep.models.clear()
        with pytest.raises(xprnn.NonFiniteError) as error:
            fit(x, y, backend=str(place.backend), **options)
        return error.value

    error, first = caught(look_every), caught(0.0)
    assert (error.epoch, error.name) == (first.epoch, first.name)
    assert error.name in {"loss", *(f"parameter {n}" for n in host(error.model))} or (
        error.name.startswith("gradient")
    )
    assert f"the {error.name} was no longer finite in epoch {error.epoch};" in str(error)
    for name, array in host(error.model).items():
        assert np.isfinite(array).all()
        np.testing.assert_array_equal(array, host(first.model)[name])
    history = error.model.history
    assert (len(history), history.ended) == (error.epoch - 1, "diverged")
    assert all(map(math.isfinite, history.loss))


def test_blame_repeats_what_callbacks_had_changed(monkeypatch):
    """A factor that has saved the run before must be there when it is repeated."""
    monkeypatch.setattr(watch, "LOOK_EVERY", 1e9)

    def smaller(training):
        if training.epoch == 1:
            training.multiply_learning_rate(1e-3)

    def larger(training):
        if training.epoch == 6:
            training.multiply_learning_rate(1e36)

    options = {"optimizer": SGD(2.0), "clip_norm": None, "activation": "identity"}
    options |= {"dtype": "float32", "epochs": 30}
    assert fit(callbacks=[smaller], **options | {"epochs": 6}).history.ended == "completed"
    with pytest.raises(xprnn.NonFiniteError) as caught:
        fit(callbacks=[smaller, larger], **options)
    assert caught.value.epoch in (7, 8)
    assert len(caught.value.model.history) == caught.value.epoch - 1


# Penalties in a run


@pytest.mark.parametrize("batch_size", [None, 2])
def test_an_l2_penalty_is_weight_decay(place, batch_size):
    """2 l2 θ in the gradient, as torch's λ θ; on the input weights alone, or on all."""
    options = {"batch_size": batch_size, "clip_norm": None, "backend": str(place.backend)}
    decay = fit(optimizer=SGD(0.1, momentum=0.5, weight_decay=0.02), **options)
    every = Penalty(*[Weights(l2=0.01)] * 3)
    assert_same_params(fit(optimizer=SGD(0.1, momentum=0.5), penalty=every, **options), decay,
                       rtol=1e-12, atol=1e-14)  # fmt: skip

    class OnInputsOnly(SGD):
        def update(self, grads, state, params, *, xp):
            def decayed(g, p):
                return {n: g[n] + (0.02 * p[n] if n == "W" else 0 * p[n]) for n in g}

            grads = tuple(map(decayed, grads, params))
            return super().update(grads, state, params, xp=xp)

    some = fit(optimizer=SGD(0.1), penalty=Penalty(input=Weights(l2=0.01)), **options)
    assert_same_params(some, fit(optimizer=OnInputsOnly(0.1), **options), rtol=1e-12, atol=1e-14)
    plain = host(fit(optimizer=SGD(0.1), **options))
    assert not np.array_equal(host(some)["0.W"], plain["0.W"])


def test_one_update_with_penalties_written_out(place):
    options = {"optimizer": SGD(0.1), "epochs": 1, "clip_norm": None}
    options["backend"] = str(place.backend)
    penalty = Penalty(Weights(l1=0.3), Weights(l2=0.2), Weights(l1=0.1, l2=0.1))
    plain, model = host(fit(**options)), host(fit(penalty=penalty, **options))
    drawn = Stack((Recurrent(3), Dense(1))).init(np.random.default_rng(0), 2)[0]
    for i, layer in enumerate(drawn):
        for name, a in layer.items():
            slope = {"W": 0.3 * np.sign(a), "U": 0.4 * a, "b": 0.1 * np.sign(a) + 0.2 * a}[name]
            expected = plain[f"{i}.{name}"] - 0.1 * slope
            np.testing.assert_allclose(model[f"{i}.{name}"], expected, rtol=1e-12, atol=1e-14)


def test_the_penalty_is_clipped_with_the_gradient_and_not_in_the_loss():
    penalty = Penalty(*[Weights(l2=100.0)] * 3)
    options = {"epochs": 1, "optimizer": SGD(1.0)}
    plain, model = fit(**options), fit(penalty=penalty, clip_norm=1e-3, **options)
    assert model.history.loss == plain.history.loss
    assert model.history.gradient_norm[0] > 10 * plain.history.gradient_norm[0]
    assert model.history.clipped == [1.0]
    start = Stack((Recurrent(3), Dense(1))).init(np.random.default_rng(0), 2)[0]
    moved = [host(model)[f"{i}.{n}"] - a for i, p in enumerate(start) for n, a in p.items()]
    assert math.sqrt(sum((a**2).sum() for a in moved)) == pytest.approx(1e-3)


@pytest.mark.parametrize("options", [{}, {"optimizer": SGD(0.5)}, {"tbptt": 3, "batch_size": 2}])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_bound_on_the_norm_holds_after_every_epoch(place, options, dtype):
    keep = Keep()
    bounds = Penalty(Weights(max_norm=0.5), Weights(max_norm=0.7), Weights(max_norm=0.01))
    halve = [lambda training: training.multiply_learning_rate(0.9)]
    model = fit(
        penalty=bounds, learning_rate=0.2, cell="gru", num_layers=2, dtype=dtype,
        callbacks=[keep, *halve], backend=str(place.backend), **options,
    )  # fmt: skip
    slack = 1 + (1e-6 if dtype == "float32" else 1e-12)
    for each in (model, *keep.models):
        for name, a in host(each).items():
            norm = np.sqrt((a**2).sum(axis=0))
            bound = {"W": 0.5, "U": 0.7}.get(name[-1], 0.01)
            assert norm.max() <= bound * slack, name
    assert any(
        np.sqrt((a**2).sum(axis=0)).max() > 0.49 for n, a in host(model).items() if n[-1] == "W"
    )


def test_an_l1_penalty_makes_weights_small():
    free = fit(epochs=60, learning_rate=0.01)
    bound = fit(epochs=60, learning_rate=0.01, penalty=Penalty(input=Weights(l1=1.0)))
    size = {m: sum(abs(a).sum() for n, a in host(m).items() if n[-1] == "W") for m in (free, bound)}
    assert size[bound] < 0.5 * size[free]


# Schedules in a run


SCHEDULES = [
    schedules.Constant(0.01),
    schedules.InverseTime(0.1, 0.5),
    schedules.Step(0.1, every=2),
    schedules.Exponential(0.1, 0.9),
    schedules.Cosine(0.1, steps=8, warmup=2),
    schedules.OneCycle(0.1, steps=12),
    lambda i: 0.1 / (i + 1),
]


@pytest.mark.parametrize("schedule", SCHEDULES, ids=lambda s: type(s).__name__)
@pytest.mark.parametrize("optimizer", ["sgd", "adam", "adamw", "nadam", "rmsprop"])
def test_the_history_has_the_rate_of_the_schedule(place, schedule, optimizer):
    """Of the last update of each epoch; and the updates are made with it."""
    options = {"batch_size": 2, "epochs": 3, "backend": str(place.backend)}
    model = fit(optimizer=optimizer, learning_rate=schedule, **options)
    assert model.history.learning_rate == pytest.approx([schedule(i) for i in (2, 5, 8)])
    if isinstance(schedule, schedules.Constant):
        assert_same_params(model, fit(optimizer=optimizer, learning_rate=0.01, **options))


def test_a_schedule_is_what_sgd_multiplies_the_gradient_with():
    """Two updates of a full batch: θ₂ - θ₁ at rate η is η / 0.1 times that at 0.1."""
    options = {"epochs": 2, "clip_norm": None}
    one = host(fit(optimizer=SGD(0.1), **options | {"epochs": 1}))
    two = host(fit(optimizer=SGD(0.1), **options))
    other = host(fit(optimizer=SGD(lambda i: (0.1, 0.03)[i]), **options))
    for name, a in one.items():
        np.testing.assert_allclose(other[name] - a, 0.3 * (two[name] - a), rtol=1e-9, atol=1e-15)


def test_a_schedule_counts_the_updates_of_chunks():
    seen = []

    def rate(i):
        seen.append(i)
        return 0.01

    fit(learning_rate=rate, tbptt=3, batch_size=3, epochs=2)
    assert max(seen) == 2 * 2 * 3 - 1
    assert sorted(set(seen)) == list(range(12))


# What callbacks may ask of the run


def test_the_model_of_a_training_is_built_when_it_is_asked_for():
    built = []
    training = Training(1, 1, History(), functools.partial(built.append, 1))
    assert training.factor == 1.0
    assert built == []
    _ = training.model
    assert built == [1]


def test_a_large_run_looks_rarely(monkeypatch):
    """Callbacks that ask for nothing make nobody wait."""
    looked = []
    monkeypatch.setattr(watch, "LOOK_EVERY", 1e9)
    monkeypatch.setattr(
        watch.Watch, "look", lambda self, position: looked.append(position.epoch) or 0.0
    )
    fit(epochs=5, callbacks=[lambda training: None])
    assert looked == [5]
    looked.clear()
    fit(epochs=5, callbacks=[ReduceOnPlateau(0.5, patience=0, min_delta=1e9)])
    assert looked[-1] == 5
    assert set(looked[:-1]) == {2, 3, 4, 5}


def test_any_callable_is_a_callback():
    seen = types.SimpleNamespace(epochs=[])
    fit(callbacks=[functools.partial(lambda s, t: s.epochs.append(t.epoch), seen)])
    assert seen.epochs == [1, 2, 3]
