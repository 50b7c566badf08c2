"""Optimizers and clipping: pure functions over trees.

An optimizer holds hyper-parameters only. What it remembers is a tree of its
own, handed in and out::

    optimizer.init(params, *, xp)                    -> state
    optimizer.update(grads, state, params, *, xp)    -> params, state
    optimizer.rate(i)                                -> the learning rate of update i

Updates are counted from i = 0.
"""

import dataclasses
import math
from dataclasses import dataclass
from typing import Any, Protocol

from xprnn import tree
from xprnn._typing import Array, Namespace, Tree
from xprnn._validate import chosen, number, settle

__all__ = ["SGD", "Adam", "Optimizer", "clip_by_global_norm", "clip_by_value", "get", "global_norm"]


class Optimizer(Protocol):
    """What an optimizer must have."""

    def init(self, params: Tree, *, xp: Namespace) -> Tree:
        """Return the state before the first update."""

    def update(self, grads: Tree, state: Tree, params: Tree, *, xp: Namespace) -> tuple[Tree, Tree]:
        """Return the parameters and the state after one more update."""

    def rate(self, i: int) -> float:
        """Return the learning rate of update i."""


def _decayed(grads, params, weight_decay):
    """Return g + λ θ."""
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
        η(i) = learning_rate / (1 + d i)

    as in `torch.optim.SGD` (Sutskever et al., "On the importance of
    initialization and momentum in deep learning", 2013).

    Parameters
    ----------
    learning_rate : float
        η before any decay.
    momentum : float
        μ in [0, 1).
    nesterov : bool
        Look ahead along the velocity; needs momentum.
    decay : float
        d, at least 0.
    weight_decay : float
        λ, at least 0; acts on every parameter.

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

    learning_rate: float = 0.01
    momentum: float = 0.0
    nesterov: bool = False
    decay: float = 0.0
    weight_decay: float = 0.0

    def __post_init__(self):
        settle(
            self,
            learning_rate=number("learning_rate", self.learning_rate, above=0),
            momentum=number("momentum", self.momentum, least=0, below=1),
            decay=number("decay", self.decay, least=0),
            weight_decay=number("weight_decay", self.weight_decay, least=0),
        )
        if self.nesterov and self.momentum == 0:
            raise ValueError("nesterov=True needs momentum above 0, got momentum=0.0")

    def rate(self, i):
        """Return η(i)."""
        return self.learning_rate / (1 + self.decay * i)

    def init(self, params, *, xp):
        """Return the state {"i", "velocity"} with zero velocity."""
        return {"i": 0, "velocity": tree.map(xp.zeros_like, params)}

    def update(self, grads, state, params, *, xp):
        """Return the parameters and the state after update i."""
        i, mu = state["i"], self.momentum
        grads = _decayed(grads, params, self.weight_decay)
        velocity = tree.map(lambda v, g: mu * v + g, state["velocity"], grads)
        step = velocity
        if self.nesterov:
            step = tree.map(lambda g, v: g + mu * v, grads, velocity)
        params = tree.map(lambda w, s: w - self.rate(i) * s, params, step)
        return params, {"i": i + 1, "velocity": velocity}


@dataclass(frozen=True)
class Adam:
    """Adam with bias correction.

    With the gradient g and weight decay λ, update i = 0, 1, … does::

        g = g + λ θ
        m = β₁ m + (1 - β₁) g                m̂ = m / (1 - β₁^(i+1))
        v = β₂ v + (1 - β₂) g²               v̂ = v / (1 - β₂^(i+1))
        θ = θ - η m̂ / (√v̂ + ε)

    as in `torch.optim.Adam` (Kingma and Ba, "Adam: A Method for Stochastic
    Optimization", 2015).

    Parameters
    ----------
    learning_rate : float
        η.
    beta1, beta2 : float
        β₁ and β₂ in [0, 1).
    eps : float
        ε, above 0.
    weight_decay : float
        λ, at least 0; acts on every parameter.
    """

    learning_rate: float = 0.001
    beta1: float = 0.9
    beta2: float = 0.999
    eps: float = 1e-8
    weight_decay: float = 0.0

    def __post_init__(self):
        settle(
            self,
            learning_rate=number("learning_rate", self.learning_rate, above=0),
            beta1=number("beta1", self.beta1, least=0, below=1),
            beta2=number("beta2", self.beta2, least=0, below=1),
            eps=number("eps", self.eps, above=0),
            weight_decay=number("weight_decay", self.weight_decay, least=0),
        )

    def rate(self, i):
        """Return η."""
        return self.learning_rate

    def init(self, params, *, xp):
        """Return the state {"i", "m", "v"} with zero moments."""
        zeros = tree.map(xp.zeros_like, params)
        return {"i": 0, "m": zeros, "v": zeros}

    def update(self, grads, state, params, *, xp):
        """Return the parameters and the state after update i."""
        i, beta1, beta2 = state["i"], self.beta1, self.beta2
        grads = _decayed(grads, params, self.weight_decay)
        m = tree.map(lambda m, g: beta1 * m + (1 - beta1) * g, state["m"], grads)
        v = tree.map(lambda v, g: beta2 * v + (1 - beta2) * (g * g), state["v"], grads)
        rate = self.rate(i) / (1 - beta1 ** (i + 1))
        scale = 1 / math.sqrt(1 - beta2 ** (i + 1))
        params = tree.map(
            lambda w, m, v: w - rate * m / (scale * xp.sqrt(v) + self.eps), params, m, v
        )
        return params, {"i": i + 1, "m": m, "v": v}


TABLE: dict[str, type] = {"adam": Adam, "sgd": SGD}


def get(optimizer: str | Optimizer, learning_rate: float | None = None) -> Optimizer:
    """Return the optimizer of that name, or the object itself.

    Parameters
    ----------
    optimizer : str or Optimizer
        ``"sgd"``, ``"adam"``, or an object with `init`, `update` and `rate`.
    learning_rate : float, optional
        Takes the place of the optimizer's own.

    Raises
    ------
    ValueError
        If there is no optimizer of that name or the learning rate is not above 0.
    TypeError
        If the object lacks a method, or has no `learning_rate` to replace.

    Examples
    --------
    >>> from xprnn import optimizers
    >>> optimizers.get("sgd", learning_rate=0.5).rate(0)
    0.5
    """
    found: Any = chosen("optimizer", optimizer, TABLE, ("init", "update", "rate"))
    if isinstance(found, type):
        found = found()
    if learning_rate is None:
        return found
    if not hasattr(found, "learning_rate"):
        raise TypeError(f"learning_rate cannot be set on {found!r}; give it to the optimizer")
    changed: Optimizer = dataclasses.replace(found, learning_rate=learning_rate)
    return changed


def clip_by_value(grads: Tree, limit: float, *, xp: Namespace) -> Tree:
    """Bound every component of every gradient to ±limit.

    Parameters
    ----------
    grads : tree
        Gradients of any shapes.
    limit : float
        Above 0, in the units of the gradient.

    Examples
    --------
    >>> import numpy as np
    >>> from xprnn.optimizers import clip_by_value
    >>> clip_by_value({"W": np.array([[3.0, -0.5]])}, 1.0, xp=np)
    {'W': array([[ 1. , -0.5]])}
    """
    limit = number("limit", limit, above=0)

    def bounded(g):
        bound = xp.full_like(g, limit)
        return xp.maximum(xp.minimum(g, bound), -bound)

    return tree.map(bounded, grads)


def global_norm(grads: Tree, *, xp: Namespace) -> Array:
    """Return the Euclidean norm over all gradients together, (...) for each model.

    Parameters
    ----------
    grads : tree
        Gradients (..., rows, columns), all with the same leading axes.
    """
    return xp.sqrt(sum(xp.sum(g * g, axis=(-2, -1)) for g in tree.leaves(grads)))


def clip_by_global_norm(grads: Tree, limit: float, *, xp: Namespace) -> tuple[Tree, Array]:
    """Scale all gradients together so that their norm is at most `limit`.

    Pascanu, Mikolov and Bengio, "On the difficulty of training recurrent
    neural networks", 2013. Models on the leading axes are clipped each alone.

    Parameters
    ----------
    grads : tree
        Gradients (..., rows, columns), all with the same leading axes.
    limit : float
        Above 0, in the units of the gradient.

    Returns
    -------
    grads : tree
        Unchanged where the norm is within the limit.
    norm : array, (...)
        The norm before clipping.

    Examples
    --------
    >>> import numpy as np
    >>> from xprnn.optimizers import clip_by_global_norm
    >>> grads, norm = clip_by_global_norm({"W": np.array([[3.0, 4.0]])}, 1.0, xp=np)
    >>> float(norm), bool(np.allclose(grads["W"], [[0.6, 0.8]]))
    (5.0, True)
    """
    limit = number("limit", limit, above=0)
    norm = global_norm(grads, xp=xp)
    bound = xp.full_like(norm, limit)
    scale = bound / xp.maximum(norm, bound)  # exactly 1 within the limit
    return tree.map(lambda g: g * scale[..., None, None], grads), norm
