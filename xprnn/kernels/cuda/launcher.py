"""Compile and launch kernels with CuPy."""

import functools
from typing import Any, Protocol

import numpy as np

from xprnn._typing import Array
from xprnn.kernels.cuda.device import Device, read_device
from xprnn.kernels.cuda.source import HARDWARE, OPTIONS, Program


class Kernel(Protocol):
    """A compiled program."""

    resident: int
    """The number of its blocks that can be on the device at once."""

    def __call__(self, blocks: int, *arguments: Array | int | None) -> None:
        """Launch `blocks` blocks, all at once; None is a null pointer."""


class Launcher(Protocol):
    """The protocol of a compiler of programs for a device."""

    hardware: str
    """The source of the device functions that programs use."""

    def device(self) -> Device:
        """Return the current device."""

    def load(self, program: Program) -> Kernel:
        """Compile a program for the current device, unless it is already compiled."""


class CuPyKernel:
    """A kernel on the device that is current when the kernel is created."""

    def __init__(self, program: Program, multiprocessors: int):
        from cupy import RawModule
        from cupy.cuda import driver

        module = RawModule(code=program.text, options=OPTIONS, enable_cooperative_groups=True)
        self._kernel, self._program = module.get_function(program.name), program
        self._kernel.max_dynamic_shared_size_bytes = program.shared
        blocks = driver.occupancyMaxActiveBlocksPerMultiprocessor(
            self._kernel.kernel.ptr, program.threads, program.shared
        )
        self.resident = blocks * multiprocessors

    def __call__(self, blocks: int, *arguments: Array | int | None) -> None:
        """Launch the kernel; see `Kernel`."""
        if blocks > self.resident:  # CuPy would launch fewer, which would wait forever
            raise RuntimeError(f"{blocks} blocks do not fit on the device, {self.resident} do")
        values = tuple(map(_convert, arguments))
        threads, shared = self._program.threads, self._program.shared
        self._kernel((blocks,), (threads,), values, shared_mem=shared)


def _convert(value: Any) -> Any:
    """Convert a value to an argument that CuPy passes as a pointer or an int."""
    if value is None:
        return np.uint64(0)
    return np.int32(value) if isinstance(value, int) else value


class CuPy:
    """The launcher for arrays of CuPy."""

    hardware = HARDWARE

    def device(self) -> Device:
        """Return the current device."""
        from cupy.cuda import runtime

        return read_device(runtime.getDevice())

    def load(self, program: Program) -> CuPyKernel:
        """Compile a program; see `Launcher`."""
        from cupy.cuda import runtime

        return _load(program, runtime.getDevice())


@functools.lru_cache(maxsize=256)
def _load(program: Program, number: int) -> CuPyKernel:
    """Return a kernel for the device with this number, which is current."""
    return CuPyKernel(program, read_device(number).multiprocessors)
