"""Save a model to a file, and load it."""

import math
import os
from dataclasses import replace
from typing import Any

import numpy as np

from xprnn import tree
from xprnn._fields import check_choice, show, whole
from xprnn._record import History, Record
from xprnn._sequences.modes import MODES
from xprnn._sequences.scaling import Scaler
from xprnn._typing import Tree
from xprnn.backend import Backend, dtype_name, resolve, to_host
from xprnn.errors import ModelFileError
from xprnn.initializers import Zeros
from xprnn.serialization import files
from xprnn.serialization.hyperparameters import build, describe, is_known
from xprnn.serialization.json_text import pack, unpack


def save(model: Record, path: str | os.PathLike[str]) -> None:
    """Write a model to a file.

    Parameters
    ----------
    model : Model
    path : str or path
        The file, with the extension ``.npz`` or ``.safetensors``.

    Raises
    ------
    ValueError
        If the path has another extension, the model holds several models side by side, or its
        parts do not match.
    TypeError
        If `model` is not a `Model`, the network holds a user-defined cell, activation or
        initializer, or its parameters are neither float32 nor float64.
    MissingExtraError
        If the path ends in ``.safetensors`` and that library is not installed.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> import xprnn
    >>> x = np.linspace(0, 1, 20)
    >>> model = xprnn.fit(x, x**2, hidden_size=4, epochs=2)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     xprnn.save(model, f"{folder}/model.npz")
    ...     again = xprnn.load(f"{folder}/model.npz")
    >>> bool((again.predict(x) == model.predict(x)).all())
    True
    """
    check_is_model(model)
    files.write(path, *describe_model(model))


def describe_model(model: Record) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return a model as a header and arrays."""
    leads = {weight.shape[:-2] for weight in tree.leaves(model.params)} - {()}
    if leads:
        raise ValueError(
            f"a file holds one model, and this one holds several side by side: {leads}"
        )
    if hasattr(model.loss, "unscale") or hasattr(model.loss, "probabilities"):
        describe(model.loss)  # raises for a user-defined loss that predictions need
    check(model)
    arrays: dict[str, Any] = {}
    header = describe_fields(model) | {
        "history": {"ended": model.history.ended, **model.history.as_dict()},
        "params": pack(model.params, "params", arrays),
    }
    for name, scaler in (("x_scaler", model.x_scaler), ("y_scaler", model.y_scaler)):
        header[name] = None if scaler is None else pack(scaler._asdict(), name, arrays)
    return header, arrays


def describe_fields(model: Record) -> dict[str, Any]:
    """Return the fields of a model except arrays as JSON, with the loss only if it is xprnn's.

    Raises
    ------
    TypeError
        If the network is or holds an object of a user-defined class.
    """
    return {
        "network": describe(model.network),
        "features": model.features,
        "outputs": model.outputs,
        "loss": describe(model.loss) if is_known(model.loss) else None,
        "mode": model.mode,
        "y_rank": model.y_rank,
        "feature_names": model.feature_names,
        "output_names": model.output_names,
    }


def read_fields(header: dict[str, Any]) -> dict[str, Any]:
    """Return the fields from `describe_fields`' JSON; other JSON can raise any exception."""
    features, outputs = header["features"], header["outputs"]
    loss = build(header["loss"], field="loss")
    if loss is not None and not is_known(loss):
        raise TypeError(f"loss must be one of xprnn's or none, got {loss!r}")
    return {
        "network": build(header["network"], field="network"),
        "features": features,
        "outputs": outputs,
        "loss": loss,
        "mode": header["mode"],
        "y_rank": header["y_rank"],
        "feature_names": _read_names("feature_names", header["feature_names"], features),
        "output_names": _read_names("output_names", header["output_names"], most=outputs),
    }


def load(path: str | os.PathLike[str], backend: str | Backend) -> Record:
    """Read a model from a file onto a backend; raise as `xprnn.load` does."""
    place = resolve(backend)
    return to_backend(restore(path, *files.read(path)), place)


def restore(path: str | os.PathLike[str], header: dict[str, Any], arrays: dict[str, Any]) -> Record:
    """Return the model of a header and arrays from `describe_model`, on the host."""
    try:
        return check(_build_model(header, arrays))
    except Exception as error:  # mismatched parts can raise anything
        raise make_misfit_error(path, error) from error


def to_backend(model: Record, place: Backend) -> Record:
    """Return a model with its arrays on a backend."""
    return replace(
        model,
        params=move(model.params, place),
        x_scaler=model.x_scaler and model.x_scaler.on(place),
        y_scaler=model.y_scaler and model.y_scaler.on(place),
    )


def move(branch: Tree, place: Backend) -> Tree:
    """Return a tree whose NumPy arrays are on a backend."""
    return tree.map(
        lambda a: place.asarray(a, a.dtype.name) if isinstance(a, np.ndarray) else a, branch
    )


def make_misfit_error(path: str | os.PathLike[str], error: Exception) -> ModelFileError:
    """Return the error for a file whose parts do not match."""
    return ModelFileError(f"{path} does not hold what its header says: {error!s:.400}")


