"""Gradients: the proof that they are right, and a look at how they go through time.

`check` proves the gradients of a network, a cell, an activation or a loss, the
library's or your own, by finite differences on random numbers::

    from xprnn import gradients, layers
    print(gradients.check(layers.Stack((layers.Recurrent(4), layers.Dense(1)))))

`compare` proves those of any function at any point. `through_time` says how much of a
loss reaches the state at each step, `state_jacobians` how much of the last state each
state decides.

**What is compared.** For each array θ and a random direction v of norm 1, the
analytic number Σ v ∂L/∂θ with the numeric one, D(s) = (4 d(s/2) - d(s)) / 3. Here
d(s) = (L(θ + s v) - L(θ - s v)) / 2s is the central difference, and D Richardson's
extrapolation of it, whose truncation error falls as s⁴.

**The tolerance** is eps^(2/3) of the larger number (4e-11 in float64), plus what
rounding alone can do to D at that step, 64 eps Σ|L_i| / s over the terms L_i of L.

**The step** s starts at eps^(1/5), where truncation and rounding balance. A
difference quotient across a kink (of relu, of an absolute value) means nothing.
So D(s) counts only if D(s), D(s/2) and D(s/4) agree to the tolerance, and if the
quotients to the right and to the left differ in proportion to the step, as they
do where there is a derivative. Otherwise s is divided by 8, so that it no longer
reaches the kink. If six steps fail, they are tried once more with another estimate of the
rounding, the change of L when θ moves by its own rounding: where large numbers cancel,
it is larger than eps Σ|L_i|. Then another direction is tried. If four directions fail, the
verdict is "kink", which is not a pass: the function has no gradient at that point.
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
