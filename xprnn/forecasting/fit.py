"""The fit of a forecaster: checks its options, and trains its networks on a panel."""

import math
from dataclasses import replace
from typing import Any

import numpy as np

from xprnn import baselines, losses
from xprnn._fields import check_choice, flag, show, warn, whole
from xprnn._model import Model
from xprnn._typing import Array
from xprnn.errors import NonFiniteError
from xprnn.forecasting.intervals import Calibration
from xprnn.forecasting.layout import SHORTEST, Layout, Past, choose_lags, choose_skip
from xprnn.forecasting.member import Member
from xprnn.forecasting.panel import Panel
from xprnn.forecasting.predictor import Predictor
from xprnn.layers import Layer
from xprnn.losses import Loss, Pinball
from xprnn.training import Method, Network, Setup, prepare, train

STRATEGIES = ("recursive", "direct")
CHOSEN = {"differencing": "auto", "calibration": None}
"""The options that are a number or are chosen, with what asks for that."""
BATCH = 32
"""The fewest windows of a batch that is chosen."""
UPDATES = 100
"""The most updates of an epoch with such batches."""
SERIES = 16
"""The series of one, if there are no windows."""
ENOUGH = 20
"""The steps to hold out at least, if a series is long enough."""
WORSE = 1.25
"""Networks whose errors are this many times those of a rule come with a warning."""


def check(forecaster: Any) -> None:
    """Raise ValueError or TypeError unless the forecaster's own options fit one another."""
    for name, least in (("horizon", 1), ("members", 1), ("differencing", 0), ("calibration", 0)):
        value = getattr(forecaster, name)
        if name not in CHOSEN or value != CHOSEN[name]:
            whole(name, value, least)
    check_choice("strategy", forecaster.strategy, STRATEGIES)
    if not isinstance(forecaster.past_columns, tuple | list):
        raise TypeError(
            f"past_columns must be a tuple of columns, got {show(forecaster.past_columns)}"
        )
    lags = forecaster.lags
    if lags is None:
        _check_without_lags(forecaster)
    elif isinstance(lags, tuple):
        for i, each in enumerate(lags):
            whole(f"lags[{i}]", each)
        if not lags or len(set(lags)) < len(lags):
            raise ValueError(f"lags must be windows of different lengths, got {show(lags)}")
    elif lags != "auto":
        whole("lags", lags)
    if forecaster.center is not None:
        flag("center", forecaster.center)
    if forecaster.center and (lags in (None, 1) or (isinstance(lags, tuple) and 1 in lags)):
        raise ValueError(
            "center=True is valid only with windows of at least 2 steps, got lags="
            f"{forecaster.lags}: a window of one step has nothing left without its mean"
        )
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


def choose_layouts(forecaster: Any, panel: Panel) -> tuple[Layout, ...]:
    """Return how the series of a panel become sequences, once for each length of windows."""
    steps = forecaster.horizon if forecaster.strategy == "direct" else 1
    lags, differencing = forecaster.lags, forecaster.differencing
    if lags == "auto":
        windows = forecaster.center or forecaster.network is not None
        windows = windows or forecaster.bidirectional or forecaster.pool is not None
        lags = choose_lags(_see(forecaster, panel, steps), steps, windows)
    lags = lags if isinstance(lags, tuple) else (lags,)
    if differencing == "auto":
        differencing = 1 if None in lags else 0
    layouts = []
    for each in lags:
        center = forecaster.center
        if center is None:
            center = each is not None and each >= SHORTEST and not differencing
        layouts.append(Layout(each, steps, differencing, center))
    return tuple(layouts)


def find_least(layouts: tuple[Layout, ...]) -> int:
    """Return the fewest steps of a series that make an example of each layout."""
    return max(layout.least for layout in layouts)


