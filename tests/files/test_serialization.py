"""Files: what is saved comes back, and a bad file says why it is bad."""

import copy
import dataclasses
import errno
import io
import json
import math
import os
import re
import signal
import stat
import subprocess
import sys
import tracemalloc
import types
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, reject, settings
from hypothesis import strategies as st

import xprnn
from xprnn import activations, cells, initializers, layers, losses, tree
from xprnn._model import Model
from xprnn.cells import GRU, LSTM, Elman, GRUResetBefore
from xprnn.layers import (
    Activation,
    Bidirectional,
    CausalConv,
    Dense,
    Dropout,
    EncoderDecoder,
    Extend,
    Feedback,
    Final,
    LayerNorm,
    Parallel,
    Pool,
    Recurrent,
    Reversed,
    Softmax,
    Stack,
)
from xprnn.serialization import files, json_text
from xprnn.serialization.atomic import write_atomically
from xprnn.serialization.hyperparameters import build, describe

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
    for name, array in again.named().items():
        np.testing.assert_array_equal(place.host(array), model.named()[name])
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


# What is wrong with a file


def messages(path):
    with pytest.raises(xprnn.ModelFileError) as error:
        xprnn.load(path)
    message = str(error.value)
    assert message.startswith(f"{path} ")
    return message.removeprefix(f"{path} ")


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_file_that_is_cut_short_anywhere_says_so(model, tmp_path, ending):
    path = tmp_path / f"model{ending}"
    model.save(path)
    whole = path.read_bytes()
    for length in {*range(0, len(whole), 37), *range(20), *range(len(whole) - 30, len(whole))}:
        path.write_bytes(whole[:length])
        assert messages(path).startswith("is cut short: "), length
    path.write_bytes(whole)
    xprnn.load(path)


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_file_of_something_else_says_so(model, tmp_path, ending):
    path = tmp_path / f"model{ending}"
    for foreign in (b"nonsense", b"#!/bin/sh\nexit 0\n", b"\x89PNG\r\n\x1a\n" + 40 * b"\0"):
        path.write_bytes(foreign)
        assert messages(path) == f"is not a {ending} file"
    model.save(tmp_path / f"other{ENDINGS[ENDINGS[0] == ending]}")
    path.write_bytes((tmp_path / f"other{ENDINGS[ENDINGS[0] == ending]}").read_bytes())
    assert messages(path) == f"is not a {ending} file"


def test_arrays_of_others_are_no_model(tmp_path):
    from safetensors.numpy import save_file

    path = tmp_path / "foreign.npz"
    headers = (
        {},
        {"header": "{}"},
        {"header": "[1]"},
        {"header": "{"},
        {"header": '{"format": 2}'},
    )
    for header in (*headers, {"header": '{"format": "2", "xprnn": "1"}'}):
        np.savez(path, a=np.ones(3), **header)
        assert messages(path) == "is not a model of xprnn"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("letter.txt", "dear all")
    assert messages(path) == "is not a model of xprnn"
    path = tmp_path / "foreign.safetensors"
    for metadata in (None, {"format": "pt"}):
        save_file({"a": np.ones(3)}, path, metadata=metadata)
        assert messages(path) == "is not a model of xprnn"


@pytest.mark.parametrize("ending", ENDINGS)
def test_files_of_other_formats_say_which(model, tmp_path, monkeypatch, ending):
    path = tmp_path / f"m{ending}"
    for number, reason in (
        (5, r"; this xprnn \S+ reads format 4: update xprnn"),
        (3, r", which this xprnn \S+ no longer reads"),
    ):
        monkeypatch.setattr(files, "FORMAT", number)
        monkeypatch.setattr(files, "__version__", "9.1")
        xprnn.save(model, path)
        monkeypatch.undo()
        expected = f"was written by xprnn 9.1 in format {number}{reason}"
        assert re.fullmatch(expected, messages(path))
    for number in (1, 2):
        older = f'{{"format": {number}, "xprnn": "0.1.0"}}'
        if ending == ".npz":
            np.savez(path, header=older)
        else:
            __import__("safetensors.numpy").numpy.save_file({}, path, metadata={"xprnn": older})
        assert re.fullmatch(
            rf"was written by xprnn 0.1.0 in format {number}, which this .* no longer reads",
            messages(path),
        )


def test_a_pickle_is_never_loaded(model, tmp_path):
    class Bomb:
        def __reduce__(self):
            return pytest.fail, ("it was loaded",)

    path = tmp_path / "m.npz"
    model.save(path)
    with np.load(path) as file:
        arrays = dict(file)
    bomb = np.empty(1, dtype=object)
    bomb[0] = Bomb()
    np.savez(path, **{**arrays, "params.0.U": bomb})
    assert messages(path).startswith("is damaged: Object arrays cannot be loaded")


