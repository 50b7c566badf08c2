"""Which library computes, on which device; what is said where one cannot be used."""

import importlib.machinery
import importlib.util
import subprocess
import sys
import types

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import xprnn
from xprnn import backend, losses, testing, tree
from xprnn._noise import Noise
from xprnn.backend import Backend, resolve
from xprnn.gradients.objective import apply
from xprnn.layers import CausalConv, Dense, EncoderDecoder, Extend, Final, Recurrent, Stack

CUPY_LINE = (
    'pip install "cupy-cuda13x[ctk]" (driver for CUDA 13) or pip install "cupy-cuda12x[ctk]" '
    "(CUDA 12)"
)


@pytest.fixture(autouse=True)
def fresh():
    """What is known of a backend is looked up once; here, anew for every test."""
    backend.status.cache_clear()
    yield
    backend.status.cache_clear()


@pytest.fixture(scope="module")
def of_2023():
    """Return what has array-api-strict keep to the version of 2023."""
    strict = pytest.importorskip("array_api_strict", reason="array-api-strict is not installed")
    return lambda: strict.ArrayAPIStrictFlags(api_version="2023.12")


@pytest.fixture
def hide(monkeypatch):
    """Return a function that makes a library look as if it were not installed."""

    def install_not(name):
        find = importlib.util.find_spec
        monkeypatch.setattr(
            importlib.util, "find_spec", lambda n, *a: None if n == name else find(n, *a)
        )

    return install_not


class CUDARuntimeError(RuntimeError):
    pass


class Device:
    """Stands for cupy.cuda.Device; the current device is the last of `current`."""

    current = (0,)

    def __init__(self, device):
        self.id = int(getattr(device, "id", device))

    def __enter__(self):
        Device.current = (*Device.current, self.id)
        return self

    def __exit__(self, *_):
        Device.current = Device.current[:-1]


def _no_nvrtc(*_):
    raise RuntimeError("no libnvrtc.so.13")


@pytest.fixture
def cupy(monkeypatch):
    """Return a function that installs a fake CuPy on a machine as described."""

    def install(*, driver=13000, devices=2, error=None, works=True):
        def count():
            if error:
                raise CUDARuntimeError(error)
            return devices

        fake, namespace = types.ModuleType("cupy"), types.ModuleType("array_api_compat.cupy")
        fake.__spec__ = importlib.machinery.ModuleSpec("cupy", None)
        fake.__version__ = "14.2.0"
        runtime = types.SimpleNamespace(
            driverGetVersion=lambda: driver,
            getDeviceCount=count,
            CUDARuntimeError=CUDARuntimeError,
        )
        fake.cuda = types.SimpleNamespace(runtime=runtime, Device=Device)
        fake.ndarray = type("ndarray", (), {})
        fake.arange = np.arange if works else _no_nvrtc
        monkeypatch.setitem(sys.modules, "cupy", fake)
        monkeypatch.setitem(sys.modules, "array_api_compat.cupy", namespace)
        return fake, namespace

    return install


def refused(spec, *parts):
    """Check that a backend is refused with all parts of the text, and never replaced."""
    with pytest.raises(xprnn.BackendUnavailableError) as caught:
        resolve(spec)
    for part in parts:
        assert part in str(caught.value)
    with pytest.raises(xprnn.BackendUnavailableError) as again:
        xprnn.fit([0.0, 1.0], [1.0, 2.0], epochs=1, backend=spec)
    assert str(again.value) == str(caught.value)
    return str(caught.value)


def test_cupy_is_not_installed(hide):
    hide("cupy")
    text = refused("cupy", "cupy: cannot be used: CuPy is not installed. To fix this: ", CUPY_LINE)
    found = backend.status("cupy")
    assert found == ("cupy", False, None, (), "CuPy is not installed", CUPY_LINE)
    assert str(found) == text


@pytest.mark.parametrize("error", ["ImportError", "RuntimeError"])
def test_cupy_is_installed_and_does_not_import(monkeypatch, tmp_path, error):
    (tmp_path / "cupy").mkdir()
    broken = f"raise {error}('libnvrtc.so.13: cannot open shared object file')"
    (tmp_path / "cupy" / "__init__.py").write_text(broken)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "cupy", raising=False)
    refused(
        "cupy",
        "cupy is installed but does not import: libnvrtc.so.13: cannot open shared object file",
        f"To fix this: reinstall it: {CUPY_LINE}",
    )


