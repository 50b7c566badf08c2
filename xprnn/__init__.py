"""xprnn: recurrent neural networks, written once for NumPy and CuPy."""

from xprnn.backend import backends
from xprnn.objective import value_and_grad

__version__ = "0.1.0"
