"""Learning rate schedules.

A schedule is any callable ``schedule(i) -> float`` that returns the learning rate of update i = 0,
1, …. It is a pure function of i, so that an update can be repeated. An optimizer takes a schedule
in place of a number::

    Adam(learning_rate=Cosine(0.01, steps=2000, warmup=100))
"""

import math
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

from xprnn._fields import (
    check_fields,
    natural,
    not_negative,
    number,
    one_of,
    positive,
    show,
    whole,
)

__all__ = [
    "Constant",
    "Cosine",
    "Exponential",
    "InverseTime",
    "OneCycle",
    "Schedule",
    "Step",
    "get",
]


class Schedule(Protocol):
    """The protocol of a schedule."""

    def __call__(self, i: int, /) -> float:
        """Return the learning rate of update i."""


def get(learning_rate: Any) -> float | Schedule:
    """Return the learning rate as a float, or the schedule itself.

    Parameters
    ----------
    learning_rate : float or Schedule
        A number above 0, or a callable of the update i.

    Raises
    ------
    ValueError
        If the number is not finite or not above 0.
    TypeError
        If the learning rate is neither a number nor a callable.

    Examples
    --------
    >>> from xprnn import schedules
    >>> schedules.get(1), schedules.get(schedules.Step(0.1, every=5))
    (1.0, Step(rate=0.1, every=5, factor=0.1))
    """
    if callable(learning_rate) and not isinstance(learning_rate, type):
        return learning_rate
    try:
        return number("learning_rate", learning_rate, above=0)
    except TypeError:
        raise TypeError(
            "learning_rate must be a number or a schedule, a callable of the update i, "
            f"got {show(learning_rate)}"
        ) from None


@dataclass(frozen=True)
class Constant:
    """η(i) = rate.

    Parameters
    ----------
    rate : float
        The learning rate, above 0.
    """

    rate: float

    def __post_init__(self):
        check_fields(self, rate=positive)

    def __call__(self, i):
        """Return η(i)."""
        return self.rate


@dataclass(frozen=True)
class InverseTime:
    """η(i) = rate / (1 + decay i).

    Robbins and Monro, "A stochastic approximation method", 1951.

    Parameters
    ----------
    rate : float
        η(0), above 0.
    decay : float
        At least 0.

    Examples
    --------
    >>> from xprnn.schedules import InverseTime
    >>> InverseTime(0.5, decay=1)(3)
    0.125
    """

    rate: float
    decay: float

    def __post_init__(self):
        check_fields(self, rate=positive, decay=not_negative)

    def __call__(self, i):
        """Return η(i)."""
        return self.rate / (1 + self.decay * i)


