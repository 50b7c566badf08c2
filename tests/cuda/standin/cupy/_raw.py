"""Kernels: the project's own CUDA source, compiled by g++ and run thread by thread.

The launch checks what CuPy and CUDA take as they come: CuPy hands over the address of an
array whatever its strides, and CUDA reads as many bytes as the kernel's arguments have.
"""

import atexit
import ctypes
import functools
import importlib.util
import os
import re
import shutil
import tempfile
import threading
from pathlib import Path

import numpy as np

from cupy import _signatures
from cupy._array import ndarray
from cupy._counts import COUNTS
from cupy.cuda import device, runtime

EMULATION = Path(__file__).parents[2] / "emulation.py"

WITHOUT_ASKING = 48 << 10
"""Bytes of shared memory that a kernel has without `max_dynamic_shared_size_bytes`."""

NUMBERS = {"int": np.int32, "bool": np.bool_, "u64": np.uint64, "float": np.float32}
NUMBERS["double"] = np.float64

EMPTY = re.compile(r'\s*extern "C" __global__ void (\w+)\(\)\s*\{\s*\}\s*')

LOCK = threading.Lock()
"""The emulation runs one launch at a time."""


class CompileException(Exception):
    """The compiler refused a source."""


@functools.cache
def emulation():
    """Return tests/cuda/emulation.py, whatever the path of the process is."""
    spec = importlib.util.spec_from_file_location("_cupy_standin_emulation", EMULATION)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@functools.cache
def folder():
    """Return where the libraries stay: in CUPY_CACHE_DIR, or as long as the process."""
    kept = os.environ.get("CUPY_CACHE_DIR")
    if kept is None:
        kept = tempfile.mkdtemp(prefix="cupy-standin-")
        atexit.register(shutil.rmtree, kept)
    Path(kept).mkdir(parents=True, exist_ok=True)
    return Path(kept)


def parameters(text, name):
    """Return the parameters of a kernel, as ``["real*", "int"]``."""
    plain = re.sub(r"//[^\n]*|\bconst\b|\b__restrict__\b", "", text)
    found = re.search(rf'extern "C" __global__ void[^;{{]*?\b{name}\(([^)]*)\)', plain)
    if found is None:
        raise CompileException(f"there is no kernel {name}")
    real = re.search(r"typedef (\w+) real;", plain)[1]
    kinds = [re.match(r"\w+ ?\*?", one.strip())[0].replace(" ", "") for one in found[1].split(",")]
    return [kind.replace("real", real) for kind in kinds]


class Function:
    """What the driver knows of a kernel."""

    def __init__(self, ptr):
        self.ptr = ptr


