"""Normalisation over the features."""

from dataclasses import dataclass

from xprnn import _ops, initializers
from xprnn._fields import check_fields, positive
from xprnn.layers.protocol import Stateless


@dataclass(frozen=True)
class LayerNorm(Stateless):
    """Layer normalisation: each step normalised over its features, then scaled and shifted.

    With mean and variance over the F features::

        n = (x - mean) / s,  s = √(variance + ε)    dn = dy g
        y = g n + b                                 dx = (dn - mean(dn) - n mean(dn n)) / s
                                                    dg = Σ dy n      db = Σ dy

    Ba, Kiros and Hinton, "Layer normalization", 2016.

    Parameters
    ----------
    eps : float
        ε, above 0; it is added to the variance.

    Examples
    --------
    >>> import numpy as np
    >>> from xprnn.layers import LayerNorm
    >>> params, _ = LayerNorm().init(np.random.default_rng(0), features=2)
    >>> y, _, _ = LayerNorm().forward(params, np.array([[[5.0, 9.0]]]), (), None, xp=np)
    >>> y.round(4).ravel().tolist()
    [-1.0, 1.0]
    """

    eps: float = 1e-5

    def __post_init__(self):
        check_fields(self, eps=positive)

    def init(self, rng, features):
        """Return g of ones and b of zeros, (1, F)."""
        zeros = initializers.Zeros()(rng, (1, features), features)
        return {"g": 1 + zeros, "b": zeros}, features

    def forward(self, params, x, state, mask, *, noise=None, xp):
        """Normalise x."""
        x = _ops.apply_mask(x, mask, xp=xp)
        e = x - xp.mean(x, axis=-1, keepdims=True)
        s = xp.sqrt(xp.mean(e * e, axis=-1, keepdims=True) + self.eps)
        n = e / s
        y = params["g"][..., None, :, :] * n + params["b"][..., None, :, :]
        return _ops.apply_mask(y, mask, xp=xp), (), (x.shape, n, s, mask)

    def backward(self, params, dy, dstate, cache, *, input_grad=True, xp):
        """Transpose `forward`."""
        shape, n, s, mask = cache
        dy = _ops.apply_mask(dy, mask, xp=xp)

        def total(a, param):
            over = _ops.total(_ops.flatten_steps(a, xp=xp), -2, keepdims=True, xp=xp)
            return _ops.sum_to(over, param.shape, xp=xp)

        grads = {"g": total(dy * n, params["g"]), "b": total(dy, params["b"])}
        dn = dy * params["g"][..., None, :, :]
        along = xp.mean(dn * n, axis=-1, keepdims=True)
        dx = (dn - xp.mean(dn, axis=-1, keepdims=True) - n * along) / s
        return grads, _ops.sum_to(dx, shape, xp=xp), ()
