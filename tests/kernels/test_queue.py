"""No batch and no epoch of a training asks the device for a number: a GPU would wait."""

import importlib
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest

import xprnn
from xprnn import kernels, losses, value_and_grad
from xprnn.kernels.cuda.fused import Fused
from xprnn.kernels.cuda.plan import Plan
from xprnn.layers import Dense, Recurrent, Stack
from xprnn.optimizers import SGD, Adam
from xprnn.penalties import Penalty, Weights
from xprnn.recurrence import Unroll
from xprnn.schedules import Cosine
from xprnn.training import watch

Array = pytest.importorskip(
    "array_api_strict._array_object", reason="array-api-strict, whose arrays count, is missing"
).Array

ASKS = ("__bool__", "__float__", "__int__", "__index__", "__complex__", "__array__", "__buffer__",
        "__dlpack__", "__iter__")  # fmt: skip

RNG = np.random.default_rng(0)
X, Y = RNG.standard_normal((6, 9, 2)), RNG.standard_normal((6, 9, 1))
LABELS = RNG.integers(0, 3, (6, 9))

RUNS = {
    "whole": {},
    "batches": {"batch_size": 4, "cell": "lstm"},
    "dropout": {"batch_size": 2, "num_layers": 2, "dropout": 0.2, "recurrent_dropout": 0.2},
    "lengths": {"lengths": [9, 4, 7, 2, 9, 5], "batch_size": 2, "cell": "gru"},
    "weights": {"sample_weight": np.arange(6.0), "batch_size": 4},
    "truncated": {"tbptt": 4, "optimizer": SGD(0.01, momentum=0.9)},
    "checkpoints": {"checkpoint_every": 3, "bidirectional": False, "clip_norm": None},
    "validation": {"validation_data": (X, Y), "bidirectional": True},
    "penalty": {"penalty": Penalty(input=Weights(l1=0.1, l2=0.1), recurrent=Weights(max_norm=1.0))},
    "schedule": {"optimizer": Adam(Cosine(0.01, 100))},
    "labels": {"y": LABELS[..., None], "loss": "cross_entropy", "batch_size": 4},
}


@pytest.fixture
def asked(monkeypatch):
    """Count what is asked of array-api-strict's arrays; `to_host` asks by __array__ or so."""
    counts = dict.fromkeys(ASKS, 0)

    def counting(name, original):
        def method(self, *args, **kwargs):
            counts[name] += 1
            return original(self, *args, **kwargs)

        return method

    for name in ASKS:
        if hasattr(Array, name):
            monkeypatch.setattr(Array, name, counting(name, getattr(Array, name)))
    monkeypatch.setattr(watch, "LOOK_EVERY", 1e9)
    return counts


def asks(asked, options, epochs):
    """Return what a run of so many epochs asks."""
    for name in asked:
        asked[name] = 0
    options = {"y": Y, "hidden_size": 3, "backend": "array_api_strict", **options}
    xprnn.fit(X, epochs=epochs, progress=False, **options)
    return dict(asked)


@pytest.mark.parametrize("name", RUNS)
def test_more_epochs_ask_no_more(asked, name):
    few, many = (asks(asked, RUNS[name], epochs) for epochs in (2, 7))
    assert many == few


@pytest.mark.parametrize("every", ["__bool__", "__float__", "__array__"])
def test_what_asks_is_counted(asked, every, monkeypatch):
    """As a loss that asks in every batch."""
    ask = {"__bool__": bool, "__float__": float, "__array__": xprnn.backend.to_host}[every]

    def loss(y_hat, y, mask, *, xp):
        value, slope = xprnn.losses.MSE()(y_hat, y, mask, xp=xp)
        ask(value)
        return value, slope

    few, many = (asks(asked, {"loss": loss}, epochs) for epochs in (2, 7))
    assert sum(many.values()) >= sum(few.values()) + 5


class Counting:
    """A namespace that counts the calls of its functions: on a GPU most of them are launches."""

    def __init__(self, xp):
        self.xp, self.calls = xp, 0

    def __getattr__(self, name):
        found = getattr(self.xp, name)
        if isinstance(found, type) or not callable(found):
            return found

        def counted(*args, **kwargs):
            self.calls += 1
            return found(*args, **kwargs)

        return counted


@pytest.fixture
def one_launch(tmp_path, monkeypatch):
    """Have the loop on a GPU run, compiled by g++."""
    if sys.platform != "linux" or not shutil.which("g++"):
        pytest.skip("the emulation needs Linux and g++")
    monkeypatch.syspath_prepend(str(Path(__file__).parents[1] / "cuda"))
    launcher = importlib.import_module("emulation").Emulated(tmp_path)
    fused = Fused(launcher, lambda device, given: Plan(1, 1, 2, 32))
    unroll = Unroll(fused.unroll, fused.unroll_backward)
    twin = kernels.Twin(lambda *case: None, unroll, lambda *case: "")
    monkeypatch.setattr(kernels.seam, "TWINS", {"emulated": twin, **kernels.TWINS})


def operations(steps):
    """Return how many functions of the namespace a gradient calls; operators are not counted."""
    xp, network = Counting(np), Stack((Recurrent(4, "gru"), Dense(1)))
    params, _ = network.init(np.random.default_rng(0), 2)
    x, y = (a.swapaxes(0, 1)[np.arange(steps) % 9] for a in (X, Y))
    value_and_grad(network, losses.MSE(), params, x, y, xp=xp)
    return xp.calls


def test_a_loop_in_one_launch_takes_as_many_operations_for_any_steps(one_launch):
    assert operations(3) == operations(30)


def test_a_loop_in_python_takes_more_for_more_steps(monkeypatch):
    monkeypatch.setenv("XPRNN_KERNELS", "reference")
    assert operations(30) > operations(3) + 27 * 5
