"""Series and DataFrames: their kind comes back, with the index continued."""

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from xprnn.forecasting import RNNForecaster

pd = pytest.importorskip("pandas")

FREQUENCIES = ("D", "B", "h", "15min", "W-SUN", "MS", "ME", "QS", "2D", "YS", "3h", "s")
PERIODS = ("D", "M", "Q-DEC", "Y", "h", "W-SUN")


def forecaster(**options):
    return RNNForecaster(**{
        "horizon": 3, "lags": 4, "hidden_size": 2, "epochs": 1, "progress": False, **options
    })  # fmt: skip


def values(T, columns=None):
    shape = T if columns is None else (T, columns)
    return np.random.default_rng(0).standard_normal(shape)


INDICES = st.one_of(
    st.builds(
        lambda freq, zone: pd.date_range("2020-02-27", periods=26, freq=freq, tz=zone, name="when"),
        st.sampled_from(FREQUENCIES), st.sampled_from([None, "Europe/Berlin"]),
    ),
    st.builds(
        lambda freq, unit: pd.date_range("2020-02-27", periods=26, freq=freq, unit=unit),
        st.sampled_from(FREQUENCIES), st.sampled_from(["s", "ms", "us", "ns"]),
    ),
    st.builds(
        lambda freq: pd.period_range("2020-02", periods=26, freq=freq, name="p"),
        st.sampled_from(PERIODS),
    ),
    st.builds(
        lambda start, step: pd.RangeIndex(start, start + 26 * step, step, name=3),
        st.integers(-5, 5), st.integers(1, 4),
    ),
)  # fmt: skip


@given(index=INDICES, frame=st.booleans())
def test_the_index_goes_on_as_it_would_have(index, frame):
    past, ahead = index[:20], index[20:]
    y = values(20, 2 if frame else None)
    given = (
        pd.DataFrame(y, index=past, columns=pd.Index(["a", "b"], name="of"))
        if frame else pd.Series(y, index=past, name="sold")
    )  # fmt: skip
    model = forecaster().fit(given)
    found = model.predict(6)
    pd.testing.assert_index_equal(found.index, ahead, exact=True)
    assert getattr(found.index, "freq", None) == getattr(index, "freq", None)
    assert type(found) is type(given)
    if frame:
        pd.testing.assert_index_equal(found.columns, given.columns)
    else:
        assert found.name == "sold"
    np.testing.assert_array_equal(found.to_numpy(), forecaster().fit(y).predict(6))
    lower, upper = model.predict_interval(0.8, 6)
    assert bool(np.all(lower < upper))
    pd.testing.assert_index_equal(lower.index, ahead)


def test_a_list_of_series_comes_back_as_one():
    a = pd.Series(values(20), pd.period_range("2020-01", periods=20, freq="M"), name="a")
    b = pd.Series(values(30), pd.period_range("1990-01", periods=30, freq="M"), name="b")
    one, other = forecaster().fit([a, b]).predict()
    assert (one.name, str(one.index[0])) == ("a", "2021-09")
    assert (other.name, str(other.index[-1])) == ("b", "1992-09")


def test_inputs_by_name_and_time():
    index = pd.date_range("2024-01-01", periods=23, freq="D")
    y = pd.Series(values(20), index[:20])
    X = pd.DataFrame({"price": values(23), "rain": 1.0, "day": index.day_of_week}, index)
    model = forecaster(strategy="direct", past_columns=("rain",)).fit(y, X[:20])
    found = model.predict(X=X.loc[index[20:], ["price", "day"]])
    plain = forecaster(strategy="direct", past_columns=(1,)).fit(y.to_numpy(), X[:20].to_numpy())
    np.testing.assert_array_equal(found, plain.predict(X=X[["price", "day"]][20:].to_numpy()))
    with pytest.raises(ValueError, match=r"columns \['price', 'day'\], got \['day', 'price'\]"):
        model.predict(X=X.loc[index[20:], ["day", "price"]])
    with pytest.raises(ValueError, match=r"index that follows on y, 2024-01-21 .* got 2024-01-20"):
        model.predict(X=X.loc[index[19:22], ["price", "day"]])
    with pytest.raises(ValueError, match="X must have the index of y, 2024-01-01"):
        model.fit(y, X[1:21])
    with pytest.raises(TypeError, match="X must be a pandas object, as y is"):
        model.fit(y, X[:20].to_numpy())
    with pytest.raises(TypeError, match="X must be a NumPy array, as y is"):
        model.fit(y.to_numpy(), X[:20])


