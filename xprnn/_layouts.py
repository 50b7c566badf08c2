"""Convert to and from other libraries' order of gates and their two biases per layer."""

from typing import Any

import numpy as np

from xprnn.cells import GRU


def reorder(a: Any, order: Any) -> Any:
    """Reorder the blocks of the last axis by a list of indices."""
    parts = np.split(a, len(order), axis=-1)
    return np.concatenate([parts[k] for k in order], axis=-1)


def merge_biases(cell: Any, bias: Any, recurrent_bias: Any) -> dict[str, Any]:
    """Return b and, for GRU, v, from the input and recurrent biases (1, G·H)."""
    if not isinstance(cell, GRU):
        return {"b": bias + recurrent_bias}
    *gates, v = np.split(recurrent_bias, 3, axis=-1)
    return {"b": bias + np.concatenate([*gates, np.zeros_like(v)], axis=-1), "v": v}


def make_recurrent_bias(cell: Any, params: dict[str, Any]) -> Any:
    """Return zeros (1, G·H), with v in the candidate's part of a GRU."""
    bias = np.zeros_like(params["b"])
    if isinstance(cell, GRU):
        bias[:, -params["v"].shape[-1] :] = params["v"]
    return bias
