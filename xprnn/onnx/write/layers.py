"""Write xprnn's layers as nodes; arrays are (T, B, F), as in xprnn."""

from collections.abc import Callable
from functools import reduce
from typing import Any

from xprnn import layers, tree
from xprnn._typing import Tree
from xprnn.backend import host
from xprnn.onnx import activations
from xprnn.onnx.write.graph import Graph
from xprnn.onnx.write.recurrent import Direction, Steps, write_recurrent
from xprnn.onnx.write.tracing import Symbol, Tracer, refusing


def write_layer(
    graph: Graph, layer: Any, params: Tree, x: str, state: Tree, steps: Steps | None
) -> tuple[str, Tree]:
    """Add the nodes of a layer; return the names of y and of the final states.

    Parameters
    ----------
    graph : Graph
    layer : Layer
    params : tree of NumPy arrays
    x : str
        (T, B, F)
    state : tree of str
        The names of the initial states, with the structure of the layer's ``initial_state``.
    steps : Steps or None
        The valid steps; None if all steps are valid.

    Raises
    ------
    ValueError
        If the layer can't be written to an ONNX file.
    """
    function = _TABLE.get(type(layer))
    if function is None:
        raise ValueError(
            f"a {type(layer).__name__} can't be written to an ONNX file; those that can are "
            f"{', '.join(kind.__name__ for kind in _TABLE)}"
        )
    return function(graph, layer, params, x, state, steps)


def _write_dense(graph, layer, params, x, state, steps):
    y = graph.add("MatMul", x, graph.constant(params["W"], "W"))
    if "b" in params:
        y = graph.add("Add", y, graph.constant(params["b"][0], "b"))
    return y, ()


