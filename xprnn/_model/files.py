"""Models read from files: what `serialization` and `onnx` read is a record, and becomes a model."""

import os
from typing import Any

from xprnn import serialization
from xprnn._model.model import Model
from xprnn._record import Record
from xprnn.backend import Backend
from xprnn.serialization import Snapshot


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

    Examples
    --------
    See `save`.
    """
    return _model(serialization.load(path, backend))


def load_snapshot(path: str | os.PathLike[str], backend: str | Backend) -> Snapshot:
    """Read a training run whose model is a `Model`; raises as `serialization.load_snapshot`."""
    snapshot = serialization.load_snapshot(path, backend)
    return snapshot._replace(model=_model(snapshot.model))


def from_onnx(path: Any, *, output: str | None = None) -> Model:
    """Read a model of RNN, LSTM and GRU nodes from an ONNX file.

    A file of ours gives the model that was written. In one of another program the nodes
    may stand one after the other and side by side, with what exporters write around them:
    Transpose, Squeeze, Reshape, Slice and the like; MatMul, Gemm, Add and Mul for dense
    layers; activations and Softmax; the last step, the mean or the maximum over the steps;
    LayerNormalization. Initial states that are inputs of the file are `Model.predict`'s
    ``state``, and lengths its ``lengths``.

    Parameters
    ----------
    path : str, path or onnx.ModelProto
    output : str, optional
        The name of the output that the model gives, or of any value in the graph; left
        out, the first output.

    Returns
    -------
    Model
        Batch-first, whatever the file was. Of another program without a loss:
        `Model.evaluate` needs one then.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it has no value of the name `output`.
    ModelFileError
        If it is damaged, or holds what no network of xprnn has; says which node.
    MissingExtraError
        Without the library onnx.

    Examples
    --------
    See `xprnn.onnx.export`.
    """
    from xprnn.onnx.read.load import read

    return _model(read(path, output))


def _model(record: Record) -> Model:
    """Return the model with the fields of a record."""
    return Model(**vars(record))
