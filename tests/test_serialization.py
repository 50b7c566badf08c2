"""Files: what is saved comes back, and a bad file says why it is bad."""

import dataclasses
import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import xprnn
from xprnn import activations, cells, initializers, layers, losses, serialization
from xprnn.cells import GRU, LSTM, Elman, GRUResetBefore
from xprnn.layers import (
    Bidirectional,
    Dense,
    Dropout,
    EncoderDecoder,
    Extend,
    Feedback,
    LayerNorm,
    Pool,
    Recurrent,
    Stack,
)

ENDINGS = [".npz", ".safetensors"]


@pytest.fixture(scope="module")
def model():
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((3, 6, 2)), rng.standard_normal((3, 6, 1))
    network = Stack(
        (
            Recurrent(3, Elman("elu"), recurrent_initializer=initializers.Normal(0.2)),
            Recurrent(2, Elman("relu")),
            Dense(1, bias=False),
        )
    )
    return xprnn.fit(x, y, network=network, epochs=3, dtype="float32")


@pytest.mark.parametrize("ending", ENDINGS)
def test_what_is_saved_comes_back(place, model, tmp_path, ending):
    path = tmp_path / f"model{ending}"
    xprnn.save(model, path)
    again = xprnn.load(path, backend=str(place.backend))
    assert again.backend == place.backend
    assert again.network == model.network
    assert (again.features, again.outputs, again.y_rank) == (2, 1, 3)
    assert again.dtype == "float32"
    for name, array in again.params.items():
        np.testing.assert_array_equal(place.host(array), model.params[name])
    assert again.history.loss == model.history.loss
    assert again.history.ended == "completed"
    x = np.random.default_rng(1).standard_normal((2, 4, 2)).astype("float32")
    np.testing.assert_allclose(again.predict(x), model.predict(x), rtol=1e-5, atol=1e-6)
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


def test_a_model_of_any_backend_is_saved(place, tmp_path):
    x = np.linspace(0, 1, 9)
    model = xprnn.fit(x, x * x, hidden_size=3, epochs=2, backend=str(place.backend))
    xprnn.save(model, tmp_path / "m.npz")
    again = xprnn.load(tmp_path / "m.npz")
    assert again.backend.name == "numpy"
    np.testing.assert_allclose(again.predict(x), model.predict(x), rtol=1e-12)


