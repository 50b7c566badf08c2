"""Long short-term memory."""

from dataclasses import dataclass
from typing import Any, ClassVar

from xprnn import activations
from xprnn._fields import check_fields, flag, number, set_fields
from xprnn.cells.protocol import blocks


@dataclass(frozen=True)
class LSTM:
    """Long short-term memory; the gates are in the order i, f, g, o.

    With σ the activation of the gates, f of the candidate and k of the output::

        i(t) = σ(p_i + q_i + v_i c(t-1))        dc   += dh o k'(c) + dz_o v_o
        f(t) = σ(p_f + q_f + v_f c(t-1))        dz_o  = dh k(c) σ'
        g(t) = f(p_g + q_g)                     dz_g  = dc i f'
        c(t) = f(t) c(t-1) + i(t) g(t)          dz_f  = dc c(t-1) σ'
        o(t) = σ(p_o + q_o + v_o c(t))          dz_i  = dc g σ'
        h(t) = o(t) k(c(t))                     dc(t-1) = dc f(t) + dz_i v_i + dz_f v_f

    dp = dq = dz. The peephole weights v exist only with ``peepholes=True``. With
    ``coupled=True`` f(t) = 1 - i(t), so that dz_f = 0 and dz_i = dc (g - c(t-1)) σ'.

    Hochreiter and Schmidhuber, "Long short-term memory", 1997; the forget gate and
    its bias: Gers, Schmidhuber and Cummins, "Learning to forget", 2000; peepholes:
    Gers, Schraudolph and Schmidhuber, "Learning precise timing with LSTM recurrent
    networks", 2002; coupled gates: Greff et al., "LSTM: a search space odyssey", 2017.

    Parameters
    ----------
    activation : str or Activation
        f, the activation of the candidate g, and of the output unless `output_activation` is given.
    gate_activation : str or Activation
        σ, the activation of the gates i, f and o.
    peepholes : bool
        Whether the gates also read the memory c.
    forget_bias : float
        A number added to the forget gate's initial bias, so that the gate starts open.
    output_activation : str or Activation, optional
        k, the activation of the output; by default f.
    coupled : bool
        Whether the forget gate is 1 minus the input gate. The forget gate's columns of W, U and b
        are then unused.

    Examples
    --------
    >>> import numpy as np
    >>> from xprnn.cells import LSTM
    >>> p, q, h, c = np.zeros((1, 8)), np.zeros((1, 8)), np.zeros((1, 2)), np.ones((1, 2))
    >>> (h, c), memo = LSTM().forward(p, q, (h, c), xp=np)
    >>> c
    array([[0.5, 0.5]])
    """

    activation: Any = "tanh"
    gate_activation: Any = "sigmoid"
    peepholes: bool = False
    forget_bias: float = 1.0
    output_activation: Any = None
    coupled: bool = False

    gates: ClassVar[int] = 4
    states: ClassVar[int] = 2
    gate_names: ClassVar[tuple[str, ...]] = ("input", "forget", "candidate", "output")
    state_names: ClassVar[tuple[str, ...]] = ("h", "c")

    def __post_init__(self):
        output = self.activation if self.output_activation is None else self.output_activation
        set_fields(
            self,
            activation=activations.get(self.activation),
            output_activation=activations.get(output),
            gate_activation=activations.get(self.gate_activation),
        )
        check_fields(self, peepholes=flag, forget_bias=number, coupled=flag)

    @property
    def biases(self) -> tuple[float, ...]:
        """The number added to each gate's initial bias."""
        return (0.0, self.forget_bias, 0.0, 0.0)

    @property
    def weights(self) -> int:
        """The number of weight vectors: 3 with peepholes (v_i, v_f, v_o), else 0."""
        return 3 if self.peepholes else 0

    def forward(self, p, q, state, *, xp):
        """Return (h, c) and the memo that `backward` needs."""
        f, k, σ = self.activation, self.output_activation, self.gate_activation
        _, old, *v = state
        z_i, z_f, z_g, z_o = blocks(p + q, 4)
        if v:
            z_i, z_f = z_i + v[0] * old, z_f + v[1] * old
        i, g = σ.forward(z_i, xp=xp), f.forward(z_g, xp=xp)
        forget = 1 - i if self.coupled else σ.forward(z_f, xp=xp)
        c = forget * old + i * g
        if v:
            z_o = z_o + v[2] * c
        o, out = σ.forward(z_o, xp=xp), k.forward(c, xp=xp)
        z = (z_i, z_f, z_g, z_o)
        return (o * out, c, *v), (z, (i, forget, g, o), old, c, out, v)

    def backward(self, dstate, memo, *, xp):
        """Return dz, dz and (0.0, dc(t-1))."""
        f, k, σ = self.activation, self.output_activation, self.gate_activation
        (z_i, z_f, z_g, z_o), (i, forget, g, o), old, c, out, v = memo
        dh, dc, *dv = dstate
        dz_o = σ.backward(dh * out, z_o, o, xp=xp)
        dc = dc + k.backward(dh * o, c, out, xp=xp)
        if v:
            dc = dc + dz_o * v[2]
        if self.coupled:
            dz_i = σ.backward(dc * (g - old), z_i, i, xp=xp)
            dz_f = xp.zeros_like(dz_i)
        else:
            dz_i = σ.backward(dc * g, z_i, i, xp=xp)
            dz_f = σ.backward(dc * old, z_f, forget, xp=xp)
        dz_g = f.backward(dc * i, z_g, g, xp=xp)
        dc = dc * forget
        if v:
            dc = dc + dz_i * v[0] + dz_f * v[1]
            dv = (dv[0] + dz_i * old, dv[1] + dz_f * old, dv[2] + dz_o * c)
        dz = xp.concat([dz_i, dz_f, dz_g, dz_o], axis=-1)
        return dz, dz, (0.0, dc, *dv)

    def trace(self, memo):
        """Return i, f, g and o at one step."""
        _, seen, *_ = memo
        return seen
