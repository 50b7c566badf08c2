"""Pictures of pandas data have its dates, periods or numbers on the x axis, and its names."""

import re
import warnings

import numpy as np
import pytest

import xprnn
from xprnn import plotting
from xprnn.forecasting import RNNForecaster

plt = pytest.importorskip("matplotlib.pyplot")
pd = pytest.importorskip("pandas")

VALUES = np.sin(np.arange(40) / 3) + np.arange(40) / 20
INDEXES = {
    "dates": pd.date_range("2020-01-31", periods=40, freq="ME", name="month"),
    "nanoseconds": pd.date_range("2020-01-31", periods=40, freq="h", name="hour").as_unit("ns"),
    "zone": pd.date_range("2024-03-30", periods=40, freq="h", tz="Europe/Berlin", name="hour"),
    "months": pd.period_range("2020-01", periods=40, freq="M", name="month"),
    "years": pd.period_range("1500", periods=40, freq="Y", name="year"),
    "numbers": pd.RangeIndex(1900, 1940, name="year"),
    "floats": pd.Index(np.arange(40) / 4, name="hour"),
    "Int64": pd.Index(range(5, 45), dtype="Int64", name="step"),
}


@pytest.fixture(autouse=True)
def no_other_figures():
    plt.close("all")
    yield
    plt.close("all")


def series(index, values=VALUES):
    return pd.Series(values, index, name="bread")


def along(index):
    """Return where an index lies on an axis, in numbers, by pandas' own arithmetic."""
    if isinstance(index, pd.PeriodIndex):
        index = index.to_timestamp()
    if isinstance(index, pd.DatetimeIndex):
        epoch = pd.Timestamp("1970-01-01", tz=index.tz and "UTC")
        return np.array([(time - epoch) / pd.Timedelta(days=1) for time in index])
    return np.asarray(index, dtype="float64")


def drawn(line):
    """Return where a line is on the x axis, in numbers."""
    return np.asarray(line.get_xdata(orig=False), dtype="float64")


def ticks(ax):
    ax.figure.canvas.draw()
    return [text.get_text() for text in ax.get_xticklabels()]


@pytest.mark.parametrize("index", INDEXES.values(), ids=list(INDEXES))
@pytest.mark.parametrize("as_frame", [False, True], ids=["Series", "DataFrame"])
def test_a_forecast_is_drawn_along_its_index(index, as_frame):
    y = series(index)
    shown = [part.to_frame() if as_frame else part for part in (y[:30], y[30:] + 1, y[30:])]
    interval = (y[30:] - 1, y[30:].to_numpy() + 2)
    ax = plotting.forecast(*shown, interval=interval)
    past, truth, ahead, cut = ax.lines
    np.testing.assert_allclose(drawn(past), along(index[:30]))
    for line in (truth, ahead):
        np.testing.assert_allclose(drawn(line), along(index[30:]))
    before, after = along(index[29:31])
    assert before < drawn(cut)[0] < after
    assert (ax.get_xlabel(), ax.get_ylabel()) == (index.name, "bread")


def test_dates_are_shown_as_dates_of_their_zone():
    known = series(INDEXES["months"])
    assert "2022" in ticks(plotting.forecast(known[:30], known[30:]))
    known = series(INDEXES["zone"])
    ax = plotting.forecast(known[:30], known[30:])
    (midnight,) = along(pd.DatetimeIndex(["2024-03-31"], tz="Europe/Berlin"))
    assert dict(zip(ticks(ax), ax.get_xticks(), strict=True))["Mar-31"] == pytest.approx(midnight)


@pytest.mark.parametrize("registered", [False, True])
def test_what_pandas_registers_changes_no_picture(registered):
    known = series(INDEXES["months"])
    with pd.option_context("plotting.matplotlib.register_converters", "auto"):
        if registered:
            pd.plotting.register_matplotlib_converters()
        try:
            ax = plotting.forecast(known[:30], known[30:])
            np.testing.assert_allclose(drawn(ax.lines[0]), along(known.index[:30]))
            assert ticks(ax)[:2] == ["2020", "May"]
        finally:
            pd.plotting.deregister_matplotlib_converters()


