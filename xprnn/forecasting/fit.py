"""The fit of a forecaster: checks its options, and trains its networks on a panel."""

from dataclasses import replace
from typing import Any

import numpy as np

from xprnn import losses
from xprnn._fields import check_choice, show, whole
from xprnn._model import Model
from xprnn.errors import NonFiniteError
from xprnn.forecasting.intervals import Calibration
from xprnn.forecasting.layout import Layout
from xprnn.forecasting.panel import Panel
from xprnn.forecasting.predictor import Predictor
from xprnn.losses import Loss, Pinball
from xprnn.training import Method, Network, Setup, prepare, train

STRATEGIES = ("recursive", "direct")


def check(forecaster: Any) -> None:
    """Raise ValueError or TypeError unless the forecaster's own options fit one another."""
    for name, least in (("horizon", 1), ("members", 1), ("differencing", 0), ("calibration", 0)):
        whole(name, getattr(forecaster, name), least)
    check_choice("strategy", forecaster.strategy, STRATEGIES)
    if not isinstance(forecaster.past_columns, tuple | list):
        raise TypeError(
            f"past_columns must be a tuple of columns, got {show(forecaster.past_columns)}"
        )
    if forecaster.lags is None:
        _check_without_lags(forecaster)
    else:
        whole("lags", forecaster.lags)
    if forecaster.quantiles is not None:
        quantiles = Pinball(forecaster.quantiles).quantiles
        if 0.5 not in quantiles or len(set(quantiles)) < len(quantiles):
            raise ValueError(
                f"quantiles must hold 0.5, the forecast, and each one once, got {show(quantiles)}"
            )
        if forecaster.loss != "half_mse":
            raise ValueError("loss has no effect with quantiles, whose loss is Pinball")
    if forecaster.strategy == "recursive" and forecaster.quantiles is not None:
        raise ValueError(
            "quantiles are valid only for strategy='direct': a forecast that is fed back gives "
            "the quantiles of the step after it as if it were certain"
        )
    if forecaster.strategy == "recursive" and forecaster.past_columns:
        raise ValueError(
            "past_columns are valid only for strategy='direct': a recursive forecast needs its "
            "inputs at every step ahead"
        )


def _check_without_lags(forecaster: Any) -> None:
    """Raise if the network would see the steps that it is to forecast."""
    if forecaster.bidirectional:
        raise ValueError(
            "bidirectional is valid only with lags, got lags=None: read from its end, the whole "
            "series shows the network the steps that it is to forecast"
        )
    if forecaster.pool is not None:
        raise ValueError("pool is valid only with lags, whose windows it pools, got lags=None")
    if getattr(forecaster.network, "time", None) == "whole":
        raise ValueError(
            "network must run step by step with lags=None: one that sees sequences whole sees the "
            "steps that it is to forecast"
        )


def fit(forecaster: Any, panel: Panel) -> Predictor:
    """Train on a panel, and calibrate the intervals if the forecaster has calibration > 0.

    Raises
    ------
    ValueError
        If a series is too short.
    """
    check(forecaster)
    count, horizon = forecaster.calibration, forecaster.horizon
    if not count:
        return _fit(forecaster, panel)
    what, least = f"calibration={count} pieces", forecaster.layout.least
    errors, spreads = [], []
    for past, truth in hold_out(panel, count, horizon, least, what):
        predictor = _fit(forecaster, past)
        later = predictor.select_ahead(truth)
        forecasts = predictor.forecast(horizon, later)
        errors.append([np.abs(y - f) for y, f in zip(truth.y, forecasts, strict=True)])
        spreads.append(predictor.spreads(horizon, later))
    return _fit(forecaster, panel)._replace(calibration=Calibration.of(errors, spreads))


def hold_out(
    panel: Panel, count: int, horizon: int, least: int, what: str, *, sliding: bool = False
) -> list[tuple[Panel, Panel]]:
    """Return the last `count` pieces of a panel, of `horizon` steps each, after their pasts.

    A past begins at the first step; with `sliding`, all pasts have the same length.

    Raises
    ------
    ValueError
        If the first past has fewer than `least` steps; `what` says how many pieces there are.
    """
    if min(panel.lengths) < least + count * horizon:
        raise ValueError(
            f"y must have at least {least + count * horizon} steps, {least} to train and {what} "
            f"of {horizon}, got {min(panel.lengths)}"
        )
    pieces = []
    for i in range(count):
        left = (count - i) * horizon
        past = panel.rows(slice(i * horizon if sliding else 0, -left))
        pieces.append((past, panel.rows(slice(-left, horizon - left or None))))
    return pieces