def fit(forecaster: Any, panel: Panel) -> Predictor:
    """Train on a panel, and measure the errors from which intervals are made.

    Raises
    ------
    ValueError
        If a series is too short.
    """
    check(forecaster)
    layouts = choose_layouts(forecaster, panel)
    count, horizon = forecaster.calibration, forecaster.horizon
    if count is None and forecaster.quantiles is None:
        return _fit_with_errors(forecaster, panel, layouts)
    if not count:
        return _fit(forecaster, panel, layouts)
    errors, spreads, least = [], [], find_least(layouts)
    for past, truth in hold_out(panel, count, horizon, least, f"calibration={count} pieces"):
        predictor = _fit(forecaster, past, layouts)
        later = predictor.select_ahead(truth)
        forecasts = predictor.forecast(horizon, later)
        errors.append([np.abs(y - f) for y, f in zip(truth.y, forecasts, strict=True)])
        spreads.append(predictor.spreads(horizon, later))
    calibration = Calibration.of(errors, spreads)
    return _fit(forecaster, panel, layouts)._replace(calibration=calibration)


def _fit_with_errors(forecaster: Any, panel: Panel, layouts: tuple[Layout, ...]) -> Predictor:
    """Train without the ends of the series, to measure the errors there, and then on all.

    The errors lose their mean, as the networks that forecast know those steps. With it goes a
    part of the variance: n errors about their own mean have n - 1 parts of n, and a new one
    about that mean has n + 1.
    """
    least = find_least(layouts)
    lengths = [_shorten(y, least, forecaster.horizon) for y in panel.y]
    if lengths == [*panel.lengths]:  # nothing to hold out
        predictor = _fit(forecaster, panel, layouts)
        return predictor._replace(
            members=tuple(member._replace(held_out=[]) for member in predictor.members)
        )
    before = _fit(forecaster, panel.until(lengths), layouts)
    errors = before.measure_errors(panel, lengths)
    _warn_if_worse_than_naive(before, panel, lengths, errors)
    predictor = _fit(forecaster, panel, layouts)
    ratios = [a.scale / b.scale for a, b in zip(before.scalers, predictor.scalers, strict=True)]
    members = []
    for member, parts in zip(predictor.members, errors, strict=True):
        every = np.concatenate(parts)
        mean, n = every.mean(axis=0), len(every)
        widen = math.sqrt((n + 1) / max(n - 1, 1))
        parts = [widen * r * (part - mean) for part, r in zip(parts, ratios, strict=True)]
        members.append(member._replace(held_out=parts))
    return predictor._replace(members=tuple(members))


def _warn_if_worse_than_naive(
    predictor: Predictor, panel: Panel, lengths: list[int], errors: list[list[Array]]
) -> None:
    """Warn if repeating the last season would have done better on the steps held out."""
    network, naive = [], []
    for i, (y, length) in enumerate(zip(panel.y, lengths, strict=True)):
        season = baselines.find_season(y[:length])
        repeated = (y[length:] - y[length - season : -season]) / predictor.scalers[i].scale
        naive.append(repeated[: len(errors[0][i])])
        network.append(np.mean([parts[i][:, 0] for parts in errors], axis=0))
    ours, rule = (float(np.abs(np.concatenate(each)).mean()) for each in (network, naive))
    count = sum(map(len, network))
    if count >= ENOUGH and ours > WORSE * rule:
        warn(
            f"on {count} steps at the end of y, which they did not see, the networks' errors one "
            f"step ahead are {ours / rule:.2g} times those of a forecast that repeats the last "
            "season; what helps: more epochs, more of y, or a look at backtest"
        )


