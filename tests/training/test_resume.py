"""A run that was cut off goes on from its checkpoint, and ends as if nothing had happened."""

import signal
import subprocess
import sys

import numpy as np
import pytest
from compare import assert_same_curves, assert_same_params, host
from hypothesis import given, settings
from hypothesis import strategies as st

import xprnn
from xprnn import optimizers, schedules, serialization, tree
from xprnn.callbacks import Checkpoint, EarlyStopping, Log, ReduceOnPlateau
from xprnn.optimizers import SGD, Adam, RMSprop
from xprnn.penalties import Penalty, Weights

RNG = np.random.default_rng(3)
X = RNG.standard_normal((6, 7, 2))
Y = np.cumsum(X[:, :, :1], axis=1) / 3 + 0.5
VALIDATION = RNG.standard_normal((3, 7, 2)), RNG.standard_normal((3, 7, 1))
SIZES = (7, 1, 4, 6, 2, 3)
RAGGED = [[a[:n] for a, n in zip(each, SIZES, strict=True)] for each in (X, Y)]


def fit(x=X, y=Y, **options):
    return xprnn.fit(x, y, **{"epochs": 6, "hidden_size": 3, **options})


def assert_same_run(model, other, **tolerance):
    assert_same_params(model, other, **tolerance)
    assert_same_curves(model, other, **tolerance)


def cut(folder, callbacks=list, ending=".npz", **options):
    """Return the model of a whole run that leaves a file after every epoch."""
    every = Checkpoint(folder / f"{{epoch}}{ending}")
    return fit(callbacks=[every, *callbacks()], **options)


# The same end


OPTIMIZERS = [
    SGD(0.05),
    SGD(schedules.Step(0.1, every=4), momentum=0.9, nesterov=True, decay=0.1),
    *(optimizers.get(name, 0.02) for name in optimizers.TABLE),
    RMSprop(0.01, momentum=0.5, centered=True),
    Adam(schedules.Cosine(0.05, steps=12, warmup=3), weight_decay=0.01),
]


def stopping():
    return [EarlyStopping(patience=2), ReduceOnPlateau(0.5, patience=0, min_delta=0.01)]


def steep():
    """Callbacks that have something to do in every run."""
    return [
        ReduceOnPlateau(0.5, patience=1, min_delta=1e9),
        EarlyStopping(patience=3, min_delta=0.02, monitor="loss"),
    ]


RUNS = st.fixed_dictionaries(
    {"optimizer": st.sampled_from(OPTIMIZERS)},
    optional={
        "cell": st.sampled_from(["lstm", "gru"]),
        "batch_size": st.integers(1, 7),
        "tbptt": st.integers(1, 7),
        "num_layers": st.just(2),
        "skip": st.just(3),
        "recurrent_dropout": st.just(0.3),
        "clip_norm": st.sampled_from([None, 0.01]),
        "standardize": st.just(False),
        "validation_data": st.just(VALIDATION),
        "penalty": st.just(Penalty(Weights(l2=0.1), recurrent=Weights(max_norm=0.5))),
        "seed": st.integers(0, 3),
        "dtype": st.just("float32"),
    },
)


@given(
    options=RUNS,
    epoch=st.integers(1, 6),
    ragged=st.booleans(),
    callbacks=st.sampled_from([list, stopping, steep]),
    ending=st.sampled_from([".npz", ".safetensors"]),
)
def test_a_resumed_run_ends_as_the_whole_one(
    tmp_path_factory, options, epoch, ragged, callbacks, ending
):
    """To the bit: parameters, curves, what callbacks decide, and what the last file holds."""
    folder = tmp_path_factory.mktemp("run")
    options = dict(options)
    if options.get("num_layers"):
        options["dropout"] = 0.4
    if ragged:
        options |= dict(zip("xy", RAGGED, strict=True))
    whole = cut(folder, callbacks, ending, **options)
    epoch = min(epoch, len(whole.history))
    last = folder / f"{len(whole.history)}{ending}"
    expected, _ = serialization.files.read(last)
    again = cut(folder, callbacks, ending, resume=folder / f"{epoch}{ending}", **options)
    assert_same_run(again, whole)
    found, _ = serialization.files.read(last)
    assert found["training"] == expected["training"]


