"""Nodes of a graph that act on the features of each step, as layers."""

from typing import Any

import numpy as np

from xprnn._sequences.scaling import Scaler
from xprnn.layers import Activation, Dense, LayerNorm, Pool, Softmax
from xprnn.onnx import activations
from xprnn.onnx.probe import Probe
from xprnn.onnx.signal import Entry, Signal, given, refused

__all__ = ["activation", "affine", "affine_of", "gemm", "layer_norm", "matmul", "softmax"]


def affine(probe: Probe, node: Any, s: Signal, rest: list[Any]) -> Signal:
    """Read a sum, difference, product or quotient of x and a constant."""
    if s.note == "summed" and node.op_type == "Div":
        return _mean(probe, node, s, rest[0])
    c = _row(node, s, rest[0])
    if all(isinstance(entry.layer, Scaler) for entry in s.path):
        return _scaled(s, node.op_type, c)
    zero, one = np.zeros_like(c), np.ones_like(c)
    if node.op_type in ("Add", "Sub"):
        return _through(probe, node, s, one, c if node.op_type == "Add" else -c)
    return _through(probe, node, s, c if node.op_type == "Mul" else one / c, zero)


def affine_of(probe: Probe, node: Any, s: Signal, c: Any) -> Signal:
    """Read a constant less x."""
    c = _row(node, s, c)
    if node.op_type == "Div":
        raise refused(node, "no layer of xprnn does that")
    return _through(probe, node, s, -np.ones_like(c), c)


def _row(node: Any, s: Signal, c: Any) -> Any:
    """Return a constant as one number, or one for each feature."""
    if c.size > 1:
        s.features_last(node)
        if c.shape[-1] != c.size or c.size != s.size:
            raise refused(node, "its constant is not one number for each feature")
    return np.reshape(c, -1)


def _mean(probe: Probe, node: Any, s: Signal, c: Any) -> Signal:
    """Read the mean over the valid steps, a sum divided by their number."""
    batch = [probe.sizes["B"] if a == "B" else 1 for a in s.axes]
    lengths = probe.lengths.reshape(batch)
    if np.broadcast_shapes(c.shape, lengths.shape) != lengths.shape or (c != lengths).any():
        raise refused(node, "a sum over the steps can be divided by their number only")
    return s._replace(note="").then(node, Pool("mean"))


def _scaled(s: Signal, op: str, c: Any) -> Signal:
    """Take a standardisation of x, (x - mean) / scale, one operation further."""
    mean, scale = s.path[0].layer if s.path else (np.zeros(s.size), np.ones(s.size))
    if op in ("Add", "Sub"):
        mean = mean + (c if op == "Sub" else -c) * scale
    else:
        scale = scale * c if op == "Div" else scale / c
    return s._replace(path=(Entry(Scaler(mean, scale)),), note="")


def _through(probe: Probe, node: Any, s: Signal, slope: Any, shift: Any) -> Signal:
    """Multiply and add, in the dense layer before it, or in one more."""
    s = s.features_last(node).whole(node)
    last = s.path[-1] if s.path else None
    if last is not None and isinstance(last.layer, Dense):
        W, b = last.params["W"], last.params.get("b", 0)
        b = np.broadcast_to(b * slope + shift, (1, s.size)).astype(W.dtype)
        params = {"W": (W * slope).astype(W.dtype), "b": b}
        return s._replace(path=(*s.path[:-1], Entry(Dense(s.size), params)))
    probe.spend(node, s.size**2)
    wide = np.broadcast_to(slope, s.size)
    params = {"W": np.diag(wide), "b": np.broadcast_to(shift, (1, s.size)).astype(wide.dtype)}
    return s.then(node, Dense(s.size), params)


def matmul(probe: Probe, node: Any, s: Signal, rest: list[Any]) -> Signal:
    """Read MatMul: a dense layer without a bias."""
    W = rest[0]
    if W.ndim != 2 or W.shape[0] != s.features_last(node).size:
        raise refused(node, "it can multiply the features, on the last axis, by a matrix")
    return s.then(node, Dense(W.shape[1], bias=False), {"W": W}, size=W.shape[1])


def gemm(probe: Probe, node: Any, s: Signal, rest: list[Any]) -> Signal:
    """Read Gemm: a dense layer, α x W + β c."""
    attributes = given(node)
    if attributes.get("transA", 0):
        raise refused(node, "transA=1 takes the batch for features")
    W = rest[0].T if attributes.get("transB", 0) else rest[0]
    W = np.asarray(attributes.get("alpha", 1.0) * W, dtype=W.dtype)
    y = matmul(probe, node, s, [W])
    if len(rest) == 1:
        return y
    c = np.asarray(attributes.get("beta", 1.0) * rest[1], dtype=W.dtype)
    return _through(probe, node, y, np.ones(1, dtype=W.dtype), _row(node, y, c))


def layer_norm(probe: Probe, node: Any, s: Signal, rest: list[Any]) -> Signal:
    """Read LayerNormalization over the features."""
    attributes = given(node)
    if s.features_last(node).axes[attributes.get("axis", -1)] != "F":
        raise refused(node, "it can go over the features, on the last axis, only")
    g, b = [*rest, np.zeros_like(rest[0])][:2]
    probe.spend(node, s.size)
    params = {name: np.broadcast_to(a, (1, s.size)).copy() for name, a in (("g", g), ("b", b))}
    return s.then(node, LayerNorm(attributes.get("epsilon", 1e-5)), params)


def softmax(probe: Probe, node: Any, s: Signal, rest: list[Any]) -> Signal:
    """Read Softmax and LogSoftmax over the features."""
    usual = -1 if probe.opset >= 13 else 1
    if s.features_last(node).axes[given(node).get("axis", usual)] != "F":
        raise refused(node, "it can go over the features, on the last axis, only")
    return s.then(node, Softmax(log=node.op_type == "LogSoftmax"))


def activation(probe: Probe, node: Any, s: Signal, rest: list[Any]) -> Signal:
    """Read an activation, an operator of its own."""
    attributes = given(node)
    alpha, beta = ([attributes[k]] if k in attributes else [] for k in ("alpha", "beta"))
    (f,) = activations.named([node.op_type], alpha, beta, None)
    return s.then(node, Activation(f))
