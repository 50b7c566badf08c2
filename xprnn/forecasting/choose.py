"""Choose the options left open: windows, network, batches and held-out steps."""

from typing import Any

import numpy as np

from xprnn import losses
from xprnn._fields import show
from xprnn._typing import Array
from xprnn.forecasting.layout import SHORTEST, Layout, choose_lags, choose_skip
from xprnn.forecasting.panel import Panel
from xprnn.layers import Layer
from xprnn.losses import Loss, Pinball
from xprnn.training import Method, Network
from xprnn.training.options import differences

BATCH = 32
"""The least number of windows in an automatic batch."""
UPDATES = 100
"""The most updates in an epoch of automatic batches."""
SERIES = 16
"""The number of series in an automatic batch, without windows."""


def choose_layouts(forecaster: Any, panel: Panel) -> tuple[Layout, ...]:
    """Return the layouts that turn the series of a panel into sequences."""
    steps = forecaster.horizon if forecaster.strategy == "direct" else 1
    lags, differencing, center = forecaster.lags, forecaster.differencing, forecaster.center
    if lags == "auto":
        windows = forecaster.center or forecaster.network is not None
        windows = windows or forecaster.bidirectional or forecaster.pool is not None
        lags = choose_lags(choose_seen(forecaster, panel, steps), steps, windows)
        if len(lags) == 2 and differencing == "auto" and center is None:
            short, long = lags
            return (
                Layout(short, steps, differencing=0, center=True),
                Layout(short, steps, differencing=1, center=False),
                Layout(long, steps, differencing=0, center=False),
            )
    lengths = lags if isinstance(lags, tuple) else (lags,)
    lags = [n if n is None else int(n) for n in dict.fromkeys(lengths)]
    m = differencing if differencing != "auto" else 1 if None in lags else 0
    if center is not None:
        return tuple(Layout(n, steps, m, center) for n in lags)
    return tuple(Layout(n, steps, m, not m and (n or 0) >= SHORTEST) for n in lags)


def find_least(layouts: tuple[Layout, ...]) -> int:
    """Return the least number of steps that give an example in each layout."""
    return max(layout.least for layout in layouts)


def choose_network(forecaster: Any, layout: Layout, panel: Panel) -> Network | Layer:
    """Return the forecaster's network, or the options to build one."""
    skip = forecaster.skip
    if skip == "auto":
        seen = choose_seen(forecaster, panel, layout.steps)
        skip = 0 if forecaster.network else layout.lags or choose_skip(seen)
    defaults = Network.of(type(forecaster), feedback=False, skip=0)
    return Network.of(forecaster, feedback=False, skip=skip).unless(forecaster.network, defaults)


SHARED = ("early_stopping", "seed", "standardize", "validation_fraction")
"""The options of a network and its training that also affect the linear maps."""


def may_stay_linear(forecaster: Any, panel: Panel) -> bool:
    """Return whether the linear maps may replace the networks that start from them.

    With several series there is enough to learn from. Callbacks watch a training run, so its
    result is kept.
    """
    chosen = forecaster.skip != "auto" or forecaster.network is not None or forecaster.callbacks
    return len(panel.y) == 1 and not chosen


def name_network_options(forecaster: Any) -> list[str]:
    """Return the names of the non-default options that affect only the networks."""
    defaults, names = type(forecaster), ["members"] * (forecaster.members > 1)
    open_options: Any = ((Network, {"feedback": False, "skip": 0}), (Method, {}))
    for kind, options in open_options:
        names += differences(kind.of(forecaster, **options), kind.of(defaults, **options))
    if "optimizer" not in names:  # the same rate as the default's
        names = [name for name in names if name != "learning_rate"]
    return [name for name in names if name not in SHARED]


def choose_method(forecaster: Any, layout: Layout, columns: int, count: int) -> Method:
    """Return the training method, for a number of columns of y and a number of sequences."""
    batch_size = forecaster.batch_size
    if batch_size == "auto":
        windows = max(BATCH, layout.lags or 0, -(-count // UPDATES))
        batch_size = SERIES if layout.lags is None else windows
    loss = _choose_loss(forecaster, layout.steps * columns)
    return Method.of(forecaster, loss=loss, batch_size=batch_size)


def choose_seen(forecaster: Any, panel: Panel, steps: int) -> tuple[Array, ...]:
    """Return the parts of the series to train on."""
    return panel.until(choose_ends(hold_out_share(forecaster), panel, steps)).y


def hold_out_share(forecaster: Any) -> float | None:
    """Return the share of every series that training holds out; None for nothing."""
    return Method.of(forecaster, loss="half_mse", batch_size=None).held_out


def choose_ends(share: float | None, panel: Panel, steps: int) -> list[int]:
    """Return where the training part of each series ends; the steps after it are held out."""
    counts = [0 if share is None else max(steps, round(share * n)) for n in panel.lengths]
    return [n - count for n, count in zip(panel.lengths, counts, strict=True)]


def _choose_loss(forecaster: Any, outputs: int) -> Loss:
    """Return the loss for targets with a number of outputs."""
    if forecaster.quantiles is not None:
        return Pinball(forecaster.quantiles)
    loss, like = losses.get(forecaster.loss), np.zeros((1, 1, outputs))
    if not losses.standardizes(loss) or losses.outputs(loss, like, None, xp=np) != outputs:
        raise ValueError(
            "loss must have one output for each quantity, such as 'half_mse', 'mae' or 'huber', "
            f"got {show(forecaster.loss)}; for quantiles pass strategy='direct' and quantiles="
        )
    return loss