@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=repr)
def test_on_every_backend(place, tmp_path, optimizer):
    """Saved on one and resumed on another: the same, to rounding."""
    options = {
        "optimizer": optimizer, "batch_size": 4, "num_layers": 2, "dropout": 0.2,
        "validation_data": VALIDATION,
    }  # fmt: skip
    names = ("numpy", str(place.backend))
    whole = fit(callbacks=steep(), **options)
    for first, second in (names, names[::-1], names[1:] * 2):
        fit(
            callbacks=[Checkpoint(tmp_path / "run.npz"), *steep()],
            backend=first, **options | {"epochs": 3},
        )  # fmt: skip
        again = fit(callbacks=steep(), backend=second, resume=tmp_path / "run.npz", **options)
        assert str(again.backend) == second
        assert_same_run(again, whole, rtol=1e-9, atol=1e-12)


def test_what_is_drawn_follows_from_the_seed_and_the_epoch(tmp_path):
    """No generator is in the file; the run is as it was with another one in its place."""
    options = {"batch_size": 2, "num_layers": 2, "dropout": 0.5, "recurrent_dropout": 0.5}
    whole = cut(tmp_path, **options)
    _, arrays = serialization.files.read(tmp_path / "3.npz")
    assert {name.split(".")[0] for name in arrays} == {
        "params", "x_scaler", "y_scaler", "training",
    }  # fmt: skip
    assert {n.split(".")[1] for n in arrays if n.startswith("training")} == {"memory"}
    np.random.default_rng().random()
    assert_same_run(fit(resume=tmp_path / "3.npz", **options), whole)
    other = fit(**options | {"seed": 1})
    assert not np.array_equal(host(other)["0.U"], host(whole)["0.U"])


# What callbacks remember


@pytest.mark.parametrize("callbacks", [stopping, steep])
def test_from_every_epoch_of_a_run_that_is_stopped(place, tmp_path, callbacks):
    """From the last one too, where the best parameters are not the last ones."""
    options = {"epochs": 30, "optimizer": SGD(0.5), "clip_norm": None}
    options |= {"validation_data": VALIDATION, "backend": str(place.backend)}
    whole = cut(tmp_path, callbacks, **options)
    done = len(whole.history)
    assert (whole.history.ended, 3 <= done < 30) == ("stopped", True)
    tolerance = {"rtol": 0 if place.backend.name == "numpy" else 1e-9}
    for epoch in range(1, done + 1):
        again = fit(callbacks=callbacks(), resume=tmp_path / f"{epoch}.npz", **options)
        assert_same_run(again, whole, **tolerance)
    longer = fit(callbacks=callbacks(), resume=tmp_path / f"{done}.npz", **options | {"epochs": 40})
    assert_same_run(longer, whole, **tolerance)
    assert_same_params(xprnn.load(tmp_path / f"{done}.npz"), whole, **tolerance)


def test_a_run_is_made_longer_from_where_it_was_not_from_its_best(tmp_path):
    """The last epoch ends with the best parameters; a longer run has nothing of that."""
    options = {"optimizer": SGD(0.5), "validation_data": VALIDATION, "clip_norm": None}

    def stop():
        return [EarlyStopping(patience=50)]

    short = cut(tmp_path, stop, epochs=9, **options)
    assert int(np.argmin(short.history.val_loss)) < 8
    long = fit(callbacks=stop(), epochs=15, **options)
    assert_same_run(fit(callbacks=stop(), epochs=15, resume=tmp_path / "9.npz", **options), long)
    assert_same_run(fit(callbacks=stop(), epochs=9, resume=tmp_path / "9.npz", **options), short)


