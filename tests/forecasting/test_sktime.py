"""The forecaster as an sktime estimator: sktime's own checks, and our forecasts."""

import pickle
import sys

import numpy as np
import pytest

import xprnn
from xprnn import forecasting
from xprnn.forecasting import sktime as adapter

SMALL = {"lags": 3, "hidden_size": 2, "epochs": 2, "progress": False}


def test_without_sktime_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "sktime.forecasting.base", None)
    monkeypatch.delitem(vars(adapter), "RNNForecaster", raising=False)
    with pytest.raises(xprnn.MissingExtraError, match=r"pip install sktime"):
        adapter.RNNForecaster  # noqa: B018
    with pytest.raises(AttributeError, match="no attribute 'Forecaster'"):
        adapter.Forecaster  # noqa: B018


@pytest.fixture
def pd():
    pytest.importorskip("sktime.forecasting.base", reason="sktime is not installed")
    return pytest.importorskip("pandas")


@pytest.mark.filterwarnings("default")
def test_the_checks_of_sktime(pd):
    from sktime.utils.estimator_checks import check_estimator

    results = check_estimator(adapter.RNNForecaster, raise_exceptions=False, verbose=False)
    failed = {name: result for name, result in results.items() if result != "PASSED"}
    assert not failed
    assert len(results) > 300


@pytest.mark.filterwarnings("default")
def test_the_hyper_parameters_are_those_of_the_forecaster(pd):
    import dataclasses

    own = {
        f.name: f.default for f in dataclasses.fields(forecasting.RNNForecaster) if f.init
    }  # fmt: skip
    del own["horizon"]
    assert adapter.RNNForecaster().get_params() == own


@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("strategy", ["recursive", "direct"])
def test_forecasts_are_those_of_the_forecaster(pd, strategy):
    options = {"strategy": strategy, "lags": 4, "hidden_size": 3, "epochs": 3, "seed": 5}
    index = pd.period_range("2020-01", periods=46, freq="M")
    data = np.random.default_rng(0).standard_normal((46, 3))
    y = pd.DataFrame(data[:, :2], index, ["a", "b"])
    X = pd.DataFrame(data[:, 2:], index, ["x"])
    mine = adapter.RNNForecaster(**options).fit(y[:40], X[:40], fh=[1, 3, 4])
    own = forecasting.RNNForecaster(horizon=4, **options).fit(y[:40], X[:40])
    pd.testing.assert_frame_equal(
        mine.predict(X=X[40:44]), own.predict(X=X[40:44]).iloc[[0, 2, 3]], check_freq=False
    )
    lower = own.predict_interval(0.8, X=X[40:44]).lower
    found = mine.predict_interval(coverage=0.8, X=X[40:44])["b"][0.8]["lower"]
    np.testing.assert_allclose(found, lower["b"].iloc[[0, 2, 3]])

    mine.update(y[40:42], X[40:42], update_params=False)
    own.update(y[:42], X[:42])
    pd.testing.assert_frame_equal(
        mine.predict(X=X[42:46]), own.predict(X=X[42:46]).iloc[[0, 2, 3]], check_freq=False
    )
    again = pickle.loads(pickle.dumps(mine))
    pd.testing.assert_frame_equal(again.predict(X=X[42:46]), mine.predict(X=X[42:46]))


@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("update_params", [False, True])
def test_steps_that_are_not_there_are_not_counted(pd, update_params):
    """A gap, a second row, and another step of integers would move all that follows."""
    days = pd.date_range("2024-01-01", periods=30, freq="D")
    for index, said in (
        (days.delete(7), "y has no row for 2024-01-08"),
        (days.insert(5, days[4]), "y has a second row for 2024-01-05 00:00:00, row 5"),
        (pd.period_range("2024-01", periods=30, freq="M").delete(4), "y has no row for 2024-05"),
        (pd.Index([*range(9), *range(11, 30)]), "y has no row for 9"),
        (pd.Index([*range(0, 60, 2)]), "steps of 2, and sktime's horizon counts in steps of 1"),
    ):
        y = pd.Series(np.arange(len(index)) * 1.0, index)
        with pytest.raises(ValueError, match=said):
            adapter.RNNForecaster(**SMALL).fit(y, fh=[1, 2])
    y = pd.Series(np.sin(np.arange(30)), days)
    fitted = adapter.RNNForecaster(**SMALL).fit(y[:20], fh=[1, 2])
    with pytest.raises(ValueError, match="y has no row for 2024-01-21"):
        fitted.update(y[22:], update_params=update_params)


@pytest.mark.filterwarnings("default")
def test_inputs_ahead_are_found_by_their_times(pd):
    index = pd.date_range("2024-01-01", periods=40, freq="D")
    y = pd.Series(np.sin(np.arange(30)), index[:30])
    X = pd.DataFrame({"x": np.cos(np.arange(40))}, index)
    fitted = adapter.RNNForecaster(**SMALL).fit(y, X[:30], fh=[1, 3])
    expected = fitted.predict(X=X[30:33])
    pd.testing.assert_series_equal(fitted.predict(X=X), expected)
    for later in (X.drop(index[31])[30:], X[31:], X[30:32]):
        with pytest.raises(ValueError, match=r"X must hold the 3 step.* has no row for 2024"):
            fitted.predict(X=later)


@pytest.mark.filterwarnings("default")
def test_columns_of_an_update_are_found_by_their_names(pd):
    index = pd.period_range("2024-01", periods=30, freq="M")
    y = pd.DataFrame({"a": np.sin(np.arange(30)), "b": 100 + np.cos(np.arange(30))}, index)
    each = []
    for columns in (["a", "b"], ["b", "a"]):
        fitted = adapter.RNNForecaster(**SMALL).fit(y[:20], fh=[1, 2])
        fitted.update(y.loc[index[20:], columns], update_params=False)
        each.append((fitted.predict(), fitted.predict_interval(coverage=0.8)))
    for one, other in zip(*each, strict=True):
        pd.testing.assert_frame_equal(one, other, check_like=True)
