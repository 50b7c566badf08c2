"""The affine map y = x W + b over all steps and the whole batch, and its transpose.

Time and batch are flattened, so that each is one large product. Any leading
axes of x (..., T, B, F), W (..., F, O) and b (..., 1, O) are broadcast; the
gradient of what was broadcast is the sum over the copies.
"""

from xprnn import sums
from xprnn._typing import Array, Namespace

__all__ = ["backward", "forward", "rows", "sum_to", "weight_gradient"]


def rows(a: Array, *, xp: Namespace) -> Array:
    """Flatten (..., T, B, F) to (..., T·B, F)."""
    *lead, steps, batch, features = a.shape
    return xp.reshape(a, (*lead, steps * batch, features))


def sum_to(a: Array, shape: tuple[int, ...], *, xp: Namespace) -> Array:
    """Sum over the axes along which an array of `shape` was broadcast to that of `a`."""
    extra = len(a.shape) - len(shape)
    if extra:
        a = sums.total(a, tuple(range(extra)), xp=xp)
    for i, n in enumerate(shape):
        if n == 1 != a.shape[i]:
            a = sums.total(a, i, keepdims=True, xp=xp)
    return a


def forward(params: dict[str, Array], x: Array, *, xp: Namespace) -> Array:
    """Return y = x W + b.

    Parameters
    ----------
    params : dict
        W (..., F, O) and, if there is a bias, b (..., 1, O).
    x : array, (..., T, B, F)

    Returns
    -------
    array, (..., T, B, O)
    """
    y = xp.matmul(rows(x, xp=xp), params["W"])
    if "b" in params:
        y = xp.add(y, params["b"])
    return xp.reshape(y, (*y.shape[:-2], *x.shape[-3:-1], y.shape[-1]))


def weight_gradient(x: Array, dy: Array, W: Array, *, xp: Namespace) -> Array:
    """Return dW = Σ xᵀ dy, summed over all steps and the batch."""
    dW = xp.matmul(xp.matrix_transpose(rows(x, xp=xp)), rows(dy, xp=xp))
    return sum_to(dW, W.shape, xp=xp)


def backward(
    params: dict[str, Array], dy: Array, x: Array, *, input_grad: bool = True, xp: Namespace
) -> tuple[dict[str, Array], Array | None]:
    """Return the gradients dW = Σ xᵀ dy, db = Σ dy and dx = dy Wᵀ.

    Parameters
    ----------
    params : dict
        W (..., F, O) and, if there is a bias, b (..., 1, O).
    dy : array, (..., T, B, O)
    x : array, (..., T, B, F)
    input_grad : bool
        Whether dx is wanted.

    Returns
    -------
    grads : dict
        Shaped like `params`.
    dx : array, (..., T, B, F), or None
    """
    W, dy_rows = params["W"], rows(dy, xp=xp)
    grads = {"W": weight_gradient(x, dy, W, xp=xp)}
    if "b" in params:
        db = sums.total(dy_rows, -2, keepdims=True, xp=xp)
        grads["b"] = sum_to(db, params["b"].shape, xp=xp)
    if not input_grad:
        return grads, None
    dx = xp.matmul(dy_rows, xp.matrix_transpose(W))
    dx = xp.reshape(dx, (*dx.shape[:-2], *x.shape[-3:]))
    return grads, sum_to(dx, x.shape, xp=xp)
