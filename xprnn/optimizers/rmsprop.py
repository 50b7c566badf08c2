"""RMSprop."""

from dataclasses import dataclass

from xprnn import schedules, tree
from xprnn._fields import check_fields, flag, fraction, not_negative, positive, set_fields
from xprnn.backend import quiet
from xprnn.optimizers.sgd import add_decay, rate_at
from xprnn.schedules import Schedule


@dataclass(frozen=True)
class RMSprop:
    """RMSprop: the gradient divided by the root of its running mean square.

    With the gradient g, weight decay λ and momentum μ, update i does::

        g = g + λ θ
        v = α v + (1 - α) g²
        u = μ u + g / (√v + ε)               centered: g / (√(v - m²) + ε)
        θ = θ - η(i) u                       with m = α m + (1 - α) g

    as in `torch.optim.RMSprop` (Tieleman and Hinton, "Lecture 6.5: rmsprop", 2012;
    centered and with momentum: Graves, "Generating Sequences With Recurrent Neural
    Networks", 2013).

    Parameters
    ----------
    learning_rate : float or Schedule
        η, a number above 0 or a schedule.
    alpha : float
        α in [0, 1).
    eps : float
        ε, above 0.
    momentum : float
        μ in [0, 1).
    centered : bool
        Whether to divide by the standard deviation of the gradient instead of the root of its mean
        square.
    weight_decay : float
        λ, at least 0; applies to every parameter.

    Examples
    --------
    >>> import numpy as np
    >>> from xprnn.optimizers import RMSprop
    >>> rmsprop, params = RMSprop(0.1, alpha=0.75), {"W": np.array([[1.0]])}
    >>> grads, state = {"W": np.array([[-8.0]])}, rmsprop.init(params, xp=np)
    >>> params, state = rmsprop.update(grads, state, params, xp=np)
    >>> round(float(params["W"][0, 0]), 6)  # 1 + 0.1 · 8 / √(0.25 · 64)
    1.2
    """

    learning_rate: float | Schedule = 0.01
    alpha: float = 0.99
    eps: float = 1e-8
    momentum: float = 0.0
    centered: bool = False
    weight_decay: float = 0.0

    def __post_init__(self):
        set_fields(self, learning_rate=schedules.get(self.learning_rate))
        check_fields(
            self,
            alpha=fraction,
            eps=positive,
            momentum=fraction,
            centered=flag,
            weight_decay=not_negative,
        )

    def rate(self, i):
        """Return η(i)."""
        return rate_at(self.learning_rate, i)

    def init(self, params, *, xp):
        """Return the state {"i", "v", "velocity"}, with "m" if centered, filled with zeros."""
        zeros = tree.map(xp.zeros_like, params)
        state = {"i": 0, "v": zeros, "velocity": zeros}
        return {**state, "m": zeros} if self.centered else state

    def update(self, grads, state, params, *, xp):
        """Return the parameters and the state after update i."""
        i, alpha, rate = state["i"], self.alpha, self.rate(state["i"])
        with quiet():
            grads = add_decay(grads, params, self.weight_decay)
            v = tree.map(lambda v, g: alpha * v + (1 - alpha) * (g * g), state["v"], grads)
            after, square = {"i": i + 1, "v": v}, v
            if self.centered:
                m = tree.map(lambda m, g: alpha * m + (1 - alpha) * g, state["m"], grads)
                # rounding can make the variance of a constant gradient negative
                square = tree.map(lambda v, m: xp.maximum(v - m * m, xp.zeros_like(v)), v, m)
                after["m"] = m
            velocity = tree.map(
                lambda u, g, s: self.momentum * u + g / (xp.sqrt(s) + self.eps),
                state["velocity"],
                grads,
                square,
            )
            params = tree.map(lambda w, u: w - rate * u, params, velocity)
            return params, {**after, "velocity": velocity}
