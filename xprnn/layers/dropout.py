"""Dropout between layers."""

from dataclasses import dataclass

from xprnn import _ops
from xprnn._validate import number, settle
from xprnn.layers.protocol import Stateless

__all__ = ["Dropout"]


@dataclass(frozen=True)
class Dropout(Stateless):
    """y = k x with k = 0 or 1 / (1 - rate), drawn for every number of x; y = x without noise.

    Srivastava et al., "Dropout: a simple way to prevent neural networks from
    overfitting", 2014. On the recurrent state: ``Recurrent(recurrent_dropout=)``.

    Parameters
    ----------
    rate : float
        The probability of k = 0, at least 0 and below 1.

    Examples
    --------
    >>> import numpy as np
    >>> from xprnn.layers import Dropout
    >>> from xprnn._noise import Noise
    >>> x = np.ones((1, 1, 8))
    >>> y, _, _ = Dropout(0.5).forward((), x, (), None, noise=Noise((1,)), xp=np)
    >>> y.ravel().tolist()
    [2.0, 2.0, 0.0, 2.0, 0.0, 0.0, 2.0, 0.0]
    """

    rate: float

    def __post_init__(self):
        settle(self, rate=number("rate", self.rate, least=0, below=1))

    def forward(self, params, x, state, mask, *, noise=None, xp):
        """Drop numbers of x."""
        x = _ops.apply_mask(x, mask, xp=xp)
        if noise is None or self.rate == 0:
            return x, (), (None, mask)
        keep = noise.every_step(x, self.rate)
        return keep * x, (), (keep, mask)

    def backward(self, params, dy, dstate, cache, *, input_grad=True, xp):
        """Transpose `forward`."""
        keep, mask = cache
        dy = _ops.apply_mask(dy, mask, xp=xp)
        return (), (dy if keep is None else keep * dy), ()