def test_only_the_best_is_written_after_resuming_too(tmp_path):
    def best(name):
        return [Checkpoint(tmp_path / name, best_only=True)]

    options = {"optimizer": SGD(0.5), "validation_data": VALIDATION, "epochs": 9, "clip_norm": None}
    whole = fit(callbacks=best("a.npz"), **options)
    least = int(np.argmin(whole.history.val_loss)) + 1
    assert least < 9
    fit(callbacks=[*best("b.npz"), Checkpoint(tmp_path / "run.npz")], **options | {"epochs": least})
    before = (tmp_path / "b.npz").read_bytes()
    fit(callbacks=best("b.npz"), resume=tmp_path / "run.npz", **options)
    assert (tmp_path / "b.npz").read_bytes() == before


class Average:
    """The mean of all parameters so far: a state with arrays, a number and nothing."""

    def __init__(self):
        self.count, self.mean = 0, None

    def __call__(self, training):
        weights, self.count = training.model.params, self.count + 1
        mean = weights if self.mean is None else self.mean
        self.mean = tree.map(lambda m, w: m + (w - m) / self.count, mean, weights)

    def state(self):
        return {"count": self.count, "mean": self.mean, "nothing": None, "on": True}

    def restore(self, state, model):
        assert state["nothing"] is None
        assert state["on"] is True
        assert len(model.history) == state["count"]
        self.count, self.mean = state["count"], state["mean"]


def test_a_callback_of_ones_own_goes_on(place, tmp_path):
    whole, again = Average(), Average()
    cut(tmp_path, lambda: [whole], backend=str(place.backend))
    fit(callbacks=[again], resume=tmp_path / "4.npz", backend=str(place.backend))
    assert again.count == whole.count == 6
    mine, other = (tree.flatten(place.host(average.mean)) for average in (again, whole))
    for name, array in mine.items():
        np.testing.assert_allclose(array, other[name], rtol=1e-9)


def test_a_state_that_no_file_can_hold_is_refused(tmp_path):
    class Bad(Average):
        def state(self):
            return {"lines": ["a", "b"]}

    with pytest.raises(TypeError, match=r"^training.callbacks.0.lines can't be written .*'a', 'b'"):
        cut(tmp_path, lambda: [Bad()])
    assert list(tmp_path.iterdir()) == []


def test_the_callbacks_that_remember_must_be_those_of_the_checkpoint(tmp_path):
    cut(tmp_path, steep)
    for callbacks, got in (
        ([], "none"),
        (steep()[:1], "ReduceOnPlateau"),
        (steep()[::-1], "EarlyStopping, ReduceOnPlateau"),
        ([*steep(), Average()], "ReduceOnPlateau, EarlyStopping, Average"),
    ):
        with pytest.raises(
            ValueError,
            match=f"^resume needs .*: expected ReduceOnPlateau, EarlyStopping, got {got}$",
        ):
            fit(callbacks=callbacks, resume=tmp_path / "3.npz")
    fit(callbacks=[Log(9, lambda _: None), *steep()], resume=tmp_path / "3.npz")