def written(path, header=None, drop=(), **arrays):
    """Write a file once more, with a checksum that fits, and something changed."""
    old, found = files.read(path)
    kept = {name: a for name, a in found.items() if name not in drop}
    files.write(path, {**old, **(header or {})}, {**kept, **arrays})


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_header_that_does_not_fit(model, tmp_path, ending):
    """Whoever writes a file of their own has the checksum right, and may have all else wrong."""
    path = tmp_path / f"m{ending}"
    for changes, message in (
        ({"network": "foo"}, "'str'"),
        ({"network": {"class": "Transformer"}}, "'Transformer'"),
        ({"network": {"class": "Dropout", "rates": 0.5}}, "'rates'"),
        ({"y_rank": None}, "y_rank must be 1, 2 or 3, got None"),
        ({"mode": "many_to_few"}, "mode must be one of .*, got 'many_to_few'"),
        ({"params": []}, r"missing \[.*'0.U'"),
        ({"params": "params.0.U"}, r"missing \[.*unknown \[''\]"),
        ({"x_scaler": {"mean": "x_scaler.mean"}}, "scale"),
        ({"history": {"ended": "completed"}}, "'loss'"),
        ({"features": 3}, r"0.W has shape \(2, 3\), expected \(3, 3\)"),
        ({"features": "two"}, "features must be an integer, got 'two'"),
        ({"feature_names": ["one"]}, r"feature_names must be 2 names or none, got \['one'\]"),
        ({"output_names": "y"}, r"output_names must be at most \d names or none, got 'y'"),
        ({"output_names": [3]}, r"output_names must be at most \d names or none, got \[3\]"),
        ({"output_names": [*"abcdefgh"]}, r"output_names must be at most \d names or none"),
    ):
        model.save(path)
        written(path, changes)
        found = messages(path)
        assert re.fullmatch(f"does not hold what its header says: .*{message}.*", found), found
    model.save(path)
    header, arrays = files.read(path)
    for name in header.keys() - {"format", "xprnn", "numpy", "python", "arrays"}:
        files.write(path, {n: v for n, v in header.items() if n != name}, arrays)
        assert messages(path) == f"does not hold what its header says: '{name}'"


@pytest.mark.parametrize("ending", ENDINGS)
def test_arrays_that_lack_or_are_too_many(model, tmp_path, ending):
    path = tmp_path / f"m{ending}"
    model.save(path)
    header, checksum, arrays = files._FORMATS[ending].read(path.read_bytes())
    rest = {name: a for name, a in arrays.items() if name != "params.0.U"}
    for changed, message in (
        (rest, "is damaged: it lacks params.0.U"),
        ({**arrays, "a": np.ones(2)}, "is damaged: it holds a, which its header does not list"),
        ({**rest, "params.0.V": arrays["params.0.U"]}, "is damaged: it lacks params.0.U"),
        ({**arrays, "params.0.U": -arrays["params.0.U"]}, "is damaged: its content has changed"),
        (
            {**arrays, "params.0.U": arrays["params.0.U"].astype("float64")},
            "is damaged: its content has changed since it was written",
        ),
    ):
        with path.open("wb") as file:
            files._FORMATS[ending].write(file, header, checksum, changed)
        assert messages(path).startswith(message)
    model.save(path)
    written(path, drop=["params.0.U"])
    assert messages(path) == "does not hold what its header says: 'params.0.U'"
    model.save(path)
    written(path, **{"params.0.U": np.ones((2, 2), "float32")})
    assert messages(path).endswith(r"0.U has shape (2, 2), expected (3, 3)")


# Files of strangers


def refused(path, most=20e6):
    """Return what is said of a file, which makes no more than so many bytes."""
    tracemalloc.start()
    try:
        return messages(path)
    finally:
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < most + 20 * path.stat().st_size, f"{peak:,} bytes"


def test_a_zip_bomb_is_not_unpacked(model, tmp_path):
    """xprnn compresses nothing, so that an array is never larger than the file."""
    path = tmp_path / "m.npz"
    model.save(path)
    with zipfile.ZipFile(path, "a") as archive, archive.open("bomb.npy", "w") as file:
        np.lib.format.write_array_header_1_0(
            file, {"descr": "<f8", "fortran_order": False, "shape": (8_000_000,)}
        )
        for _ in range(64):
            file.write(bytes(1_000_000))
    with zipfile.ZipFile(path) as archive, zipfile.ZipFile(tmp_path / "b.npz", "w") as small:
        for name in archive.namelist():
            small.writestr(name, archive.read(name), zipfile.ZIP_DEFLATED)
    assert (tmp_path / "b.npz").stat().st_size < 100_000
    assert refused(tmp_path / "b.npz").startswith("holds header.npy compressed")


