"""Losses with their gradients.

A loss is any callable ``loss(y_hat, y, mask, *, xp) -> value, dy_hat``. `y_hat`
is (..., T, B, O') and `y` is (..., T, B, O); `mask` is (T, B, 1), True at valid
steps, or None. `value` is (...), one number for each model on the leading axes;
`dy_hat` has the shape of `y_hat` and is zero at padding. Every mean is over valid
steps only; values at padding, in `y_hat` or in `y`, have no effect.

A loss of your own needs nothing more. It may have six more members:

``outputs(y, mask, *, xp) -> int``
    O', how many outputs the network must have for the targets y (T, B, O). Raises
    ValueError if y holds what the loss cannot take. Without it O' = O.
``standardize``
    False if the targets are labels, not quantities; `fit` then leaves them as they are
    instead of standardising them. Without it True.
``unscale(y_hat, scaler, *, xp)``
    Turns outputs for the standardised y into outputs for y in its own units. Without
    it ``scaler.invert(y_hat)``.
``of_errors``
    True if the value depends on the errors ŷ - y alone. The reported value is then computed
    without the mean of y, which costs digits if y is far from zero. Left out, it is False.
``degree``
    The power n, such as 2 for a squared error, if `of_errors` is True and multiplying ŷ and
    y by c > 0 multiplies the value by c^n. With it `fit` need not compute the value twice.
    Left out, it is None.
``probabilities(y_hat, *, xp)``
    The probabilities of the classes, of a loss for classification.

`outputs`, `standardizes` and `unscale` of this module ask a loss for the first
three and supply these defaults.
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
    """Return the loss of that name, or the object itself.

    Parameters
    ----------
    loss : str or Loss
        ``"half_mse"``, ``"mse"``, ``"mae"``, ``"huber"``, ``"pinball"``,
        ``"gaussian_nll"``, ``"cross_entropy"``, ``"binary_cross_entropy"``, or a callable
        ``loss(y_hat, y, mask, *, xp) -> value, dy_hat``.

    Raises
    ------
    ValueError
        If there is no loss of that name.
    TypeError
        If the object can't be called.

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