def _build_model(header: dict[str, Any], arrays: dict[str, Any]) -> Record:
    """Return the model that a header describes."""
    x_scaler, y_scaler = (
        None if header[name] is None else Scaler(**unpack(header[name], arrays))
        for name in ("x_scaler", "y_scaler")
    )
    return Record(
        **read_fields(header),
        params=unpack(header["params"], arrays),
        x_scaler=x_scaler,
        y_scaler=y_scaler,
        history=_read_history(header["history"]),
    )


def _read_history(curves: dict[str, Any]) -> History:
    """Return the history of a header."""
    for name, curve in curves.items():
        kind = str if name == "ended" else list
        numbers = curve if isinstance(curve, list) else ()
        if type(curve) is not kind or any(type(n) not in (int, float) for n in numbers):
            raise TypeError(f"history.{name} is {show(curve)}")
    return History.of(curves)


def _read_names(
    what: str, names: Any, count: int | None = None, most: int | None = None
) -> tuple[str, ...] | None:
    """Return names as a tuple; raise ValueError unless they are None or `count` strings."""
    if names is None:
        return None
    strings = isinstance(names, list) and all(isinstance(name, str) for name in names)
    too_many = strings and most is not None and len(names) > most
    if not strings or not names or too_many or count not in (None, len(names)):
        number = f"{count} " if count else f"at most {most} " if most else ""
        raise ValueError(f"{what} must be {number}names or none, got {show(names)}")
    return tuple(names)


_SLACK = 2**20
"""The number of parameters that a file may lack for an error to name their shape."""


class _ZeroGenerator:
    """A stand-in for a random number generator that returns zeros, up to a limit."""

    def __init__(self, most: int):
        self.left = most + _SLACK

    def random(self, shape: tuple[int, ...]) -> Any:
        self.left -= math.prod(shape)
        if self.left < 0:
            raise ValueError("the network has more parameters than the file has numbers")
        return np.zeros(shape, dtype="float16")  # only the shape matters


def check_is_model(value: Any) -> None:
    """Raise TypeError unless a value is a `Model`; say where other objects hold their models."""
    if isinstance(value, Record):
        return
    what = type(value).__name__
    if hasattr(type(value), "models_"):
        what += ": its networks are .models_, each a Model; pickle saves it all"
    elif hasattr(value, "get_params"):
        what += ": the network of a fitted estimator is .model_; pickle and joblib save it all"
    else:
        what = show(value)
    raise TypeError(f"model must be a Model, as returned by xprnn.fit, got {what}")


def infer_shapes(network: Any, features: int, most: int) -> tuple[Tree, int]:
    """Return zeros in the shapes of a network's parameters, and its number of outputs.

    Parameters
    ----------
    network : JSON
        The network, as returned by `describe`.
    features : int
    most : int
        The count of numbers in the file; the network may not have many more parameters.

    Raises
    ------
    ValueError
        If the network has many more parameters.
    """
    return build(network, Zeros(), field="network").init(_ZeroGenerator(most), features)


def check(model: Record) -> Record:
    """Check that a model's parts match; return it with its parameters in the network's order.

    Raises
    ------
    TypeError, ValueError
        If two parts do not match; the error names them.
    """
    if type(model.y_rank) is not int or model.y_rank not in (1, 2, 3):
        raise ValueError(f"y_rank must be 1, 2 or 3, got {model.y_rank}")
    check_choice("mode", model.mode, MODES)
    features, outputs = whole("features", model.features), whole("outputs", model.outputs)
    arrays = tree.flatten(model.params)
    for name, array in arrays.items():
        if dtype_name(array) not in ("float32", "float64"):
            raise TypeError(f"{name} has dtype {dtype_name(array)}: expected float32 or float64")
    count = sum(math.prod(a.shape) for a in arrays.values())
    like, produced = infer_shapes(describe(model.network), features, count)
    params = tree.unflatten(arrays, like)
    for name, zeros in tree.flatten(like).items():
        shape = tuple(arrays[name].shape)
        if shape != zeros.shape:
            raise ValueError(f"{name} has shape {shape}, expected {zeros.shape}")
    if produced != outputs:
        raise ValueError(
            f"outputs must be {produced}, the number of the network's outputs, got {outputs}"
        )
    _check_scaler("x_scaler", model.x_scaler, features)
    quantities = outputs if model.y_scaler is None else math.prod(model.y_scaler.mean.shape)
    if quantities == 0 or outputs % quantities:  # a loss may have several outputs for each quantity
        raise ValueError(f"y_scaler must be of {outputs} quantities, got {quantities}")
    _check_scaler("y_scaler", model.y_scaler, quantities)
    return replace(model, params=params)


def _check_scaler(name: str, scaler: Scaler | None, size: int) -> None:
    """Raise unless a standardisation has `size` features."""
    if scaler is None:
        return
    for field, value in scaler._asdict().items():
        array = np.asarray(to_host(value))
        if array.dtype.name not in ("float32", "float64") or array.shape != (size,):
            raise TypeError(f"{name}.{field} must be floats, ({size},), got {show(value)}")
        if not np.isfinite(array).all() or (field == "scale" and (array <= 0).any()):
            raise ValueError(f"{name}.{field} holds {array.min()}")
