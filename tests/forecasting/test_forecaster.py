"""Forecasts: nothing ahead is looked at, and what comes out is what the equations say."""

import ast
import pickle
import warnings

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import xprnn
from xprnn import baselines, callbacks, metrics
from xprnn.forecasting import RNNForecaster, held_out, intervals, panel
from xprnn.forecasting.choose import choose_method
from xprnn.forecasting.layout import Layout, Past
from xprnn.optimizers import Adam

SEEDS = st.integers(0, 2**32 - 1)
FEW = settings(max_examples=max(3, settings.default.max_examples // 3))
SAW = [0.0, 5, 1, 2, 0, 3, 1]
WAYS = {
    "defaults": {"members": 3, "calibration": None},
    "whole series": {"lags": None},
    "windows": {"lags": 5},
    "windows, not centred": {"lags": 5, "center": False},
    "one step": {"lags": 1},
    "differenced": {"lags": 5, "differencing": 1},
    "by a season": {"lags": None, "differencing": 4},
    "direct": {"strategy": "direct", "lags": None},
    "direct, windows": {"strategy": "direct", "lags": 5},
    "direct, by a season": {"strategy": "direct", "lags": 4, "differencing": 2},
    "direct, quantiles": {"strategy": "direct", "lags": 4, "quantiles": (0.9, 0.5, 0.1)},
    "linear way": {"skip": 3},
    "linear way, windows": {"lags": 5, "skip": 4},
    "members": {"lags": 3, "members": 2},
    "two windows": {"lags": (3, 8)},
    "calibrated": {"lags": 3, "calibration": 7},
}
RECURSIVE = [name for name, options in WAYS.items() if "strategy" not in options]
ONE_LENGTH = [way for way in RECURSIVE if not isinstance(WAYS[way].get("lags"), tuple)]


def forecaster(**options):
    """A forecaster that trains in a moment."""
    return RNNForecaster(**{
        "horizon": 3, "hidden_size": 4, "epochs": 3, "members": 1, "calibration": 0,
        "progress": False, **options,
    })  # fmt: skip


def walk(seed=0, shape=(40,)):
    return np.random.default_rng(seed).standard_normal(shape).cumsum(axis=0)


# The equations


@given(
    season=st.integers(0, 5), steps=st.integers(1, 7), lags=st.none() | st.integers(1, 4),
    center=st.booleans(), seed=SEEDS,
)  # fmt: skip
def test_targets_and_bases_make_the_series_again(season, steps, lags, center, seed):
    layout = Layout(lags, steps, season, center and lags is not None)
    y = walk(seed, (layout.least + 6, 2))
    past = Past(y, np.zeros((len(y), 0)), np.zeros((len(y), 0)), *layout.scaler(y, True))
    t = layout.times(past)
    again = layout.bases(past, t, steps) + past.scale * layout.targets(past, t)
    expected = np.stack([y[i + 1 : i + 1 + steps] for i in t])
    np.testing.assert_allclose(again, expected, atol=1e-9)


@given(season=st.integers(0, 5), steps=st.integers(1, 7), seed=SEEDS)
def test_inputs_and_bases_know_nothing_ahead(season, steps, seed):
    """NaN after t changes nothing of what is read at t."""
    layout = Layout(None, steps, season, False)
    y, none = walk(seed, (season + 8, 2)), np.zeros((season + 8, 0))
    x = walk(seed + 1, (season + 8, 1))
    scaler, t = layout.scaler(y, True), season + 3
    cut, cut_x = y.copy(), x.copy()
    cut[t + 1 :], cut_x[t + 1 :] = np.nan, np.nan
    here = np.asarray([t])
    for full, holed in [(Past(y, x, none, *scaler), Past(cut, cut_x, none, *scaler))]:
        for read in (layout.inputs, lambda past, t: layout.bases(past, t, steps)):
            np.testing.assert_array_equal(read(full, here), read(holed, here))


@pytest.mark.parametrize("inputs", [False, True])
@pytest.mark.parametrize("way", ONE_LENGTH)
def test_a_recursive_forecast_is_one_step_after_the_other(way, inputs):
    """Each step is the forecast from the series with the earlier forecasts appended."""
    y, x = walk(shape=(30, 2)), walk(1, (36, 1)) if inputs else None
    model = forecaster(**{"lags": 8, **WAYS[way], "members": 1})
    model.fit(y, None if x is None else x[:30])
    at_once = model.predict(6, None if x is None else x[30:])
    longer = y
    for step in range(6):
        one = model.predict(1, None if x is None else x[30 + step : 31 + step])
        longer = np.concatenate([longer, one])
        model.update(longer, None if x is None else x[: 31 + step])
    np.testing.assert_allclose(at_once, longer[30:], rtol=1e-9)


@pytest.mark.parametrize("way", WAYS)
def test_units_and_other_series_change_nothing(way):
    """a y + b is forecast as a f + b, beside a series that stays what it is."""
    series = [walk(0), walk(1, (33,)), walk(2, (50,))]
    model = forecaster(**WAYS[way])
    before = model.fit(series).predict()
    changed = [series[0], 1000 * series[1] - 7e4, series[2]]
    after = model.fit(changed).predict()
    for f, g in zip(before, [after[0], (after[1] + 7e4) / 1000, after[2]], strict=True):
        np.testing.assert_allclose(f, g, rtol=1e-6, atol=1e-8)


def driven(strategy, lags, past_columns, h=3):
    """A series that an input makes, its forecast, and what comes."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((220 + h, 1))
    delay = 1 if past_columns else 0
    y = 3 * np.roll(x[:, 0], delay) + 5
    model = forecaster(
        horizon=h, strategy=strategy, lags=lags, past_columns=past_columns, cell="elman",
        hidden_size=12, activation="identity", epochs=400, batch_size=None, optimizer=Adam(0.01),
    )  # fmt: skip
    model.fit(y[:220], x[:220])
    return model.predict(X=None if past_columns else x[220:]), y[220:]


@pytest.mark.parametrize("lags", [None, 4])
@pytest.mark.parametrize("strategy", ["recursive", "direct"])
def test_inputs_known_ahead_stand_at_their_steps(strategy, lags):
    """White noise that makes the series is of use at its own step only."""
    found, truth = driven(strategy, lags, ())
    assert metrics.mae(truth, found) < 0.3 * np.abs(truth - 5).mean()


def test_inputs_of_the_past_are_read():
    found, truth = driven("direct", 4, (0,), h=1)
    assert abs(found[0] - truth[0]) < 0.3


# No look ahead


@pytest.mark.filterwarnings("ignore:the forecast is a lagged copy")
@pytest.mark.parametrize("window", ["expanding", "sliding"])
@pytest.mark.parametrize("way", WAYS)
def test_changing_the_future_changes_no_forecast(way, window):
    """Of a fold that begins before the change; coverage and all that is random included."""
    y, x, folds, h = walk(shape=(44,)), walk(1, (44, 2)), 3, 3
    options = {**WAYS[way]}
    if options.get("strategy") == "direct":
        options["past_columns"] = (1,)
    coverage = 0.8
    model = forecaster(**options)
    one = model.backtest(y, folds, h, x, window, season=4, coverage=coverage)
    for fold in range(folds):
        origin = 44 - (folds - fold) * h
        other, inputs = y.copy(), x.copy()
        other[origin:] = 1e3 * walk(2, (44 - origin,)) + 1e4
        inputs[origin + h :] = 1e5
        inputs[origin:, 1] = x[origin:, 1] if options.get("strategy") != "direct" else -1e5
        two = model.backtest(other, folds, h, inputs, window, season=4, coverage=coverage)
        for name in one.forecasts:
            np.testing.assert_array_equal(one.forecasts[name][fold], two.forecasts[name][fold])
        for bound in ("lower", "upper"):
            np.testing.assert_array_equal(getattr(one, bound)[fold], getattr(two, bound)[fold])


HELD_OUT = {name: WAYS[name] for name in WAYS if name != "calibrated"}
HELD_OUT["defaults"] = {**WAYS["defaults"], "skip": 4}  # always trained


@pytest.mark.filterwarnings("ignore:on .* steps at the end of y")
@pytest.mark.parametrize("way", HELD_OUT)
@given(seed=SEEDS, share=st.floats(0.05, 0.4), inputs=st.booleans())
def test_the_last_steps_of_every_series_are_held_out(way, seed, share, inputs):
    """They change neither the training nor the scales; without them the training is the same."""
    options = {**HELD_OUT[way], "seed": seed % 3}
    ys, xs = [walk(seed), walk(seed + 1, (33,))], [walk(seed + 2, (n, 1)) for n in (40, 33)]
    steps = 3 if "strategy" in options else 1
    ends = [len(y) - max(steps, round(share * len(y))) for y in ys]
    rng = np.random.default_rng(seed)
    others = [
        np.append(y[:end], 1e6 * rng.random(len(y) - end)) for y, end in zip(ys, ends, strict=True)
    ]

    def fit(*series, **more):
        y, x = zip(*series, strict=True)
        return forecaster(**options, **more).fit([*y], [*x] if inputs else None)

    held = {"validation_fraction": share}
    models = [
        fit(*zip(ys, xs, strict=True), **held),
        fit(*zip(others, xs, strict=True), **held),
        fit(*((y[:end], x[:end]) for y, x, end in zip(ys, xs, ends, strict=True))),
    ]
    for model in models[1:]:
        members = (each._predictor.members for each in (models[0], model))
        for one, other in zip(*members, strict=True):
            np.testing.assert_array_equal(one.scalers, other.scalers)
        for one, other in zip(models[0].models_, model.models_, strict=True):
            assert one.history.loss == other.history.loss
            np.testing.assert_array_equal(one.x_scaler.mean, other.x_scaler.mean)
    first, second = (model.models_[0].history.val_loss for model in models[:2])
    assert np.isfinite(first).all()
    assert (np.asarray(second) > 100 * np.asarray(first)).all()


@pytest.mark.parametrize("way", ["whole series", "windows", "by a season"])
def test_the_held_out_loss_is_that_of_forecasts_one_step_ahead(way):
    """Each reads all earlier steps, held out or not."""
    y = walk()
    model = forecaster(**WAYS[way], validation_fraction=0.2, loss="mse").fit(y)
    predictor = model._predictor
    past = predictor._replace(panel=predictor.panel.rows(slice(0, 32)))
    one_step = past.one_step(predictor.panel)
    errors = one_step.forecast - one_step.truth
    assert len(errors) == 8
    (scaler,) = predictor.members[0].scalers
    expected = np.mean(np.square(errors / scaler.scale))
    assert model.models_[0].history.val_loss[-1] == pytest.approx(expected, rel=1e-9)


def test_too_short_a_rest_is_refused():
    with pytest.raises(ValueError, match=r"at least 6 steps to train on and 3 that validation_f"):
        forecaster(lags=5, validation_fraction=0.4).fit(walk(shape=(8,)))
    with pytest.raises(ValueError, match=r"at least 8 steps to train on and 3 that .*=0.1 holds"):
        forecaster(lags=5, strategy="direct", early_stopping=True).fit(walk(shape=(10,)))


# Members


@pytest.mark.parametrize("lags", [None, 5])
def test_members_side_by_side_are_each_alone(place, lags):
    options = {"lags": lags, "backend": place.backend, "differencing": 1, "batch_size": None}
    together = forecaster(**options, members=3, seed=7).fit(walk())
    alone = [forecaster(**options, seed=7 + i).fit(walk()) for i in range(3)]
    for one, other in zip(together.models_, alone, strict=True):
        (single,) = other.models_
        for name, array in single.named().items():
            np.testing.assert_allclose(
                place.host(one.named()[name]), place.host(array), rtol=1e-8, atol=1e-10
            )
        np.testing.assert_allclose(one.history.loss, single.history.loss, rtol=1e-8)
    np.testing.assert_allclose(
        together.predict(), np.mean([model.predict() for model in alone], axis=0), rtol=1e-7
    )


@pytest.mark.parametrize("strategy", ["recursive", "direct"])
def test_windows_of_several_lengths_are_each_alone(strategy):
    """The forecast is the mean of theirs, and so are those one step ahead."""
    y, options = walk(shape=(40, 2)), {"strategy": strategy, "members": 2, "calibration": None}
    together = forecaster(**options, lags=(3, 9)).fit(y[:34])
    alone = [forecaster(**options, lags=lags).fit(y[:34]) for lags in (3, 9)]
    assert [layout.lags for layout in together.layouts_] == [3, 9]
    for one, other in zip(
        together.models_, [model for each in alone for model in each.models_], strict=True
    ):
        assert one.history.loss == other.history.loss
    forecasts = [model.predict() for model in alone]
    np.testing.assert_allclose(together.predict(), np.mean(forecasts, axis=0), rtol=1e-12)
    longer = together._predictor.panel._replace(y=(y,), x=(np.zeros((40, 0)),))
    steps = [model._predictor.one_step(longer) for model in (together, *alone)]
    np.testing.assert_allclose(
        steps[0].forecast, (steps[1].forecast + steps[2].forecast) / 2, rtol=1e-12
    )
    np.testing.assert_array_equal(steps[0].truth, steps[1].truth)


def test_a_checkpoint_needs_one_network(tmp_path):
    """It would hold the last of them, and the others were lost."""
    path = tmp_path / "one.npz"
    for options in ({"members": 2, "lags": 3}, {"lags": (3, 5)}):
        model = forecaster(callbacks=[callbacks.Checkpoint(path)], **options)
        with pytest.raises(
            ValueError, match=r"expected members=1, in a forecaster with one .*lags"
        ):
            model.fit(walk())
    assert not path.exists()


def test_members_say_what_was_not_finite():
    with pytest.raises(xprnn.NonFiniteError, match="was no longer finite in epoch") as error:
        forecaster(members=2, learning_rate=1e200, clip_norm=None, epochs=20).fit(walk())
    assert np.isfinite(error.value.model.predict(np.zeros((1, 3, 1)))).all()


def test_callbacks_of_members_see_the_mean(capsys):
    """And what they change is changed for all: the learning rate, the end."""
    seen = []

    def watch(training):
        seen.append((training.history.loss[-1], training.history.learning_rate[-1]))
        training.multiply_learning_rate(0.5)
        return training.epoch == 4

    options = {"members": 3, "lags": 8, "callbacks": [watch, callbacks.Log(1)], "epochs": 9}
    model = forecaster(**options).fit(walk())
    curves = np.asarray([member.history.loss for member in model.models_])
    assert curves.shape == (3, 4)
    assert {member.history.ended for member in model.models_} == {"stopped"}
    losses, rates = zip(*seen, strict=True)
    np.testing.assert_allclose(losses, curves.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(np.divide(rates[1:], rates[:-1]), 0.5)
    assert capsys.readouterr().out.count("loss") == 4


def test_early_stopping_of_members_ends_all_with_the_best_epoch():
    """A learning rate that is far too large: the best epoch comes before the last one."""
    options = {"members": 3, "lags": 8, "optimizer": "sgd", "learning_rate": 3.0, "seed": 5}
    stop = callbacks.EarlyStopping(patience=4)
    stopped = forecaster(**options, epochs=60, callbacks=[stop]).fit(walk())
    ran = len(stopped.models_[0].history)
    assert stop.best_epoch == ran - 4 < 56
    until = forecaster(**options, epochs=stop.best_epoch).fit(walk())
    for one, other in zip(stopped.models_, until.models_, strict=True):
        for name, array in other.named().items():
            np.testing.assert_array_equal(one.named()[name], array)


def test_members_are_neither_saved_nor_applied_by_a_callback(tmp_path):
    def apply(training):
        training.model.predict(walk())

    for callback, message in (
        (callbacks.Checkpoint(tmp_path / "run.npz"), "callbacks must not save the run"),
        (apply, "applying or saving it needs members=1"),
    ):
        with pytest.raises(ValueError, match=message):
            forecaster(members=2, callbacks=[callback]).fit(walk())
    assert not any(tmp_path.iterdir())


# Intervals


@FEW
@given(coverage=st.floats(0.5, 0.95), seed=st.integers(0, 100))
@pytest.mark.parametrize("way", [name for name in WAYS if "quantiles" not in name])
def test_intervals_of_paths_are_nested_and_as_wide_as_the_noise(way, coverage, seed):
    model = forecaster(**WAYS[way], seed=seed).fit(walk())
    outer, inner = model.predict_interval(coverage), model.predict_interval(coverage / 2)
    assert (outer.lower <= inner.lower).all()
    assert (inner.lower < inner.upper).all()
    assert (inner.upper <= outer.upper).all()


def test_the_interval_of_a_random_walk_grows_with_the_root_of_the_steps():
    """What is missed is N(0, 1), so that the 90 % interval of step j is ± 1.645 √j wide."""
    y = np.random.default_rng(3).standard_normal(2000).cumsum()
    model = forecaster(
        horizon=16, lags=2, differencing=1, hidden_size=2, epochs=2, calibration=None, seed=1
    )
    lower, upper = model.fit(y).predict_interval(0.9)
    expected = 2 * 1.645 * np.sqrt(np.arange(1, 17))
    np.testing.assert_allclose(upper - lower, expected, rtol=0.15)


def test_the_quantiles_of_noise_are_its_own():
    y = np.random.default_rng(4).standard_normal(1500)
    model = forecaster(
        horizon=2, lags=2, strategy="direct", hidden_size=2, epochs=10, optimizer=Adam(0.02),
        quantiles=(0.1, 0.5, 0.9), calibration=None,
    ).fit(y)  # fmt: skip
    lower, middle, upper = model.predict_quantiles((0.1, 0.5, 0.9))
    np.testing.assert_allclose(lower, -1.28, atol=0.35)
    np.testing.assert_allclose(middle, 0, atol=0.35)
    np.testing.assert_allclose(upper, 1.28, atol=0.35)
    np.testing.assert_array_equal(middle, model.predict())
    with pytest.raises(
        ValueError, match=r"trained for the quantiles \[0.1, 0.5, 0.9\], and \[0.05"
    ):
        model.predict_interval(0.9)


# Calibration


@given(seed=SEEDS, count=st.integers(2, 60), share=st.floats(0.05, 0.95))
def test_scores_that_are_exchangeable_are_covered_as_said(seed, count, share):
    """Each of n + 1 left out once lies below the width of the others in p to p + 1 / (n + 1)."""
    scores = np.random.default_rng(seed).permutation(count + 1)
    assume(share * (count + 1) <= count)
    covered = [
        score <= intervals.choose_factor(np.sort(np.delete(scores, i)), share)
        for i, score in enumerate(scores)
    ]
    assert share - 1e-9 <= np.mean(covered) < share + 1 / (count + 1) + 1e-9


def test_calibrated_bounds_are_those_of_the_equation():
    """Held-out pieces forecast by hand, with the quantiles of the network as the spread."""
    y, x = walk(5, (60, 2)), walk(6, (63, 1))
    options = {"strategy": "direct", "lags": 4, "quantiles": (0.1, 0.5, 0.9), "members": 2}
    missed, spreads = [], []
    for stop in range(60 - 8 * 3, 60, 3):
        model = forecaster(**options).fit(y[:stop], x[:stop])
        lower, middle, upper = model.predict_quantiles((0.1, 0.5, 0.9), X=x[stop : stop + 3])
        missed.append(np.abs(y[stop : stop + 3] - middle))
        spreads.append((upper - lower) / 2)
    spread = np.mean(spreads, axis=0)
    scores = np.sort(np.ravel(missed / spread))
    middle = forecaster(**options).fit(y, x[:60]).predict(X=x[60:])
    found = forecaster(**options, calibration=8).fit(y, x[:60])
    np.testing.assert_allclose(found.predict(X=x[60:]), middle)
    half = scores[39] * spread  # of 48 scores: 0.8 of 49 is 39.2, so it is the 40th
    bounds = found.predict_interval(0.8, X=x[60:])
    np.testing.assert_allclose(bounds, (middle - half, middle + half), rtol=1e-9)


@pytest.mark.filterwarnings("ignore:the forecast is a lagged copy")
def test_who_knows_its_series_by_heart_is_made_less_sure():
    """Noise that a network learns by heart: what it misses in training says nothing."""
    y = np.random.default_rng(0).standard_normal(90)
    options = {
        "horizon": 4, "lags": 4, "hidden_size": 16, "epochs": 60, "optimizer": Adam(0.02),
        "batch_size": None,
    }  # fmt: skip
    sure, less = (
        forecaster(**options, calibration=count).backtest(y, 8, coverage=0.8) for count in (0, 5)
    )
    assert sure.scores["RNNForecaster"]["coverage"] < 0.5
    assert 0.65 < less.scores["RNNForecaster"]["coverage"] < 0.95
    width = np.median(np.subtract(less.upper, less.lower))
    error = less.scores["RNNForecaster"]["RMSE"]
    assert 0.7 < width / (2 * 1.28 * error) < 1.4


def test_too_few_steps_to_calibrate():
    model = forecaster(lags=2, calibration=6).fit(walk())
    assert np.isfinite(model.predict_interval(0.94)).all()
    with pytest.raises(
        ValueError, match=r"coverage 0.95 needs at least 19 .*got 18.* calibration="
    ):
        model.predict_interval(0.95)
    larger = forecaster(lags=2, calibration=7).fit(walk())
    assert np.isfinite(larger.predict_interval(0.95)).all()
    with pytest.raises(ValueError, match="horizon must be at most 3, the horizon for which"):
        model.predict_interval(0.5, horizon=4)


# Backtests


def test_scores_by_their_formulas():
    y = walk(5, (50, 2))
    result = forecaster(lags=4).backtest(y, folds=2, horizon=5, season=3, coverage=0.7)
    assert (result.folds, result.horizon, result.season) == (2, 5, 3)
    truth = np.concatenate([y[40:45], y[45:50]])
    np.testing.assert_array_equal(np.concatenate(result.truth), truth)
    naive = np.concatenate([[y[39]] * 5, [y[44]] * 5])
    drift = np.concatenate([
        y[o - 1] + np.arange(1, 6)[:, None] * (y[o - 1] - y[0]) / (o - 1) for o in (40, 45)
    ])  # fmt: skip
    season = np.concatenate([y[[37, 38, 39, 37, 38]], y[[42, 43, 44, 42, 43]]])
    ours = np.concatenate(result.forecasts["RNNForecaster"])
    scale = np.concatenate(
        [np.tile(np.abs(np.diff(y[:o], axis=0)).mean(axis=0), (5, 1)) for o in (40, 45)]
    )
    for name, found in {
        "naive": naive, "drift": drift, "seasonal naive": season, "RNNForecaster": ours
    }.items():  # fmt: skip
        scores = result.scores[name]
        np.testing.assert_allclose(np.concatenate(result.forecasts[name]), found)
        e = np.abs(found - truth)
        assert scores["MAE"] == pytest.approx(e.mean())
        assert scores["RMSE"] == pytest.approx(np.sqrt((e**2).mean()))
        assert scores["MASE"] == pytest.approx((e / scale).mean())
        size = np.abs(found) + np.abs(truth)
        assert scores["sMAPE"] == pytest.approx((2 * e / size).mean())
    lower, upper = np.concatenate(result.lower), np.concatenate(result.upper)
    inside = ((lower <= truth) & (truth <= upper)).mean()
    assert result.scores["RNNForecaster"]["coverage"] == pytest.approx(inside)
    assert np.isnan(result.scores["naive"]["coverage"])


@pytest.mark.parametrize("window", ["expanding", "sliding"])
def test_folds_are_forecasts_from_what_came_before(window):
    y = walk(6)
    model = forecaster(lags=4)
    result = model.backtest(y, folds=3, window=window, coverage=None)
    for fold, origin in enumerate((31, 34, 37)):
        first = fold * 3 if window == "sliding" else 0
        expected = model.fit(y[first:origin]).predict()
        np.testing.assert_array_equal(result.forecasts["RNNForecaster"][fold], expected)
    assert result.lower == ()
    assert "coverage" not in str(result)


@pytest.mark.filterwarnings("ignore:the forecast is a lagged copy")
def test_a_backtest_prints_as_a_table():
    text = str(forecaster(lags=4).backtest([walk(), walk(1)], folds=2, season=4)).splitlines()
    assert text[0].split() == ["MAE", "RMSE", "MASE", "sMAPE", "coverage"]
    assert [line.split("  ")[0] for line in text[1:5]] == [
        "RNNForecaster", "naive", "seasonal naive", "drift"
    ]  # fmt: skip
    assert len({len(line.rstrip()) for line in text[:5]}) == 1
    assert text[5] == "2 fold(s) of 3 step(s), expanding window, season 4, interval for 0.9"


@pytest.mark.filterwarnings("ignore:the forecast is a lagged copy")
@given(
    seed=SEEDS, constant=st.sampled_from([0.0, 1.0, -3.0, 1e-30, 7e9]), where=st.integers(0, 3)
)  # fmt: skip
def test_a_constant_series_leaves_the_scores_of_the_others(seed, constant, where):
    """MASE is that of the others, and the other scores are those of all."""
    series = [walk(seed + i, (length,)) for i, length in enumerate((30, 40, 25))]
    still = np.full(33, constant)
    series.insert(where, still)
    model = forecaster(lags=3, epochs=1, hidden_size=2)
    result = model.backtest(series, folds=2, season=2)
    assert result.unscaled == (f"y[{where}]",)
    assert f"MASE without y[{where}]: constant before a fold" in repr(result)
    for name, forecasts in result.forecasts.items():
        truth = [y for fold in result.truth for y in fold]
        found = [y for fold in forecasts for y in fold]
        assert result.scores[name]["MAE"] == pytest.approx(metrics.mae(truth, found))
        assert result.scores[name]["sMAPE"] == pytest.approx(metrics.smape(truth, found))
        moving = [i for i in range(8) if i % 4 != where]
        train = [y[: len(y) - 3 * (2 - fold)] for fold in range(2) for y in series]
        expected = metrics.mase(
            [truth[i] for i in moving], [found[i] for i in moving], train=[train[i] for i in moving]
        )
        assert result.scores[name]["MASE"] == pytest.approx(expected)


@pytest.mark.filterwarnings("ignore:the forecast is a lagged copy")
def test_constant_columns_are_named_and_leave_no_mase_if_all_are():
    rows = np.c_[walk(), np.zeros(40), np.r_[np.zeros(36), np.ones(4)]]
    result = forecaster(lags=3).backtest(rows, folds=2)
    assert result.unscaled == ("y column 1", "y column 2")
    assert np.isfinite([*result.scores["RNNForecaster"].values()]).all()
    alone = forecaster(lags=3, calibration=3).backtest(np.ones(40), folds=2)
    assert alone.unscaled == ("y",)
    assert all(np.isnan(scores["MASE"]) for scores in alone.scores.values())
    assert "MASE without y: constant before a fold" in repr(alone)
    many = forecaster(lags=3).backtest([*[np.ones(30)] * 9, walk()], folds=1)
    assert "without y[0], y[1], y[2], y[3], y[4] and 4 more: constant before" in repr(many)
    assert forecaster(lags=3).backtest([np.ones(40), np.tile(SAW, 8)], folds=1).season == 7


def test_a_lagged_copy_is_said_to_be_one_beside_a_constant_column():
    y = np.c_[walk(3, (200,)), np.ones(200)]
    with pytest.warns(UserWarning, match="the forecast is a lagged copy") as seen:
        forecaster(lags=3, differencing=1, hidden_size=2).backtest(y, 4, 4)
    assert [warning.filename for warning in seen] == [__file__]


@pytest.mark.parametrize("lags", [None, 3])
def test_a_lagged_copy_is_said_to_be_one(lags):
    """A random walk's best forecast is a copy of its last value."""
    model = forecaster(horizon=4, lags=lags, differencing=1, hidden_size=2)
    with pytest.warns(UserWarning, match="lagged copy of the series"):
        model.backtest(walk(3, (200,)), folds=4, coverage=None)


def test_what_is_no_copy_is_not_warned_of():
    wave = np.sin(0.7 * np.arange(150))
    model = forecaster(horizon=4, lags=6, hidden_size=8, epochs=20, optimizer=Adam(0.01))
    result = model.backtest(wave, folds=4, coverage=None)
    assert result.scores["RNNForecaster"]["MAE"] < 0.3 * result.scores["naive"]["MAE"]


def test_the_season_is_found_before_the_first_fold():
    y = np.tile(SAW, 8) + 0.1 * walk(0, (56,))
    assert forecaster(lags=2).backtest(y, folds=2, coverage=None).season == 7
    assert forecaster(differencing=4).backtest(y, folds=2, coverage=None).season == 4


# Pieces


@given(T=st.integers(2, 9), steps=st.integers(1, 5), seed=SEEDS)
def test_drift_is_the_line_through_first_and_last(T, steps, seed):
    s = walk(seed, (T, 2))
    line = np.asarray([s[0] + (s[-1] - s[0]) * t / (T - 1) for t in range(T, T + steps)])
    np.testing.assert_allclose(baselines.drift(s, steps), line, atol=1e-9)
    np.testing.assert_allclose(baselines.drift(s[:, 0], steps), line[:, 0], atol=1e-9)
    np.testing.assert_array_equal(baselines.naive(s, steps), [s[-1]] * steps)
    np.testing.assert_array_equal(baselines.seasonal_naive(s, 2, 2), s[-2:])


@given(seed=SEEDS)
def test_coverage_counts_what_lies_between(seed):
    y, a, b = np.random.default_rng(seed).standard_normal((3, 20, 2))
    lower, upper = np.minimum(a, b), np.maximum(a, b)
    inside = sum(lo <= v <= up for lo, v, up in zip(lower.flat, y.flat, upper.flat, strict=True))
    assert metrics.coverage(y, lower, upper) == inside / 40
    assert metrics.coverage(y, y, y) == 1
    with pytest.raises(ValueError, match="lower must not be above upper, got 40 such"):
        metrics.coverage(y, upper + 1, lower)


# What comes in


Y = walk(8)
REFUSED = {
    "no steps": ({"horizon": 0}, Y, None, "horizon must be at least 1, got 0"),
    "a flag": ({"horizon": True}, Y, None, "horizon must be an integer, got True"),
    "a whole float": ({"members": 1.5}, Y, None, "members must be an integer, got 1.5"),
    "lags": ({"lags": 2.5}, Y, None, "lags must be an integer, got 2.5"),
    "lags in a tuple": ({"lags": (2, 0)}, Y, None, r"lags\[1\] must be at least 1, got 0"),
    "lags twice": ({"lags": (2, 2)}, Y, None, "lags must be windows of different lengths"),
    "no lags": ({"lags": ()}, Y, None, "lags must be windows of different lengths"),
    "a centred step": ({"lags": (3, 1), "center": True}, Y, None, "at least 2 steps"),
    "strategy": ({"strategy": "recursiv"}, Y, None, "did you mean 'recursive'"),
    "differencing": ({"differencing": -1}, Y, None, "differencing must be at least 0, got -1"),
    "members": ({"members": 0}, Y, None, "members must be at least 1, got 0"),
    "calibration": ({"calibration": -1}, Y, None, "calibration must be at least 0, got -1"),
    "pieces": (
        {"lags": 2, "calibration": 13}, Y, None, "at least 42 steps, 3 to train and .*got 40",
    ),
    "no median": (
        {"strategy": "direct", "quantiles": (0.1, 0.9)}, Y, None, "quantiles must hold 0.5",
    ),
    "recursive quantiles": (
        {"quantiles": (0.5,)}, Y, None, "quantiles are valid only for strategy='direct'",
    ),
    "two losses": (
        {"strategy": "direct", "quantiles": (0.5,), "loss": "mae"}, Y, None, "loss has no effect",
    ),
    "past columns": (
        {"past_columns": (0,)}, Y, None, "past_columns are valid only for strategy='direct'",
    ),
    "one name": ({"past_columns": "a"}, Y, None, "past_columns must be a tuple of columns"),
    "no such column": (
        {"past_columns": (3,), "strategy": "direct"}, Y, Y[:, None], r"columns of X, \[0\], got 3",
    ),
    "both ways": (
        {"bidirectional": True, "lags": None}, Y, None, "bidirectional is valid only with lags",
    ),
    "pool": (
        {"pool": "mean", "lags": None}, Y, None, "pool is valid only with lags, .*got lags=None",
    ),
    "classes": ({"loss": "cross_entropy"}, Y, None, "loss must have one output"),
    "a distribution": ({"loss": "gaussian_nll"}, Y, None, "loss must have one output"),
    "callbacks": ({"members": 2, "callbacks": print}, Y, None, "a sequence of callables"),
    "short": ({"lags": 9, "differencing": 4}, Y[:13], None, "at least 14 steps .*got 13"),
    "one short": ({"lags": 9}, [Y, Y[:9]], None, r"y\[1\] must have at least 10 steps"),
    "NaN": ({}, np.asarray([1.0, np.nan, 2, 3, 4]), None, "y must be finite, got nan at index"),
    "three axes": ({}, np.ones((3, 4, 5)), None, r"can't have the shape \(3, 4, 5\)"),
    "empty": ({}, np.ones((0, 2)), None, r"y is empty: \(0, 2\)"),
    "unlike columns": (
        {}, [np.ones((9, 1)), np.ones((9, 2))], None, r"y\[1\] must be \(T_i, 1\), as y\[0\] is",
    ),
    "rows of X": ({}, Y, Y[1:, None], "X must have 40 rows, as y has steps, got 39"),
    "X for a list": ({}, [Y, Y], Y[:, None], "X must be a list with one for each series"),
    "list for X": ({}, Y, [Y[:, None]], "X must be one array, as y is"),
    "number of X": ({}, [Y, Y], [Y[:, None]], "one item for each of the 2 series, got 1"),
    "plain lists": ({}, [[1.0, 2, 3]] * 20, None, r"list of 20 list.*np.array\(y\)"),
    "plain lists of X": ({}, Y, [[1.0]] * 40, r"X is a list .* for a in X\]"),
    "plain tuples": ({}, [(1.0, 2.0, 3.0)] * 9, None, r"y is a list of 9 tuple\(s\)"),
    "columns of X": (
        {}, [Y, Y], [Y[:, None], np.ones((40, 2))], r"X\[1\] must be \(T_i, 1\), as X\[0\] is",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_what_does_not_fit_is_refused(case):
    options, y, x, message = REFUSED[case]
    with pytest.raises((ValueError, TypeError), match=message):
        forecaster(**options).fit(y, x)


ADVICE = {
    "quantiles": (
        {"quantiles": (0.5,)}, {"strategy": "direct"}, "valid only for strategy='direct'",
    ),
    "past columns": (
        {"past_columns": (0,)}, {"strategy": "direct"}, "valid only for strategy='direct'",
    ),
    "both ways": ({"bidirectional": True, "lags": None}, {"lags": 3}, "valid only with lags"),
    "pool": ({"pool": "mean", "lags": None}, {"lags": 3}, "valid only with lags"),
    "half_mse": ({"loss": "gaussian_nll"}, {"loss": "half_mse"}, "such as 'half_mse'"),
    "mae": ({"loss": "gaussian_nll"}, {"loss": "mae"}, "'mae'"),
    "huber": ({"loss": "cross_entropy"}, {"loss": "huber"}, "'huber'"),
    "a distribution": (
        {"loss": "gaussian_nll"},
        {"loss": "half_mse", "strategy": "direct", "quantiles": (0.1, 0.5, 0.9)},
        "for quantiles pass strategy='direct' and quantiles=",
    ),
    "no median": (
        {"strategy": "direct", "quantiles": (0.1, 0.9)}, {"quantiles": (0.1, 0.5, 0.9)}, "hold 0.5",
    ),
    "two losses": (
        {"strategy": "direct", "quantiles": (0.5,), "loss": "mae"}, {"loss": "half_mse"},
        "loss has no effect with quantiles",
    ),
}  # fmt: skip
"""Options, others that the error advises, and the advice."""


@pytest.mark.parametrize("case", ADVICE)
def test_the_advice_of_a_refusal_works(case):
    wrong, right, advice = ADVICE[case]
    y, x = walk(), walk(1, (40, 1))
    with pytest.raises(ValueError, match=advice):
        forecaster(**wrong).fit(y, x)
    model = forecaster(**{**wrong, **right}).fit(y, x)
    assert model.predict(X=x[:3] if model.known_ahead else None).shape == (3,)


def test_the_quantiles_of_an_error_give_the_interval():
    options = {"strategy": "direct", "lags": 4}
    model = forecaster(**options, quantiles=(0.1, 0.5, 0.9)).fit(Y)
    with pytest.raises(ValueError, match="set quantiles=") as error:
        model.predict_interval(0.9)
    quantiles = ast.literal_eval(str(error.value).partition("quantiles=")[2])
    assert quantiles == (0.05, 0.1, 0.5, 0.9, 0.95)
    assert forecaster(**options, quantiles=quantiles).fit(Y).predict_interval(0.9).lower.size == 3


def test_a_series_that_was_revised_is_fitted_anew():
    model, revised = forecaster(lags=3).fit(Y[:30]), Y * 1.5
    with pytest.raises(ValueError, match="call fit again for other series or revised values"):
        model.update(revised)
    assert model.fit(revised).predict().shape == (3,)


def test_a_longer_series_goes_to_update_and_inputs_to_x():
    x = walk(1, (43, 1))
    model = forecaster(lags=3).fit(Y[:30], x[:30])
    with pytest.raises(TypeError, match="pass longer series to update, and inputs for the"):
        model.predict(x[40:])
    assert model.update(Y, x[:40]).predict(X=x[40:]).shape == (3,)


def test_a_list_of_numbers_becomes_what_its_error_says():
    y = [[float(i + j) for j in range(6)] for i in range(9)]
    with pytest.raises(ValueError, match=r"np.array\(y\); .* for a in y\]"):
        forecaster().fit(y)
    assert forecaster().fit(np.array(y)).predict().shape == (3, 6)
    assert len(forecaster().fit([np.array(a)[:, None] for a in y]).predict()) == 9


def test_three_axes_become_a_list_of_series():
    y = walk(2, (4, 20, 2))
    with pytest.raises(ValueError, match="several series are a list of arrays"):
        forecaster().fit(y)
    assert len(forecaster().fit(list(y)).predict()) == 4


def test_what_is_asked_for_must_fit():
    with pytest.raises(ValueError, match="is not fitted yet"):
        forecaster().predict()
    model = forecaster(strategy="direct", lags=2).fit(Y, Y[:, None])
    with pytest.raises(ValueError, match=r"horizon must be at most 3, .* got 4"):
        model.predict(4)
    with pytest.raises(ValueError, match=r"X must hold the 3 step\(s\) after the last .* got None"):
        model.predict()
    with pytest.raises(ValueError, match=r"X must hold the 3 step\(s\) .* got 2"):
        model.predict(2, np.ones((2, 1)))
    with pytest.raises(ValueError, match=r"X must be \(T_i, 1\), as in fit, got \(3, 2\)"):
        model.predict(X=np.ones((3, 2)))
    with pytest.raises(ValueError, match="X must be None"):
        forecaster().fit(Y).predict(X=np.ones((3, 1)))
    with pytest.raises(ValueError, match="coverage must be a finite number above 0 and below 1"):
        model.predict_interval(1.0, X=np.ones((3, 1)))
    with pytest.raises(ValueError, match=r"y must be \(T_i, 1\), as in fit, got \(9, 2\)"):
        model.update(np.ones((9, 2)), np.ones((9, 1)))


def test_a_backtest_must_fit():
    model = forecaster(lags=4, strategy="direct")
    with pytest.raises(ValueError, match=r"y must have at least 22 steps, 7 to train and 5 fold"):
        model.backtest(Y[:21])
    with pytest.raises(ValueError, match="horizon must be 3, the horizon of the direct forecaster"):
        model.backtest(Y, horizon=2)
    with pytest.raises(ValueError, match="window must be one of 'expanding', 'sliding'"):
        model.backtest(Y, window="growing")
    with pytest.raises(ValueError, match="season must be at most 25"):
        model.backtest(Y, season=26)


def test_a_foreign_array_is_refused():
    torch = pytest.importorskip("torch")
    with pytest.raises(TypeError, match="y must be a NumPy array or a pandas object"):
        forecaster().fit(torch.arange(20.0))


def test_fit_leaves_series_and_hyper_parameters_alone():
    y = walk()
    before, model = y.copy(), forecaster(lags=3)
    text = repr(model)
    assert model.fit(y) is model
    y[:] = 0
    after = model.predict()
    assert repr(model) == text
    assert "lags=3" in text
    assert "pool" not in text
    assert model == forecaster(lags=3)
    np.testing.assert_array_equal(after, forecaster(lags=3).fit(before).predict())


class Table:
    """A table with names of a library that the forecaster does not know."""

    columns = ("a", "b")
    ndim = 2

    def __array__(self, dtype=None, copy=None):
        return np.ones((40, 2))


def test_a_table_of_another_library_is_refused():
    for y, x in ((Table(), None), ([Table()], None), (walk(), Table())):
        with pytest.raises(TypeError, match=r"is a .*Table, whose columns or axes have names"):
            forecaster().fit(y, x)


# Which series are which


def test_a_list_of_arrays_holds_series_and_numbers_are_one():
    y = walk()
    np.testing.assert_array_equal(
        forecaster().fit(y.tolist()).predict(), forecaster().fit(y).predict()
    )
    both = forecaster(lags=3).fit([y[:30], y[:25]]).predict()
    assert [f.shape for f in both] == [(3,), (3,)]


CHANGES = {
    "other": lambda series: [s + 100 for s in series],
    "in another order": lambda series: series[::-1],
    "in other units": lambda series: [s * 1000 for s in series],
    "a window": lambda series: [s[4:] for s in series],
    "revised": lambda series: [np.r_[s[:9], s[9:10] + 0.01, s[10:]] for s in series],
    "cut": lambda series: [s[:20] for s in series],
    "one": lambda series: series[:1],
    "one more": lambda series: [*series, series[0]],
}


@given(seed=SEEDS, change=st.sampled_from(sorted(CHANGES)), count=st.integers(2, 3))
def test_update_takes_the_series_of_fit_only(seed, change, count):
    """Each with what came since, in the order of fit; else one would get another's scale."""
    longer = [walk(seed + i, (36,)) * 10**i for i in range(count)]
    model = forecaster(lags=3, epochs=1, hidden_size=2).fit([y[:30] for y in longer])
    with pytest.raises(ValueError, match=r"y(\[\d\])? must h"):
        model.update(CHANGES[change](longer))
    again = [y.astype("float32") for y in longer]
    for y in (longer, [y[:30] for y in longer], again):
        assert model.update(y).predict()[1].shape == (3,)


def test_update_says_where_a_series_is_another():
    y, x = walk(), walk(1, (40, 2))
    model = forecaster(lags=3).fit(y[:30], x[:30])
    changed, other = y.copy(), x.copy()
    changed[7] += 1
    other[5, 1] += 1
    with pytest.raises(ValueError, match=r"y must hold the 30 step\(s\) of fit .* at step 7 it"):
        model.update(changed, x)
    with pytest.raises(ValueError, match=r"X must hold .* at step 5 it was"):
        model.update(y, other)
    with pytest.raises(ValueError, match=r"X must hold .* at step 0 it was"):
        model.update(y, x[:, ::-1])
    with pytest.raises(ValueError, match=r"X must have the columns of fit, \[0, 1\], got None"):
        model.update(y)
    with pytest.raises(ValueError, match="X must be None, since the forecaster"):
        forecaster(lags=3).fit(y).update(y, x)
    model.update(y, x).update(y[:35], x[:35])  # both hold what fit was given


# What is shown


LONG = np.arange(9999.0)
SHOWN = {
    "predict": lambda model: model.predict(LONG),
    "predict, a list": lambda model: model.predict(LONG.tolist()),
    "predict_interval": lambda model: model.predict_interval(LONG),
    "predict_interval, a list": lambda model: model.predict_interval(LONG.tolist()),
    "predict_quantiles": lambda model: model.predict_quantiles(LONG),
    "backtest": lambda model: model.backtest(walk(), LONG),
    "window": lambda model: model.backtest(walk(), window=LONG.tolist()),
    "season": lambda model: model.backtest(walk(), season=LONG),
    "horizon": lambda model: forecaster(horizon=LONG.tolist()),
    "strategy": lambda model: forecaster(strategy="r" * 9999),
    "past_columns": lambda model: forecaster(past_columns="c" * 9999),
    "quantiles": lambda model: forecaster(quantiles=LONG[:999] / 1000, strategy="direct"),
    "loss": lambda model: forecaster(loss="l" * 9999).fit(walk()),
    "columns": lambda model: model.fit(np.ones((9, 999)) * walk()[:9, None]).update(walk()),
}


@pytest.mark.parametrize("case", SHOWN)
def test_errors_are_short(case):
    model = forecaster().fit(walk())
    with pytest.raises((TypeError, ValueError)) as caught:
        SHOWN[case](model)
    assert len(str(caught.value)) < 300
    assert "\n" not in str(caught.value)


def test_a_series_in_the_place_of_the_horizon_is_told_where_it_belongs():
    with pytest.raises(TypeError, match=r"horizon .* ndarray of shape \(9999,\): .* update"):
        forecaster().fit(walk()).predict(LONG)


DOORS = {
    "save": lambda it, folder: xprnn.save(it, folder / "it.npz"),
    "safetensors": lambda it, folder: xprnn.save(it, folder / "it.safetensors"),
    "onnx": lambda it, folder: xprnn.onnx.export(it, folder / "it.onnx"),
    "proto": lambda it, folder: xprnn.onnx.to_proto(it),
}


@pytest.mark.parametrize("door", DOORS)
def test_a_file_takes_a_model_and_says_where_it_is(door, tmp_path):
    write = DOORS[door]
    fitted = forecaster(members=2).fit(walk())
    for it in (fitted, forecaster()):
        with pytest.raises(TypeError, match=r"model must be .* RNNForecaster: .* .models_, each"):
            write(it, tmp_path)
    from xprnn.estimators import RNNRegressor, SequenceScaler

    for it in (RNNRegressor(), SequenceScaler()):
        with pytest.raises(TypeError, match=r"fitted estimator is .model_; pickle and joblib"):
            write(it, tmp_path)
    model = fitted.models_[0]
    for it in (model.network, model.named(), "it.npz", LONG, None):
        with pytest.raises(TypeError, match=r"model must be a Model, .* got .{,80}$"):
            write(it, tmp_path)
    assert not [*tmp_path.iterdir()]


def test_what_a_file_does_not_take_pickle_does(tmp_path):
    fitted = forecaster(members=2).fit(walk())
    again = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(again.predict(), fitted.predict())
    xprnn.save(fitted.models_[1], tmp_path / "second.npz")


def test_a_member_that_got_worse_is_warned_of():
    y = np.sin(np.arange(60) / 4)
    with pytest.warns(UserWarning, match="the training took the loss"):
        forecaster(members=2, epochs=8, learning_rate=100.0).fit(y)
    forecaster(members=2, epochs=8).fit(y)


# The defaults


def test_a_network_that_is_worse_than_its_season_says_so():
    y = np.tile(SAW, 20) + 0.1 * np.random.default_rng(0).standard_normal(140)
    with pytest.warns(UserWarning, match="times those of a forecast that repeats the last season"):
        forecaster(calibration=None, lags=2, skip=0, center=False).fit(y)
    forecaster(calibration=None).fit(y)  # the linear way is enough


@given(
    season=st.integers(2, 12), seasons=st.integers(5, 12), slope=st.floats(-1, 1),
    scale=st.sampled_from([1e-9, 1.0, 1e9]), seed=SEEDS,
)  # fmt: skip
def test_the_season_of_a_series_is_found(season, seasons, slope, scale, seed):
    """Whatever its trend and its unit, as long as no shorter one explains as much."""
    rng = np.random.default_rng(seed)
    shape = rng.permutation(season) + rng.random(season)
    assume(max(repeats(shape, m) for m in range(1, season) if season % m == 0) < 0.8)
    y = scale * (np.tile(shape, seasons) + slope * np.arange(season * seasons))
    assert baselines.find_season(y) == season
    assert baselines.find_season(np.c_[y, 1e3 - y]) == season


def repeats(shape, m):
    """Return the share of the changes of a season that a shorter one explains."""
    d = np.diff(np.r_[shape, shape[0]])
    return (d.reshape(-1, m).mean(axis=0) ** 2).mean() / (d**2).mean()


@pytest.mark.parametrize("season", [12, 52])
def test_a_slow_season_is_found_under_noise(season):
    """Noise of half the size of the sine, under which its changes do not show."""
    t = np.arange(400)
    for seed in range(20):
        noise = np.random.default_rng(seed).standard_normal(400)
        found = baselines.find_season(2 * np.sin(2 * np.pi * t / season) + noise)
        assert abs(found - season) <= 1
        assert baselines.find_season(noise) == 1


def test_the_trend_of_a_short_season_hides_no_longer_one():
    """A moving average over two steps takes most of what repeats after four."""
    assert baselines.find_season(np.tile([1.0, 5, 2, 8], 20)) == 4


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_season_needs_finite_numbers(bad):
    with pytest.raises(ValueError, match=r"series must be finite, got (nan|inf) at index \(2,\)"):
        baselines.find_season([1.0, 2.0, bad, 3.0] * 5)


@pytest.mark.parametrize("kind", ["noise", "walk", "line", "constant", "short"])
def test_what_has_no_season_gets_none(kind):
    rng = np.random.default_rng(0)
    series = {
        "noise": rng.standard_normal(300), "walk": rng.standard_normal(300).cumsum(),
        "line": 0.1 * np.arange(100), "constant": np.full(50, 0.1), "short": [1.0, 5, 1, 5, 1],
    }  # fmt: skip
    assert baselines.find_season(series[kind]) == 1


def show_layouts(y, **options):
    """Return what a forecaster chose: lags, differencing and center of every layout."""
    chosen = forecaster(**{"lags": "auto", **options}).fit(y).layouts_
    return [(layout.lags, layout.differencing, layout.center) for layout in chosen]


def test_windows_are_seasons_but_neither_short_nor_most_of_a_series():
    saw = np.tile(SAW, 12)
    long, short = np.tile(np.r_[SAW, 9.0, 2, 4, 8, 0, 6, 7], 10), saw[:20]
    for y, one, two in ((saw, 8, 14), (long, 14, 28), (saw[:34], 8, 11), ([saw, saw], 14, 21)):
        assert show_layouts(y) == [(one, 0, True), (one, 1, False), (two, 0, False)]
        assert show_layouts(y, center=True) == [(one, 0, True), (two, 0, True)]
        assert show_layouts(y, differencing=1) == [(one, 1, False), (two, 1, False)]
    for y in (short, [long, long, short]):
        assert show_layouts(y) == [(None, 1, False)]
        for options in ({"pool": "mean"}, {"bidirectional": True}, {"center": True}):
            assert show_layouts(y, **options) == [(6, 0, "center" in options)]
    assert show_layouts(saw, lags=7) == [(7, 0, False)]
    assert repr(show_layouts(saw, lags=np.int64(8))) == "[(8, 0, True)]"
    assert show_layouts(saw, lags=None) == [(None, 1, False)]


def bend(steps=240):
    """A series in which the next step is no linear map of the last ones."""
    y = [0.3]
    for _ in range(steps - 1):
        y.append(3.9 * y[-1] * (1 - y[-1]))
    return np.asarray(y)


@pytest.mark.filterwarnings("ignore:on .* steps at the end of y")
def test_the_training_is_kept_only_where_it_helps():
    """A linear series stays with the linear map; a chaotic one is learnt."""
    noise = np.random.default_rng(0).standard_normal(240)
    line = np.convolve(noise, 0.8 ** np.arange(30))[:240]
    options = {"horizon": 1, "lags": 2, "epochs": 40, "hidden_size": 8, "calibration": None}
    straight, bent = (forecaster(**options).fit(y) for y in (line, bend()))
    assert (straight.linear_, bent.linear_) == (True, False)
    assert not len(straight.models_[0].history)
    assert not forecaster(**options, skip=2).fit(line).linear_
    assert not forecaster(**{**options, "calibration": 0}).fit(line).linear_


@pytest.mark.parametrize(
    ("options", "names"),
    [
        ({}, None),
        ({"optimizer": Adam(0.003), "learning_rate": 0.003, "seed": 3}, None),
        ({"cell": "lstm", "epochs": 11}, "cell, epochs"),
        ({"members": 2, "batch_size": 8}, "members, batch_size"),
        ({"learning_rate": 0.004}, "optimizer, learning_rate"),
    ],
)
def test_options_that_made_no_difference_are_named(options, names):
    """A linear map reads none of them; a number for skip keeps the network that does."""
    noise = np.random.default_rng(0).standard_normal(150)
    line = np.convolve(noise, 0.8 ** np.arange(30))[:150]
    model = RNNForecaster(horizon=1, lags=2, progress=False, **options)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        assert model.fit(line).linear_
    told = [str(warning.message) for warning in caught]
    assert [text.partition(" had ")[0] for text in told] == (
        [f"the linear maps forecast alone, and {names}"] if names else []
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert (
            not RNNForecaster(horizon=1, lags=2, skip=2, progress=False, epochs=2).fit(line).linear_
        )


@pytest.mark.filterwarnings("ignore:on .* steps at the end of y")
@pytest.mark.parametrize("columns", [1, 2])
def test_a_forecaster_that_stays_linear_is_linear(columns, monkeypatch):
    """The forecasts of a sum of two series are the sum of those of each map."""
    y = walk(shape=(80, columns))
    monkeypatch.setattr(held_out, "WORTH", 0.0)  # no training is worth it
    model = forecaster(lags=5, calibration=None, learning_rate=0.1).fit(y)
    assert model.linear_
    predictor = model._predictor
    rng = np.random.default_rng(1)
    a, b = rng.standard_normal((2, 80, columns))

    def follow(series):
        known = predictor.panel._replace(y=(series,))
        (forecast,) = predictor._replace(panel=known).forecast(3, (np.zeros((3, 0)),))
        return forecast

    zero = follow(0 * a)
    expected = follow(a) + follow(b) - zero
    np.testing.assert_allclose(follow(a + b), expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize(
    ("options", "centred"),
    [({"lags": (7, 8)}, [False, True]), ({"lags": 8, "differencing": 1}, [False])],
)
def test_long_windows_without_differences_are_centred(options, centred):
    members = forecaster(**options).fit(walk())._predictor.members
    assert [member.layout.center for member in members] == centred


@pytest.mark.parametrize("lags", [None, 4])
def test_errors_that_were_held_out_know_the_steps_before(lags):
    """A network without windows reads the series from its first step on."""
    y = walk(shape=(50,))
    predictor = forecaster(lags=lags).fit(y[:40])._predictor
    (errors,) = predictor.measure_errors(panel.read(y), [40])
    steps = predictor.one_step(panel.read(y))
    expected = (steps.truth - steps.forecast) / predictor.members[0].scalers[0].scale
    np.testing.assert_allclose(errors[0][:, 0], expected, rtol=1e-9)


def test_series_of_a_panel_have_errors_of_their_own_size():
    """Those of the restless half are thrice as large, so their intervals are wider."""
    rng = np.random.default_rng(0)
    noise = rng.standard_normal((6, 120))
    late = np.where(np.arange(120) < 96, 1.0, [[1.0]] * 3 + [[3.0]] * 3)  # what is held out
    model = forecaster(lags=2, calibration=None).fit([*(noise * late)])
    lower, upper = model.predict_interval(0.9)
    scales = np.asarray([y.std() for y in noise * late])
    calm, restless = np.split(np.mean(np.asarray(upper) - lower, axis=1) / scales, 2)
    assert calm.max() < restless.min()


def test_a_series_with_nothing_to_hold_out_beside_others():
    """A window and what follows it is all that the short one has."""
    model = forecaster(lags=6, calibration=None).fit([walk(), walk(1)[:7]])
    lower, upper = model.predict_interval()
    assert (lower[1] < upper[1]).all()


@pytest.mark.parametrize("strategy", ["recursive", "direct"])
def test_centred_windows_follow_a_level_that_training_did_not_have(strategy):
    """y + c is forecast as f + c, though the network saw the level without c alone."""
    predictor = forecaster(lags=8, strategy=strategy).fit(np.tile(SAW, 12))._predictor
    higher = predictor.panel._replace(y=tuple(a + 1e3 for a in predictor.panel.y))
    later = (np.zeros((3, 0)),)
    there = predictor._replace(panel=higher).forecast(3, later)[0]
    np.testing.assert_allclose(there, predictor.forecast(3, later)[0] + 1e3, rtol=1e-9)


def test_errors_are_those_of_networks_that_did_not_see_the_end():
    """In units of the series, less their mean, and as wide as those of a new step."""
    y = walk(shape=(60,)) * np.linspace(1, 3, 60)
    options = {"lags": 4, "members": 2, "skip": 4}
    predictor = forecaster(**options, calibration=None).fit(y)._predictor
    before = forecaster(**options).fit(y[:40])._predictor  # 20 of 60 are held out
    errors = before.measure_errors(predictor.panel, [40])
    for member, (error,) in zip(predictor.members, errors, strict=True):
        (held,) = member.held_out
        assert len(held) == 20
        in_units = before.members[0].scalers[0].scale * (error - error.mean(axis=0))
        expected = np.sqrt(21 / 19) * in_units
        np.testing.assert_allclose(member.scalers[0].scale * held, expected, rtol=1e-9)


@pytest.mark.filterwarnings("ignore:on .* steps at the end of y")
def test_intervals_of_what_was_held_out_cover_what_they_say():
    """Networks that learn noise by heart, where errors in training cover too little."""
    rng = np.random.default_rng(5)
    inside = {None: [], 0: []}
    for _ in range(40):
        y = np.tile(SAW, 13) + rng.standard_normal(91)
        for calibration, shares in inside.items():
            model = forecaster(
                horizon=7, calibration=calibration, hidden_size=16, epochs=60, learning_rate=0.02
            )
            lower, upper = model.fit(y[:84]).predict_interval(0.8)
            shares.append(((lower <= y[84:]) & (y[84:] <= upper)).mean())
    assert 0.7 < np.mean(inside[None]) < 0.97
    assert np.mean(inside[0]) < 0.6


@pytest.mark.parametrize("calibration", [None, 2])
def test_what_callbacks_see_last_is_the_network_that_forecasts(tmp_path, calibration):
    """A file holds it, and not one that was trained to measure errors."""
    path = tmp_path / "last.npz"
    model = forecaster(calibration=calibration, lags=8, callbacks=[callbacks.Checkpoint(path)])
    (network,) = model.fit(walk()).models_
    kept = xprnn.load(path).named()
    for name, array in network.named().items():
        np.testing.assert_array_equal(kept[name], array)


def test_a_series_that_ends_constant_is_forecast():
    """Repeating the last season makes no error on what is held out, which divided by zero."""
    step = np.r_[np.zeros(60), np.ones(60)]
    with pytest.warns(UserWarning, match="are above zero, those of a forecast .* season are zero"):
        model = RNNForecaster(horizon=3, progress=False).fit(step)
    np.testing.assert_allclose(model.predict(), 1, atol=0.2)


def test_too_few_steps_to_hold_any_out():
    model = forecaster(lags=2, calibration=None).fit([1.0, 3.0, 2.0, 4.0])
    assert np.isfinite(model.predict()).all()
    with pytest.raises(ValueError, match=r"y has 4 steps, and an interval needs 2 .*calibration=0"):
        model.predict_interval()
    assert np.isfinite(forecaster(lags=2).fit([1.0, 3.0, 2.0, 4.0]).predict_interval()).all()


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"center": True, "lags": None}, "center=True is valid only with windows of at least 2"),
        ({"center": True, "lags": 1}, "center=True is valid only with windows of at least 2"),
        ({"center": "yes"}, "center must be"),
        ({"lags": "some"}, "lags must be"),
        ({"lags": [3, 8]}, r"lags must be a tuple for several windows, .* got \[3, 8\]"),
        ({"skip": "all"}, "skip must be"),
        ({"batch_size": "all"}, "batch_size must be"),
    ],
)
def test_options_that_are_chosen_take_nothing_else(options, match):
    with pytest.raises((ValueError, TypeError), match=match):
        forecaster(**options).fit(walk())


@pytest.mark.parametrize(
    ("lags", "count", "expected"), [(None, 500, 16), (8, 500, 32), (50, 500, 50), (8, 9000, 90)]
)
def test_batches_that_are_chosen(lags, count, expected):
    """Windows overlap, so a batch has as many as they have steps; an epoch has 100 at most."""
    layout = Layout(lags, 1, 0, False)
    method = choose_method(forecaster(), layout, 1, count)
    assert method.batch_size == expected
    assert choose_method(forecaster(batch_size=7), layout, 1, count).batch_size == 7
