"""One mistake has one wording at every door: fit, models, estimators, forecaster, metrics, plots.

The messages may differ in the name of the argument, and in what rows are: steps or samples.
"""

import re

import matplotlib.pyplot as plt
import numpy as np
import pytest

import xprnn
from xprnn import metrics, plotting
from xprnn._sequences.reading import MEANING

pd = pytest.importorskip("pandas", reason="needs pandas")
pytest.importorskip("sklearn", reason="needs scikit-learn")
from xprnn.estimators import RNNClassifier, RNNRegressor, SequenceScaler  # noqa: E402
from xprnn.forecasting import RNNForecaster  # noqa: E402

RNG = np.random.default_rng(0)
X, Y = RNG.standard_normal((3, 5, 2)), RNG.standard_normal((3, 5, 1))
LABELS = np.ones((3, 5, 1))
MONTHS = pd.period_range("2020-01", periods=40, freq="M")
TABLE = pd.DataFrame(RNG.standard_normal((40, 2)), columns=["a", "b"], index=MONTHS)
TARGET = TABLE["a"].rename("o").to_frame()
QUICK = {"epochs": 1, "hidden_size": 2}
MODEL = xprnn.fit(X, Y, **QUICK)
NAMED = xprnn.fit(TABLE, TARGET, **QUICK)


def forecaster():
    return RNNForecaster(horizon=2, lags=4, **QUICK)


def regressor():
    return RNNRegressor(mode="many_to_many", **QUICK)


READERS = {
    "fit": lambda x, **o: xprnn.fit(x, Y, **QUICK, **o),
    "predict": lambda x, **o: MODEL.predict(x, **o),
    "evaluate": lambda x, **o: MODEL.evaluate(x, Y, **o),
    "mae": lambda y, **o: metrics.mae(y, Y, **o),
    "mae of y_hat": lambda y: metrics.mae(Y, y),
    "coverage": lambda y: metrics.coverage(Y, Y, y),
    "accuracy": lambda y, **o: metrics.accuracy(y, y, **o),
    "regressor": lambda x: regressor().fit(x, Y),
    "classifier": lambda x: RNNClassifier(**QUICK).fit(x, [0, 1, 0]),
    "scaler": lambda x: SequenceScaler().fit(x),
    "forecaster": lambda y: forecaster().fit(y),
    "plot of a fit": lambda x: plotting.fit(MODEL, x),
    "plot of states": lambda x: plotting.states(MODEL, x),
    "plot of a forecast": lambda x: plotting.forecast(x, [1.0, 2.0]),
}
TARGETS = {
    "fit y": lambda y: xprnn.fit(X, y, mode="many_to_many", **QUICK),
    "regressor y": lambda y: regressor().fit(X, y),
}
MASKED = np.ma.masked_array(X, X > 1)
TWICE = [pd.DataFrame(x, columns=["a", "a"]) for x in X]


def with_nan(x):
    x = x.copy()
    x[2, 0] = np.nan
    return x


WRONG = {
    "ragged": ([[1.0, 2.0], [3.0]], "must be an array, got a ragged list", ()),
    "masked": (MASKED, "is a masked array, and its mask would be lost", ()),
    "a masked one in a list": ([X[0], MASKED[1]], "[1] is a masked array", ()),
    "empty list": ([], "is empty: (0,)", ("regressor y",)),
    "an empty one in a list": ([X[0], X[1, :0]], "[1] is empty: (0, 2)", ("regressor y",)),
    "other features": (
        [X[0], X[1, :3, :1]],
        "[1] must be (T_i, 2), as {name}[0] is, got (3, 1)",
        (),
    ),
    "other axes": (
        [X[0], X[1, :3, 0]],
        "[1] must be (T_i, 2), as {name}[0] is, got (3,)",
        (),
    ),
    "not finite": (
        [X[0], with_nan(X[1])],
        "[1] must be finite, got nan at index (2, 0) (1 of 10 values",
        # they compare shapes first, or let scikit-learn look at y
        ("mae", "mae of y_hat", "coverage", "fit y", "regressor y"),
    ),
    "text": ("abc", "must be an array of numbers, got 'abc'", ()),
    "nothing": (None, "must be an array of numbers, got None", ("regressor y",)),
    "a frame and an array": (
        [pd.DataFrame(X[0]), X[1]],
        "[1] must be a frame with named columns, as {name}[0] is",
        (),
    ),
    "columns of one name": (TWICE, "[0] must have columns of different names", ()),
}


@pytest.fixture(autouse=True)
def _close():
    yield
    plt.close("all")


def refusal(call, *args, **options):
    """Return the message of a refusal, the argument it names, and the message without that."""
    with pytest.raises((TypeError, ValueError)) as caught:
        call(*args, **options)
    message = str(caught.value)
    name = re.match(r"\w+", message)[0]
    for meaning in MEANING.values():
        message = message.replace(meaning, "MEANING")
    return type(caught.value), name, re.sub(rf"\b{name}\b(?!\()", "{name}", message)


