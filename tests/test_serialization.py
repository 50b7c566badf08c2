"""Files: what is saved comes back, and a bad file says why it is bad."""

import json

import numpy as np
import pytest

import xprnn
from xprnn import activations, initializers, serialization
from xprnn.cells import Elman
from xprnn.layers import Dense, Recurrent, Stack

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
