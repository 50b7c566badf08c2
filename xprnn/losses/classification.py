"""Losses for classification, between logits and labels or probabilities."""

import math
from dataclasses import dataclass
from functools import partial
from typing import ClassVar

from array_api_compat import device

from xprnn import _ops
from xprnn._fields import check_fields, fraction, optional, whole
from xprnn.losses.protocol import as_row, check_numbers, check_outputs, check_targets


def _log_softmax(z, xp):
    """Return log(exp z / Σ_c exp z_c), after subtracting the largest z so that no exp overflows."""
    z = z - xp.max(z, axis=-1, keepdims=True)
    return z - xp.log(xp.sum(xp.exp(z), axis=-1, keepdims=True))


@dataclass(frozen=True)
class CrossEntropy:
    """L = -Σ_{t,b,c} w_c s_c log p_c / Σ_{t,b,c} w_c q_c with p = softmax ŷ, over C classes.

    q is 1 for the step's class and 0 for the others, or the target probabilities, and
    s = (1 - ε) q + ε / C. Without weights and with ε = 0, L is the mean over steps and batch of
    -log p of the true class.

    The targets are labels 0 … C - 1 of any float or integer dtype, (..., 1), or probabilities,
    (..., C). One-hot rows give the same results as labels. ŷ is (..., C), before the softmax.

    With labels the results are those of ``torch.nn.CrossEntropyLoss``. With probabilities and
    class weights, torch divides by the number of steps; this loss divides by the weights, as it
    does with labels.

    Label smoothing: Szegedy et al., "Rethinking the Inception architecture for computer
    vision", 2016.

    Parameters
    ----------
    class_weights : tuple of float, optional
        w, a number above 0 for each class. The default is 1 for all.
    label_smoothing : float
        ε, at least 0 and below 1.
    num_classes : int, optional
        C. The default is the number of weights, or as many as the labels need.

    Examples
    --------
    >>> import numpy as np
    >>> from xprnn import losses
    >>> logits = np.log([[[0.5, 0.25, 0.25]]])
    >>> value, dlogits = losses.CrossEntropy()(logits, np.array([[[1]]]), None, xp=np)
    >>> float(np.exp(-value)), dlogits.round(2).ravel().tolist()
    (0.25, [0.5, -0.75, 0.25])
    """

    class_weights: tuple[float, ...] | None = None
    label_smoothing: float = 0.0
    num_classes: int | None = None

    standardize: ClassVar[bool] = False

    def __post_init__(self):
        check_fields(
            self,
            label_smoothing=fraction,
            num_classes=optional(partial(whole, least=2)),
            class_weights=optional(partial(check_numbers, least=2, above=0)),
        )
        if self.num_classes not in (None, self._classes):
            raise ValueError(
                f"class_weights must hold num_classes={self.num_classes} numbers, got "
                f"{self._classes}"
            )

    @property
    def _classes(self):
        """C if it is known from the options, else None."""
        return self.num_classes if self.class_weights is None else len(self.class_weights)

    def __call__(self, y_hat, y, mask, *, xp):
        classes, columns = y_hat.shape[-1], y.shape[-1]
        needed = self._classes or (max(2, classes) if columns == 1 else columns)
        check_outputs(y_hat, needed, "one for each class")
        y, y_hat = xp.astype(y, y_hat.dtype, copy=False), _ops.apply_mask(y_hat, mask, xp=xp)
        if columns == 1:
            labels = xp.arange(classes, dtype=y_hat.dtype, device=device(y_hat))
            y = xp.astype(y == labels, y_hat.dtype)
        q = _ops.apply_mask(y, mask, xp=xp)
        w = as_row(self.class_weights or [1.0] * classes, y_hat, xp)
        weight = _ops.total(w * q, keepdims=True, xp=xp)
        spread = self.label_smoothing / classes * xp.sum(q, axis=-1, keepdims=True)
        goal = w * ((1 - self.label_smoothing) * q + spread) / weight
        log_p = _log_softmax(y_hat, xp)
        dy_hat = xp.exp(log_p) * xp.sum(goal, axis=-1, keepdims=True) - goal
        return -_ops.total(goal * log_p, xp=xp), dy_hat

    def outputs(self, y, mask, *, xp):
        """Return C; raise unless y holds labels below C or probabilities of C classes."""
        columns, fixed = y.shape[-1], self._classes
        y = xp.astype(_ops.apply_mask(y, mask, xp=xp), xp.float64)
        if columns == 1:
            limit = math.inf if fixed is None else fixed
            wrong = (y < 0) | (y >= limit) | (y != xp.floor(y))
            which = "0, 1, 2, …" if fixed is None else f"0 to {fixed - 1}"
            check_targets(wrong, y, f"class labels {which}", xp)
            return fixed or max(2, int(xp.max(y)) + 1)
        if fixed not in (None, columns):
            raise ValueError(
                f"y must hold labels in one column or probabilities of {fixed} classes, "
                f"got {columns} columns"
            )
        sums = xp.sum(y, axis=-1, keepdims=True)
        wrong = xp.any(y < 0, axis=-1, keepdims=True) | ~(xp.abs(sums - 1) <= 1e-3)
        wrong = wrong if mask is None else wrong & mask
        check_targets(wrong, y, "probabilities that sum to 1, or class labels in one column", xp)
        return columns

    def probabilities(self, y_hat, *, xp):
        """Return softmax ŷ."""
        return xp.exp(_log_softmax(y_hat, xp))


@dataclass(frozen=True)
class BinaryCrossEntropy:
    """L = mean_{t,b,o} of -y log p - (1 - y) log(1 - p) with p = sigmoid ŷ.

    Every output is a separate yes-or-no question with a target y from 0 to 1; ŷ is the logit
    before the sigmoid. -log p and -log(1 - p) are computed as softplus(-ŷ) and softplus(ŷ), which
    never overflow. The same as ``torch.nn.BCEWithLogitsLoss``.

    Examples
    --------
    >>> import numpy as np
    >>> from xprnn import losses
    >>> zero, one = np.zeros((1, 1, 1)), np.ones((1, 1, 1))
    >>> value, dy_hat = losses.BinaryCrossEntropy()(zero, one, None, xp=np)
    >>> float(np.exp(-value)), dy_hat.item()
    (0.5, -0.5)
    """

    standardize: ClassVar[bool] = False

    def __call__(self, y_hat, y, mask, *, xp):
        y, y_hat = xp.astype(y, y_hat.dtype, copy=False), _ops.apply_mask(y_hat, mask, xp=xp)
        zero = xp.zeros_like(y_hat)
        yes, no = xp.logaddexp(-y_hat, zero), xp.logaddexp(y_hat, zero)  # -log p, -log(1 - p)
        value = _ops.apply_mask(y * yes + (1 - y) * no, mask, xp=xp)
        slope = _ops.apply_mask((1 - y) * xp.exp(-yes) - y * xp.exp(-no), mask, xp=xp)
        answers = _ops.count_steps(y_hat, mask, xp=xp) * y_hat.shape[-1]
        return _ops.total(value, xp=xp) / answers, slope / answers

    def outputs(self, y, mask, *, xp):
        """Return O; raise ValueError if y is not from 0 to 1."""
        valid = _ops.apply_mask(y, mask, xp=xp)
        check_targets(~((valid >= 0) & (valid <= 1)), y, "numbers from 0 to 1", xp)
        return y.shape[-1]

    def probabilities(self, y_hat, *, xp):
        """Return sigmoid ŷ."""
        return xp.exp(-xp.logaddexp(-y_hat, xp.zeros_like(y_hat)))
