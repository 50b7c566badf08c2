"""A launch that failed ends the GPU for the process; whichever door it shows at says so.

There is no GPU here: errors as CuPy raises them come from a layer, a callback or a fetch.
"""

import contextlib
import sys
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType, SimpleNamespace

import array_api_compat
import numpy as np
import pytest

import xprnn
from xprnn import BackendUnavailableError, gradients, losses
from xprnn._record import history
from xprnn.backend import Backend, availability, failure, place, to_host
from xprnn.layers import Dense, Recurrent, Stack
from xprnn.losses.units import Value
from xprnn.serialization import json_text

sys.path.insert(0, str(Path(__file__).parents[1] / "cuda"))

from failing import CUDARuntimeError, cuda_error

X, Y = np.linspace(0, 1, 24).reshape(2, 12, 1), np.linspace(0, 2, 24).reshape(2, 12, 1)


@contextlib.contextmanager
def said(status=719):
    """Expect the sentence, with the error of CUDA in it and as its cause."""
    with pytest.raises(BackendUnavailableError) as told:
        yield
    message, cause = str(told.value), told.value.__cause__
    assert isinstance(cause, CUDARuntimeError)
    assert cause.status == status
    assert message == (
        f"the GPU failed, and this process can no longer use it: {cause}. To fix this: restart "
        "the process. If it fails again, set XPRNN_KERNELS=reference, which turns off xprnn's "
        "CUDA kernels; if that helps, report it"
    )


@dataclass(frozen=True)
class Breaking:
    """A layer that gives x, until `left` calls of a method are over."""

    left: list
    where: str = "forward"
    time: str = "pointwise"
    keeps_steps: bool = True

    def init(self, rng, features):
        return (), features

    def initial_state(self, params, batch, *, xp):
        return ()

    def forward(self, params, x, state, mask, *, noise=None, xp):
        self.call("forward")
        return x, (), None

    def backward(self, params, dy, dstate, cache, *, input_grad=True, xp):
        self.call("backward")
        return (), dy, ()

    def states(self, cache, *, xp):
        return ()

    def call(self, where):
        if where == self.where:
            self.left[0] -= 1
            if self.left[0] < 0:
                raise cuda_error(719)


def network(calls=10**6, where="forward"):
    return Stack((Recurrent(3), Breaking([calls], where), Dense(1)))


def broken_model():
    """Return a model that was trained before the device was lost."""
    model = xprnn.fit(X, Y, network=network(), epochs=2)
    model.network.layers[1].left[0] = 0
    return model


MODEL_DOORS = {
    "predict": lambda model: model.predict(X),
    "with its states": lambda model: model.predict(X, return_states=True),
    "trace": lambda model: model.trace(X),
    "evaluate": lambda model: model.evaluate(X, Y),
    "forecast": lambda model: model.forecast(X, steps=3),
    "warm start": lambda model: xprnn.fit(X, Y, warm_start=model, epochs=2),
    # of a namespace other than NumPy's own, which has no GPU to watch
    "the gradient": lambda model: xprnn.value_and_grad(
        model.network, "mse", model.params, X, Y, xp=array_api_compat.array_namespace(X)
    ),
    "check": lambda model: gradients.check(model.network, loss="mse"),
    "flow": lambda model: gradients.through_time(
        model.network, losses.MSE(), model.params, X, Y, xp=np
    ),
    "jacobians": lambda model: gradients.state_jacobians(model.network, model.params, X, xp=np),
}


@pytest.mark.parametrize("door", MODEL_DOORS)
def test_what_a_model_computes(door):
    model = broken_model()
    with said():
        MODEL_DOORS[door](model)


@pytest.mark.parametrize("where", ["forward", "backward"])
@pytest.mark.parametrize("calls", [0, 7])
def test_in_the_middle_of_a_training(calls, where):
    with said():
        xprnn.fit(X, Y, network=network(calls, where), epochs=20)


def test_in_a_callback():
    """That reads an array of its own, say."""
    calls = []

    def callback(training):
        calls.append(training.epoch)
        if len(calls) == 3:
            raise cuda_error(700)

    with said(700):
        xprnn.fit(X, Y, epochs=9, callbacks=[callback])
    assert calls == [1, 2, 3]


def fail(*args, **more):
    raise cuda_error(719)


READS = {
    "a curve": lambda found: found.loss,
    "all": lambda found: found.as_dict(),
    "in print": repr,
    "a value": lambda found: found.value("loss"),
}


@pytest.mark.parametrize("name", ["to_host", "xp.stack"])
@pytest.mark.parametrize("door", READS)
def test_a_history_that_is_read_late(door, name, monkeypatch):
    """Its numbers are on the device until somebody looks, which may be long after `fit`."""
    found = xprnn.fit(X, Y, epochs=2).history
    number = np.asarray(1.0)
    epoch = history.Epoch([Value(number, number)], [1.0], [number], None, [], 0.1)
    found.append(epoch, seconds=1.0)
    if name == "to_host":
        monkeypatch.setattr(history, "to_host", fail)
    else:
        monkeypatch.setattr(np, "stack", fail)
    with said():
        READS[door](found)


