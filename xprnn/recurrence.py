"""The recurrence over time and its transpose, back-propagation through time.

For any cell, with weights W (..., F, G·H), U (..., H, G·H), b (..., 1, G·H)::

    forward, t = 1 … T                          backward, t = T … 1
    p(t) = x(t) W + b                           dh(t)  += dy(t)
    q(t) = h(t-1) U                             dp(t), dq(t), dstate(t-1) = cell.backward(dstate(t))
    state(t) = cell.forward(p(t), q(t), …)      dh(t-1) += dq(t) Uᵀ
    y(t) = h(t)
                                                dW = Σ x(t)ᵀ dp(t)      db = Σ dp(t)
                                                dU = Σ h(t-1)ᵀ dq(t)    dx(t) = dp(t) Wᵀ

Rumelhart, Hinton and Williams, "Learning internal representations by error
propagation", 1986; Werbos, "Backpropagation through time", 1990.

Where the mask is False, the state does not change and y(t) = 0. x(t) and dy(t) are never read
there, so padding steps may hold anything, even NaN; only the gradient of the state passes through
such a step.

With dropout on the recurrent state, q(t) = (k h(t-1)) U, where k (..., B, H) is
0 or 1 / (1 - rate) and the same at every step (Gal and Ghahramani, "A
theoretically grounded application of dropout in recurrent neural networks", 2016).

A cell with an `inner` part, such as `GRUResetBefore`, computes its product in two parts: the inner
gates, which own the first columns of U, act on h before the other columns multiply it::

    q₁ = h U₁       a = inner.forward(p₁, q₁, h)       q₂ = a U₂

Leading axes of x, the weights and the state hold models side by side; the gradient of an array
shared by several models is the sum over the models.
"""

from typing import Any, NamedTuple

from xprnn import _ops
from xprnn._typing import Array, Namespace
from xprnn.backend import host
from xprnn.cells import Cell

__all__ = [
    "REFERENCE",
    "Cache",
    "Unroll",
    "backward",
    "forward",
    "multiply",
    "unroll",
    "unroll_backward",
]

_STRETCH = 32
"""The steps in one partial sum of a cell's weight gradient, since a long sum loses precision."""


def multiply(
    cell: Any, U: Array, p: Array, h: Array, *, xp: Namespace
) -> tuple[Array, Array | None, Any]:
    """Return the product q(t) = h(t-1) U of one step.

    Parameters
    ----------
    cell : Cell
    U : array, (..., H, G·H)
    p : array, (..., B, G·H)
    h : array, (..., B, H)

    Returns
    -------
    q : array, (..., B, G·H)
    a : array, (..., B, H), or None
        The array with which the cell's inner part replaces h.
    memo
        What the transpose needs.

    Examples
    --------
    >>> import numpy as np
    >>> from xprnn import cells, recurrence
    >>> U, h = np.array([[0.5]]), np.array([[3.0]])
    >>> recurrence.multiply(cells.Elman(), U, np.zeros((1, 1)), h, xp=np)
    (array([[1.5]]), None, None)
    """
    inner = getattr(cell, "inner", None)
    if inner is None:
        return h @ U, None, None
    (U1, U2), (p1, _) = _split_gates(cell, U), _split_gates(cell, p)
    q1 = h @ U1
    a, memo = inner.forward(p1, q1, h, xp=xp)
    return xp.concat([q1, a @ U2], axis=-1), a, memo


def _multiply_backward(
    cell: Any, U: Array, dp: Array, dq: Array, memo: Any, *, xp: Namespace
) -> tuple[Array, Array, Array]:
    """Return dp and dq, each including the inner gates' part, and dh."""
    inner = getattr(cell, "inner", None)
    if inner is None:
        return dp, dq, dq @ xp.matrix_transpose(U)
    (U1, U2), (dp1, dp2), (dq1, dq2) = (_split_gates(cell, array) for array in (U, dp, dq))
    more_p, more_q, dh = inner.backward(dq2 @ xp.matrix_transpose(U2), memo, xp=xp)
    dp1, dq1 = dp1 + more_p, dq1 + more_q
    dh = dh + dq1 @ xp.matrix_transpose(U1)
    return xp.concat([dp1, dp2], axis=-1), xp.concat([dq1, dq2], axis=-1), dh


def _weight_gradient(
    cell: Any, U: Array, h: Array, a: Array | None, dq: Array, *, xp: Namespace
) -> Array:
    """Return dU = Σ hᵀ dq, with a in place of h for the columns that multiplied a."""
    if a is None:
        return _ops.weight_gradient(h, dq, U, xp=xp)
    parts = zip((h, a), _split_gates(cell, dq), _split_gates(cell, U), strict=True)
    return xp.concat([_ops.weight_gradient(x, d, u, xp=xp) for x, d, u in parts], axis=-1)


def _split_gates(cell: Any, a: Array) -> tuple[Array, Array]:
    """Split the columns into those of the inner gates and the others."""
    size = a.shape[-1] // cell.gates * cell.inner.gates
    return a[..., :size], a[..., size:]


