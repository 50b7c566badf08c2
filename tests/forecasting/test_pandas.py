"""Series and DataFrames: their kind comes back, with the index continued."""

import re
import subprocess
import sys
import warnings

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
    st.builds(
        lambda start, step, dtype: pd.Index(
            [*range(start, start + 26 * step, step)], dtype=dtype, name="year"
        ),
        st.integers(0, 1990), st.integers(1, 4),
        st.sampled_from(["int64", "int32", "uint16", "Int64"]),
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
    np.testing.assert_array_equal(found, model.predict(X=X.loc[index[20:], ["day", "price"]]))
    with pytest.raises(ValueError, match="'price', 'day': there is no 'day'; rename"):
        model.predict(X=X.loc[index[20:], ["price"]])
    with pytest.raises(ValueError, match="'price', 'day': unknown: 'rain'"):
        model.predict(X=X[20:])
    with pytest.raises(
        ValueError,
        match=r"index that follows y: expected 2024-01-21 .* got 2024-01-20 .*row 0 is",
    ):
        model.predict(X=X.loc[index[19:22], ["price", "day"]])
    with pytest.raises(ValueError, match=r"X must have the index of y, .* 2024-01-01"):
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
    "gaps in periods": (
        pd.Series(values(20), MONTHS.delete(7)), "no row for 2024-08, which comes after 2024-07, r",
    ),
    "twice": (
        pd.Series(values(21), MONTHS[:20].insert(3, MONTHS[2])), "second row for 2024-03, row 3",
    ),
    "numbers with decimals": (
        pd.Series(values(20), np.arange(20) / 2), "got Index of float64.*reset_index",
    ),
    "words": (pd.Series(values(3), ["a", "b", "c"]), "an index of integers, got Index of .*reset"),
    "text": (pd.Series(["1", "2"]), "y has dtype .*: expected float"),
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


def lost(index):
    """Return a DatetimeIndex as a CSV file gives it, without its frequency."""
    return pd.DatetimeIndex(index.to_numpy())


def mended(y, advice=0):
    """Return a series after the code of one message after the other was run.

    Of several pieces of code in a message the first is run, or with ``advice=-1`` the last.
    """
    for _ in range(5):  # what was mended may have another fault
        try:
            forecaster().fit(y)
            break
        except (ValueError, TypeError) as error:
            if "must have at least" in str(error):
                break
            codes = re.findall(r"(y(?:\[\d\])?(?:\.index)? = .*?)(?:,? or|$)", str(error))
            names = {"y": y, "pd": pd}
            exec(codes[advice], names)
            y = names["y"]
    return y


BUSINESS = pd.date_range("2024-01-01", periods=30, freq="B")
MENDED = {
    "no frequency": (lost(DAYS), r"without a frequency.* y = y.asfreq\('D'\)"),
    "months without frequency": (
        lost(pd.date_range("2024-01-01", periods=20, freq="MS")), r"y = y.asfreq\('MS'\)",
    ),
    "business days": (lost(BUSINESS), r"y = y.asfreq\('B'\)"),
    "a holiday": (lost(BUSINESS).delete(17), "no row for 2024-01-24.*after 2024-01-23.*row 16"),
    "a gap": (DAYS.delete(7), "no row for 2024-01-08.*after 2024-01-07.*row 6"),
    "a gap in years": (
        pd.Index([*range(1990, 2000), *range(2002, 2012)]), "no row for 2000, .* row 9",
    ),
    "a gap in periods": (MONTHS.delete(7), "no row for 2024-08, which comes after 2024-07, row 6"),
    "twice": (DAYS.insert(3, DAYS[2]), "second row for 2024-01-03 .*row 3; pass several series"),
    "twice, in numbers": (pd.Index([0, 1, 1, *range(2, 20)]), "second row for 1, row 2"),
    "no order, no frequency": (
        DAYS[np.random.default_rng(0).permutation(20)], r"y = y.asfreq\('D'\)",
    ),
    "clocks turned back": (
        pd.date_range("2024-10-26", periods=60, freq="h", tz="Europe/Berlin").tz_localize(None),
        "second row for 2024-10-27 02:00:00, row 27",
    ),
    "office hours": (
        lost(DAYS.repeat(3) + pd.to_timedelta([8, 9, 10] * 20, "h")), "uneven steps.* row 3.*reset",
    ),
    "every fifteenth": (
        pd.DatetimeIndex([f"202{y}-{m:02d}-15" for y in "34" for m in range(1, 13)]),
        "uneven steps: 2023-03-15.* follows 2023-02-15.* row 2; .*to_period",
    ),
    "nearly every day": (
        lost(DAYS + pd.to_timedelta(np.random.default_rng(0).integers(0, 99, 20), "min")),
        "uneven steps: .*to let each stand for its whole day",
    ),
    "business days after a Saturday": (
        lost(BUSINESS).insert(0, pd.Timestamp("2023-12-30")),
        "uneven steps: 2024-01-01.* follows 2023-12-30",
    ),
    "numbers without steps": (
        pd.Index([1, 5, 6, 20, 21, 22, 40, 41, 42, 90]), "uneven steps: 5 follows 1 in row 1",
    ),
    "no time": (lost(DAYS).where(np.arange(20) != 19), "no time in row 19"),
    "text": (pd.Index(DAYS.strftime("%Y-%m-%d")), "to make times of text"),
    "months as numbers": (
        pd.Index([202311, 202312, *range(202401, 202413)]), "look like dates, 202311 to 202412",
    ),
    "one year of months": (pd.Index([*range(202401, 202413)]), "look like dates"),
    "days as numbers": (
        pd.Index([20240130, 20240131, *range(20240201, 20240211)]), "look like dates",
    ),
    "several series": (
        pd.MultiIndex.from_product([["p", "q"], DAYS]), "got MultiIndex .*pass several series",
    ),
    "durations": (pd.timedelta_range("1D", periods=20), "got TimedeltaIndex.*reset_index"),
}  # fmt: skip


@pytest.mark.parametrize("advice", [0, -1], ids=["first", "last"])
@pytest.mark.parametrize("kind", ["series", "frame", "list"])
@pytest.mark.parametrize("case", MENDED)
def test_the_code_in_a_message_mends_the_index(case, kind, advice):
    index, message = MENDED[case]
    y = pd.Series(values(len(index)), index)
    if kind == "frame":
        y = pd.DataFrame({"a": y, "b": 2})
    if kind == "list":
        y, message = [y], message.replace("y = y.", r"y\[0\] = y\[0\].")
    with pytest.raises((ValueError, TypeError), match=message):
        forecaster().fit(y)
    found = forecaster().fit(mended(y, advice)).predict()
    assert len(found) in (1, 2, 3)  # series, or steps of one


# Advice


def test_columns_of_other_names_are_renamed_added_dropped_or_given_as_arrays():
    """What the error says works: the columns of a frame in three ways, and arrays from fit on."""
    index = pd.RangeIndex(23)
    y, X = pd.Series(values(20)), pd.DataFrame(values(23, 2), index, ["price", "day"])
    model = forecaster().fit(y, X[:20])
    expected = model.predict(X=X[20:])
    renamed, fewer, more = X.rename(columns={"day": "hour"}), X[["price"]], X.assign(rain=1)
    for wrong, right in (
        (renamed, renamed.rename(columns={"hour": "day"})),
        (fewer, fewer.assign(day=X["day"])),
        (more, more.drop(columns="rain")),
    ):
        with pytest.raises(ValueError, match=r"rename, add or drop columns, or use arrays from f"):
            model.predict(X=wrong[20:])
        pd.testing.assert_series_equal(model.predict(X=right[20:]), expected)
    with pytest.raises(TypeError, match="X must be a pandas object, as y is"):
        model.predict(X=X[20:].to_numpy())  # which is why the advice says from fit on
    by_place = forecaster().fit(y.to_numpy(), X[:20].to_numpy())
    np.testing.assert_allclose(by_place.predict(X=renamed[20:].to_numpy()), expected, rtol=1e-9)


def test_other_columns_of_an_update_are_mended_by_the_same_advice():
    y = pd.DataFrame(values(24, 2), pd.RangeIndex(24), ["a", "b"])
    model = forecaster().fit(y[:20])
    expected = model.update(y).predict()
    for wrong, right in (
        (y.rename(columns={"a": "z"}), lambda frame: frame.rename(columns={"z": "a"})),
        (y[["a"]], lambda frame: frame.assign(b=y["b"])),
        (y.assign(c=1), lambda frame: frame.drop(columns="c")),
    ):
        with pytest.raises(ValueError, match="; rename, add or drop columns, or use arrays from"):
            model.update(wrong)
        pd.testing.assert_frame_equal(model.update(right(wrong)).predict(), expected)
    model = forecaster().fit(y[:20].to_numpy())
    np.testing.assert_allclose(model.update(y.to_numpy()).predict(), expected, rtol=1e-9)


@pytest.mark.parametrize("count", [1, 2])
def test_few_rows_without_a_frequency(count):
    y = pd.Series(values(count), lost(DAYS[:count]))
    with pytest.raises(ValueError, match="without a frequency"):
        forecaster().fit(y)
    with pytest.raises(ValueError, match="y must have at least 5 steps"):
        forecaster().fit(mended(y))


@given(
    index=INDICES, dropped=st.sets(st.integers(0, 25), max_size=12),
    twice=st.sets(st.integers(0, 25), max_size=3), shuffled=st.booleans(), seed=st.integers(0, 9),
)  # fmt: skip
def test_what_messages_say_ends_in_a_forecast(index, dropped, twice, shuffled, seed):
    rows = [i for i in range(26) for _ in range(1 + (i in twice)) if i not in dropped]
    if shuffled:
        rows = np.random.default_rng(seed).permutation(rows)
    y = pd.Series(values(len(rows)), index[rows])
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="y goes back in time")
        y = mended(y)
        found = forecaster().fit(y).predict()
    assert y.index.is_unique
    assert found.index[0] > y.index.max()


