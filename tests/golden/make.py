"""Writes the golden files: models, a checkpoint and what they predicted, by today's version.

    python tests/golden/make.py            a folder for this version, unless there is one

The files of a version stay as they were written: tests/files/test_golden.py loads all of them.
"""

import json
import sys
from pathlib import Path

import numpy as np

import xprnn
from xprnn import layers
from xprnn.callbacks import Checkpoint
from xprnn.cells import GRU, LSTM, Elman
from xprnn.optimizers import SGD
from xprnn.schedules import Cosine

FOLDER = Path(__file__).parent
RNG = np.random.default_rng(0)
X = RNG.standard_normal((4, 7, 2))
Y = np.tanh(np.cumsum(X[..., :1], axis=1))
LABELS = (X.sum(axis=(1, 2)) > 0).astype(int)
AHEAD = np.stack([Y[:, -1] * k for k in (1, 2, 3)], axis=1)


def every_layer():
    """Return a network that has most kinds of layers."""
    return layers.Stack((
        layers.Dense(3),
        layers.LayerNorm(),
        layers.Activation("softsign"),
        layers.Parallel((layers.Recurrent(2, Elman("elu")), layers.Reversed(layers.Recurrent(2)))),
        layers.Dropout(0.2),
        layers.Bidirectional(layers.Recurrent(2, LSTM(peepholes=True, coupled=True))),
        layers.Recurrent(3, GRU()),
        layers.Dense(1, bias=False),
    ))  # fmt: skip


MODELS = {
    "elman": {"y": Y},
    "lstm_float32": {"y": Y, "cell": "lstm", "dtype": "float32"},
    "gru_two_layers": {"y": Y, "cell": "gru", "num_layers": 2, "dropout": 0.1, "batch_size": 2},
    "reset_before": {"y": Y, "cell": "gru_reset_before", "tbptt": 3},
    "labels": {"y": LABELS, "loss": "cross_entropy", "bidirectional": True, "pool": "max"},
    "two_classes": {"y": LABELS, "loss": "binary_cross_entropy"},
    "gaussian": {"y": Y, "loss": "gaussian_nll", "standardize": False},
    "encoder_decoder": {"y": AHEAD, "mode": "encoder_decoder"},
    "layers": {"y": Y, "network": every_layer()},
    "schedule": {"y": Y, "optimizer": SGD(Cosine(0.01, 10), momentum=0.9), "clip_norm": None},
}
"""The arguments of `fit`, but for x."""


def write(folder):
    """Write every model, and what it predicts for X, into a folder."""
    folder.mkdir()
    about = {"xprnn": xprnn.__version__, "numpy": np.__version__, "models": sorted(MODELS)}
    (folder / "about.json").write_text(json.dumps(about, indent=2) + "\n")
    predicted = {"x": X}
    for name, options in MODELS.items():
        size = {} if "network" in options else {"hidden_size": 3}
        model = xprnn.fit(X, epochs=3, progress=False, **size, **options)
        xprnn.save(model, folder / f"{name}.npz")
        predicted[name] = model.predict(X)
        predicted[f"{name}.loss"] = np.asarray(model.history.loss)
    xprnn.save(model, folder / "schedule.safetensors")
    np.savez_compressed(folder / "predicted.npz", **predicted)
    run(2, callbacks=[Checkpoint(folder / "checkpoint.npz", every=2)])
    xprnn.save(run(4), folder / "resumed.npz")


def run(epochs, **options):
    """Return a training that the checkpoint is of."""
    return xprnn.fit(
        X, Y, cell="lstm", hidden_size=3, batch_size=2, dropout=0.1, num_layers=2, epochs=epochs,
        progress=False, **options,
    )  # fmt: skip


if __name__ == "__main__":
    place = FOLDER / xprnn.__version__
    if place.exists():
        sys.exit(f"{place} is there, and stays as it was written")
    write(place)
    print(f"wrote {place}")
