"""Convert parameters from and to the layout of ONNX's recurrent nodes.

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

from xprnn._layouts import make_recurrent_bias, merge_biases, reorder

_ORDERS = {1: (0,), 3: (1, 0, 2), 4: (0, 3, 1, 2)}
"""The indices of xprnn's gate blocks in ONNX's order, by the number of gates."""

_PEEPHOLES = (0, 2, 1)


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
    B = np.zeros(2 * len(R), dtype=R.dtype) if B is None else B
    arrays = (W.T, R.T, *(half[None, :] for half in np.split(B, 2)))
    W, U, *biases = (reorder(a, np.argsort(_ORDERS[cell.gates])) for a in arrays)
    params = {"W": W, "U": U, **merge_biases(cell, *biases)}
    if getattr(cell, "peepholes", False):
        params["v"] = reorder(P[None, :], np.argsort(_PEEPHOLES))
    return params


def to_node(cell: Any, params: dict[str, Any]) -> list[Any]:
    """Return the node's W, R, B and, with peepholes, P."""
    arrays = params["W"], params["U"], params["b"], make_recurrent_bias(cell, params)
    W, U, *biases = (reorder(a, _ORDERS[cell.gates]) for a in arrays)
    P = [reorder(params["v"], _PEEPHOLES)[0]] if getattr(cell, "peepholes", False) else []
    return [W.T, U.T, np.concatenate(biases, axis=-1)[0], *P]
