"""Linear algebra: names that array-api-compat wants, and the project does not call."""

from cupy import _signatures

__all__ = ["lstsq"]


def lstsq(a, b, rcond=None):
    """Not here."""
    raise NotImplementedError("the stand-in has no linear algebra")


def __getattr__(name):
    _signatures.absent("linalg", name)
