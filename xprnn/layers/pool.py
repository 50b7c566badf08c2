"""Pooling over the steps: the last valid step, the mean or the maximum."""

from dataclasses import dataclass
from typing import ClassVar, Literal

from xprnn import _ops
from xprnn._fields import check_fields, one_of
from xprnn.layers.protocol import Stateless, Time


def _last(xs, counts, xp):
    """Return 1 at the last step that counts and 0 elsewhere."""
    valid = xp.astype(counts > 0, counts.dtype)
    later = xp.flip(xp.cumulative_sum(xp.flip(valid, axis=-3), axis=-3), axis=-3)
    return xp.astype((valid > 0) & (later == 1), counts.dtype)


def _mean(xs, counts, xp):
    """Return the weight of each step in the mean over the steps that count."""
    total = _ops.total(counts, -3, keepdims=True, xp=xp)
    return counts / xp.maximum(total, xp.ones_like(total))


def _max(xs, counts, xp):
    """Return 1 at the largest value that counts, split equally between ties."""
    low = xp.full_like(xs, -float("inf"))
    candidates = xp.where(counts > 0, xs, low)
    hit = (counts > 0) & (xs == xp.max(candidates, axis=-3, keepdims=True))
    hit = xp.astype(hit, xs.dtype)
    hits = _ops.total(hit, -3, keepdims=True, xp=xp)
    return hit / xp.maximum(hits, xp.ones_like(hits))


_POOLS = {"last": _last, "mean": _mean, "max": _max}


@dataclass(frozen=True)
class Pool(Stateless):
    """Pooling of a sequence's valid steps into one step: (..., T, B, F) to (..., 1, B, F).

    The output is a weighted sum over the steps, y = Σ w(t) x(t). The state holds the output so far
    and the number of steps behind it, and enters the sum as one more step. A sequence may
    therefore come in chunks: the output after the last chunk is that of the whole sequence.

    Parameters
    ----------
    how : {"last", "mean", "max"}
        The last valid step, the mean over the valid steps, or the maximum of each feature. Ties
        for the maximum share the gradient.

    Examples
    --------
    >>> import numpy as np
    >>> from xprnn.layers import Pool
    >>> x = np.array([3.0, 1.0, 2.0]).reshape(3, 1, 1)
    >>> [Pool(how).forward((), x, None, None, xp=np)[0].item() for how in ("last", "mean", "max")]
    [2.0, 2.0, 3.0]
    """

    how: Literal["last", "mean", "max"] = "last"

    time: ClassVar[Time] = "causal"
    keeps_steps: ClassVar[bool] = False

    def __post_init__(self):
        check_fields(self, how=one_of(_POOLS))

    def forward(self, params, x, state, mask, *, noise=None, xp):
        """Return the pooled step; the state is (value so far, number of steps)."""
        x = _ops.apply_mask(x, mask, xp=xp)
        one = xp.ones_like(x[..., :1])
        steps = one if mask is None else xp.where(mask, one, xp.zeros_like(one))
        value, count = state or (xp.zeros_like(x[..., 0, :, :]), xp.zeros_like(one[..., 0, :, :]))
        xs = xp.concat([value[..., None, :, :], x], axis=-3)
        counts = xp.concat([count[..., None, :, :], steps], axis=-3)
        w = _POOLS[self.how](xs, counts, xp)
        y = _ops.total(w * xs, -3, keepdims=True, xp=xp)
        total = _ops.total(counts, -3, xp=xp)
        return y, (y[..., 0, :, :], total), (w, value, y, total, mask)

    def backward(self, params, dy, dstate, cache, *, input_grad=True, xp):
        """Transpose `forward`."""
        w, value, y, total, mask = cache
        dvalue, dcount = dstate
        dy = dy + dvalue[..., None, :, :]
        dxs = w * dy
        if self.how == "mean":
            y, dy, one = y[..., 0, :, :], dy[..., 0, :, :], xp.ones_like(total)
            divisor = xp.maximum(total, one)
            slope = value - xp.where(total > one, y, xp.zeros_like(y))
            dcount = dcount + xp.sum(dy * slope / divisor, axis=-1, keepdims=True)
        dx = _ops.apply_mask(dxs[..., 1:, :, :], mask, xp=xp)
        return (), dx, (dxs[..., 0, :, :], dcount)
