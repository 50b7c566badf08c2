"""A causal convolution: a linear map of the most recent steps."""

from dataclasses import dataclass, fields
from typing import Any, ClassVar

from array_api_compat import device

from xprnn import _ops
from xprnn._fields import check_fields, flag, set_fields, whole
from xprnn.backend import host
from xprnn.layers.dense import Dense
from xprnn.layers.protocol import Stateless, Time


@dataclass(frozen=True)
class CausalConv(Stateless):
    """A linear map of the p most recent valid steps, at every step or only at the last one.

    With W the matrices W₁, …, Wₚ (F, O) stacked vertically::

        y(t) = x(t-p+1) W₁ + … + x(t) Wₚ + b        dx(t) = dy(t) Wₚᵀ + … + dy(t+p-1) W₁ᵀ

    x is zero before the first step. The state is the last p-1 valid steps side by side,
    (..., B, (p-1)·F), the oldest first; with p = 1 it is empty. With `last` the state holds the
    last p steps, so that the output can be computed even if no valid step follows. Padding steps
    are skipped.

    Parallel to recurrent layers it is the autoregressive part of LSTNet: Lai, Chang, Yang and Liu,
    "Modeling long- and short-term temporal patterns with deep neural networks", 2018.

    Parameters
    ----------
    output_size : int
        O, the number of outputs.
    kernel_size : int
        p, the number of steps in the map.
    bias : bool
        Whether to add b.
    last : bool
        Whether to output the last valid step only, (..., T, B, F) to (..., 1, B, O). This takes
        one T-th of the work of ``Pool("last")`` after the map.
    kernel_initializer, bias_initializer : str or Initializer
        How to draw W (p·F, O) and b (1, O).

    Examples
    --------
    The change of x since the previous step:

    >>> import numpy as np
    >>> from xprnn.layers import CausalConv
    >>> x = np.array([3.0, 5.0, 6.0]).reshape(3, 1, 1)
    >>> params = {"W": np.array([[-1.0], [1.0]])}
    >>> y, state, _ = CausalConv(1, 2, bias=False).forward(params, x, None, None, xp=np)
    >>> y.ravel().tolist(), state
    ([3.0, 2.0, 1.0], (array([[6.]]),))
    """

    output_size: int
    kernel_size: int
    bias: bool = True
    last: bool = False
    kernel_initializer: Any = "glorot_uniform"
    bias_initializer: Any = "zeros"

    time: ClassVar[Time] = "causal"

    def __post_init__(self):
        check_fields(self, kernel_size=whole, last=flag)
        dense = self._dense()
        for field in fields(dense):
            set_fields(self, **{field.name: getattr(dense, field.name)})

    @property
    def keeps_steps(self) -> bool:  # type: ignore[override]
        """Whether there is an output at every step."""
        return not self.last

    @property
    def _kept(self):
        """The number of steps in the state."""
        return self.kernel_size if self.last else self.kernel_size - 1

    def _dense(self):
        """Return the dense layer that maps p steps side by side."""
        return Dense(self.output_size, self.bias, self.kernel_initializer, self.bias_initializer)

    def init(self, rng, features):
        """Draw W and, with `bias`, b."""
        return self._dense().init(rng, self.kernel_size * features)

    def initial_state(self, params, batch, *, xp):
        """Return zeros, as the steps before the first."""
        W = params["W"]
        size = self._kept * (W.shape[-2] // self.kernel_size)
        zeros = xp.zeros((*W.shape[:-2], batch, size), dtype=W.dtype, device=device(W))
        return (zeros,) if size else ()

    def forward(self, params, x, state, mask, *, noise=None, xp):
        """Map the most recent steps, at every step or only at the last one."""
        if state is None:
            state = self.initial_state(params, x.shape[-2], xp=xp)
        x, lag, kept = _ops.apply_mask(x, mask, xp=xp), self.kernel_size - 1, self._kept
        parts = [*(_to_steps(s, kept, xp) for s in state), x]
        lead = host.broadcast_shapes(*(a.shape[:-3] for a in parts))
        parts = [xp.broadcast_to(a, (*lead, *a.shape[-3:])) for a in parts]
        order, back = _sort_padding_first(mask, kept, xp)
        steps = _take(xp.concat(parts, axis=-3), order, xp)
        end = tuple(_to_state(steps[..., -kept:, :, :], xp) for _ in state)
        cache = steps, order, back, mask, (x.shape, [s.shape for s in state])
        if self.last:
            seen = _windows(steps[..., -kept:, :, :], lag, xp)
            return _ops.affine(params, seen, xp=xp), end, cache
        y = _ops.affine(params, _windows(steps, lag, xp), xp=xp)
        y = _take(_pad(y, lag, 0, xp), back, xp)[..., lag:, :, :]
        return _ops.apply_mask(y, mask, xp=xp), end, cache

    def backward(self, params, dy, dstate, cache, *, input_grad=True, xp):
        """Transpose `forward`; the gradient of the steps is also a convolution."""
        steps, order, back, mask, (x_shape, state_shapes) = cache
        lag, kept = self.kernel_size - 1, self._kept
        if self.last:
            seen = _windows(steps[..., -kept:, :, :], lag, xp)
            dseen = _ops.affine({"W": xp.matrix_transpose(params["W"])}, dy, xp=xp)
            dsteps = _pad(_to_steps(dseen[..., 0, :, :], kept, xp), x_shape[-3], 0, xp)
        else:
            dy = _take(_pad(_ops.apply_mask(dy, mask, xp=xp), lag, 0, xp), order, xp)
            seen = _windows(steps, lag, xp)
            dsteps, dy = _transpose(params["W"], dy, lag, xp), dy[..., lag:, :, :]
        grads, _ = _ops.affine_backward(params, dy, seen, input_grad=False, xp=xp)
        for d in dstate:
            dsteps = dsteps + _pad(_to_steps(d, kept, xp), x_shape[-3], 0, xp)
        dsteps = _take(dsteps, back, xp)
        dstart = _to_state(dsteps[..., :kept, :, :], xp)
        dx = _ops.sum_to(dsteps[..., kept:, :, :], x_shape, xp=xp)
        return grads, dx, tuple(_ops.sum_to(dstart, shape, xp=xp) for shape in state_shapes)


def _transpose(W, dy, lag, xp):
    """Return the gradient of the steps, given the gradient of the outputs at every step."""
    *lead, rows, outputs = W.shape
    W = xp.reshape(W, (*lead, lag + 1, rows // (lag + 1), outputs))
    W = xp.matrix_transpose(xp.flip(W, axis=-3))
    W = xp.reshape(W, (*lead, (lag + 1) * outputs, rows // (lag + 1)))
    return _ops.affine({"W": W}, _windows(_pad(dy, 0, lag, xp), lag, xp), xp=xp)


def _to_steps(state, count, xp):
    """Split steps side by side, (..., B, count·F), into (..., count, B, F)."""
    *lead, size = state.shape
    return xp.moveaxis(xp.reshape(state, (*lead, count, size // count)), -2, -3)


def _to_state(steps, xp):
    """Put steps (..., count, B, F) side by side, (..., B, count·F)."""
    *lead, count, batch, features = steps.shape
    return xp.reshape(xp.moveaxis(steps, -3, -2), (*lead, batch, count * features))


def _windows(a, lag, xp):
    """Return each step and the `lag` steps before it as one, (..., T - lag, B, (lag + 1)·F)."""
    count = a.shape[-3] - lag
    return xp.concat([a[..., k : k + count, :, :] for k in range(lag + 1)], axis=-1)


def _pad(a, before, after, xp):
    """Add `before` steps of zeros before the steps and `after` behind them."""
    *lead, _, batch, features = a.shape
    shapes = [(*lead, n, batch, features) for n in (before, after)]
    first, last = (xp.zeros(shape, dtype=a.dtype, device=device(a)) for shape in shapes)
    return xp.concat([first, a, last], axis=-3)


def _sort_padding_first(mask, kept, xp):
    """Return the order in which `_take` puts padding steps first, and its inverse.

    The steps are `kept` valid ones followed by those of the mask. The valid steps of a row then
    stand side by side at its end.
    """
    if mask is None:
        return None, None
    late = _pad(xp.astype(mask, xp.int64) - 1, kept, 0, xp)[..., 0]  # -1 at padding steps, else 0
    columns = xp.arange(mask.shape[-2], device=device(mask))
    rows = xp.argsort(late, axis=0, stable=True) * mask.shape[-2] + columns
    order = xp.reshape(rows, (-1,))
    return order, xp.argsort(order)


def _take(a, order, xp):
    """Reorder the rows (..., T, B, F) by an order of T·B indices; None leaves them unchanged."""
    if order is None:
        return a
    return xp.reshape(xp.take(_ops.flatten_steps(a, xp=xp), order, axis=-2), a.shape)
