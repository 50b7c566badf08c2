"""Write a whole model: batch-first, with standardisation, lengths and states."""

import json
import os
from pathlib import Path
from typing import Any

import numpy as np

from xprnn import losses, tree
from xprnn._fields import one_of, optional
from xprnn._record import Record, choose_x_dtype
from xprnn._sequences.scaling import Scaler
from xprnn._version import __version__
from xprnn.backend import host, to_host
from xprnn.onnx.library import OPSET, import_onnx
from xprnn.onnx.write.graph import Graph
from xprnn.onnx.write.layers import write_layer
from xprnn.onnx.write.recurrent import Steps
from xprnn.onnx.write.tracing import Symbol, Tracer, refusing
from xprnn.serialization.atomic import write_atomically
from xprnn.serialization.files import check_place
from xprnn.serialization.model import check_is_model, describe_fields

METADATA = "xprnn"
"""The metadata key of the text that describes the model in a file."""


def export(model: Record, path: str | os.PathLike[str], *, dtype: str | None = None) -> None:
    """Write a model to an ONNX file; `to_proto` describes its content.

    Parameters
    ----------
    model : Model
    path : str or path
        The file, with the extension ``.onnx``.
    dtype : {"float32", "float64"}, optional
        See `to_proto`.

    Raises
    ------
    ValueError
        If the path has another extension, and as for `to_proto`.
    TypeError
        If `model` is not a `Model`.
    FileNotFoundError
        If the folder does not exist.
    MissingExtraError
        If the onnx library is not installed.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> import xprnn
    >>> x = np.linspace(0, 1, 20, dtype="float32")
    >>> model = xprnn.fit(x, x**2, hidden_size=4, epochs=2)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     xprnn.onnx.export(model, f"{folder}/model.onnx")
    ...     again = xprnn.from_onnx(f"{folder}/model.onnx")
    >>> bool(np.allclose(again.predict(x), model.predict(x), atol=1e-5))
    True
    """
    check_place(path, (".onnx",))
    proto = to_proto(model, dtype=dtype)
    with write_atomically(Path(path)) as file:
        file.write(proto.SerializeToString())


def to_proto(model: Record, *, dtype: str | None = None) -> Any:
    """Return a model as an ``onnx.ModelProto``, opset 17.

    ==================  ========================  ===========================================
    input               shape                     meaning
    ==================  ========================  ===========================================
    ``x``               (batch, time, F)          as in `Model.predict`
    ``lengths``         (batch,), int32           the valid steps of each row; optional
    ``state_0``, …      (batch, H)                as in `Model.predict`; optional
    ==================  ========================  ===========================================

    The outputs are ``y``, with the axes that `Model.predict` returns for several sequences, and
    the states ``new_state_0``, … after the last valid step. A pool's state, which `Model.predict`
    also returns, is not among them. One-to-many models have no ``lengths``.

    Parameters
    ----------
    model : Model
    dtype : {"float32", "float64"}, optional
        The dtype of x and of the computation. The default is the model's dtype; x then has the
        dtype of the training data if that is wider. In float32 the recurrent layers are ONNX's
        RNN, LSTM and GRU nodes. They are loops (Scan) in float64, where onnxruntime has no such
        nodes, and for user-defined cells.

    Returns
    -------
    onnx.ModelProto

    Raises
    ------
    ValueError
        If the network has a layer, cell, activation or loss that can't be exported, which the
        message names, or holds several models side by side.
    TypeError
        If `model` is not a `Model`.
    MissingExtraError
        If the onnx library is not installed.
    """
    check_is_model(model)
    return make_proto(model, optional(one_of(("float32", "float64")))("dtype", dtype))


def make_proto(model: Record, dtype: str | None, most: int | None = None) -> Any:
    """Return `to_proto`'s result; raise ValueError if it needs more than `most` nodes."""
    helper = import_onnx().helper
    params = tree.map(lambda a: np.asarray(to_host(a), dtype=dtype), model.params)
    if any(a.ndim != 2 for a in tree.leaves(params)):
        raise ValueError("the model holds several models side by side; pass one of them")
    graph = Graph(dtype or model.dtype, most=most)
    x_dtype = dtype or choose_x_dtype(model, model.dtype)
    time = 1 if model.mode == "one_to_many" else "time"
    inputs = [graph.declare("x", x_dtype, ["batch", time, model.features])]
    x, steps = _prepare_x(graph, model, x_dtype), None
    defaults = []
    if model.mode != "one_to_many":
        inputs.append(graph.declare("lengths", "int32", ["lengths"]))
        defaults.append(np.zeros(0, dtype="int32"))
        steps = _write_steps(graph)
        x = graph.add("Where", steps.mask, x, graph.constant(0.0))
    rows = model.network.initial_state(params, 1, xp=host)
    states = {}
    for k, (name, row) in enumerate(tree.flatten(rows).items()):
        inputs.append(graph.declare(f"state_{k}", None, [f"rows_{k}", row.shape[-1]]))
        defaults.append(np.zeros((0, row.shape[-1]), dtype=graph.dtype))
        states[name] = _write_input(graph, f"state_{k}", graph.constant(row, "row"))
    start = tree.unflatten(states, like=rows)
    y, end = write_layer(graph, model.network, params, x, start, steps)
    y_shape = _restore_y(graph, model, y, steps)
    ends = [f"new_state_{k}" for k in range(len(states))]
    for name, new in zip(tree.leaves(end), ends, strict=True):
        graph.add_node("Identity", [name], [new])
    outputs = [graph.declare("y", None, y_shape)]
    for new, row in zip(ends, tree.leaves(rows), strict=True):
        outputs.append(graph.declare(new, None, ["batch", row.shape[-1]]))
    proto = graph.build("xprnn", inputs, outputs)
    for value, array in zip(inputs[1:], defaults, strict=True):
        proto.initializer.append(import_onnx().numpy_helper.from_array(array, value.name))
    proto.initializer.extend(graph.constants.values())
    file = helper.make_model(
        proto,
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=9,
        producer_name="xprnn",
        producer_version=__version__,
    )
    helper.set_model_props(file, _describe_model(model, dtype))
    return file


