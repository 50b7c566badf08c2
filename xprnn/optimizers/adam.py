"""Adam and its variants."""

import math
from dataclasses import dataclass

from xprnn import schedules, tree
from xprnn._fields import check_fields, fraction, not_negative, positive, set_fields
from xprnn.backend import quiet
from xprnn.optimizers.sgd import add_decay, rate_at
from xprnn.schedules import Schedule


@dataclass(frozen=True)
class Adam:
    """Adam with bias correction.

    With the gradient g and weight decay λ, update i = 0, 1, … does::

        g = g + λ θ
        m = β₁ m + (1 - β₁) g                m̂ = m / (1 - β₁^(i+1))
        v = β₂ v + (1 - β₂) g²               v̂ = v / (1 - β₂^(i+1))
        θ = θ - η(i) m̂ / (√v̂ + ε)

    as in `torch.optim.Adam` (Kingma and Ba, "Adam: A Method for Stochastic
    Optimization", 2015).

    Parameters
    ----------
    learning_rate : float or Schedule
        η, a number above 0 or a schedule.
    beta1, beta2 : float
        β₁ and β₂ in [0, 1).
    eps : float
        ε, above 0.
    weight_decay : float
        λ, at least 0; applies to every parameter.
    """

    learning_rate: float | Schedule = 0.001
    beta1: float = 0.9
    beta2: float = 0.999
    eps: float = 1e-8
    weight_decay: float = 0.0

    def __post_init__(self):
        set_fields(self, learning_rate=schedules.get(self.learning_rate))
        check_fields(self, beta1=fraction, beta2=fraction, eps=positive, weight_decay=not_negative)

    def rate(self, i):
        """Return η(i)."""
        return rate_at(self.learning_rate, i)

    def init(self, params, *, xp):
        """Return the state {"i", "m", "v"} with zero moments."""
        zeros = tree.map(xp.zeros_like, params)
        return {"i": 0, "m": zeros, "v": zeros}

    def update(self, grads, state, params, *, xp):
        """Return the parameters and the state after update i."""
        with quiet():
            return self._step(add_decay(grads, params, self.weight_decay), state, params, xp)

    def _moments(self, grads, state):
        """Return m and v after update i."""
        m = tree.map(lambda m, g: self.beta1 * m + (1 - self.beta1) * g, state["m"], grads)
        v = tree.map(lambda v, g: self.beta2 * v + (1 - self.beta2) * (g * g), state["v"], grads)
        return m, v

    def _step(self, grads, state, params, xp):
        i = state["i"]
        m, v = self._moments(grads, state)
        rate = self.rate(i) / (1 - self.beta1 ** (i + 1))
        scale = 1 / math.sqrt(1 - self.beta2 ** (i + 1))
        params = tree.map(
            lambda w, m, v: w - rate * m / (scale * xp.sqrt(v) + self.eps), params, m, v
        )
        return params, {"i": i + 1, "m": m, "v": v}


@dataclass(frozen=True)
class AdamW(Adam):
    """Adam with weight decay decoupled from the gradient.

    Before the step of `Adam` with λ = 0, update i does::

        θ = (1 - η(i) λ) θ

    so that all weights decay at the same rate, however large their gradients have been. As in
    `torch.optim.AdamW` (Loshchilov and Hutter, "Decoupled Weight Decay
    Regularization", 2019).

    Parameters
    ----------
    learning_rate : float or Schedule
        η, a number above 0 or a schedule.
    beta1, beta2 : float
        β₁ and β₂ in [0, 1).
    eps : float
        ε, above 0.
    weight_decay : float
        λ, at least 0; applies to every parameter.

    Examples
    --------
    >>> import numpy as np
    >>> from xprnn.optimizers import AdamW
    >>> adamw, params = AdamW(0.1, weight_decay=0.5), {"W": np.array([[2.0]])}
    >>> grads, state = {"W": np.array([[0.0]])}, adamw.init(params, xp=np)
    >>> adamw.update(grads, state, params, xp=np)[0]  # 2 (1 - 0.1 · 0.5)
    {'W': array([[1.9]])}
    """

    weight_decay: float = 0.01

    def update(self, grads, state, params, *, xp):
        """Return the parameters and the state after update i."""
        factor = 1 - self.rate(state["i"]) * self.weight_decay
        with quiet():
            return self._step(grads, state, tree.map(lambda w: factor * w, params), xp)


@dataclass(frozen=True)
class NAdam(Adam):
    """Adam with Nesterov momentum, which grows from about β₁ / 2 to β₁.

    With g, m, v and v̂ of `Adam`, update i = 0, 1, … does::

        μ(i) = β₁ (1 - ½ 0.96^((i+1) ψ))     Π(i) = μ(0) μ(1) … μ(i)
        s = (1 - μ(i)) / (1 - Π(i)) g + μ(i+1) / (1 - Π(i+1)) m
        θ = θ - η(i) s / (√v̂ + ε)

    as in `torch.optim.NAdam` (Dozat, "Incorporating Nesterov Momentum into Adam",
    2016).

    Parameters
    ----------
    learning_rate : float or Schedule
        η, a number above 0 or a schedule.
    beta1, beta2 : float
        β₁ and β₂ in [0, 1).
    eps : float
        ε, above 0.
    weight_decay : float
        λ, at least 0; applies to every parameter, as part of the gradient.
    momentum_decay : float
        ψ, at least 0.

    Examples
    --------
    >>> import numpy as np
    >>> from xprnn.optimizers import NAdam
    >>> nadam, params = NAdam(0.1), {"W": np.array([[2.0]])}
    >>> state = nadam.init(params, xp=np)
    >>> params, state = nadam.update({"W": np.array([[7.0]])}, state, params, xp=np)
    >>> state["i"], round(state["mu"], 4)  # 0.9 · (1 - 0.5 · 0.96^0.004)
    (1, 0.4501)
    """

    learning_rate: float | Schedule = 0.002
    momentum_decay: float = 0.004

    def __post_init__(self):
        super().__post_init__()
        check_fields(self, momentum_decay=not_negative)

    def init(self, params, *, xp):
        """Return the state {"i", "mu", "m", "v"}: Π = 1, zero moments."""
        return {**super().init(params, xp=xp), "mu": 1.0}

    def _step(self, grads, state, params, xp):
        i = state["i"]
        m, v = self._moments(grads, state)
        now, following = self._momentum(i), self._momentum(i + 1)
        product = state["mu"] * now
        of_g = self.rate(i) * (1 - now) / (1 - product)
        of_m = self.rate(i) * following / (1 - product * following)
        scale = 1 / math.sqrt(1 - self.beta2 ** (i + 1))
        params = tree.map(
            lambda w, g, m, v: w - (of_g * g + of_m * m) / (scale * xp.sqrt(v) + self.eps),
            params,
            grads,
            m,
            v,
        )
        return params, {"i": i + 1, "mu": product, "m": m, "v": v}

    def _momentum(self, i):
        """Return μ(i)."""
        return self.beta1 * (1 - 0.5 * 0.96 ** ((i + 1) * self.momentum_decay))
