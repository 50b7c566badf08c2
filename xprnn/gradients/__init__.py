"""Gradients: checks that they are right, and how they flow through time.

`check` verifies the gradients of a network, a cell, an activation or a loss, the library's or
user-defined, by finite differences on random data::

    from xprnn import gradients, layers
    print(gradients.check(layers.Stack((layers.Recurrent(4), layers.Dense(1)))))

`compare` verifies the gradients of any function at any point. `through_time` returns the norm of
the loss's gradient with respect to the state at each step, and `state_jacobians` the derivative of
the final state with respect to each state.

**The comparison.** For each array θ and a random direction v of norm 1, the analytic derivative
Σ v ∂L/∂θ is compared with the numeric one, D(s) = (4 d(s/2) - d(s)) / 3. Here
d(s) = (L(θ + s v) - L(θ - s v)) / 2s is the central difference, and D is its Richardson
extrapolation, whose truncation error falls as s⁴.

**The tolerance** is eps^(2/3) of the larger number (4e-11 in float64), plus the effect that
rounding alone can have on D at that step, 64 eps Σ|L_i| / s over the terms L_i of L.

**The step** s starts at eps^(1/5), where truncation and rounding errors balance. A difference
quotient across a kink, such as relu's, means nothing. So D(s) counts only if D(s), D(s/2) and
D(s/4) agree within the tolerance, and if the right and left quotients differ in proportion to the
step, as they do where the function is differentiable. Otherwise s is divided by 8, to stay clear
of the kink. If six steps fail, they are tried again with another estimate of the rounding error:
the change of L when θ changes by its own rounding. Where large numbers cancel, it is larger than
eps Σ|L_i|. Then another direction is tried. If four directions fail, the verdict is "kink", which
is not a pass: the function has no gradient at that point.
"""

from xprnn.gradients.check import check
from xprnn.gradients.differences import compare
from xprnn.gradients.flow import through_time
from xprnn.gradients.jacobian import state_jacobians
from xprnn.gradients.objective import value_and_grad
from xprnn.gradients.report import Report, Row

__all__ = [
    "Report",
    "Row",
    "check",
    "compare",
    "state_jacobians",
    "through_time",
    "value_and_grad",
]