@pytest.mark.parametrize("shape", [(2**27,), (2**62, 4), (-1, -5), (2**32, 2**32)])
def test_an_array_is_as_large_as_its_header_says(model, tmp_path, shape):
    path = tmp_path / "m.npz"
    with zipfile.ZipFile(path, "w") as archive, archive.open("params.0.W.npy", "w") as file:
        np.lib.format.write_array_header_1_0(
            file, {"descr": "<f8", "fortran_order": False, "shape": shape}
        )
        file.write(bytes(40))
    assert refused(path) == "is damaged: an array is not as large as its header says"


def test_parts_of_an_archive_may_not_overlap(model, tmp_path):
    """A short file could name one large array a thousand times."""
    path = tmp_path / "m.npz"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.npy", bytes(100_000))
        one = archive.infolist()[0]
        for k in range(1000):
            other = copy.copy(one)
            other.filename = f"{k}.npy"
            archive.filelist.append(other)
            archive.NameToInfo[other.filename] = other
        archive._didModify = True
    assert refused(path) == "is damaged: its arrays are larger than the file"


def nested(layer, depth, wrap=lambda layer: {"class": "Stack", "layers": [layer]}):
    for _ in range(depth):
        layer = wrap(layer)
    return layer


DENSE = {"class": "Dense", "output_size": 1}
TANH = {"class": "Activation", "activation": "tanh"}
LARGE = {"class": "Recurrent", "hidden_size": 30_000}


def both_ways(layer):
    return {"class": "Bidirectional", "layer": layer}


def beside(layer):
    return {"class": "Stack", "layers": [{"class": "Parallel", "layers": [TANH] * 100}, layer]}


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"network": {"class": "Stack", "layers": [LARGE, DENSE]}}, "has more parameters than"),
        ({"network": {"class": "Dense", "output_size": 2**40}}, "has more parameters than"),
        ({"features": 2**40}, "has more parameters than"),
        ({"features": 10**400}, "has more parameters than"),
        ({"network": nested({"class": "LayerNorm"}, 5, beside)}, "has more parameters than"),
        ({"network": nested(DENSE, 300)}, "nested more than 100 deep"),
        ({"network": nested(TANH, 40, both_ways)}, "more than 20,000 parts"),
        ({"network": {**DENSE, "kernel_initializer": {"class": "Normal", "std": 10**400}}}, ""),
        ({"feature_names": nested("a", 200, lambda name: [name])}, "nested more than 100 deep"),
        ({"x_scaler": {"mean": None, "scale": None}}, "x_scaler.mean must be floats"),
        ({"x_scaler": {"mean": 0.5, "scale": 1}}, "x_scaler.mean must be floats"),
        ({"x_scaler": {"mean": "x_scaler.mean", "scale": "x_scaler.mean"}}, "x_scaler.mean"),
        ({"y_scaler": {"mean": "x_scaler.mean", "scale": "x_scaler.scale"}}, "'x_scaler.mean'"),
        ({"outputs": 2}, "outputs must be 1"),
        ({"outputs": True}, "outputs must be an integer, got True"),
        ({"y_rank": True}, "y_rank must be 1, 2 or 3, got True"),
        ({"loss": "mse"}, "loss must be one of xprnn's or none, got 'mse'"),
        ({"loss": DENSE}, "loss can't be a Dense"),
        ({"network": {"class": "MSE"}}, "network can't be a MSE"),
        ({"network": {**LARGE, "hidden_size": 1, "cell": TANH}}, "cell can't be a Activation"),
        ({"history": {"ended": 3}}, "history.ended is 3"),
        ({"history": {"ended": "completed", "loss": "abc"}}, "history.loss is 'abc'"),
        ({"history": {"ended": "completed", "loss": ["abc"]}}, "history.loss is"),
    ],
)  # fmt: skip
def test_nothing_is_made_before_it_is_known_to_fit(
    model, tmp_path, monkeypatch, ending, changes, message
):
    path = tmp_path / f"m{ending}"
    model.save(path)
    with monkeypatch.context() as patch:
        patch.setattr(files, "parse_json", json.loads)  # as if xprnn had written it
        written(path, changes)
    assert message in refused(path)


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize(
    ("name", "array"),
    [
        ("x_scaler.mean", np.array([np.nan, 0], "float32")),
        ("x_scaler.scale", np.array([0, 1], "float32")),
        ("x_scaler.scale", np.array([1, 1, 1], "float32")),
        ("x_scaler.scale", np.array([1, 1])),
        ("params.0.U", np.ones((3, 3), "float16")),
        ("params.0.U", np.ones((3, 3), "int32")),
    ],
)
def test_arrays_have_the_kinds_of_a_model(tmp_path, model, ending, name, array):
    path = tmp_path / f"m{ending}"
    model.save(path)
    written(path, **{name: array})
    assert name.removeprefix("params.") in refused(path)


