"""Models out of ONNX files, whichever program wrote them."""

import os
from pathlib import Path
from typing import Any

import numpy as np

from xprnn.errors import ModelFileError
from xprnn.layers import Stack
from xprnn.model import Model
from xprnn.onnx.extra import library
from xprnn.onnx.original import original
from xprnn.onnx.probe import Probe
from xprnn.onnx.reader import Reader
from xprnn.onnx.recurrent_nodes import OtherAxesError
from xprnn.scaling import Scaler

__all__ = ["load"]


def load(path: Any) -> Model:
    """Read a model of RNN, LSTM and GRU nodes from an ONNX file.

    The nodes may stand one after the other, with what exporters write around them:
    Transpose, Squeeze, Reshape, Slice and the like; MatMul, Gemm, Add and Mul for dense
    layers; the last step, the mean or the maximum over the steps; LayerNormalization.
    The first output of the file is the model's. Initial states that are inputs of the
    file are `Model.predict`'s ``state``, and lengths its ``lengths``.

    Parameters
    ----------
    path : str, path or onnx.ModelProto

    Returns
    -------
    Model
        Batch-first, whatever the file was. Without a loss: `Model.evaluate` needs one.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ModelFileError
        If it is damaged, or holds what no network of xprnn has; says which node.
    MissingExtraError
        Without the library onnx.

    Examples
    --------
    See `export`.
    """
    model = _opened(path)
    ours = original(model)
    if ours is not None:
        return ours
    for axes in (("B", "T", "F"), ("T", "B", "F")):
        try:
            return _model(Reader(Probe(model, axes), axes), model)
        except OtherAxesError:
            continue
    raise ModelFileError("x has its axes in an order other than (T, B, F) and (B, T, F)")


def _opened(path: str | os.PathLike[str] | Any) -> Any:
    """Return a file's contents."""
    onnx = library()
    if isinstance(path, onnx.ModelProto):
        return path
    if not isinstance(path, str | os.PathLike):
        raise TypeError(f"path must be a path or an onnx.ModelProto, got {path!r:.80}")
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"there is no file {str(path)!r}")
    from google.protobuf.message import DecodeError

    try:
        model = onnx.load(path)
    except DecodeError as error:
        raise ModelFileError(f"{path} is damaged or no ONNX file: {error}") from error
    if not model.graph.output:
        raise ModelFileError(f"{path} is damaged or no ONNX file: it has no outputs")
    return model


def _model(reader: Reader, model: Any) -> Model:
    """Put a model together."""
    if reader.probe.rank != 3:
        raise ModelFileError(f"the first input must have 3 axes, got {reader.probe.rank}")
    y = reader.signal(model.graph.output[0].name)
    if not any(reader.chain.recurrent):
        raise ModelFileError("there is no RNN, LSTM or GRU node on the way to the first output")
    steps, axes = "T" in y.axes, set(y.axes)
    if "B" not in axes or not axes <= {"T", "B", "F", "1"} or not y.whole:
        raise ModelFileError(
            f"the first output must be (B, T, O) or (B, O), got axes {', '.join(y.axes)}"
        )
    mean, scale = reader.chain.mean, reader.chain.scale
    scaler = None
    if np.any(mean != 0) or np.any(scale != 1):
        scaler = Scaler(*(np.broadcast_to(a, (reader.features,)).copy() for a in (mean, scale)))
    return Model(
        Stack(tuple(reader.chain.layers)),
        tuple(reader.chain.params),
        reader.features,
        y.size,
        scaler,
        None,
        None,
        "many_to_many" if steps else "many_to_one",
        len(y.axes),
    )
