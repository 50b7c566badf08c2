"""Load models: turn the records that `serialization` and `onnx` read into models."""

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
        The backend to compute on; the model may have been trained on another one.

    Returns
    -------
    Model

    Raises
    ------
    FileNotFoundError
        If the file does not exist.
    ModelFileError
        If it is truncated, damaged, not an xprnn model, or in the format of another version.
    BackendUnavailableError
        If the backend can't be used.

    Examples
    --------
    See `save`.
    """
    return _make_model(serialization.load(path, backend))


def load_snapshot(path: str | os.PathLike[str], backend: str | Backend) -> Snapshot:
    """Read a training run as `serialization.load_snapshot` does, with its model as a `Model`."""
    snapshot = serialization.load_snapshot(path, backend)
    return snapshot._replace(model=_make_model(snapshot.model))


def from_onnx(path: Any, *, output: str | None = None) -> Model:
    """Read a model of RNN, LSTM and GRU nodes from an ONNX file.

    A file that xprnn wrote gives the model that was exported. In a file from another program the
    recurrent nodes may be in sequence and in parallel, along with the nodes that exporters write
    around them: Transpose, Squeeze, Reshape, Slice and the like; MatMul, Gemm, Add and Mul for
    dense layers; activations and Softmax; the last step, the mean or the maximum over the steps;
    LayerNormalization. If the file takes initial states or lengths as inputs, they are the
    ``state`` and ``lengths`` of `Model.predict`.

    Parameters
    ----------
    path : str, path or onnx.ModelProto
    output : str, optional
        The name of the graph output, or of any other value in the graph, that the model returns.
        The default is the first output.

    Returns
    -------
    Model
        The model, always batch-first. A model from another program's file has no loss, so
        `Model.evaluate` must be given one.

    Raises
    ------
    FileNotFoundError
        If the file does not exist.
    ValueError
        If the file has no value named `output`.
    ModelFileError
        If the file is damaged or holds a node that xprnn does not support; the error names the
        node.
    MissingExtraError
        If the onnx library is not installed.

    Examples
    --------
    See `xprnn.onnx.export`.
    """
    from xprnn.onnx.read.load import read

    return _make_model(read(path, output))


def _make_model(record: Record) -> Model:
    """Build a model from the fields of a record."""
    return Model(**vars(record))