def _steps(a: Array | None, count: int, xp: Namespace) -> Any:
    """Return a(1), …, a(T), or `count` times None."""
    return (None,) * count if a is None else xp.unstack(a, axis=-3)


def _drop(h: Array, keep: Array | None) -> Array:
    """Return k h."""
    return h if keep is None else keep * h


def _sum_stretches(parts: tuple[Array, ...], xp: Namespace) -> Array:
    """Sum the gradients of a cell's own weight over all stretches of steps."""
    first, *others = parts
    return first + _ops.total(xp.stack(others, axis=-3), -3, xp=xp)


def unroll(
    cell: Cell,
    params: dict[str, Array],
    x: Array,
    state: tuple[Array, ...],
    *,
    mask: Array | None = None,
    keep: Array | None = None,
    xp: Namespace,
) -> tuple[Array, Array | None, tuple[Array, ...], Any]:
    """Run the sequential part forward, after x W + b for all steps at once.

    Parameters
    ----------
    cell : Cell
    params : dict
        W (..., F, G·H), U (..., H, G·H), b (..., 1, G·H).
    x : array, (..., T, B, F)
    state : tuple of arrays, (..., B, H)
        state(0), with all the leading axes.
    mask : array of bool, (T, B, 1), or None
    keep : array, (..., B, H), or None
        k, the dropout on the recurrent state.

    Returns
    -------
    h : array, (..., T + 1, B, H)
        h(0), …, h(T).
    a : array, (..., T, B, H), or None
        The arrays with which the cell's inner part replaced h.
    state : tuple of arrays, (..., B, H)
        state(T).
    memo
        What `unroll_backward` needs.
    """
    p, U = _ops.affine(params, x, xp=xp), params["U"]
    h, a, memo = [state[0]], [], []
    masks = _steps(mask, p.shape[-3], xp)
    for p_t, mask_t in zip(xp.unstack(p, axis=-3), masks, strict=True):
        q_t, a_t, inner_t = multiply(cell, U, p_t, _drop(state[0], keep), xp=xp)
        new, memo_t = cell.forward(p_t, q_t, state, xp=xp)
        state = _ops.select(mask_t, new, state, xp=xp)
        h.append(state[0])
        a.append(a_t)
        memo.append((memo_t, inner_t))
    inner = None if a[0] is None else xp.stack(a, axis=-3)
    return xp.stack(h, axis=-3), inner, state, memo


def unroll_backward(
    cell: Cell,
    params: dict[str, Array],
    dy: Array,
    dstate: tuple[Array, ...],
    memo: Any,
    *,
    mask: Array | None = None,
    keep: Array | None = None,
    xp: Namespace,
) -> tuple[Array, Array, tuple[Array, ...]]:
    """Run the sequential part backward.

    Parameters
    ----------
    cell, params, memo, mask, keep
        As for and from `unroll`.
    dy : array, (..., T, B, H)
        ∂L/∂y(t), zero at padding steps.
    dstate : tuple of arrays, (..., B, H)
        ∂L/∂state(T) from outside.

    Returns
    -------
    dp, dq : array, (..., T, B, G·H)
    dstate : tuple of arrays, (..., B, H)
        ∂L/∂state(0).
    """
    U, dp, dq, own = params["U"], [], [], []
    zero = tuple(xp.zeros_like(d) for d in dstate[cell.states :])
    masks = _steps(mask, dy.shape[-3], xp)
    back = zip(reversed(xp.unstack(dy, axis=-3)), reversed(memo), reversed(masks), strict=True)
    for t, (dy_t, (memo_t, inner_t), mask_t) in enumerate(back):
        if t % _STRETCH == 0:
            own.append(dstate[cell.states :])
            dstate = (*dstate[: cell.states], *zero)
        dstate = (dstate[0] + dy_t, *dstate[1:])
        dp_t, dq_t, direct = cell.backward(dstate, memo_t, xp=xp)
        dp_t, dq_t, dh = _multiply_backward(cell, U, dp_t, dq_t, inner_t, xp=xp)
        before = (direct[0] + _drop(dh, keep), *direct[1:])
        dstate = _ops.select(mask_t, before, dstate, xp=xp)
        dp.append(_ops.apply_mask(dp_t, mask_t, xp=xp))
        dq.append(_ops.apply_mask(dq_t, mask_t, xp=xp))
    own.append(dstate[cell.states :])
    dstate = (
        *dstate[: cell.states],
        *(_sum_stretches(parts, xp) for parts in zip(*own, strict=True)),
    )
    return xp.stack(dp[::-1], axis=-3), xp.stack(dq[::-1], axis=-3), dstate


class Unroll(NamedTuple):
    """The sequential part forward and backward, like `unroll` and `unroll_backward`."""

    forward: Any
    backward: Any


REFERENCE = Unroll(unroll, unroll_backward)


