"""The random numbers of dropout, as a function of the seed and the time step.

They are drawn on the host, so that every backend gets the same numbers. The numbers from step t on
do not depend on earlier ones, so a sequence that is cut into chunks, or run twice, gets the same
noise as in one piece.
"""

import math
from typing import Any, NamedTuple

from xprnn._typing import Array
from xprnn.backend import dtype_name, generator, host, of


class Noise(NamedTuple):
    """The source of the random numbers of a forward pass.

    Examples
    --------
    >>> import numpy as np
    >>> from xprnn._noise import Noise
    >>> noise, x = Noise((0,)), np.ones((6, 1, 2))
    >>> whole = noise.every_step(x, 0.5)
    >>> rest = noise.after(4).every_step(x[4:], 0.5)
    >>> bool((whole[4:] == rest).all())
    True
    """

    seed: tuple[int, ...]
    start: int = 0
    """The number of time steps before the first."""

    def layer(self, i: int) -> "Noise":
        """Return the noise for the i-th part of a network."""
        return self._replace(seed=(*self.seed, i))

    def after(self, steps: int) -> "Noise":
        """Return the noise from `steps` steps later on."""
        return self._replace(start=self.start + steps)

    def restart(self) -> "Noise":
        """Return the noise from the first step on."""
        return self._replace(start=0)

    def every_step(self, x: Array, rate: float) -> Array:
        """Return 0 with probability `rate`, else 1 / (1 - rate), for every value of x.

        Parameters
        ----------
        x : array, (..., T, B, F)
        rate : float
        """
        *lead, steps, batch, features = x.shape
        rng: Any = generator(self.seed)
        rng.bit_generator.advance(self.start * math.prod((*lead, batch, features)))
        draw = rng.random((steps, *lead, batch, features))
        return _scale(host.moveaxis(draw, 0, -3), rate, x)

    def once(self, like: Array, rate: float) -> Array:
        """Return 0 with probability `rate`, else 1 / (1 - rate), once for each whole sequence.

        Parameters
        ----------
        like : array, (..., B, H)
        rate : float
        """
        return _scale(generator(self.seed).random(like.shape), rate, like)


def _scale(draw: Array, rate: float, like: Array) -> Array:
    """Return 0 where a number below `rate` was drawn, else 1 / (1 - rate)."""
    return of(like).asarray((draw >= rate) / (1 - rate), dtype_name(like))
