"""The properties of a GPU that a plan needs."""

import functools
from typing import NamedTuple

from xprnn._fields import check_choice


class Device(NamedTuple):
    """A GPU, described by the limits of a kernel on it."""

    name: str
    capability: tuple[int, int]
    """The compute capability, such as (9, 0)."""
    multiprocessors: int
    shared: int
    """The bytes of shared memory that a block may request."""
    registers: int = 65536
    """The number of 32-bit registers of a multiprocessor."""
    threads: int = 1024
    """The number of threads in the largest block."""
    cooperative: bool = True
    """Whether blocks that wait for one another can be launched."""

    @property
    def architecture(self) -> str:
        """The compiler's name for the architecture.

        Examples
        --------
        >>> from xprnn.kernels.cuda.device import KNOWN
        >>> KNOWN["H100"].architecture
        'sm_90'
        """
        major, minor = self.capability
        return f"sm_{major}{minor}"


KNOWN = {
    device.name: device
    for device in (
        Device("T4", (7, 5), 40, 64 << 10),
        Device("A100", (8, 0), 108, 163 << 10),
        Device("RTX 4090", (8, 9), 128, 99 << 10),
        Device("H100", (9, 0), 132, 227 << 10),
        Device("B200", (10, 0), 148, 227 << 10),
        Device("RTX 5090", (12, 0), 170, 99 << 10),
    )
}
"""Devices to plan for without having one. CUDA C++ Programming Guide, Compute Capabilities."""


def named(device: str | Device) -> Device:
    """Return the known device with a name, or the device itself."""
    if isinstance(device, Device):
        return device
    check_choice("device", device, KNOWN)
    return KNOWN[device]


@functools.cache
def read_device(number: int) -> Device:
    """Return CuPy's device with a number, such as 1 in ``"cupy:1"``."""
    from cupy.cuda import runtime

    found = runtime.getDeviceProperties(number)
    return Device(
        name=found["name"].decode(),
        capability=(found["major"], found["minor"]),
        multiprocessors=found["multiProcessorCount"],
        registers=found["regsPerMultiprocessor"],
        shared=found["sharedMemPerBlockOptin"],
        threads=found["maxThreadsPerBlock"],
        cooperative=bool(found["cooperativeLaunch"]),
    )
