"""Functions of each element, with the dtypes that CuPy has loops for."""

import functools

import numpy as np

from cupy import _signatures
from cupy._array import SCALARS, ndarray, unwrap, wrap

PYTHON = (bool, int, float, complex)


class ufunc:
    """A function of each element, computed by NumPy's of the same name."""

    def __init__(self, name):
        self.name, self.__name__, self._numpy = f"cupy_{name}", name, getattr(np, name)
        self.types = _signatures.loops(name)
        self.nin = self.types[0].index("->")
        self.nout = 1

    def __repr__(self):
        return f"<ufunc {self.name!r}>"

    def __call__(self, *args, **kwargs):
        _signatures.bind(self.__name__, args, kwargs)
        for given in args:
            if not isinstance(given, (ndarray, *SCALARS)):
                raise TypeError(f"Unsupported type {type(given)}")
        found = self._numpy(
            *map(unwrap, args), **{name: unwrap(value) for name, value in kwargs.items()}
        )
        out = kwargs.get("out")
        kinds = tuple(type(a) if isinstance(a, PYTHON) else a.dtype for a in args[: self.nin])
        if not _has_loop(self.__name__, kinds, found.dtype):
            raise TypeError(f"{self.name} has no loop for {kinds} that gives {found.dtype}")
        return wrap(found) if out is None else out


@functools.cache
def _has_loop(name, kinds, result):
    """Whether CuPy's ufunc has a loop from dtypes, or types of Python's numbers, to a result."""
    given = np.result_type(*(kind() if isinstance(kind, type) else kind for kind in kinds))
    for loop in _signatures.loops(name):
        inputs, _, output = loop.partition("->")
        if np.dtype(output) == result and np.can_cast(given, np.result_type(*inputs)):
            return True
    return False