@pytest.mark.parametrize("ending", ENDINGS)
def test_damaged_files(model, tmp_path, ending):
    path = tmp_path / f"model{ending}"
    xprnn.save(model, path)
    whole = path.read_bytes()
    for damaged in (b"", b"nonsense", whole[: len(whole) // 2], whole[10:]):
        path.write_bytes(damaged)
        with pytest.raises(xprnn.ModelFileError, match="is damaged or no"):
            xprnn.load(path)


def test_foreign_and_newer_files(model, tmp_path, monkeypatch):
    path = tmp_path / "foreign.npz"
    for header in ({}, {"header": "{}"}, {"header": "[1]"}, {"header": "{"}):
        np.savez(path, a=np.ones(3), **header)
        with pytest.raises(xprnn.ModelFileError, match=r"foreign.npz holds no model of xprnn"):
            xprnn.load(path)
    for header in ('{"format": 2}', '{"xprnn": "1"}', '{"format": "2", "xprnn": "1"}'):
        np.savez(path, header=header)
        with pytest.raises(xprnn.ModelFileError, match=r"foreign.npz holds no model of xprnn"):
            xprnn.load(path)
    network = {"class": "Dropout", "rate": 0.5}
    described = {"format": 2, "xprnn": "1", "y_rank": 3, "mode": "many_to_many"}
    described |= {"network": network, "features": 1, "outputs": 1, "loss": None, "history": {}}
    for changes, message in (
        ({"network": "foo"}, "'str'"),
        ({"network": {"class": "Transformer"}}, "'Transformer'"),
        ({"y_rank": None}, "y_rank must be 1, 2 or 3, got None"),
        ({"mode": "many_to_few"}, "there is no mode 'many_to_few'"),
    ):
        np.savez(path, header=json.dumps({**described, **changes}))
        with pytest.raises(xprnn.ModelFileError, match=f"does not hold what .* says: .*{message}"):
            xprnn.load(path)
    for lacking in ("y_rank", "mode", "network", "features", "outputs", "loss"):
        header = {name: value for name, value in described.items() if name != lacking}
        np.savez(path, header=json.dumps(header))
        with pytest.raises(xprnn.ModelFileError, match=f"does not hold what .* says: '{lacking}'"):
            xprnn.load(path)
    np.savez(path, header='{"format": 1, "xprnn": "0.1.0"}')
    with pytest.raises(
        xprnn.ModelFileError, match=r"by xprnn 0.1.0 in format 1, which this .* no longer reads"
    ):
        xprnn.load(path)
    monkeypatch.setattr(serialization, "FORMAT", 3)
    xprnn.save(model, path)
    monkeypatch.undo()
    with pytest.raises(xprnn.ModelFileError, match=r"in format 3; this xprnn .* reads up to 2"):
        xprnn.load(path)


def test_a_file_without_an_array(model, tmp_path):
    path = tmp_path / "m.npz"
    xprnn.save(model, path)
    with np.load(path) as file:
        arrays = {name: file[name] for name in file.files if name != "params.0.U"}
    np.savez(path, **arrays)
    with pytest.raises(xprnn.ModelFileError, match=r"missing \['0.U'\]"):
        xprnn.load(path)
    np.savez(path, **arrays, **{"params.0.U": np.ones((2, 2))})
    with pytest.raises(xprnn.ModelFileError, match=r"0.U has shape \(2, 2\), expected \(3, 3\)"):
        xprnn.load(path)


def test_a_failed_save_leaves_the_old_file(model, tmp_path):
    path = tmp_path / "m.npz"
    xprnn.save(model, path)
    before = path.read_bytes()

    class Own(activations.Tanh):
        pass

    x = np.linspace(0, 1, 5)
    own = xprnn.fit(x, x, network=Stack((Recurrent(2, Elman(Own())), Dense(1))), epochs=1)
    with pytest.raises(TypeError, match="a Own of one's own cannot be written"):
        xprnn.save(own, path)
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["m.npz"]


def test_a_full_disk_leaves_the_old_file(model, tmp_path, monkeypatch):
    path = tmp_path / "m.npz"
    xprnn.save(model, path)
    before = path.read_bytes()

    def full(*_):
        raise OSError("no space left on device")

    monkeypatch.setattr(serialization.os, "fsync", full)
    with pytest.raises(OSError, match="no space"):
        xprnn.save(model, path)
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["m.npz"]


def test_a_file_has_the_permissions_of_any_other(model, tmp_path):
    xprnn.save(model, tmp_path / "m.npz")
    (tmp_path / "other").touch()
    assert (tmp_path / "m.npz").stat().st_mode == (tmp_path / "other").stat().st_mode


def test_endings_and_missing_files(model, tmp_path, monkeypatch):
    with pytest.raises(ValueError, match=r"must end in .npz or .safetensors, got"):
        xprnn.save(model, tmp_path / "model.pkl")
    with pytest.raises(FileNotFoundError):
        xprnn.load(tmp_path / "none.npz")
    with pytest.raises(FileNotFoundError):
        xprnn.load(tmp_path / "none.safetensors")
    monkeypatch.setitem(__import__("sys").modules, "safetensors", None)
    with pytest.raises(xprnn.MissingExtraError, match="pip install safetensors"):
        xprnn.save(model, tmp_path / "model.safetensors")


def test_the_header_is_json_that_names_every_hyperparameter(model, tmp_path):
    path = tmp_path / "m.npz"
    xprnn.save(model, path)
    with np.load(path) as file:
        header = json.loads(str(file["header"]))
    first = header["network"]["layers"][0]
    assert first["hidden_size"] == 3
    assert first["cell"] == {"class": "Elman", "activation": {"class": "ELU"}}
    assert first["recurrent_initializer"] == {"class": "Normal", "std": 0.2}


# Every network, every loss

activation = st.sampled_from(sorted(activations.TABLE))
rate = st.floats(0, 0.9)
initializer = st.sampled_from(
    [
        *sorted(initializers.TABLE),
        initializers.Normal(0.3),
        initializers.Uniform(),
        initializers.Orthogonal(),
    ]
)
cell = (
    st.builds(Elman, activation)
    | st.builds(GRU, activation, activation)
    | st.builds(GRUResetBefore, activation, activation)
    | st.builds(LSTM, activation, activation, peepholes=st.booleans(), forget_bias=st.floats(-1, 1))
    | st.sampled_from(sorted(cells.TABLE))
)
recurrent = st.builds(
    Recurrent,
    st.integers(1, 3),
    cell,
    kernel_initializer=initializer,
    recurrent_initializer=initializer,
    recurrent_dropout=rate,
    learn_initial_state=st.booleans(),
)
dense = st.builds(Dense, st.integers(1, 3), st.booleans(), kernel_initializer=initializer)
causal = recurrent | dense | st.builds(Dropout, rate) | st.builds(LayerNorm)
both = st.builds(
    Bidirectional, recurrent, merge=st.sampled_from(["concat", "sum", "mean", "product"])
)
inside = st.lists(causal | both, min_size=1, max_size=3)
pool = st.builds(Pool, st.sampled_from(["last", "mean", "max"]))


def stack(*parts, outputs=1):
    """Return a stack of lists of layers with a dense one on top."""
    return Stack((*(layer for part in parts for layer in part), Dense(outputs)))


def writer(parts, feedback):
    """Return what makes three steps out of one, with two outputs."""
    if feedback:
        return Feedback(stack(parts, outputs=2), 3)
    return stack([Extend(3)], parts, outputs=2)


def reader(parts, feedback):
    return EncoderDecoder(Stack(tuple(parts)), writer(parts, feedback))


steps_ = st.lists(causal, min_size=1, max_size=2)
NETWORKS = {
    "many_to_many": st.builds(stack, inside),
    "many_to_one": st.builds(lambda a, p, b: stack(a, [p], b), inside, pool, st.just([])),
    "one_to_many": st.builds(writer, steps_, st.booleans()),
    "encoder_decoder": st.builds(
        reader, st.lists(recurrent, min_size=1, max_size=2), st.booleans()
    ),
}
TARGETS = {
    "many_to_many": (4, 5, 1),
    "many_to_one": (4, 1),
    "one_to_many": (4, 3, 2),
    "encoder_decoder": (4, 3, 2),
}


def assert_same_model(model, again):
    """Raise unless everything that a model has is the same, and what it gives."""
    for field in dataclasses.fields(model):
        mine, its = getattr(model, field.name), getattr(again, field.name)
        if field.name == "history":
            np.testing.assert_equal(its.as_dict(), mine.as_dict())
            assert its.ended == mine.ended
        elif field.name == "weights" or "scaler" in field.name:
            np.testing.assert_equal(its, mine)
        else:
            assert its == mine, field.name


@pytest.mark.parametrize("mode", NETWORKS)
@settings(max_examples=max(15, settings.default.max_examples))
@given(data=st.data(), ending=st.sampled_from(ENDINGS), standardize=st.booleans())
def test_every_network_comes_back(tmp_path_factory, mode, data, ending, standardize):
    """With its mode, its history, and the same predictions to the bit."""
    network = data.draw(NETWORKS[mode])
    rng = np.random.default_rng(0)
    x = rng.standard_normal((4, 2) if mode == "one_to_many" else (4, 5, 2))
    y = rng.standard_normal(TARGETS[mode])
    options = {"network": network, "mode": mode, "standardize": standardize, "epochs": 1}
    model = xprnn.fit(x, y, learning_rate=1e-3, **options)
    path = tmp_path_factory.mktemp("files") / f"m{ending}"
    xprnn.save(model, path)
    again = xprnn.load(path)
    assert_same_model(model, again)
    np.testing.assert_array_equal(again.predict(x), model.predict(x))
    assert again.evaluate(x, y) == model.evaluate(x, y)
    xprnn.save(again, path)
    assert_same_model(model, xprnn.load(path))


LOSSES = [
    losses.HalfMSE(),
    losses.MSE(),
    losses.MAE(),
    losses.Huber(0.3),
    losses.Pinball((0.1, 0.5, 0.9)),
    losses.GaussianNLL(1e-4),
    losses.CrossEntropy(),
    losses.CrossEntropy(class_weights=(1.0, 2.0, 0.5), label_smoothing=0.1, num_classes=3),
    losses.BinaryCrossEntropy(),
]


@pytest.mark.parametrize("loss", LOSSES, ids=repr)
@pytest.mark.parametrize("ending", ENDINGS)
def test_every_loss_comes_back(place, tmp_path, loss, ending):
    """And what depends on it: the loss of evaluate, quantiles, probabilities."""
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((6, 5, 2)), 10 * rng.standard_normal(6) + 100
    if not losses.standardizes(loss):
        y = (np.arange(6) % (3 if isinstance(loss, losses.CrossEntropy) else 2)).astype(float)
    model = xprnn.fit(x, y, loss=loss, hidden_size=3, epochs=2, backend=str(place.backend))
    xprnn.save(model, tmp_path / f"m{ending}")
    again = xprnn.load(tmp_path / f"m{ending}", backend=str(place.backend))
    assert (again.loss, again.mode, again.y_rank) == (loss, "many_to_one", 1)
    np.testing.assert_array_equal(again.predict(x), model.predict(x))
    assert again.evaluate(x, y) == model.evaluate(x, y)
    if not losses.standardizes(loss):
        np.testing.assert_array_equal(again.predict_proba(x), model.predict_proba(x))


def test_all_losses_and_classes_are_among_these():
    """None is forgotten when one is added."""
    made = {
        "Bidirectional": Bidirectional(Recurrent(2)),
        "Dense": Dense(2),
        "Dropout": Dropout(0.1),
        "EncoderDecoder": EncoderDecoder(Recurrent(2), Stack((Extend(2), Recurrent(2)))),
        "Extend": Extend(3),
        "Feedback": Feedback(Recurrent(2), 3),
        "Normal": initializers.Normal(0.1),
        "Pool": Pool("max"),
        "Recurrent": Recurrent(3),
        "Stack": Stack((Dense(1),)),
    }
    for module in (layers, cells, activations, initializers, losses):
        for name in module.__all__:
            if dataclasses.is_dataclass(getattr(module, name)):
                thing = made[name] if name in made else getattr(module, name)()
                described = json.loads(json.dumps(serialization._describe(thing)))
                assert serialization._build(described) == thing
    assert {type(loss) for loss in LOSSES} == {type(loss) for loss in losses.TABLE.values()}


def own_loss(y_hat, y, mask, *, xp):
    return losses.MSE()(y_hat, y, mask, xp=xp)


def test_a_loss_of_ones_own_is_not_needed_to_predict(place, tmp_path):
    x = np.random.default_rng(0).standard_normal((4, 5, 2))
    y = x[:, :, :1] * 3 + 7
    model = xprnn.fit(x, y, loss=own_loss, hidden_size=3, epochs=2, backend=str(place.backend))
    assert model.evaluate(x, y) == model.evaluate(x, y, loss="mse")
    xprnn.save(model, tmp_path / "m.npz")
    again = xprnn.load(tmp_path / "m.npz", backend=str(place.backend))
    assert again.loss is None
    np.testing.assert_array_equal(again.predict(x), model.predict(x))
    assert again.evaluate(x, y, loss=own_loss) == model.evaluate(x, y)
    with pytest.raises(ValueError, match=r"^loss must be given: the model was trained on one that"):
        again.evaluate(x, y)
    with pytest.raises(ValueError, match=r"^predict_proba needs a model trained with .* has None"):
        again.predict_proba(x)
    xprnn.save(again, tmp_path / "again.npz")
    assert xprnn.load(tmp_path / "again.npz").loss is None


class Scales(losses.MSE):
    def unscale(self, y_hat, scaler, *, xp):
        return scaler.invert(y_hat)


class Classifies(losses.CrossEntropy):
    pass


@pytest.mark.parametrize("loss", [Scales(), Classifies()])
def test_a_loss_that_predictions_need_is_not_left_out(tmp_path, loss):
    """A file without it would give other predictions."""
    x = np.linspace(0, 1, 6)
    model = xprnn.fit(x, np.arange(6) % 2, loss=loss, hidden_size=2, epochs=1)
    with pytest.raises(TypeError, match=f"a {type(loss).__name__} of one's own cannot be written"):
        xprnn.save(model, tmp_path / "m.npz")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("ending", ENDINGS)
def test_histories_with_nan_and_infinity_come_back(tmp_path, ending):
    """The validation loss is NaN where there is none, and may be infinite."""
    x = np.random.default_rng(0).standard_normal((2, 5, 1))
    model = xprnn.fit(
        x, x, activation="identity", epochs=2, hidden_size=2, validation_data=(1e200 * x, x)
    )
    assert model.history.val_loss == [math.inf] * 2
    xprnn.save(model, tmp_path / f"m{ending}")
    assert_same_model(model, xprnn.load(tmp_path / f"m{ending}"))
