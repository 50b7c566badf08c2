"""Damage files of models, and read them.

Each file gives the model that was written, to the bit, or is refused with a ModelFileError.
Half of the files are damaged in their bytes, where the checksum finds it; the others are put
together anew with a checksum that fits, as somebody would who wants to do harm: then it gives
a model that predicts, or is refused. The exit status is 1 if any file had another outcome.

    python tests/fuzz/model_files.py --count 10000 --seed 0
"""

import io
import json
import os
import sys
import tempfile
import zipfile
from pathlib import Path

import numpy as np

import xprnn
from xprnn.callbacks import Checkpoint, EarlyStopping
from xprnn.cells import LSTM
from xprnn.layers import Bidirectional, Dense, Dropout, LayerNorm, Parallel, Pool, Recurrent, Stack
from xprnn.serialization import files, load_snapshot

sys.path.insert(0, str(Path(__file__).parent))
from outcomes import Outcomes, options

ENDINGS = (".npz", ".safetensors")
ODD = (
    None, True, False, -1, 0, 1, 2, 3, 1.5, float("nan"), float("inf"), 30_000, 2**40, 10**30,
    10**400, "", "x", "tanh", "params.0.W", [], [1], [[]], {}, {"class": "Tanh"},
    {"class": "Dense", "output_size": 30_000}, {"class": None}, {"class": "Stack", "layers": []},
)  # fmt: skip
X = np.random.default_rng(0).standard_normal((3, 6, 2))


def runs(folder):
    """Yield files of training runs: their bytes, by their ending."""
    layers = (
        Bidirectional(Recurrent(2, LSTM(peepholes=True), learn_initial_state=True)),
        Dropout(0.1), LayerNorm(), Parallel((Dense(2), Recurrent(2, "gru"))), Pool("mean"),
        Dense(1),
    )  # fmt: skip
    for ending in ENDINGS:
        for seed, network in enumerate((Stack((Recurrent(2), Dense(1))), Stack(layers))):
            path = folder / f"run{ending}"
            y = X[..., :1] if network.keeps_steps else X[:, -1, :1]
            xprnn.fit(
                X, y, network=network, epochs=2, seed=seed, callbacks=[Checkpoint(path),
                EarlyStopping()],
            )  # fmt: skip
            yield ending, path.read_bytes()


def content(model):
    """Return all that a model has, comparable."""
    scalers = [s and (s.mean.tolist(), s.scale.tolist()) for s in (model.x_scaler, model.y_scaler)]
    params = {n: (a.dtype, a.shape, a.tobytes()) for n, a in model.named().items()}
    history = repr((model.history.ended, model.history.as_dict()))
    rest = model.network, model.features, model.outputs, model.loss, model.mode, model.y_rank
    return params, scalers, history, rest


# Damage: each returns the bytes of a file


def cut(rng, ending, data, other):
    return data[: int(rng.integers(len(data)))]


def bit(rng, ending, data, other):
    bad = bytearray(data)
    bad[int(rng.integers(len(data)))] ^= 1 << int(rng.integers(8))
    return bytes(bad)


def some_bytes(rng, ending, data, other):
    bad, at = bytearray(data), int(rng.integers(len(data)))
    kind = int(rng.integers(4))
    if kind == 0:
        for place in rng.integers(len(data), size=int(rng.integers(1, 9))):
            bad[place] = int(rng.integers(256))
    elif kind == 1:
        bad[at : at + 64] = rng.bytes(int(rng.integers(128)))
    elif kind == 2:
        bad[at:at] = data[at : at + int(rng.integers(1, 64))]
    else:
        begin = int(rng.integers(len(data)))
        bad[at : at + 32] = data[begin : begin + 32]
    return bytes(bad)


def half_of_another(rng, ending, data, other):
    at = int(rng.integers(len(data)))
    return data[:at] + other[at:]


def numbers_in_the_frame(rng, ending, data, other):
    """Put a large number where sizes, offsets and lengths stand: at the front or the end."""
    bad = bytearray(data)
    at = int(rng.integers(400))
    at = at if rng.random() < 0.5 else len(data) - 1 - at
    size = int(rng.choice([2, 4, 8]))
    large = int(rng.choice([0, 2**15, 2**31, 2**40, 2**63 - 1])).to_bytes(8, "little")
    bad[at : at + size] = large[:size]
    return bytes(bad)


