"""xprnn: recurrent neural networks, written once for NumPy and CuPy.

The mathematics (cells, back-propagation through time, losses, optimizers) is written once, against
the Python array API standard. The same code trains on a CPU with NumPy and on a CUDA GPU with
CuPy.

>>> import numpy as np
>>> import xprnn
>>> x = np.arange(-10, 10, 0.1)
>>> model = xprnn.fit(x, np.sin(x))
>>> model.predict(np.arange(0, 10, 0.3)).shape
(34,)
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from xprnn._version import __version__

if TYPE_CHECKING:
    from xprnn import (
        activations,
        backend,
        baselines,
        callbacks,
        cells,
        datasets,
        errors,
        estimators,
        forecasting,
        gradients,
        initializers,
        interop,
        kernels,
        layers,
        losses,
        metrics,
        onnx,
        optimizers,
        penalties,
        plotting,
        recurrence,
        schedules,
        serialization,
        testing,
        training,
        tree,
    )
    from xprnn._model import Model, from_onnx, load
    from xprnn._record import History
    from xprnn._sequences.scaling import Scaler
    from xprnn.backend import backends
    from xprnn.errors import (
        BackendUnavailableError,
        MissingExtraError,
        ModelFileError,
        NonFiniteError,
    )
    from xprnn.gradients import value_and_grad
    from xprnn.serialization import save
    from xprnn.training.fit import fit

__all__ = [
    "BackendUnavailableError",
    "History",
    "MissingExtraError",
    "Model",
    "ModelFileError",
    "NonFiniteError",
    "Scaler",
    "__version__",
    "activations",
    "backend",
    "backends",
    "baselines",
    "callbacks",
    "cells",
    "datasets",
    "errors",
    "estimators",
    "fit",
    "forecasting",
    "from_onnx",
    "gradients",
    "initializers",
    "interop",
    "kernels",
    "layers",
    "load",
    "losses",
    "metrics",
    "onnx",
    "optimizers",
    "penalties",
    "plotting",
    "recurrence",
    "save",
    "schedules",
    "serialization",
    "testing",
    "training",
    "tree",
    "value_and_grad",
]

_HOME = {
    "BackendUnavailableError": "errors",
    "History": "_record",
    "MissingExtraError": "errors",
    "Model": "_model",
    "ModelFileError": "errors",
    "NonFiniteError": "errors",
    "Scaler": "_sequences.scaling",
    "backends": "backend",
    "fit": "training",
    "from_onnx": "_model",
    "load": "_model",
    "save": "serialization",
    "value_and_grad": "gradients",
}
"""The module that defines each public name that is not itself a module."""


def __getattr__(name: str) -> Any:
    """Import a public name on first use."""
    if name in _HOME:
        found = getattr(import_module(f"xprnn.{_HOME[name]}"), name)
    elif name in __all__:
        found = import_module(f"xprnn.{name}")
    else:
        raise AttributeError(f"module 'xprnn' has no attribute {name!r}")
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    """List the public names."""
    return __all__
