"""Frames of pandas and polars: columns by name, indexes, and kinds of numbers, at every door."""

from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import xprnn
from xprnn import plotting
from xprnn.callbacks import Checkpoint
from xprnn.layers import Dense, Recurrent, Stack

pd = pytest.importorskip("pandas", reason="needs pandas")

T = 12
DAYS = pd.date_range("2024-01-01", periods=T)
STEPS = np.arange(T)
X = pd.DataFrame({"wind": np.sin(STEPS), "rain": STEPS**2.0, "sun": np.cos(STEPS)}, index=DAYS)
Y = pd.DataFrame({"power": X["wind"] + X["sun"], "flow": X["rain"] - X["sun"]}, index=DAYS)
NAMES = [*X.columns]


def fit(x=X, y=Y, **options):
    size = {} if "warm_start" in options or "network" in options else {"hidden_size": 3}
    return xprnn.fit(x, y, **{"epochs": 2, **size, **options})


MODEL = fit()
ONLY = fit(X, X)
"""One that can go on with what it gives."""
LABELS = (X["wind"] > 0).rename("windy")
SCORES = fit(X, LABELS, loss="cross_entropy")


def drawn(x):
    """Return what `plotting.fit` draws."""
    plt = pytest.importorskip("matplotlib.pyplot", reason="needs matplotlib")
    axes = plotting.fit(MODEL, x)
    found = np.stack([line.get_ydata() for line in axes.lines])
    plt.close(axes.figure)
    return found


DOORS = {
    "fit": lambda x: fit(x, Y, warm_start=MODEL).named()["0.W"],
    "validation_data": lambda x: fit(validation_data=(x, Y)).history.val_loss,
    "a list to fit": lambda x: fit([X, x], [Y, Y]).named()["0.W"],
    "predict": lambda x: MODEL.predict(x).to_numpy(),
    "a list to predict": lambda x: MODEL.predict([X, x])[1].to_numpy(),
    "states": lambda x: MODEL.predict(x, return_states=True)[1][0],
    "the last state": lambda x: MODEL.predict(x, return_state=True)[1][0],
    "trace": lambda x: MODEL.trace(x)[0]["h"],
    "predict_proba": lambda x: SCORES.predict_proba(x).to_numpy(),
    "forecast": lambda x: ONLY.forecast(x, 3),
    "evaluate": lambda x: MODEL.evaluate(x, Y),
    "a picture": drawn,
    "a picture of states": lambda x: plotting.series.read_sequence("x", x, 0, MODEL),
}
doors = pytest.mark.parametrize("door", DOORS.values(), ids=list(DOORS))


@doors
@given(order=st.permutations(NAMES))
def test_columns_are_found_by_their_names(door, order):
    np.testing.assert_array_equal(door(X[order]), door(X))


@doors
@given(gone=st.sets(st.sampled_from(NAMES)), more=st.sets(st.sampled_from(["wind2", "Rain", "0"])))
def test_other_columns_are_refused_by_name(door, gone, more):
    x = X.drop(columns=gone).assign(**dict.fromkeys(more, 1.0))
    if not gone | more:
        return
    with pytest.raises(ValueError, match=r"^(x|validation_data\[0\]).* must have the col") as error:
        door(x)
    for name in gone | more:
        assert repr(name) in str(error.value)


@given(order=st.permutations([*Y.columns]))
def test_the_columns_of_y_are_found_by_their_names(order):
    y = Y[order]
    assert MODEL.evaluate(X, y) == MODEL.evaluate(X, Y)
    again = fit(X, y, warm_start=MODEL, validation_data=(X, y))
    wanted = fit(X, Y, warm_start=MODEL, validation_data=(X, Y))
    np.testing.assert_array_equal(again.named()["1.W"], wanted.named()["1.W"])
    assert again.history.val_loss == wanted.history.val_loss
    with pytest.raises(
        ValueError, match=r"^y must have .* 'power', 'flow': there is no 'flow'; un"
    ):
        MODEL.evaluate(X, y.rename(columns={"flow": "flux"}))
    with pytest.raises(
        ValueError, match=r"^y\[1\] must have the column\(s\) 'power', 'flow': ther"
    ):
        fit([X, X], [Y, y[["power"]]])


