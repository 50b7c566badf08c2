"""Train the networks of a forecaster on a panel."""

from dataclasses import replace
from typing import Any

import numpy as np

from xprnn._fields import show
from xprnn._model import Model
from xprnn._sequences.scaling import Scaler
from xprnn.errors import NonFiniteError
from xprnn.forecasting.choose import (
    choose_ends,
    choose_method,
    choose_network,
    find_least,
    hold_out_share,
)
from xprnn.forecasting.layout import Layout, Past
from xprnn.forecasting.member import Member
from xprnn.forecasting.panel import Panel
from xprnn.forecasting.predictor import Predictor
from xprnn.losses import Pinball
from xprnn.training import Setup, prepare, train


def train_networks(
    forecaster: Any, panel: Panel, layouts: tuple[Layout, ...], *, linear: bool = False
) -> Predictor:
    """Train on a panel; with `linear`, return the linear maps that the networks start from."""
    ends = _choose_ends(forecaster, panel, layouts)
    for column in forecaster.past_columns:
        if column not in panel.inputs:
            raise ValueError(
                f"past_columns must be columns of X, {show([*panel.inputs])}, got {show(column)}"
            )
    quantiles = None if forecaster.quantiles is None else Pinball(forecaster.quantiles).quantiles
    untrained = Predictor(
        members=(),
        panel=panel,
        trained_on=panel,
        known=np.asarray([name not in forecaster.past_columns for name in panel.inputs], bool),
        own_quantiles=quantiles,
        seed=forecaster.seed,
    )
    alone = len(layouts) == forecaster.members == 1
    members = []
    for layout in layouts:
        scalers = _measure_scales(forecaster, panel, layout, ends)
        setup = _prepare(forecaster, panel, layout, untrained.pasts(scalers), ends)
        models = (setup.model,) if linear else _train(setup, forecaster, alone)
        members += [Member(model, layout, scalers) for model in models]
    return untrained._replace(members=tuple(members))


def _choose_ends(forecaster: Any, panel: Panel, layouts: tuple[Layout, ...]) -> list[int]:
    """Return where the training part of each series ends; raise if a series is too short."""
    least, share = find_least(layouts), hold_out_share(forecaster)
    ends = choose_ends(share, panel, layouts[0].steps)
    for i, (end, length) in enumerate(zip(ends, panel.lengths, strict=True)):
        if length < least:
            raise ValueError(
                f"{f'y[{i}]' if panel.listed else 'y'} must have at least {least} steps "
                f"for lags={_show(layouts, 'lags')}, "
                f"differencing={_show(layouts, 'differencing')} and "
                f"strategy={forecaster.strategy!r}, got {length}"
            )
        if end < least:
            raise ValueError(
                f"{f'y[{i}]' if panel.listed else 'y'} must have at least {least} steps "
                f"to train on and {length - end} that validation_fraction={share} holds "
                f"out, got {length}"
            )
    return ends


def _show(layouts: tuple[Layout, ...], name: str) -> str:
    """Return an option of some layouts as a user would write it."""
    values = tuple(dict.fromkeys(getattr(layout, name) for layout in layouts))
    return show(values if len(values) > 1 else values[0])


def _measure_scales(
    forecaster: Any, panel: Panel, layout: Layout, ends: list[int]
) -> tuple[Scaler, ...]:
    """Return the mean and scale of each series, measured on its training part."""
    return tuple(
        layout.scaler(y[:end], forecaster.standardize) for y, end in zip(panel.y, ends, strict=True)
    )


def _prepare(
    forecaster: Any, panel: Panel, layout: Layout, pasts: list[Past], ends: list[int]
) -> Setup:
    """Prepare the training of the networks of one layout."""
    validation, mask = None, None
    if ends != [*panel.lengths]:
        x_held, y_held, mask = layout.held_out(pasts, ends)
        validation = x_held, y_held
    x, y = layout.examples([past.until(end) for past, end in zip(pasts, ends, strict=True)])
    method = choose_method(forecaster, layout, panel.y[0].shape[1], len(x))
    setup = prepare(
        x,
        y,
        choose_network(forecaster, layout, panel),
        replace(method, validation_fraction=None),  # this would draw windows or series
        mode="many_to_many" if layout.lags is None else "many_to_one",
        validation_data=validation,
        backend=forecaster.backend,
        dtype=forecaster.dtype,
    )
    if setup.validation is not None and mask is not None:
        setup = replace(setup, validation=setup.validation._replace(scored=mask))
    return setup


def _train(setup: Setup, forecaster: Any, alone: bool) -> tuple[Model, ...]:
    """Train one model for each seed; `alone` if the forecaster has no other model.

    Otherwise callbacks see several members, even if the layout has only one.
    """
    callbacks, progress, seed = forecaster.callbacks, forecaster.progress, forecaster.seed
    if alone:
        return (train(setup, callbacks, progress=progress),)
    setup = setup.stacked(range(seed, seed + forecaster.members))
    try:
        together: Any = train(setup, callbacks, progress=progress)
        return tuple(together.split())
    except NonFiniteError as error:
        error.model = error.model.split()[0]
        raise