# Another run is refused


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"x": X[:3], "y": Y[:3]}, r"x is \[3, 7, 2\], but \[6, 7, 2\] .*; y is \[3, 7, 1\]"),
        ({"x": X + 0.1}, "the values of x have a different mean or standard deviation"),
        ({"y": 2 * Y}, "the values of y have a different mean or standard deviation"),
        (dict(zip("xy", RAGGED, strict=True)), "valid steps is 23, but None"),
        ({"validation_data": VALIDATION}, r"validation_data is \[\[3, 7, 2\], .* but None"),
        ({"hidden_size": 4}, r"network.layers.0.hidden_size is 4, but 3"),
        ({"cell": "lstm"}, r"network.layers.0.cell is LSTM, but Elman"),
        ({"activation": "relu"}, r"network.layers.0.cell.activation is ReLU, but Tanh"),
        ({"num_layers": 2}, r"network.layers is \[Recurrent, Recurrent, Dense\], but"),
        ({"loss": "mae"}, r"loss is MAE, but HalfMSE"),
        ({"optimizer": "sgd"}, r"optimizer is SGD, but Adam"),
        ({"learning_rate": 0.5}, r"optimizer.learning_rate is 0.5, but 0.003"),
        ({"learning_rate": lambda i: 0.1}, r"optimizer.learning_rate is .*<lambda>, but 0.003"),
        ({"penalty": Penalty(Weights(l2=0.1))}, r"penalty is Penalty, but None"),
        ({"clip_norm": None}, r"clip_norm is None, but 1.0"),
        ({"batch_size": 2}, r"batch_size is 2, but 'auto'"),
        ({"tbptt": 2}, r"tbptt is 2, but None"),
        ({"checkpoint_every": 2}, r"checkpoint_every is 2, but None"),
        ({"seed": 1}, r"seed is 1, but 0"),
        ({"dtype": "float32"}, r"dtype is 'float32', but 'float64'"),
        ({"standardize": False}, r"standardize is False, but True"),
        ({"batch_size": 2, "seed": 1}, r"batch_size is 2, but 'auto' in .*; seed is 1, but 0"),
    ],
    ids=lambda value: ", ".join(value) if isinstance(value, dict) else "",
)
def test_a_checkpoint_of_another_run_is_refused(tmp_path, changes, message):
    fit(epochs=2, callbacks=[Checkpoint(tmp_path / "run.npz")])
    with pytest.raises(ValueError, match=f"^resume: the checkpoint is from another run: {message}"):
        fit(resume=tmp_path / "run.npz", **changes)


def test_an_optimizer_of_ones_own_that_remembers_something_else(tmp_path):
    class Own:
        def __init__(self, name):
            self.name = name

        def init(self, params, *, xp):
            return {self.name: tree.map(xp.zeros_like, params)}

        def update(self, grads, state, params, *, xp):
            return tree.map(lambda p, g: p - 0.01 * g, params, grads), state

        def rate(self, i):
            return 0.01

    options = {"optimizer": Own("m")}
    whole = cut(tmp_path, **options)
    assert_same_run(fit(resume=tmp_path / "2.npz", **options), whole)
    with pytest.raises(ValueError, match=r"another run: the optimizer.s state has different"):
        fit(resume=tmp_path / "2.npz", optimizer=Own("v"))


def test_fewer_epochs_other_files_and_none(tmp_path):
    path = tmp_path / "run.npz"
    model = fit(callbacks=[Checkpoint(path)])
    assert_same_run(fit(resume=str(path)), model)
    with pytest.raises(ValueError, match=r"^epochs must be at least 6, .* has done, got 5$"):
        fit(resume=path, epochs=5)
    model.save(path)
    with pytest.raises(xprnn.ModelFileError, match=r"run.npz holds a model but no training run: "):
        fit(resume=path)
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(xprnn.ModelFileError, match=r"run.npz is cut short"):
        fit(resume=path)
    with pytest.raises(FileNotFoundError):
        fit(resume=tmp_path / "none.npz")
    with pytest.raises(TypeError, match=r"^resume must be the path of a file, got True$"):
        fit(resume=True)


def test_a_header_that_lacks_something(tmp_path):
    path = tmp_path / "run.npz"
    fit(callbacks=[Checkpoint(path)])
    header, arrays = serialization.files.read(path)
    for name in header["training"]:
        rest = {key: value for key, value in header["training"].items() if key != name}
        serialization.files.write(path, {**header, "training": rest}, arrays)
        with pytest.raises(
            xprnn.ModelFileError, match=f"does not hold what its header says: '{name}'"
        ):
            fit(resume=path)
        xprnn.load(path)


# Trouble


