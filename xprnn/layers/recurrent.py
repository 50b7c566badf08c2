"""The layer that runs a cell over time."""

import dataclasses
from dataclasses import dataclass
from typing import Any, ClassVar

from array_api_compat import device

from xprnn import _ops, cells, initializers, kernels, recurrence, tree
from xprnn._fields import check_fields, flag, fraction, set_fields, whole
from xprnn.layers.protocol import Time


@dataclass(frozen=True)
class Recurrent:
    """A recurrent layer: a cell run over time, with the output h(t) at every step.

    Parameters
    ----------
    hidden_size : int
        H, the number of hidden units.
    cell : str or Cell
        The cell: ``"elman"``, ``"lstm"``, ``"gru"``, ``"gru_reset_before"``, or an object such as
        ``LSTM(peepholes=True)``.
    kernel_initializer, recurrent_initializer, bias_initializer : str or Initializer
        How to draw W (F, G·H), U (H, G·H) and b (1, G·H), each gate separately. The cell's
        ``biases`` are added to b; its own weights v start at zero.
    recurrent_dropout : float
        The probability, below 1, of dropping a unit of h from the recurrent product during
        training; the same units are dropped throughout a sequence.
    learn_initial_state : bool
        Whether to learn the initial state, as the parameters ``state``, one row for the whole
        batch. Otherwise it is zero.

    Examples
    --------
    >>> import numpy as np
    >>> from xprnn.layers import Recurrent
    >>> params, features = Recurrent(8, "lstm").init(np.random.default_rng(0), features=3)
    >>> {name: array.shape for name, array in params.items()}, features
    ({'W': (3, 32), 'U': (8, 32), 'b': (1, 32)}, 8)
    """

    hidden_size: int
    cell: Any = dataclasses.field(default_factory=cells.Elman)
    kernel_initializer: Any = "lecun_normal"
    recurrent_initializer: Any = "orthogonal"
    bias_initializer: Any = "zeros"
    recurrent_dropout: float = 0.0
    learn_initial_state: bool = False

    time: ClassVar[Time] = "causal"
    keeps_steps: ClassVar[bool] = True

    def __post_init__(self):
        check_fields(self, hidden_size=whole, recurrent_dropout=fraction, learn_initial_state=flag)
        set_fields(self, cell=cells.get(self.cell))
        for name in ("gates", "states"):
            whole(f"cell.{name}", getattr(self.cell, name, None))
        for name in ("kernel_initializer", "recurrent_initializer", "bias_initializer"):
            set_fields(self, **{name: initializers.get(getattr(self, name), name)})

    def _cell_weights(self, params):
        """Return the cell's own weights, each an array (..., 1, H)."""
        return cells.blocks(params["v"], self.cell.weights) if "v" in params else []

    def init(self, rng, features):
        """Draw W, U and b; v and a learnt initial state start at zero."""
        H, G = self.hidden_size, self.cell.gates
        params: dict[str, Any] = {
            "W": initializers.gates(self.kernel_initializer, rng, features, H, G),
            "U": initializers.gates(self.recurrent_initializer, rng, H, H, G),
            "b": initializers.gates(self.bias_initializer, rng, 1, H, G),
        }
        zeros = initializers.Zeros()
        for k, bias in enumerate(getattr(self.cell, "biases", ())):
            params["b"][:, k * H : (k + 1) * H] += bias
        weights = getattr(self.cell, "weights", 0)
        if weights:
            params["v"] = initializers.gates(zeros, rng, 1, H, weights)
        if self.learn_initial_state:
            params["state"] = tuple(zeros(rng, (1, H), H) for _ in range(self.cell.states))
        return params, H

    def initial_state(self, params, batch, *, xp):
        """Return the learnt state, or zeros, (..., B, H) for each state of the cell."""
        U = params["U"]
        shape = (*U.shape[:-2], batch, self.hidden_size)
        if self.learn_initial_state:
            return tree.map(lambda s: xp.broadcast_to(s, shape), params["state"])
        return (xp.zeros(shape, dtype=U.dtype, device=device(U)),) * self.cell.states

    def forward(self, params, x, state, mask, *, noise=None, xp):
        """Run the cell over x."""
        begins = state is None
        if begins:
            state = self.initial_state(params, x.shape[-2], xp=xp)
        keep = None
        if noise is not None and self.recurrent_dropout:
            keep = noise.once(state[0], self.recurrent_dropout)
        own = self._cell_weights(params)
        shapes = {"x": x.shape, "U": params["U"].shape}
        dtype = xp.result_type(x, *state, *(params[name] for name in ("W", "U", "b")))
        unroll = self._unroll(shapes, dtype, xp=xp)
        y, end, cache = recurrence.forward(
            self.cell, params, x, (*state, *own), mask, keep=keep, unroll=unroll, xp=xp
        )
        return y, end[: self.cell.states], (cache, begins)

    def _unroll(self, shapes, dtype, *, xp):
        """Return the loop over time that `kernels.lookup` chooses."""
        return kernels.lookup(self.cell, xp, shapes, dtype)

    def backward(self, params, dy, dstate, cache, *, input_grad=True, xp):
        """Back-propagate through time."""
        cache, begins = cache
        own = self._cell_weights(params)
        dstate = (*dstate, *(xp.zeros_like(v) for v in own))
        grads, dx, dstate = recurrence.backward(
            self.cell, params, dy, dstate, cache, input_grad=input_grad, xp=xp
        )
        dstate, dv = dstate[: self.cell.states], dstate[self.cell.states :]
        if own:
            grads["v"] = xp.concat(list(dv), axis=-1)
        if self.learn_initial_state:
            grads["state"] = tree.map(
                lambda d, s: _ops.sum_to(d, s.shape, xp=xp) if begins else xp.zeros_like(s),
                dstate,
                params["state"],
            )
        return grads, dx, dstate

    def states(self, cache, *, xp):
        """Return (h,), where h holds h(1) … h(T)."""
        return (cache[0].h[..., 1:, :, :],)