@pytest.mark.parametrize("ending", ENDINGS)
def test_what_would_be_refused_is_not_written(tmp_path, model, ending):
    """A model that cannot be read again is lost; the error comes while it is there."""
    path = tmp_path / f"m{ending}"
    wide = tree.map(lambda a: a.astype("float16"), model.params)
    layer = Recurrent(3)
    for _ in range(60):
        layer = Stack((layer,))
    params, _ = layer.init(np.random.default_rng(0), 2)
    for wrong, error, message in (
        (dataclasses.replace(model, params=wide), TypeError, "0.W has dtype float16"),
        (dataclasses.replace(model, outputs=2), ValueError, "outputs must be 1"),
        (dataclasses.replace(model, features=1), ValueError, "0.W has shape"),
        (
            Model(network=layer, params=params, features=2, outputs=3),
            ValueError,
            "can't be written.* nested more than 100",
        ),
    ):
        with pytest.raises(error, match=message):
            wrong.save(path)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("ending", ENDINGS)
def test_headers_of_many_parts_are_not_read(tmp_path, monkeypatch, ending):
    """They would take ten times the memory of the file, and more."""
    path = tmp_path / f"m{ending}"
    monkeypatch.setattr(json_text, "_PARTS", 30_000)
    monkeypatch.setattr(json, "loads", pytest.fail)
    for text in ("[" + "[]," * 30_000, "[" + "0," * 60_000, '["",' * 15_000, '{"a":' * 30_001):
        with path.open("wb") as file:
            files._FORMATS[ending].write(file, text, "", {})
        assert refused(path) == "holds a header of more parts than any model has"


@pytest.mark.parametrize("text", ["[" * 100_000, '{"a":' * 101 + "0" + "}" * 101])
def test_headers_that_are_nested_deep_are_not_read(tmp_path, text):
    path = tmp_path / "m.npz"
    np.savez(path, header=text, sha256="")
    assert refused(path) == "holds a header that is nested more than 100 deep"


def test_a_training_run_of_a_stranger(tmp_path):
    path = tmp_path / "run.npz"
    x = np.linspace(0, 1, 6)
    options = {"hidden_size": 2, "epochs": 3}
    keep = xprnn.callbacks.Checkpoint(path), xprnn.callbacks.EarlyStopping()
    xprnn.fit(x, x, callbacks=keep, **options)
    run = files.read(path)[0]["training"]
    for name, value in (
        ("epoch", -1), ("epoch", True), ("epoch", "1"), ("updates", None), ("factor", math.nan),
        ("factor", [1]), ("params", {"0": None}), ("params", [1, 2]), ("memory", "nothing"),
        ("callbacks", None), ("callbacks", [["EarlyStopping"]]), ("callbacks", [[3, None]]),
        ("callbacks", [["EarlyStopping", 3]]), ("callbacks", [["EarlyStopping", {}]]),
    ):  # fmt: skip
        xprnn.fit(x, x, callbacks=keep, **options)
        written(path, {"training": {**run, name: value}})
        with pytest.raises(xprnn.ModelFileError, match=r"run\.npz|cannot take its state"):
            xprnn.fit(x, x, callbacks=keep, resume=path, **options)


def content(model):
    """Return all that a model has, comparable."""
    scalers = [s and (s.mean.tolist(), s.scale.tolist()) for s in (model.x_scaler, model.y_scaler)]
    params = {n: (a.dtype, a.shape, a.tobytes()) for n, a in model.named().items()}
    history = repr((model.history.ended, model.history.as_dict()))
    rest = model.network, model.features, model.outputs, model.loss, model.mode, model.y_rank
    return params, scalers, history, rest