NO_DRIVER = {
    "driver": 0,
    "error": "cudaErrorInsufficientDriver: CUDA driver version is insufficient for CUDA runtime "
    "version",
}
"""What CuPy 14.2 says on a machine without a driver."""
OLD_DRIVER = {**NO_DRIVER, "driver": 11040}
NO_DEVICE = {"driver": 13000, "error": "cudaErrorNoDevice: no CUDA-capable device is detected"}
NO_START = {"driver": 13000, "error": "cudaErrorSystemNotReady: system not yet initialized"}


@pytest.mark.parametrize(
    ("machine", "reason", "hint"),
    [
        (
            NO_DRIVER,
            "CuPy is installed, but this machine has no CUDA driver",
            "install NVIDIA's driver for the GPU (https://www.nvidia.com/drivers)",
        ),
        (
            OLD_DRIVER,
            "the CUDA driver (for CUDA 11.4) is older than this CuPy needs",
            'update the driver, or take the CuPy that fits it: pip install "cupy-cuda12x[ctk]"',
        ),
        (
            NO_DEVICE,
            "CuPy and a CUDA driver are installed, but CUDA sees no device",
            "check CUDA_VISIBLE_DEVICES and that nvidia-smi lists the GPU",
        ),
        (
            {"devices": 0},
            "CuPy and a CUDA driver are installed, but CUDA sees no device",
            "check CUDA_VISIBLE_DEVICES",
        ),
        (NO_START, f"CUDA does not start: {NO_START['error']}", "run nvidia-smi"),
    ],
    ids=["no driver", "old driver", "no device", "zero devices", "no start"],
)
def test_cupy_is_installed_and_finds_no_gpu(cupy, machine, reason, hint):
    cupy(**machine)
    refused("cupy", f"cupy: cannot be used: {reason}. To fix this: {hint}")
    refused("cupy:0")
    found = backend.status("cupy")
    assert (found.usable, found.version, found.devices) == (False, "14.2.0", ())
    assert found.reason == reason


def test_cupy_with_a_gpu_and_without_cudas_libraries(cupy):
    cupy(works=False)
    refused(
        "cupy",
        "cupy: cannot be used: CuPy finds the GPU but cannot compute on it: no libnvrtc.so.13",
        f"To fix this: install CuPy with its CUDA libraries: {CUPY_LINE}",
    )


def test_cupy_with_two_devices(cupy):
    cupy(devices=2)
    assert backend.status("cupy") == ("cupy", True, "14.2.0", ("0", "1"), None, None)
    assert str(backend.status("cupy")) == "cupy 14.2.0: 0, 1"
    assert resolve("cupy") == Backend("cupy", "0")
    assert resolve("cupy:1") == Backend("cupy", "1")
    assert str(resolve("cupy:1")) == "cupy:1"
    message = r"^the device of backend 'cupy' must be one of '0', '1', got '2'"
    with pytest.raises(ValueError, match=message):
        resolve("cupy:2")


def test_cupy_1_computes_on_device_1(cupy):
    """Everything that fit does on the backend, it does with Device(1) as the current one."""

    class ReachedError(Exception):
        pass

    _, namespace = cupy(devices=2)
    seen = []

    def asarray(array, *, device):
        seen.append((Device.current[-1], device.id, type(array), array.dtype.name))
        raise ReachedError

    namespace.asarray = asarray
    with pytest.raises(ReachedError):
        xprnn.fit([0.0, 1.0], [1.0, 2.0], epochs=1, dtype="float32", backend="cupy:1")
    assert seen == [(1, 1, np.ndarray, "float64")]  # x, to be scaled in the dtype that it has
    assert Device.current == (0,)


def test_an_array_of_cupy_says_its_device(cupy):
    fake, _ = cupy()
    array = fake.ndarray()
    array.device = Device(1)
    array.get = lambda: np.arange(3)
    assert backend.of(array) == Backend("cupy", "1")
    np.testing.assert_array_equal(backend.to_host(array), [0, 1, 2])


