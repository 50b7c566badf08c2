"""The protocol of losses, defaults for its optional members, and checks that losses share."""

from collections.abc import Iterable
from typing import Any, Protocol

from array_api_compat import device

from xprnn._fields import number, show
from xprnn._typing import Array, Namespace


class Loss(Protocol):
    """The protocol of a loss."""

    def __call__(
        self, y_hat: Array, y: Array, mask: Array | None, *, xp: Namespace
    ) -> tuple[Array, Array]:
        """Return the value (...) and its gradient, shaped like `y_hat`."""


def outputs(loss: Loss, y: Array, mask: Array | None, *, xp: Namespace) -> int:
    """Return the number of network outputs that this loss needs for the targets y.

    Parameters
    ----------
    loss : Loss
    y : array, (T, B, O)
    mask : array of bool, (T, B, 1), or None
        True at valid steps; y is ignored at padding steps.
    xp : namespace

    Raises
    ------
    ValueError
        If y holds a value that is invalid for the loss, such as a label of 1.5.

    Examples
    --------
    >>> import numpy as np
    >>> from xprnn import losses
    >>> labels = np.array([0, 2, 1, 2]).reshape(4, 1, 1)
    >>> losses.outputs(losses.CrossEntropy(), labels, None, xp=np)
    3
    >>> losses.outputs(losses.MSE(), labels, None, xp=np)
    1
    """
    own: Any = getattr(loss, "outputs", None)
    return own(y, mask, xp=xp) if own else y.shape[-1]


def standardizes(loss: Loss) -> bool:
    """Return whether the targets of a loss are quantities, not labels.

    Examples
    --------
    >>> from xprnn import losses
    >>> losses.standardizes(losses.MSE()), losses.standardizes(losses.CrossEntropy())
    (True, False)
    """
    return getattr(loss, "standardize", True)


def unscale(loss: Loss | None, y_hat: Array, scaler: Any, *, xp: Namespace) -> Array:
    """Convert outputs for the standardised y to outputs in the original units of y.

    Parameters
    ----------
    loss : Loss
    y_hat : array, (..., O')
    scaler : Scaler
        The scaler of y, with ``mean``, ``scale`` and ``invert``.
    xp : namespace

    Examples
    --------
    >>> import numpy as np
    >>> from xprnn import losses
    >>> from xprnn import Scaler
    >>> y = Scaler(mean=np.array([100.0]), scale=np.array([10.0]))
    >>> losses.unscale(losses.MSE(), np.array([0.0]), y, xp=np)
    array([100.])
    >>> losses.unscale(losses.Pinball((0.1, 0.9)), np.array([-1.0, 1.0]), y, xp=np)
    array([ 90., 110.])
    """
    own: Any = getattr(loss, "unscale", None)
    return own(y_hat, scaler, xp=xp) if own else scaler.invert(y_hat)


def as_row(values, like, xp):
    """Return numbers as an array (O,) with the dtype and device of another array."""
    return xp.asarray(values, dtype=like.dtype, device=device(like))


def check_outputs(y_hat, expected, why):
    """Raise ValueError unless y_hat has the expected number of outputs."""
    if y_hat.shape[-1] != expected:
        raise ValueError(f"y_hat must have {expected} outputs, {why}, got {y_hat.shape[-1]}")


def check_targets(wrong, y, expected, xp):
    """Raise if `wrong`, (T, B, O) or (T, B, 1), is True anywhere; the error says where."""
    if bool(xp.any(wrong)):
        t, b, _ = (int(axis[0]) for axis in xp.nonzero(wrong))
        got = [float(y[t, b, o]) for o in range(y.shape[-1])]
        raise ValueError(
            f"y must hold {expected}, got {', '.join(f'{n:g}' for n in got)} "
            f"at step {t} of sequence {b}"
        )


def check_numbers(argument, values, *, least, **bounds):
    """Return `values` as a tuple of at least `least` floats, each checked as `number` does."""
    if isinstance(values, str) or not isinstance(values, Iterable):
        raise TypeError(f"{argument} must be a tuple of numbers, got {show(values)}")
    values = tuple(number(f"{argument}[{i}]", v, **bounds) for i, v in enumerate(values))
    if len(values) < least:
        raise ValueError(f"{argument} must hold at least {least} number(s), got {show(values)}")
    return values
