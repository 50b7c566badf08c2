"""Where benchmarks/gpu.py runs: on a GPU, or dry, on what stands in for one in tests/cuda."""

import importlib
import itertools
import os
import sys
import time
from pathlib import Path

from _common import said

from xprnn.kernels.cuda.fused import Fused
from xprnn.kernels.cuda.launcher import CuPy
from xprnn.kernels.cuda.layout import read_loops
from xprnn.recurrence import Unroll

STAND_IN = Path(__file__).parents[2] / "tests" / "cuda" / "standin"
"""Holds a package called cupy, which runs our kernels on a CPU."""


def stand_in():
    """Let `import cupy` find the stand-in."""
    if not (STAND_IN / "cupy").is_dir():
        raise FileNotFoundError(f"a dry run takes what stands in for CuPy, in {STAND_IN}")
    sys.path.insert(0, str(STAND_IN))


def torch_for(device):
    """Return torch and None, or None and why it can't be used on a device."""
    try:
        torch = importlib.import_module("torch")
        if device == "cuda" and not torch.cuda.is_available():
            return None, f"torch {torch.__version__} finds no GPU"
    except ModuleNotFoundError:
        return None, "it is not installed"
    except Exception as error:  # what its libraries lack shows in many ways
        return None, f"it can't be imported: {said(error)}"
    return torch, None


class Timed(CuPy):
    """CuPy's launcher, which keeps how long the first load of every program took."""

    def __init__(self, clock):
        self.clock, self.loads = clock, {}

    def load(self, program):
        """As in `Launcher`."""
        if program not in self.loads:
            before, start = compiled(), self.clock()
            kernel = super().load(program)
            taken = self.clock() - start
            self.loads[program] = {"load_seconds": taken, "compiled": compiled() > before}
            return kernel
        return super().load(program)


def compiled():
    """Return how many programs CuPy keeps on disk."""
    folder = os.environ.get("CUPY_CACHE_DIR") or "~/.cupy/kernel_cache"
    return sum(1 for _ in Path(folder).expanduser().glob("*.cubin"))


class Gpu:
    """The GPU that CuPy has; dry, with a clock that only counts, and torch on the CPU."""

    def __init__(self, dry=False):
        import array_api_compat.cupy
        import cupy

        self.dry, self.torch_device = dry, "cpu" if dry else "cuda"
        ticks = itertools.count()
        self.clock = (lambda: 1e-3 * next(ticks)) if dry else time.perf_counter
        self.xp, self.cupy, self.launcher = array_api_compat.cupy, cupy, Timed(self.clock)
        self.fused = Fused(self.launcher)
        self.torch, self.no_torch = torch_for(self.torch_device)

    def unroll(self, plan=None):
        """Return our loop, in a layout of one's own if one is given."""
        fused = Fused(self.launcher, plan) if plan else self.fused
        return Unroll(fused.unroll, fused.unroll_backward)

    def obstacle(self, case, dtype):
        """Return why our loop does not run a case; None if it does."""
        return self.fused.obstacle(case.object, self.xp, case.shapes, getattr(self.xp, dtype))

    def loads(self, case, dtype):
        """Return how long the loops of a case took to load for the first time."""
        rows = []
        for given in read_loops(case.object, case.shapes, dtype):
            made = self.fused.make(given, case.object)
            row = {"case": str(case), "dtype": dtype, "loop": made.program.name}
            rows.append(row | self.launcher.loads[made.program])
        return rows

    def wait(self):
        """Wait until the device has done all that it was given."""
        self.cupy.cuda.Device().synchronize()

    def alive(self):
        """Return None, or why nothing more can be done on the device."""
        try:
            self.wait()
        except Exception as error:  # CUDA has given up the process
            return f"the device does not answer this process any more ({said(error)})"
        return None

    def empty_launch(self):
        """Return a function that launches a kernel that does nothing."""
        if self.dry:
            return lambda: None
        kernel = self.cupy.RawKernel('extern "C" __global__ void nothing() {}', "nothing")
        return lambda: kernel((1,), (32,), ())

    @property
    def cudnn(self):
        """The version of cuDNN that torch has, such as (9, 13, 0); None for torch on a CPU."""
        number = None if self.dry else self.torch.backends.cudnn.version()
        if number is None:
            return None
        major = 10_000 if number >= 90_000 else 1_000
        return number // major, number % major // 100, number % 100

    def about(self):
        """Return the device, its driver and the versions."""
        runtime, torch = self.cupy.cuda.runtime, self.torch
        return {
            "device": self.launcher.device()._asdict(),
            "driver": runtime.driverGetVersion(),
            "cuda_runtime": runtime.runtimeGetVersion(),
            "cupy": self.cupy.__version__,
            "torch": torch.__version__ if torch else self.no_torch,
            "torch_cuda": torch and torch.version.cuda,
            "cudnn": torch and self.cudnn,
        }
