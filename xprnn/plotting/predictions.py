"""Plots of predictions, over the data and after the end of a series."""

from typing import Any, NamedTuple

import numpy as np

from xprnn import losses
from xprnn._model import Model
from xprnn.backend import to_host
from xprnn.losses import GaussianNLL, Pinball
from xprnn.plotting import series
from xprnn.plotting.canvas import draw_legend, open_axes
from xprnn.plotting.steps import (
    Steps,
    choose_forecast_steps,
    choose_steps,
    find_name,
    to_steps,
)


class _Predicted(NamedTuple):
    """Predictions of y (T, O), with the bounds of their prediction interval."""

    middle: Any
    name: str
    low: Any = None
    high: Any = None
    interval: str = ""


class Fit(NamedTuple):
    """Predictions to draw, over the data y (T, O) if given."""

    steps: Steps
    targets: Any
    predicted: _Predicted
    ylabel: str


def fit(
    model: Model,
    x: object,
    y: object | None = None,
    *,
    interval: tuple[object, object] | None = None,
    sequence: int = 0,
    ax: Any = None,
):
    """Draw the predictions for x, over the data y if given.

    For a model trained on quantiles the plot shows the quantile nearest to the median and the
    interval between the outermost quantiles. For a model trained with ``"gaussian_nll"`` it shows
    the mean and an interval of 1.96 standard deviations on either side. The predictions of an
    encoder–decoder follow x.

    The x-axis is the index of x, if x is from pandas with an index of dates, periods or numbers;
    otherwise x itself, if it is a single increasing feature; otherwise the step number.

    Parameters
    ----------
    model : Model
        A model that predicts quantities at more than one step.
    x : array, (B, T, F), (T, F) or (T,), or list of arrays (T_i, F)
    y : array or list of arrays, optional
        The targets, as in training.
    interval : pair of arrays, (T, O) or (T,), optional
        The bounds of the prediction interval, in place of the model's own.
    sequence : int
        The index of the sequence.
    ax : matplotlib Axes, optional

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    MissingExtraError
        If matplotlib is not installed.
    ValueError
        If the model has one output for a whole sequence or predicts classes, or if x, y or the
        interval is invalid.

    Examples
    --------
    >>> import xprnn
    >>> from xprnn import datasets, plotting
    >>> x, y = datasets.noisy_sine()
    >>> plotting.fit(xprnn.fit(x, y, epochs=1), x, y).get_ylabel()
    'y'
    """
    drawn = read_fit(model, x, y, interval=interval, sequence=sequence)
    ax = open_axes(ax)
    draw_fit(ax, drawn)
    return ax


def draw_fit(ax: Any, drawn: Fit) -> None:
    """Draw predictions, and the data if given, on Axes."""
    steps, targets, predicted, ylabel = drawn
    ax.set_ylabel(ylabel)
    steps.show(ax)
    if targets is not None:
        name = series.label_columns("data", targets)
        ax.plot(steps.values, targets, ".", color="0.6", markersize=4, label=name)
    name = series.label_columns(predicted.name, predicted.middle)
    lines = ax.plot(steps.values, predicted.middle, label=name)
    if predicted.low is not None:
        names = np.atleast_1d(series.label_columns(predicted.interval, predicted.low))
        for line, low, high, name in zip(
            lines, predicted.low.T, predicted.high.T, names, strict=True
        ):
            style = {"color": line.get_color(), "alpha": 0.2, "lw": 0, "label": name}
            ax.fill_between(steps.values, low, high, **style)
    draw_legend(ax)


def read_fit(
    model: Model,
    x: object,
    y: object | None,
    *,
    interval: tuple[object, object] | None = None,
    sequence: int = 0,
) -> Fit:
    """Return the data that `fit` draws; raise if the arguments are invalid."""
    if model.mode == "many_to_one":
        raise ValueError(
            "fit draws an output for every step, and this model has one for a whole sequence"
        )
    if model.loss is not None and not losses.standardizes(model.loss):
        raise ValueError(
            "fit draws quantities, and this model predicts classes; xprnn.metrics has the "
            "confusion matrix"
        )
    inputs, targets = series.read_data(model, x, y, sequence)
    y_hat = np.reshape(to_host(model.predict(inputs)), (-1, model.outputs))
    predicted = _read_outputs(model.loss, y_hat)
    count = len(predicted.middle)
    if targets is not None and targets.shape != predicted.middle.shape:
        raise ValueError(
            f"y must have the (T, O) of the predictions, {predicted.middle.shape}, "
            f"got {targets.shape}"
        )
    if interval is not None:
        low, high = series.read_interval(interval, predicted.middle.shape, "the predictions")
        predicted = predicted._replace(low=low, high=high, interval="interval")
    steps = choose_steps(model, x, inputs, count, sequence)
    if model.mode == "encoder_decoder":
        steps = steps._replace(values=len(inputs) + np.arange(count))
    ylabel = model.output_names[0] if model.output_names and model.outputs == 1 else "y"
    return Fit(steps, targets, predicted, ylabel)


