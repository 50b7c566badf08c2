"""An affine map at every step."""

from dataclasses import dataclass
from typing import Any

from xprnn import _ops, initializers
from xprnn._fields import check_fields, flag, set_fields, whole
from xprnn.layers.protocol import Stateless


@dataclass(frozen=True)
class Dense(Stateless):
    """y(t) = x(t) W + b at every step.

    Parameters
    ----------
    output_size : int
        O, the number of outputs.
    bias : bool
        Whether to add b.
    kernel_initializer, bias_initializer : str or Initializer
        How to draw W (F, O) and b (1, O).

    Examples
    --------
    >>> import numpy as np
    >>> from xprnn.layers import Dense
    >>> params, features = Dense(2).init(np.random.default_rng(0), features=3)
    >>> {name: array.shape for name, array in params.items()}, features
    ({'W': (3, 2), 'b': (1, 2)}, 2)
    """

    output_size: int
    bias: bool = True
    kernel_initializer: Any = "glorot_uniform"
    bias_initializer: Any = "zeros"

    def __post_init__(self):
        set_fields(
            self,
            kernel_initializer=initializers.get(self.kernel_initializer, "kernel_initializer"),
            bias_initializer=initializers.get(self.bias_initializer, "bias_initializer"),
        )
        check_fields(self, output_size=whole, bias=flag)

    def init(self, rng, features):
        """Draw W and, with `bias`, b."""
        params = {"W": self.kernel_initializer(rng, (features, self.output_size), features)}
        if self.bias:
            params["b"] = self.bias_initializer(rng, (1, self.output_size), features)
        return params, self.output_size

    def forward(self, params, x, state, mask, *, noise=None, xp):
        """Apply the map at every step."""
        x = _ops.apply_mask(x, mask, xp=xp)
        y = _ops.apply_mask(_ops.affine(params, x, xp=xp), mask, xp=xp)
        return y, (), (x, mask)

    def backward(self, params, dy, dstate, cache, *, input_grad=True, xp):
        """Transpose `forward`."""
        x, mask = cache
        dy = _ops.apply_mask(dy, mask, xp=xp)
        grads, dx = _ops.affine_backward(params, dy, x, input_grad=input_grad, xp=xp)
        return grads, dx, ()
