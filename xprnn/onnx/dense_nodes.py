"""Nodes of a graph that act on the features of each step, as layers."""

from typing import Any

import numpy as np

from xprnn.layers import Dense, LayerNorm, Pool
from xprnn.onnx.chain import Chain, Signal, given, refused

__all__ = ["affine", "affine_of", "gemm", "layer_norm", "matmul"]


def affine(chain: Chain, node: Any, s: Signal, rest: list[Any]) -> Signal:
    """Read a sum, difference, product or quotient of x and a constant."""
    if s.note == "summed" and node.op_type == "Div":
        return _mean(chain, node, s, rest[0])
    c = _row(node, s, rest[0])
    if not chain.layers:
        _scale(chain, node.op_type, c)
        return s._replace(note="")
    zero, one = np.zeros_like(c), np.ones_like(c)
    if node.op_type in ("Add", "Sub"):
        return _through(chain, node, s, one, c if node.op_type == "Add" else -c)
    return _through(chain, node, s, c if node.op_type == "Mul" else one / c, zero)


def affine_of(chain: Chain, node: Any, s: Signal, c: Any) -> Signal:
    """Read a constant less x."""
    c = _row(node, s, c)
    if node.op_type == "Div" or not chain.layers:
        raise refused(node, "no layer of xprnn does that")
    return _through(chain, node, s, -np.ones_like(c), c)


def _row(node: Any, s: Signal, c: Any) -> Any:
    """Return a constant as one number, or one for each feature."""
    if c.size > 1 and (s.axes[-1] != "F" or c.shape[-1] != c.size or c.size != s.size):
        raise refused(node, "its constant is not one number for each feature")
    if not s.whole:
        raise refused(node, "no layer of xprnn does that")
    return np.reshape(c, -1)


def _mean(chain: Chain, node: Any, s: Signal, c: Any) -> Signal:
    """Read the mean over the valid steps, a sum divided by their number."""
    batch = [chain.probe.sizes["B"] if a == "B" else 1 for a in s.axes]
    lengths = chain.probe.lengths.reshape(batch)
    if np.broadcast_shapes(c.shape, lengths.shape) != lengths.shape or (c != lengths).any():
        raise refused(node, "a sum over the steps can be divided by their number only")
    return chain.add(node, s._replace(note=""), Pool("mean"), ())


def _scale(chain: Chain, op: str, c: Any) -> None:
    """Take a standardisation of x, (x - mean) / scale, one operation further."""
    if op in ("Add", "Sub"):
        chain.mean = chain.mean + (c if op == "Sub" else -c) * chain.scale
    else:
        chain.scale = chain.scale * c if op == "Div" else chain.scale / c


def _through(chain: Chain, node: Any, s: Signal, slope: Any, shift: Any) -> Signal:
    """Multiply and add, in the dense layer before it, or in one more."""
    if s.level == len(chain.layers) and isinstance(chain.layers[-1], Dense):
        W, b = chain.params[-1]["W"], chain.params[-1].get("b", 0)
        b = np.broadcast_to(b * slope + shift, (1, s.size)).astype(W.dtype)
        chain.params[-1] = {"W": (W * slope).astype(W.dtype), "b": b}
        chain.layers[-1] = Dense(s.size)
        return s
    wide = np.broadcast_to(slope, s.size)
    params = {"W": np.diag(wide), "b": np.broadcast_to(shift, (1, s.size)).astype(wide.dtype)}
    return chain.add(node, s, Dense(s.size), params)


def matmul(chain: Chain, node: Any, s: Signal, rest: list[Any]) -> Signal:
    """Read MatMul: a dense layer without a bias."""
    W = rest[0]
    if s.axes[-1] != "F" or W.ndim != 2 or W.shape[0] != s.size:
        raise refused(node, "it can multiply the features, on the last axis, by a matrix")
    return chain.add(node, s, Dense(W.shape[1], bias=False), {"W": W}, size=W.shape[1])


def gemm(chain: Chain, node: Any, s: Signal, rest: list[Any]) -> Signal:
    """Read Gemm: a dense layer, α x W + β c."""
    attributes = given(node)
    if attributes.get("transA", 0):
        raise refused(node, "transA=1 takes the batch for features")
    W = rest[0].T if attributes.get("transB", 0) else rest[0]
    W = np.asarray(attributes.get("alpha", 1.0) * W, dtype=W.dtype)
    y = matmul(chain, node, s, [W])
    if len(rest) == 1:
        return y
    c = np.asarray(attributes.get("beta", 1.0) * rest[1], dtype=W.dtype)
    return _through(chain, node, y, np.ones(1, dtype=W.dtype), _row(node, y, c))


def layer_norm(chain: Chain, node: Any, s: Signal, rest: list[Any]) -> Signal:
    """Read LayerNormalization over the features."""
    attributes = given(node)
    if s.axes[-1] != "F" or attributes.get("axis", -1) not in (-1, len(s.axes) - 1):
        raise refused(node, "it can go over the features, on the last axis, only")
    g, b = [*rest, np.zeros_like(rest[0])][:2]
    params = {name: np.broadcast_to(a, (1, s.size)).copy() for name, a in (("g", g), ("b", b))}
    return chain.add(node, s, LayerNorm(attributes.get("epsilon", 1e-5)), params)
