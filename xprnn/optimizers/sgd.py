"""Stochastic gradient descent."""

from dataclasses import dataclass

from xprnn import schedules, tree
from xprnn._fields import check_fields, flag, fraction, not_negative, set_fields
from xprnn._typing import Tree
from xprnn.backend import quiet
from xprnn.schedules import Schedule


def rate_at(learning_rate: float | Schedule, i: int) -> float:
    """Return the learning rate of update i."""
    return float(learning_rate(i) if callable(learning_rate) else learning_rate)


def add_decay(grads: Tree, params: Tree, weight_decay: float) -> Tree:
    """Return g + λ θ, the gradient of the loss plus ½ λ Σ θ²."""
    if weight_decay == 0:
        return grads
    return tree.map(lambda g, w: g + weight_decay * w, grads, params)


@dataclass(frozen=True)
class SGD:
    """Stochastic gradient descent with momentum and 1/t decay.

    With the gradient g, weight decay λ, momentum μ and decay d, update i does::

        g = g + λ θ
        v = μ v + g                          v = g at the first update
        θ = θ - η(i) v                       with Nesterov: θ - η(i) (g + μ v)
        η(i) = learning_rate / (1 + d i)     with a schedule: learning_rate(i) / (1 + d i)

    as in `torch.optim.SGD` (Sutskever et al., "On the importance of
    initialization and momentum in deep learning", 2013).

    Parameters
    ----------
    learning_rate : float or Schedule
        η before the decay d; a number above 0 or a schedule.
    momentum : float
        μ in [0, 1).
    nesterov : bool
        Whether to use Nesterov momentum, which looks ahead along the velocity. Needs momentum
        above 0.
    decay : float
        d, at least 0.
    weight_decay : float
        λ, at least 0; applies to every parameter.

    Examples
    --------
    >>> import numpy as np
    >>> from xprnn.optimizers import SGD
    >>> sgd, params = SGD(0.1, momentum=0.5), {"W": np.array([[1.0]])}
    >>> state = sgd.init(params, xp=np)
    >>> for _ in range(2):
    ...     params, state = sgd.update({"W": np.array([[1.0]])}, state, params, xp=np)
    >>> round(float(params["W"][0, 0]), 12)  # 1 - 0.1 - 0.15
    0.75
    """

    learning_rate: float | Schedule = 0.01
    momentum: float = 0.0
    nesterov: bool = False
    decay: float = 0.0
    weight_decay: float = 0.0

    def __post_init__(self):
        set_fields(self, learning_rate=schedules.get(self.learning_rate))
        check_fields(
            self, momentum=fraction, nesterov=flag, decay=not_negative, weight_decay=not_negative
        )
        if self.nesterov and self.momentum == 0:
            raise ValueError("nesterov=True needs momentum above 0, got momentum=0.0")

    def rate(self, i):
        """Return η(i)."""
        return rate_at(self.learning_rate, i) / (1 + self.decay * i)

    def init(self, params, *, xp):
        """Return the state {"i", "velocity"} with zero velocity."""
        return {"i": 0, "velocity": tree.map(xp.zeros_like, params)}

    def update(self, grads, state, params, *, xp):
        """Return the parameters and the state after update i."""
        i, mu, rate = state["i"], self.momentum, self.rate(state["i"])
        with quiet():
            grads = add_decay(grads, params, self.weight_decay)
            velocity = tree.map(lambda v, g: mu * v + g, state["velocity"], grads)
            step = velocity
            if self.nesterov:
                step = tree.map(lambda g, v: g + mu * v, grads, velocity)
            params = tree.map(lambda w, s: w - rate * s, params, step)
            return params, {"i": i + 1, "velocity": velocity}
