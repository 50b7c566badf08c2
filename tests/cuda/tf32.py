"""NumPy that makes products of float32 as a GPU does in TF32: factors of 11 digits, exact sums."""

import numpy as np

DROPPED = 13
"""Of the 24 digits of a float32."""


def rounded(array):
    """Return float32 as TF32 holds it, other dtypes as they are."""
    if array.dtype != np.float32:
        return array
    bits = np.ascontiguousarray(array).view(np.uint32)
    half, mask = np.uint32(1 << (DROPPED - 1)), np.uint32(0xFFFFFFFF >> DROPPED << DROPPED)
    return ((bits + half) & mask).view(np.float32)


class Array(np.ndarray):
    """An array whose products, those by ``@`` too, are in TF32."""

    def __array_ufunc__(self, function, method, *inputs, **options):
        """Compute on plain arrays."""
        inputs = [np.asarray(a) if isinstance(a, Array) else a for a in inputs]
        if function is np.matmul:
            inputs = map(rounded, inputs)
        return viewed(getattr(function, method)(*inputs, **options))


def viewed(value):
    """Return arrays, and those in tuples and lists, as `Array`."""
    if isinstance(value, np.ndarray):
        return value.view(Array)
    return type(value)(map(viewed, value)) if isinstance(value, tuple | list) else value


class Namespace:
    """NumPy's, whose functions return `Array`."""

    def __getattr__(self, name):
        found = getattr(np, name)
        if isinstance(found, type) or not callable(found):
            return found
        if name == "matmul":
            return lambda a, b: viewed(a) @ viewed(b)
        return lambda *args, **options: viewed(found(*args, **options))
