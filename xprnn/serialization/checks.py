"""Checks that the parts of a model fit together, before it is written and after it is read."""

import math
from dataclasses import replace
from typing import Any

import numpy as np

from xprnn import tree
from xprnn._sequences.modes import MODES
from xprnn._sequences.scaling import Scaler
from xprnn._typing import Tree
from xprnn._validate import shown, whole
from xprnn.backend import dtype_name, to_host
from xprnn.initializers import Zeros
from xprnn.model import Model
from xprnn.serialization.hyperparameters import build

__all__ = ["check", "check_is_model", "shapes"]

_MORE = 2**20
"""How many more zeros than numbers in the file are made, so that an error can name a shape."""


class _Counted:
    """Stands in for a generator of random numbers: gives zeros, up to a limit."""

    def __init__(self, most: int):
        self.left = most + _MORE

    def random(self, shape: tuple[int, ...]) -> Any:
        self.left -= math.prod(shape)
        if self.left < 0:
            raise ValueError("the network has more parameters than there are numbers")
        return np.zeros(shape, dtype="float16")  # only the shape matters


def check_is_model(value: Any) -> None:
    """Raise TypeError unless a value is a `Model`; say where other objects keep their models."""
    if isinstance(value, Model):
        return
    what = type(value).__name__
    if hasattr(type(value), "models_"):
        what += ": its networks are .models_, each of them a Model; pickle keeps all of it"
    elif hasattr(value, "get_params"):
        what += ": the network of a fitted estimator is .model_; pickle and joblib keep all of it"
    else:
        what = shown(value)
    raise TypeError(f"model must be a Model, as xprnn.fit returns it, got {what}")


def shapes(network: Any, features: int, most: int) -> tuple[Tree, int]:
    """Return zeros shaped like the parameters of a network, and how many outputs it has.

    Parameters
    ----------
    network : JSON
        As `describe` gives it.
    features : int
    most : int
        How many numbers the file holds: the network can't have more parameters.

    Raises
    ------
    ValueError
        If the network has many more parameters.
    """
    return build(network, Zeros(), field="network").init(_Counted(most), features)


def check(model: Model, network: Any) -> Model:
    """Check that the parts of a model fit together; return it with its weights in order.

    Parameters
    ----------
    model : Model
    network : JSON
        Its network, as `describe` gives it.

    Raises
    ------
    TypeError, ValueError
        If two parts do not fit; names them.
    """
    if type(model.y_rank) is not int or model.y_rank not in (1, 2, 3):
        raise ValueError(f"y_rank must be 1, 2 or 3, got {model.y_rank}")
    if model.mode not in MODES:
        raise ValueError(f"there is no mode {model.mode!r}")
    features, outputs = whole("features", model.features), whole("outputs", model.outputs)
    found = tree.flatten(model.weights)
    for name, array in found.items():
        if dtype_name(array) not in ("float32", "float64"):
            raise TypeError(f"{name} has dtype {dtype_name(array)}: expected float32 or float64")
    like, made = shapes(network, features, sum(math.prod(a.shape) for a in found.values()))
    weights = tree.unflatten(found, like)
    for name, zeros in tree.flatten(like).items():
        shape = tuple(found[name].shape)
        if shape != zeros.shape:
            raise ValueError(f"{name} has shape {shape}, expected {zeros.shape}")
    if made != outputs:
        raise ValueError(f"outputs must be {made}, as many as the network gives, got {outputs}")
    _check_scaler("x_scaler", model.x_scaler, features)
    quantities = outputs if model.y_scaler is None else math.prod(model.y_scaler.mean.shape)
    if quantities == 0 or outputs % quantities:  # a loss may have several outputs for each
        raise ValueError(f"y_scaler must be of {outputs} quantities, got {quantities}")
    _check_scaler("y_scaler", model.y_scaler, quantities)
    return replace(model, weights=weights)


def _check_scaler(name: str, scaler: Scaler | None, size: int) -> None:
    """Raise unless a standardisation is of so many features."""
    if scaler is None:
        return
    for field, given in scaler._asdict().items():
        array = np.asarray(to_host(given))
        if array.dtype.name not in ("float32", "float64") or array.shape != (size,):
            raise TypeError(f"{name}.{field} must be floats, ({size},), got {shown(given)}")
        if not np.isfinite(array).all() or (field == "scale" and (array <= 0).any()):
            raise ValueError(f"{name}.{field} holds {array.min()}")