@pytest.mark.parametrize(
    ("name", "line"),
    [("torch", "pip install torch"), ("array_api_strict", "pip install array-api-strict")],
)
def test_other_libraries_that_are_not_installed(hide, name, line):
    hide(name)
    refused(name, f"{name}: cannot be used: {name} is not installed. To fix this: {line}")


def test_torch_without_cuda(monkeypatch):
    torch = pytest.importorskip("torch")
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    refused(
        "torch:cuda", f"torch {torch.__version__} sees no CUDA device. To fix this: a CUDA build"
    )
    refused("torch:cuda:1")
    assert resolve("torch") == resolve("torch:cpu") == Backend("torch", "cpu")


def test_torch_with_two_cuda_devices(monkeypatch):
    torch = pytest.importorskip("torch")
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert backend.status("torch").devices == ("cpu", "cuda:0", "cuda:1")
    assert resolve("torch") == Backend("torch", "cpu")
    assert resolve("torch:cuda") == Backend("torch", "cuda:0")
    assert resolve("torch:cuda:1") == Backend("torch", "cuda:1")
    with pytest.raises(
        ValueError, match=r"^the device of backend 'torch' .*, got 'cuda:2'; did yo"
    ):
        resolve("torch:cuda:2")


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ("numpy", Backend("numpy", "cpu")),
        ("numpy:cpu", Backend("numpy", "cpu")),
        ("array_api_strict", Backend("array_api_strict", "cpu")),
        ("array_api_strict:device1", Backend("array_api_strict", "device1")),
        (Backend("numpy", "cpu"), Backend("numpy", "cpu")),
    ],
)
def test_specs(spec, expected):
    if not isinstance(spec, Backend) and spec.startswith("array_api_strict"):
        pytest.importorskip("array_api_strict")
    assert resolve(spec) == expected
    assert resolve(str(expected)) == expected


@pytest.mark.parametrize(
    ("spec", "error", "message"),
    [
        ("nunpy", ValueError, r"backend must be one of 'array_api_strict', .*; did you mean 'nump"),
        ("tensorflow", ValueError, r"backend must be one of .*, got 'tensorflow'"),
        ("", ValueError, r"backend must be one of .*, got ''"),
        (
            "numpy:cuda",
            ValueError,
            r"the device of backend 'numpy' must be one of 'cpu', got 'cuda",
        ),
        (None, TypeError, r"backend must be a name such as 'numpy' or 'cupy:1', got None"),
        (np, TypeError, r"backend must be a name such as 'numpy' or 'cupy:1', got <module 'numpy'"),
    ],
)
def test_specs_of_no_backend(spec, error, message):
    with pytest.raises(error, match=f"^{message}"):
        resolve(spec)


def test_status_of_no_backend():
    with pytest.raises(ValueError, match=r"^backend must be .*; did you mean 'torch'\?"):
        backend.status("troch")


@pytest.mark.parametrize("device", ["device9", "no_float64", "no_x64"])
def test_devices_that_array_api_strict_does_not_offer(device):
    pytest.importorskip("array_api_strict")
    with pytest.raises(
        ValueError, match=r"^the device of backend 'array_api_strict' must be one of"
    ):
        resolve(f"array_api_strict:{device}")


def test_backends_lists_all_four(hide, cupy):
    cupy(**NO_DEVICE)
    hide("torch")
    found = {status.name: status for status in xprnn.backends()}
    assert tuple(found) == ("numpy", "cupy", "torch", "array_api_strict")
    assert found["numpy"] == ("numpy", True, np.__version__, ("cpu",), None, None)
    assert [found[name].usable for name in ("numpy", "cupy", "torch")] == [True, False, False]
    for status in found.values():
        assert "\n" not in str(status)
        assert str(status).startswith(status.name)
        assert status.usable == bool(status.devices) == (status.reason is None)
        assert status.usable == (status.hint is None)


