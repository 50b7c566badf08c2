"""A small network step by step: forward, then back through time, right or with mistakes.

One recurrent layer, one dense layer with one output, one sequence, zero at the start::

    p(t) = x(t) W + b                    dŷ(t) = (ŷ(t) - y(t)) / T
    q(t) = h(t-1) U                      dh(t) = dŷ(t) Wyᵀ + dq(t+1) Uᵀ
    state(t) = cell.forward(p, q, …)     dp(t), dq(t) = cell.backward(dh(t), …)
    ŷ(t) = h(t) Wy + by                  dW = Σ x(t)ᵀ dp(t), dU = Σ h(t-1)ᵀ dq(t), …

`recurrence` and `layers` compute the same. This loop keeps what happens at each step, and can make
the mistakes; a test holds its gradient against theirs.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from xprnn._typing import Array, Tree
from xprnn.cells import blocks

MISTAKES = {
    1: "one activation object for all steps",
    2: "only the last step's error",
    3: "U in place of its transpose",
    4: "the transpose of dU",
}
"""The lecture's mistakes in the gradient, with their numbers on the page about the lecture."""


@dataclass(frozen=True, kw_only=True)
class Forward:
    """One step forward; every array is a row (1, …)."""

    x: Array
    before: Array
    """h(t-1)."""
    p: Array
    q: Array
    state: tuple[Array, ...]
    memo: Any
    y_hat: Array


@dataclass(frozen=True, kw_only=True)
class Backward:
    """One step back; every array is a row (1, …)."""

    dy_hat: Array
    from_error: Array
    """dŷ(t) Wyᵀ, zero where a mistake forgets it."""
    from_later: Array
    """What comes back from step t+1: dq(t+1) Uᵀ, and what the cell sends past it."""
    dstate: tuple[Array, ...]
    dp: Array
    dq: Array
    terms: dict[str, Array]
    """What this step adds to the gradient of each parameter."""


def allowed_mistakes(cell: Any) -> tuple[int, ...]:
    """Return the mistakes that a network with this cell can make: 3 and 4 want a square U."""
    return (1, 2, 3, 4) if cell.gates == 1 else (1, 2)


def run_forward(cell: Any, params: Tree, x: Array) -> list[Forward]:
    """Run the network over x (T, F)."""
    recurrent, dense = params
    own = blocks(recurrent["v"], cell.weights) if "v" in recurrent else []
    state = (np.zeros((1, recurrent["U"].shape[0])),) * cell.states + tuple(own)
    steps = []
    for x_t in x[:, None, :]:
        before = state[0]
        p, q = x_t @ recurrent["W"] + recurrent["b"], before @ recurrent["U"]
        state, memo = cell.forward(p, q, state, xp=np)
        y_hat = state[0] @ dense["W"] + dense["b"]
        seen = state[: cell.states]
        steps.append(Forward(x=x_t, before=before, p=p, q=q, state=seen, memo=memo, y_hat=y_hat))
    return steps


def run_backward(
    cell: Any, params: Tree, steps: list[Forward], y: Array, mistakes: tuple[int, ...] = ()
) -> list[Backward]:
    """Go back through the steps; y is (T, 1). The first that is returned is step 1."""
    recurrent, dense = params
    U, last = recurrent["U"], len(steps) - 1
    zero = np.zeros_like(steps[0].before)
    own = (zero,) * getattr(cell, "weights", 0)
    from_later, *others = (zero,) * cell.states
    found = []
    for t in range(last, -1, -1):
        step = steps[t]
        dy_hat = (step.y_hat - y[t]) / len(steps)
        from_error = dy_hat @ dense["W"].T
        if 2 in mistakes and t < last:
            from_error = zero
        dstate = (from_error + from_later, *others)
        memo = steps[last].memo if 1 in mistakes else step.memo
        dp, dq, (direct, *rest) = cell.backward((*dstate, *own), memo, xp=np)
        others, dv = rest[: cell.states - 1], rest[cell.states - 1 :]
        dU = step.before.T @ dq
        terms = {
            "W": step.x.T @ dp,
            "U": dU.T if 4 in mistakes else dU,
            "b": dp,
            **({"v": np.concat(dv, axis=-1)} if dv else {}),
            "Wy": step.state[0].T @ dy_hat,
            "by": dy_hat,
        }
        found.append(
            Backward(
                dy_hat=dy_hat,
                from_error=from_error,
                from_later=from_later,
                dstate=dstate,
                dp=dp,
                dq=dq,
                terms=terms,
            )
        )
        from_later = dq @ (U if 3 in mistakes else U.T) + direct
    return found[::-1]


def sum_terms(steps: list[Backward]) -> dict[str, Array]:
    """Return the gradient of each parameter, the sum of what every step adds to it."""
    return {name: sum(step.terms[name] for step in steps) for name in steps[0].terms}
