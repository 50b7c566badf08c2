"""How a forecaster is fitted: from options and series to trained networks."""

from typing import Any

import numpy as np

from xprnn import losses
from xprnn._model import Model
from xprnn._validate import show
from xprnn.errors import NonFiniteError
from xprnn.forecasting import checks
from xprnn.forecasting.calibration import Calibration
from xprnn.forecasting.panel import Panel
from xprnn.forecasting.predictor import Predictor
from xprnn.losses import Loss, Pinball
from xprnn.training import Method, Network, Setup, prepare, train


def fit(forecaster: Any, panel: Panel) -> Predictor:
    """Train on a panel, and calibrate the intervals on pieces of it if the forecaster wants that.

    Raises
    ------
    ValueError
        If a series is too short.
    """
    checks.check(forecaster)
    count, h, least = forecaster.calibration, forecaster.horizon, forecaster.layout.least
    if not count:
        return _fit(forecaster, panel)
    if min(panel.lengths) < least + count * h:
        raise ValueError(
            f"y must have at least {least + count * h} steps, {least} to train and "
            f"calibration={count} pieces of {h}, got {min(panel.lengths)}"
        )
    pieces = [(_fit(forecaster, past), truth) for past, truth in hold_out(panel, count, h)]
    return _fit(forecaster, panel)._replace(calibration=_calibrate(pieces))


def hold_out(
    panel: Panel, count: int, steps: int, *, sliding: bool = False
) -> list[tuple[Panel, Panel]]:
    """Return the last `count` pieces of a panel, of `steps` steps each, after their pasts.

    A past begins at the first step; with `sliding`, all pasts are of one length.
    """
    pieces = []
    for i in range(count):
        stops = [length - (count - i) * steps for length in panel.lengths]
        past = panel.rows([i * steps if sliding else 0] * len(stops), stops)
        pieces.append((past, panel.rows(stops, [stop + steps for stop in stops])))
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
    quantiles = None if forecaster.quantiles is None else Pinball(forecaster.quantiles).quantiles
    untrained = Predictor(
        models=(),
        panel=panel,
        trained_on=panel,
        scalers=tuple(layout.scaler(y, forecaster.standardize) for y in panel.y),
        layout=layout,
        known=np.asarray([name not in forecaster.past_columns for name in panel.inputs], bool),
        own_quantiles=quantiles,
        seed=forecaster.seed,
    )
    x, y = layout.examples(untrained.pasts())
    setup = prepare(
        x,
        y,
        Network.of(forecaster, feedback=False).unless(forecaster.network),
        Method.of(forecaster, loss=_loss(forecaster, layout.steps * panel.y[0].shape[1])),
        mode="many_to_many" if forecaster.lags is None else "many_to_one",
        backend=forecaster.backend,
        dtype=forecaster.dtype,
    )
    return untrained._replace(models=_train(setup, forecaster))


def _loss(forecaster: Any, outputs: int) -> Loss:
    """Return the loss for targets of so many numbers."""
    if forecaster.quantiles is not None:
        return Pinball(forecaster.quantiles)
    loss, like = losses.get(forecaster.loss), np.zeros((1, 1, outputs))
    if not losses.standardizes(loss) or losses.outputs(loss, like, None, xp=np) != outputs:
        raise ValueError(
            "loss must have one output for each quantity, such as 'half_mse', 'mae' or 'huber', "
            f"got {show(forecaster.loss)}; for quantiles give quantiles="
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


def _calibrate(pieces: list[tuple[Predictor, Panel]]) -> Calibration:
    """Return the calibration by pieces, each forecast by networks trained on its past."""
    errors, spreads = [], []
    for predictor, truth in pieces:
        later, steps = tuple(x[:, predictor.known] for x in truth.x), truth.lengths[0]
        forecasts = predictor.forecast(steps, later)
        errors.append([np.abs(y - f) for y, f in zip(truth.y, forecasts, strict=True)])
        spreads.append(predictor.spreads(steps, later))
    return Calibration.of(errors, spreads)