def _write_causal_conv(graph, layer, params, x, state, steps):
    """Gather the most recent steps at each step; onnxruntime has no Conv in float64."""
    if not state:
        return _write_dense(graph, layer, params, x, state, steps)
    p, rows = layer.kernel_size, params["W"].shape[-2]
    kept = p if layer.last else p - 1
    before = graph.add("Reshape", state[0], graph.axes(0, kept, rows // p))
    x = graph.add("Concat", graph.add("Transpose", before, perm=[1, 0, 2]), x, axis=0)
    end = _gather_last(graph, x, kept, rows // p, steps)
    if layer.last:
        seen = graph.add("Unsqueeze", end, graph.axes(0))
        return _write_dense(graph, layer, params, seen, (), steps)[0], (end,)
    size = graph.add("Squeeze", graph.slice(graph.add("Shape", x), 0, 1, axis=0), graph.axes(0))
    start, stop, one = (graph.constant(n, "number", "int64") for n in (0, 1 - p, 1))
    at = graph.add("Range", start, graph.add("Add", size, stop), one)
    at = graph.add("Add", graph.add("Unsqueeze", at, graph.axes(1)), graph.axes(*range(p)))
    seen = graph.add("Transpose", graph.add("Gather", x, at, axis=0), perm=[0, 2, 1, 3])
    seen = graph.add("Reshape", seen, graph.axes(0, 0, rows))
    return _write_dense(graph, layer, params, seen, (), steps)[0], (end,)


def _gather_last(graph, x, count, features, steps):
    """Return the last `count` valid steps of x side by side, (B, count·F).

    x (count + T, B, F) starts with `count` steps from before the sequence.
    """
    if steps is None:
        last = graph.slice(x, -count, axis=0)
    else:
        at = graph.add("Unsqueeze", graph.cast(steps.lengths, "int64"), graph.axes(0, 2))
        lags = host.reshape(host.arange(count), (-1, 1, 1))
        at = graph.add("Add", at, graph.constant(lags, "lags", "int64"))
        at = graph.add("Expand", at, graph.axes(count, 1, features))
        last = graph.add("GatherElements", x, at, axis=0)
    last = graph.add("Transpose", last, perm=[1, 0, 2])
    return graph.add("Reshape", last, graph.axes(0, count * features))


def _write_dropout(graph, layer, params, x, state, steps):
    return x, ()


def _write_activation(graph, layer, params, x, state, steps):
    kind = activations.describe_activation(layer.activation)
    if kind is not None and kind[0] in ("Relu", "Sigmoid", "Tanh") and kind[-1] is None:
        return graph.add(kind[0], x), ()
    with refusing(layer.activation):
        return layer.activation.forward(Symbol(graph, x, (None, 1)), xp=Tracer(graph)).name, ()


def _write_softmax(graph, layer, params, x, state, steps):
    return graph.add("LogSoftmax" if layer.log else "Softmax", x, axis=-1), ()


def _write_layer_norm(graph, layer, params, x, state, steps):
    """Normalise; in float64 with elementary operators, since ONNX's node has a float32 epsilon."""
    scale, shift = (graph.constant(params[name][0], name) for name in ("g", "b"))
    if graph.dtype == "float32":
        return graph.add("LayerNormalization", x, scale, shift, axis=-1, epsilon=layer.eps), ()
    e = graph.add("Sub", x, graph.add("ReduceMean", x, axes=[-1], keepdims=1))
    variance = graph.add("ReduceMean", graph.add("Mul", e, e), axes=[-1], keepdims=1)
    s = graph.add("Sqrt", graph.add("Add", variance, graph.constant(layer.eps)))
    return graph.add("Add", graph.add("Mul", scale, graph.add("Div", e, s)), shift), ()


def _write_pool(graph, layer, params, x, state, steps):
    """Pool the valid steps; in a file sequences are whole, so the pool needs no state."""
    if layer.how == "last":
        return _write_last(graph, x, steps), ()
    if steps is not None:
        fill = graph.constant(-float("inf") if layer.how == "max" else 0.0)
        x = graph.add("Where", steps.mask, x, fill)
    if layer.how == "max":
        return graph.add("ReduceMax", x, axes=[0], keepdims=1), ()
    if steps is None:
        return graph.add("ReduceMean", x, axes=[0], keepdims=1), ()
    total = graph.add("ReduceSum", x, graph.axes(0), keepdims=1)
    count = graph.cast(steps.lengths, graph.dtype)
    return graph.add("Div", total, graph.add("Unsqueeze", count, graph.axes(0, 2))), ()


def _write_last(graph, x, steps):
    """Return the last valid step (1, B, F)."""
    if steps is None:
        return graph.slice(x, -1, axis=0)
    one = graph.constant(1, "one", "int32")
    at = graph.add("Sub", steps.lengths, one)
    at = graph.add("Unsqueeze", graph.cast(at, "int64"), graph.axes(0, 2))
    size = graph.slice(graph.add("Shape", x), 2, 3, axis=0)
    shape = graph.add("Concat", graph.axes(1, 1), size, axis=0)
    return graph.add("GatherElements", x, graph.add("Expand", at, shape), axis=0)


def _write_extend(graph, layer, params, x, state, steps):
    first = graph.slice(x, 0, 1, axis=0)
    pads = graph.axes(0, 0, 0, layer.steps - 1, 0, 0)
    return graph.add("Pad", first, pads, graph.constant(0.0)), ()


def _write_recurrent(graph, layer, params, x, state, steps, *, reverse=False):
    y, ends = write_recurrent(graph, [Direction(layer, params, reverse, state)], x, steps)
    return y[0], ends[0]


def _write_reversed(graph, layer, params, x, state, steps):
    inner = _unwrap_recurrent(layer)
    return _write_recurrent(graph, inner, params, x, state, steps, reverse=True)


def _write_bidirectional(graph, layer, params, x, state, steps):
    inner = _unwrap_recurrent(layer)
    directions = [
        Direction(inner, p, reverse, s)
        for p, reverse, s in zip(params, (False, True), state, strict=True)
    ]
    outputs, ends = write_recurrent(graph, directions, x, steps)
    return _merge(graph, layer.merge, outputs), tuple(ends)


def _merge(graph, how, names):
    """Merge the outputs of layers."""
    if how == "concat":
        return graph.add("Concat", *names, axis=-1)
    op = "Mul" if how == "product" else "Add"
    y = reduce(lambda one, other: graph.add(op, one, other), names)
    return graph.add("Div", y, graph.constant(len(names))) if how == "mean" else y


def _write_parallel(graph, layer, params, x, state, steps):
    parts = [
        write_layer(graph, inner, p, x, s, steps)
        for inner, p, s in zip(layer.layers, params, state, strict=True)
    ]
    return _merge(graph, layer.merge, [y for y, _ in parts]), tuple(end for _, end in parts)


def _write_final(graph, layer, params, x, state, steps):
    _, end = write_layer(graph, layer.layer, params, x, state, steps)
    return graph.add("Unsqueeze", end[layer.state], graph.axes(0)), end


def _unwrap_recurrent(layer):
    """Return the recurrent layer inside a `Reversed` or a `Bidirectional`."""
    if type(layer.layer) is not layers.Recurrent:
        raise ValueError(
            f"{type(layer).__name__} of a {type(layer.layer).__name__} can't be written to an "
            "ONNX file; expected a Recurrent inside"
        )
    return layer.layer


def _write_stack(graph, layer, params, x, state, steps):
    ends = []
    for inner, p, s in zip(layer.layers, params, state, strict=True):
        x, end = write_layer(graph, inner, p, x, s, steps)
        ends.append(end)
        if not inner.keeps_steps:
            steps = None
    return x, tuple(ends)


def _write_feedback(graph, layer, params, x, state, steps):
    y_t = graph.slice(x, 0, 1, axis=0)
    outputs = []
    for _ in range(layer.steps):
        y_t, state = write_layer(graph, layer.network, params, y_t, state, None)
        outputs.append(y_t)
    return graph.add("Concat", *outputs, axis=0), state


def _write_encoder_decoder(graph, layer, params, x, state, steps):
    _, end = write_layer(graph, layer.encoder, params["encoder"], x, state, steps)
    like = layer.decoder.initial_state(params["decoder"], 1, xp=host)
    start = tree.unflatten(dict(zip(tree.flatten(like), tree.leaves(end), strict=True)), like)
    last = _write_last(graph, x, steps)
    y, _ = write_layer(graph, layer.decoder, params["decoder"], last, start, None)
    return y, end


_TABLE: dict[type, Callable[..., tuple[str, Tree]]] = {
    layers.Activation: _write_activation,
    layers.Bidirectional: _write_bidirectional,
    layers.CausalConv: _write_causal_conv,
    layers.Dense: _write_dense,
    layers.Dropout: _write_dropout,
    layers.EncoderDecoder: _write_encoder_decoder,
    layers.Extend: _write_extend,
    layers.Feedback: _write_feedback,
    layers.Final: _write_final,
    layers.LayerNorm: _write_layer_norm,
    layers.Parallel: _write_parallel,
    layers.Pool: _write_pool,
    layers.Recurrent: _write_recurrent,
    layers.Reversed: _write_reversed,
    layers.Softmax: _write_softmax,
    layers.Stack: _write_stack,
}
