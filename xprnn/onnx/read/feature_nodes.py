"""Read nodes that act on the features of each step, as layers."""

from typing import Any

import numpy as np

from xprnn._sequences.scaling import Scaler
from xprnn.layers import Activation, Dense, LayerNorm, Pool, Softmax
from xprnn.onnx import activations
from xprnn.onnx.library import get_attributes, make_error
from xprnn.onnx.read.graph import FileGraph
from xprnn.onnx.read.values import Stage, Value


def read_affine(graph: FileGraph, node: Any, v: Value, rest: list[Any]) -> Value:
    """Read a sum, difference, product or quotient of x and a constant."""
    if v.prepared == "summed" and node.op_type == "Div":
        return _read_mean(graph, node, v, rest[0])
    c = _read_row(node, v, rest[0])
    if all(isinstance(stage.layer, Scaler) for stage in v.path):
        return _extend_scaler(v, node.op_type, c)
    zero, one = np.zeros_like(c), np.ones_like(c)
    if node.op_type in ("Add", "Sub"):
        return _multiply_add(graph, node, v, one, c if node.op_type == "Add" else -c)
    return _multiply_add(graph, node, v, c if node.op_type == "Mul" else one / c, zero)


def read_subtraction_from(graph: FileGraph, node: Any, v: Value, c: Any) -> Value:
    """Read a constant minus x."""
    c = _read_row(node, v, c)
    if node.op_type == "Div":
        raise make_error(node, "no layer of xprnn does that")
    return _multiply_add(graph, node, v, -np.ones_like(c), c)


def _read_row(node: Any, v: Value, c: Any) -> Any:
    """Return a constant as an array of one number, or one for each feature."""
    if c.size > 1:
        v.check_features_last(node)
        if c.shape[-1] != c.size or c.size != v.size:
            raise make_error(node, "its constant is not one number for each feature")
    return np.reshape(c, -1)


def _read_mean(graph: FileGraph, node: Any, v: Value, c: Any) -> Value:
    """Read the mean over the valid steps, written as a sum divided by their number."""
    batch = [graph.sizes["B"] if a == "B" else 1 for a in v.axes]
    lengths = graph.lengths.reshape(batch)
    if np.broadcast_shapes(c.shape, lengths.shape) != lengths.shape or (c != lengths).any():
        raise make_error(node, "a sum over the steps may be divided only by their number")
    return v._replace(prepared="").append_layer(node, Pool("mean"))


def _extend_scaler(v: Value, op: str, c: Any) -> Value:
    """Return x with an operation added to the standardisation (x - mean) / scale."""
    mean, scale = v.path[0].layer if v.path else (np.zeros(v.size), np.ones(v.size))
    if op in ("Add", "Sub"):
        mean = mean + (c if op == "Sub" else -c) * scale
    else:
        scale = scale * c if op == "Div" else scale / c
    return v._replace(path=(Stage(Scaler(mean, scale)),), prepared="")


def _multiply_add(graph: FileGraph, node: Any, v: Value, slope: Any, shift: Any) -> Value:
    """Multiply and add, in the preceding dense layer if there is one, else in a new one."""
    v.check_features_last(node)
    v = v.complete(node)
    last = v.path[-1] if v.path else None
    if last is not None and isinstance(last.layer, Dense):
        W, b = last.params["W"], last.params.get("b", 0)
        b = np.broadcast_to(b * slope + shift, (1, v.size)).astype(W.dtype)
        params = {"W": (W * slope).astype(W.dtype), "b": b}
        return v._replace(path=(*v.path[:-1], Stage(Dense(v.size), params)))
    graph.spend(node, v.size**2)
    wide = np.broadcast_to(slope, v.size)
    params = {"W": np.diag(wide), "b": np.broadcast_to(shift, (1, v.size)).astype(wide.dtype)}
    return v.append_layer(node, Dense(v.size), params)


def read_matmul(graph: FileGraph, node: Any, v: Value, rest: list[Any]) -> Value:
    """Read MatMul: a dense layer without a bias."""
    W = rest[0]
    v.check_features_last(node)
    if W.ndim != 2 or W.shape[0] != v.size:
        raise make_error(node, "it may multiply only the features, on the last axis, by a matrix")
    return v.append_layer(node, Dense(W.shape[1], bias=False), {"W": W}, size=W.shape[1])


def read_gemm(graph: FileGraph, node: Any, v: Value, rest: list[Any]) -> Value:
    """Read Gemm: a dense layer, α x W + β c."""
    attributes = get_attributes(node)
    if attributes.get("transA", 0):
        raise make_error(node, "transA=1 treats the batch as features")
    W = rest[0].T if attributes.get("transB", 0) else rest[0]
    W = np.asarray(attributes.get("alpha", 1.0) * W, dtype=W.dtype)
    y = read_matmul(graph, node, v, [W])
    if len(rest) == 1:
        return y
    c = np.asarray(attributes.get("beta", 1.0) * rest[1], dtype=W.dtype)
    return _multiply_add(graph, node, y, np.ones(1, dtype=W.dtype), _read_row(node, y, c))


def read_layer_norm(graph: FileGraph, node: Any, v: Value, rest: list[Any]) -> Value:
    """Read LayerNormalization over the features."""
    attributes = get_attributes(node)
    v.check_features_last(node, attributes.get("axis", -1))
    g, b = [*rest, np.zeros_like(rest[0])][:2]
    graph.spend(node, v.size)
    params = {name: np.broadcast_to(a, (1, v.size)).copy() for name, a in (("g", g), ("b", b))}
    return v.append_layer(node, LayerNorm(attributes.get("epsilon", 1e-5)), params)


def read_softmax(graph: FileGraph, node: Any, v: Value, rest: list[Any]) -> Value:
    """Read Softmax and LogSoftmax over the features."""
    usual = -1 if graph.opset >= 13 else 1
    v.check_features_last(node, get_attributes(node).get("axis", usual))
    return v.append_layer(node, Softmax(log=node.op_type == "LogSoftmax"))


def read_activation(graph: FileGraph, node: Any, v: Value, rest: list[Any]) -> Value:
    """Read an activation function."""
    attributes = get_attributes(node)
    alpha, beta = ([attributes[k]] if k in attributes else [] for k in ("alpha", "beta"))
    (f,) = activations.read_activations([node.op_type], alpha, beta, None)
    return v.append_layer(node, Activation(f))
