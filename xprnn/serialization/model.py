"""A model in a file."""

import os
from typing import Any

import numpy as np

from xprnn import tree
from xprnn._typing import Tree
from xprnn.backend import Backend, resolve
from xprnn.errors import ModelFileError
from xprnn.history import History
from xprnn.initializers import Zeros
from xprnn.model import Model
from xprnn.modes import MODES
from xprnn.scaling import Scaler
from xprnn.serialization import files
from xprnn.serialization.hyperparameters import build, describe, known
from xprnn.serialization.only import check_is_model
from xprnn.serialization.trees import pack, unpack

__all__ = ["contents", "load", "restored", "save"]


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
        If the path has another ending, or the model is several side by side.
    TypeError
        If it is no `Model`, or the network holds a cell, activation or initializer of
        one's own.
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
    header = {
        "network": describe(model.network),
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
    return restored(path, header, arrays, place)


def restored(
    path: str | os.PathLike[str], header: dict[str, Any], arrays: dict[str, Any], place: Backend
) -> Model:
    """Return the model whose `contents` these are."""
    try:
        return _model(header, arrays, place)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ModelFileError(f"{path} does not hold what its header says: {error}") from error


def _model(header: dict[str, Any], arrays: dict[str, Any], place: Backend) -> Model:
    """Put a model together."""
    if header["y_rank"] not in (1, 2, 3):
        raise ValueError(f"y_rank must be 1, 2 or 3, got {header['y_rank']}")
    if header["mode"] not in MODES:
        raise ValueError(f"there is no mode {header['mode']!r}")
    network, features = build(header["network"]), header["features"]
    like, _ = build(header["network"], Zeros()).init(np.random.default_rng(0), features)
    x_scaler, y_scaler = (
        None if header[name] is None else Scaler(**unpack(header[name], arrays, place))
        for name in ("x_scaler", "y_scaler")
    )
    return Model(
        network,
        _like(unpack(header["params"], arrays, place), like),
        features,
        header["outputs"],
        x_scaler,
        y_scaler,
        build(header["loss"]),
        header["mode"],
        header["y_rank"],
        History.of(header["history"]),
        _names("feature_names", header["feature_names"], features),
        _names("output_names", header["output_names"]),
    )


def _names(what: str, names: Any, count: int | None = None) -> tuple[str, ...] | None:
    """Return names as a tuple; raise ValueError unless they are None or (so many) texts."""
    if names is None:
        return None
    texts = isinstance(names, list) and all(isinstance(name, str) for name in names)
    if not texts or not names or count not in (None, len(names)):
        wanted = "" if count is None else f"{count} "
        raise ValueError(f"{what} must be {wanted}names or none, got {names!r}")
    return tuple(names)


def _like(weights: Tree, like: Tree) -> Tree:
    """Return parameters, or raise ValueError if names or shapes are not those of `like`."""
    found = tree.flatten(weights)
    weights = tree.unflatten(found, like)
    for name, array in tree.flatten(like).items():
        shape = tuple(found[name].shape)
        if shape != array.shape:
            raise ValueError(f"{name} has shape {shape}, expected {array.shape}")
    return weights
