"""Loads models: makes models of the records that `serialization` and `onnx` read."""

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
        Where the model computes; it may have been trained on another backend.

    Returns
    -------
    Model

    Raises
    ------
    FileNotFoundError
        If the file does not exist.
    ModelFileError
        If it is cut short, damaged, not a model of xprnn, or was written by
        another version in another format.
    BackendUnavailableError
        If the backend can't be used.

    Examples
    --------
    See `save`.
    """
    return _make_model(serialization.load(path, backend))


def load_snapshot(path: str | os.PathLike[str], backend: str | Backend) -> Snapshot:
    """Read a training run, with a `Model` in it; raises as `serialization.load_snapshot`."""
    snapshot = serialization.load_snapshot(path, backend)
    return snapshot._replace(model=_make_model(snapshot.model))


def from_onnx(path: Any, *, output: str | None = None) -> Model:
    """Read a model of RNN, LSTM and GRU nodes from an ONNX file.

    A file of xprnn gives the model that was exported. In a file of another program the nodes
    may follow one another and be side by side, with the nodes that exporters write around them:
    Transpose, Squeeze, Reshape, Slice and the like; MatMul, Gemm, Add and Mul for dense
    layers; activations and Softmax; the last step, the mean or the maximum over the steps;
    LayerNormalization. Initial states that are inputs of the file are `Model.predict`'s
    ``state``, and lengths its ``lengths``.

    Parameters
    ----------
    path : str, path or onnx.ModelProto
    output : str, optional
        The name of the output that the model returns, or of any value in the graph; left
        out, the first output.

    Returns
    -------
    Model
        Always batch-first. From a file of another program it has no loss, so
        `Model.evaluate` needs one.

    Raises
    ------
    FileNotFoundError
        If the file does not exist.
    ValueError
        If it has no value named `output`.
    ModelFileError
        If it is damaged, or holds a node that xprnn lacks; the error names the node.
    MissingExtraError
        Without the library onnx.

    Examples
    --------
    See `xprnn.onnx.export`.
    """
    from xprnn.onnx.read.load import read

    return _make_model(read(path, output))


def _make_model(record: Record) -> Model:
    """Return the model with the fields of a record."""
    return Model(**vars(record))