@given(shift=st.integers(1, T - 1), row=st.integers(0, T - 1))
def test_rows_of_other_steps_are_refused(shift, row):
    """At fit, evaluate and validation data, and for a mask, where they differ first."""
    steps = [*DAYS]
    steps[row] = steps[row] + pd.Timedelta(hours=shift)
    y = Y.set_axis(pd.DatetimeIndex(steps))
    mask = pd.Series([False] + [True] * (T - 1), index=y.index)
    for second, call in {
        "y": lambda: fit(X, y),
        "y ": lambda: MODEL.evaluate(X, y),
        r"y\[1\]": lambda: fit([X, X], [Y, y]),
        r"validation_data\[1\]": lambda: fit(validation_data=(X, y)),
        "mask": lambda: fit(X, Y, mask=mask),
        "mask ": lambda: MODEL.predict(X, mask=mask),
    }.items():
        name = second.strip()
        with pytest.raises(ValueError, match=f"^{name} must have the index of .*") as error:
            call()
        assert f"expected {DAYS[row]}" in str(error.value)


def test_the_same_index_of_another_kind_passes():
    numbered = X.set_axis(pd.Index(STEPS, dtype="int32"))
    model = fit(numbered, Y.set_axis(pd.RangeIndex(T)))
    np.testing.assert_array_equal(model.named()["0.W"], MODEL.named()["0.W"])
    reordered = X.iloc[::-1]
    with pytest.raises(
        ValueError, match=r"^y must have the index of x, .*, expected 2024-01-12 00"
    ):
        fit(reordered, Y)


def test_rows_that_follow_on_x_have_an_index_of_their_own():
    x, y = [X.iloc[:5], X.iloc[2:8]], [Y.iloc[5:7], Y.iloc[8:10]]
    model = fit(x, y, mode="encoder_decoder")
    assert model.feature_names == ("wind", "rain", "sun")
    assert model.output_names == ("power", "flow")
    assert model.evaluate(x, [a[["flow", "power"]] for a in y]) == model.evaluate(x, y)
    assert isinstance(model.predict(x), np.ndarray)


def test_what_is_named():
    assert (MODEL.feature_names, MODEL.output_names) == (("wind", "rain", "sun"), ("power", "flow"))
    assert fit(X.to_numpy(), Y.to_numpy()).feature_names is None
    series = fit(X["wind"], Y["flow"])
    assert (series.feature_names, series.output_names) == (("wind",), ("flow",))
    series.predict(X[["wind"]])
    series.predict(X["wind"].rename(None))
    with pytest.raises(
        ValueError, match=r"^x must have the column\(s\) 'wind': .* unknown: 'rain'"
    ):
        series.predict(X["rain"])
    numbered = fit(X.set_axis([0, 1, 2], axis=1), Y)
    assert numbered.feature_names == ("0", "1", "2")
    swapped = X.set_axis([0, 1, 2], axis=1)[[2, 0, 1]]
    np.testing.assert_array_equal(numbered.predict(swapped), MODEL.predict(X))
    nested = X.set_axis(pd.MultiIndex.from_tuples([("a", 1), ("a", 2), ("b", 1)]), axis=1)
    found = fit(nested, Y).predict(nested.iloc[:, [2, 1, 0]])
    np.testing.assert_array_equal(found, MODEL.predict(X))
    with pytest.raises(ValueError, match=r"^x must have columns of different names, got 'wind'"):
        fit(X[["wind", "rain", "wind"]], Y)
    with pytest.raises(ValueError, match=r"^x must have columns of different names, got '1' tw"):
        MODEL.predict(X.set_axis([1, "1", "a"], axis=1))


def test_arrays_go_by_their_places():
    np.testing.assert_array_equal(MODEL.predict(X.to_numpy()), MODEL.predict(X))
    unnamed = fit(X.to_numpy(), Y.to_numpy())
    found = unnamed.predict(X)
    np.testing.assert_array_equal(found, MODEL.predict(X))
    assert found.columns.tolist() == [0, 1]
    further = fit(X, Y, warm_start=unnamed)
    assert further.feature_names == ("wind", "rain", "sun")
    assert fit(X.to_numpy(), Y.to_numpy(), warm_start=MODEL).output_names == ("power", "flow")