@dataclass(frozen=True)
class Step:
    """η(i) = rate · factor^⌊i / every⌋, like `torch.optim.lr_scheduler.StepLR`.

    Parameters
    ----------
    rate : float
        η(0), above 0.
    every : int
        The number of updates between steps.
    factor : float
        Above 0.

    Examples
    --------
    >>> from xprnn.schedules import Step
    >>> [Step(1.0, every=2, factor=0.5)(i) for i in range(5)]
    [1.0, 1.0, 0.5, 0.5, 0.25]
    """

    rate: float
    every: int
    factor: float = 0.1

    def __post_init__(self):
        check_fields(self, rate=positive, every=whole, factor=positive)

    def __call__(self, i):
        """Return η(i)."""
        return self.rate * self.factor ** (i // self.every)


@dataclass(frozen=True)
class Exponential:
    """η(i) = rate · factor^i, like `torch.optim.lr_scheduler.ExponentialLR`.

    Parameters
    ----------
    rate : float
        η(0), above 0.
    factor : float
        Above 0.

    Examples
    --------
    >>> from xprnn.schedules import Exponential
    >>> Exponential(0.8, factor=0.5)(3)
    0.1
    """

    rate: float
    factor: float

    def __post_init__(self):
        check_fields(self, rate=positive, factor=positive)

    def __call__(self, i):
        """Return η(i)."""
        return self.rate * self.factor**i


def _line(start, end, share):
    return start + (end - start) * share


def _half_cosine(start, end, share):
    return end + (start - end) * (1 + math.cos(math.pi * share)) / 2


@dataclass(frozen=True)
class Cosine:
    """A linear warm-up, then a half cosine down to the final rate.

    With w = warmup, update i has the rate::

        η(i) = rate (i + 1) / (w + 1)                                i < w
        η(i) = final + (rate - final) (1 + cos(π (i - w) / steps)) / 2
        η(i) = final                                                 i ≥ w + steps

    so that the warm-up has no rate of 0, and update w is the first at the full rate. Without a
    warm-up, the updates up to `steps` are those of torch's `CosineAnnealingLR` (Loshchilov and
    Hutter, "SGDR: Stochastic Gradient Descent with Warm Restarts", 2017; the warm-up: Goyal et
    al., "Accurate, Large Minibatch SGD", 2017).

    Parameters
    ----------
    rate : float
        The largest learning rate, above 0.
    steps : int
        The number of updates from `rate` to `final`, after the warm-up.
    warmup : int
        w, the number of warm-up updates; at least 0.
    final : float
        The final learning rate, at least 0.

    Examples
    --------
    >>> from xprnn.schedules import Cosine
    >>> [round(Cosine(0.4, steps=4, warmup=1)(i), 3) for i in range(7)]
    [0.2, 0.4, 0.341, 0.2, 0.059, 0.0, 0.0]
    """

    rate: float
    steps: int
    warmup: int = 0
    final: float = 0.0

    def __post_init__(self):
        check_fields(self, rate=positive, steps=whole, warmup=natural, final=not_negative)

    def __call__(self, i):
        """Return η(i)."""
        if i < self.warmup:
            return self.rate * (i + 1) / (self.warmup + 1)
        return _half_cosine(self.rate, self.final, min(1, (i - self.warmup) / self.steps))


_ANNEAL = {"cos": _half_cosine, "linear": _line}


@dataclass(frozen=True)
class OneCycle:
    """One cycle: up to the largest learning rate, and down to a very small one.

    The learning rate goes from rate / div_factor to `rate` at update ``rise * steps - 1``, then to
    rate / (div_factor final_div_factor) at update ``steps - 1``, and stays there for all later
    updates. This is `torch.optim.lr_scheduler.OneCycleLR` without the cycle of the momentum (Smith
    and Topin, "Super-Convergence", 2018).

    Parameters
    ----------
    rate : float
        The largest learning rate, above 0.
    steps : int
        The number of updates in the cycle.
    rise : float
        The share of the updates in which the rate rises, between 0 and 1.
    anneal : str
        The shape of both phases, ``"cos"`` or ``"linear"``.
    div_factor, final_div_factor : float
        Above 0.

    Examples
    --------
    >>> from xprnn.schedules import OneCycle
    >>> cycle = OneCycle(1.0, steps=6, rise=0.5, anneal="linear", div_factor=5)
    >>> [round(cycle(i), 3) for i in range(7)]
    [0.2, 0.6, 1.0, 0.667, 0.333, 0.0, 0.0]
    """

    rate: float
    steps: int
    rise: float = 0.3
    anneal: str = "cos"
    div_factor: float = 25.0
    final_div_factor: float = 1e4

    def __post_init__(self):
        check_fields(
            self,
            rate=positive,
            steps=whole,
            rise=partial(number, above=0, below=1),
            anneal=one_of(_ANNEAL),
            div_factor=positive,
            final_div_factor=positive,
        )

    def __call__(self, i):
        """Return η(i)."""
        anneal, first = _ANNEAL[self.anneal], self.rate / self.div_factor
        top, end = self.rise * self.steps - 1, self.steps - 1
        if i < top:
            return anneal(first, self.rate, i / top)
        return anneal(self.rate, first / self.final_div_factor, (min(i, end) - top) / (end - top))
