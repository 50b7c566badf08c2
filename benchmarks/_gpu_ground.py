"""Where benchmarks/gpu.py runs: on a GPU, or, for a rehearsal, on a CPU that stands for one."""

import importlib.util
import itertools
import shutil
import sys
import time
from functools import cached_property
from pathlib import Path

import array_api_compat.numpy

from xprnn import kernels
from xprnn.kernels.cuda.fused import Fused
from xprnn.kernels.cuda.launcher import CuPy
from xprnn.kernels.cuda.plan import Plan
from xprnn.recurrence import REFERENCE, Unroll

EMULATION = Path(__file__).parents[1] / "tests" / "cuda" / "emulation.py"


def torch_or_none():
    """Return torch where it is installed."""
    if importlib.util.find_spec("torch") is None:
        return None
    import torch

    return torch


class Gpu:
    """The GPU that CuPy has."""

    backend, torch_device, dry = "cupy", "cuda", False
    clock = staticmethod(time.perf_counter)

    def __init__(self):
        import array_api_compat.cupy
        import cupy

        self.xp, self.cupy, self.launcher = array_api_compat.cupy, cupy, CuPy()
        self.fused = Fused(self.launcher)

    def unroll(self, plan=None):
        """Return our loop, in a layout of one's own if one is given."""
        fused = Fused(self.launcher, plan) if plan else self.fused
        return Unroll(fused.unroll, fused.unroll_backward)

    def obstacle(self, case, dtype):
        """Return why our loop does not run a case; None if it does."""
        return self.fused.obstacle(case.object, self.xp, case.shapes, getattr(self.xp, dtype))

    def wait(self):
        """Wait until the device has done all that it was given."""
        self.cupy.cuda.Device().synchronize()

    def empty_launch(self):
        """Return a function that launches a kernel that does nothing."""
        kernel = self.cupy.RawKernel('extern "C" __global__ void nothing() {}', "nothing")
        return lambda: kernel((1,), (32,), ())

    def about(self):
        """Return the device, its driver and the versions."""
        runtime, device = self.cupy.cuda.runtime, self.launcher.device()
        torch = torch_or_none()
        return {
            "device": device._asdict(),
            "driver": runtime.driverGetVersion(),
            "cuda_runtime": runtime.runtimeGetVersion(),
            "cupy": self.cupy.__version__,
            "torch": torch and torch.__version__,
            "torch_cuda": torch and torch.version.cuda,
            "cudnn": torch and torch.backends.cudnn.version(),
        }


class Rehearsal:
    """NumPy, with kernels that g++ compiled if there is one, and a clock that only counts."""

    backend, torch_device, dry = "numpy", "cpu", True
    xp = array_api_compat.numpy

    def __init__(self, folder):
        self.folder, ticks = folder, itertools.count()
        self.clock = lambda: 1e-3 * next(ticks)

    @cached_property
    def launcher(self):
        """What stands for the GPU; None without Linux and g++."""
        if sys.platform != "linux" or shutil.which("g++") is None or not EMULATION.exists():
            return None
        spec = importlib.util.spec_from_file_location("emulation", EMULATION)
        module = sys.modules["emulation"] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module.Emulated(self.folder)

    def unroll(self, plan=None):
        """Return our loop as g++ compiled it; without g++ the reference takes its place."""
        if self.launcher is None:
            return REFERENCE
        fused = Fused(self.launcher, plan or (lambda device, given: Plan(1, 2, 2, 32)))
        return Unroll(fused.unroll, fused.unroll_backward)

    def obstacle(self, case, dtype):
        """Return None: all small cases fit."""

    def wait(self):
        """Wait for nothing."""

    def empty_launch(self):
        """Return a function that does nothing."""
        return lambda: None

    def about(self):
        """Return that it is none."""
        emulated = "emulated by g++" if self.launcher else "without g++: the reference stands in"
        return {"device": f"none, a rehearsal; kernels {emulated}", "loops": kernels.status()}