def compressed(rng, ending, data, other):
    """Put a member of zeros among the others, small as it lies there."""
    file = io.BytesIO(data)
    with zipfile.ZipFile(file, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("training.more.npy", bytes(10 ** int(rng.integers(3, 8))))
    return file.getvalue()


def one_large_array(rng, ending, data, other):
    """Say in an array's own header that it is large."""
    at = data.find(b"'shape': (")
    large = f"'shape': ({2 ** int(rng.integers(20, 40))},), ".encode()
    return data[:at] + large + data[at + len(large) :]


FRAMES = (
    cut, bit, some_bytes, half_of_another, numbers_in_the_frame, compressed, one_large_array,
)  # fmt: skip


# Files put together anew, with a checksum that fits


def places(value, path=()):
    """Yield the ways to all values in a header."""
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for key, inner in items:
        yield (*path, key)
        if isinstance(inner, dict | list):
            yield from places(inner, (*path, key))


def odd_header(rng, header, arrays):
    for _ in range(int(rng.integers(1, 3))):
        ways = list(places(header))
        *outer, last = ways[int(rng.integers(len(ways)))]
        inner = header
        for key in outer:
            inner = inner[key]
        if isinstance(inner, dict) and rng.random() < 0.1:
            del inner[last]
        else:
            inner[last] = ODD[int(rng.integers(len(ODD)))]


def nested_header(rng, header, arrays):
    wrap = (
        lambda layer: {"class": "Stack", "layers": [layer]},
        lambda layer: {"class": "Bidirectional", "layer": layer, "merge": "concat"},
        lambda layer: {"class": "Parallel", "layers": [layer, layer][: 1 + (depth < 12)]},
    )[int(rng.integers(3))]
    depth = int(rng.integers(1, 90))
    for _ in range(depth):
        header["network"] = wrap(header["network"])


def odd_arrays(rng, header, arrays):
    name = sorted(arrays)[int(rng.integers(len(arrays)))]
    a = arrays[name]
    arrays[name] = (
        lambda: a.astype("float16"),
        lambda: a.astype("int64"),
        lambda: a.reshape(-1, *a.shape),
        lambda: np.zeros((0, *a.shape), a.dtype),
        lambda: np.full_like(a, np.nan),
        lambda: np.concatenate([a, a]) if a.ndim else a,
    )[int(rng.integers(6))]()


def other_arrays(rng, header, arrays):
    one, other = rng.choice(sorted(arrays), 2, replace=False)
    if rng.random() < 0.5:
        arrays[one], arrays[other] = arrays[other], arrays[one]
    else:
        del arrays[one]


HEADERS = (odd_header, nested_header, odd_arrays, other_arrays)


def put_together(ending, header, arrays):
    """Return the bytes of a file, as if xprnn had written it."""
    file = io.BytesIO()
    text = json.dumps(header)
    arrays = {name: np.ascontiguousarray(a).reshape(a.shape) for name, a in arrays.items()}
    files._FORMATS[ending].write(file, text, files._checksum(text, arrays), arrays)
    return file.getvalue()


def both(path):
    """Read a file as a model and as a training run."""
    model = xprnn.load(path)
    try:
        return model, load_snapshot(path, "numpy")
    except xprnn.ModelFileError:
        return model, None


def predicts(found):
    """Return "loaded" if what was read is a model that predicts and can be saved."""
    model, _ = found
    with np.errstate(all="ignore"), tempfile.TemporaryDirectory() as folder:
        y = model.predict(np.zeros((1, 2, model.features)))
        model.save(f"{folder}/m.npz")
        again = xprnn.load(f"{folder}/m.npz").predict(np.zeros((1, 2, model.features)))
    np.testing.assert_array_equal(again, y)
    return "loaded"


def main(count, seed):
    """Return whether anything went wrong."""
    os.fsync = lambda file: None  # nobody needs these files after a crash
    rng = np.random.default_rng(seed)
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        whole = list(runs(folder))
        expected = {}
        for k, (ending, data) in enumerate(whole):
            (folder / f"m{ending}").write_bytes(data)
            expected[k] = content(both(folder / f"m{ending}")[0])
        outcomes = Outcomes(xprnn.ModelFileError)
        for i in range(count):
            k = int(rng.integers(len(whole)))
            ending, data = whole[k]
            path = folder / f"m{ending}"
            if i % 2:
                damage = FRAMES[int(rng.integers(len(FRAMES) - 2 * (ending != ".npz")))]
                path.write_bytes(damage(rng, ending, data, whole[k ^ 1][1]))

                def right(found, of=(expected[k], expected[k ^ 1])):
                    assert content(found[0]) in of, "another model than was written"
                    return "right"

            else:
                damage, right = HEADERS[int(rng.integers(len(HEADERS)))], predicts
                text, _, arrays = files._FORMATS[ending].read(data)
                header = json.loads(text)
                damage(rng, header, arrays)
                path.write_bytes(put_together(ending, header, arrays))
            what = f"file {i} of --seed {seed} ({damage.__name__}, {ending})"
            outcomes.read(what, damage.__name__, lambda path=path: both(path), right)
    return outcomes.verdict()


if __name__ == "__main__":
    given = options("Damage files of models, and read them.", 10_000)
    sys.exit(main(given.count, given.seed))