def test_frames_and_arrays_in_one_list():
    for call in (lambda x: fit(x, [Y, Y]), MODEL.predict, lambda x: MODEL.evaluate(x, [Y, Y])):
        with pytest.raises(
            TypeError, match=r"^x\[1\] must be a frame with named columns, as x\[0\]"
        ):
            call([X, X.to_numpy()])


def test_a_frame_comes_back_with_its_index():
    found = MODEL.predict(X)
    pd.testing.assert_index_equal(found.index, DAYS)
    assert found.columns.tolist() == ["power", "flow"]
    first, second = MODEL.predict([X, X.iloc[3:7]])
    pd.testing.assert_index_equal(second.index, DAYS[3:7])
    pd.testing.assert_frame_equal(first, found)
    one = fit(X, Y["flow"]).predict(X)
    assert (type(one), one.name) == (pd.Series, "flow")
    pd.testing.assert_index_equal(one.index, DAYS)
    assert fit(X, Y[["flow"]]).predict(X).columns.tolist() == ["flow"]
    assert fit(X, Y["flow"].to_numpy()).predict(X).name is None
    odds = SCORES.predict_proba(X)
    assert odds.columns.tolist() == [0, 1]
    pd.testing.assert_index_equal(odds.index, DAYS)
    bands = fit(X, Y, loss=xprnn.losses.Pinball((0.1, 0.5)))
    assert bands.predict(X).columns.tolist() == [0, 1, 2, 3]
    assert bands.output_names == ("power", "flow")


def test_what_has_no_steps_of_x_comes_as_arrays():
    last = fit([X, X.iloc[3:7]], Y.iloc[:2], mode="many_to_one")
    assert last.predict([X, X]).shape == (2, 2)
    assert isinstance(last.predict(X), np.ndarray)
    assert isinstance(ONLY.forecast(X, 3), np.ndarray)
    rows = fit(X, np.zeros((T, 2, 1)), mode="one_to_many")
    np.testing.assert_array_equal(rows.predict(X[["sun", "wind", "rain"]]), rows.predict(X))


@pytest.mark.parametrize("ending", [".npz", ".safetensors", ".onnx"])
def test_files_keep_the_names(tmp_path, ending):
    pytest.importorskip({".onnx": "onnx", ".npz": "numpy"}.get(ending, "safetensors"))
    path = tmp_path / f"model{ending}"
    if ending == ".onnx":
        MODEL.to_onnx(path)
        again = xprnn.from_onnx(path)
    else:
        MODEL.save(path)
        again = xprnn.load(path)
    assert (again.feature_names, again.output_names) == (MODEL.feature_names, MODEL.output_names)
    found = again.predict(X[["sun", "rain", "wind"]])
    pd.testing.assert_frame_equal(found, MODEL.predict(X), atol=1e-5)


def test_names_of_y_that_are_not_as_many_as_the_outputs_are_kept(tmp_path):
    SCORES.save(tmp_path / "model.npz")
    assert xprnn.load(tmp_path / "model.npz").output_names == ("windy",)


def test_a_resumed_run_needs_the_same_columns(tmp_path):
    path = tmp_path / "run.npz"
    fit(callbacks=[Checkpoint(path)])
    longer = fit(epochs=4, resume=path)
    assert longer.feature_names == MODEL.feature_names
    with pytest.raises(
        ValueError, match=r"^resume: .* feature_names is \['rain', 'wind', 'sun'\], "
    ):
        fit(X[["rain", "wind", "sun"]], Y, epochs=4, resume=path)


def test_a_forecast_feeds_each_output_back_as_itself():
    swapped = fit(X, X[["sun", "rain", "wind"]])
    with pytest.raises(
        ValueError, match=r"^forecast feeds .* wind, rain, sun and the outputs sun, r"
    ):
        swapped.forecast(X, 2)


