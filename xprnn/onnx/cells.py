"""What ONNX's LSTM has and `xprnn.cells.LSTM` has not."""

from dataclasses import dataclass
from typing import Any, ClassVar

from xprnn import activations
from xprnn._validate import settle
from xprnn.cells import blocks

__all__ = ["GeneralLSTM"]


@dataclass(frozen=True)
class GeneralLSTM:
    """Long short-term memory with three activations, and coupled gates if wanted.

    ::

        i(t) = σ(p_i + q_i + v_i c(t-1))        dc   += dh o k'(c) + dz_o v_o
        f(t) = σ(p_f + q_f + v_f c(t-1))        dz_o  = dh k(c) σ'
        g(t) = f(p_g + q_g)                     dz_g  = dc i f'
        c(t) = f(t) c(t-1) + i(t) g(t)          dz_f  = dc c(t-1) σ'
        o(t) = σ(p_o + q_o + v_o c(t))          dz_i  = dc g σ'
        h(t) = o(t) k(c(t))                     dc(t-1) = dc f(t) + dz_i v_i + dz_f v_f

    With coupled gates f(t) = 1 - i(t), dz_f = 0 and dz_i = dc (g - c(t-1)) σ'.

    ONNX's operator LSTM, where σ, f and k are called f, g and h.

    Parameters
    ----------
    activation : str or Activation
        f, of the candidate.
    output_activation : str or Activation
        k, of the output.
    gate_activation : str or Activation
        σ, of the gates.
    peepholes : bool
        Whether the gates see the memory c.
    coupled : bool
        Whether the forget gate is what the input gate leaves, ``input_forget``.
    """

    activation: Any = "tanh"
    output_activation: Any = "tanh"
    gate_activation: Any = "sigmoid"
    peepholes: bool = False
    coupled: bool = False

    gates: ClassVar[int] = 4
    states: ClassVar[int] = 2

    def __post_init__(self):
        names = ("activation", "output_activation", "gate_activation")
        settle(self, **{name: activations.get(getattr(self, name)) for name in names})

    @property
    def weights(self) -> int:
        """3 with peepholes (v_i, v_f, v_o), else 0."""
        return 3 if self.peepholes else 0

    def forward(self, p, q, state, *, xp):
        """Return (h, c) and what `backward` needs."""
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
        return (o * out, c, *v), ((z_i, z_f, z_g, z_o), (i, forget, g, o), old, c, out, v)

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