@pytest.mark.parametrize("case", WRONG)
def test_one_mistake_has_one_wording(case):
    value, said, without = WRONG[case]
    doors = {name: door for name, door in {**READERS, **TARGETS}.items() if name not in without}
    refusals = {name: refusal(door, value) for name, door in doors.items()}
    wordings = {(kind, message) for kind, _, message in refusals.values()}
    assert len(wordings) == 1, refusals
    ((_, message),) = wordings
    assert message.startswith(f"{{name}}{'' if said[0] == '[' else ' '}{said}")
    assert {name for _, name, _ in refusals.values()} <= {"x", "X", "y", "y_hat", "past", "upper"}


SHAPE = "{name} can't have the shape (1, 3, 5, 2). MEANING"


def test_each_door_says_what_its_rows_are():
    wrong = np.zeros((1, 3, 5, 2))
    for name in ("fit", "predict", "evaluate", "mae", "plot of a fit", "plot of a forecast"):
        assert refusal(READERS[name], wrong)[2] == SHAPE
        with pytest.raises(ValueError, match="Here rows are steps"):
            READERS[name](wrong)
    for name in ("regressor", "classifier", "scaler"):
        assert refusal(READERS[name], wrong)[2] == SHAPE
        with pytest.raises(ValueError, match="Here rows are samples"):
            READERS[name](wrong)
    with pytest.raises(ValueError, match=r"can't have the shape \(1, 3, 5, 2\)\. Here rows are st"):
        READERS["forecaster"](wrong)


ROWS = np.ones((3, 5), dtype=bool)
STEPS = {
    "lengths of a list": (
        [*LABELS],
        {"lengths": [5, 4, 3]},
        "lengths is valid only for a padded array; ",
    ),
    "lengths of floats": (LABELS, {"lengths": [5.0, 4, 3]}, "lengths must be integers, got float"),
    "too few lengths": (LABELS, {"lengths": [5, 4]}, "lengths must have shape (3,), one for each"),
    "too long": (LABELS, {"lengths": [5, 4, 6]}, "lengths must be {least} to 5, the steps of"),
    "below zero": (LABELS, {"lengths": [5, 4, -1]}, "lengths must be {least} to 5, the steps of"),
    "both": (LABELS, {"lengths": [5, 4, 3], "mask": ROWS}, "lengths and mask mean the same: exp"),
    "mask of floats": (LABELS, {"mask": 1.0 * ROWS}, "mask must be of bool, True at valid steps"),
    "mask of another shape": (LABELS, {"mask": ROWS[:, :4]}, "mask must have shape (3, 5), the "),
    "mask of a list": ([*LABELS], {"mask": ROWS}, "mask must be a list of arrays of bool, (T_i,) "),
    "masked mask": (LABELS, {"mask": np.ma.masked_array(ROWS, ROWS)}, "mask is a masked array"),
}


@pytest.mark.parametrize("case", STEPS)
def test_lengths_and_masks_have_one_wording(case):
    """The metrics take sequences without a valid step, so lengths begin at 0 there."""
    value, options, said = STEPS[case]
    model = xprnn.fit(LABELS, Y, **QUICK)
    doors = {
        "fit": lambda x, **o: xprnn.fit(x, Y, **QUICK, **o),
        "predict": model.predict,
        "evaluate": lambda x, **o: model.evaluate(x, Y, **o),
        "mae": lambda y, **o: metrics.mae(y, y, **o),
        "accuracy": lambda y, **o: metrics.accuracy(y, y, **o),
    }
    for name, door in doors.items():
        least = 0 if name in ("mae", "accuracy") else 1
        with pytest.raises((TypeError, ValueError)) as caught:
            door(value, **options)
        assert str(caught.value).startswith(said.format(least=least)), name


CUBE = RNG.standard_normal((40, 3, 2))
OTHER = TABLE.rename(columns={"b": "c"})
LATER = TABLE.set_axis(MONTHS + 12)


def test_other_columns_have_one_wording():
    fitted = regressor().fit([TABLE, TABLE], [TARGET, TARGET])
    known = forecaster().fit(TABLE)
    for name, call in {
        "predict": lambda: NAMED.predict(OTHER),
        "evaluate": lambda: NAMED.evaluate(OTHER, TARGET),
        "warm start": lambda: xprnn.fit(OTHER, TARGET, warm_start=NAMED, epochs=1),
        "a list": lambda: xprnn.fit([TABLE, OTHER], [TARGET, TARGET], **QUICK),
        "regressor": lambda: fitted.predict([OTHER]),
        "regressor's list": lambda: regressor().fit([TABLE, OTHER], [TARGET, TARGET]),
        "forecaster's list": lambda: forecaster().fit([TABLE, OTHER]),
        "forecaster's update": lambda: known.update(OTHER),
        "metrics": lambda: metrics.mae(TABLE, OTHER),
        "metrics' list": lambda: metrics.mae([TABLE, TABLE], [TABLE, OTHER]),
        "metrics' y": lambda: metrics.accuracy([TABLE, OTHER], [TABLE, OTHER]),
        "plots": lambda: plotting.fit(NAMED, OTHER),
    }.items():
        with pytest.raises(ValueError, match="must have the column") as caught:
            call()
        assert re.fullmatch(
            r"\w+(\[\d\])? must have the column\(s\) 'a', 'b': there is no 'b'; unknown: 'c'; "
            "rename, add or drop columns, or use arrays from fit on, whose columns are matched by "
            "position",
            str(caught.value),
        ), name


