"""Initial weights, drawn on the host by a NumPy generator.

An initializer is any callable ``initializer(rng, shape, hidden_size)`` that returns a float64
array of `shape` (rows, columns). `hidden_size` is the number of hidden units of a recurrent layer,
or the number of inputs of a dense layer. Numbers are drawn on the host, so that a seed gives the
same weights on every backend.
"""

import math
from dataclasses import dataclass
from typing import Protocol

from xprnn._fields import check_fields, choose, positive
from xprnn._typing import Array
from xprnn.backend import host

__all__ = [
    "TABLE",
    "GlorotNormal",
    "GlorotUniform",
    "Initializer",
    "LecunNormal",
    "Normal",
    "Orthogonal",
    "Uniform",
    "Zeros",
    "gates",
    "get",
]


class Initializer(Protocol):
    """The protocol of an initializer."""

    def __call__(self, rng, shape: tuple[int, int], hidden_size: int) -> Array:
        """Return an array of `shape` drawn from `rng`."""


@dataclass(frozen=True)
class Zeros:
    """All zeros."""

    def __call__(self, rng, shape, hidden_size):
        return 0.0 * rng.random(shape)


@dataclass(frozen=True)
class Normal:
    """Normal numbers with mean 0; Markus Hohle's lecture draws all weights with std 0.1.

    Parameters
    ----------
    std : float
        The standard deviation.
    """

    std: float = 0.1

    def __post_init__(self):
        check_fields(self, std=positive)

    def __call__(self, rng, shape, hidden_size):
        return self.std * rng.standard_normal(shape)


@dataclass(frozen=True)
class Uniform:
    """Uniform numbers in ±1/√H, torch's rule for recurrent layers."""

    def __call__(self, rng, shape, hidden_size):
        bound = 1 / math.sqrt(hidden_size)
        return rng.uniform(-bound, bound, shape)


@dataclass(frozen=True)
class GlorotUniform:
    """Uniform numbers in ±√(6 / (rows + columns)).

    Glorot and Bengio, "Understanding the difficulty of training deep
    feedforward neural networks", 2010.
    """

    def __call__(self, rng, shape, hidden_size):
        bound = math.sqrt(6 / sum(shape))
        return rng.uniform(-bound, bound, shape)


@dataclass(frozen=True)
class GlorotNormal:
    """Normal numbers with variance 2 / (rows + columns); for the source see `GlorotUniform`."""

    def __call__(self, rng, shape, hidden_size):
        return math.sqrt(2 / sum(shape)) * rng.standard_normal(shape)


@dataclass(frozen=True)
class LecunNormal:
    """Normal numbers with variance 1 / rows: sums of standardised inputs have variance 1.

    LeCun, Bottou, Orr and Müller, "Efficient BackProp", 1998.
    """

    def __call__(self, rng, shape, hidden_size):
        return rng.standard_normal(shape) / math.sqrt(shape[0])


@dataclass(frozen=True)
class Orthogonal:
    """A random matrix with orthonormal rows or columns, whichever are fewer.

    It is uniformly distributed: the Q of a normal matrix, with signs fixed by the diagonal of R
    (Mezzadri, "How to generate random matrices from the classical compact groups", 2007).
    """

    def __call__(self, rng, shape, hidden_size):
        rows, columns = shape
        normal = rng.standard_normal((max(shape), min(shape)))
        q, r = host.linalg.qr(normal)
        q = q * host.sign(host.linalg.diagonal(r))
        return q if rows >= columns else host.matrix_transpose(q)


TABLE: dict[str, Initializer] = {
    "glorot_normal": GlorotNormal(),
    "glorot_uniform": GlorotUniform(),
    "lecun_normal": LecunNormal(),
    "normal": Normal(),
    "orthogonal": Orthogonal(),
    "uniform": Uniform(),
    "zeros": Zeros(),
}


def get(initializer: str | Initializer, argument: str = "initializer") -> Initializer:
    """Return the initializer with this name, or the object itself.

    Parameters
    ----------
    initializer : str or Initializer
    argument : str
        The argument's name in error messages.

    Raises
    ------
    ValueError
        If no initializer has this name.
    TypeError
        If the object is not callable.

    Examples
    --------
    >>> import numpy as np
    >>> from xprnn import initializers
    >>> U = initializers.get("orthogonal")(np.random.default_rng(0), (3, 3), 3)
    >>> bool(np.allclose(U.T @ U, np.eye(3)))
    True
    """
    return choose(argument, initializer, TABLE, ("__call__",))


def gates(initializer: Initializer, rng, rows: int, hidden_size: int, count: int) -> Array:
    """Draw the weights (rows, H) of `count` gates one by one, side by side: (rows, count·H)."""
    blocks = [initializer(rng, (rows, hidden_size), hidden_size) for _ in range(count)]
    return host.concat(blocks, axis=-1)