def damaged(rng, data, other):
    """Return the bytes of a file with something wrong in them."""
    bad, at = bytearray(data), int(rng.integers(len(data)))
    kind = rng.integers(7)
    if kind == 0:
        return data[:at]
    if kind == 1:
        bad[at] ^= 1 << int(rng.integers(8))
    elif kind == 2:
        for place in rng.integers(len(data), size=int(rng.integers(1, 9))):
            bad[place] = int(rng.integers(256))
    elif kind == 3:
        bad[at : at + 64] = rng.bytes(int(rng.integers(128)))
    elif kind == 4:
        bad[at:at] = data[at : at + int(rng.integers(1, 64))]
    elif kind == 5:
        begin = int(rng.integers(len(data)))
        bad[at : at + 32] = data[begin : begin + 32]
    else:
        return bytes(data[:at]) + other[at:]
    return bytes(bad)


def rearranged(rng, ending, data):
    """Return the bytes of a file with other arrays in it, and its old checksum."""
    header, checksum, arrays = files._FORMATS[ending].read(data)
    names = sorted(arrays)
    one, two = (names[i] for i in rng.choice(len(names), 2, replace=False))
    kind = rng.integers(6)
    if kind == 0:
        del arrays[one]
    elif kind == 1:
        arrays[f"{one}{two}"] = arrays[two]
    elif kind == 2:
        arrays[f"{one}0"] = arrays.pop(one)
    elif kind == 3:
        arrays[one], arrays[two] = arrays[two], arrays[one]
    elif kind == 4:
        arrays[one] = arrays[one].reshape(-1, *arrays[one].shape)
    else:
        arrays[one] = np.nextafter(arrays[one], np.float32(9))
    file = io.BytesIO()
    files._FORMATS[ending].write(file, header, checksum, arrays)
    return file.getvalue()


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_thousand_damaged_files(tmp_path, ending):
    """Each is the same model to the bit, or a ModelFileError; no other error, and no warning."""
    x = np.random.default_rng(0).standard_normal((2, 3, 1))
    path = tmp_path / f"m{ending}"
    data = []
    for seed in (1, 0):
        model = xprnn.fit(x, x, hidden_size=2, epochs=2, seed=seed)
        model.save(path)
        data.append(path.read_bytes())
    other, whole = data
    expected = content(xprnn.load(path))
    path.write_bytes(other)
    foreign = content(xprnn.load(path))
    assert expected[0] == content(model)[0]
    rng, refused = np.random.default_rng(11), 0
    count = 200 * settings.default.max_examples
    for i in range(count):
        bad = rearranged(rng, ending, whole) if i % 10 == 0 else damaged(rng, whole, other)
        path.write_bytes(bad)
        try:
            again = xprnn.load(path)
        except xprnn.ModelFileError:
            refused += 1
        else:
            assert content(again) in (expected, foreign)  # which half a file may hold whole
    assert refused > 0.6 * count


