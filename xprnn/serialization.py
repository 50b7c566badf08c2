"""Files: a model as arrays by name and one JSON text, without pickle.

The ending of the path chooses the format: ``.npz`` needs NumPy alone,
``.safetensors`` the extra ``safetensors``. A file is written beside its place and
moved there when it is whole, so that an older one is never harmed.
"""

import dataclasses
import json
import os
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from xprnn import activations, cells, initializers, layers, losses, tree
from xprnn._version import __version__
from xprnn.backend import Backend, resolve, to_host
from xprnn.errors import MissingExtraError, ModelFileError
from xprnn.history import History
from xprnn.model import Model
from xprnn.modes import MODES
from xprnn.scaling import Scaler

__all__ = ["load", "save"]

FORMAT = 2
"""Of the files written; a file of a newer format is refused."""

_CLASSES = {
    name: getattr(module, name)
    for module in (layers, cells, activations, initializers, losses)
    for name in module.__all__
    if dataclasses.is_dataclass(getattr(module, name))
}


def _describe(value: Any) -> Any:
    """Return a hyper-parameter as JSON."""
    name = type(value).__name__
    if _CLASSES.get(name) is type(value):
        fields = {f.name: _describe(getattr(value, f.name)) for f in dataclasses.fields(value)}
        return {"class": name, **fields}
    if isinstance(value, tuple):
        return [_describe(item) for item in value]
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise TypeError(f"a {name} of one's own cannot be written to a file: {value!r}")


def _build(described: Any) -> Any:
    """Return the hyper-parameter that `_describe` described."""
    if isinstance(described, list):
        return tuple(_build(item) for item in described)
    if isinstance(described, dict):
        fields = {name: _build(value) for name, value in described.items()}
        return _CLASSES[fields.pop("class")](**fields)
    return described


def _loss(loss: Any) -> Any:
    """Return a loss as JSON; null for one of one's own, which predictions do not need."""
    if loss is None or _CLASSES.get(type(loss).__name__) is type(loss):
        return _describe(loss)
    if hasattr(loss, "unscale") or hasattr(loss, "probabilities"):
        return _describe(loss)  # which refuses it by name
    return None


def _safetensors() -> Any:
    try:
        import safetensors
        import safetensors.numpy
    except ImportError as error:
        raise MissingExtraError(
            ".safetensors files need safetensors: pip install safetensors"
        ) from error
    return safetensors


def check_path(path: str | os.PathLike[str]) -> str:
    """Return the ending of a path to which a model can be written; raise as `save` does."""
    path = Path(path)
    if path.suffix == ".safetensors":
        _safetensors()
    if not path.parent.is_dir():
        raise FileNotFoundError(f"there is no folder {str(path.parent)!r}")
    if path.suffix not in (".npz", ".safetensors"):
        raise ValueError(f"path must end in .npz or .safetensors, got {str(path)!r}")
    return path.suffix


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
        If the path has another ending.
    TypeError
        If the network holds a cell, activation or initializer of one's own.
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
    path = Path(path)
    ending = check_path(path)
    arrays = {f"params.{name}": to_host(a) for name, a in model.params.items()}
    for name, scaler in (("x_scaler", model.x_scaler), ("y_scaler", model.y_scaler)):
        if scaler is not None:
            arrays |= {f"{name}.mean": to_host(scaler.mean), f"{name}.scale": to_host(scaler.scale)}
    arrays = {name: np.ascontiguousarray(a) for name, a in arrays.items()}
    header = json.dumps(
        {
            "format": FORMAT,
            "xprnn": __version__,
            "network": _describe(model.network),
            "features": model.features,
            "outputs": model.outputs,
            "loss": _loss(model.loss),
            "mode": model.mode,
            "y_rank": model.y_rank,
            "history": {"ended": model.history.ended, **model.history.as_dict()},
        }
    )
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        with part.open("xb") as file:
            if ending == ".npz":
                np.savez(file, header=np.asarray(header), **arrays)
            else:
                metadata = {"xprnn": header}
                file.write(_safetensors().numpy.save(arrays, metadata=metadata))
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def _read(path: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the header and the arrays of a file."""
    if check_path(path) == ".npz":
        try:
            with path.open("rb") as opened, np.load(opened, allow_pickle=False) as file:
                arrays = {name: file[name] for name in file.files}
        except (ValueError, EOFError, OSError, zipfile.BadZipFile) as error:
            if isinstance(error, FileNotFoundError):
                raise
            raise ModelFileError(f"{path} is damaged or no .npz file: {error}") from error
        text = str(arrays.pop("header", ""))
    else:
        library = _safetensors()
        try:
            with library.safe_open(path, framework="numpy") as file:
                text = (file.metadata() or {}).get("xprnn", "")
                arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        except library.SafetensorError as error:
            raise ModelFileError(f"{path} is damaged or no .safetensors file: {error}") from error
    try:
        header = json.loads(text)
        written, number = header["xprnn"], header["format"]
        older, newer = number < FORMAT, number > FORMAT
    except (ValueError, TypeError, KeyError) as error:
        raise ModelFileError(f"{path} holds no model of xprnn") from error
    found = f"{path} was written by xprnn {written} in format {number}"
    if older:
        raise ModelFileError(f"{found}, which this xprnn {__version__} no longer reads")
    if newer:
        raise ModelFileError(
            f"{found}; this xprnn {__version__} reads up to {FORMAT}: update xprnn"
        )
    return header, arrays


def load(path: str | os.PathLike[str], *, backend: str | Backend = "numpy") -> Model:
    """Read a model from a file that `save` wrote.

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
        If it is damaged, holds no model of xprnn, or was written by a newer version.
    BackendUnavailableError
        If the backend can't be used.
    """
    place = resolve(backend)
    header, arrays = _read(Path(path))
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
    network = _build(header["network"])
    like, _ = network.init(np.random.default_rng(0), header["features"])
    groups: dict[str, dict[str, Any]] = {"params": {}, "x_scaler": {}, "y_scaler": {}}
    for name, array in arrays.items():
        group, _, rest = name.partition(".")
        groups[group][rest] = place.asarray(array, str(array.dtype))
    weights = tree.unflatten(groups["params"], like=like)
    for name, array in tree.flatten(like).items():
        shape = tuple(groups["params"][name].shape)
        if shape != array.shape:
            raise ValueError(f"{name} has shape {shape}, expected {array.shape}")
    x_scaler, y_scaler = (
        Scaler(**groups[name]) if groups[name] else None for name in ("x_scaler", "y_scaler")
    )
    return Model(
        network,
        weights,
        header["features"],
        header["outputs"],
        x_scaler,
        y_scaler,
        _build(header["loss"]),
        header["mode"],
        header["y_rank"],
        History.of(header["history"]),
    )
