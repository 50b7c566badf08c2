"""Layers without parameters that process each step separately: activation, softmax, dropout."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

from xprnn import _ops, activations
from xprnn._fields import check_fields, flag, fraction, set_fields
from xprnn.layers.protocol import Stateless


@dataclass(frozen=True)
class _Function(Stateless, ABC):
    """A function that is applied at each step."""

    @abstractmethod
    def _forward(self, x, *, xp):
        """Return y."""

    @abstractmethod
    def _backward(self, dy, x, y, *, xp):
        """Return dx."""

    def forward(self, params, x, state, mask, *, noise=None, xp):
        """Apply the function at every valid step."""
        x = _ops.apply_mask(x, mask, xp=xp)
        y = _ops.apply_mask(self._forward(x, xp=xp), mask, xp=xp)
        return y, (), (x, y, mask)

    def backward(self, params, dy, dstate, cache, *, input_grad=True, xp):
        """Transpose `forward`."""
        x, y, mask = cache
        dx = self._backward(_ops.apply_mask(dy, mask, xp=xp), x, y, xp=xp)
        return (), _ops.apply_mask(dx, mask, xp=xp), ()


@dataclass(frozen=True)
class Activation(_Function):
    """y(t) = f(x(t)) at every step.

    Parameters
    ----------
    activation : str or Activation
        f, by name or as an object of `xprnn.activations`.

    Examples
    --------
    >>> import numpy as np
    >>> from xprnn.layers import Activation
    >>> x = np.array([-2.0, 3.0]).reshape(1, 1, 2)
    >>> Activation("relu").forward((), x, (), None, xp=np)[0]
    array([[[0., 3.]]])
    """

    activation: Any = "tanh"

    def __post_init__(self):
        set_fields(self, activation=activations.get(self.activation))

    def _forward(self, x, *, xp):
        return self.activation.forward(x, xp=xp)

    def _backward(self, dy, x, y, *, xp):
        return self.activation.backward(dy, x, y, xp=xp)


@dataclass(frozen=True)
class Softmax(_Function):
    """The softmax of each step's features, y = exp(x) / Σ exp(x), or its logarithm.

    ::

        y = exp(x) / Σ exp(x)          dx = y (dy - Σ dy y)
        y = x - log Σ exp(x)           dx = dy - exp(y) Σ dy          with log=True

    To train a classifier, leave this layer out: `xprnn.losses.CrossEntropy` takes the scores
    before the softmax.

    Parameters
    ----------
    log : bool
        Whether to return the logarithms.

    Examples
    --------
    >>> import numpy as np
    >>> from xprnn.layers import Softmax
    >>> y, _, _ = Softmax().forward((), np.log([[[1.0, 3.0]]]), (), None, xp=np)
    >>> y.round(2)
    array([[[0.25, 0.75]]])
    """

    log: bool = False

    def __post_init__(self):
        check_fields(self, log=flag)

    def _forward(self, x, *, xp):
        x = x - xp.max(x, axis=-1, keepdims=True)
        e = xp.exp(x)
        total = xp.sum(e, axis=-1, keepdims=True)
        return x - xp.log(total) if self.log else e / total

    def _backward(self, dy, x, y, *, xp):
        if self.log:
            return dy - xp.exp(y) * xp.sum(dy, axis=-1, keepdims=True)
        return y * (dy - xp.sum(dy * y, axis=-1, keepdims=True))


@dataclass(frozen=True)
class Dropout(Stateless):
    """y = k x with k = 0 or 1 / (1 - rate), drawn for every value of x; y = x without noise.

    Srivastava et al., "Dropout: a simple way to prevent neural networks from
    overfitting", 2014. For dropout on the recurrent state, see ``Recurrent(recurrent_dropout=)``.

    Parameters
    ----------
    rate : float
        The probability that k = 0; at least 0 and below 1.

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
        check_fields(self, rate=fraction)

    def forward(self, params, x, state, mask, *, noise=None, xp):
        """Drop values of x."""
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
