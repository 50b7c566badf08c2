"""The forecaster as an sktime estimator: sktime's own checks, and our forecasts."""

import pickle
import sys

import numpy as np
import pytest

import xprnn
from xprnn import forecasting
from xprnn.forecasting import sktime as adapter


def test_without_sktime_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "sktime.forecasting.base", None)
    monkeypatch.delitem(vars(adapter), "RNNForecaster", raising=False)
    with pytest.raises(xprnn.MissingExtraError, match=r"pip install 'xprnn\[sktime\]'"):
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
