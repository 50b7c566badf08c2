"""Losses with their gradients.

A loss is any callable ``loss(y_hat, y, mask, *, xp) -> value, dy_hat``. `y_hat` is (..., T, B, O')
and `y` is (..., T, B, O); `mask` is (T, B, 1), True at valid steps, or None. `value` is (...), one
number for each model on the leading axes; `dy_hat` has the shape of `y_hat` and is zero at padding
steps. Every mean is over valid steps only; the values of `y_hat` and `y` at padding steps have no
effect.

A user-defined loss needs nothing more. It may have six optional members:

``outputs(y, mask, *, xp) -> int``
    O', the number of network outputs that the targets y (T, B, O) need. Raises ValueError if y is
    invalid for the loss. By default O' = O.
``standardize``
    False if the targets are labels, not quantities, so that `fit` does not standardise them. The
    default is True.
``unscale(y_hat, scaler, *, xp)``
    Converts outputs for the standardised y to outputs in the original units of y. The default is
    ``scaler.invert(y_hat)``.
``of_errors``
    True if the value depends only on the errors ŷ - y. The reported value is then computed without
    the mean of y, which would cost precision if y is far from zero. The default is False.
``degree``
    The power n, such as 2 for a squared error, if `of_errors` is True and multiplying ŷ and y by c
    > 0 multiplies the value by c^n. It saves `fit` from computing the value twice. The default is
    None.
``probabilities(y_hat, *, xp)``
    The class probabilities, for a classification loss.

The functions `outputs`, `standardizes` and `unscale` of this module look up the first three and
supply these defaults.
"""

from xprnn._fields import choose
from xprnn.losses.classification import BinaryCrossEntropy, CrossEntropy
from xprnn.losses.distribution import GaussianNLL, Pinball
from xprnn.losses.protocol import Loss, outputs, standardizes, unscale
from xprnn.losses.regression import MAE, MSE, HalfMSE, Huber

__all__ = [
    "MAE",
    "MSE",
    "TABLE",
    "BinaryCrossEntropy",
    "CrossEntropy",
    "GaussianNLL",
    "HalfMSE",
    "Huber",
    "Loss",
    "Pinball",
    "get",
    "outputs",
    "standardizes",
    "unscale",
]

TABLE: dict[str, Loss] = {
    "binary_cross_entropy": BinaryCrossEntropy(),
    "cross_entropy": CrossEntropy(),
    "gaussian_nll": GaussianNLL(),
    "half_mse": HalfMSE(),
    "huber": Huber(),
    "mae": MAE(),
    "mse": MSE(),
    "pinball": Pinball(),
}

_SYNONYMS = {
    "binary_cross_entropy": "bce bce_loss bce_with_logits bceloss bcewithlogitsloss "
    "binary_crossentropy",
    "cross_entropy": "categorical_cross_entropy categorical_crossentropy crossentropyloss "
    "log_loss nll nll_loss softmax sparse_categorical_cross_entropy "
    "sparse_categorical_crossentropy",
    "gaussian_nll": "gaussian",
    "huber": "smooth_l1 smooth_l1_loss",
    "mae": "l1 l1_loss l1loss mean_absolute_error",
    "mse": "l2 mean_squared_error mse_loss mseloss squared_error",
    "pinball": "quantile",
}
"""Our losses, with their names in torch, Keras and scikit-learn."""


def get(loss: str | Loss) -> Loss:
    """Return the loss with this name, or the object itself.

    Parameters
    ----------
    loss : str or Loss
        ``"half_mse"``, ``"mse"``, ``"mae"``, ``"huber"``, ``"pinball"``,
        ``"gaussian_nll"``, ``"cross_entropy"``, ``"binary_cross_entropy"``, or a callable
        ``loss(y_hat, y, mask, *, xp) -> value, dy_hat``.

    Raises
    ------
    ValueError
        If no loss has this name.
    TypeError
        If the object is not callable.

    Examples
    --------
    >>> import numpy as np
    >>> from xprnn import losses
    >>> y_hat, y = np.array([[[1.0]], [[2.0]]]), np.zeros((2, 1, 1))
    >>> value, dy_hat = losses.get("half_mse")(y_hat, y, None, xp=np)
    >>> float(value), dy_hat.ravel().tolist()
    (1.25, [0.5, 1.0])
    """
    return choose("loss", loss, TABLE, ("__call__",), _SYNONYMS)
