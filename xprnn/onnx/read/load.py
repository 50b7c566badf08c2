"""Open an ONNX file and build the model of its graph."""

import os
from pathlib import Path
from typing import Any

import numpy as np

from xprnn import tree
from xprnn._fields import show, unknown
from xprnn._record import Record
from xprnn._sequences.scaling import Scaler
from xprnn.errors import ModelFileError
from xprnn.layers import Stack
from xprnn.layers.walk import recurrent_layers
from xprnn.onnx.library import import_onnx, make_error
from xprnn.onnx.read.graph import FileGraph
from xprnn.onnx.read.nodes import Reader
from xprnn.onnx.read.ours import read_ours
from xprnn.onnx.read.recurrent_nodes import OtherAxesError
from xprnn.serialization.model import check


def read(path: Any, output: str | None) -> Record:
    """Read a model from an ONNX file; see `xprnn.from_onnx`."""
    model, folder = _open(path)
    names = [name for node in model.graph.node for name in node.output if name]
    if output is not None and output not in names:
        raise unknown("output", output, names)
    where = "the model" if folder is None else str(path)
    try:
        return _read_model(model, folder, output)
    except ModelFileError as error:
        raise ModelFileError(f"{where}: {error}") from error
    except Exception as error:  # a damaged file can raise anything
        raise ModelFileError(f"{where} is damaged: {error!s:.400}") from error


def _read_model(model: Any, folder: Path | None, output: str | None) -> Record:
    """Read the model in a file."""
    if not model.graph.output:
        raise ModelFileError("it is damaged or not an ONNX file: it has no outputs")
    first = model.graph.output[0].name
    name = first if output is None else output
    ours = read_ours(model) if name == first else None
    if ours is not None:
        return ours
    for axes in (("B", "T", "F"), ("T", "B", "F")):
        try:
            return _build_record(Reader(FileGraph(model, axes, folder), axes), name)
        except OtherAxesError:
            continue
    raise ModelFileError("the axes of x are in an order other than (T, B, F) and (B, T, F)")


def _open(path: str | os.PathLike[str] | Any) -> tuple[Any, Path | None]:
    """Return the proto of a file, without data from other files, and the file's folder."""
    onnx = import_onnx()
    if isinstance(path, onnx.ModelProto):
        return path, None
    if not isinstance(path, str | os.PathLike):
        raise TypeError(f"path must be a path or an onnx.ModelProto, got {show(path)}")
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"there is no file {str(path)!r}")
    from google.protobuf.message import DecodeError

    try:
        return onnx.load(path, load_external_data=False), path.parent
    except DecodeError as error:
        raise ModelFileError(f"{path} is damaged or not an ONNX file: {error}") from error


def _build_record(reader: Reader, name: str) -> Record:
    """Build the model whose output is the value with a name."""
    graph = reader.graph
    if graph.rank != 3:
        raise ModelFileError(f"the first input must have 3 axes, got {graph.rank}")
    if name not in graph.producers:
        raise ModelFileError(f"its output {name!r} is not the output of any node")
    node = graph.producers[name]
    y = reader.value(name).complete(node)
    path, scaler = y.path, None
    if path and isinstance(path[0].layer, Scaler):
        scaler, path = path[0].layer, path[1:]
    network = Stack(tuple(stage.layer for stage in path)) if path else None
    if network is None or next(recurrent_layers(network), None) is None:
        raise ModelFileError(f"there is no RNN, LSTM or GRU node on the way to {name!r}")
    if "B" not in y.axes or not set(y.axes) <= set("TBFD1"):
        raise make_error(node, f"y must be (B, T, O) or (B, O), got the axes {', '.join(y.axes)}")
    steps = "T" in y.axes
    record = Record(
        network=network,
        params=tree.map(np.ascontiguousarray, tuple(stage.params for stage in path)),
        features=reader.features,
        outputs=y.size * y.directions,
        x_scaler=scaler,
        loss=None,
        mode="many_to_many" if steps else "many_to_one",
        y_rank=2 + (steps or "1" in y.axes) - ("F" not in y.axes),
    )
    return check(record)
