"""A model in a file."""

import os
from dataclasses import replace
from typing import Any

from xprnn import tree
from xprnn._sequences.scaling import Scaler
from xprnn._validate import shown
from xprnn.backend import Backend, resolve
from xprnn.errors import ModelFileError
from xprnn.history import History
from xprnn.model import Model
from xprnn.serialization import files
from xprnn.serialization.checks import check, check_is_model
from xprnn.serialization.hyperparameters import build, describe, known
from xprnn.serialization.trees import move, pack, unpack

__all__ = ["contents", "load", "on", "restored", "save", "unfit"]


def save(model: Model, path: str | os.PathLike[str]) -> None:
    """Write a model to a file.

    Parameters
    ----------
    model : Model
    path : str or path
        Ends in ``.npz`` or ``.safetensors``.

    Raises
    ------
    ValueError
        If the path has another ending, the model is several side by side, or its parts do
        not fit one another.
    TypeError
        If it is no `Model`, the network holds a cell, activation or initializer of one's
        own, or its numbers are neither float32 nor float64.
    MissingExtraError
        For ``.safetensors`` without that library.

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
    files.write(path, *contents(model))


def contents(model: Model) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return a model as a header and arrays."""
    leads = {weight.shape[:-2] for weight in tree.leaves(model.weights)} - {()}
    if leads:
        raise ValueError(f"a file holds one model, and these are several side by side: {leads}")
    arrays: dict[str, Any] = {}
    network = describe(model.network)
    check(model, network)
    header = {
        "network": network,
        "features": model.features,
        "outputs": model.outputs,
        "loss": _loss(model.loss),
        "mode": model.mode,
        "y_rank": model.y_rank,
        "history": {"ended": model.history.ended, **model.history.as_dict()},
        "params": pack(model.weights, "params", arrays),
        "feature_names": model.feature_names,
        "output_names": model.output_names,
    }
    for name, scaler in (("x_scaler", model.x_scaler), ("y_scaler", model.y_scaler)):
        header[name] = None if scaler is None else pack(scaler._asdict(), name, arrays)
    return header, arrays


def _loss(loss: Any) -> Any:
    """Return a loss as JSON; null for one of one's own, which predictions do not need."""
    if loss is None or known(loss):
        return describe(loss)
    if hasattr(loss, "unscale") or hasattr(loss, "probabilities"):
        return describe(loss)  # which refuses it by name
    return None


def load(path: str | os.PathLike[str], *, backend: str | Backend = "numpy") -> Model:
    """Read a model from a file that `save` or a `Checkpoint` wrote.

    Parameters
    ----------
    path : str or path
    backend : str
        Where the model is to compute, whatever backend it was trained on.

    Returns
    -------
    Model

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ModelFileError
        If it is cut short, damaged, holds no model of xprnn, or was written by
        another version in another format.
    BackendUnavailableError
        If the backend can't be used.
    """
    place = resolve(backend)
    header, arrays = files.read(path)
    return on(place, restored(path, header, arrays))


def restored(path: str | os.PathLike[str], header: dict[str, Any], arrays: dict[str, Any]) -> Model:
    """Return the model whose `contents` these are, on the host."""
    try:
        return check(_model(header, arrays), header["network"])
    except Exception as error:  # the parts can raise anything
        raise unfit(path, error) from error


def on(place: Backend, model: Model) -> Model:
    """Return a model with its arrays on a backend."""
    weights, x_scaler, y_scaler = (
        move(t, place) for t in (model.weights, model.x_scaler, model.y_scaler)
    )
    return replace(
        model,
        weights=weights,
        x_scaler=x_scaler and Scaler(*x_scaler),
        y_scaler=y_scaler and Scaler(*y_scaler),
    )


def unfit(path: str | os.PathLike[str], error: Exception) -> ModelFileError:
    """Return the error for a file whose parts do not fit one another."""
    return ModelFileError(f"{path} does not hold what its header says: {error!s:.400}")


def _model(header: dict[str, Any], arrays: dict[str, Any]) -> Model:
    """Put a model together."""
    network, features = build(header["network"], field="network"), header["features"]
    x_scaler, y_scaler = (
        None if header[name] is None else Scaler(**unpack(header[name], arrays))
        for name in ("x_scaler", "y_scaler")
    )
    loss = build(header["loss"], field="loss")
    if loss is not None and not known(loss):
        raise TypeError(f"loss must be one of xprnn's or none, got {loss!r}")
    return Model(
        network,
        unpack(header["params"], arrays),
        features,
        header["outputs"],
        x_scaler,
        y_scaler,
        loss,
        header["mode"],
        header["y_rank"],
        _history(header["history"]),
        _names("feature_names", header["feature_names"], features),
        _names("output_names", header["output_names"], most=header["outputs"]),
    )


def _history(curves: dict[str, Any]) -> History:
    """Return the history that was written."""
    for name, curve in curves.items():
        kinds = (str,) if name == "ended" else (list,)
        numbers = curve if isinstance(curve, list) else ()
        if type(curve) not in kinds or any(type(n) not in (int, float) for n in numbers):
            raise TypeError(f"history.{name} is {shown(curve)}")
    return History.of(curves)


def _names(
    what: str, names: Any, count: int | None = None, most: int | None = None
) -> tuple[str, ...] | None:
    """Return names as a tuple; raise ValueError unless they are None or so many strings."""
    if names is None:
        return None
    strings = isinstance(names, list) and all(isinstance(name, str) for name in names)
    few = most is None or (strings and len(names) <= most)
    if not strings or not names or not few or count not in (None, len(names)):
        wanted = f"{count} " if count else f"at most {most} " if most else ""
        raise ValueError(f"{what} must be {wanted}names or none, got {shown(names)}")
    return tuple(names)
