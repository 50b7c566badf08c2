"""Gated recurrent units, with the reset gate applied after or before the product."""

from dataclasses import dataclass
from typing import Any, ClassVar

from xprnn import activations
from xprnn._fields import set_fields
from xprnn.activations import Activation
from xprnn.cells.protocol import blocks


@dataclass(frozen=True)
class _Gated:
    """The fields that both units share: the activations of the candidate and the gates."""

    activation: Any = "tanh"
    gate_activation: Any = "sigmoid"

    gates: ClassVar[int] = 3
    states: ClassVar[int] = 1
    gate_names: ClassVar[tuple[str, ...]] = ("reset", "update", "candidate")

    def __post_init__(self):
        set_fields(
            self,
            activation=activations.get(self.activation),
            gate_activation=activations.get(self.gate_activation),
        )


@dataclass(frozen=True)
class GRU(_Gated):
    """Gated recurrent unit, reset after the product; the gates are in the order r, z, n.

    The formula of torch, cuDNN and Keras (``reset_after=True``). With σ the activation of the
    gates and f of the candidate::

        r(t) = σ(p_r + q_r)                       dn    = dh (1 - z)
        z(t) = σ(p_z + q_z)                       dz_z  = dh (h(t-1) - n) σ'
        n(t) = f(p_n + r(t) (q_n + v))            dz_n  = dn f'
        h(t) = (1 - z(t)) n(t) + z(t) h(t-1)      dz_r  = dz_n (q_n + v) σ'
                                                  dh(t-1) = dh z
        dp = (dz_r, dz_z, dz_n)     dq = (dz_r, dz_z, dz_n r)     dv = Σ dz_n r

    v, one number for each unit, is the recurrent bias of the candidate. Recurrent biases of the
    gates would only duplicate b.

    Cho et al., "Learning phrase representations using RNN encoder-decoder", 2014 (v3).

    Parameters
    ----------
    activation : str or Activation
        f, the activation of the candidate n.
    gate_activation : str or Activation
        σ, the activation of the gates r and z.

    Examples
    --------
    >>> import numpy as np
    >>> from xprnn.cells import GRU
    >>> p, q, h, v = np.zeros((1, 6)), np.zeros((1, 6)), np.ones((1, 2)), np.zeros((1, 2))
    >>> (h, v), memo = GRU().forward(p, q, (h, v), xp=np)
    >>> h
    array([[0.5, 0.5]])
    """

    weights: ClassVar[int] = 1

    def forward(self, p, q, state, *, xp):
        """Return (h, v) and the memo that `backward` needs."""
        f, σ = self.activation, self.gate_activation
        h, v = state
        (p_r, p_z, p_n), (q_r, q_z, q_n) = blocks(p, 3), blocks(q, 3)
        z_r, z_z, u = p_r + q_r, p_z + q_z, q_n + v
        r, z = σ.forward(z_r, xp=xp), σ.forward(z_z, xp=xp)
        z_n = p_n + r * u
        n = f.forward(z_n, xp=xp)
        return (n + z * (h - n), v), (z_r, z_z, z_n, r, z, n, u, h)

    def backward(self, dstate, memo, *, xp):
        """Return dp, dq and (dh(t-1), dv)."""
        f, σ = self.activation, self.gate_activation
        z_r, z_z, z_n, r, z, n, u, h = memo
        dh, dv = dstate
        dz_z = σ.backward(dh * (h - n), z_z, z, xp=xp)
        dz_n = f.backward(dh * (1 - z), z_n, n, xp=xp)
        dz_r = σ.backward(dz_n * u, z_r, r, xp=xp)
        dq_n = dz_n * r
        dp = xp.concat([dz_r, dz_z, dz_n], axis=-1)
        dq = xp.concat([dz_r, dz_z, dq_n], axis=-1)
        return dp, dq, (dh * z, dv + dq_n)

    def trace(self, memo):
        """Return r, z and n at one step."""
        _, _, _, r, z, n, _, _ = memo
        return r, z, n


@dataclass(frozen=True)
class Reset:
    """The inner part of `GRUResetBefore`, between its two products.

    ::

        r(t) = σ(p_r + q_r)             dz_r    = da h(t-1) σ'
        a(t) = r(t) h(t-1)              dh(t-1) = da r

    p and q are the pre-activations of the gates r and z; z is not used here, so its gradient is 0.
    """

    activation: Activation

    gates: ClassVar[int] = 2

    def forward(self, p, q, h, *, xp):
        """Return a and the memo that `backward` needs."""
        z_r, _ = blocks(p + q, 2)
        r = self.activation.forward(z_r, xp=xp)
        return r * h, (z_r, r, h)

    def backward(self, da, memo, *, xp):
        """Return dp = dq = (dz_r, 0), and da r."""
        z_r, r, h = memo
        dz_r = self.activation.backward(da * h, z_r, r, xp=xp)
        dz = xp.concat([dz_r, xp.zeros_like(dz_r)], axis=-1)
        return dz, dz, da * r

    def trace(self, memo):
        """Return r at one step."""
        return (memo[1],)


@dataclass(frozen=True)
class GRUResetBefore(_Gated):
    """Gated recurrent unit, reset before the product; the gates are in the order r, z, n.

    The formula of Keras's ``reset_after=False`` and of ONNX's default. With a(t) =
    r(t) h(t-1) of `Reset`, which takes h's place in the product with U_n::

        q_r, q_z = h(t-1) (U_r, U_z)              dn    = dh (1 - z)
        q_n  = a(t) U_n                           dz_z  = dh (h(t-1) - n) σ'
        z(t) = σ(p_z + q_z)                       dz_n  = dn f'
        n(t) = f(p_n + q_n)                       dh(t-1) = dh z
        h(t) = (1 - z(t)) n(t) + z(t) h(t-1)      dp = dq = (0, dz_z, dz_n)

    Cho et al., "Learning phrase representations using RNN encoder-decoder", 2014 (v1).

    Parameters
    ----------
    activation : str or Activation
        f, the activation of the candidate n.
    gate_activation : str or Activation
        σ, the activation of the gates r and z.

    Examples
    --------
    >>> from xprnn import gradients
    >>> from xprnn.cells import GRUResetBefore
    >>> from xprnn.layers import Recurrent
    >>> gradients.check(Recurrent(4, GRUResetBefore())).ok
    True
    """

    @property
    def inner(self) -> Reset:
        """The reset gate."""
        return Reset(self.gate_activation)

    def forward(self, p, q, state, *, xp):
        """Return (h,) and the memo that `backward` needs."""
        f, σ = self.activation, self.gate_activation
        (h,) = state
        _, z_z, z_n = blocks(p + q, 3)
        z, n = σ.forward(z_z, xp=xp), f.forward(z_n, xp=xp)
        return (n + z * (h - n),), (z_z, z_n, z, n, h)

    def backward(self, dstate, memo, *, xp):
        """Return dz, dz and (dh(t-1),)."""
        f, σ = self.activation, self.gate_activation
        z_z, z_n, z, n, h = memo
        (dh,) = dstate
        dz_z = σ.backward(dh * (h - n), z_z, z, xp=xp)
        dz_n = f.backward(dh * (1 - z), z_n, n, xp=xp)
        dz = xp.concat([xp.zeros_like(dz_z), dz_z, dz_n], axis=-1)
        return dz, dz, (dh * z,)

    def trace(self, memo):
        """Return z and n at one step; the inner part traces r."""
        _, _, z, n, _ = memo
        return z, n