class Cache(NamedTuple):
    """The values from `forward` that `backward` needs."""

    x: Array
    """(..., T, B, F), zero at padding steps."""
    h: Array
    """(..., T + 1, B, H): h(0), …, h(T)."""
    a: Array | None
    memo: Any
    mask: Array | None
    keep: Array | None
    state_shapes: tuple[tuple[int, ...], ...]
    unroll: Unroll


def forward(
    cell: Cell,
    params: dict[str, Array],
    x: Array,
    state: tuple[Array, ...],
    mask: Array | None,
    *,
    keep: Array | None = None,
    unroll: Unroll = REFERENCE,
    xp: Namespace,
) -> tuple[Array, tuple[Array, ...], Cache]:
    """Run a cell over a sequence.

    Parameters
    ----------
    cell : Cell
    params : dict
        W (..., F, G·H), U (..., H, G·H), b (..., 1, G·H).
    x : array, (..., T, B, F)
    state : tuple of arrays, (..., B, H)
        state(0); after it the cell's own weights, (..., 1, H), if it has any.
    mask : array of bool, (T, B, 1), or None
        True at valid steps; None if all steps are valid.
    keep : array, (..., B, H), or None
        Dropout on the recurrent state: 0 or 1 / (1 - rate).
    unroll : Unroll
        The loop over time: the reference or a faster twin.

    Returns
    -------
    y : array, (..., T, B, H)
        h(t), zero at padding steps.
    state : tuple of arrays, (..., B, H)
        The state after the last valid step of each row.
    cache : Cache

    Examples
    --------
    Two steps of h(t) = x(t) + h(t-1):

    >>> import numpy as np
    >>> from xprnn import cells, recurrence
    >>> params = {"W": np.ones((1, 1)), "U": np.ones((1, 1)), "b": np.zeros((1, 1))}
    >>> x = np.array([3.0, 4.0]).reshape(2, 1, 1)
    >>> y, state, cache = recurrence.forward(
    ...     cells.Elman("identity"), params, x, (np.zeros((1, 1)),), None, xp=np)
    >>> y.ravel().tolist()
    [3.0, 7.0]
    """
    x = _ops.apply_mask(x, mask, xp=xp)
    weights = [params[name] for name in ("W", "U", "b")]
    leads = [x.shape[:-3], *(a.shape[:-2] for a in (*state, *weights))]
    lead = host.broadcast_shapes(*leads)
    start = tuple(xp.broadcast_to(s, (*lead, *s.shape[-2:])) for s in state)
    h, a, end, memo = unroll.forward(cell, params, x, start, mask=mask, keep=keep, xp=xp)
    y = _ops.apply_mask(h[..., 1:, :, :], mask, xp=xp)
    a = None if a is None else _ops.apply_mask(a, mask, xp=xp)
    shapes = tuple(s.shape for s in state)
    return y, end, Cache(x, h, a, memo, mask=mask, keep=keep, state_shapes=shapes, unroll=unroll)


def backward(
    cell: Cell,
    params: dict[str, Array],
    dy: Array,
    dstate: tuple[Array, ...],
    cache: Cache,
    *,
    input_grad: bool = True,
    xp: Namespace,
) -> tuple[dict[str, Array], Array | None, tuple[Array, ...]]:
    """Transpose `forward`: back-propagation through time.

    Parameters
    ----------
    cell, params
        As for `forward`.
    dy : array, (..., T, B, H)
        ∂L/∂y.
    dstate : tuple of arrays, (..., B, H)
        ∂L/∂state(T) other than through y.
    cache : Cache
        The cache that `forward` returned.
    input_grad : bool
        Whether to compute dx.

    Returns
    -------
    grads : dict
        The gradients of W, U and b, in their shapes.
    dx : array, (..., T, B, F), or None
        ∂L/∂x(t), zero at padding steps.
    dstate : tuple of arrays, (..., B, H)
        ∂L/∂state(0); after it the gradients of the cell's own weights.
    """
    x, h, a, memo, mask, keep, shapes, unroll = cache
    dy = _ops.apply_mask(dy, mask, xp=xp)
    own = dstate[cell.states :]
    dstate = (*dstate[: cell.states], *(xp.zeros_like(d) for d in own))
    dp, dq, dstate = unroll.backward(cell, params, dy, dstate, memo, mask=mask, keep=keep, xp=xp)
    grads, dx = _ops.affine_backward(params, dp, x, input_grad=input_grad, xp=xp)
    before = h[..., :-1, :, :]
    if keep is not None:
        before = keep[..., None, :, :] * before
    grads["U"] = _weight_gradient(cell, params["U"], before, a, dq, xp=xp)
    first = [_ops.sum_to(d, s, xp=xp) for d, s in zip(dstate, shapes, strict=True)]
    for k, d in enumerate(own, start=cell.states):
        first[k] = first[k] + _ops.sum_to(d, shapes[k], xp=xp)
    return grads, dx, tuple(first)
