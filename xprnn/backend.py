"""Backends: which array library computes, on which device, and how arrays get there.

This is the one module of the core that names a library. Everything else is
handed a namespace `xp`. Optional libraries are imported when they are asked
for, and recognised without importing them.
"""

import contextlib
import importlib
import importlib.util
import numbers
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

import array_api_compat
import numpy as np

from xprnn._typing import Array, Namespace
from xprnn._validate import unknown
from xprnn.errors import BackendUnavailableError

__all__ = [
    "NAMES",
    "Backend",
    "Status",
    "backends",
    "generator",
    "host",
    "of",
    "resolve",
    "status",
    "to_host",
]

host: Namespace = np
"""The namespace of NumPy, where random numbers are drawn and the caller's data arrive."""

NAMES = ("numpy", "cupy", "torch", "array_api_strict")

_NAMESPACES = {
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
    """Whether a backend can be used here, and if not, why and what helps."""

    name: str
    usable: bool
    version: str | None
    devices: tuple[str, ...]
    reason: str | None
    hint: str | None

    def __str__(self) -> str:
        if self.usable:
            return f"{self.name} {self.version}: {', '.join(self.devices)}"
        return f"{self.name}: cannot be used: {self.reason}. What helps: {self.hint}"


@dataclass(frozen=True)
class Backend:
    """An array library and one of its devices.

    Attributes
    ----------
    name : str
        ``"numpy"``, ``"cupy"``, ``"torch"`` or ``"array_api_strict"``.
    device : str
        The device as it is written after the colon, as in ``"cupy:1"``.
    """

    name: str
    device: str

    def __str__(self) -> str:
        return self.name if self.name == "numpy" else f"{self.name}:{self.device}"

    @property
    def xp(self) -> Namespace:
        """The library's standard namespace."""
        return importlib.import_module(_NAMESPACES[self.name])

    @property
    def default_dtype(self) -> str:
        """The name of the library's default float."""
        if self.name == "torch":
            return str(self.xp.get_default_dtype()).removeprefix("torch.")
        with self.active():
            info = self.xp.__array_namespace_info__()
            return _short(info.default_dtypes()["real floating"])

    @contextlib.contextmanager
    def active(self) -> Iterator[None]:
        """Compute on this device; overflow shows in the numbers and not as a warning."""
        with contextlib.ExitStack() as stack:
            stack.enter_context(np.errstate(over="ignore", invalid="ignore"))
            if self.name == "cupy":
                stack.enter_context(importlib.import_module("cupy").cuda.Device(int(self.device)))
            yield

    def asarray(self, array: Array, dtype: str) -> Array:
        """Return a host array or an array of this backend with `dtype`, on this device."""
        xp = self.xp
        if not array_api_compat.is_numpy_array(array):
            return xp.astype(array, getattr(xp, dtype), copy=False)
        array = array.astype(dtype, copy=False)
        if self.name == "numpy":
            return array
        with self.active():
            # A copy that the library may own: torch takes neither read-only nor reversed memory.
            return xp.asarray(array.copy(order="C"), device=_native(self.name, self.device))


def generator(seed: Any) -> "np.random.Generator":
    """Return the host's generator of random numbers for `seed`."""
    return np.random.default_rng(seed)


def _native(name: str, device: str) -> Any:
    """Return the library's own object for a device."""
    if name == "cupy":
        return importlib.import_module("cupy").cuda.Device(int(device))
    if name == "array_api_strict":
        strict = importlib.import_module("array_api_strict")
        known = {_device_name(d): d for d in strict.__array_namespace_info__().devices()}
        return known[device]
    return device


def _device_name(device: Any) -> str:
    """Return how a library's device is written after the colon."""
    text = str(getattr(device, "id", device))
    if "Device(" in text:
        text = text.split("'")[1]
    return "cpu" if text == "CPU_DEVICE" else text


def _cupy_trouble() -> tuple[str, str] | None:
    """Return why CuPy, which is installed, finds no GPU, and what helps."""
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
    except Exception as error:  # what is missing shows in many ways
        return (
            f"CuPy finds the GPU but cannot compute on it: {error}",
            "install CuPy with its CUDA libraries: " + _INSTALL["cupy"],
        )
    return None


def _devices(name: str) -> tuple[str, ...]:
    if name == "cupy":
        runtime = importlib.import_module("cupy").cuda.runtime
        return tuple(str(i) for i in range(runtime.getDeviceCount()))
    if name == "torch":
        torch = importlib.import_module("torch")
        return ("cpu", *(f"cuda:{i}" for i in range(torch.cuda.device_count())))
    if name == "array_api_strict":
        strict = importlib.import_module("array_api_strict")
        names = [_device_name(d) for d in strict.__array_namespace_info__().devices()]
        return tuple(n for n in names if not n.startswith("no_"))
    return ("cpu",)


@lru_cache
def status(name: str) -> Status:
    """Say whether the backend of that name can be used here.

    Examples
    --------
    >>> from xprnn.backend import status
    >>> status("numpy").usable
    True
    """
    if name not in NAMES:
        raise unknown("backend", name, NAMES)
    if importlib.util.find_spec(name) is None:
        reason = f"{'CuPy' if name == 'cupy' else name} is not installed"
        return Status(name, False, None, (), reason, _INSTALL[name])
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            version = importlib.import_module(name).__version__
            importlib.import_module(_NAMESPACES[name])
    except Exception as error:  # a broken installation can raise anything
        reason = f"{name} is installed but does not import: {error}"
        return Status(name, False, None, (), reason, f"reinstall it: {_INSTALL[name]}")
    trouble = _cupy_trouble() if name == "cupy" else None
    if trouble:
        return Status(name, False, version, (), *trouble)
    return Status(name, True, version, _devices(name), None, None)


def backends() -> tuple[Status, ...]:
    """Return what is known of every backend: version, devices, or why it can't be used.

    Returns
    -------
    tuple of Status
        Each with `name`, `usable`, `version`, `devices`, `reason` and `hint`;
        printed, each is one line.

    Examples
    --------
    >>> import xprnn
    >>> [status.name for status in xprnn.backends()]
    ['numpy', 'cupy', 'torch', 'array_api_strict']
    """
    return tuple(status(name) for name in NAMES)


def resolve(spec: "str | Backend") -> Backend:
    """Return the backend that `spec` names.

    Parameters
    ----------
    spec : str or Backend
        A name, with a device if it is not the first: ``"numpy"``, ``"cupy"``,
        ``"cupy:1"``, ``"torch"``, ``"torch:cuda"``, ``"array_api_strict:device1"``.

    Raises
    ------
    ValueError
        If there is no backend or no device of that name.
    BackendUnavailableError
        If it can't be used on this machine; says why and what helps.

    Examples
    --------
    >>> from xprnn.backend import resolve
    >>> resolve("numpy")
    Backend(name='numpy', device='cpu')
    """
    spec = str(spec) if isinstance(spec, Backend) else spec
    if not isinstance(spec, str):
        raise TypeError(f"backend must be a name such as 'numpy' or 'cupy:1', got {spec!r}")
    name, _, device = spec.partition(":")
    found = status(name)
    if not found.usable:
        raise BackendUnavailableError(str(found))
    if name == "torch" and device.startswith("cuda") and len(found.devices) == 1:
        raise BackendUnavailableError(
            f"torch {found.version} sees no CUDA device. What helps: a CUDA build of torch and "
            "NVIDIA's driver; torch.cuda.is_available() should say True"
        )
    device = {"": found.devices[0], "cuda": "cuda:0"}.get(device, device)
    if device not in found.devices:
        raise unknown(f"the device of backend {name!r}", device, found.devices)
    return Backend(name, device)


def of(array: Array) -> Any:
    """Return the Backend that an array belongs to; None if it is of no known library."""
    if array_api_compat.is_numpy_array(array):
        return Backend("numpy", "cpu")
    if array_api_compat.is_cupy_array(array):
        return Backend("cupy", _device_name(array.device))
    if array_api_compat.is_torch_array(array):
        return Backend("torch", _device_name(array.device))
    if type(array).__module__.startswith("array_api_strict"):
        return Backend("array_api_strict", _device_name(array.device))
    return None


def to_host(array: Array) -> Any:
    """Return an array of any backend as a NumPy array."""
    backend = of(array)
    if backend is None or backend.name == "numpy":
        return np.asarray(array)
    if backend.name == "cupy":
        return array.get()
    if backend.name == "torch":
        return array.detach().cpu().numpy()
    strict = importlib.import_module("array_api_strict")
    return np.asarray(array_api_compat.to_device(array, strict.Device("CPU_DEVICE")))


def admit(argument: str, value: Any) -> Array:
    """Return an argument as an array of floats or integers of one of the known libraries.

    Lists of numbers and tables that NumPy can read become NumPy arrays, and NumPy
    arrays in the other byte order get this machine's.

    Raises
    ------
    TypeError
        If it is no array of such numbers, or an array of an unknown library.
    ValueError
        If it is a ragged list or a masked array.
    """
    if isinstance(value, str | bytes) or value is None:
        raise TypeError(f"{argument} must be an array of numbers, got {value!r}")
    if of(value) is None:
        if hasattr(value, "__array_namespace__") or array_api_compat.is_array_api_obj(value):
            raise TypeError(
                f"{argument} is a {type(value).__module__}.{type(value).__qualname__}, which is of "
                f"none of the known libraries ({', '.join(NAMES)}); convert it to a NumPy array"
            )
        try:
            value = np.asarray(value)
        except ValueError as error:
            raise ValueError(
                f"{argument} must be an array, got a ragged {type(value).__name__}: sequences of "
                "different lengths do not fit into one array"
            ) from error
    if isinstance(value, np.ma.MaskedArray):
        raise ValueError(f"{argument} is a masked array, and its mask would be lost; fill it")
    if getattr(value, "requires_grad", False):
        raise ValueError(f"{argument} requires grad; xprnn has gradients of its own: detach it")
    if array_api_compat.is_numpy_array(value):
        value = np.asarray(value)  # not a subclass, whose arithmetic may be another
        if value.dtype.kind == "O":
            raise TypeError(
                f"{argument} has dtype object: expected float32, float64 or integers, "
                f"got {_odd(value)}"
            )
        value = value.astype(value.dtype.newbyteorder("="), copy=False)
    float_name(argument, value)
    return value


def _odd(array: Any) -> str:
    """Return the first object that is no number, or the first if all are."""
    objects = array.ravel().tolist()
    odd = [item for item in objects if not isinstance(item, numbers.Real)] or objects
    return f"for example {odd[0]!r:.60}" if odd else "nothing"


def float_name(argument: str, array: Array) -> str | None:
    """Return "float32" or "float64"; None for integers, which become the default float.

    Raises
    ------
    TypeError
        For every other dtype, which it names.
    """
    name = dtype_name(array)
    if name in ("float32", "float64"):
        return name
    if name.lstrip("u").startswith("int"):
        return None
    raise TypeError(f"{argument} has dtype {name}: expected float32, float64 or integers")


def dtype_name(array: Array) -> str:
    """Return the name of an array's dtype, such as ``"float32"``."""
    return _short(array.dtype)


def wider(*names: str) -> str:
    """Return "float64" if it is among the names, else "float32"."""
    return "float64" if "float64" in names else "float32"


def _short(dtype: Any) -> str:
    """Return "float32" for NumPy's ``float32`` and for ``torch.float32``."""
    return str(dtype).split(".")[-1]


def common(arrays: dict[str, Array], spec: "str | Backend | None") -> Backend:
    """Return where to compute: where the arrays are, or the backend asked for.

    Parameters
    ----------
    arrays : dict
        The arrays of one call by the names of their arguments.
    spec : str, Backend or None
        Only NumPy arrays are moved, and only to a backend asked for by name.

    Raises
    ------
    ValueError
        If the arrays are of two libraries, on two devices, or elsewhere than `spec`.
    BackendUnavailableError
        If the backend asked for can't be used.
    """
    places = {argument: of(array) for argument, array in arrays.items()}
    (first, place), *rest = places.items()
    for argument, other in rest:
        if other != place:
            raise ValueError(
                f"{first} is on {place} and {argument} on {other}: expected both on one device "
                "of one library"
            )
    if spec is None or spec == place.name:
        return place
    wanted = resolve(spec)
    if place not in (wanted, Backend("numpy", "cpu")):
        raise ValueError(
            f"{first} is on {place}, but the computation is to run on {wanted}: move the array, "
            "or pass a NumPy array, which is moved"
        )
    return wanted
