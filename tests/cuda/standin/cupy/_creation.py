"""Functions that make arrays. They alone take what is on the host."""

import numpy as np

from cupy import _signatures
from cupy._array import ndarray, over, wrap
from cupy.cuda import device


@_signatures.checked("array")
def array(obj, dtype=None, copy=True, order="K", subok=False, ndmin=0, *, blocking=False):
    """Return a copy of numbers, on the device."""
    if isinstance(obj, ndarray) and copy is not True:
        same = dtype is None or obj.dtype == np.dtype(dtype)
        if same and obj._device == device.current():
            return obj
    found = np.array(_host(obj), dtype, order=order, ndmin=ndmin)
    if found.dtype.kind not in "biufc":
        raise ValueError(f"Unsupported dtype {found.dtype}")
    return over(found)


def _host(obj):
    """Return numbers on the host; arrays of CuPy in lists are copied on the device."""
    if isinstance(obj, ndarray):
        return obj._memory
    if isinstance(obj, list | tuple):
        return [_host(item) for item in obj]
    return obj


@_signatures.checked("asarray")
def asarray(a, dtype=None, order=None, *, copy=None, blocking=False):
    """Return an array as it is if it is one of CuPy's, on this device; else a copy."""
    return array(a, dtype, copy is True, order or "K")


asanyarray = asarray


@_signatures.checked("ascontiguousarray")
def ascontiguousarray(a, dtype=None):
    """Return an array whose elements lie in order."""
    if not isinstance(a, ndarray):
        raise TypeError(f"Argument 'a' has incorrect type (expected ndarray, got {type(a)})")
    same = dtype is None or a.dtype == np.dtype(dtype)
    if same and a.flags.c_contiguous:
        return a
    return over(np.ascontiguousarray(a.use(), dtype))


@_signatures.checked("asnumpy")
def asnumpy(a, stream=None, order="C", out=None, *, blocking=True):
    """Return an array on the host."""
    return a.get(order=order, out=out) if isinstance(a, ndarray) else np.asarray(a)


@_signatures.checked("empty")
def empty(shape, dtype=float, order="C"):
    """Return an array of garbage."""
    return ndarray(shape, dtype, order=order)


@_signatures.checked("empty_like")
def empty_like(prototype, dtype=None, order="K", subok=None, shape=None):
    """Return an array of garbage, of another's shape and dtype."""
    return empty(prototype.shape if shape is None else shape, dtype or prototype.dtype)


@_signatures.checked("zeros_like")
def zeros_like(a, dtype=None, order="K", subok=None, shape=None):
    """Return zeros, of another's shape and dtype."""
    return full_like(a, 0, dtype, order, subok, shape)


@_signatures.checked("ones_like")
def ones_like(a, dtype=None, order="K", subok=None, shape=None):
    """Return ones, of another's shape and dtype."""
    return full_like(a, 1, dtype, order, subok, shape)


@_signatures.checked("full_like")
def full_like(a, fill_value, dtype=None, order="K", subok=None, shape=None):
    """Return a number everywhere, in an array of another's shape and dtype."""
    found = empty_like(a, dtype, order, subok, shape)
    found.fill(fill_value)
    return found


@_signatures.checked("full")
def full(shape, fill_value, dtype=None, order="C"):
    """Return a number everywhere."""
    found = empty(shape, np.asarray(fill_value).dtype if dtype is None else dtype, order)
    found.fill(fill_value)
    return found


def from_numpy(name):
    """Return a function that takes numbers of the host alone."""

    @_signatures.checked(name)
    def function(*args, **kwargs):
        return wrap(getattr(np, name)(*args, **kwargs))

    function.__name__ = function.__qualname__ = name
    return function


arange, eye, identity, linspace, ones, tri, zeros = map(
    from_numpy, ("arange", "eye", "identity", "linspace", "ones", "tri", "zeros")
)
