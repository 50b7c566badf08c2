"""Arguments by the names that other libraries have: the error says what they are called here."""

import inspect
import pickle
import typing

import numpy as np
import pytest

import xprnn
from xprnn._keywords import suggest_keywords

X = np.zeros(12)

CALLED = {
    "lr": "expected learning_rate=",
    "learning_rate_init": "expected learning_rate=",
    "units": "expected hidden_size=",
    "hidden_layer_sizes": "expected hidden_size=",
    "n_layers": "expected num_layers=",
    "verbose": "expected progress=True or False",
    "metrics": "xprnn.metrics has functions of y and the predictions",
    "validation_split": "expected validation_fraction=",
    "n_epochs": "expected epochs=",
    "max_iter": "expected epochs=",
    "random_state": "expected seed=",
    "criterion": "expected loss=",
    "device": "expected backend=",
    "clipnorm": "expected clip_norm=",
    "patience": r"expected callbacks=\[EarlyStopping\(patience=...\)\] of xprnn.callbacks",
    "n_iter_no_change": r"expected callbacks=\[EarlyStopping.*",
    "weight_decay": r"expected penalty=, see xprnn.penalties, or optimizer=AdamW\(...\)",
    "sample_weights": "expected sample_weight=",
    "shuffle": "every epoch draws new batches",
    "class_weight": r"the loss has them: loss=CrossEntropy\(class_weights=...\)",
    "return_sequences": "expected mode='many_to_many' or mode='many_to_one'",
    "hiden_size": "expected hidden_size=",
    "epoch": "expected epochs=",
    "zzz": "it has x, y, mode, .*, progress",
}


@pytest.mark.parametrize(("keyword", "hint"), CALLED.items(), ids=list(CALLED))
def test_what_it_is_called_here(keyword, hint):
    with pytest.raises(TypeError, match=f"^fit has no argument '{keyword}': {hint}$"):
        xprnn.fit(X, X, **{keyword: 1})


def test_every_name_that_is_hinted_at_exists():
    from xprnn import _keywords as keywords
    from xprnn._model import Model
    from xprnn.forecasting import RNNForecaster

    pytest.importorskip("sklearn", reason="needs scikit-learn")
    from xprnn.estimators import RNNClassifier

    doors = (xprnn.fit, Model.predict, RNNForecaster, RNNClassifier)
    known = {name for door in doors for name in inspect.signature(door).parameters}
    assert {*keywords._SYNONYMS, *keywords._HOW} <= known


def test_the_doors_that_say_it():
    from xprnn.forecasting import RNNForecaster

    model = xprnn.fit(X, X, epochs=1, hidden_size=2)
    for call, owner, hint in (
        (lambda: model.predict(X, verbose=0), "predict", "it has x, lengths, .*, return_states"),
        (lambda: model.predict(X, initial_state=()), "predict", "expected state="),
        (lambda: model.forecast(X, step=3), "forecast", "expected steps="),
        (lambda: model.evaluate(X, X, criterion="mae"), "evaluate", "expected loss="),
        (lambda: RNNForecaster(horizon=2, lr=0.1), "RNNForecaster", "expected learning_rate="),
        (lambda: RNNForecaster(horizon=2, units=3), "RNNForecaster", "expected hidden_size="),
    ):
        with pytest.raises(TypeError, match=f"^{owner} has no argument '.*': {hint}$"):
            call()


@pytest.mark.parametrize("name", ["RNNRegressor", "RNNClassifier"])
def test_estimators_say_it(name):
    pytest.importorskip("sklearn", reason="needs scikit-learn")
    estimator = getattr(xprnn.estimators, name)
    called = {"seed": "random_state=", "lr": "learning_rate=", "units": "hidden_size="}
    for keyword, hint in called.items():
        with pytest.raises(
            TypeError, match=f"^{name} has no argument '{keyword}': expected {hint}"
        ):
            estimator(**{keyword: 1})
    assert estimator(epochs=3).get_params()["epochs"] == 3


def test_a_function_stays_what_it_was():
    """For editors, type checkers, help and pickle."""
    names = list(inspect.signature(xprnn.fit).parameters)
    assert names[:3] == ["x", "y", "mode"]
    assert "kwargs" not in names
    assert typing.get_type_hints(xprnn.fit)["epochs"] is int
    assert xprnn.fit.__doc__.startswith("Train a recurrent network")
    assert pickle.loads(pickle.dumps(xprnn.fit)) is xprnn.fit

    @suggest_keywords
    def add(a, /, b=1, *, c=2):
        return a, b, c

    assert add(1, 2, c=3) == (1, 2, 3)
    with pytest.raises(TypeError, match="missing 1 required positional argument: 'a'"):
        add()
    with pytest.raises(TypeError, match="takes from 1 to 2 positional arguments but 3"):
        add(1, 2, 3)