SORTED = {
    "newest first": DAYS[::-1],
    "months, newest first": pd.date_range("2024-01-01", periods=20, freq="MS")[::-1],
    "periods without order": MONTHS[np.random.default_rng(0).permutation(21)],
    "numbers without order": pd.Index(np.random.default_rng(0).permutation(20)),
    "rows, newest first": pd.RangeIndex(20, 0, -1),
}


@pytest.mark.parametrize("case", SORTED)
def test_rows_without_order_are_sorted_and_said_so(case):
    index = SORTED[case]
    n = len(index)
    y = pd.DataFrame(values(n, 2), index, ["a", "b"])
    X = pd.DataFrame(values(n, 1), index, ["x"])
    expected = forecaster(strategy="direct", past_columns=("x",), calibration=0).fit(
        y.sort_index(), X.sort_index()
    )
    model = forecaster(strategy="direct", past_columns=("x",), calibration=0)
    with pytest.warns(UserWarning, match="goes back in time, from .* was sorted") as caught:
        model.fit(y, X)
    assert [str(warning.message)[:1] for warning in caught] == ["y", "X"]
    assert caught[0].filename == __file__
    pd.testing.assert_frame_equal(model.predict(), expected.predict())


# Columns by name


@given(order=st.permutations(["a", "b", "c"]), second=st.permutations(["a", "b", "c"]))
def test_columns_are_found_by_their_names(order, second):
    """Of y and X, and in every frame but the first, which sets the order."""
    index = pd.period_range("2020-01", periods=26, freq="M")
    y, X = (pd.DataFrame(values(26, 6)[:, i : i + 3], index, list("abc")) for i in (0, 3))
    model = forecaster().fit(y[:20], X[:20])
    expected = model.update(y[:23], X[:23]).predict(X=X[23:])
    found = model.update(y.loc[: index[22], order], X.loc[: index[22], second])
    pd.testing.assert_frame_equal(found.predict(X=X.loc[index[23] :, order]), expected)
    for bounds in zip(
        found.predict_interval(0.8, X=X.loc[index[23] :, second]),
        model.update(y[:23], X[:23]).predict_interval(0.8, X=X[23:]),
        strict=True,
    ):
        pd.testing.assert_frame_equal(*bounds)

    other = pd.DataFrame(values(18, 6)[:, :3] * 9, index[:18], list("abc"))
    ys, Xs = [y[:20], other[order]], [X[:20], X.loc[: index[17], second]]
    found = forecaster().fit(ys, Xs).predict(X=[X[20:23], X.loc[index[18:21], order]])
    plain = forecaster().fit([y[:20], other], [X[:20], X[:18]])
    for one, like in zip(found, plain.predict(X=[X[20:23], X[18:21]]), strict=True):
        pd.testing.assert_frame_equal(one, like)


