"""Models out of ONNX files, whichever program wrote them."""

import os
from pathlib import Path
from typing import Any

import numpy as np

from xprnn import tree
from xprnn._sequences.scaling import Scaler
from xprnn._validate import shown, unknown
from xprnn.errors import ModelFileError
from xprnn.layers import Stack
from xprnn.model import Model
from xprnn.model.trace import recurrent
from xprnn.onnx.extra import library
from xprnn.onnx.original import original
from xprnn.onnx.probe import Probe
from xprnn.onnx.reader import Reader
from xprnn.onnx.recurrent_nodes import OtherAxesError
from xprnn.onnx.signal import refused
from xprnn.serialization.checks import check
from xprnn.serialization.hyperparameters import describe

__all__ = ["load"]


def load(path: Any, *, output: str | None = None) -> Model:
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
    See `export`.
    """
    model, folder = _opened(path)
    where = "the model" if folder is None else str(path)
    try:
        return _loaded(model, folder, output)
    except ModelFileError as error:
        raise ModelFileError(f"{where}: {error}") from error
    except _UnknownOutputError as error:
        raise unknown("output", output, error.args[0]) from None
    except Exception as error:  # a damaged file can raise anything
        raise ModelFileError(f"{where} is damaged: {error!s:.400}") from error


class _UnknownOutputError(Exception):
    """There is no output of the name asked for; holds the names that there are."""


def _loaded(model: Any, folder: Path | None, output: str | None) -> Model:
    """Return the model in a file."""
    if not model.graph.output:
        raise ModelFileError("it is damaged or no ONNX file: it has no outputs")
    first = model.graph.output[0].name
    name = first if output is None else output
    ours = original(model) if name == first else None
    if ours is not None:
        return ours
    for axes in (("B", "T", "F"), ("T", "B", "F")):
        try:
            reader = Reader(Probe(model, axes, folder), axes)
            if output is not None and output not in reader.probe.made:
                raise _UnknownOutputError(reader.probe.made)
            return _model(reader, name)
        except OtherAxesError:
            continue
    raise ModelFileError("x has its axes in an order other than (T, B, F) and (B, T, F)")


def _opened(path: str | os.PathLike[str] | Any) -> tuple[Any, Path | None]:
    """Return the model in a file, without data in other files, and the file's folder."""
    onnx = library()
    if isinstance(path, onnx.ModelProto):
        return path, None
    if not isinstance(path, str | os.PathLike):
        raise TypeError(f"path must be a path or an onnx.ModelProto, got {shown(path)}")
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"there is no file {str(path)!r}")
    from google.protobuf.message import DecodeError

    try:
        return onnx.load(path, load_external_data=False), path.parent
    except DecodeError as error:
        raise ModelFileError(f"{path} is damaged or no ONNX file: {error}") from error


def _model(reader: Reader, name: str) -> Model:
    """Put a model together."""
    probe = reader.probe
    if probe.rank != 3:
        raise ModelFileError(f"the first input must have 3 axes, got {probe.rank}")
    if name not in probe.made:
        raise ModelFileError(f"its output {name!r} is not made by any node")
    node = probe.made[name]
    y = reader.signal(name).whole(node)
    path, scaler = y.path, None
    if path and isinstance(path[0].layer, Scaler):
        scaler, path = path[0].layer, path[1:]
    network = Stack(tuple(e.layer for e in path)) if path else None
    if network is None or next(recurrent(network), None) is None:
        raise ModelFileError(f"there is no RNN, LSTM or GRU node on the way to {name!r}")
    if "B" not in y.axes or not set(y.axes) <= set("TBFD1"):
        raise refused(node, f"y must be (B, T, O) or (B, O), got the axes {', '.join(y.axes)}")
    steps = "T" in y.axes
    found = Model(
        network,
        tree.map(np.ascontiguousarray, tuple(entry.params for entry in path)),
        reader.features,
        y.size * y.directions,
        scaler,
        None,
        None,
        "many_to_many" if steps else "many_to_one",
        2 + (steps or "1" in y.axes) - ("F" not in y.axes),
    )
    return check(found, describe(network))
