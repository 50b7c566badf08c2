"""The stand-in for CuPy: it refuses what CuPy refuses, and is taken for CuPy nowhere."""

import importlib
import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import xprnn.backend

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
CUDA = Path(__file__).parents[1] / "cuda"
STANDIN = CUDA / "standin"

needs_compiler = pytest.mark.skipif(
    not sys.platform.startswith("linux") or shutil.which("g++") is None,
    reason="the emulation needs Linux and g++",
)


def python(*arguments, path=(), **environment):
    """Run Python in a process of its own, and return what it said and how it ended."""
    places = os.pathsep.join(map(str, [*path, *sys.path]))
    return subprocess.run(
        [sys.executable, *map(str, arguments)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": places, **environment},
        capture_output=True,
        text=True,
    )


def pytest_run(*arguments, path=(), **environment):
    return python("-m", "pytest", "-p", "no:cacheprovider", *arguments, path=path, **environment)


@pytest.fixture(scope="module")
def cupy():
    """Import the stand-in as cupy, and forget it again."""
    before = {name: sys.modules.pop(name) for name in list(sys.modules) if _of_cupy(name)}
    sys.path.insert(0, str(STANDIN))
    importlib.invalidate_caches()
    yield importlib.import_module("cupy")
    sys.path.remove(str(STANDIN))
    for name in [name for name in sys.modules if _of_cupy(name)]:
        del sys.modules[name]
    sys.modules.update(before)


def _of_cupy(name):
    return name.partition(".")[0] == "cupy"


@pytest.fixture
def a(cupy):
    return cupy.asarray(np.arange(6.0).reshape(2, 3))


# what it is taken for


def test_in_an_ordinary_process_there_is_no_cupy_but_a_real_one():
    program = "from xprnn.backend import status; print(status('cupy'))"
    said = python("-W", "ignore", "-c", program, path=[CUDA]).stdout
    assert said == f"{xprnn.backend.status('cupy')}\n"
    assert "standin" not in said
    assert "cannot be used" in said or "cupy 1" in said


def test_it_says_what_it_is(cupy):
    program = "from xprnn.backend import status; print(status('cupy'))"
    assert "+standin.on.cpu: 0, 1\n" in python("-c", program, path=[STANDIN]).stdout
    assert "standin.on.cpu" in cupy.__version__
    assert cupy.cuda.runtime.getDeviceProperties(0)["name"] == b"stand-in for a GPU, on a CPU"


@pytest.mark.parametrize(
    ("asked", "path", "message"),
    [
        (("cupy-standin", "numpy"), (), "no other backend goes with it: got cupy-standin, numpy"),
        (("cupy",), (STANDIN,), "the stand-in, which is no CuPy: ask for --backend cupy-standin"),
        ((), (STANDIN,), "the stand-in, which is no CuPy: ask for --backend cupy-standin"),
        (("cuppy",), (), "invalid choice: 'cuppy'"),
    ],
)
def test_a_session_has_it_alone_or_not_at_all(asked, path, message):
    options = [word for name in asked for word in ("--backend", name)]
    done = pytest_run("tests/model/test_trace.py", "--collect-only", *options, path=path)
    assert done.returncode == pytest.ExitCode.USAGE_ERROR
    assert message in " ".join(done.stderr.split())


@needs_compiler
def test_a_session_on_it_says_so_and_runs_what_has_a_place():
    done = pytest_run(
        "tests/gradients/test_gradients.py", "--backend", "cupy-standin", "-k", "of_ones_own", "-v",
        XPRNN_KERNELS="reference",
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
    assert "no GPU and no CuPy, but a stand-in on this CPU; loops: reference" in done.stdout
    assert "test_a_cell_and_an_activation_of_ones_own[cupy-standin-False] PASSED" in done.stdout
    assert "wrong_cell_of_ones_own" not in done.stdout  # which has no place
    assert "gradients on the stand-in for CuPy, a CPU: " in done.stdout


# a kernel that is switched off

BROKEN = """
from cupy import _raw

own = _raw.emulation()
wrong = own.HARDWARE.replace("given[lane ^ bit]", "given[lane]")
assert wrong != own.HARDWARE
own.HARDWARE = wrong
"""

CASE = """
import numpy as np
import xprnn

def test_it_fits(place):
    wave = place.array(np.sin(np.arange(20.0)))
    xprnn.fit(wave[:-1], wave[1:], hidden_size=4, epochs=1)
"""


@needs_compiler
@pytest.mark.parametrize(("broken", "workers"), [(True, "0"), (True, "1"), (False, "0")])
def test_a_session_in_which_a_kernel_was_switched_off_fails(tmp_path, broken, workers):
    """Though each of its tests passes, on the reference."""
    (tmp_path / "conftest.py").write_text((Path(__file__).parents[1] / "conftest.py").read_text())
    (tmp_path / "cuda").symlink_to(CUDA)
    (tmp_path / "test_case.py").write_text(CASE)
    (tmp_path / "broken.py").write_text(BROKEN if broken else "")
    done = python(
        "-W", "ignore", "-m", "pytest", tmp_path, "--rootdir", tmp_path, "--backend",
        "cupy-standin", "-n", workers, "-p", "no:doctest", "--import-mode=importlib",
        path=[tmp_path, STANDIN], PYTHONWARNINGS="ignore", PYTEST_PLUGINS="broken",
    )  # fmt: skip
    assert "1 passed" in done.stdout, done.stdout + done.stderr
    assert done.returncode == (pytest.ExitCode.TESTS_FAILED if broken else pytest.ExitCode.OK)
    said = "the reference ran in the place of a kernel: "
    assert (said in done.stdout) == broken


# what it refuses


@pytest.mark.parametrize(
    "mix",
    [
        lambda cupy, a: np.asarray(a),
        lambda cupy, a: a + np.ones(3),
        lambda cupy, a: np.ones(3) + a,
        lambda cupy, a: a < np.ones(3),
        lambda cupy, a: a + [1.0, 2.0, 3.0],  # noqa: RUF005
        lambda cupy, a: cupy.sum(np.ones(3)),
        lambda cupy, a: cupy.exp(np.ones(3)),
        lambda cupy, a: cupy.concatenate([a, np.ones((2, 3))]),
        lambda cupy, a: cupy.where(a > 0, a, np.ones(3)),
        lambda cupy, a: cupy.matmul(a, np.ones((3, 2))),
        lambda cupy, a: np.concatenate([a, np.ones((2, 3))]),
        lambda cupy, a: cupy.take(a, cupy.asarray([0]), axis=0, mode="wrap"),
        lambda cupy, a: a.sum(axis=0, initial=0.0),
        lambda cupy, a: cupy.exp(a, where=a > 0),
        lambda cupy, a: range(cupy.asarray(3)),
    ],
)
def test_what_is_a_type_error(cupy, a, mix):
    with pytest.raises(TypeError):
        mix(cupy, a)


def test_a_number_is_an_array_with_no_axis(cupy, a):
    for number in (a[0, 1], a.sum(), cupy.max(a), a[0, 0] + 1, cupy.mean(a, axis=(0, 1))):
        assert isinstance(number, cupy.ndarray)
        assert number.shape == ()


def test_what_is_not_written_shows(cupy):
    assert bool(cupy.all(cupy.isnan(cupy.empty((2, 3), dtype="float32"))))
    assert int(cupy.max(cupy.empty(3, dtype="int64"))) > 1e18


def test_whoever_asks_for_a_number_is_counted(cupy, a):
    counts = cupy._counts.COUNTS
    before = counts["synchronized"]
    a + 1, cupy.sum(a), a.T.shape, a[0], a.astype("float32")
    assert counts["synchronized"] == before
    for ask in (bool, float, int, str):
        ask(a[0, 0])
    a.get(), a.tolist(), a[a > 1], cupy.nonzero(a)
    assert counts["synchronized"] == before + 8


def test_an_array_of_another_device_is_refused(cupy, a):
    with cupy.cuda.Device(1):
        there = cupy.zeros(3)
        with pytest.raises(RuntimeError, match="on device 0 is used on device 1"):
            a + 1
    assert (there.device.id, a.device.id, cupy.cuda.runtime.getDevice()) == (1, 0, 0)
    with pytest.raises(RuntimeError, match="on device 1 is used on device 0"):
        a + there


def test_an_index_out_of_bounds_is_no_index_error(cupy, a):
    """CuPy reads another element, so nothing may rest on the error."""
    with pytest.raises(RuntimeError, match="CuPy wraps an index"):
        a[cupy.asarray([0, 5])]


def test_a_name_that_is_missing_here_is_not_missing_there(cupy, a):
    with pytest.raises(NotImplementedError, match=r"CuPy has corrcoef, and its stand-in"):
        cupy.corrcoef  # noqa: B018
    with pytest.raises(NotImplementedError, match=r"CuPy has ndarray.put, and its stand-in"):
        a.put  # noqa: B018
    assert not hasattr(cupy, "vecdot")
    assert not hasattr(a, "to_device")


# kernels

SOURCE = """typedef double real;
{hardware}
extern "C" __global__ void __launch_bounds__(32, 1) twice(
    const real* __restrict__ x,  // (count,), or so
    real* __restrict__ y, int count)
{{
    for (int k = threadIdx.x; k < count; k += 32) y[k] = 2 * x[k];
}}
"""


@pytest.fixture
def kernel(cupy):
    from xprnn.kernels.cuda.source import HARDWARE

    code = SOURCE.format(hardware=HARDWARE)
    made = cupy.RawModule(code=code, enable_cooperative_groups=True).get_function("twice")
    made.max_dynamic_shared_size_bytes = 64
    return made


@needs_compiler
def test_a_kernel_computes(cupy, kernel):
    x, y = cupy.arange(40.0), cupy.empty(40)
    kernel((1,), (32,), (x, y, np.int32(40)), shared_mem=64)
    np.testing.assert_array_equal(y.get(), 2 * np.arange(40.0))


@needs_compiler
@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"x": lambda xp: xp.arange(8.0)[::2]}, r"argument 0 is a view with strides"),
        ({"x": lambda xp: xp.zeros(4, dtype="float32")}, r"argument 0 is double\*, .*float32"),
        ({"x": lambda xp: np.zeros(4)}, r"argument 0 is double\*, got <class 'numpy.ndarray'>"),
        ({"count": lambda xp: 4}, r"argument 2 is of int, got <class 'int'>"),
        ({"count": lambda xp: np.int64(4)}, r"argument 2 is of int, got <class 'numpy.int64'>"),
        ({"grid": (9,)}, r"CuPy would launch fewer than 9 blocks"),
        ({"grid": (np.int64(1),)}, r"grid must be a tuple of one positive int"),
        ({"block": 32}, r"block must be a tuple of one positive int"),
        ({"shared_mem": 49153}, r"49153 bytes of shared memory, of 64 at most"),
    ],
)
def test_what_a_launch_refuses(cupy, kernel, change, error):
    arguments = {"x": lambda xp: xp.zeros(4), "y": lambda xp: xp.zeros(4)}
    arguments |= {"count": lambda xp: np.int32(4)}
    sizes = {"grid": (1,), "block": (32,), "shared_mem": 0}
    sizes |= {name: value for name, value in change.items() if name in sizes}
    values = [change.get(name, make)(cupy) for name, make in arguments.items()]
    with pytest.raises((TypeError, ValueError, RuntimeError), match=error):
        kernel(sizes["grid"], sizes["block"], tuple(values), shared_mem=sizes["shared_mem"])


@needs_compiler
def test_blocks_that_wait_for_one_another_need_a_cooperative_launch(cupy, kernel):
    alone = cupy.RawKernel(kernel.code, "twice")
    with pytest.raises(RuntimeError, match="cooperative"):
        alone((1,), (32,), (cupy.zeros(1), cupy.zeros(1), np.int32(1)))


def test_a_kernel_of_another_kind_is_refused_but_one_that_does_nothing(cupy):
    nothing = cupy.RawKernel('extern "C" __global__ void nothing() {}', "nothing")
    nothing((1,), (32,), ())
    other = cupy.RawKernel('extern "C" __global__ void other(int* p) { *p = 1; }', "other")
    with pytest.raises(NotImplementedError, match="xprnn's own kernels"):
        other.compile()
