"""The activations of ONNX's recurrent nodes that `xprnn.activations` has not.

All have ``forward`` and ``backward`` as those of `xprnn.activations`. α and β are the
node's ``activation_alpha`` and ``activation_beta``, and have the defaults of ONNX's
operators of the same names; ScaledTanh has none there.
"""

from dataclasses import dataclass, fields
from typing import Any

from xprnn import activations
from xprnn._validate import number, settle
from xprnn.activations import Activation

__all__ = [
    "Affine",
    "Clipped",
    "Elu",
    "HardSigmoid",
    "LeakyReLU",
    "ScaledTanh",
    "ThresholdedReLU",
    "described",
    "named",
]


@dataclass(frozen=True)
class _Shaped:
    """An activation whose fields are numbers."""

    def __post_init__(self):
        settle(self, **{f.name: number(f.name, getattr(self, f.name)) for f in fields(self)})


@dataclass(frozen=True)
class Affine(_Shaped):
    """f(z) = α z + β, f'(z) = α."""

    alpha: float = 1.0
    beta: float = 0.0

    def forward(self, z, *, xp):
        return self.alpha * z + self.beta

    def backward(self, dy, z, y, *, xp):
        return self.alpha * dy


@dataclass(frozen=True)
class LeakyReLU(_Shaped):
    """f(z) = z for z ≥ 0, else α z; f'(z) = 1 for z ≥ 0, else α."""

    alpha: float = 0.01

    def forward(self, z, *, xp):
        return xp.where(z >= 0, z, self.alpha * z)

    def backward(self, dy, z, y, *, xp):
        return xp.where(z >= 0, dy, self.alpha * dy)


@dataclass(frozen=True)
class ThresholdedReLU(_Shaped):
    """f(z) = z for z ≥ α, else 0; f'(z) = 1 for z ≥ α, else 0."""

    alpha: float = 1.0

    def forward(self, z, *, xp):
        return xp.where(z >= self.alpha, z, xp.zeros_like(z))

    def backward(self, dy, z, y, *, xp):
        return xp.where(z >= self.alpha, dy, xp.zeros_like(dy))


@dataclass(frozen=True)
class ScaledTanh(_Shaped):
    """f(z) = α tanh(β z), f'(z) = α β (1 - tanh²(β z))."""

    alpha: float
    beta: float

    def forward(self, z, *, xp):
        return self.alpha * xp.tanh(self.beta * z)

    def backward(self, dy, z, y, *, xp):
        t = xp.tanh(self.beta * z)
        return self.alpha * self.beta * (dy * (1 - t * t))


@dataclass(frozen=True)
class HardSigmoid(_Shaped):
    """f(z) = α z + β between 0 and 1, else 0 or 1; f'(z) = α or 0."""

    alpha: float = 0.2
    beta: float = 0.5

    def forward(self, z, *, xp):
        zero = xp.zeros_like(z)
        return xp.minimum(xp.maximum(self.alpha * z + self.beta, zero), zero + 1)

    def backward(self, dy, z, y, *, xp):
        return xp.where((y > 0) & (y < 1), self.alpha * dy, xp.zeros_like(dy))


@dataclass(frozen=True)
class Elu(_Shaped):
    """f(z) = z for z ≥ 0, else α (exp(z) - 1); f'(z) = 1 for z ≥ 0, else y + α."""

    alpha: float = 1.0

    def forward(self, z, *, xp):
        return xp.where(z >= 0, z, self.alpha * xp.expm1(xp.minimum(z, xp.zeros_like(z))))

    def backward(self, dy, z, y, *, xp):
        return xp.where(z >= 0, dy, dy * (y + self.alpha))


@dataclass(frozen=True)
class Clipped:
    """f(clip(z, -c, c)), with the node's ``clip`` for c.

    The derivative is f'(z) within the bounds and 0 outside of them.

    Parameters
    ----------
    activation : Activation
        f.
    threshold : float
        c, at least 0.
    """

    activation: Any
    threshold: float

    def __post_init__(self):
        settle(
            self,
            activation=activations.get(self.activation),
            threshold=number("threshold", self.threshold, least=0),
        )

    def _clip(self, z, xp):
        bound = xp.zeros_like(z) + self.threshold
        return xp.minimum(xp.maximum(z, -bound), bound)

    def forward(self, z, *, xp):
        return self.activation.forward(self._clip(z, xp), xp=xp)

    def backward(self, dy, z, y, *, xp):
        dz = self.activation.backward(dy, self._clip(z, xp), y, xp=xp)
        return xp.where(xp.abs(z) < self.threshold, dz, xp.zeros_like(dz))


TABLE: dict[str, type] = {
    "Affine": Affine,
    "Elu": Elu,
    "HardSigmoid": HardSigmoid,
    "LeakyRelu": LeakyReLU,
    "Relu": activations.ReLU,
    "ScaledTanh": ScaledTanh,
    "Sigmoid": activations.Sigmoid,
    "Softplus": activations.Softplus,
    "Softsign": activations.Softsign,
    "Tanh": activations.Tanh,
    "ThresholdedRelu": ThresholdedReLU,
}


_PLAIN: dict[Activation, Activation] = {
    Affine(): activations.Identity(),
    Elu(): activations.ELU(),
}
_SHAPED: dict[type, Activation] = {activations.Identity: Affine(), activations.ELU: Elu()}


def named(
    names: list[str], alpha: list[float], beta: list[float], clip: float | None
) -> list[Activation]:
    """Return the activations of those names.

    Those that have an α take the next one of `alpha`, and their default when none is
    left; so with β.

    Raises
    ------
    ValueError
        If ONNX has no activation of that name, or ScaledTanh comes without α or β.
    """
    known = {name.lower(): made for name, made in TABLE.items()}
    queues = {"alpha": iter(alpha), "beta": iter(beta)}
    found = []
    for name in names:
        kind = known.get(name.lower())
        if kind is None:
            raise ValueError(f"activations must be of ONNX's {', '.join(TABLE)}, got {name!r}")
        taken = {f.name: next(queues[f.name], None) for f in fields(kind)}
        given = {parameter: value for parameter, value in taken.items() if value is not None}
        if kind is ScaledTanh and len(given) < 2:
            raise ValueError("ScaledTanh has no default: give activation_alpha and activation_beta")
        made: Activation = kind(**given)
        made = _PLAIN.get(made, made)
        found.append(made if clip is None else Clipped(made, clip))
    return found


def described(activation: Any) -> tuple[str, list[float], list[float], float | None] | None:
    """Return name, α, β (a list of one or none) and clip; None if ONNX has no such activation."""
    clip = None
    if type(activation) is Clipped:
        activation, clip = activation.activation, activation.threshold
    activation = _SHAPED.get(type(activation), activation)
    for name, kind in TABLE.items():
        if type(activation) is kind:
            alpha, beta = (
                [getattr(activation, f)] if hasattr(activation, f) else []
                for f in ("alpha", "beta")
            )
            return name, alpha, beta, clip
    return None