def test_a_script_damages_files():
    """In its long form it is one of the sessions of nox."""
    script = Path(__file__).parents[1] / "fuzz" / "model_files.py"
    run = subprocess.run(
        [sys.executable, script, "--count", "100"], capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stdout + run.stderr
    assert "each right or refused" in run.stdout


# Writing


def test_every_array_is_made_contiguous(tmp_path, model):
    """A file format that takes memory as it lies would turn a transposed matrix around."""
    turned = tree.map(lambda a: np.asfortranarray(a)[::1], model.params)
    strided = tree.map(lambda a: np.repeat(a, 2, axis=-1)[..., ::2], model.params)
    assert not strided[0]["U"].flags.c_contiguous
    assert not turned[0]["U"].flags.c_contiguous
    for ending in ENDINGS:
        for weights in (turned, strided):
            xprnn.save(dataclasses.replace(model, params=weights), tmp_path / f"m{ending}")
            again = xprnn.load(tmp_path / f"m{ending}")
            for name, array in again.named().items():
                np.testing.assert_array_equal(array, model.named()[name])
                assert array.flags.writeable


def test_loading_draws_no_weights(tmp_path, model, monkeypatch):
    """To learn their shapes: the QR of a large orthogonal matrix is slow."""
    model.save(tmp_path / "m.npz")

    def drawn(*_):
        raise AssertionError("drawn")

    for name in ("Orthogonal", "LecunNormal", "GlorotUniform", "Normal"):
        monkeypatch.setattr(getattr(initializers, name), "__call__", drawn)
    assert xprnn.load(tmp_path / "m.npz").network == model.network
    with pytest.raises(AssertionError, match="drawn"):
        model.network.init(np.random.default_rng(0), 2)


def test_the_disk_has_the_file_and_then_its_name(model, tmp_path, monkeypatch):
    done = []
    sync, replace = os.fsync, Path.replace

    def seen(opened):
        done.append("folder" if stat.S_ISDIR(os.fstat(opened).st_mode) else "file")
        sync(opened)

    monkeypatch.setattr(os, "fsync", seen)
    monkeypatch.setattr(Path, "replace", lambda *a: (done.append("name"), replace(*a))[1])
    model.save(tmp_path / "m.npz")
    assert done == ["file", "name", *(["folder"] if hasattr(os, "O_DIRECTORY") else [])]


def test_two_threads_may_write_one_file(model, tmp_path):
    path = tmp_path / "m.npz"
    with ThreadPoolExecutor(4) as pool:
        for done in [pool.submit(model.save, path) for _ in range(40)]:
            done.result()
    assert xprnn.load(path).network == model.network
    assert [p.name for p in tmp_path.iterdir()] == ["m.npz"]


KILLED = """
import os, signal, sys, numpy, xprnn
x = numpy.linspace(0, 1, 5)
model = xprnn.fit(x, x, hidden_size=2, epochs=1)
os.fsync = lambda opened: os.kill(os.getpid(), signal.SIGKILL)
{0}
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="there is no SIGKILL on Windows")
def test_what_a_killed_writer_left_is_cleared_away(model, tmp_path):
    """And nothing else: not what somebody is writing, nor what is of another file."""
    path, other = tmp_path / "m[1].npz", tmp_path / "m1.npz"
    for name in (path, other):
        code = KILLED.format(f"model.save({str(name)!r})")
        killed = subprocess.run([sys.executable, "-c", code], check=False)
        assert killed.returncode == -signal.SIGKILL
    (left,) = tmp_path.glob("m1.npz.xprnn-*.part")
    with write_atomically(path) as file:
        file.write(b"not whole yet")
        model.save(path)
        assert len(list(tmp_path.glob("*.part"))) == 2
        assert xprnn.load(path).network == model.network
    assert path.read_bytes() == b"not whole yet"
    assert sorted(tmp_path.iterdir()) == sorted([path, left])


def test_without_locks_a_save_is_a_save(model, tmp_path, monkeypatch):
    """On Windows, and on file systems that have none."""
    module = sys.modules["xprnn.serialization.atomic"]
    left = "m.npz.xprnn-0123456789abcdef.part"
    (tmp_path / left).touch()
    for locks in (None, types.SimpleNamespace(LOCK_EX=1, LOCK_NB=2, flock=no_locks)):
        monkeypatch.setattr(module, "fcntl", locks)
        model.save(tmp_path / "m.npz")
        assert xprnn.load(tmp_path / "m.npz").network == model.network
        assert sorted(p.name for p in tmp_path.iterdir()) == ["m.npz", left]


def no_locks(file, how):
    raise OSError(errno.ENOLCK, "no locks available")


def test_a_file_that_is_cleared_before_it_is_locked_is_begun_again(model, tmp_path, monkeypatch):
    module, lost = sys.modules["xprnn.serialization.atomic"], []

    def late(file, *, wait):
        if not lost:
            lost.append(Path(file.name))
            lost[0].unlink()
        return True

    monkeypatch.setattr(module, "_lock", late)
    model.save(tmp_path / "m.npz")
    assert lost
    assert [p.name for p in tmp_path.iterdir()] == ["m.npz"]


def test_a_failed_save_leaves_the_old_file(model, tmp_path):
    path = tmp_path / "m.npz"
    xprnn.save(model, path)
    before = path.read_bytes()

    class Own(activations.Tanh):
        pass

    x = np.linspace(0, 1, 5)
    own = xprnn.fit(x, x, network=Stack((Recurrent(2, Elman(Own())), Dense(1))), epochs=1)
    with pytest.raises(TypeError, match="a user-defined Own can't be written"):
        xprnn.save(own, path)
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["m.npz"]


def test_a_full_disk_leaves_the_old_file(model, tmp_path, monkeypatch):
    path = tmp_path / "m.npz"
    xprnn.save(model, path)
    before = path.read_bytes()

    def full(*_):
        raise OSError("no space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="no space"):
        xprnn.save(model, path)
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["m.npz"]


def test_a_file_has_the_permissions_of_any_other(model, tmp_path):
    xprnn.save(model, tmp_path / "m.npz")
    (tmp_path / "other").touch()
    assert (tmp_path / "m.npz").stat().st_mode == (tmp_path / "other").stat().st_mode


def to_checkpoint(model, path):
    x = np.linspace(0, 1, 5)
    xprnn.fit(x, x, hidden_size=2, epochs=1, callbacks=[xprnn.callbacks.Checkpoint(path)])


def to_onnx(model, path):
    pytest.importorskip("onnx", reason="ONNX files need onnx, which is not installed")
    model.to_onnx(path)


WRITERS = [
    (xprnn.save, "m.npz"), (xprnn.save, "m.safetensors"), (to_checkpoint, "m.npz"),
    (to_onnx, "m.onnx"),
]  # fmt: skip
writers = pytest.mark.parametrize(("write", "name"), WRITERS)


@writers
def test_nobody_elses_file_is_removed(model, tmp_path, write, name):
    """However it is called: only what a killed writer left has a name of ours."""
    ours = f"{name}.xprnn-0123456789abcdef.part"
    others = [f"{name}.20261127.part", f"{name}.part", f"{name}.xprnn-20261127.part", f"a{ours}"]
    for other in others:
        (tmp_path / other).write_text("my own")
    (tmp_path / "elsewhere").write_text("my own")
    (tmp_path / ours).symlink_to(tmp_path / "elsewhere")
    write(model, tmp_path / name)
    for other in [*others, ours, "elsewhere"]:
        assert (tmp_path / other).read_text() == "my own"
    assert len(list(tmp_path.iterdir())) == len(others) + 3


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="the system has no named pipes")
def test_a_pipe_or_a_folder_is_not_replaced(tmp_path):
    model = xprnn.fit(np.arange(5.0), np.arange(5.0), hidden_size=2, epochs=1)
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder.npz").mkdir()
    (tmp_path / "link.npz").symlink_to(tmp_path / "pipe")
    for path in ("link.npz", "folder.npz"):
        with pytest.raises(
            OSError, match="is not a regular file, and saving would replace it with one"
        ):
            model.save(tmp_path / path)
    assert stat.S_ISFIFO((tmp_path / "pipe").stat().st_mode)


@writers
def test_a_symbolic_link_is_followed(model, tmp_path, write, name):
    """Whether the file that it leads to is there or not."""
    link, folder = tmp_path / name, tmp_path / "disk"
    folder.mkdir()
    link.symlink_to(Path("disk") / name)
    for _ in range(2):
        write(model, link)
        assert link.is_symlink()
        assert [p.name for p in folder.iterdir()] == [name]
        assert (folder / name).stat().st_size
    assert list(tmp_path.iterdir()) in ([link, folder], [folder, link])


@pytest.mark.skipif(not hasattr(os, "fchmod"), reason="Windows has no such permissions")
@writers
@pytest.mark.parametrize("mode", [0o640, 0o600, 0o666, 0o444])
def test_the_permissions_of_the_old_file_are_kept(model, tmp_path, write, name, mode):
    path = tmp_path / name
    path.touch()
    path.chmod(mode)
    write(model, path)
    assert path.stat().st_size
    assert stat.S_IMODE(path.stat().st_mode) == mode


@pytest.mark.skipif(not hasattr(os, "fchown"), reason="Windows has no such owners")
def test_a_file_in_the_making_is_open_to_nobody_else(model, tmp_path, monkeypatch):
    """Its permissions are right before anything is in it, whatever group it must have."""
    path = tmp_path / "m.npz"
    for refusing, mode in ((False, 0o640), (True, 0o600)):
        asked, seen = [], []

        def chown(file, *ids, asked=asked, refusing=refusing):
            asked.append(ids)
            if refusing:
                raise PermissionError

        monkeypatch.setattr(os, "fchown", chown)
        path.touch()
        path.chmod(0o640)
        with write_atomically(path) as file:
            seen.append(stat.S_IMODE(os.fstat(file.fileno()).st_mode))
            file.write(b"numbers")
        owner = path.stat()
        assert asked[0] == (owner.st_uid, owner.st_gid)
        assert seen == [mode]
        assert stat.S_IMODE(owner.st_mode) == mode


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
    assert first["cell"] == {"class": "Elman", "activation": {"class": "ELU", "alpha": 1.0}}
    assert first["recurrent_initializer"] == {"class": "Normal", "std": 0.2}


# Every network, every loss

number = st.floats(-2, 2)
shaped = (
    st.builds(activations.Affine, number, number)
    | st.builds(activations.ELU, number)
    | st.builds(activations.HardSigmoid, number, number)
    | st.builds(activations.LeakyReLU, number)
    | st.builds(activations.ScaledTanh, number, number)
    | st.builds(activations.ThresholdedReLU, number)
)
activation = (
    st.sampled_from(sorted(activations.TABLE))
    | shaped
    | st.builds(activations.Clipped, shaped, st.floats(0, 2))
)
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
    | st.builds(
        LSTM,
        activation,
        activation,
        st.booleans(),
        st.floats(-1, 1),
        output_activation=activation,
        coupled=st.booleans(),
    )
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
causal = (
    recurrent
    | dense
    | st.builds(Dropout, rate)
    | st.builds(LayerNorm)
    | st.builds(Activation, activation)
    | st.builds(Softmax, st.booleans())
    | st.builds(CausalConv, st.integers(1, 3), st.integers(1, 4), st.booleans())
)
both = st.builds(
    Bidirectional, recurrent, merge=st.sampled_from(["concat", "sum", "mean", "product"])
)
beside = st.builds(Parallel, st.lists(causal, min_size=1, max_size=2).map(tuple))
inside = st.lists(causal | both | beside | st.builds(Reversed, recurrent), min_size=1, max_size=3)
pool = st.builds(Pool, st.sampled_from(["last", "mean", "max"])) | st.builds(Final, recurrent)


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
        elif field.name == "params" or "scaler" in field.name:
            np.testing.assert_equal(its, mine)
        else:
            assert its == mine, field.name


@pytest.mark.parametrize("mode", NETWORKS)
@given(data=st.data(), ending=st.sampled_from(ENDINGS), standardize=st.booleans())
def test_every_network_comes_back(tmp_path_factory, mode, data, ending, standardize):
    """With its mode, its history, and the same predictions to the bit."""
    network = data.draw(NETWORKS[mode])
    rng = np.random.default_rng(0)
    x = rng.standard_normal((4, 2) if mode == "one_to_many" else (4, 5, 2))
    y = rng.standard_normal(TARGETS[mode])
    options = {"network": network, "mode": mode, "standardize": standardize, "epochs": 1}
    try:
        model = xprnn.fit(x, y, learning_rate=1e-3, **options)
    except xprnn.NonFiniteError:
        reject()  # gates that have no bound, such as elu
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
        "CausalConv": CausalConv(2, 3),
        "Clipped": activations.Clipped("relu", 0.5),
        "Dense": Dense(2),
        "Dropout": Dropout(0.1),
        "EncoderDecoder": EncoderDecoder(Recurrent(2), Stack((Extend(2), Recurrent(2)))),
        "Extend": Extend(3),
        "Feedback": Feedback(Recurrent(2), 3),
        "Final": Final(Recurrent(2)),
        "Normal": initializers.Normal(0.1),
        "Parallel": Parallel((Dense(1), Recurrent(2)), "product"),
        "Pool": Pool("max"),
        "Recurrent": Recurrent(3),
        "Reversed": Reversed(Recurrent(2)),
        "ScaledTanh": activations.ScaledTanh(1.5, 0.5),
        "Stack": Stack((Dense(1),)),
    }
    for module in (layers, cells, activations, initializers, losses):
        for name in module.__all__:
            if dataclasses.is_dataclass(getattr(module, name)):
                thing = made[name] if name in made else getattr(module, name)()
                described = json.loads(json.dumps(describe(thing)))
                assert build(described) == thing
    assert {type(loss) for loss in LOSSES} == {type(loss) for loss in losses.TABLE.values()}


def own_loss(y_hat, y, mask, *, xp):
    return losses.MSE()(y_hat, y, mask, xp=xp)


def test_a_loss_of_ones_own_is_not_needed_to_predict(place, tmp_path):
    x = np.random.default_rng(0).standard_normal((4, 5, 2))
    y = x[:, :, :1] * 3 + 7
    model = xprnn.fit(x, y, loss=own_loss, hidden_size=3, epochs=2, backend=str(place.backend))
    expected = model.evaluate(x, y, loss="mse")  # which is known to look at errors alone
    assert model.evaluate(x, y) == pytest.approx(expected, rel=1e-14)
    xprnn.save(model, tmp_path / "m.npz")
    again = xprnn.load(tmp_path / "m.npz", backend=str(place.backend))
    assert again.loss is None
    np.testing.assert_array_equal(again.predict(x), model.predict(x))
    assert again.evaluate(x, y, loss=own_loss) == model.evaluate(x, y)
    with pytest.raises(
        ValueError, match=r"^loss must be given: the model was trained with a loss that"
    ):
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
    with pytest.raises(TypeError, match=f"a user-defined {type(loss).__name__} can't be written"):
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


def test_models_side_by_side_are_refused(model, tmp_path):
    """They would be found out only when the file is read."""
    weights = tree.map(lambda a: np.stack([a, a]), model.params)
    several = dataclasses.replace(model, params=weights)
    with pytest.raises(ValueError, match=r"this one holds several side by side: .*2,"):
        several.save(tmp_path / "several.npz")
    assert not list(tmp_path.iterdir())