def test_a_backtest_has_the_index_of_what_came():
    y = pd.DataFrame(
        values(40, 2), pd.date_range("2024-01-01", periods=40, freq="D"), ["a", "b"]
    )  # fmt: skip
    result = forecaster().backtest(y, folds=2)
    for fold, rows in enumerate((slice(34, 37), slice(37, 40))):
        pd.testing.assert_frame_equal(result.truth[fold], y[rows])
        for found in (*result.forecasts.values(), result.lower, result.upper):
            pd.testing.assert_index_equal(found[fold].index, y[rows].index)
            assert list(found[fold].columns) == ["a", "b"]


DAYS = pd.date_range("2024-01-01", periods=20, freq="D")
MONTHS = pd.period_range("2024-01", periods=21, freq="M")
REFUSED = {
    "no frequency": (
        pd.Series(values(20), DAYS.to_numpy()),
        r"without a frequency.* y = y.asfreq\('D'\) for days",
    ),
    "gaps in time": (
        pd.Series(values(19), DAYS.delete(7)),
        r"without a frequency.*pd.infer_freq\(y.index\) tells",
    ),
    "gaps in periods": (
        pd.Series(values(20), MONTHS.delete(7)),
        "every M in its PeriodIndex once, got 2024-09 where 2024-08 was expected",
    ),
    "twice": (
        pd.Series(values(21), MONTHS[:20].insert(3, MONTHS[2])), "got 2024-03 where 2024-04 was",
    ),
    "backwards": (
        pd.Series(values(20), DAYS[::-1]), "must go forward in time, got 2024-01-20 .*sort_index",
    ),
    "numbers": (pd.Series(values(20), list(range(20))), "got Index of int64.*reset_index"),
    "words": (pd.Series(values(3), ["a", "b", "c"]), "RangeIndex, got Index of"),
    "text": (pd.Series(["1", "2"]), "y has dtype .*: expected float32, float64, int"),
    "half": (pd.DataFrame({"a": [1.0, 2.0]}, dtype="float16"), r"y\['a'\] has dtype float16"),
    "complex": (pd.Series([1j, 2]), "y has dtype complex128"),
    "missing": (pd.Series([1.0, None, 3, 4, 5, 6]), "y must be finite, got nan at index"),
    "missing, nullable": (
        pd.Series([1, None, 3, 4, 5, 6], dtype="Int64"), "y must be finite, got nan at index",
    ),
    "one name twice": (pd.DataFrame(values(9, 2), columns=["a", "a"]), "of different names"),
    "an index": (DAYS, "a Series or a DataFrame, got DatetimeIndex"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_what_has_no_next_step_is_refused(case):
    y, message = REFUSED[case]
    with pytest.raises((ValueError, TypeError), match=message):
        forecaster(lags=None).fit(y)


def test_nullable_and_whole_numbers_are_read():
    y = pd.Series(range(12), dtype="Int64")
    np.testing.assert_array_equal(
        forecaster().fit(y).predict(), forecaster().fit(np.arange(12)).predict()
    )


def test_bools_are_one_and_zero():
    """Flags among the inputs, such as weekends, and what ``get_dummies`` makes of a column."""
    index = pd.date_range("2024-01-01", periods=24, freq="D")
    y = pd.Series(values(24), index)
    flags = pd.DataFrame({"weekend": index.day_of_week > 4, "rain": values(24)}, index)
    found = [
        forecaster().fit(y[:20], x[:20]).predict(X=x[20:23])
        for x in (flags, flags.astype({"weekend": "boolean"}), flags.astype("float64"))
    ]
    pd.testing.assert_series_equal(found[0], found[2])
    pd.testing.assert_series_equal(found[1], found[2])


def test_pandas_is_imported_only_where_it_is_there_already():
    code = (
        "import sys, numpy as np; from xprnn.forecasting import RNNForecaster as F; "
        "F(horizon=2, lags=2, epochs=1).fit(np.arange(9.0)).backtest(np.sin(range(30)), 2); "
        "print('pandas' in sys.modules)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "False"