def test_another_index_has_one_wording():
    later = pd.Series(data=True, index=LATER.index)
    weeks = TABLE.set_axis(range(40))
    ones = pd.Series(1, index=LATER.index)
    scored = RNNRegressor(**QUICK).fit(CUBE, TABLE)
    for name, call in {
        "fit": lambda: xprnn.fit(TABLE, LATER[["a"]], **QUICK),
        "evaluate": lambda: NAMED.evaluate(TABLE, TARGET.set_axis(LATER.index)),
        "mask": lambda: NAMED.predict(TABLE, mask=later),
        "regressor": lambda: regressor().fit([TABLE, TABLE], [TARGET, LATER[["a"]]]),
        "regressor's table": lambda: RNNRegressor(**QUICK).fit(TABLE, LATER["a"]),
        "classifier": lambda: RNNClassifier(**QUICK).fit(TABLE, (LATER["a"] > 0)),
        "forecaster": lambda: forecaster().fit(TARGET, LATER),
        "metrics": lambda: metrics.mae(TABLE, LATER),
        "metrics' mask": lambda: metrics.mae(TABLE, TABLE, mask=later),
        "accuracy": lambda: metrics.accuracy(TABLE > 0, LATER > 0),
        "lengths": lambda: metrics.accuracy(TABLE > 0, TABLE > 0, lengths=ones),
        "weights": lambda: xprnn.fit(CUBE, TABLE, sample_weight=ones, **QUICK),
        "regressor's weights": lambda: RNNRegressor(**QUICK).fit(CUBE, TABLE, ones),
        "weights of a table": lambda: RNNRegressor(**QUICK).fit(
            TABLE, TABLE.to_numpy()[:, 0], ones
        ),
        "classifier's weights": lambda: RNNClassifier(**QUICK).fit(CUBE, TABLE["a"] > 0, ones),
        "weights of a score": lambda: scored.score(CUBE, TABLE, ones),
        "plots": lambda: plotting.fit(NAMED, TABLE, TARGET.set_axis(LATER.index)),
    }.items():
        with pytest.raises(ValueError, match="must have the index") as caught:
            call()
        assert re.fullmatch(
            r"\w+(\[\d\])? must have the index of \w+(\[\d\])?, as its rows are the same "
            r"(steps|samples|sequences): expected 2020-01 to 2023-04 \(40\), "
            r"got 2021-01 to 2024-04 \(40\); row 0 is 2021-01, expected 2020-01"
            r"(; pass .*\.to_numpy\(\) to pair them row by row)?",
            str(caught.value),
        ), name
    with pytest.raises(ValueError, match="row 0 is 0, expected 2020-01"):
        xprnn.fit(TABLE, weeks[["a"]], **QUICK)


def test_the_series_of_mase_comes_before_y():
    after = TABLE.set_axis(MONTHS + 40)
    for train in (after, TABLE.iloc[5:], TABLE.set_axis(MONTHS.to_timestamp())):
        with pytest.raises(ValueError, match=r"^train must end before y begins, or contain it"):
            metrics.mase(TABLE.iloc[:20], TABLE.iloc[:20] + 1, train=train)
    with pytest.raises(ValueError, match=r"^train\[1\] must end before y\[1\] begins"):
        metrics.mase([after, TABLE], [after, TABLE], train=[TABLE, after])
    expected = metrics.mase(TABLE.to_numpy(), TABLE.to_numpy() + 1, train=TABLE.to_numpy())
    found = metrics.mase(after, after + 1, train=TABLE.to_numpy())
    assert found == pytest.approx(expected, rel=1e-12)
    assert metrics.mase(after, after + 1, train=TABLE) == pytest.approx(expected, rel=1e-12)
    assert metrics.mase(TABLE, TABLE, train=TABLE) == 0


def test_n_sequences_of_n_rows_have_two_indexes():
    """The rows of each x are steps, and those of y are samples."""
    frames = [TABLE.iloc[:4]] * 4
    assert RNNRegressor(**QUICK).fit(frames, weeks_of(4)).predict(frames).shape == (4,)


def weeks_of(count):
    return pd.Series(np.arange(float(count)), index=range(count))


def test_outputs_of_a_regressor_go_by_name():
    y = TABLE.copy()
    fitted = RNNRegressor(**QUICK).fit(CUBE, y)
    assert fitted.score(CUBE, y[["b", "a"]]) == fitted.score(CUBE, y)
    with pytest.raises(ValueError, match=r"^y must have the column\(s\) 'a', 'b': there is no"):
        fitted.score(CUBE, OTHER)
