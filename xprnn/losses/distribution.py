"""Losses for predicting a distribution: quantiles, or a mean and a variance."""

import math
import sys
from dataclasses import dataclass, replace
from functools import partial
from typing import ClassVar

from xprnn import _ops
from xprnn._fields import check_fields, positive
from xprnn.losses.protocol import as_row, check_numbers, check_outputs
from xprnn.losses.regression import difference


@dataclass(frozen=True)
class Pinball:
    """L = mean_{t,b,q,o} of q (y - ŷ_q) where y > ŷ_q, else (1 - q) (ŷ_q - y).

    It is smallest at the quantiles of y. The network has Q·O outputs: O for the first of the Q
    quantiles, then O for the next, and so on. The gradient at the kink ŷ = y is 0.

    Koenker and Bassett, "Regression quantiles", 1978; scikit-learn's
    ``mean_pinball_loss``.

    Parameters
    ----------
    quantiles : tuple of float
        The quantiles to predict, each between 0 and 1.

    Examples
    --------
    >>> import numpy as np
    >>> from xprnn import losses
    >>> y_hat, y = np.array([[[1.0, 4.0]]]), np.array([[[3.0]]])
    >>> value, dy_hat = losses.Pinball((0.1, 0.9))(y_hat, y, None, xp=np)
    >>> round(float(value), 3), dy_hat.round(3).ravel().tolist()
    (0.15, [-0.05, 0.05])
    """

    quantiles: tuple[float, ...] = (0.5,)

    of_errors: ClassVar[bool] = True
    degree: ClassVar[int] = 1

    def __post_init__(self):
        check_fields(self, quantiles=partial(check_numbers, least=1, above=0, below=1))

    def __call__(self, y_hat, y, mask, *, xp):
        blocks, size = len(self.quantiles), y.shape[-1]
        check_outputs(y_hat, blocks * size, f"{blocks} quantile(s) of {size}")
        q = as_row([q for q in self.quantiles for _ in range(size)], y_hat, xp)
        error, count = difference(y_hat, xp.tile(y, (blocks,)), mask, xp)
        slope = xp.where(error > 0, 1 - q, q) * xp.sign(error)
        return _ops.total(slope * error, xp=xp) / count, slope / count

    def outputs(self, y, mask, *, xp):
        """Return Q·O."""
        return len(self.quantiles) * y.shape[-1]

    def unscale(self, y_hat, scaler, *, xp):
        """Return the quantiles of y in its original units."""
        blocks = xp.reshape(y_hat, (*y_hat.shape[:-1], len(self.quantiles), -1))
        return xp.reshape(scaler.invert(blocks), y_hat.shape)


@dataclass(frozen=True)
class GaussianNLL:
    """L = mean_{t,b,o} of ½ (s + (y - μ)² exp(-s)) with s = max(log σ², log min_variance).

    The negative log-likelihood of y under a normal distribution, without the constant ½ log 2π.
    The network has 2·O outputs: O means μ, then O log-variances log σ². Where log σ² is below its
    bound, its gradient is 0.

    Nix and Weigend, "Estimating the mean and variance of the target probability
    distribution", 1994; ``torch.nn.GaussianNLLLoss``.

    Parameters
    ----------
    min_variance : float
        The smallest variance, in the units of the training: those of the standardised y if `fit`
        standardises, so that the units of y make no difference. The model never predicts a smaller
        variance.

    Examples
    --------
    >>> import numpy as np
    >>> from xprnn import losses
    >>> y_hat, y = np.array([[[1.0, 0.0]]]), np.array([[[3.0]]])
    >>> value, dy_hat = losses.GaussianNLL()(y_hat, y, None, xp=np)
    >>> float(value), dy_hat.ravel().tolist()
    (2.0, [-2.0, -1.5])
    """

    min_variance: float = 1e-6

    of_errors: ClassVar[bool] = True

    def __post_init__(self):
        check_fields(self, min_variance=positive)

    def __call__(self, y_hat, y, mask, *, xp):
        size = y.shape[-1]
        check_outputs(y_hat, 2 * size, f"{size} mean(s) and {size} logarithm(s) of the variance")
        mean, log_variance = y_hat[..., :size], y_hat[..., size:]
        bound = xp.full_like(log_variance, math.log(self.min_variance))
        s = xp.maximum(log_variance, bound)
        narrow = xp.exp(-0.5 * s)
        error = (mean - y) * narrow
        surprise = error * error
        free = xp.astype(log_variance > bound, s.dtype)
        slope = xp.concat([error * narrow, 0.5 * free * (1 - surprise)], axis=-1)
        numbers = _ops.count_steps(s, mask, xp=xp) * size
        value = _ops.total(_ops.apply_mask(0.5 * (s + surprise), mask, xp=xp), xp=xp)
        return value / numbers, _ops.apply_mask(slope, mask, xp=xp) / numbers

    @property
    def unbounded(self):
        """The same loss without the bound, for outputs that `unscale` has already bounded."""
        return replace(self, min_variance=sys.float_info.min)

    def outputs(self, y, mask, *, xp):
        """Return 2·O."""
        return 2 * y.shape[-1]

    def unscale(self, y_hat, scaler, *, xp):
        """Return the means and log-variances of y in its original units."""
        size = y_hat.shape[-1] // 2
        bound = xp.full_like(y_hat[..., size:], math.log(self.min_variance))
        log_variance = xp.maximum(y_hat[..., size:], bound) + 2 * xp.log(scaler.scale)
        return xp.concat([scaler.invert(y_hat[..., :size]), log_variance], axis=-1)
