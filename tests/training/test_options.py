"""The options of a training as values, and the doors that have them in their signatures."""

import ast
import dataclasses
import inspect
from pathlib import Path

import numpy as np
import pytest

import xprnn
from xprnn.forecasting import RNNForecaster
from xprnn.layers import Dense, Recurrent, Stack
from xprnn.losses import MAE
from xprnn.optimizers import SGD, Adam
from xprnn.training import Method, Network, options

X = np.arange(0, 6, 0.1)

CHOSEN = {
    "cell": "gru", "epochs": 100, "batch_size": 16, "tbptt": "auto"
}  # fmt: skip
SMALL = {
    "cell": "gru", "hidden_size": 16, "skip": "auto", "epochs": 10
}  # fmt: skip
DIFFERENCES = {
    "RNNRegressor": CHOSEN
    | {
        "warm_start": False,  # scikit-learn's own: goes on with the model that is there
        "progress": False,  # scikit-learn's estimators print nothing
    },
    "RNNClassifier": CHOSEN
    | {
        "bidirectional": None,  # both ways for one label a sequence
        "loss": "cross_entropy",  # the loss of labels
        "warm_start": False,
        "progress": False,
    },
    # a forecaster sees one short series, so it is small and learns for a short time
    "RNNForecaster": SMALL,
    "sktime": SMALL,
}
"""The defaults that are others than those of `fit` on purpose; benchmarks/defaults.py chose."""

ADDED = {
    # random_state is scikit-learn's seed; steps are columns there, in one order or the other
    "RNNRegressor": {"column_order", "random_state"},
    "RNNClassifier": {"column_order", "random_state", "class_weight"},
    "RNNForecaster": {
        "horizon", "lags", "strategy", "differencing", "center", "past_columns", "quantiles",
        "members", "calibration",
    },
    # the horizon is sktime's fh
    "sktime": {
        "lags", "strategy", "differencing", "center", "past_columns", "quantiles", "members",
        "calibration",
    },
}  # fmt: skip

# x and y, with what belongs to one pair of them, come to the methods fit of these classes;
# feedback is for modes that they do not have, and resume is for one run of one fit.
OF_DATA = {"x", "y", "lengths", "mask", "sample_weight", "validation_data", "resume", "feedback"}
LEFT_OUT = {
    "RNNRegressor": OF_DATA | {"seed"},
    "RNNClassifier": OF_DATA | {"seed"},
    # the mode follows from lags
    "RNNForecaster": OF_DATA | {"mode", "warm_start"},
    "sktime": OF_DATA | {"mode", "warm_start"},
}


def defaults(function):
    """Return the defaults of a signature by name."""
    parameters = inspect.signature(function).parameters.values()
    return {p.name: p.default for p in parameters if p.name != "self"}


def sktime_defaults():
    """Return those of the adapter, read from its source, as sktime may not be there."""
    path = Path(xprnn.__file__).parent / "forecasting" / "sktime.py"
    (init,) = (
        node
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef) and node.name == "__init__"
    )
    names = [argument.arg for argument in init.args.args if argument.arg != "self"]
    return dict(zip(names, map(ast.literal_eval, init.args.defaults), strict=True))


def door(name):
    if name == "sktime":
        return sktime_defaults()
    if name == "RNNForecaster":
        return defaults(RNNForecaster)
    pytest.importorskip("sklearn", reason="needs scikit-learn")
    return defaults(getattr(xprnn.estimators, name))


@pytest.mark.parametrize("name", list(DIFFERENCES))
def test_a_door_has_the_names_and_the_defaults_of_fit(name):
    fit, own = defaults(xprnn.fit), door(name)
    assert own.keys() - fit.keys() == ADDED[name]
    assert fit.keys() - own.keys() == LEFT_OUT[name]
    shared = fit.keys() & own.keys()
    assert {n: own[n] for n in shared if own[n] != fit[n]} == DIFFERENCES[name]
    assert [n for n in own if n in shared] == [n for n in fit if n in shared]