def _fit(forecaster: Any, panel: Panel) -> Predictor:
    """Train on a panel."""
    layout = forecaster.layout
    for i, length in enumerate(panel.lengths):
        if length < layout.least:
            raise ValueError(
                f"{f'y[{i}]' if panel.listed else 'y'} must have at least {layout.least} steps "
                f"for lags={forecaster.lags}, differencing={forecaster.differencing} and "
                f"strategy={forecaster.strategy!r}, got {length}"
            )
    for column in forecaster.past_columns:
        if column not in panel.inputs:
            raise ValueError(
                f"past_columns must be columns of X, {show([*panel.inputs])}, got {show(column)}"
            )
    method = Method.of(
        forecaster, loss=_choose_loss(forecaster, layout.steps * panel.y[0].shape[1])
    )
    ends = _choose_ends(method.held_out, panel, layout)
    quantiles = None if forecaster.quantiles is None else Pinball(forecaster.quantiles).quantiles
    untrained = Predictor(
        models=(),
        panel=panel,
        trained_on=panel,
        scalers=tuple(
            layout.scaler(y[:end], forecaster.standardize)
            for y, end in zip(panel.y, ends, strict=True)
        ),
        layout=layout,
        known=np.asarray([name not in forecaster.past_columns for name in panel.inputs], bool),
        own_quantiles=quantiles,
        seed=forecaster.seed,
    )
    pasts, validation, mask = untrained.pasts(), None, None
    if ends != [*panel.lengths]:
        *validation, mask = layout.held_out(pasts, ends)
    x, y = layout.examples([past.until(end) for past, end in zip(pasts, ends, strict=True)])
    setup = prepare(
        x,
        y,
        Network.of(forecaster, feedback=False).unless(forecaster.network),
        replace(method, validation_fraction=None),  # which would draw windows or series
        mode="many_to_many" if forecaster.lags is None else "many_to_one",
        validation_data=validation,
        backend=forecaster.backend,
        dtype=forecaster.dtype,
    )
    if setup.validation is not None and mask is not None:
        setup = replace(setup, validation=setup.validation._replace(scored=mask))
    return untrained._replace(models=_train(setup, forecaster))


def _choose_ends(share: float | None, panel: Panel, layout: Layout) -> list[int]:
    """Return the end of the part of each series to train on; the steps after it are held out.

    Raises
    ------
    ValueError
        If a part has too few steps.
    """
    ends = []
    for i, length in enumerate(panel.lengths):
        count = 0 if share is None else max(layout.steps, round(share * length))
        if length - count < layout.least:
            raise ValueError(
                f"{f'y[{i}]' if panel.listed else 'y'} must have at least {layout.least} steps "
                f"to train on and {count} that validation_fraction={share} holds out, got {length}"
            )
        ends.append(length - count)
    return ends


def _choose_loss(forecaster: Any, outputs: int) -> Loss:
    """Return the loss for targets of so many numbers."""
    if forecaster.quantiles is not None:
        return Pinball(forecaster.quantiles)
    loss, like = losses.get(forecaster.loss), np.zeros((1, 1, outputs))
    if not losses.standardizes(loss) or losses.outputs(loss, like, None, xp=np) != outputs:
        raise ValueError(
            "loss must have one output for each quantity, such as 'half_mse', 'mae' or 'huber', "
            f"got {show(forecaster.loss)}; for quantiles give strategy='direct' and quantiles="
        )
    return loss


def _train(setup: Setup, forecaster: Any) -> tuple[Model, ...]:
    """Return one trained model for each member."""
    callbacks, progress, seed = forecaster.callbacks, forecaster.progress, forecaster.seed
    if forecaster.members == 1:
        return (train(setup, callbacks, progress=progress),)
    setup = setup.stacked(range(seed, seed + forecaster.members))
    try:
        together: Any = train(setup, callbacks, progress=progress)
        return tuple(together.split())
    except NonFiniteError as error:
        error.model = error.model.split()[0]
        raise
