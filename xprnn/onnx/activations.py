"""The activations of ONNX's recurrent nodes, by name, with α, β and clip.

α and β are the node's ``activation_alpha`` and ``activation_beta``, and have the defaults
of ONNX's operators of the same names; ScaledTanh has none there.
"""

from dataclasses import fields
from typing import Any

from xprnn import activations
from xprnn.activations import Activation, Affine, Clipped, Identity, ScaledTanh

__all__ = ["described", "named"]

TABLE: dict[str, type] = {
    "Affine": Affine,
    "Elu": activations.ELU,
    "HardSigmoid": activations.HardSigmoid,
    "LeakyRelu": activations.LeakyReLU,
    "Relu": activations.ReLU,
    "ScaledTanh": ScaledTanh,
    "Sigmoid": activations.Sigmoid,
    "Softplus": activations.Softplus,
    "Softsign": activations.Softsign,
    "Tanh": activations.Tanh,
    "ThresholdedRelu": activations.ThresholdedReLU,
}


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
        made = Identity() if made == Affine() else made
        found.append(made if clip is None else Clipped(made, clip))
    return found


def described(activation: Any) -> tuple[str, list[float], list[float], float | None] | None:
    """Return name, α, β (a list of one or none) and clip; None if ONNX has no such activation."""
    clip = None
    if type(activation) is Clipped:
        activation, clip = activation.activation, activation.threshold
    activation = Affine() if type(activation) is Identity else activation
    for name, kind in TABLE.items():
        if type(activation) is kind:
            alpha, beta = (
                [getattr(activation, f)] if hasattr(activation, f) else []
                for f in ("alpha", "beta")
            )
            return name, alpha, beta, clip
    return None