KINDS = {
    "bool": lambda a: a > 0,
    "boolean": lambda a: pd.array(a > 0, dtype="boolean"),
    "Int64": lambda a: pd.array(a.astype(int), dtype="Int64"),
    "Float32": lambda a: pd.array(a, dtype="Float32"),
    "int8": lambda a: a.astype("int8"),
    "uint64": lambda a: abs(a).astype("uint64"),
    "float32": lambda a: a.astype("float32"),
    "sparse": lambda a: pd.arrays.SparseArray(a),
}


@given(kinds=st.lists(st.sampled_from(sorted(KINDS)), min_size=3, max_size=3))
def test_columns_of_any_numbers_are_what_they_say(kinds):
    x = pd.DataFrame(
        {name: KINDS[kind](X[name].to_numpy()) for name, kind in zip(X, kinds, strict=True)},
        index=DAYS,
    )
    plain = x.astype("float64").to_numpy().copy()
    np.testing.assert_array_equal(MODEL.predict(x), MODEL.predict(plain))
    assert MODEL.evaluate(x, Y) == MODEL.evaluate(plain, Y.to_numpy())
    wide = fit(x.assign(wind=X["wind"]), Y)
    plain[:, 0] = X["wind"]
    np.testing.assert_array_equal(wide.named()["0.W"], fit(plain, Y).named()["0.W"])


NO_NUMBERS = {
    "text": (lambda: ["a"] * T, r"dtype (str|object): .* got for example 'a'"),
    "dates": (lambda: DAYS, r"dtype datetime64.*: .* Timestamp"),
    "categories": (lambda: pd.Categorical([1] * T), r"dtype category"),
    "decimals": (lambda: [Decimal(1)] * T, r"dtype object: .* got for example Decimal\('1'\)"),
    "objects": (lambda: np.array([1.0, True] * 6, object), r"dtype object"),
    "half": (lambda: np.zeros(T, "float16"), r"dtype float16"),
    "complex": (lambda: np.zeros(T, complex), r"dtype complex128"),
}


@pytest.mark.parametrize(("values", "message"), NO_NUMBERS.values(), ids=list(NO_NUMBERS))
def test_the_column_that_holds_no_numbers_is_named(values, message):
    x = X.assign(rain=values())
    for call in (
        lambda: fit(x, Y),
        lambda: MODEL.predict(x),
        lambda: MODEL.evaluate(x, Y),
        lambda: xprnn.metrics.mae(x, x),
    ):
        with pytest.raises(TypeError, match=rf"^(x|y)\['rain'\] has {message}"):
            call()
    with pytest.raises(TypeError, match=rf"^y has {message}"):
        fit(X, x["rain"])


@pytest.mark.parametrize("kind", ["Int64", "boolean", "Float64", "float64"])
def test_what_is_missing_is_refused_but_at_masked_steps(kind):
    x = X.assign(rain=pd.array([1, None] + [0] * (T - 2), dtype=kind))
    with pytest.raises(ValueError, match=r"^x must be finite, got nan at index \(1, 1\)"):
        MODEL.predict(x)
    mask = np.arange(T) != 1
    filled = x.astype("float64").fillna(0)
    np.testing.assert_array_equal(MODEL.predict(x, mask=mask), MODEL.predict(filled, mask=mask))


def test_bools_are_labels():
    codes = LABELS.astype(int)
    for loss in ("binary_cross_entropy", "cross_entropy"):
        found, wanted = fit(X, LABELS, loss=loss), fit(X, codes, loss=loss)
        np.testing.assert_array_equal(found.named()["1.W"], wanted.named()["1.W"])
        assert found.evaluate(X, LABELS) == wanted.evaluate(X, codes)
    scores = SCORES.predict(X)
    assert xprnn.metrics.accuracy(LABELS, scores) == xprnn.metrics.accuracy(codes, scores)