@pytest.mark.parametrize("kind", [Network, Method])
def test_the_options_are_those_of_fit(kind):
    fit = defaults(xprnn.fit)
    own = {field.name: field.default for field in dataclasses.fields(kind)}
    assert own == {name: fit[name] for name in own}
    assert [name for name in fit if name in own] == list(own)


def test_every_argument_of_fit_has_one_place():
    from xprnn.training import prepare, train

    fields = [field.name for kind in (Network, Method) for field in dataclasses.fields(kind)]
    rest = [name for door in (prepare, train) for name in inspect.signature(door).parameters]
    places = sorted([*fields, *(n for n in rest if n not in ("method", "setup"))])
    assert places == sorted(inspect.signature(xprnn.fit).parameters)


def test_values_are_checked_frozen_and_compared():
    method = Method(loss="mae", optimizer="sgd", learning_rate=0.1, epochs=np.int64(3))
    assert (method.loss, method.optimizer, method.epochs) == (MAE(), SGD(0.1), 3)
    assert method == Method(loss="mae", optimizer=SGD(0.1), learning_rate=0.1, epochs=3)
    assert dataclasses.replace(method, epochs=5).optimizer == SGD(0.1)
    assert Method().optimizer == options.ADAM == Adam(0.003)
    with pytest.raises(dataclasses.FrozenInstanceError):
        method.epochs = 4
    assert options.differences(Network(cell="gru"), Network(pool="max")) == ["cell", "pool"]


@pytest.mark.parametrize(
    ("kind", "wrong", "message"),
    [
        (Network, {"cell": "lstn"}, "cell must be one of .* did you mean 'lstm'"),
        (Network, {"hidden_size": 0}, "hidden_size must be at least 1, got 0"),
        (Network, {"activation": "thanh"}, "activation must be one of .* did you mean 'tanh'"),
        (Network, {"recurrent_dropout": 1.0}, "recurrent_dropout must be .* below 1"),
        (Network, {"pool": "sum"}, "pool must be one of 'last', 'max', 'mean', got 'sum'"),
        (Network, {"skip": -1}, "skip must be at least 0, got -1"),
        (Network, {"num_layers": 0}, "num_layers must be at least 1, got 0"),
        (Method, {"loss": "mze"}, "loss must be one of .* did you mean 'mse'"),
        (Method, {"epochs": 0}, "epochs must be at least 1, got 0"),
        (Method, {"tbptt": 0}, "tbptt must be at least 1, got 0"),
        (Method, {"checkpoint_every": 4, "tbptt": 4}, "checkpoint_every must be below tbptt=4"),
        (Method, {"clip_norm": 0}, "clip_norm must be a finite number above 0, got 0"),
        (Method, {"seed": -1}, "seed must be at least 0, got -1"),
    ],
)
def test_a_wrong_option_is_an_error_when_the_value_is_made(kind, wrong, message):
    with pytest.raises(ValueError, match=f"^{message}"):
        kind(**wrong)


def test_a_layer_takes_the_place_of_the_options():
    layer = Stack((Recurrent(3), Dense(1)))
    assert Network().unless(layer) is layer
    assert Network(cell="gru").unless(None) == Network(cell="gru")
    with pytest.raises(ValueError, match=r"^cell, pool describe\(s\) a network"):
        Network(cell="gru", pool="max").unless(layer)


@pytest.mark.parametrize(
    ("kind", "unknown", "expected"),
    [(Network, "hiden_size", "hidden_size="), (Method, "n_epochs", "epochs=")],
)
def test_an_unknown_option_is_told_which_one_to_use(kind, unknown, expected):
    with pytest.raises(
        TypeError, match=f"^{kind.__name__} has no .*'{unknown}': expected {expected}"
    ):
        kind(**{unknown: 3})
