"""xprnn: recurrent neural networks, written once for NumPy and CuPy.

The mathematics (cells, back-propagation through time, losses, optimizers) stands
written once against the Python array API standard; the same code trains on NumPy
on a CPU and on CuPy on a CUDA GPU.

>>> import numpy as np
>>> import xprnn
>>> x = np.arange(-10, 10, 0.1)
>>> model = xprnn.fit(x, np.sin(x))
>>> model.predict(np.arange(0, 10, 0.3)).shape
(34,)
"""

from xprnn import (
    activations,
    baselines,
    callbacks,
    cells,
    datasets,
    gradients,
    initializers,
    interop,
    layers,
    losses,
    metrics,
    optimizers,
    penalties,
    plotting,
    schedules,
)
from xprnn._version import __version__
from xprnn.backend import backends
from xprnn.errors import (
    BackendUnavailableError,
    MissingExtraError,
    ModelFileError,
    NonFiniteError,
)
from xprnn.history import History
from xprnn.model import Model
from xprnn.objective import value_and_grad
from xprnn.serialization import load, save
from xprnn.training import fit

__all__ = [
    "BackendUnavailableError",
    "History",
    "MissingExtraError",
    "Model",
    "ModelFileError",
    "NonFiniteError",
    "__version__",
    "activations",
    "backends",
    "baselines",
    "callbacks",
    "cells",
    "datasets",
    "fit",
    "gradients",
    "initializers",
    "interop",
    "layers",
    "load",
    "losses",
    "metrics",
    "optimizers",
    "penalties",
    "plotting",
    "save",
    "schedules",
    "value_and_grad",
]