def test_metrics_compare_columns_of_one_name_and_rows_of_one_step():
    found = MODEL.predict(X)
    wanted = xprnn.metrics.mae(Y.to_numpy(), found.to_numpy())
    swapped = found[["flow", "power"]]
    assert xprnn.metrics.mae(Y, swapped) == wanted
    both = xprnn.metrics.rmse([Y, Y], [found, swapped])
    assert both == xprnn.metrics.rmse([Y, Y], [found, found])
    past = (Y, Y[["flow", "power"]], Y.to_numpy())
    assert len({xprnn.metrics.mase(Y, found, train=train) for train in past}) == 1
    labels = (Y > 0).set_axis(["a", "b"], axis=1)
    assert xprnn.metrics.accuracy(labels, labels[["b", "a"]]) == 1
    assert xprnn.metrics.mae(Y["flow"], found["flow"].rename("another")) > 0
    with pytest.raises(
        ValueError, match=r"^y_hat must have the column\(s\) 'power', 'flow': there"
    ):
        xprnn.metrics.r2(Y, found.rename(columns={"flow": "flux"}))
    for metric in (xprnn.metrics.mae, xprnn.metrics.smape, xprnn.metrics.accuracy):
        with pytest.raises(
            ValueError, match=r"^y_hat must have the index of y, as its rows are the"
        ):
            metric(LABELS, LABELS.shift(freq="D"))


def test_lists_of_frames_for_estimators():
    """In a list a column is a feature; the columns of one table are steps, as ever."""
    pytest.importorskip("sklearn", reason="needs scikit-learn")
    from xprnn.estimators import RNNRegressor

    x, y = [X, X.iloc[2:7], X.iloc[1:9]], np.arange(3.0)
    regressor = RNNRegressor(epochs=1, hidden_size=2, random_state=0).fit(x, y)
    order = [frame[["sun", "wind", "rain"]] for frame in x]
    np.testing.assert_array_equal(regressor.predict(order), regressor.predict(x))
    other = RNNRegressor(epochs=1, hidden_size=2, random_state=0).fit([x[0], *order[1:]], y)
    np.testing.assert_array_equal(other.predict(x), regressor.predict(x))
    with pytest.raises(ValueError, match=r"^X\[1\] must have the column\(s\) .* there is no 'sun'"):
        regressor.predict([x[0], x[1].drop(columns="sun")])


def test_tables_whose_names_would_be_lost_are_refused():
    pa = pytest.importorskip("pyarrow", reason="pyarrow is in nox -s tests-torch")
    table = pa.table({name: X[name] for name in X})
    for call in (lambda: fit(table, Y.to_numpy()), lambda: MODEL.predict(table)):
        with pytest.raises(TypeError, match=r"^x is a pyarrow\.lib\.Table, whose columns or axes"):
            call()


def test_arrays_whose_axes_have_names_are_refused():
    class Axes:
        """Stands for a DataArray of xarray, which NumPy can read."""

        dims, coords = ("sun", "time"), ()

        def __array__(self, dtype=None, copy=None):
            return X.to_numpy()

    with pytest.raises(
        TypeError, match=r"^x is a .*Axes, whose columns or axes have names that wo"
    ):
        fit(Axes(), Y)


def test_polars():
    pl = pytest.importorskip("polars", reason="needs polars, which nox -s tests-torch installs")
    x = pl.DataFrame({name: X[name].to_numpy() for name in X})
    y = pl.DataFrame({name: Y[name].to_numpy() for name in Y})
    model = fit(x, y)
    np.testing.assert_array_equal(model.named()["0.W"], MODEL.named()["0.W"])
    found = model.predict(x[["sun", "wind", "rain"]])
    assert found.columns == ["power", "flow"]
    np.testing.assert_array_equal(found.to_numpy(), MODEL.predict(X))
    one = fit(x, y["flow"]).predict(x)
    assert (type(one), one.name) == (pl.Series, "flow")
    with pytest.raises(ValueError, match=r"^x must have the .* there is no 'sun'"):
        model.predict(x.drop("sun"))
    flags = x.with_columns(pl.Series("rain", LABELS.to_numpy()))
    plain = X.assign(rain=LABELS.astype(float).to_numpy())
    np.testing.assert_array_equal(model.predict(flags).to_numpy(), MODEL.predict(plain))
    with pytest.raises(TypeError, match=r"^x\['rain'\] has dtype String: .* got for example 'a'"):
        model.predict(x.with_columns(pl.lit("a").alias("rain")))


def test_a_network_of_ones_own_layers():
    network = Stack((Recurrent(3), Dense(2)))
    assert fit(network=network).feature_names == MODEL.feature_names