def _describe_model(model: Record, dtype: str | None) -> dict[str, str]:
    """Return the metadata of a file, which are empty for user-defined cells and layers.

    They describe the whole model except the parameters, which only the graph holds. `read.ours`
    trusts them only after the graph has confirmed them.
    """
    try:
        fields = describe_fields(model)
    except TypeError:
        return {}
    fields |= {
        "x_scaler": _describe_scaler(model.x_scaler),
        "y_scaler": _describe_scaler(model.y_scaler),
        "precision": dtype or model.dtype,
        "dtype": dtype,
    }
    return {METADATA: json.dumps(fields)}


def _describe_scaler(scaler: Scaler | None) -> Any:
    """Return a standardisation as JSON."""
    if scaler is None:
        return None
    arrays = [to_host(a) for a in scaler]
    return {"dtype": str(arrays[0].dtype), "arrays": [a.tolist() for a in arrays]}


def _write_size(graph: Graph, axis: int) -> str:
    """Return the size of an axis of x, as an array of one number."""
    return graph.slice(graph.add("Shape", "x"), axis, axis + 1, axis=0)


def _write_input(graph: Graph, name: str, row: str) -> str:
    """Return an input or, if it is empty, a row repeated for the whole batch."""
    batch, zero = _write_size(graph, 0), graph.axes(0)
    empty = graph.add("Equal", graph.add("Size", name), graph.constant(0, "zero", "int64"))
    count = graph.add("Where", empty, batch, zero)
    width = graph.slice(graph.add("Shape", row), 1, axis=0)
    shape = graph.add("Concat", batch, width, axis=0)
    rows = graph.add("Slice", graph.add("Expand", row, shape), zero, count, zero)
    return graph.add("Reshape", graph.add("Concat", name, rows, axis=0), shape)


def _write_steps(graph: Graph) -> Steps:
    """Add the inputs for the valid steps; by default all steps are valid."""
    time = graph.cast(_write_size(graph, 1), "int32")
    lengths = _write_input(graph, "lengths", time)
    zero, one = (graph.constant(n, "number", "int32") for n in (0, 1))
    end = graph.add("Squeeze", time, graph.axes(0))
    indices = graph.add("Unsqueeze", graph.add("Range", zero, end, one), graph.axes(1))
    mask = graph.add("Less", indices, lengths)
    return Steps(lengths, graph.add("Unsqueeze", mask, graph.axes(2)))


def _prepare_x(graph: Graph, model: Record, x_dtype: str) -> str:
    """Standardise x and make it time-major."""
    x, scaler = "x", model.x_scaler
    if scaler is not None:
        mean, scale = to_host(scaler.mean), to_host(scaler.scale)
        wide = str(mean.dtype)
        x = graph.cast(x, wide, x_dtype)
        x = graph.add("Sub", x, graph.constant(mean, "mean", wide))
        x = graph.add("Div", x, graph.constant(scale, "scale", wide))
        x_dtype = wide
    x = graph.cast(x, graph.dtype, x_dtype)
    return graph.add("Transpose", x, perm=[1, 0, 2])


def _restore_y(graph: Graph, model: Record, y: str, steps: Steps | None) -> list[Any]:
    """Write y in the units of the data and with the axes of `predict`; return its shape."""
    if model.y_scaler is not None:
        y = _unscale(graph, model, y)
    keeps = model.network.keeps_steps
    if keeps and steps is not None:
        y = graph.add("Where", steps.mask, y, graph.constant(0.0))
    y = graph.add("Transpose", y, perm=[1, 0, 2])
    one = model.mode == "many_to_one"
    shape: list[Any] = ["batch", "time" if keeps else 1 if one else "steps", model.outputs]
    dropped = []
    if one and model.y_rank < 3:
        dropped.append(1)
    if model.outputs == 1 and model.y_rank == (1 if one else 2):
        dropped.append(2)
    if dropped:
        y = graph.add("Squeeze", y, graph.axes(*dropped))
    graph.add_node("Identity", [y], ["y"])
    return [size for axis, size in enumerate(shape) if axis not in dropped]


def _unscale(graph: Graph, model: Record, y: str) -> str:
    """Return outputs in the units of y, computed as in the loss, in the scaler's dtype."""
    scaler = Scaler(*(to_host(a) for a in model.y_scaler or ()))
    wide = graph.in_dtype(str(scaler.mean.dtype))
    symbol = Symbol(wide, graph.cast(y, wide.dtype, graph.dtype), (None, None, model.outputs))
    with refusing(model.loss):
        symbol = losses.unscale(model.loss, symbol, scaler, xp=Tracer(wide))
    return graph.cast(symbol.name, graph.dtype, wide.dtype)
