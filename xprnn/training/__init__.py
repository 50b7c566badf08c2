"""The packaged training: `fit`."""

from xprnn.training.fit import fit

__all__ = ["fit"]
