"""Functions of each element, with the dtypes that CuPy has loops for."""

import numpy as np

from cupy import _signatures
from cupy._array import SCALARS, ndarray, unwrap, wrap


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
        self._check(args, found)
        return wrap(found) if out is None else out

    def _check(self, args, found):
        """Raise unless CuPy has a loop that takes the inputs and gives this dtype."""
        given = np.result_type(
            *(a.dtype if isinstance(a, ndarray) else a for a in args[: self.nin])
        )
        for loop in self.types:
            *inputs, _, _, output = loop
            if np.dtype(output) == found.dtype and np.can_cast(given, np.result_type(*inputs)):
                return
        raise TypeError(f"{self.name} has no loop for {given} that gives {found.dtype}")
