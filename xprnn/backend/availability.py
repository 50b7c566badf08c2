"""Find out which backends this machine can use, and if not, why and what to do."""

import importlib
import importlib.util
import warnings
from functools import lru_cache
from typing import Any, NamedTuple

from xprnn._fields import check_choice
from xprnn.backend.failure import HELP, is_lasting

NAMES = ("numpy", "cupy", "torch", "array_api_strict")

NAMESPACES = {
    "numpy": "numpy",
    "cupy": "array_api_compat.cupy",
    "torch": "array_api_compat.torch",
    "array_api_strict": "array_api_strict",
}

_INSTALL = {
    "cupy": 'pip install "cupy-cuda13x[ctk]" (driver for CUDA 13) or pip install '
    '"cupy-cuda12x[ctk]" (CUDA 12)',
    "torch": "pip install torch",
    "array_api_strict": "pip install array-api-strict",
}


class Status(NamedTuple):
    """Whether a backend can be used on this machine, and if not, why and what to do."""

    name: str
    usable: bool
    version: str | None
    devices: tuple[str, ...]
    reason: str | None
    hint: str | None

    def __str__(self) -> str:
        if self.usable:
            return f"{self.name} {self.version}: {', '.join(self.devices)}"
        return f"{self.name}: cannot be used: {self.reason}. To fix this: {self.hint}"


def device_name(device: Any) -> str:
    """Return the name of a library's device, as written after the colon."""
    text = str(getattr(device, "id", device))
    if "Device(" in text:
        text = text.split("'")[1]
    return "cpu" if text == "CPU_DEVICE" else text


def _diagnose_cupy() -> tuple[str, str] | None:
    """Return why CuPy, which is installed, finds no GPU, and what to do."""
    cupy = importlib.import_module("cupy")
    runtime = cupy.cuda.runtime
    driver = runtime.driverGetVersion()
    if driver == 0:
        return (
            "CuPy is installed, but this machine has no CUDA driver",
            "install NVIDIA's driver for the GPU (https://www.nvidia.com/drivers); "
            "without an NVIDIA GPU use backend='numpy'",
        )
    try:
        count = runtime.getDeviceCount()
    except runtime.CUDARuntimeError as error:
        if is_lasting(error):
            return f"the GPU failed in this process: {error}", HELP
        if "Insufficient" in str(error):
            return (
                f"the CUDA driver (for CUDA {driver // 1000}.{driver % 1000 // 10}) is older than "
                "this CuPy needs",
                'update the driver, or take the CuPy that fits it: pip install "cupy-cuda12x[ctk]"',
            )
        if "NoDevice" not in str(error):
            return f"CUDA does not start: {error}", "run nvidia-smi, which should list the GPU"
        count = 0
    if count == 0:
        return (
            "CuPy and a CUDA driver are installed, but CUDA sees no device",
            "check CUDA_VISIBLE_DEVICES and that nvidia-smi lists the GPU",
        )
    try:
        int(cupy.arange(2).sum())
    except Exception as error:  # a missing library shows in many ways
        if is_lasting(error):
            return f"the GPU failed in this process: {error}", HELP
        return (
            f"CuPy finds the GPU but cannot compute on it: {error}",
            "install CuPy with its CUDA libraries: " + _INSTALL["cupy"],
        )
    return None


def _list_devices(name: str) -> tuple[str, ...]:
    """Return the names of a library's devices."""
    if name == "cupy":
        runtime = importlib.import_module("cupy").cuda.runtime
        return tuple(str(i) for i in range(runtime.getDeviceCount()))
    if name == "torch":
        torch = importlib.import_module("torch")
        return ("cpu", *(f"cuda:{i}" for i in range(torch.cuda.device_count())))
    if name == "array_api_strict":
        strict = importlib.import_module("array_api_strict")
        names = [device_name(d) for d in strict.__array_namespace_info__().devices()]
        return tuple(n for n in names if not n.startswith("no_"))
    return ("cpu",)


@lru_cache
def status(name: str) -> Status:
    """Return whether the backend with this name can be used on this machine.

    Examples
    --------
    >>> from xprnn.backend import status
    >>> status("numpy").usable
    True
    """
    check_choice("backend", name, NAMES)
    if importlib.util.find_spec(name) is None:
        reason = f"{'CuPy' if name == 'cupy' else name} is not installed"
        return Status(name, False, None, (), reason, _INSTALL[name])
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            version = importlib.import_module(name).__version__
            importlib.import_module(NAMESPACES[name])
    except Exception as error:  # a broken installation can raise anything
        reason = f"{name} is installed but does not import: {error}"
        return Status(name, False, None, (), reason, f"reinstall it: {_INSTALL[name]}")
    trouble = _diagnose_cupy() if name == "cupy" else None
    if trouble:
        return Status(name, False, version, (), *trouble)
    return Status(name, True, version, _list_devices(name), None, None)


def backends() -> tuple[Status, ...]:
    """Return the status of every backend: version, devices, or why it can't be used.

    Returns
    -------
    tuple of Status
        One for each backend, with `name`, `usable`, `version`, `devices`, `reason` and `hint`.
        Each prints as one line.

    Examples
    --------
    >>> import xprnn
    >>> [status.name for status in xprnn.backends()]
    ['numpy', 'cupy', 'torch', 'array_api_strict']
    """
    return tuple(status(name) for name in NAMES)
