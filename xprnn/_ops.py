"""Array operations shared by cells, layers and losses: masks, x W + b, long sums.

**Masks** (T, B, 1) are True at valid steps and False at padding steps; None if all are valid.

**The affine map** y = x W + b acts on all steps and the whole batch at once: time and batch are
flattened, so that it is a single large product. Leading axes of x (..., T, B, F), W (..., F, O)
and b (..., 1, O) broadcast; the gradient of a broadcast array is the sum over its copies.

**Long sums** in float32 keep their precision. Libraries add up the rows of an array one by one, so
that later rows lose digits against the growing sum: the mean of ten million numbers around 285
comes out as 266. Here a sum is a tree: 32 rows are added into one, then 8 of those, until few are
left.
"""

import math

from xprnn._typing import Array, Namespace

FIRST, LATER = 32, 8
"""The number of rows added into one in the first round, and in the later rounds."""

FEW = 24
"""The number of rows that the library adds up itself."""

FEW_IN_A_ROW = 4096
"""The same along the last axis, where libraries keep several partial sums."""

NEAR = 2048
"""The count of numbers to add at a time, so that they stay in the nearest cache."""


def apply_mask(a: Array, mask: Array | None, *, xp: Namespace) -> Array:
    """Return `a` at valid steps and zero at padding steps, whatever `a` holds there."""
    return a if mask is None else xp.where(mask, a, xp.zeros_like(a))


def select(
    mask: Array | None, new: tuple[Array, ...], old: tuple[Array, ...], *, xp: Namespace
) -> tuple[Array, ...]:
    """Return the state `new` where a step is valid and the state `old` where it is padding."""
    if mask is None:
        return new
    return tuple(xp.where(mask, n, o) for n, o in zip(new, old, strict=True))


def count_steps(a: Array, mask: Array | None, *, xp: Namespace) -> int | Array:
    """Return the number of valid steps of `a` (..., T, B, F), in the dtype of `a` with a mask."""
    if mask is None:
        return math.prod(a.shape[-3:-1])
    return xp.astype(xp.sum(xp.astype(mask, xp.int64)), a.dtype)


def flatten_steps(a: Array, *, xp: Namespace) -> Array:
    """Flatten (..., T, B, F) to (..., T·B, F)."""
    *lead, steps, batch, features = a.shape
    return xp.reshape(a, (*lead, steps * batch, features))


def affine(params: dict[str, Array], x: Array, *, xp: Namespace) -> Array:
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
    y = xp.matmul(flatten_steps(x, xp=xp), params["W"])
    if "b" in params:
        y = xp.add(y, params["b"])
    return xp.reshape(y, (*y.shape[:-2], *x.shape[-3:-1], y.shape[-1]))


def affine_backward(
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
        Whether to compute dx.

    Returns
    -------
    grads : dict
        The gradients, in the form of `params`.
    dx : array, (..., T, B, F), or None
    """
    W, dy_rows = params["W"], flatten_steps(dy, xp=xp)
    grads = {"W": weight_gradient(x, dy, W, xp=xp)}
    if "b" in params:
        db = total(dy_rows, -2, keepdims=True, xp=xp)
        grads["b"] = sum_to(db, params["b"].shape, xp=xp)
    if not input_grad:
        return grads, None
    dx = xp.matmul(dy_rows, xp.matrix_transpose(W))
    dx = xp.reshape(dx, (*dx.shape[:-2], *x.shape[-3:]))
    return grads, sum_to(dx, x.shape, xp=xp)


def weight_gradient(x: Array, dy: Array, W: Array, *, xp: Namespace) -> Array:
    """Return dW = Σ xᵀ dy, summed over all steps and the batch."""
    x_rows, dy_rows = flatten_steps(x, xp=xp), flatten_steps(dy, xp=xp)
    return sum_to(xp.matmul(xp.matrix_transpose(x_rows), dy_rows), W.shape, xp=xp)


def sum_to(a: Array, shape: tuple[int, ...], *, xp: Namespace) -> Array:
    """Sum over the axes along which an array of `shape` was broadcast to the shape of `a`."""
    extra = len(a.shape) - len(shape)
    if extra:
        a = total(a, tuple(range(extra)), xp=xp)
    for i, n in enumerate(shape):
        if n == 1 != a.shape[i]:
            a = total(a, i, keepdims=True, xp=xp)
    return a


def total(
    a: Array, axis: int | tuple[int, ...] = (-3, -2, -1), *, keepdims: bool = False, xp: Namespace
) -> Array:
    """Return the sum over one axis, or over several adjacent ones: steps, batch and features.

    In float32, the error is below 1e-6 of the sum of the magnitudes of ten million terms.

    Examples
    --------
    >>> import numpy as np
    >>> from xprnn._ops import total
    >>> terms = np.full((1_000_000, 2), 0.1, dtype="float32")
    >>> total(terms, axis=0, xp=np).round().tolist(), np.sum(terms, axis=0).round().tolist()
    ([100000.0, 100000.0], [100958.0, 100958.0])
    """
    axes = [axis] if isinstance(axis, int) else list(axis)
    count = math.prod([a.shape[i] for i in axes])
    if count <= FIRST or a.dtype == xp.float64:  # float64 is precise enough in any order
        return xp.sum(a, axis=tuple(axes), keepdims=keepdims)
    axes = sorted(i % a.ndim for i in axes)
    first, after = axes[0], a.shape[axes[-1] + 1 :]
    few = FEW if math.prod(after) > 1 else FEW_IN_A_ROW
    rows = xp.reshape(a, (*a.shape[:first], -1, *after))
    summed = _sum_tree(rows, first, FIRST, few, xp)
    ones = (1,) * len(axes)
    return xp.reshape(summed, (*a.shape[:first], *ones, *after)) if keepdims else summed


def _sum_tree(rows: Array, axis: int, parts: int, few: int, xp: Namespace) -> Array:
    """Return the sum of rows; in the first round, `parts` rows are added into one."""
    before, count, after = rows.shape[:axis], rows.shape[axis], rows.shape[axis + 1 :]
    if count <= max(few, parts):
        return xp.sum(rows, axis=axis)
    many = max(1, count * math.prod(after) // (parts * NEAR))
    width = max(1, count // (parts * many))
    groups = count // (parts * width)
    used, ahead = groups * parts * width, (slice(None),) * axis
    shape = (*before, groups, parts, width, *after)
    fewer = xp.sum(xp.reshape(rows[(*ahead, slice(used), ...)], shape), axis=axis + 1)
    summed = _sum_tree(xp.reshape(fewer, (*before, -1, *after)), axis, LATER, few, xp)
    if used < count:
        rest = rows[(*ahead, slice(used, None), ...)]
        summed = summed + _sum_tree(rest, axis, LATER, few, xp)
    return summed