def test_other_columns_and_names_are_refused():
    y = pd.DataFrame(values(24, 2), pd.RangeIndex(24), ["a", "b"])
    model = forecaster().fit(y[:20])
    for frame, said in (
        (y.rename(columns={"a": "z"}), r"'a', 'b': there is no 'a'; unknown: 'z'"),
        (y[["a"]], "'a', 'b': there is no 'b'; rename"),
        (y.assign(c=1), "'a', 'b': unknown: 'c'; rename"),
        (y["a"], "'a', 'b': there is no 'b'; rename"),
        (y.set_axis(["a", "a"], axis=1), "columns of different names"),
    ):
        with pytest.raises(ValueError, match=said):
            model.update(frame)
    with pytest.raises(TypeError, match="y must be a pandas object, as in fit"):
        model.update(y.to_numpy())
    with pytest.raises(TypeError, match="y must be a NumPy array, as in fit"):
        forecaster().fit(y[:20].to_numpy()).update(y)
    with pytest.raises(TypeError, match=r"y\[1\] must be a frame with named columns, as y\[0\] is"):
        forecaster().fit([y, y.to_numpy()])
    with pytest.raises(ValueError, match=r"y\[1\] must have the column\(s\) 'a', 'b'.* unknown"):
        forecaster().fit([y, y.rename(columns={"b": "z"})])
    with pytest.raises(ValueError, match=r"X\[1\] must have the column\(s\) 'a', 'b'"):
        forecaster().fit([y, y], [y, y.rename(columns={"b": "z"})])
    one = forecaster().fit(y["a"][:20])
    with pytest.raises(ValueError, match=r"y must have the column\(s\) 'a': .*'new shop'"):
        one.update(y["a"].rename("new shop"))
    two = forecaster().fit([y["a"][:20], y["b"][:20]])
    with pytest.raises(ValueError, match=r"y\[0\] must have the column\(s\) 'a': "):
        two.update([y["b"], y["a"]])


