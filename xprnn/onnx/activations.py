"""The activations of ONNX's recurrent nodes, by name, with α, β and clip.

α and β are the node's ``activation_alpha`` and ``activation_beta``. The defaults are those of
ONNX's operators with the same names; ScaledTanh has no defaults.
"""

from dataclasses import fields
from typing import Any

from xprnn import activations
from xprnn.activations import Activation, Affine, Clipped, Identity, ScaledTanh

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


def read_activations(
    names: list[str], alpha: list[float], beta: list[float], clip: float | None
) -> list[Activation]:
    """Return the activations with these names.

    Each activation with an α takes the next value of `alpha`, or its default when none is left.
    The same holds for β.

    Raises
    ------
    ValueError
        If ONNX has no activation with such a name, or ScaledTanh has no α or β.
    """
    kinds = {name.lower(): kind for name, kind in TABLE.items()}
    queues = {"alpha": iter(alpha), "beta": iter(beta)}
    functions: list[Activation] = []
    for name in names:
        kind = kinds.get(name.lower())
        if kind is None:
            raise ValueError(f"activations must be of ONNX's {', '.join(TABLE)}, got {name!r}")
        values = {f.name: next(queues[f.name], None) for f in fields(kind)}
        values = {parameter: value for parameter, value in values.items() if value is not None}
        if kind is ScaledTanh and len(values) < 2:
            raise ValueError("ScaledTanh has no defaults: set activation_alpha and activation_beta")
        activation: Activation = kind(**values)
        activation = Identity() if activation == Affine() else activation
        functions.append(activation if clip is None else Clipped(activation, clip))
    return functions


def describe_activation(
    activation: Any,
) -> tuple[str, list[float], list[float], float | None] | None:
    """Return the name, α and β (lists of one or none) and clip; None if ONNX lacks it."""
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
