"""A loss in which every step has a weight."""

from dataclasses import dataclass

from xprnn import _ops
from xprnn._typing import Array
from xprnn.losses._common import count
from xprnn.losses.protocol import Loss

__all__ = ["Weighted"]


@dataclass(frozen=True, eq=False)
class Weighted:
    """L = Σ_{t,b} w_tb l_tb / N, with l_tb the loss of a step by itself and N the valid steps.

    Where the weights are whole numbers of mean 1, that is the loss of data in which every
    step stands w_tb times. Each step is handed to the loss as a model of its own on the
    leading axes, so that any loss can be weighted.

    Parameters
    ----------
    loss : Loss
    weights : array, (T, B, 1) or (1, B, 1)
        w, not below 0.

    Examples
    --------
    >>> import numpy as np
    >>> from xprnn.losses import MSE
    >>> from xprnn.losses.weighted import Weighted
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

        steps = count(y_hat, mask, xp)
        weights = xp.broadcast_to(self.weights, (*y_hat.shape[-3:-1], 1))
        share = alone(weights) / steps
        values, slopes = self.loss(alone(y_hat), alone(y), None, xp=xp)
        value = _ops.total(xp.reshape(share, (-1,)) * values, -1, xp=xp)
        return value, xp.reshape(share * slopes, y_hat.shape)
