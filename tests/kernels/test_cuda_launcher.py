"""How kernels are handed to CuPy, seen by one that stands for it; on a GPU the twins' test runs."""

import sys
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest

from xprnn.kernels.cuda import device, launcher
from xprnn.kernels.cuda.source import Program

PROGRAM = Program("forward", "the text", threads=64, shared=60_000, ring=0)


class RawModule:
    def __init__(self, code, options, enable_cooperative_groups):
        assert (code, options) == ("the text", ("--std=c++17",))
        assert enable_cooperative_groups, "blocks that wait must all be there"

    def get_function(self, name):
        assert name == "forward"
        launches = []

        def function(grid, block, arguments, *, shared_mem):
            launches.append((grid, block, arguments, shared_mem))

        function.kernel, function.launches = SimpleNamespace(ptr=7), launches
        return function


@pytest.fixture
def cupy(monkeypatch):
    """Stand for CuPy with two devices, 10 and 20 multiprocessors, room for 2 blocks on each."""
    asked, number = [], [0]
    properties = {
        "name": b"fake", "major": 9, "minor": 0, "regsPerMultiprocessor": 65536,
        "sharedMemPerBlockOptin": 232448, "maxThreadsPerBlock": 1024, "cooperativeLaunch": 1,
    }  # fmt: skip

    def occupancy(function, threads, shared):
        asked.append((function, threads, shared))
        return 2

    made, cuda = ModuleType("cupy"), ModuleType("cupy.cuda")
    made.RawModule, made.cuda = RawModule, cuda
    cuda.driver = SimpleNamespace(occupancyMaxActiveBlocksPerMultiprocessor=occupancy)
    cuda.runtime = SimpleNamespace(
        getDevice=lambda: number[0],
        getDeviceProperties=lambda n: properties | {"multiProcessorCount": 10 * (n + 1)},
    )
    for name, module in {"cupy": made, "cupy.cuda": cuda}.items():
        monkeypatch.setitem(sys.modules, name, module)
    for cached in (device.read_device, launcher._load):
        cached.cache_clear()
    yield SimpleNamespace(asked=asked, use=lambda n: number.__setitem__(0, n))
    for cached in (device.read_device, launcher._load):
        cached.cache_clear()


def test_the_driver_says_how_many_blocks_there_is_room_for(cupy):
    kernel = launcher.CuPy().load(PROGRAM)
    assert cupy.asked == [(7, 64, 60_000)]
    assert kernel.resident == 20
    assert kernel._kernel.max_dynamic_shared_size_bytes == 60_000


def test_a_kernel_is_made_once_for_each_device(cupy):
    one = launcher.CuPy()
    first = one.load(PROGRAM)
    assert one.load(PROGRAM) is first
    cupy.use(1)
    assert one.device().multiprocessors == 20
    second = one.load(PROGRAM)
    assert second is not first
    assert (first.resident, second.resident) == (20, 40)


def test_arguments_have_the_widths_of_the_kernel(cupy):
    kernel, array = launcher.CuPy().load(PROGRAM), np.zeros(3)
    kernel(20, array, None, 5)
    ((grid, block, (first, null, five), shared),) = kernel._kernel.launches
    assert (grid, block, shared) == ((20,), (64,), 60_000)
    assert first is array
    assert (null.dtype, null) == ("uint64", 0)
    assert (five.dtype, five) == ("int32", 5)


def test_more_blocks_than_there_is_room_for_are_refused(cupy):
    kernel = launcher.CuPy().load(PROGRAM)
    with pytest.raises(RuntimeError, match="21 blocks do not fit on the device, 20 do"):
        kernel(21)
    assert kernel._kernel.launches == []
