"""Functions of whole arrays: they check what CuPy checks, and NumPy computes them."""

import numpy as np

from cupy import _signatures
from cupy._array import SCALARS, ndarray, unwrap, wrap
from cupy._counts import synchronize

PLAIN = (
    *("all", "any", "argmax", "argmin", "argsort", "around", "clip", "copy", "count_nonzero"),
    *("cumprod", "cumsum", "diagonal", "diff", "dot", "expand_dims", "flip", "isclose"),
    *("max", "mean", "min", "moveaxis", "nonzero", "outer", "prod", "ravel", "repeat", "reshape"),
    *("roll", "rollaxis", "rot90", "round", "sort", "split", "squeeze", "std", "sum", "swapaxes"),
    *("take", "take_along_axis", "tensordot", "tile", "trace", "transpose", "tril", "triu"),
    *("unique", "var", "vdot", "searchsorted", "nan_to_num", "amax", "amin", "broadcast_to"),
    *("array_equal", "allclose", "isin", "trapezoid", "matmul"),
)
"""The first argument is an array of CuPy."""

JOINING = ("concatenate", "concat", "stack", "hstack", "vstack", "column_stack")
"""The first argument holds arrays of CuPy."""

DESCRIBING = ("broadcast_shapes", "can_cast", "finfo", "iinfo", "isdtype", "isscalar",
              "issubdtype", "ndim", "promote_types", "result_type", "shape", "size")  # fmt: skip
"""They say something of dtypes and shapes, and compute nothing."""

WAITING = ("nonzero", "unique", "array_equal")
"""The host waits for the shape of the result, or to choose."""


def plain(name):
    """Return a function of an array, and more."""

    @_signatures.checked(name)
    def function(*args, **kwargs):
        first = args[0] if args else next(iter(kwargs.values()))
        if not isinstance(first, ndarray):
            raise TypeError(f"cupy.{name}: the argument must be a cupy.ndarray, not {type(first)}")
        return _computed(name, args, kwargs)

    return _named(function, name)


def joining(name):
    """Return a function of several arrays in one argument."""

    @_signatures.checked(name)
    def function(*args, **kwargs):
        first = args[0] if args else kwargs["tup"]
        if not all(isinstance(a, ndarray) for a in first):
            raise TypeError("Only cupy arrays can be concatenated")
        return _computed(name, args, kwargs)

    return _named(function, name)


def describing(name):
    """Return a function of dtypes and shapes."""

    def function(*args, **kwargs):
        known = [a._memory if isinstance(a, ndarray) else a for a in args]
        return getattr(np, name)(*known, **kwargs)

    return _named(function, name)


def _computed(name, args, kwargs):
    """Return what NumPy's function gives."""
    if name in WAITING:
        synchronize()
    given = {key: unwrap(value) for key, value in kwargs.items()}
    found = wrap(getattr(np, name)(*map(unwrap, args), **given))
    out = kwargs.get("out")
    return found if out is None else out


def _named(function, name):
    """Return a function under its name in CuPy."""
    function.__name__ = function.__qualname__ = name
    return function


@_signatures.checked("where")
def where(condition, x=None, y=None):
    """Return elements of x or of y."""
    if x is None and y is None:
        return condition.nonzero()
    if x is None or y is None:
        raise ValueError("Must provide both 'x' and 'y' or neither.")
    if not isinstance(condition, ndarray):
        raise AttributeError(f"{type(condition)} has no astype of CuPy's")
    for value in (x, y):
        if not isinstance(value, (ndarray, *SCALARS)):
            raise TypeError(f"Unsupported type {type(value)}")
    return wrap(np.where(unwrap(condition), unwrap(x), unwrap(y)))


@_signatures.checked("broadcast_arrays")
def broadcast_arrays(*args):
    """Return arrays of one shape."""
    return wrap(list(np.broadcast_arrays(*map(unwrap, args))))


@_signatures.checked("meshgrid")
def meshgrid(*xi, **kwargs):
    """Return coordinates on a grid."""
    return wrap(list(np.meshgrid(*map(unwrap, xi), **kwargs)))
