"""Penalties and bounds on the size of weights.

The last part of a weight's name determines its kind: ``W`` is an input weight, ``U`` a recurrent
weight, and everything else (``b``, ``g``, …) counts as a bias::

    penalty = Penalty(input=Weights(l1=1e-4), recurrent=Weights(max_norm=2.0))
    penalty.value(params, *, xp)      -> (...), to be added to the loss
    penalty.gradient(params, *, xp)   -> a tree like params, to be added to its gradient
    penalty.constrain(params, *, xp)  -> params, after an update
"""

from collections.abc import Callable
from dataclasses import dataclass, fields

from xprnn import _ops, tree
from xprnn._fields import check_fields, not_negative, optional, positive, show
from xprnn._typing import Array, Namespace, Tree

__all__ = ["Penalty", "Weights"]


@dataclass(frozen=True)
class Weights:
    """The penalty and bound for one kind of weight.

    For a matrix θ::

        P = l1 Σ |θ| + l2 Σ θ²               dP = l1 sign(θ) + 2 l2 θ

    as in Keras; at θ = 0 the gradient of |θ| is 0. A `max_norm` c bounds every
    column θ_j, the incoming weights of one unit::

        θ_j = θ_j min(1, c / ‖θ_j‖)

    Srivastava et al., "Dropout: A Simple Way to Prevent Neural Networks from
    Overfitting", 2014.

    Parameters
    ----------
    l1, l2 : float
        The L1 and L2 penalty factors, at least 0.
    max_norm : float, optional
        c, above 0. By default there is no bound.

    Examples
    --------
    >>> import numpy as np
    >>> from xprnn.penalties import Weights
    >>> a = np.array([[3.0, 0.5], [-4.0, 0.5]])
    >>> float(Weights(l1=0.5, l2=2).value(a, xp=np))  # 0.5 · 8 + 2 · 25.5
    55.0
    >>> Weights(max_norm=1).constrain(a, xp=np)
    array([[ 0.6,  0.5],
           [-0.8,  0.5]])
    """

    l1: float = 0.0
    l2: float = 0.0
    max_norm: float | None = None

    def __post_init__(self):
        check_fields(self, l1=not_negative, l2=not_negative, max_norm=optional(positive))

    def value(self, a: Array, *, xp: Namespace) -> Array:
        """Return the penalty (...) of a (..., rows, columns)."""
        return _ops.total(self.l1 * xp.abs(a) + self.l2 * (a * a), (-2, -1), xp=xp)

    def gradient(self, a: Array, *, xp: Namespace) -> Array:
        """Return the gradient of `value`, in the shape of a."""
        return self.l1 * xp.sign(a) + 2 * self.l2 * a

    def constrain(self, a: Array, *, xp: Namespace) -> Array:
        """Scale every column of a above `max_norm` down to it."""
        if self.max_norm is None:
            return a
        norm = xp.sqrt(_ops.total(a * a, -2, keepdims=True, xp=xp))
        bound = xp.full_like(norm, self.max_norm)
        return a * (bound / xp.maximum(norm, bound))  # exactly 1 within the bound


_KINDS = {"W": "input", "U": "recurrent"}


@dataclass(frozen=True)
class Penalty:
    """Penalties and bounds for all weights of a network, by kind.

    Parameters
    ----------
    input : Weights
        For every W, including those of dense layers.
    recurrent : Weights
        For every U.
    bias : Weights
        For everything else. A bias is a matrix with one row, so `max_norm` bounds the absolute
        value of every component.

    Examples
    --------
    >>> import numpy as np
    >>> from xprnn.penalties import Penalty, Weights
    >>> penalty = Penalty(input=Weights(l2=0.5), recurrent=Weights(l1=1.0))
    >>> params = ({"W": np.array([[2.0]]), "U": np.array([[-3.0]]), "b": np.array([[1.0]])},)
    >>> float(penalty.value(params, xp=np))  # 0.5 · 4 + 1 · 3
    5.0
    >>> penalty.gradient(params, xp=np)
    ({'W': array([[2.]]), 'U': array([[-1.]]), 'b': array([[0.]])},)
    """

    input: Weights = Weights()
    recurrent: Weights = Weights()
    bias: Weights = Weights()

    def __post_init__(self):
        for field in fields(self):
            value = getattr(self, field.name)
            if not isinstance(value, Weights):
                raise TypeError(f"{field.name} must be a penalties.Weights, got {show(value)}")

    def _each(self, function: Callable[[Weights, Array], Array], params: Tree) -> dict[str, Array]:
        """Return `function(weights, a)` for every array a and the weights of its kind, by name."""
        return {
            name: function(getattr(self, _KINDS.get(name.split(".")[-1], "bias")), a)
            for name, a in tree.flatten(params).items()
        }

    def value(self, params: Tree, *, xp: Namespace) -> Array:
        """Return the penalty (...), one number for each model on the leading axes.

        Parameters
        ----------
        params : tree
            Arrays (..., rows, columns), all with the same leading axes.
        """
        return sum(self._each(lambda weights, a: weights.value(a, xp=xp), params).values())

    def gradient(self, params: Tree, *, xp: Namespace) -> Tree:
        """Return the gradient of `value`, a tree like `params`."""
        gradients = self._each(lambda weights, a: weights.gradient(a, xp=xp), params)
        return tree.unflatten(gradients, like=params)

    def constrain(self, params: Tree, *, xp: Namespace) -> Tree:
        """Scale every column of `params` above the `max_norm` of its kind down to it."""
        bounded = self._each(lambda weights, a: weights.constrain(a, xp=xp), params)
        return tree.unflatten(bounded, like=params)