def test_one_input_may_be_a_series():
    index = pd.RangeIndex(23)
    y, x = pd.Series(values(20), index[:20]), pd.Series(values(23), index, name="price")
    model = forecaster().fit(y, x[:20])
    pd.testing.assert_series_equal(
        model.predict(X=x[20:]), forecaster().fit(y, x[:20].to_frame()).predict(X=x[20:].to_frame())
    )
    with pytest.raises(ValueError, match="'price': there is no 'price'; unknown: 'cost'"):
        model.predict(X=x[20:].rename("cost"))


def test_update_needs_the_whole_series():
    y = pd.Series(values(30), pd.date_range("2024-01-01", periods=30, freq="D"), name="sold")
    model = forecaster().fit(y[:20])
    for part in (y[20:], y[5:], y[:15], y.shift(1, freq="D")):
        with pytest.raises(
            ValueError, match=r"20 step.* of fit and what came since, from 2024-01-01"
        ):
            model.update(part)
    changed = y.copy()
    changed.iloc[3] += 1
    with pytest.raises(ValueError, match=r"at 2024-01-04 00:00:00 it was .* in fit, and is"):
        model.update(changed)
    pd.testing.assert_series_equal(
        model.update(pd.concat([y[:20], y[20:]]).asfreq("D")).predict(), model.update(y).predict()
    )


def test_inputs_need_the_index_of_y_and_no_frequency_of_their_own():
    index = pd.date_range("2024-01-01", periods=23, freq="D")
    y, X = pd.Series(values(20), index[:20]), pd.DataFrame({"x": values(23)}, lost(index))
    model = forecaster().fit(y, X[:20])
    assert len(model.predict(X=X[X.index > y.index[-1]])) == 3
    moved = X[:20].set_axis(index[:19].append(index[20:21]))
    with pytest.raises(ValueError, match=r"row 19 is 2024-01-21 .*, expected 2024-01-20"):
        model.fit(y, moved)


@pytest.mark.parametrize("dtype", ["bool", "boolean"])
def test_flags_are_ones_and_zeros(dtype):
    index = pd.date_range("2024-01-01", periods=23, freq="D")
    y, flag = pd.Series(values(20), index[:20]), pd.Series(index.day_of_week > 4, index)
    X, numbers = flag.astype(dtype).to_frame("weekend"), flag.astype(float).to_frame("weekend")
    pd.testing.assert_series_equal(
        forecaster().fit(y, X[:20]).predict(X=X[20:]),
        forecaster().fit(y, numbers[:20]).predict(X=numbers[20:]),
    )
    pd.testing.assert_frame_equal(
        forecaster().fit(X).predict(), forecaster().fit(numbers).predict()
    )


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


def test_frames_of_polars_are_refused():
    """They have no index to continue; read as an array, a Series would lose its name."""
    pl = pytest.importorskip("polars", reason="needs polars, which nox -s tests-torch installs")
    for y in (pl.Series("a", np.arange(40.0)), pl.DataFrame({"a": np.arange(40.0)})):
        with pytest.raises(TypeError, match=r"^y must be .* of polars, whose names would be lost"):
            RNNForecaster(horizon=2, lags=3, epochs=1).fit(y)