def test_a_forecast_on_axes_that_pandas_drew_on():
    """pandas counts months there; both lie at the same place, and the ticks are those of pandas."""
    known = series(pd.date_range("2020-01-01", periods=40, freq="MS"))
    ax = known[:30].plot(ax=plt.subplots()[1])
    ticked = ax.xaxis.get_major_locator(), ax.xaxis.get_major_formatter()
    plotting.forecast(known[:30], known[30:], ax=ax)
    np.testing.assert_array_equal(drawn(ax.lines[0]), drawn(ax.lines[1]))
    assert ticked == (ax.xaxis.get_major_locator(), ax.xaxis.get_major_formatter())


def test_an_index_without_a_name_and_a_series_without_one():
    index = INDEXES["dates"].rename(None)
    y = pd.Series(VALUES, index)
    ax = plotting.forecast(y[:30], y[30:])
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("time", "value")
    ax = plotting.forecast(y[:30], y[30:].rename("forecast"))
    assert ax.get_ylabel() == "forecast"


def test_an_index_that_only_counts_is_none():
    """0, 1, 2, … is what pandas makes by itself: the steps go on, and start= is for them."""
    past, ahead = pd.Series(VALUES, name="bread"), pd.Series([1.0, 2.0])
    ax = plotting.forecast(past, ahead, start=1900)
    np.testing.assert_array_equal(drawn(ax.lines[0]), np.arange(1900, 1940))
    np.testing.assert_array_equal(drawn(ax.lines[1]), [1940, 1941])
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("step", "bread")
    later = pd.Series([1.0, 2.0], [40, 41])
    np.testing.assert_array_equal(drawn(plotting.forecast(past, later).lines[1]), [40, 41])


@pytest.mark.parametrize("name", ["dates", "months", "numbers"])
def test_what_the_forecaster_gives_is_drawn_as_it_is(name):
    y = series(INDEXES[name])
    if name == "dates":
        y.index.freq = "ME"
    forecaster = RNNForecaster(horizon=4, members=1, epochs=2)
    with warnings.catch_warnings(action="ignore"):
        ahead = forecaster.fit(y[:36]).predict()
        interval = forecaster.predict_interval(coverage=0.8)
    ax = plotting.forecast(y[:36], ahead, y[36:], interval=interval)
    np.testing.assert_allclose(drawn(ax.lines[2]), along(y.index[36:]))


def test_one_of_a_list_of_series():
    one, two = series(INDEXES["dates"]).to_frame(), series(INDEXES["months"]).to_frame("milk")
    ax = plotting.forecast([one[:30], two[:30]], [one[30:], two[30:]], sequence=1)
    np.testing.assert_allclose(drawn(ax.lines[0]), along(two.index[:30]))
    assert ax.get_ylabel() == "milk"


DATES = series(INDEXES["dates"])
PAST, AHEAD = DATES[:30], DATES[30:]
COUNTED = AHEAD.reset_index(drop=True)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ((PAST, AHEAD.to_numpy()), ValueError, "predicted must be a pandas Series with an index of"
         " dates, as past is, got ndarray; to count the steps, pass arrays only: past.to_numpy()"),
        ((PAST.to_numpy(), AHEAD), ValueError, "past must be a pandas Series with an index of"
         " dates, as predicted is, got ndarray"),
        ((PAST.to_numpy(), AHEAD.to_numpy(), AHEAD), ValueError, "past must be a pandas Series"
         " with an index of dates, as truth is, got ndarray"),
        ((PAST, COUNTED), ValueError, "predicted must have an index of dates, as past has, got one"
         " of numbers"),
        ((PAST, series(INDEXES["months"])[30:]), ValueError, "predicted must have an index of"
         " dates, as past has, got one of periods (M)"),
        ((PAST, AHEAD.tz_localize("UTC")), ValueError, "predicted must have an index of dates, as"
         " past has, got one of dates in UTC"),
        ((PAST, DATES[29:]), ValueError, "predicted must begin after the end of past,"
         " 2022-06-30 00:00:00, got an index from 2022-06-30 00:00:00"),
        ((PAST, AHEAD, DATES[29:39]), ValueError, "truth must have the index of predicted,"
         " 2022-07-31 00:00:00 to 2023-04-30 00:00:00, got 2022-06-30"),
        ((PAST, AHEAD, COUNTED), ValueError, "truth must have an index of dates, as past has, got"
         " one of numbers"),
        ((PAST[::-1], AHEAD), ValueError, "past must have an index that increases from row"
         " to row, got 2022-05-31 00:00:00 in row 1 after 2022-06-30 00:00:00"),
        ((PAST, AHEAD.iloc[[0, 0, 1]]), ValueError, "predicted must"
         " have an index that increases from row to row, got 2022-07-31 00:00:00 in row 1"),
        ((PAST.set_axis([*PAST.index[:-1], pd.NaT]), AHEAD), ValueError, "past must have an index"
         " that increases from row to row, got NaT in row 29"),
        ((PAST.set_axis(PAST.index.astype(str)), AHEAD), TypeError, "past must have an index of"
         " dates, periods or numbers, got Index of str; to count the steps: past.reset_index("),
    ],
)  # fmt: skip
def test_indexes_that_do_not_fit_are_refused(arguments, error, message):
    with pytest.raises(error, match=f"^{re.escape(message)}"):
        plotting.forecast(*arguments)
    assert plt.get_fignums() == []


