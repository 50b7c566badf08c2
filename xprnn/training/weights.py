"""The weights of sequences, or of their steps, in the loss."""

from typing import Any

from xprnn.backend import admit, host, to_host
from xprnn.losses import Loss
from xprnn.modes import Pair
from xprnn.sequences import check_finite

__all__ = ["step_weights"]


def step_weights(sample_weight: Any, pair: Pair, loss: Loss) -> Any:
    """Return weights as a NumPy array (T, B) or (1, B), of mean 1 over the valid steps of y.

    Raises
    ------
    ValueError
        If they do not fit y, if one is below zero or not finite, or if all are zero.
    """
    if sample_weight is None:
        return None
    if getattr(loss, "class_weights", None) is not None:
        raise ValueError(
            "sample_weight and the class_weights of the loss both weigh steps; give their product "
            "as sample_weight, and a loss without class_weights"
        )
    given = to_host(admit("sample_weight", sample_weight)).astype("float64")
    B, steps = pair.y.shape[:2]
    per_step = pair.mode == "many_to_many"
    expected = [(B,), (B, steps)] if per_step else [(B,)]
    if given.shape not in expected:
        shapes = " or ".join(map(str, expected))
        raise ValueError(
            f"sample_weight must have shape {shapes}, one number for each sequence"
            f"{' or step' if per_step else ''}, got {given.shape}"
        )
    if pair.x.rank < 3 and given.ndim == 1:
        raise ValueError(
            "sample_weight of one number has no effect: x is one sequence, and only the ratios of "
            f"the weights matter; give one for each step, (1, {steps})"
        )
    check_finite("sample_weight", given)
    if (given < 0).any():
        raise ValueError(f"sample_weight must not hold numbers below zero, got {given.min()}")
    weights = given[None, :] if given.ndim == 1 else given.T
    valid = host.ones((steps if per_step else 1, B))
    if per_step and pair.x.valid is not None:
        valid = pair.x.valid.T.astype("float64")
    mean = (weights * valid).sum() / valid.sum()
    if mean == 0:
        raise ValueError(
            "sample_weight must hold a number above zero, got a weight of zero for all"
        )
    return weights / mean