def _shorten(y: Array, least: int, horizon: int) -> int:
    """Return how many steps of a series to train on if its end is held out."""
    examples = len(y) - least + 1
    return len(y) - min(max(2 * horizon, len(y) // 5, ENOUGH), examples // 2)


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


def _fit(forecaster: Any, panel: Panel, layouts: tuple[Layout, ...]) -> Predictor:
    """Train on a panel."""
    least, steps = find_least(layouts), layouts[0].steps
    for i, length in enumerate(panel.lengths):
        if length < least:
            raise ValueError(
                f"{f'y[{i}]' if panel.listed else 'y'} must have at least {least} steps "
                f"for lags={_show_lags(layouts)}, differencing={layouts[0].differencing} and "
                f"strategy={forecaster.strategy!r}, got {length}"
            )
    for column in forecaster.past_columns:
        if column not in panel.inputs:
            raise ValueError(
                f"past_columns must be columns of X, {show([*panel.inputs])}, got {show(column)}"
            )
    share = _hold_out_share(forecaster)
    ends = _choose_ends(share, panel, steps)
    for i, (end, length) in enumerate(zip(ends, panel.lengths, strict=True)):
        if end < least:
            raise ValueError(
                f"{f'y[{i}]' if panel.listed else 'y'} must have at least {least} steps "
                f"to train on and {length - end} that validation_fraction={share} holds "
                f"out, got {length}"
            )
    quantiles = None if forecaster.quantiles is None else Pinball(forecaster.quantiles).quantiles
    untrained = Predictor(
        members=(),
        panel=panel,
        trained_on=panel,
        scalers=tuple(
            layouts[0].scaler(y[:end], forecaster.standardize)
            for y, end in zip(panel.y, ends, strict=True)
        ),
        known=np.asarray([name not in forecaster.past_columns for name in panel.inputs], bool),
        own_quantiles=quantiles,
        seed=forecaster.seed,
    )
    pasts = untrained.pasts()
    alone = len(layouts) == forecaster.members == 1
    members = []
    for layout in layouts:
        setup = _prepare(forecaster, panel, layout, pasts, ends)
        members += [Member(model, layout) for model in _train(setup, forecaster, alone)]
    return untrained._replace(members=tuple(members))


def _show_lags(layouts: tuple[Layout, ...]) -> int | tuple[int | None, ...] | None:
    """Return the lengths of the windows as a person would give them."""
    lags = tuple(layout.lags for layout in layouts)
    return lags if len(lags) > 1 else lags[0]


def _prepare(
    forecaster: Any, panel: Panel, layout: Layout, pasts: list[Past], ends: list[int]
) -> Setup:
    """Return the training of the networks of one layout."""
    validation, mask = None, None
    if ends != [*panel.lengths]:
        x_held, y_held, mask = layout.held_out(pasts, ends)
        validation = x_held, y_held
    x, y = layout.examples([past.until(end) for past, end in zip(pasts, ends, strict=True)])
    method = _choose_method(forecaster, layout, panel.y[0].shape[1], len(x))
    setup = prepare(
        x,
        y,
        _choose_network(forecaster, layout, panel),
        replace(method, validation_fraction=None),  # which would draw windows or series
        mode="many_to_many" if layout.lags is None else "many_to_one",
        validation_data=validation,
        backend=forecaster.backend,
        dtype=forecaster.dtype,
    )
    if setup.validation is not None and mask is not None:
        setup = replace(setup, validation=setup.validation._replace(scored=mask))
    return setup


def _choose_network(forecaster: Any, layout: Layout, panel: Panel) -> Network | Layer:
    """Return the network of the forecaster, or the options to build one."""
    skip = forecaster.skip
    if skip == "auto":
        seen = _see(forecaster, panel, layout.steps)
        skip = 0 if forecaster.network else layout.lags or choose_skip(seen)
    defaults = Network.of(type(forecaster), feedback=False, skip=0)
    return Network.of(forecaster, feedback=False, skip=skip).unless(forecaster.network, defaults)


def _choose_method(forecaster: Any, layout: Layout, columns: int, count: int) -> Method:
    """Return how the network is trained, for so many columns of y and so many sequences."""
    batch_size = forecaster.batch_size
    if batch_size == "auto":
        windows = max(BATCH, layout.lags or 0, -(-count // UPDATES))
        batch_size = SERIES if layout.lags is None else windows
    loss = _choose_loss(forecaster, layout.steps * columns)
    return Method.of(forecaster, loss=loss, batch_size=batch_size)


def _see(forecaster: Any, panel: Panel, steps: int) -> tuple[Array, ...]:
    """Return the parts of the series to train on."""
    return panel.until(_choose_ends(_hold_out_share(forecaster), panel, steps)).y


def _hold_out_share(forecaster: Any) -> float | None:
    """Return the share of every series that the training holds out; None for nothing."""
    return Method.of(forecaster, loss="half_mse", batch_size=None).held_out


def _choose_ends(share: float | None, panel: Panel, steps: int) -> list[int]:
    """Return the end of the part of each series to train on; the steps after it are held out."""
    counts = [0 if share is None else max(steps, round(share * n)) for n in panel.lengths]
    return [n - count for n, count in zip(panel.lengths, counts, strict=True)]


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


def _train(setup: Setup, forecaster: Any, alone: bool) -> tuple[Model, ...]:
    """Return one trained model for each seed; `alone` says that it is the forecaster's only one.

    Any other is one of several members to callbacks, even if it is the only one of its windows.
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
