"""The columns of the tables."""

from collections.abc import Callable
from typing import Any, NamedTuple

from _defaults import ours, peers


class Model(NamedTuple):
    """A column of a table."""

    run: Callable[..., Any]
    needs: str = ""
    """The package that it is made of."""
    random: bool = False
    """Whether the seed matters."""


FORECASTERS = {
    "xprnn": Model(ours.forecaster, random=True),
    "naive": Model(peers.naive),
    "seasonal naive": Model(peers.seasonal_naive),
    "drift": Model(peers.drift),
    "ridge": Model(peers.ridge_on_lags, "sklearn"),
    **{name: Model(peers.statsforecast(name), "statsforecast")
       for name in ("AutoETS", "AutoARIMA", "AutoTheta")},
}  # fmt: skip

PANEL = FORECASTERS | {
    name: Model(peers.neuralforecast(name), "neuralforecast", random=True)
    for name in ("LSTM", "NHITS")
}

TUNED = {"LSTM": (0.003, True), "GRU": (0.01, True)}
"""What was best of `peers.GRID` on the development set, see `--tune`."""

CLASSIFIERS = {
    "xprnn": Model(ours.classifier, random=True),
    **{f"torch {kind}": Model(peers.torch_classifier(kind, *setting), "torch", random=True)
       for kind, setting in TUNED.items()},
    "Rocket": Model(peers.aeon_classifier(peers.rocket), "aeon", random=True),
    "1-NN DTW": Model(peers.aeon_classifier(peers.nearest), "aeon"),
}  # fmt: skip

ONE_STEP = {
    "xprnn": Model(ours.regressor, random=True),
    "xprnn.fit": Model(ours.fit, random=True),
    "naive": Model(peers.naive_one_step),
    "ridge": Model(peers.ridge_one_step, "sklearn"),
    "torch LSTM": Model(peers.torch_one_step, "torch", random=True),
}

MODELS = {
    "forecasts": FORECASTERS,
    "panel": PANEL,
    "classification": CLASSIFIERS,
    "one-step": ONE_STEP,
}

OURS = ("xprnn", "xprnn.fit")
