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

from importlib import import_module

from xprnn import (
    activations,
    callbacks,
    cells,
    gradients,
    initializers,
    layers,
    losses,
    optimizers,
    penalties,
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
    "estimators",
    "fit",
    "forecasting",
    "from_onnx",
    "gradients",
    "initializers",
    "interop",
    "layers",
    "load",
    "losses",
    "metrics",
    "onnx",
    "optimizers",
    "penalties",
    "plotting",
    "save",
    "schedules",
    "testing",
    "value_and_grad",
]

_WHEN_ASKED_FOR = (
    "baselines",
    "datasets",
    "estimators",
    "forecasting",
    "interop",
    "metrics",
    "onnx",
    "plotting",
    "testing",
)


def __getattr__(name):
    """Import what `fit` does not need when somebody asks for it."""
    if name in _WHEN_ASKED_FOR:
        return import_module(f"xprnn.{name}")
    if name == "from_onnx":
        return import_module("xprnn.onnx").load
    raise AttributeError(f"module 'xprnn' has no attribute {name!r}")
