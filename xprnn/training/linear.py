"""The initial weights of the linear map of `skip`: a ridge regression in closed form.

With A (N, p·F) the last p steps at every step that has a target, y (N, O) the targets, both minus
their means, and w the weights of the steps, the linear map W minimises::

    Σ w |y - A W|² + α |W|²        W = (Aᵀ w A + α I)⁻¹ Aᵀ w y

α is the value with the smallest leave-one-out error, which needs no refitting: with step i left
out, its error is e_i / (1 - h_i), where h_i is the i-th number on the diagonal of A (Aᵀ A + α I)⁻¹
Aᵀ (Hastie, Tibshirani and Friedman, "The Elements of Statistical Learning", 2nd edition, 2009,
section 7.10). The output of the recurrent layers starts at zero, so they learn what the linear map
leaves over.
"""

from typing import Any, NamedTuple

from xprnn import _ops
from xprnn._sequences.batches import Data
from xprnn._typing import Array, Namespace, Tree
from xprnn.backend import Backend, dtype_name, host

ALPHAS = [10.0**k for k in range(-6, 4)]
"""The penalties to choose from, relative to the mean square of A and so free of the units of x."""


_LEAST = 1e-6
"""The smallest value of 1 - h_i, for a step that determines its own output."""


class Linear(NamedTuple):
    """A linear map of the last steps, with a constant."""

    W: Array
    """(p·F, O)"""
    b: Array
    """(1, O)"""

    def start(self, params: Tree) -> Tree:
        """Return parameters of a network with `skip` that starts as the linear map."""
        (*hidden, top), _ = params
        return (*hidden, {"W": top["W"] * 0, "b": self.b}), {"W": self.W}


def fit_linear(network: Any, params: Tree, data: Data, place: Backend) -> Linear:
    """Return the ridge regression of y on the last steps of x for a network with `skip`."""
    xp, mask = place.xp, data.mask(place)
    identity = {"W": place.asarray(host.eye(params[1]["W"].shape[0]), dtype_name(data.x))}
    steps, _, _ = network.layers[1].forward(identity, data.x, None, mask, xp=xp)
    weights = xp.ones_like(data.y[..., :1])
    if mask is not None and network.keeps_steps:
        weights = xp.astype(mask, weights.dtype)
    if data.weights is not None:
        weights = weights * data.weights
    A, y, w = (
        xp.astype(_ops.flatten_steps(a, xp=xp), xp.float64) for a in (steps, data.y, weights)
    )
    W, b = solve_ridge(A, y, w, xp)
    return Linear(xp.astype(W, data.x.dtype), xp.astype(b, data.x.dtype))


def solve_ridge(A: Array, y: Array, w: Array, xp: Namespace) -> tuple[Array, Array]:
    """Return W (P, O) and b (1, O) for A (N, P), y (N, O) and weights w (N, 1)."""
    share = w / xp.sum(w)
    mean, level = (xp.sum(share * a, axis=0, keepdims=True) for a in (A, y))
    root = xp.sqrt(share)
    A, y = root * (A - mean), root * (y - level)
    s, V = xp.linalg.eigh(xp.matrix_transpose(A) @ A)
    s = xp.maximum(s, xp.zeros_like(s))
    unit = float(xp.mean(s)) or 1.0
    turned = A @ V
    moved = xp.matrix_transpose(turned) @ y
    scores, maps = [], []
    for alpha in ALPHAS:
        shrink = 1 / (s + alpha * unit)
        error = y - turned @ (shrink[:, None] * moved)
        leverage = xp.sum(turned * turned * shrink, axis=1, keepdims=True) + share
        left_out = error / xp.maximum(1 - leverage, xp.full_like(leverage, _LEAST))
        scores.append(float(xp.sum(left_out * left_out)))
        maps.append(V @ (shrink[:, None] * moved))
    W = maps[scores.index(min(scores))]
    return W, level - mean @ W
