"""CUDA's runtime, as far as the project asks it."""

from cupy._counts import synchronize
from cupy.cuda import device

NAME = b"stand-in for a GPU, on a CPU"
MULTIPROCESSORS = 8


class CUDARuntimeError(RuntimeError):
    """What a call of the runtime returned."""


def driverGetVersion():
    """Return for which CUDA the driver is."""
    return 13000


def runtimeGetVersion():
    """Return which CUDA this is."""
    return 13000


def getDeviceCount():
    """Return how many devices there are."""
    return device.COUNT


def getDevice():
    """Return the number of the device in use."""
    return device.current()


def setDevice(number):
    """Use a device from now on."""
    device.use(number)


def deviceSynchronize():
    """Wait for what was launched."""
    synchronize()


def memGetInfo():
    """Return bytes of memory that are free, and all."""
    return 8 << 30, 8 << 30


def getDeviceProperties(number):
    """Return what limits a kernel on a device: as an H100 has it, with few multiprocessors."""
    if number not in range(device.COUNT):
        raise CUDARuntimeError("cudaErrorInvalidDevice: invalid device ordinal")
    return {
        "name": NAME,
        "major": 9,
        "minor": 0,
        "multiProcessorCount": MULTIPROCESSORS,
        "regsPerMultiprocessor": 65536,
        "sharedMemPerBlock": 48 << 10,
        "sharedMemPerBlockOptin": 227 << 10,
        "maxThreadsPerBlock": 1024,
        "cooperativeLaunch": 1,
        "totalGlobalMem": 8 << 30,
        "clockRate": 0,
        "memoryClockRate": 0,
        "l2CacheSize": 0,
    }