def test_no_library_is_imported_that_is_not_asked_for():
    code = (
        "import sys, xprnn; xprnn.fit([0.0, 1.0], [1.0, 2.0], epochs=1).predict([1.0]);"
        "print(*{'cupy', 'torch', 'array_api_strict', 'matplotlib', 'tqdm'} & set(sys.modules))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout == "\n"


DTYPES = st.sampled_from(["float32", "float64", "int64"])


@st.composite
def host_arrays(draw):
    """Arrays of any shape in any order, with read-only and reversed ones."""
    dtype = draw(DTYPES)
    elements = hnp.from_dtype(np.dtype(dtype), allow_nan=False)
    array = draw(hnp.arrays(dtype, hnp.array_shapes(min_dims=0, max_side=4), elements=elements))
    turn = draw(st.sampled_from([np.asfortranarray, np.flip, np.transpose, np.array]))
    array = np.asarray(turn(array))
    array.flags.writeable = draw(st.booleans())
    return array


@given(array=host_arrays())
def test_moving_keeps_numbers_dtype_and_shape(place, array):
    dtype = array.dtype.name
    moved = place.backend.asarray(array, dtype)
    assert backend.of(moved) == place.backend
    assert backend.dtype_name(moved) == dtype
    assert moved.shape == array.shape
    again = place.backend.asarray(moved, dtype)
    for back in (backend.to_host(moved), backend.to_host(again)):
        assert type(back) is np.ndarray
        assert back.dtype == array.dtype
        np.testing.assert_array_equal(back, array)


def test_moving_changes_the_dtype_if_asked(place):
    array = np.array([1 / 3, -2.5])
    moved = place.backend.asarray(array, "float32")
    assert backend.dtype_name(moved) == "float32"
    np.testing.assert_array_equal(backend.to_host(moved), array.astype("float32"))
    wide = place.backend.asarray(moved, "float64")
    assert backend.of(wide) == place.backend
    assert backend.to_host(wide).dtype == np.float64


def test_default_dtype(place):
    expected = {"numpy": "float64", "cupy": "float64", "array_api_strict": "float64"}
    assert place.backend.default_dtype == expected.get(place.backend.name, "float32")


def test_the_default_dtype_of_torch_can_be_set():
    torch = pytest.importorskip("torch")
    torch.set_default_dtype(torch.float64)
    try:
        assert resolve("torch").default_dtype == "float64"
    finally:
        torch.set_default_dtype(torch.float32)


def test_of_is_none_for_what_is_no_array():
    assert [backend.of(value) for value in ([1.0], 1.0, "a", None, object())] == [None] * 5
    assert backend.of(np.float64(1)) == Backend("numpy", "cpu")


def test_common_is_where_the_arrays_are(place):
    here = place.array([1.0])
    assert backend.common({"x": here, "y": here}, None) == place.backend
    assert backend.common({"x": here}, place.backend) == place.backend
    assert backend.common({"x": here}, str(place.backend)) == place.backend


def test_common_moves_numpy_only_where_it_is_asked_to(place):
    array = np.array([1.0])
    assert backend.common({"x": array, "y": array}, None) == Backend("numpy", "cpu")
    assert backend.common({"x": array, "y": array}, str(place.backend)) == place.backend


def test_a_name_without_a_device_leaves_arrays_on_theirs(place):
    assert backend.common({"x": place.array([1.0])}, place.backend.name) == place.backend


def test_a_model_computes_on_a_device_that_is_not_in_use(place):
    """Of several devices the last, as "cupy:1", from a caller who uses the first."""
    name = place.backend.name
    there = resolve(f"{name}:{backend.status(name).devices[-1]}")
    rng = np.random.default_rng(0)
    x, y = (there.asarray(rng.standard_normal((3, 5, n)), "float64") for n in (2, 1))
    for cell in ("elman", "gru_reset_before"):
        model = xprnn.fit(
            x, y, cell=cell, hidden_size=3, bidirectional=True, validation_data=(x, y), epochs=1
        )
        found = [model.predict(x), model.predict(x, lengths=[5, 2, 3])]
        found += [a for layer in model.trace(x) for a in layer.values()]
        assert {backend.of(a) for a in found} == {there}
        assert np.isfinite(model.evaluate(x, y))
        assert type(model.predict(backend.to_host(x))) is np.ndarray


def test_generators_of_one_seed_draw_the_same():
    draws = [backend.generator(seed).random(3).tolist() for seed in (3, 3, 4, (3, 1), (3, 2))]
    assert draws[0] == draws[1]
    assert len({tuple(draw) for draw in draws}) == 4


def test_overflow_shows_in_the_numbers_and_not_as_a_warning(place):
    with place.backend.active():
        big = place.array([1e308])
        assert backend.to_host(big * big)[0] == np.inf
        assert np.isnan(backend.to_host(big * big - big * big)[0])


# What is asked of a namespace


@given(network=testing.networks(2), masked=st.booleans())
@example(network=CausalConv(2, 3), masked=True)
def test_every_network_keeps_to_the_version_of_2023(of_2023, network, masked):
    """The oldest that is asked for: scikit-learn 1.6 to 1.8 set those of their own time."""
    rng, strict = np.random.default_rng(0), backend.resolve("array_api_strict")
    with of_2023():
        params, _ = network.init(rng, 2)
        params = xprnn.tree.map(lambda a: strict.asarray(a, "float64"), params)
        x = strict.asarray(rng.standard_normal((5, 2, 2)), "float64")
        mask = strict.asarray(np.arange(5)[:, None, None] < [[5], [3]], "bool") if masked else None
        y, _ = apply(network, params, x, mask=mask, xp=strict.xp)
        _, grads, _ = xprnn.value_and_grad(
            network, "mse", params, x, y + 1.0, mask=mask, noise=Noise((0,)), xp=strict.xp
        )
    assert grads.keys() == params.keys() if isinstance(params, dict) else len(grads) == len(params)


@pytest.mark.parametrize("loss", sorted(losses.TABLE))
def test_every_loss_keeps_to_the_version_of_2023(of_2023, loss, rng):
    x = rng.standard_normal((4, 5, 2))
    y = (x[..., :1] > 0).astype(float) if "entropy" in loss else x[..., :1]
    with of_2023():
        model = xprnn.fit(
            x, y, hidden_size=3, epochs=2, batch_size=2, loss=loss, lengths=[5, 3, 1, 4],
            num_layers=2, dropout=0.1, recurrent_dropout=0.1, backend="array_api_strict",
        )  # fmt: skip
        assert np.isfinite(model.evaluate(x, y))


class Traced(np.ndarray):
    """Arrays that do not know their device, like those in a function that JAX compiles."""

    @property
    def device(self):
        raise AttributeError("a traced array has no device")


@pytest.mark.parametrize(
    ("network", "loss"),
    [
        (Stack((Recurrent(3, "lstm"), Dense(2))), losses.CrossEntropy(class_weights=(1.0, 2.0))),
        (Stack((Recurrent(3), Dense(2))), losses.Pinball((0.1, 0.9))),
        (Stack((Final(Recurrent(3)), Dense(1))), losses.MSE()),
        (EncoderDecoder(Recurrent(3), Stack((Extend(4), Recurrent(3), Dense(1)))), losses.MSE()),
    ],
    ids=["recurrent", "pinball", "final", "decoder"],
)
def test_no_array_is_asked_for_its_device(network, loss, rng):
    xp = types.ModuleType("traced")  # a namespace that no compiled loop is made for
    vars(xp).update(vars(np))
    params, _ = network.init(rng, 2)
    x = rng.standard_normal((4, 3, 2))
    steps = 1 if isinstance(network, Stack) and not network.keeps_steps else 4
    y = rng.integers(0, 2, (steps, 3, 1)).astype(float)
    expected, grads, _ = xprnn.value_and_grad(network, loss, params, x, y, xp=np)
    x, y, params = tree.map(lambda a: a.view(Traced), (x, y, params))
    value, found, _ = xprnn.value_and_grad(network, loss, params, x, y, xp=xp)
    np.testing.assert_allclose(value, expected, rtol=1e-12)
    for name, grad in tree.flatten(grads).items():
        np.testing.assert_allclose(tree.flatten(found)[name], grad, rtol=1e-7, atol=1e-12)
