"""The random numbers of dropout: a function of a seed and of the time step.

They are drawn on the host, so that every backend gets the same ones. Nothing is
used up: the numbers of the steps from t on can be had without those before them.
So a sequence that is cut in chunks, or run twice, meets the same noise as in one
piece.
"""

import math
from typing import Any, NamedTuple

from xprnn._typing import Array
from xprnn.backend import dtype_name, generator, host, of


class Noise(NamedTuple):
    """Where the numbers of a forward pass come from.

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
    """The time steps before the first."""

    def layer(self, i: int) -> "Noise":
        """Return the noise of the i-th part of a network."""
        return self._replace(seed=(*self.seed, i))

    def after(self, steps: int) -> "Noise":
        """Return the noise of the time that begins so many steps later."""
        return self._replace(start=self.start + steps)

    def restarted(self) -> "Noise":
        """Return the noise of a time that begins anew."""
        return self._replace(start=0)

    def every_step(self, x: Array, rate: float) -> Array:
        """Return 0 with probability `rate`, else 1 / (1 - rate), for every number of x.

        Parameters
        ----------
        x : array, (..., T, B, F)
        rate : float
        """
        *lead, steps, batch, features = x.shape
        rng: Any = generator(self.seed)
        rng.bit_generator.advance(self.start * math.prod((*lead, batch, features)))
        draw = rng.random((steps, *lead, batch, features))
        return _keep(host.moveaxis(draw, 0, -3), rate, x)

    def once(self, like: Array, rate: float) -> Array:
        """Return 0 with probability `rate`, else 1 / (1 - rate), for a whole sequence.

        Parameters
        ----------
        like : array, (..., B, H)
        rate : float
        """
        return _keep(generator(self.seed).random(like.shape), rate, like)


def _keep(draw: Array, rate: float, like: Array) -> Array:
    return of(like).asarray((draw >= rate) / (1 - rate), dtype_name(like))
