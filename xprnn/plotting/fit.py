"""The predictions of a model over the data."""

from typing import Any, NamedTuple

import numpy as np

from xprnn import losses
from xprnn._model import Model
from xprnn.backend import to_host
from xprnn.losses import GaussianNLL, Pinball
from xprnn.plotting.canvas import new_axes
from xprnn.plotting.series import along, band, labels, one, one_pair


class _Predicted(NamedTuple):
    """What a model says of y: a number for each output (T, O), and from where to where."""

    middle: Any
    name: str
    low: Any = None
    high: Any = None
    interval: str = ""


def fit(
    model: Model,
    x: object,
    y: object | None = None,
    *,
    interval: tuple[object, object] | None = None,
    sequence: int = 0,
    ax: Any = None,
):
    """Draw the predictions for x, over the data y if they are given.

    A model trained on quantiles shows the one nearest to the median, and the interval
    between the outer ones; one trained on ``"gaussian_nll"`` its mean, and the interval
    of 1.96 standard deviations on either side. An encoder–decoder's predictions stand
    where they belong, after x.

    Parameters
    ----------
    model : Model
        One that gives quantities, and more than one step of them.
    x : array, (B, T, F), (T, F) or (T,), or list of arrays (T_i, F)
    y : array or list of arrays, optional
        As for `fit` of the model.
    interval : pair of arrays, (T, O) or (T,), optional
        From where to where y is expected, if the model does not say so itself.
    sequence : int
        Which of the B sequences.
    ax : matplotlib Axes, optional

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    MissingExtraError
        If matplotlib is not installed.
    ValueError
        If the model gives one output for a sequence or tells classes apart, and if x, y
        or the interval do not fit.

    Examples
    --------
    >>> import xprnn
    >>> from xprnn import datasets, plotting
    >>> x, y = datasets.noisy_sine()
    >>> plotting.fit(xprnn.fit(x, y, epochs=1), x, y).get_ylabel()
    'y'
    """
    inputs, targets, found = predict(model, x, y, interval, sequence)
    return _draw(model, inputs, targets, found, new_axes(ax))


def predict(
    model: Model,
    x: object,
    y: object | None,
    interval: tuple[object, object] | None = None,
    sequence: int = 0,
) -> tuple[Any, Any, _Predicted]:
    """Return inputs (T, F), targets (T', O) or None, and the model's predictions."""
    if model.mode == "many_to_one":
        raise ValueError(
            "fit draws an output for every step, and this model gives one for a whole sequence"
        )
    if model.loss is not None and not losses.standardizes(model.loss):
        raise ValueError(
            "fit draws quantities, and this model tells classes apart; xprnn.metrics has the "
            "confusion matrix"
        )
    targets = None
    if y is None:
        inputs = one("x", x, sequence, model)
    else:
        inputs, targets = one_pair(model, x, y, sequence)
    y_hat = np.reshape(to_host(model.predict(inputs)), (-1, model.outputs))
    found = _read(model.loss, y_hat)
    if targets is not None and targets.shape != found.middle.shape:
        raise ValueError(
            f"y must have the (T, O) of the predictions, {found.middle.shape}, got {targets.shape}"
        )
    if interval is not None:
        low, high = band(interval, found.middle.shape, "the predictions")
        found = found._replace(low=low, high=high, interval="interval")
    return inputs, targets, found


def _draw(model: Model, inputs: Any, targets: Any, predicted: _Predicted, ax: Any) -> Any:
    """Draw data, predictions and interval."""
    steps, label = along(inputs, len(predicted.middle))
    if model.mode == "encoder_decoder":
        steps = len(inputs) + np.arange(len(predicted.middle))
    if targets is not None:
        ax.plot(steps, targets, ".", color="0.6", markersize=4, label=labels("data", targets))
    lines = ax.plot(steps, predicted.middle, label=labels(predicted.name, predicted.middle))
    if predicted.low is not None:
        for i, line in enumerate(lines):
            edges = predicted.low[:, i], predicted.high[:, i]
            name = labels(predicted.interval, predicted.low)
            name = name if isinstance(name, str) else name[i]
            ax.fill_between(steps, *edges, color=line.get_color(), alpha=0.2, lw=0, label=name)
    ax.set(xlabel=label, ylabel="y")
    ax.legend()
    return ax


def _read(loss: Any, y_hat: Any) -> _Predicted:
    """Return outputs (T, O') as predictions of y (T, O)."""
    if isinstance(loss, Pinball):
        blocks = np.split(y_hat, len(loss.quantiles), axis=-1)
        ranked = sorted(zip(loss.quantiles, blocks, strict=True), key=lambda pair: pair[0])
        q, middle = min(ranked, key=lambda pair: abs(pair[0] - 0.5))
        name = "median" if q == 0.5 else f"{100 * q:g} % quantile"
        if len(ranked) == 1:
            return _Predicted(middle, name)
        (low, lowest), (high, highest) = ranked[0], ranked[-1]
        return _Predicted(middle, name, lowest, highest, f"{100 * low:g} % to {100 * high:g} %")
    if isinstance(loss, GaussianNLL):
        middle, log_variance = np.split(y_hat, 2, axis=-1)
        reach = 1.96 * np.exp(0.5 * log_variance)
        return _Predicted(middle, "mean", middle - reach, middle + reach, "95 %, if normal")
    return _Predicted(y_hat, "prediction")
