"""Parameters from and to the layout of ONNX's recurrent nodes.

==========  =========================================  ==============================
xprnn       ONNX, for each direction                   blocks of a gate
==========  =========================================  ==============================
W (F, G·H)  W (G·H, F) transposed                      LSTM i, f, g, o: i, o, f, c
U (H, G·H)  R (G·H, H) transposed                      GRU r, z, n: z, r, h
b (1, G·H)  the sum of both halves of B (2·G·H,)
v of GRU    the candidate's part of B's second half
v of LSTM   P (3·H,)                                   i, f, o: i, o, f
==========  =========================================  ==============================
"""

from typing import Any

import numpy as np

from xprnn import cells
from xprnn.cells import GRU

_ORDERS = {1: (0,), 3: (1, 0, 2), 4: (0, 3, 1, 2)}
"""The index of the block of ours that comes first, second, … in ONNX, by the number of gates."""

_PEEPHOLES = (0, 2, 1)


def _from_onnx_order(a: Any, order: tuple[int, ...]) -> Any:
    """Return the blocks of the last axis, in ONNX's order, in ours."""
    blocks = cells.blocks(a, len(order))
    return np.concatenate([blocks[order.index(k)] for k in range(len(order))], axis=-1)


def _to_onnx_order(a: Any, order: tuple[int, ...]) -> Any:
    """Return the blocks of the last axis, in our order, in ONNX's."""
    blocks = cells.blocks(a, len(order))
    return np.concatenate([blocks[k] for k in order], axis=-1)


def from_node(cell: Any, W: Any, R: Any, B: Any, P: Any) -> dict[str, Any]:
    """Return the parameters of a `Recurrent` layer.

    Parameters
    ----------
    cell : Cell
        `Elman`, `LSTM`, `GRU` or `GRUResetBefore`.
    W, R : array, (G·H, F) and (G·H, H)
    B : array, (2·G·H,), or None
    P : array, (3·H,), or None
    """
    order = _ORDERS[cell.gates]
    B = np.zeros(2 * len(R), dtype=R.dtype) if B is None else B
    bias, recurrent_bias = (_from_onnx_order(half[None, :], order) for half in np.split(B, 2))
    params = {"W": _from_onnx_order(W.T, order), "U": _from_onnx_order(R.T, order)}
    if isinstance(cell, GRU):
        *gates, v = cells.blocks(recurrent_bias, 3)
        recurrent_bias = np.concatenate([*gates, np.zeros_like(v)], axis=-1)
        return {**params, "b": bias + recurrent_bias, "v": v}
    params["b"] = bias + recurrent_bias
    if getattr(cell, "peepholes", False):
        params["v"] = _from_onnx_order(P[None, :], _PEEPHOLES)
    return params


def to_node(cell: Any, params: dict[str, Any]) -> list[Any]:
    """Return the node's W, R, B and, with peepholes, P."""
    order, v = _ORDERS[cell.gates], params.get("v", np.zeros((1, 0)))
    b = _to_onnx_order(params["b"], order)[0]
    recurrent_bias = np.zeros_like(b)
    if isinstance(cell, GRU):
        recurrent_bias[-v.shape[-1] :] = v[0]
    arrays = [_to_onnx_order(params["W"], order).T, _to_onnx_order(params["U"], order).T]
    arrays.append(np.concatenate([b, recurrent_bias]))
    if getattr(cell, "peepholes", False):
        arrays.append(_to_onnx_order(v, _PEEPHOLES)[0])
    return arrays
