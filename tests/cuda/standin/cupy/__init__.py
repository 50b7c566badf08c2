"""A stand-in for CuPy, on a CPU.

It has the names that xprnn and its tests use, with the arguments of the CuPy that
signatures.txt was read from. NumPy computes, on memory that only this module's arrays show:
nothing is converted in silence. It proves nothing of a GPU: see docs/gpu.md.
"""

import numpy as np

from cupy import _creation, _functions, _signatures, cuda, fft, linalg
from cupy._array import ndarray
from cupy._creation import (
    arange,
    array,
    asanyarray,
    asarray,
    ascontiguousarray,
    asnumpy,
    empty,
    empty_like,
    eye,
    full,
    full_like,
    identity,
    linspace,
    ones,
    ones_like,
    tri,
    zeros,
    zeros_like,
)
from cupy._functions import broadcast_arrays, meshgrid, where
from cupy._raw import RawKernel, RawModule
from cupy._ufunc import ufunc

__version__ = _signatures.VERSION.removeprefix("CuPy ") + "+standin.on.cpu"

DTYPES = (
    *("bool", "bool_", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"),
    *("float16", "float32", "float64", "complex64", "complex128", "intp", "dtype"),
    *("number", "integer", "signedinteger", "unsignedinteger", "floating", "complexfloating"),
    *("inexact", "generic", "pi", "e", "inf", "nan", "newaxis"),
)
"""These are NumPy's own in CuPy too."""

for _name in DTYPES:
    globals()[_name] = getattr(np, _name)
for _name in _signatures.KNOWN:
    if _signatures.loops(_name) and hasattr(np, _name):
        globals()[_name] = ufunc(_name)
for _make in (_functions.plain, _functions.joining, _functions.describing):
    for _name in getattr(_functions, _make.__name__.upper()):
        globals()[_name] = _make(_name)

__all__ = [name for name in globals() if not name.startswith("_") and name in _signatures.KNOWN]


def __getattr__(name):
    _signatures.absent("", name)