class RawKernel:
    """A kernel of a source."""

    def __init__(self, *args, **kwargs):
        _signatures.bind("RawKernel", args, kwargs)
        given = _signatures.signature("RawKernel").bind(*args, **kwargs)
        given.apply_defaults()
        self.code, self.name = given.arguments["code"], given.arguments["name"]
        self.options = given.arguments["options"]
        self.enable_cooperative_groups = given.arguments["enable_cooperative_groups"]
        if not isinstance(self.options, tuple):
            raise TypeError(f"options must be a tuple, got {self.options!r}")
        self.kernel, self._shared = Function(id(self)), 0
        self._launch, self._parameters = None, None

    def __getattr__(self, name):
        _signatures.absent("RawKernel", name)

    @property
    def max_dynamic_shared_size_bytes(self):
        """Bytes of shared memory that a launch may ask for."""
        return self._shared

    @max_dynamic_shared_size_bytes.setter
    def max_dynamic_shared_size_bytes(self, count):
        if count > runtime.getDeviceProperties(device.current())["sharedMemPerBlockOptin"]:
            raise ValueError(f"no block has {count} bytes of shared memory")
        self._shared = count

    def compile(self, log_stream=None):
        """Compile it."""
        from xprnn.kernels.cuda.source import HARDWARE, Program

        if HARDWARE not in self.code:
            raise NotImplementedError(
                "the stand-in compiles xprnn's own kernels, and those that do nothing; "
                f"this one is neither: {self.code[:80]!r}"
            )
        own = emulation()
        text = self.code.replace(HARDWARE, own.HARDWARE)
        program = Program(self.name, text, threads=0, shared=0, ring=0)
        self._parameters = parameters(self.code, self.name)
        try:
            library = own.Emulated(folder()).build(program)
        except AssertionError as error:
            raise CompileException(str(error)) from error
        self._launch = ctypes.CDLL(str(library)).launch

    def __call__(self, grid, block, args, *, shared_mem=0):
        """Run it to its end."""
        self._check_sizes(grid, block, shared_mem)
        if self._launch is None and EMPTY.fullmatch(self.code):
            return
        if self._launch is None:
            self.compile()
        if len(args) != len(self._parameters):
            raise TypeError(f"{self.name} takes {len(self._parameters)} arguments, got {len(args)}")
        pairs = zip(self._parameters, args, strict=True)
        values = [_value(kind, given, k) for k, (kind, given) in enumerate(pairs)]
        addresses = (ctypes.c_void_p * len(values))(*map(ctypes.addressof, values))
        COUNTS["launched"] += 1
        with LOCK:
            self._launch(grid[0], block[0], shared_mem, addresses)

    def _check_sizes(self, grid, block, shared):
        """Raise unless a GPU would run all blocks at once, as they wait for one another."""
        for name, sizes in {"grid": grid, "block": block}.items():
            if not isinstance(sizes, tuple) or [type(n) for n in sizes] != [int] or sizes[0] < 1:
                raise TypeError(f"{name} must be a tuple of one positive int, got {sizes!r}")
        if shared > max(self._shared, WITHOUT_ASKING):
            raise RuntimeError(f"{shared} bytes of shared memory, of {self._shared} at most")
        if EMPTY.fullmatch(self.code):
            return
        if not self.enable_cooperative_groups:
            raise RuntimeError("blocks that wait for one another need a cooperative launch")
        if grid[0] > runtime.MULTIPROCESSORS:
            raise RuntimeError(f"CuPy would launch fewer than {grid[0]} blocks, with a warning")


def _value(kind, given, place):
    """Return an argument as the kernel reads it."""
    if kind.endswith("*") and isinstance(given, np.uint64) and given == 0:
        return ctypes.c_void_p()
    if not kind.endswith("*"):
        if type(given) is not NUMBERS[kind]:
            raise TypeError(f"argument {place} is of {kind}, got {type(given)}")
        return ctypes.c_int(int(given))
    if not isinstance(given, ndarray):
        raise TypeError(f"argument {place} is {kind}, got {type(given)}")
    memory = given.use()
    if memory.dtype != NUMBERS[kind[:-1]]:
        raise TypeError(f"argument {place} is {kind}, got an array of {memory.dtype}")
    if not memory.flags.c_contiguous:
        raise ValueError(f"argument {place} is a view with strides, which CuPy does not hand over")
    return ctypes.c_void_p(memory.ctypes.data)


class RawModule:
    """A source with kernels."""

    def __init__(self, *args, **kwargs):
        _signatures.bind("RawModule", args, kwargs)
        given = _signatures.signature("RawModule").bind(*args, **kwargs)
        given.apply_defaults()
        self.code, self.options = given.arguments["code"], given.arguments["options"]
        self.enable_cooperative_groups = given.arguments["enable_cooperative_groups"]
        if not isinstance(self.code, str) or not isinstance(self.options, tuple):
            raise TypeError("code must be a str, and options a tuple")

    def __getattr__(self, name):
        _signatures.absent("RawModule", name)

    def get_function(self, name):
        """Return a kernel, compiled."""
        kernel = RawKernel(
            self.code, name, self.options, enable_cooperative_groups=self.enable_cooperative_groups
        )
        kernel.compile()
        return kernel