def test_an_interval_with_another_index_is_refused():
    with pytest.raises(ValueError, match=r"^interval\[1\] must have the index of predicted"):
        plotting.forecast(PAST, AHEAD, interval=(AHEAD - 1, DATES[29:39].abs() + 9))


def test_start_beside_an_index_is_refused():
    with pytest.raises(ValueError, match=r"^start must be left out, because past has an index"):
        plotting.forecast(PAST, AHEAD, start=1900)


@pytest.mark.parametrize("index", INDEXES.values(), ids=list(INDEXES))
def test_what_a_model_does_is_drawn_along_the_index_of_x(index):
    x, y = series(index), series(index, -VALUES)
    model = xprnn.fit(x, y, cell="gru", hidden_size=3, epochs=1)
    for ax in (
        plotting.fit(model, x, y),
        plotting.fit(model, x.to_frame()),
        plotting.states(model, x, y),
        plotting.gates(model, x)[2],
        plotting.fit(model, [x[:9].to_frame(), x.to_frame()], sequence=1),
    ):
        for line in ax.lines:
            np.testing.assert_allclose(drawn(line), along(index))
        assert ax.get_xlabel() == index.name
    (colours,) = plotting.heatmap(model, x).collections
    edges = np.asarray(colours.get_coordinates()[0, :, 0])
    np.testing.assert_allclose(edges[1:-1], (along(index)[1:] + along(index)[:-1]) / 2)
    assert plotting.fit(model, x, y).get_ylabel() == "bread"


@pytest.mark.parametrize(
    "index",
    [
        pd.RangeIndex(40),
        pd.Index(range(40))[::-1],
        pd.Index([f"row {i}" for i in range(40)]),
        pd.MultiIndex.from_product([range(4), range(10)]),
    ],
    ids=["counts", "falls", "text", "MultiIndex"],
)
def test_a_fit_counts_the_steps_where_no_index_places_them(index):
    x = series(index)
    model = xprnn.fit(x, x, hidden_size=3, epochs=1)
    ax = plotting.fit(model, x)
    np.testing.assert_array_equal(drawn(ax.lines[0]), np.arange(40))
    assert ax.get_xlabel() == "step"


def test_an_encoder_decoder_has_steps_of_its_own():
    """What it writes does not lie at the times of x, though it has as many steps."""
    x = [series(index)[:8].to_frame() for index in (INDEXES["dates"], INDEXES["months"])]
    model = xprnn.fit(x, [-one for one in x], mode="encoder_decoder", hidden_size=3, epochs=1)
    np.testing.assert_array_equal(drawn(plotting.fit(model, x).lines[0]), np.arange(8, 16))
    np.testing.assert_array_equal(drawn(plotting.states(model, x, layer=1).lines[0]), np.arange(8))


def test_polars_has_names_and_no_index():
    pl = pytest.importorskip("polars", reason="polars is not installed")
    past, ahead = pl.Series("bread", VALUES), pl.Series("bread", [1.0, 2.0])
    ax = plotting.forecast(past, ahead)
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("step", "bread")
    np.testing.assert_array_equal(drawn(ax.lines[1]), [40, 41])
