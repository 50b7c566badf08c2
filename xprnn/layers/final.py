"""The final state of a recurrent layer."""

from dataclasses import dataclass
from typing import Any, ClassVar

from array_api_compat import device

from xprnn._fields import check_fields, natural, show
from xprnn.layers.bidirectional import Reversed
from xprnn.layers.protocol import Time
from xprnn.layers.recurrent import Recurrent


@dataclass(frozen=True)
class Final:
    """A recurrent layer's state after the last valid step: (..., T, B, F) to (..., 1, B, H).

    For a layer that runs forward, the final h is what ``Pool("last")`` returns; for a layer that
    runs backward, it is h at the first step. torch calls it h_n, and the final c of an LSTM c_n.

    Parameters
    ----------
    layer : Recurrent, or Reversed of one
        The layer whose state to return; parameters and state are the layer's.
    state : int
        The index of the array in the cell's state: 0 for h, 1 for the c of an LSTM.

    Examples
    --------
    The final states of both directions:

    >>> import numpy as np
    >>> from xprnn.layers import Final, Parallel, Recurrent, Reversed
    >>> lstm = Recurrent(8, "lstm")
    >>> network = Parallel((Final(lstm), Final(Reversed(lstm))))
    >>> params, _ = network.init(np.random.default_rng(0), features=3)
    >>> network.forward(params, np.ones((5, 1, 3)), None, None, xp=np)[0].shape
    (1, 1, 16)
    """

    layer: Any
    state: int = 0

    keeps_steps: ClassVar[bool] = False

    def __post_init__(self):
        inner = self.layer.layer if isinstance(self.layer, Reversed) else self.layer
        if not isinstance(inner, Recurrent):
            raise TypeError(
                f"layer must be a Recurrent, or Reversed of one, got {show(self.layer)}"
            )
        check_fields(self, state=natural)
        if self.state >= inner.cell.states:
            raise ValueError(
                f"state must be below {inner.cell.states}, the arrays of the cell's state, "
                f"got {self.state}"
            )

    @property
    def time(self) -> Time:
        """How the layer works along time."""
        kind: Time = self.layer.time
        return kind

    def init(self, rng, features):
        """Draw the layer's parameters."""
        return self.layer.init(rng, features)

    def initial_state(self, params, batch, *, xp):
        """Return the layer's initial state."""
        return self.layer.initial_state(params, batch, xp=xp)

    def forward(self, params, x, state, mask, *, noise=None, xp):
        """Run the layer, and return its final state as one step."""
        y, end, cache = self.layer.forward(params, x, state, mask, noise=noise, xp=xp)
        return end[self.state][..., None, :, :], end, (y.shape, cache)

    def backward(self, params, dy, dstate, cache, *, input_grad=True, xp):
        """Transpose `forward`."""
        shape, cache = cache
        dstate = list(dstate)
        dstate[self.state] = dstate[self.state] + dy[..., 0, :, :]
        zero = xp.zeros(shape, dtype=dy.dtype, device=device(dy))
        return self.layer.backward(params, zero, tuple(dstate), cache, input_grad=input_grad, xp=xp)

    def states(self, cache, *, xp):
        """Return the layer's hidden states."""
        return self.layer.states(cache[1], xp=xp)
