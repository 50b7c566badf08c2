"""Linear algebra: what the project calls, and a name that array-api-compat wants."""

import numpy as np

from cupy import _signatures
from cupy._array import ndarray, unwrap, wrap

__all__ = ["eigh", "lstsq"]


@_signatures.checked("linalg.eigh")
def eigh(a, UPLO="L"):
    """Return the eigenvalues and eigenvectors of a symmetric matrix."""
    if not isinstance(a, ndarray):
        raise TypeError(f"cupy.linalg.eigh: the argument must be a cupy.ndarray, not {type(a)}")
    return tuple(wrap(part) for part in np.linalg.eigh(unwrap(a), UPLO))


def lstsq(a, b, rcond=None):
    """Not here."""
    raise NotImplementedError("the stand-in has only eigh")


def __getattr__(name):
    _signatures.absent("linalg", name)