class Lost:
    """An array of CuPy on a device that is lost."""

    dtype = np.dtype("float64")

    def get(self):
        raise cuda_error(715)


@pytest.fixture
def lost(monkeypatch):
    """Return an array of CuPy on a device that is lost, with what stands for CuPy."""
    stand_in(monkeypatch, deviceSynchronize=fail)
    found, of = Lost(), place.of
    cupy = Backend("cupy", "0")
    monkeypatch.setattr(place, "of", lambda a: cupy if a is found else of(a))
    return found


def stand_in(monkeypatch, **runtime):
    """Put something in the place of CuPy."""
    made = ModuleType("cupy")
    made.__version__, made.arange = "14", fail
    made.cuda = SimpleNamespace(
        Device=lambda number: contextlib.nullcontext(),
        runtime=SimpleNamespace(
            CUDARuntimeError=CUDARuntimeError,
            driverGetVersion=lambda: 13000,
            getDeviceCount=lambda: 1,
            **runtime,
        ),
    )
    monkeypatch.setitem(sys.modules, "cupy", made)
    return made


def test_fetching_an_array(lost):
    with said(715):
        to_host(lost)


def test_saving_a_model(lost, monkeypatch, tmp_path):
    model = xprnn.fit(X, Y, epochs=1)
    monkeypatch.setattr(json_text, "to_host", lambda array: to_host(lost))
    with said(715):
        model.save(tmp_path / "model.npz")


def test_moving_an_array(monkeypatch):
    """From float32 to float64, say, on the device."""
    stand_in(monkeypatch)
    xp = SimpleNamespace(astype=fail, float64=None)
    monkeypatch.setattr(Backend, "xp", xp)
    with said():
        Backend("cupy", "0").asarray(Lost(), "float64")


def test_leaving_a_lost_device(monkeypatch):
    """CuPy goes back to the device of before, which CUDA refuses too."""

    @contextlib.contextmanager
    def device(number):
        yield
        fail()

    stand_in(monkeypatch).cuda.Device = device
    with said(), Backend("cupy", "0").active():
        pass


LASTING = {
    214, 220, 226, 700, 702, 710, 714, 715, 716, 717, 718, 719, 721, 809, 911,
}  # fmt: skip


@pytest.mark.parametrize("status", sorted(LASTING))
def test_every_failure_that_lasts(status):
    with said(status), failure.translate_failures(), failure.translate_failures():
        raise cuda_error(status)


@pytest.mark.parametrize("status", sorted({1, 2, 98, 209, 222, 701, 720, 801, 802}))
def test_a_failure_that_passes_stays_as_it_is(status, monkeypatch):
    """Such as one launch that was too large."""
    stand_in(monkeypatch, deviceSynchronize=lambda: None)
    error = cuda_error(status)
    with pytest.raises(CUDARuntimeError) as told, failure.translate_failures():
        raise error
    assert told.value is error


def test_cuda_itself_numbers_its_errors_so():
    runtime = pytest.importorskip("cupy", reason="CuPy is not installed").cuda.runtime
    for status in (715, 716, 719):
        error, ours = runtime.CUDARuntimeError(status), cuda_error(status)
        assert error.status == ours.status
        assert str(error) == str(ours)
        assert failure.is_lasting(error)


class CUBLASError(RuntimeError):
    __module__ = "cupy_backends.cuda.libs.cublas"
    status = 13


class OutOfMemoryError(MemoryError):
    __module__ = "cupy.cuda.memory"


@pytest.mark.parametrize("kind", [CUBLASError, OutOfMemoryError])
def test_where_cudas_libraries_do_not_say_the_device_is_asked(kind, monkeypatch):
    cupy = stand_in(monkeypatch, deviceSynchronize=fail)
    with pytest.raises(BackendUnavailableError, match="no longer"), failure.translate_failures():
        raise kind("CUBLAS_STATUS_EXECUTION_FAILED")
    cupy.cuda.runtime.deviceSynchronize = lambda: None
    with pytest.raises(kind, match="EXECUTION_FAILED"), failure.translate_failures():
        raise kind("CUBLAS_STATUS_EXECUTION_FAILED")


def test_an_error_of_another_library_asks_no_device(monkeypatch):
    monkeypatch.setattr(failure.importlib, "import_module", fail)
    with pytest.raises(ZeroDivisionError), failure.translate_failures():
        raise ZeroDivisionError


@pytest.mark.parametrize("where", ["getDeviceCount", "arange"])
def test_the_list_of_backends_does_not_blame_the_installation(where, monkeypatch):
    cupy = stand_in(monkeypatch)
    setattr(cupy.cuda.runtime if where == "getDeviceCount" else cupy, where, fail)
    reason, hint = availability._diagnose_cupy()
    assert reason == f"the GPU failed in this process: {cuda_error(719)}"
    assert hint == failure.HELP
