"""The recurrent product q(t) = h(t-1) U of one step, and its transpose.

A cell with an `inner` part has its product made in two, as the inner gates, the
first columns of U, act on h before the other columns multiply it::

    q₁ = h U₁       a = inner.forward(p₁, q₁, h)       q₂ = a U₂
"""

from typing import Any

from xprnn import affine
from xprnn._typing import Array, Namespace
from xprnn.cells import inner_gates

__all__ = ["backward", "forward", "weight_gradient"]


def _cut(cell: Any, a: Array) -> tuple[Array, Array]:
    """Cut the columns of the inner gates from the others."""
    size = a.shape[-1] // cell.gates * inner_gates(cell)
    return a[..., :size], a[..., size:]


def forward(
    cell: Any, U: Array, p: Array, h: Array, *, xp: Namespace
) -> tuple[Array, Array | None, Any]:
    """Return q (..., B, G·H), a (..., B, H) if there is one, and what `backward` needs.

    Parameters
    ----------
    cell : Cell
    U : array, (..., H, G·H)
    p : array, (..., B, G·H)
    h : array, (..., B, H)
    """
    if not inner_gates(cell):
        return h @ U, None, None
    (U1, U2), (p1, _) = _cut(cell, U), _cut(cell, p)
    q1 = h @ U1
    a, memo = cell.inner.forward(p1, q1, h, xp=xp)
    return xp.concat([q1, a @ U2], axis=-1), a, memo


def backward(
    cell: Any, U: Array, dp: Array, dq: Array, memo: Any, *, xp: Namespace
) -> tuple[Array, Array, Array]:
    """Return dp and dq with what the inner gates add to them, and dh."""
    if not inner_gates(cell):
        return dp, dq, dq @ xp.matrix_transpose(U)
    (U1, U2), (dp1, dp2), (dq1, dq2) = (_cut(cell, array) for array in (U, dp, dq))
    more_p, more_q, dh = cell.inner.backward(dq2 @ xp.matrix_transpose(U2), memo, xp=xp)
    dp1, dq1 = dp1 + more_p, dq1 + more_q
    dh = dh + dq1 @ xp.matrix_transpose(U1)
    return xp.concat([dp1, dp2], axis=-1), xp.concat([dq1, dq2], axis=-1), dh


def weight_gradient(
    cell: Any, U: Array, h: Array, a: Array | None, dq: Array, *, xp: Namespace
) -> Array:
    """Return dU = Σ hᵀ dq, with a in the place of h for the columns that it multiplied.

    Parameters
    ----------
    cell : Cell
    U : array, (..., H, G·H)
    h, a : array, (..., T, B, H)
    dq : array, (..., T, B, G·H)
    """
    if a is None:
        return affine.weight_gradient(h, dq, U, xp=xp)
    parts = zip((h, a), _cut(cell, dq), _cut(cell, U), strict=True)
    return xp.concat([affine.weight_gradient(x, d, u, xp=xp) for x, d, u in parts], axis=-1)
