"""Losses that wrap another loss: one weights every step, one reports in the units of y."""

from dataclasses import dataclass
from typing import Any, NamedTuple

from xprnn import _ops
from xprnn._typing import Array, Namespace
from xprnn.losses.protocol import Loss, unscale


@dataclass(frozen=True, eq=False)
class Weighted:
    """L = Σ_{t,b} w_tb l_tb / N, where l_tb is one step's loss and N the number of valid steps.

    If the weights are integers with mean 1, L is the loss of data in which every step occurs w_tb
    times. The inner loss gets each step as a separate model on the leading axes, so any loss can
    be weighted.

    Parameters
    ----------
    loss : Loss
    weights : array, (T, B, 1) or (1, B, 1)
        w, at least 0.

    Examples
    --------
    >>> import numpy as np
    >>> from xprnn.losses import MSE
    >>> from xprnn.losses.units import Weighted
    >>> y_hat, y = np.array([[[1.0], [3.0]]]), np.zeros((1, 2, 1))
    >>> loss = Weighted(MSE(), np.array([[[1.5], [0.5]]]))
    >>> value, dy_hat = loss(y_hat, y, None, xp=np)
    >>> float(value), dy_hat.ravel().tolist()
    (3.0, [1.5, 1.5])
    """

    loss: Loss
    weights: Array

    def __call__(self, y_hat, y, mask, *, xp):
        """Return the value (...) and its gradient, shaped like `y_hat`."""

        def alone(a):
            a = _ops.apply_mask(a, mask, xp=xp)
            return xp.reshape(a, (*a.shape[:-3], -1, 1, 1, a.shape[-1]))

        steps = _ops.count_steps(y_hat, mask, xp=xp)
        weights = xp.broadcast_to(self.weights, (*y_hat.shape[-3:-1], 1))
        share = alone(weights) / steps
        values, slopes = self.loss(alone(y_hat), alone(y), None, xp=xp)
        value = _ops.total(xp.reshape(share, (-1,)) * values, -1, xp=xp)
        return value, xp.reshape(share * slopes, y_hat.shape)


class Value(NamedTuple):
    """The value of a loss, (...), in two forms."""

    minimised: Array
    """The loss on the standardised y, which the training minimises; independent of the units of
    y."""
    in_units: Array
    """The loss on y in its original units."""


@dataclass(frozen=True, eq=False)
class InUnits:
    """A loss whose gradient is computed on the standardised y and whose value is a `Value`.

    Parameters
    ----------
    loss : Loss
    scaler : Scaler or None
        The scaler of y, in float64; None if y is not standardised.
    weights : array, (T, B, 1) or (1, B, 1), or None
        The weights of the steps, as for `Weighted`.
    """

    loss: Loss
    scaler: Any
    weights: Array | None = None

    def __call__(self, y_hat, y, mask, *, xp):
        """Return the value and the gradient for the standardised ŷ."""
        loss = self.loss if self.weights is None else Weighted(self.loss, self.weights)
        scaler, degree, value = self.scaler, getattr(self.loss, "degree", None), None
        one_factor = degree is not None and scaler is not None and scaler.scale.shape[0] == 1
        if scaler is not None and not one_factor:
            value = in_units(self.loss, y_hat, y, mask, scaler, weights=self.weights, xp=xp)
        minimised, dy_hat = loss(y_hat, y, mask, xp=xp)
        if scaler is None:
            value = minimised
        elif one_factor:
            value = xp.astype(minimised, xp.float64) * scaler.scale[0] ** degree
        return Value(minimised, value), dy_hat


def in_units(
    loss: Loss,
    y_hat: Array,
    y: Array,
    mask: Array | None,
    scaler: Any,
    *,
    trained_on: Loss | None = None,
    weights: Array | None = None,
    xp: Namespace,
) -> Array:
    """Return the loss of the standardised ŷ and y in the original units, in float64.

    If the loss depends only on the errors ŷ - y, the mean of y is not added back: with a mean far
    from zero, the errors would lose precision.

    Parameters
    ----------
    loss : Loss
    y_hat, y : array, (..., T, B, O') and (T, B, O)
    mask : array, (T, B, 1), or None
    scaler : Scaler or None
        The scaler of y, in float64; None if y is not standardised.
    trained_on : Loss, optional
        The loss whose `unscale` converts outputs to predictions, if it differs from `loss`.
    weights : array, optional
        The weights of the steps; see `InUnits`.
    xp : namespace

    Returns
    -------
    array, (...)

    Examples
    --------
    >>> import numpy as np
    >>> from xprnn.losses import MSE
    >>> from xprnn.losses.units import in_units
    >>> from xprnn import Scaler
    >>> y_hat, y = np.full((1, 1, 1), 2, dtype="float32"), np.zeros((1, 1, 1), dtype="float32")
    >>> scaler = Scaler(mean=np.array([1e9]), scale=np.array([2.0**-100]))
    >>> float(in_units(MSE(), y_hat, y, None, scaler, xp=np))
    2.4...e-60
    """
    y_hat, y = (xp.astype(a, xp.float64, copy=False) for a in (y_hat, y))
    if scaler is not None:
        if getattr(loss, "of_errors", False):
            scaler = scaler._replace(mean=xp.zeros_like(scaler.mean))
        y_hat = unscale(trained_on or loss, y_hat, scaler, xp=xp)
        y = scaler.invert(y)
        if loss == (trained_on or loss):
            loss = getattr(loss, "unbounded", loss)
    if weights is not None:
        loss = Weighted(loss, xp.astype(weights, xp.float64, copy=False))
    return loss(y_hat, y, mask, xp=xp)[0]