def _read_outputs(loss: Any, y_hat: Any) -> _Predicted:
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


def forecast(
    past: object,
    predicted: object,
    truth: object | None = None,
    *,
    interval: tuple[object, object] | None = None,
    start: int | None = None,
    sequence: int = 0,
    ax: Any = None,
):
    """Draw a series and its forecast, with the prediction interval and the true values if given.

    The x-axis is the index of `past` and `predicted`, if they are from pandas with an index of
    dates, periods or numbers, like the forecasts of `xprnn.forecasting.RNNForecaster`. The names
    of the index and the series become the labels.

    Parameters
    ----------
    past : array, (T,), or (B, T, 1), or Series
    predicted : array, (horizon,), or (B, horizon, 1), or Series
        The forecast. If `past` has an index, it needs a later index of the same kind.
    truth : array or Series, as `predicted`, optional
        The true values. An index must be that of `predicted`.
    interval : pair of arrays or Series, (horizon,), optional
        The bounds of the prediction interval. An index must be that of `predicted`.
    start : int, optional
        The number of the first step of `past`, such as a year, if there is no index. The default
        is 0.
    sequence : int
        The index of the sequence.
    ax : matplotlib Axes, optional

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    MissingExtraError
        If matplotlib is not installed.
    ValueError
        If there are several features, the steps of truth or interval are not those of the
        forecast, an index is missing or does not match the others, or both `start` and an index
        are given.
    TypeError
        If an index does not hold dates, periods or numbers.

    Examples
    --------
    >>> from xprnn import plotting
    >>> plotting.forecast([1.0, 2.0, 3.0], [4.0, 5.0], [4.0, 6.0]).get_xlabel()
    'step'
    >>> import pandas as pd
    >>> days = pd.date_range("2024-01-01", periods=5, name="day")
    >>> sold = pd.Series([3.0, 5.0, 4.0, 6.0, 5.0], days, name="bread")
    >>> ax = plotting.forecast(sold[:3], sold[3:] + 1, sold[3:])
    >>> ax.get_xlabel(), ax.get_ylabel()
    ('day', 'bread')
    """
    known = series.read_feature("past", past, sequence)
    ahead = series.read_feature("predicted", predicted, sequence)
    actual = None if truth is None else series.read_feature("truth", truth, sequence)
    if actual is not None and len(actual) != len(ahead):
        raise ValueError(
            f"truth must have the {len(ahead)} step(s) of predicted, got {len(actual)}"
        )
    edges = (
        None if interval is None else series.read_interval(interval, (len(ahead), 1), "predicted")
    )
    like: dict[str, object] = {"truth": truth}
    if interval is not None:
        like |= {f"interval[{i}]": edge for i, edge in enumerate(interval)}
    indexes = choose_forecast_steps(past, predicted, like, start, sequence)
    if indexes is None:
        cut = (start or 0) + len(known)
        before = Steps(np.arange(start or 0, cut), "step")
        after = Steps(np.arange(cut, cut + len(ahead)), "step")
    else:
        before, after = map(to_steps, indexes)
    names = find_name("past", past, sequence), find_name("predicted", predicted, sequence)
    ax = open_axes(ax, ylabel=names[0] or names[1] or "value")
    before.show(ax)
    ax.plot(before.values, known, color="0.6", label="past")
    if actual is not None:
        ax.plot(after.values, actual, color="0.3", marker=".", label="truth")
    ax.plot(after.values, ahead, color="C3", marker=".", label="forecast")
    if edges is not None:
        low, high = (edge[:, 0] for edge in edges)
        style = {"color": "C3", "alpha": 0.2, "lw": 0, "label": "interval"}
        ax.fill_between(after.values, low, high, **style)
    last, first = before.values[-1], after.values[0]
    ax.axvline(last + (first - last) / 2, color="0.8", linewidth=1)
    draw_legend(ax)
    return ax