def test_a_run_that_diverges_does_not_overwrite_its_last_good_file(tmp_path):
    """However rarely anybody looks, what is written is finite."""
    path = tmp_path / "run.npz"
    options = {"optimizer": SGD(lambda i: 0.01 if i < 4 else 1e200), "activation": "identity"}
    with pytest.raises(xprnn.NonFiniteError) as error:
        fit(epochs=20, clip_norm=None, callbacks=[Checkpoint(path)], **options)
    saved = xprnn.load(path)
    assert len(saved.history) == error.value.epoch - 1
    assert all(np.isfinite(a).all() for a in saved.named().values())


def test_ctrl_c_leaves_a_file_to_resume_from(tmp_path):
    def interrupt(training):
        if training.epoch == 4:
            raise KeyboardInterrupt

    path = tmp_path / "run.npz"
    model = fit(callbacks=[Checkpoint(path), interrupt])
    assert model.history.ended == "interrupted"
    assert len(xprnn.load(path).history) == 3
    assert_same_run(fit(resume=path), fit())


CHILD = """if True:
    import sys, pathlib, numpy as np, xprnn
    from xprnn.callbacks import Checkpoint, EarlyStopping, ReduceOnPlateau

    def run(path, epochs, tell):
        rng = np.random.default_rng(5)
        x = rng.standard_normal((8, 5, 2))
        path, seen = pathlib.Path(path), []
        def second(training):
            seen.append(training.epoch)
            if len(seen) == 2:
                print(training.epoch, flush=True)
        return xprnn.fit(
            x, np.cumsum(x[:, :, :1], axis=1), hidden_size=4, num_layers=2, dropout=0.2,
            batch_size=3, epochs=epochs, optimizer="nadam", learning_rate=0.01,
            validation_data=(x[:2] + 1, x[:2, :, :1]),
            callbacks=[
                *([second] if tell else []), Checkpoint(path), EarlyStopping(10**6),
                ReduceOnPlateau(0.97, patience=3, min_delta=0.01),
            ],
            resume=path if path.exists() else None,
        )

    if __name__ == "__main__":
        run(sys.argv[1], 10**6, tell=True)
    """


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no SIGKILL on this system")
def test_killed_eight_times(tmp_path):
    """At any moment, in the middle of a write too; the end is that of a run in one piece.

    In the profile `thorough` it is killed more often.
    """
    namespace = {"__name__": "child"}
    exec(CHILD, namespace)
    kills = max(8, settings.default.max_examples // 7)
    path, waits = tmp_path / "run.npz", np.random.default_rng(1).uniform(0, 0.06, kills)
    reached = [0]
    for wait in waits:
        command = [sys.executable, "-c", CHILD, str(path)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
            assert int(child.stdout.readline()) == reached[-1] + 2
            try:
                child.wait(wait)
            except subprocess.TimeoutExpired:
                child.send_signal(signal.SIGKILL)
        assert child.returncode == -signal.SIGKILL
        reached.append(len(xprnn.load(path).history))
        assert reached[-1] > reached[-2]
    end = reached[-1] + 3
    again = namespace["run"](path, end, tell=False)
    whole = namespace["run"](tmp_path / "whole.npz", end, tell=False)
    assert_same_run(again, whole)
    assert len(set(whole.history.learning_rate)) > 1


def test_a_resumed_training_that_made_things_worse_is_warned_of(tmp_path):
    """Than at its first epoch, which is in the history."""
    x = np.sin(np.linspace(0, 20, 80))
    options = {
        "hidden_size": 4,
        "learning_rate": 100.0,
        "callbacks": [Checkpoint(tmp_path / "r.npz")],
    }
    for more in ({"epochs": 4}, {"epochs": 8, "resume": tmp_path / "r.npz"}):
        with pytest.warns(UserWarning, match="the training took the loss from 0.145"):
            xprnn.fit(x[:-1], x[1:], **options, **more)
    done = xprnn.fit(x[:-1], x[1:], **options, epochs=8, resume=tmp_path / "r.npz")
    assert len(done.history) == 8  # it was warned of when it was trained
