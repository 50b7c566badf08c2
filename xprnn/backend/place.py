"""A backend: an array library on one of its devices, and moving arrays there and back."""

import contextlib
import functools
import importlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import array_api_compat
import numpy as np

from xprnn._fields import check_choice, show, whole
from xprnn._typing import Array, Namespace
from xprnn.backend.availability import NAMESPACES, device_name, status
from xprnn.backend.failure import translate_failures
from xprnn.errors import BackendUnavailableError

host: Namespace = np
"""NumPy's namespace, in which random numbers are drawn and the caller's data are read."""


quiet = functools.partial(np.errstate, over="ignore", under="ignore", invalid="ignore")
"""Return a context in which overflow, underflow and NaN neither raise nor warn.

They show in the numbers instead, whatever the caller has set with ``np.seterr``.
"""


def short_name(dtype: Any) -> str:
    """Return "float32" for NumPy's ``float32`` and for ``torch.float32``."""
    return str(dtype).split(".")[-1]


@dataclass(frozen=True)
class Backend:
    """An array library and one of its devices.

    Attributes
    ----------
    name : str
        ``"numpy"``, ``"cupy"``, ``"torch"`` or ``"array_api_strict"``.
    device : str
        The device, written like the part after the colon in ``"cupy:1"``.
    """

    name: str
    device: str

    def __str__(self) -> str:
        return self.name if self.name == "numpy" else f"{self.name}:{self.device}"

    @property
    def xp(self) -> Namespace:
        """The library's standard namespace."""
        return importlib.import_module(NAMESPACES[self.name])

    @property
    def default_dtype(self) -> str:
        """The name of the library's default float."""
        with self.active():
            info = self.xp.__array_namespace_info__()
            return short_name(info.default_dtypes()["real floating"])

    @contextlib.contextmanager
    def active(self) -> Iterator[None]:
        """Enter a context that computes on this device, without warnings about overflow.

        If the device fails in it, the error says so.
        """
        with translate_failures(), quiet():
            cupy = self.name == "cupy"
            with _native_device(self.name, self.device) if cupy else contextlib.nullcontext():
                yield

    def asarray(self, array: Array, dtype: str) -> Array:
        """Return a host array, or an array of this backend, as a `dtype` array on this device."""
        xp = self.xp
        if not array_api_compat.is_numpy_array(array):
            with self.active():
                return xp.astype(array, getattr(xp, dtype), copy=False)
        array = array.astype(dtype, copy=False)
        if self.name == "numpy":
            return array
        with self.active():
            # A copy that the library may own: torch takes neither read-only nor reversed memory.
            return xp.asarray(array.copy(order="C"), device=_native_device(self.name, self.device))


def generator(seed: Any) -> "np.random.Generator":
    """Return the host's random number generator for a seed, an int or a tuple of ints."""
    for part in seed if isinstance(seed, tuple) else (seed,):
        whole("seed", part, least=0)
    return np.random.default_rng(seed)


def _native_device(name: str, device: str) -> Any:
    """Return the library's own object for a device."""
    if name == "cupy":
        return importlib.import_module("cupy").cuda.Device(int(device))
    if name == "array_api_strict":
        strict = importlib.import_module("array_api_strict")
        devices = {device_name(d): d for d in strict.__array_namespace_info__().devices()}
        return devices[device]
    return device


def resolve(spec: "str | Backend") -> Backend:
    """Return the backend with the name `spec`.

    Parameters
    ----------
    spec : str or Backend
        A name, with the device if it is not the first one: ``"numpy"``, ``"cupy"``,
        ``"cupy:1"``, ``"torch"``, ``"torch:cuda"``, ``"array_api_strict:device1"``.

    Raises
    ------
    ValueError
        If no backend or device has that name.
    BackendUnavailableError
        If it can't be used on this machine; the error says why and what to do.

    Examples
    --------
    >>> from xprnn.backend import resolve
    >>> resolve("numpy")
    Backend(name='numpy', device='cpu')
    """
    spec = str(spec) if isinstance(spec, Backend) else spec
    if not isinstance(spec, str):
        raise TypeError(f"backend must be a name such as 'numpy' or 'cupy:1', got {show(spec)}")
    name, _, device = spec.partition(":")
    library = status(name)
    if not library.usable:
        raise BackendUnavailableError(str(library))
    if name == "torch" and device.startswith("cuda") and len(library.devices) == 1:
        raise BackendUnavailableError(
            f"torch {library.version} sees no CUDA device. To fix this: a CUDA build of torch and "
            "NVIDIA's driver; torch.cuda.is_available() should say True"
        )
    device = {"": library.devices[0], "cuda": "cuda:0"}.get(device, device)
    check_choice(f"the device of backend {name!r}", device, library.devices)
    return Backend(name, device)


def of(array: Array) -> Any:
    """Return the backend of an array; None for an unknown library."""
    if array_api_compat.is_numpy_array(array):
        return Backend("numpy", "cpu")
    if array_api_compat.is_cupy_array(array):
        return Backend("cupy", device_name(array.device))
    if array_api_compat.is_torch_array(array):
        return Backend("torch", device_name(array.device))
    if type(array).__module__.startswith("array_api_strict"):
        return Backend("array_api_strict", device_name(array.device))
    return None


def to_host(array: Array) -> Any:
    """Return an array of any backend as a NumPy array."""
    backend = of(array)
    if backend is None or backend.name == "numpy":
        return np.asarray(array)
    if backend.name == "cupy":
        with translate_failures():
            return array.get()
    if backend.name == "torch":
        return array.detach().cpu().numpy()
    strict = importlib.import_module("array_api_strict")
    return np.asarray(array_api_compat.to_device(array, strict.Device("CPU_DEVICE")))
