"""What comes in at the public edge: refused with a message that helps, or it works."""

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import xprnn
from xprnn import baselines, forecasting, metrics
from xprnn.backend import of
from xprnn.callbacks import Checkpoint, EarlyStopping, Log, ReduceOnPlateau
from xprnn.cells import LSTM
from xprnn.layers import Dense, Extend, Pool, Recurrent, Stack
from xprnn.optimizers import SGD, RMSprop

X = np.random.default_rng(1).standard_normal((3, 5, 2))
Y = np.random.default_rng(2).standard_normal((3, 5, 1))
WAVE, NEXT = np.sin(np.arange(12.0)), np.sin(np.arange(1.0, 13.0))


def fit(x=WAVE, y=NEXT, **options):
    size = {} if "network" in options else {"hidden_size": 2}
    return xprnn.fit(x, y, **{"epochs": 1, **size, **options})


def with_value(array, index, value):
    changed = array.copy()
    changed[index] = value
    return changed


class Table:
    """Stands for a pandas DataFrame and its like: no array, but NumPy can read it."""

    def __init__(self, values):
        self.values = values

    def __array__(self, dtype=None, copy=None):
        return self.values


class Foreign:
    """An array of a library that follows the standard and that xprnn does not know."""

    shape = (12,)
    dtype = "float64"

    def __array_namespace__(self, api_version=None):
        raise AssertionError("xprnn has nothing to ask of this namespace")


NOT_ARRAYS = {
    "a string": ("abc", r"must be an array of numbers, got 'abc'"),
    "bytes": (b"abc", r"must be an array of numbers, got b'abc'"),
    "None": (None, r"must be an array of numbers, got None"),
    "strings": (np.array(["a", "b"]), r"has dtype <U1: expected float32, float64 or integers"),
    "complex": (WAVE + 1j, r"has dtype complex128: expected float32, float64 or integers"),
    "half": (WAVE.astype("float16"), r"has dtype float16: expected float32, float64 or integers"),
    "dates": (WAVE.astype("M8[s]"), r"has dtype datetime64\[s\]: expected float32"),
    "records": (np.zeros(3, [("a", "f8")]), r"has dtype \[\('a', '<f8'\)\]: expected float32"),
    "objects": (np.array([1, "b"], object), r"has dtype object: expected .*, got for example 'b'"),
    "object numbers": (
        np.array([1, 2], object),
        r"has dtype object: expected .*, got for example 1$",
    ),
    "a hole": ([1.0, None, 2.0], r"has dtype object: expected .*, got for example None"),
    "a dict": ({"a": 1}, r"has dtype object: expected .*, got for example \{'a': 1\}"),
    "ragged objects": (
        np.array([np.zeros(2), np.zeros(3)], object),
        r"has dtype object: expected .*, got for example ndarray of shape \(2,\)",
    ),
    "foreign": (
        Foreign(),
        r"is a .*\.Foreign, which is not from a known library \(numpy, cupy, torch, "
        r"array_api_strict\); convert it to a NumPy array",
    ),
}
NO_SEQUENCES = {
    "empty": (np.zeros(0), r"is empty: \(0,\)"),
    "an empty list": ([], r"is empty: \(0,\)"),
    "no features": (np.zeros((5, 0)), r"is empty: \(5, 0\)"),
    "no steps": (np.zeros((3, 0, 2)), r"is empty: \(3, 0, 2\)"),
    "a number": (3.0, r"can't have the shape \(\)\. Here rows are steps: an array \(T,\) or "),
    "four axes": (np.zeros((1, 2, 3, 4)), r"can't have the shape \(1, 2, 3, 4\)\. Here rows"),
    "ragged": ([[1, 2], [3]], r"must be an array, got a ragged list: .* different lengths"),
    "masked": (np.ma.array(WAVE, mask=WAVE > 0), r"is a masked array, and its mask would be lost"),
    "NaN": (
        with_value(X, (1, 2, 0), np.nan),
        r"must be finite, got nan at index \(1, 2, 0\) \(1 of 30 values are NaN or infinite\)",
    ),
    "infinity": (
        with_value(with_value(WAVE, 7, -np.inf), 9, np.nan).astype("float32"),
        r"must be finite, got -inf at index \(7,\) \(2 of 12 values are NaN or infinite\)",
    ),
}
BAD = {
    **{name: (value, TypeError, message) for name, (value, message) in NOT_ARRAYS.items()},
    **{name: (value, ValueError, message) for name, (value, message) in NO_SEQUENCES.items()},
}
bad_arrays = pytest.mark.parametrize(("value", "error", "message"), BAD.values(), ids=list(BAD))


@bad_arrays
def test_every_array_argument_is_checked_and_named(value, error, message):
    model = fit()
    calls = {
        "x": [
            lambda: fit(x=value),
            lambda: model.predict(value),
            lambda: model.forecast(value, 2),
            lambda: model.evaluate(value, NEXT),
        ],
        "y": [lambda: fit(y=value), lambda: model.evaluate(WAVE, value)],
        r"validation_data\[0\]": [lambda: fit(validation_data=(value, NEXT))],
        r"validation_data\[1\]": [lambda: fit(validation_data=(WAVE, value))],
    }
    for argument, each in calls.items():
        for call in each:
            with pytest.raises(error, match=f"^{argument} {message}"):
                call()


@pytest.mark.parametrize(
    ("dtype", "name"),
    [("bfloat16", "bfloat16"), ("float16", "float16"), ("complex64", "complex64")],
)
def test_dtypes_of_torch_are_refused_by_name(dtype, name):
    torch = pytest.importorskip("torch")
    x = torch.zeros(12, dtype=getattr(torch, dtype))
    with pytest.raises(TypeError, match=f"^x has dtype {name}: expected float32, float64 or int"):
        fit(x, torch.zeros(12))


UNREAL = {
    "meta": lambda x: x.to("meta"),
    "sparse_coo": lambda x: x.to_sparse(),
    "sparse_csr": lambda x: x[0].to_sparse_csr(),
    "nested": lambda x: __import__("torch").nested.nested_tensor([x[0], x[1][:3]]),
    "fake": lambda x: fake_tensor(x),
}


def fake_tensor(x):
    from torch._subclasses.fake_tensor import FakeTensorMode

    with FakeTensorMode() as mode:
        return mode.from_tensor(x)


@pytest.mark.filterwarnings("ignore:.*prototype stage|.*beta state:UserWarning")
@pytest.mark.parametrize("kind", UNREAL)
def test_tensors_that_are_no_numbers_in_rows_are_refused_by_name(kind):
    torch = pytest.importorskip("torch", reason="torch is not installed")
    x = torch.ones((4, 6, 2), dtype=torch.float64)
    wrong, kind = UNREAL[kind](x), "strided" if kind == "meta" else kind
    model = fit(x, x)
    for name, call in (
        ("x", lambda: fit(wrong, x)),
        ("y", lambda: fit(x, wrong)),
        ("x", lambda: model.predict(wrong)),
        ("x", lambda: model.evaluate(wrong, x)),
    ):
        with pytest.raises(TypeError, match=f"^{name} must be a dense tensor .* got a {kind} one"):
            call()


def test_tensors_that_require_grad():
    torch = pytest.importorskip("torch")
    with pytest.raises(
        ValueError, match=r"^y requires grad; xprnn computes its own gradients: deta"
    ):
        fit(torch.zeros(12), torch.zeros(12, requires_grad=True))


def test_nan_is_found_where_it_is_on_every_backend(place):
    x = place.array(with_value(X, (2, 4, 1), np.nan))
    with pytest.raises(ValueError, match=r"^x must be finite, got nan at index \(2, 4, 1\)"):
        fit(x, place.array(Y))


SWAPPED = "looks as if its batch and time axes were swapped"


@pytest.mark.parametrize(
    ("x", "y", "message"),
    [
        (WAVE, NEXT[:-1], r"x has 1 sequence\(s\) of 12 step\(s\), y 1 of 11$"),
        (X, Y[:2], r"x has 3 sequence\(s\) of 5 step\(s\), y 2 of 5$"),
        (X, np.swapaxes(Y, 0, 1), rf"x has 3 .* of 5 .*, y 5 of 3; y {SWAPPED}"),
        (np.swapaxes(X, 0, 1), Y, rf"x has 5 .* of 3 .*, y 3 of 5; y {SWAPPED}"),
        (X[0], Y[0].T, r"x has 1 .* of 5 .*, y 1 of 1; y looks as if it were transposed: .*\(T, O"),
        (X, Y[:, :4], r"x has 3 .* of 5 .*, y 3 of 4; if y holds the steps after x, .*'encoder"),
        (
            X[:, :, 0],
            np.concatenate([Y, Y]),
            r"x has 1 sequence\(s\) of 3 step\(s\), y 6 of 5$",
        ),
    ],
    ids=lambda value: str(getattr(value, "shape", "")),
)
def test_lengths_that_differ(x, y, message):
    message = f" must have the same lengths: {message}"
    with pytest.raises(ValueError, match=f"^x and y{message}"):
        fit(x, y)
    with pytest.raises(ValueError, match=re.escape("validation_data[0] and validation_data[1]")):
        fit(X, Y, validation_data=(x, y))


def test_lengths_that_differ_at_evaluate():
    with pytest.raises(ValueError, match=f"^x and y must have the same lengths: .*{SWAPPED}"):
        fit(X, Y).evaluate(X, np.swapaxes(Y, 0, 1))


NETWORK = Stack((Recurrent(3), Dense(2)))


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"activation": "tahn"}, ValueError, r"activation must be .*'tahn'; did you mean 'tanh'\?"),
        ({"activation": "RELU"}, ValueError, r"activation must .*'RELU'; did you mean 'relu'\?"),
        (
            {"activation": 3},
            TypeError,
            r"activation must be one of 'elu', .* or an object with f",
        ),
        ({"loss": "mes"}, ValueError, r"loss must be one of .*, got 'mes'; did you mean 'mse'\?"),
        (
            {"loss": "zzz"},
            ValueError,
            r"loss must be one of 'binary_.*', .*, 'pinball', got 'zzz'$",
        ),
        *(
            ({"loss": name}, ValueError, rf"loss must be one of .*; did you mean '{ours}'\?$")
            for name, ours in {
                "categorical_crossentropy": "cross_entropy",
                "sparse_categorical_crossentropy": "cross_entropy",
                "CrossEntropyLoss": "cross_entropy",
                "binary_crossentropy": "binary_cross_entropy",
                "mean_squared_error": "mse",
                "L1Loss": "mae",
                "quantile": "pinball",
            }.items()
        ),
        ({"cell": "SimpleRNN"}, ValueError, r"cell must be .*; did you mean 'elman'\?$"),
        ({"loss": None}, TypeError, r"loss must be one of .* or an object with .*, got None"),
        ({"optimizer": "adma"}, ValueError, r"optimizer must be .*; did you mean 'adam'\?"),
        ({"optimizer": 3}, TypeError, r"optimizer must be one of 'adam', .*'sgd' or an object w"),
        ({"backend": "nunpy"}, ValueError, r"backend must be .*; did you mean 'numpy'\?"),
        ({"backend": ""}, ValueError, r"backend must be one of .*, got ''$"),
        ({"backend": 3}, TypeError, r"backend must be a name such as 'numpy' or 'cupy:1', got 3"),
        ({"backend": "numpy:1"}, ValueError, r"the device of backend 'numpy' must .*, got '1'"),
        ({"dtype": "flaot32"}, ValueError, r"dtype must be .*; did you mean 'float32'\?"),
        ({"dtype": "float16"}, ValueError, r"dtype must be one of 'float32', 'float64', got 'fl"),
        ({"hidden_size": 0}, ValueError, r"hidden_size must be at least 1, got 0"),
        ({"hidden_size": -3}, ValueError, r"hidden_size must be at least 1, got -3"),
        ({"hidden_size": 2.0}, TypeError, r"hidden_size must be an integer, got 2.0"),
        ({"hidden_size": True}, TypeError, r"hidden_size must be an integer, got True"),
        ({"num_layers": 0}, ValueError, r"num_layers must be at least 1, got 0"),
        ({"num_layers": "2"}, TypeError, r"num_layers must be an integer, got '2'"),
        ({"epochs": 0}, ValueError, r"epochs must be at least 1, got 0"),
        ({"epochs": 1.0}, TypeError, r"epochs must be an integer, got 1.0"),
        ({"batch_size": 0}, ValueError, r"batch_size must be at least 1, got 0"),
        ({"batch_size": 2.5}, TypeError, r"batch_size must be an integer, got 2.5"),
        ({"seed": -1}, ValueError, r"seed must be at least 0, got -1"),
        ({"seed": None}, TypeError, r"seed must be an integer, got None"),
        ({"learning_rate": 0}, ValueError, r"learning_rate must be a finite number above 0, got 0"),
        ({"learning_rate": -0.1}, ValueError, r"learning_rate must be .* above 0, got -0.1"),
        ({"learning_rate": float("nan")}, ValueError, r"learning_rate must be a finite .*got nan"),
        ({"learning_rate": "fast"}, TypeError, r"learning_rate must be a number or .*, got 'fast'"),
        ({"clip_norm": 0.0}, ValueError, r"clip_norm must be a finite number above 0, got 0.0"),
        ({"clip_norm": float("inf")}, ValueError, r"clip_norm must be a finite .* got inf"),
        ({"clip_norm": "1"}, TypeError, r"clip_norm must be a number, got '1'"),
        ({"callbacks": [3]}, TypeError, r"callbacks must hold callables, got 3"),
        ({"callbacks": print}, TypeError, r"callbacks must be a sequence of callables"),
        ({"callbacks": 3}, TypeError, r"callbacks must be a sequence of callables, got 3"),
        (
            {"callbacks": [EarlyStopping]},
            TypeError,
            r"callbacks must hold objects, got the class EarlyStopping: create an object",
        ),
        ({"standardize": "no"}, TypeError, r"standardize must be True or False, got 'no'"),
        ({"progress": "yes"}, TypeError, r"progress must be True, False or None, got 'yes'"),
        ({"validation_data": WAVE}, TypeError, r"validation_data must be \(x, y\), or \(x, y, ma"),
        ({"validation_data": (X,)}, TypeError, r"validation_data must be \(x, y\), or \(x, y, ma"),
        ({"validation_data": (X, Y, 0, 0)}, TypeError, r"validation_data must be \(x, y\), or \("),
        (
            {"validation_data": (X, Y)},
            ValueError,
            r"validation_data\[0\] must have 1 feature\(s\) as in training, got 2",
        ),
        (
            {"validation_data": (WAVE, X[0][:, :1])},
            ValueError,
            r"validation_data\[0\] and validation_data\[1\] must have the same lengths",
        ),
        (
            {"validation_data": (WAVE[:5], X[0])},
            ValueError,
            r"validation_data\[1\] must have 1 feature\(s\) as in training, got 2",
        ),
        ({"network": NETWORK}, ValueError, r"the network has 2 output\(s\), but this loss .* 1$"),
        (
            {"network": NETWORK, "hidden_size": 3},
            ValueError,
            r"hidden_size describe\(s\) a network to build, but network= or warm_start= has one",
        ),
        (
            {"network": NETWORK, "activation": "relu", "cell": "lstm", "num_layers": 2},
            ValueError,
            r"cell, num_layers, activation describe\(s\) .* or set them in the layers of network=",
        ),
        (
            {"network": NETWORK, "dropout": 0.1, "pool": "max", "bidirectional": True},
            ValueError,
            r"bidirectional, dropout, pool describe\(s\) .* or set them in the layers of network=",
        ),
        (
            {"network": NETWORK, "feedback": True, "recurrent_dropout": 0.1},
            ValueError,
            r"recurrent_dropout, feedback describe\(s\) .* or set them in the layers of network=",
        ),
        ({"network": "lstm"}, TypeError, r"network must be an object with init, .*, got 'lstm'"),
        ({"network": Recurrent}, TypeError, r"network must be an object with init, .*, got <cl"),
    ],
    ids=lambda value: str(value)[:40] if isinstance(value, dict) else "",
)
def test_options_of_fit(options, error, message):
    with pytest.raises(error, match=f"^{message}"):
        fit(**options)


LAST = Y[:, -1]
LABELS = np.array([0, 1, 1])


def test_flags_of_numpy_are_flags(tmp_path):
    """np.True_ is True, wherever one of them is asked for."""
    yes, no, path = np.True_, np.asarray(False), tmp_path / "model.npz"
    for call in (
        lambda yes, no: fit(standardize=no, progress=no).predict(WAVE),
        lambda yes, no: fit(bidirectional=yes, feedback=no).predict(WAVE),
        lambda yes, no: fit().predict(WAVE, return_state=yes, return_states=no)[1][0],
        lambda yes, no: fit(callbacks=[EarlyStopping(restore_best=no)]).predict(WAVE),
        lambda yes, no: fit(callbacks=[Checkpoint(path, best_only=yes)]).predict(WAVE),
        lambda yes, no: fit(optimizer=SGD(momentum=0.5, nesterov=yes)).predict(WAVE),
        lambda yes, no: fit(optimizer=RMSprop(centered=yes)).predict(WAVE),
        lambda yes, no: fit(cell=LSTM(peepholes=yes, coupled=no)).predict(WAVE),
        lambda yes, no: fit(
            network=Stack((Recurrent(2, learn_initial_state=yes), Dense(1, bias=no)))
        ).predict(WAVE),
    ):
        np.testing.assert_array_equal(call(yes, no), call(True, False))


@pytest.mark.parametrize("value", [1, "yes", np.array([True]), np.int64(1)], ids=repr)
def test_what_is_no_flag(value):
    for name, call in {
        "standardize": lambda: fit(standardize=value),
        "progress": lambda: fit(progress=value),
        "bidirectional": lambda: fit(bidirectional=value),
        "return_state": lambda: fit().predict(WAVE, return_state=value),
        "return_states": lambda: fit().predict(WAVE, return_states=value),
        "bias": lambda: Dense(1, bias=value),
        "nesterov": lambda: SGD(momentum=0.5, nesterov=value),
        "centered": lambda: RMSprop(centered=value),
        "learn_initial_state": lambda: Recurrent(2, learn_initial_state=value),
        "peepholes": lambda: LSTM(peepholes=value),
    }.items():
        with pytest.raises(TypeError, match=f"^{name} must be True"):
            call()


def test_bools_are_one_and_zero(place):
    """In x, in labels, in weights: arrays of every library, and lists."""
    flags = WAVE > 0
    x, y = place.array(flags, "bool"), place.array(flags, "bool")
    ones = place.array(flags.astype("uint8"), "uint8")
    for options in ({}, {"loss": "binary_cross_entropy"}, {"loss": "cross_entropy"}):
        found, wanted = fit(x, y, **options), fit(ones, ones, **options)
        for name, array in found.named().items():
            assert bool(place.xp.all(array == wanted.named()[name])), name
        assert found.evaluate(x, y) == wanted.evaluate(ones, ones)
    if of(x).name == "numpy":
        listed = flags.tolist()
        assert fit(listed, listed).evaluate(listed, listed) == fit(ones, ones).evaluate(ones, ones)
        weighted = fit(X, Y, sample_weight=[True, False, True]).named()["0.W"]
        np.testing.assert_array_equal(weighted, fit(X, Y, sample_weight=[1, 0, 1]).named()["0.W"])


def test_labels_leave_one_reading():
    """Several labels of a sequence are those of its steps, unless they could be one class."""
    x, labels = np.zeros((6, 3, 2)), np.tile([0, 1, 2], (6, 1))
    for loss in ("cross_entropy", xprnn.losses.CrossEntropy(num_classes=4)):
        assert fit(x, labels, loss=loss).mode == "many_to_many"
    one_hot = np.eye(3, dtype=int)[[0, 1, 2, 0, 1, 2]]
    for y, loss in ((one_hot, "cross_entropy"), (labels > 1, "binary_cross_entropy")):
        with pytest.raises(ValueError, match="can be one number at each step or several at the"):
            fit(x, y, loss=loss)
    assert fit(x, one_hot, loss="cross_entropy", mode="many_to_many").mode == "many_to_many"


VALID = np.ones((3, 5), bool)
VALID[1, 2:] = False
MASKED = np.ma.array(np.ones((3, 5), bool), mask=~VALID)


def masked(array):
    return np.ma.array(array, mask=np.zeros(np.shape(array), bool))


def test_masked_arrays_lose_no_mask():
    """Wherever an array is handed over: its mask would be dropped, so it is refused."""
    model, alone = fit(X, Y), fit(Y, Y)
    steps = masked([5, 4, 3])
    rows = [np.ma.array(row, mask=~kept) for row, kept in zip(MASKED.data, VALID, strict=True)]
    for name, call in {
        "x": lambda: fit(masked(X), Y),
        r"x\[1\]": lambda: fit([X[0], masked(X[1])], [Y[0], Y[1]]),
        r"x\[1\]\[0\]": lambda: fit([X[0].tolist(), [masked(X[1, 0])] * 5], Y[:2]),
        "y": lambda: fit(X, masked(Y)),
        r"y\[0\]": lambda: fit(X, [masked(a) for a in Y]),
        "mask": lambda: fit(X, Y, mask=MASKED),
        "mask ": lambda: model.predict(X, mask=MASKED),
        "mask  ": lambda: model.evaluate(X, Y, mask=MASKED),
        "mask   ": lambda: model.trace(X, mask=MASKED),
        "mask    ": lambda: fit(X, Y, validation_data=(X, Y, MASKED)),
        r"mask\[0\]": lambda: fit([*X], [*Y], mask=rows),
        r"mask\[0\] ": lambda: fit(X, Y, mask=rows),
        "lengths": lambda: fit(X, Y, lengths=steps),
        "lengths ": lambda: model.predict(X, lengths=steps),
        "lengths  ": lambda: alone.forecast(X[:, :, :1], 2, lengths=steps),
        "sample_weight": lambda: fit(X, Y, sample_weight=masked([1.0, 2, 3])),
        r"state\[0\]": lambda: model.predict(X, state=(masked(np.zeros((3, 2))),)),
        "y ": lambda: metrics.mae(masked(Y), Y),
        "y_hat": lambda: metrics.accuracy(LABELS, masked(LABELS)),
        "mask     ": lambda: metrics.mae(Y, Y, mask=MASKED),
        "mask      ": lambda: metrics.accuracy(VALID, VALID, mask=MASKED),
        "lengths   ": lambda: metrics.r2(Y, Y, lengths=steps),
        "series": lambda: baselines.naive(masked(WAVE), 2),
        "series ": lambda: baselines.seasonal_naive(masked(WAVE), 2, 3),
        "y  ": lambda: forecasting.RNNForecaster(horizon=1).fit(masked(WAVE)),
        "X": lambda: forecasting.RNNForecaster(horizon=1).fit(WAVE, masked(WAVE)),
    }.items():
        with pytest.raises(
            ValueError, match=f"^{name.strip()} is a masked array, and its mask wou"
        ):
            call()


def test_estimators_lose_no_mask():
    pytest.importorskip("sklearn", reason="needs scikit-learn")
    from xprnn.estimators import RNNClassifier, RNNRegressor, SequenceScaler

    settings = {"epochs": 1, "hidden_size": 2}
    regressor, labels = RNNRegressor(**settings).fit(X, LAST), ["a", "b", "b"]
    for name, call in {
        "X": lambda: RNNRegressor(**settings).fit(masked(X), LAST),
        "X ": lambda: RNNRegressor(**settings).fit(masked(X[:, :, 0]), LAST),
        "X  ": lambda: regressor.predict(masked(X)),
        "X   ": lambda: SequenceScaler().fit(masked(X)),
        r"X\[1\]": lambda: regressor.predict([X[0], masked(X[1])]),
        "y": lambda: RNNRegressor(**settings).fit(X, masked(LAST)),
        "y ": lambda: RNNClassifier(**settings).fit(X, masked(labels)),
        "sample_weight": lambda: regressor.fit(X, LAST, sample_weight=masked([1.0, 2, 3])),
        "sample_weight ": lambda: regressor.score(X, LAST, sample_weight=masked([1.0, 2, 3])),
        "sample_weight  ": lambda: RNNClassifier(**settings).fit(X, labels, masked([1.0, 2, 3])),
    }.items():
        with pytest.raises(
            ValueError, match=f"^{name.strip()} is a masked array, and its mask wou"
        ):
            call()


@given(
    shape=st.tuples(st.integers(1, 4), st.integers(1, 4)),
    kind=st.sampled_from([list, tuple, np.asarray]),
)
def test_a_list_that_can_be_two_things_is_refused(shape, kind):
    """A list of plain lists, or of arrays of one axis: steps, or sequences."""
    model, whole = fit(), np.random.default_rng(0).standard_normal(shape)
    both = [kind(row) for row in whole]
    for name, call in {
        "x": lambda: fit(both, both),
        "x ": lambda: model.predict(both),
        "x  ": lambda: model.forecast(both, 2),
        "x   ": lambda: model.evaluate(both, both),
        "x    ": lambda: model.trace(both),
        r"validation_data\[0\]": lambda: fit(validation_data=(both, both)),
    }.items():
        found = f"^{name.strip()} is a list of {shape[0]} .* can be {shape[0]} steps of one seq.*: "
        with pytest.raises(ValueError, match=found) as error:
            call()
        assert str(error.value).endswith("]")
    rows = fit(both, whole[:, :, None], mode="one_to_many")
    np.testing.assert_array_equal(rows.predict(both), rows.predict(whole))


def test_lists_that_are_one_thing():
    """Numbers, lists of (T_i, F), and a list as y of several sequences."""
    nested, last = fit(X.tolist(), Y.tolist()), LAST[:, 0].tolist()
    np.testing.assert_array_equal(nested.named()["0.W"], fit(X, Y).named()["0.W"])
    np.testing.assert_array_equal(fit(X, last).named()["0.W"], fit(X, LAST[:, 0]).named()["0.W"])
    pairs = X[:, -1].tolist()
    np.testing.assert_array_equal(fit(X, pairs).named()["0.W"], fit(X, X[:, -1]).named()["0.W"])
    np.testing.assert_array_equal(
        fit(WAVE.tolist(), NEXT.tolist()).named()["0.W"], fit().named()["0.W"]
    )


TABLE, CLASSES = np.random.default_rng(3).standard_normal((100, 5)), np.arange(100) % 2
STARTED = fit()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"x": TABLE, "y": CLASSES, "loss": "binary_cross_entropy", "batch_size": 32},
            r"batch_size=32 has no effect: .* x is one sequence of 100 steps of 5 feature\(s\).*"
            r"\(N, 1, F\), x\[:, None, :\], or see xprnn.estimators.RNNClassifier",
        ),
        ({"batch_size": 1}, r"batch_size=1 has no effect: .* one sequence of 12 steps of 1 featu"),
        (
            {"tbptt": 4, "checkpoint_every": 4},
            r"checkpoint_every must be below tbptt=4, the number of steps in a chunk",
        ),
        (
            {"warm_start": STARTED, "standardize": False},
            r"standardize=False has no effect: warm_start keeps the standardisation",
        ),
        (
            {"x": X[:, 0], "y": X, "lengths": [1, 1, 1], "mode": "one_to_many"},
            r"lengths must be None: x has one step",
        ),
        (
            {"x": X[:, 0], "y": X, "mask": np.ones((3, 1), bool)},
            r"mask must be None: x has one step",
        ),
        (
            {"x": X[:, :1], "y": Y[:, :1], "mode": "many_to_one", "recurrent_dropout": 0.1},
            r"recurrent_dropout has no effect: x has one step",
        ),
        ({"sample_weight": [2.0]}, r"sample_weight of one number has no effect: x is one sequence"),
        ({"recurrent_dropout": 0.1, "network": Dense(1)}, r"recurrent_dropout describe\(s\)"),
        ({"pool": "max"}, r"pool is valid only for mode='many_to_one', got mode='many_to_many'"),
        (
            {"feedback": True},
            r"feedback is valid only for mode='one_to_many' and mode='encoder_decoder'",
        ),
        (
            {"mode": "encoder_decoder", "skip": 2},
            r"skip is valid only for mode='many_to_many' and mode='many_to_one', got mode='enc",
        ),
        ({"x": X[:, 0], "y": X, "skip": 1}, r"skip is valid only for .*, got mode='one_to_many'"),
        ({"x": X, "y": Y, "skip": 6}, r"skip must be at most 5, the steps of x, got 6"),
        ({"x": X, "y": Y[:, 0], "skip": 6}, r"skip must be at most 5, the steps of x, got 6"),
        ({"dropout": 0.1}, r"dropout acts between recurrent layers and has no effect with num_la"),
    ],
)
def test_an_argument_without_effect_is_an_error(options, message):
    size = {} if {"warm_start", "network"} & options.keys() else {"hidden_size": 2}
    with pytest.raises(ValueError, match=f"^{message}"):
        xprnn.fit(**{"x": WAVE, "y": NEXT, "epochs": 1, **size, **options})


def test_arguments_that_have_an_effect_on_few_sequences():
    """Several sequences may come one by one, and fewer than a batch holds."""
    fit(X[:1], Y[:1], batch_size=32)
    fit([X[0]], [Y[0]], batch_size=32)
    fit(X, Y, batch_size=32)
    fit(tbptt=4, checkpoint_every=3)
    fit(warm_start=fit(standardize=False), standardize=False, hidden_size=64)


def test_what_is_wrong_with_x_is_said_first():
    model = fit()
    for bad in ("abc", np.array([1, "b"], object), np.zeros((1, 2, 3, 4)), WAVE * np.nan, []):
        for call in (
            lambda bad=bad: fit(bad, bad),
            lambda bad=bad: model.evaluate(bad, bad),
            lambda bad=bad: fit(bad, np.array(["a"] * 12)),
        ):
            with pytest.raises((TypeError, ValueError), match=r"^x "):
                call()
        with pytest.raises((TypeError, ValueError), match=r"^validation_data\[0\] "):
            fit(validation_data=(bad, bad))


def test_labels_that_are_texts_are_sent_to_the_classifier():
    hint = r"class labels are integers from 0, and xprnn.estimators.RNNClassifier takes labels of"
    for labels in (
        np.array(["a", "b", "a"]),
        ["a", "b", "a"],
        np.array(["a", "b", "a"], object),
        [["a"] * 5] * 3,
    ):
        with pytest.raises(TypeError, match=f"^y has dtype .*; {hint}"):
            fit(X, labels, loss="cross_entropy")
    with pytest.raises(TypeError, match=rf"^validation_data\[1\] has dtype .*; {hint}"):
        fit(X, Y, validation_data=(X, ["a", "b", "a"]))
    with pytest.raises(TypeError, match=r"^y has dtype object: .* got for example None$"):
        fit(X, [1.0, None, 2.0])


LIST, LISTED = [X[0], X[1, :2], X[2, :3]], [Y[0], Y[1, :2], Y[2, :3]]
FEW = [np.arange(5) < size for size in (5, 0, 3)]


def odd(**options):
    return {"x": X, "y": Y, **options}


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        # Which steps are valid
        (odd(lengths=[5, 6, 1]), ValueError, r"lengths must be 1 to 5, .* got 6 for sequence 1$"),
        (odd(lengths=[5, 0, 1]), ValueError, r"lengths must be 1 to 5, .* got 0 for sequence 1$"),
        (odd(lengths=[5, 2, -1]), ValueError, r"lengths must be .* got -1 for sequence 2$"),
        (odd(lengths=[5, 1]), ValueError, r"lengths must have shape \(3,\), one .* got \(2,\)$"),
        (odd(lengths=5), ValueError, r"lengths must have shape \(3,\), one for each .* got \(\)$"),
        (odd(lengths=[[5, 1, 2]]), ValueError, r"lengths must have .* got \(1, 3\)$"),
        (odd(lengths=[5.0, 1, 2]), TypeError, r"lengths must be integers, got float64$"),
        (odd(lengths=[True, True, True]), TypeError, r"lengths must be integers, got bool$"),
        (odd(lengths=[5, None, 3]), TypeError, r"lengths must be integers, got object$"),
        (
            odd(x=LIST, y=LISTED, lengths=[5, 2, 3]),
            ValueError,
            r"lengths is valid only for a padded array; x is a list, whose arrays have",
        ),
        (
            odd(mask=np.ones((3, 4), bool)),
            ValueError,
            r"mask must have shape \(3, 5\), the steps of x, got \(3, 4\)$",
        ),
        (odd(mask=np.ones((3, 5, 1), bool)), ValueError, r"mask must .* got \(3, 5, 1\)$"),
        (odd(mask=np.ones((5, 3), bool)), ValueError, r"mask must .*, got \(5, 3\)$"),
        (odd(mask=np.ones((3, 5))), TypeError, r"mask must be of bool, True at .*, got float64$"),
        (odd(mask=np.ones((3, 5), int)), TypeError, r"mask must be of bool, .*, got int64$"),
        (
            odd(mask=np.ones((3, 5), bool), lengths=[5, 5, 5]),
            ValueError,
            r"lengths and mask mean the same: expected one of them, got both$",
        ),
        (odd(mask=np.stack(FEW)), ValueError, r"mask leaves no valid step in sequence 1$"),
        (
            odd(x=LIST, y=LISTED, mask=[np.ones(5, bool), np.zeros(2, bool), np.ones(3, bool)]),
            ValueError,
            r"mask leaves no valid step in sequence 1$",
        ),
        (
            odd(x=LIST, y=LISTED, mask=[np.ones(5, bool)] * 3),
            ValueError,
            r"mask must be a list of arrays of bool, \(T_i,\) for each of the 3 sequences of x$",
        ),
        (odd(x=LIST, y=LISTED, mask=np.ones((3, 5), bool)), ValueError, r"mask must be a list"),
        (odd(x=LIST, y=LISTED, mask=[np.ones(5)] * 3), ValueError, r"mask must be a list"),
        # Lists of sequences
        (
            odd(x=LIST, y=[Y[0], Y[1, :3], Y[2, :3]]),
            ValueError,
            r"y\[1\] must have 2 step\(s\), as x\[1\], got 3$",
        ),
        (odd(x=LIST, y=[Y[0], X[1, :2], Y[2, :3]]), ValueError, r"y\[1\] must .* got \(2, 2\)$"),
        (odd(x=LIST, y=LISTED[:2]), ValueError, r"x has 3 sequence\(s\), y 2$"),
        (
            odd(x=LIST, y=[Y[0], Y[1, :2, 0], Y[2, :3]]),
            ValueError,
            r"y\[1\] must be \(T_i, 1\), as",
        ),
        (
            odd(x=LIST, y=LISTED, mode="many_to_one"),
            ValueError,
            r"y is a list of different lengths, which mode='many_to_one' .* \(B, O\) or \(B,\)$",
        ),
        (
            odd(x=LIST, y=LISTED, mode="encoder_decoder"),
            ValueError,
            r"y is a list of .*\(B, k, O\)",
        ),
        (
            odd(x=[X[0], X[1, :2, :1], X[2, :3]], y=LISTED),
            ValueError,
            r"x\[1\] must be \(T_i, 2\), as x\[0\] is, got \(2, 1\)$",
        ),
        (odd(x=[X[0], X[1, :0], X[2]], y=LAST), ValueError, r"x\[1\] is empty: \(0, 2\)$"),
        (
            odd(x=[X[0], with_value(X[1, :2], (1, 0), np.nan), X[2]], y=LAST),
            ValueError,
            r"x\[1\] must be finite, got nan at index \(1, 0\) \(1 of 4 values",
        ),
        (
            odd(x=LIST, y=[Y[0], Y[1, :2], with_value(Y[2, :3], (2, 0), np.inf)]),
            ValueError,
            r"y\[2\] must be finite, got inf at index \(2, 0\) \(1 of 3 values",
        ),
        (
            odd(x=[X[0, :, 0], X[1, :2, 0]], y=LAST[:2]),
            ValueError,
            r"x\[0\] must be \(T_i, F\), .*5,",
        ),
        (
            odd(x=[X[0], X[1, :2, 0]], y=LAST[:2]),
            ValueError,
            r"x\[1\] must be \(T_i, 2\), .* \(2,\)",
        ),
        (
            odd(y=with_value(LAST, (2, 0), np.nan)),
            ValueError,
            r"y must be finite, .* \(2, 0\) \(1 o",
        ),
        (
            odd(y=with_value(LAST[:, 0], 2, np.nan)),
            ValueError,
            r"y must be finite, .* \(2,\) \(1 of",
        ),
        (
            odd(y=with_value(Y[:, :, 0], (1, 4), np.nan), mode="many_to_many", lengths=[5, 5, 2]),
            ValueError,
            r"y must be finite, got nan at index \(1, 4\)",
        ),
        # Modes
        (odd(mode="many_to_ones"), ValueError, r"mode must .*; did you mean 'many_to_one'\?$"),
        (odd(mode=3), ValueError, r"mode must be one of 'encoder_decoder', .*, got 3$"),
        (
            odd(y=Y[:, :, 0]),
            ValueError,
            r"y \(3, 5\) for x \(3, 5, 2\) can be one number at each step or several at the end: "
            r"pass mode='many_to_many' or mode='many_to_one', or y as \(B, T, O\)$",
        ),
        (odd(x=X[:, :1], y=LAST), ValueError, r"y .* pass mode='many_to_many' or mode='many_to_on"),
        (
            odd(x=X[:, :1], y=X[:, 0]),
            ValueError,
            r"y .* pass mode='one_to_many' or mode='many_to_on",
        ),
        (
            odd(x=X[:, :, 0]),
            ValueError,
            r"x \(3, 5\) for y \(3, 5, 1\) can be one number at each step or the features of one "
            r"step: pass x as \(B, T, F\), or mode='one_to_many'$",
        ),
        (
            odd(x=X[:, :, 0], mode="many_to_many"),
            ValueError,
            r".* y 3 of 5; for several sequences of one number per step, x is \(B, T, 1\)$",
        ),
        (odd(y=Y[:, :3]), ValueError, r"x and y must .*; if y holds .* mode='encoder_decoder'$"),
        (odd(x=LIST, y=Y[:, :3]), ValueError, r"x and y must have .* mode='encoder_decoder'$"),
        (
            odd(mode="many_to_one"),
            ValueError,
            r"x and y do not match mode='many_to_one': .* 3 of 5$",
        ),
        (
            odd(mode="one_to_many"),
            ValueError,
            r"x and y do not match mode='one_to_many': x has 3 .* 5",
        ),
        (
            odd(x=X[0], y=Y[0], mode="many_to_one"),
            ValueError,
            r"mode='many_to_one' needs several s",
        ),
        # Networks
        (odd(cell="lstmm"), ValueError, r"cell must be one of .*; did you mean 'lstm'\?$"),
        (odd(cell=3), TypeError, r"cell must be one of 'elman', .* an object with forward, back"),
        (
            odd(cell=xprnn.cells.LSTM(), activation="relu"),
            ValueError,
            r"activation is valid only for a cell by name; set it on the cell itself$",
        ),
        (odd(dropout=1.0, num_layers=2), ValueError, r"dropout must be .* below 1, got 1.0$"),
        (
            odd(dropout=-0.1, num_layers=2),
            ValueError,
            r"dropout must be .* at least 0 .*, got -0.1$",
        ),
        (
            odd(dropout=0.5),
            ValueError,
            r"dropout acts between recurrent layers and has no effect with num_layers=1; recurr",
        ),
        (odd(recurrent_dropout=1.0), ValueError, r"recurrent_dropout must be .*below 1, got 1.0$"),
        (odd(recurrent_dropout="a"), TypeError, r"recurrent_dropout must be a number, got 'a'$"),
        (odd(bidirectional="yes"), TypeError, r"bidirectional must be True or False, got 'yes'$"),
        (odd(feedback=1), TypeError, r"feedback must be True or False, got 1$"),
        (
            odd(pool="max"),
            ValueError,
            r"pool is valid only for mode='many_to_one', got mode='many_to_many'$",
        ),
        (odd(y=LAST, pool="maxi"), ValueError, r"pool must be one of .*; did you mean 'max'\?$"),
        (odd(feedback=True), ValueError, r"feedback is valid only for .* got mode='many_to_many'$"),
        (
            odd(y=LAST, feedback=True),
            ValueError,
            r"feedback is valid only for .* got mode='many_to_one'$",
        ),
        (
            odd(x=X[:, 0], feedback=True),
            ValueError,
            r"Feedback needs as many outputs as features, got 1 output\(s\) for 2 feature\(s\)$",
        ),
        (
            odd(y=Y[:, :3], mode="encoder_decoder", bidirectional=True),
            ValueError,
            r"bidirectional needs the whole sequence at once, but a network with",
        ),
        (
            odd(x=X[:, 0], y=X, feedback=True, bidirectional=True),
            ValueError,
            r"bidirectional needs the whole sequence at once, but a network with",
        ),
        (
            odd(network=Stack((Recurrent(2), Pool("last"), Dense(1)))),
            ValueError,
            r"the network gives other steps than x has, but x and y are many_to_many$",
        ),
        (
            odd(y=LAST, network=Stack((Recurrent(2), Dense(1)))),
            ValueError,
            r"the network gives an output at every step, but x and y are many_to_one$",
        ),
        (
            odd(x=X[:, 0], network=Stack((Extend(3), Recurrent(2), Dense(1)))),
            ValueError,
            r"y must have 3 step\(s\), like the network's output, got 5$",
        ),
        (
            odd(y=LAST, network=Stack((Extend(3), Recurrent(2), Dense(1)))),
            ValueError,
            r"y must have 3 step\(s\), like the network's output, got 1$",
        ),
        # Time
        (odd(bidirectional=True, tbptt=2), ValueError, r"tbptt cuts sequences in time, and this n"),
        (odd(bidirectional=True, checkpoint_every=2), ValueError, r"checkpoint_every cuts sequenc"),
        (odd(x=X[:, 0], tbptt=2), ValueError, r"tbptt cuts sequences in time, and this network ne"),
        (
            odd(y=Y[:, :3], mode="encoder_decoder", checkpoint_every=2),
            ValueError,
            r"checkpoint_every cuts sequences in time, and this network needs whole sequences",
        ),
        (odd(y=LAST, tbptt=2), ValueError, r"tbptt updates after every chunk and so needs outputs"),
        (odd(tbptt=0), ValueError, r"tbptt must be at least 1, got 0$"),
        (odd(tbptt=2.0), TypeError, r"tbptt must be an integer, got 2.0$"),
        (odd(checkpoint_every=0), ValueError, r"checkpoint_every must be at least 1, got 0$"),
        (odd(checkpoint_every=True), TypeError, r"checkpoint_every must be an integer, got True$"),
        # Penalties and schedules
        (
            odd(penalty=0.1),
            TypeError,
            r"penalty must be an object with gradient, constrain, got 0.1",
        ),
        (
            odd(learning_rate=xprnn.schedules.Step),
            TypeError,
            r"learning_rate must be a number or a",
        ),
        # Labels
        (
            odd(y=np.array([0, -1, 2]), loss="cross_entropy"),
            ValueError,
            r"y must hold class labels 0, 1, 2, …, got -1 at step 0 of sequence 1$",
        ),
        (
            odd(y=with_value(Y * 0, (2, 4, 0), 0.5), loss="cross_entropy"),
            ValueError,
            r"y must hold class labels 0, 1, 2, …, got 0.5 at step 4 of sequence 2$",
        ),
        (
            odd(y=np.array([0, 1, 3]), loss=xprnn.losses.CrossEntropy(num_classes=3)),
            ValueError,
            r"y must hold class labels 0 to 2, got 3 at step 0 of sequence 2$",
        ),
        (
            odd(y=np.array([[0, 1], [0.5, 0.6], [1, 0]]), loss="cross_entropy"),
            ValueError,
            r"y must hold probabilities that sum to 1, or class .*, got 0.5, 0.6 .* sequence 1$",
        ),
        (
            odd(y=np.array([0, 1, 3]), loss="binary_cross_entropy"),
            ValueError,
            r"y must hold numbers from 0 to 1, got 3 at step 0 of sequence 2$",
        ),
        (
            odd(y=LABELS, loss="cross_entropy", validation_data=(X, np.array([0, 2, 1]))),
            ValueError,
            r"validation_data\[1\] needs 3 outputs, but y has 2: it holds labels that y lacks",
        ),
        (
            odd(y=LABELS, loss="cross_entropy", validation_data=(X, np.array([0, 0.5, 1]))),
            ValueError,
            r"validation_data\[1\]: y must hold class labels .*, got 0.5 at step 0 of sequence 1$",
        ),
        # Validation data of another kind
        (
            odd(y=LAST, validation_data=(X, Y)),
            ValueError,
            r".*do not match mode='many_to_one': valid",
        ),
        (odd(validation_data=(X, LAST)), ValueError, r"validation_data\[0\] and .* same lengths"),
        (
            odd(x=X[:, 0], validation_data=(X[:, 0], Y[:, :3])),
            ValueError,
            r"validation_data\[1\] must have 5 step\(s\), like the network's output, got 3$",
        ),
        (
            odd(validation_data=(X, Y, np.ones((3, 4), bool))),
            ValueError,
            r"mask must have shape \(3, 5\), the steps of validation_data\[0\], got \(3, 4\)$",
        ),
        (
            odd(validation_data=(X, Y, np.stack(FEW))),
            ValueError,
            r"mask leaves no valid step in sequence 1$",
        ),
    ],
    ids=lambda value: ", ".join(k for k in value if k not in "xy") if type(value) is dict else "",
)
def test_what_does_not_go_together(options, error, message):
    with pytest.raises(error, match=f"^{message}"):
        fit(**options)


def test_what_a_model_cannot_do():
    """With sequences of a kind that its network does not take."""
    both, last = fit(X, X, bidirectional=True), fit(X, LAST)
    for model in (both, last, fit(X[:, 0], X), fit(X, X[:, :2], mode="encoder_decoder")):
        with pytest.raises(ValueError, match=r"^forecast runs the network step by step and feeds"):
            model.forecast(X, 2)
    with pytest.raises(ValueError, match=r"^predict_proba needs .*; this one has HalfMSE\(\)$"):
        last.predict_proba(X)
    with pytest.raises(ValueError, match=r"^y must have 5 step\(s\), like .* output, got 3$"):
        fit(X[:, 0], X).evaluate(X[:, 0], X[:, :3])
    with pytest.raises(ValueError, match=r"^x must be \(B, F\) or \(B, 1, F\) for .* got 5 steps"):
        fit(X[:, 0], X).predict(X)
    with pytest.raises(ValueError, match=r"^mode='many_to_one' needs several sequences"):
        last.evaluate(X[0], LAST[0])
    for call in (last.predict, last.predict_proba, lambda x, **o: last.evaluate(x, LAST, **o)):
        if call != last.predict_proba:
            with pytest.raises(ValueError, match=r"^lengths must be 1 to 5, the steps of x, got 6"):
                call(X, lengths=[5, 6, 5])
            with pytest.raises(ValueError, match=r"^mask leaves no valid step in sequence 1$"):
                call(X, mask=np.stack(FEW))
    with pytest.raises(
        ValueError, match=r"^x\[1\] must be \(T_i, 2\), as x\[0\] is, got \(5, 1\)$"
    ):
        last.predict([X[0], X[1, :, :1]])
    with pytest.raises(ValueError, match=r"^state\[0\] must have shape \(3, 2\), got \(2, 2\)$"):
        fit(X, Y).predict(X, state=(np.zeros((2, 2)),))
    with pytest.raises(ValueError, match=r"^state must be a tuple of 3 array\(s\), .* of 1$"):
        last.predict(X, state=(np.zeros((3, 2)),))  # the pool has a state as well
    with pytest.raises(ValueError, match=r"^state must be a tuple of 2 array\(s\), .* of 1$"):
        fit(X, Y, cell="lstm").predict(X, state=(np.zeros((3, 2)),))


def test_callbacks_that_cannot_work(tmp_path):
    for build, error, message in (
        (lambda: EarlyStopping(0), ValueError, "patience must be at least 1, got 0"),
        (lambda: EarlyStopping(monitor="acc"), ValueError, "monitor must be one of 'loss', 'val_l"),
        (
            lambda: EarlyStopping(min_delta=-1),
            ValueError,
            "min_delta must be .* at least 0, got -1",
        ),
        (
            lambda: ReduceOnPlateau(1.0),
            ValueError,
            "factor must be .* above 0 and below 1, got 1.0",
        ),
        (lambda: ReduceOnPlateau(patience=-1), ValueError, "patience must be at least 0, got -1"),
        (
            lambda: Checkpoint("model.pkl"),
            ValueError,
            r"path must end in .npz or .safetensors, got",
        ),
        (lambda: Checkpoint(tmp_path / "no" / "m.npz"), FileNotFoundError, "there is no folder '"),
        (lambda: Checkpoint("m.npz", every=0), ValueError, "every must be at least 1, got 0"),
        (
            lambda: Checkpoint("m.npz", monitor="loss"),
            ValueError,
            "monitor has no effect without best_only=True",
        ),
        (lambda: Checkpoint("m.npz", best_only=1), TypeError, "best_only must be True or False"),
        (lambda: EarlyStopping(restore_best=None), TypeError, "restore_best must be True or Fals"),
        (lambda: Log(write=3), TypeError, "write must be callable, got 3"),
        (lambda: Log(2.5), TypeError, "every must be an integer, got 2.5"),
    ):
        with pytest.raises(error, match=f"^{message}"):
            build()
    for callback in (EarlyStopping(monitor="val_loss"), ReduceOnPlateau(monitor="val_loss")):
        with pytest.raises(ValueError, match=r"^monitor='val_loss' needs validation_data$"):
            fit(callbacks=[callback])
    for factor, error in ((0, ValueError), ("half", TypeError), (float("inf"), ValueError)):
        with pytest.raises(error, match=r"^factor must be a"):
            fit(callbacks=[lambda training, by=factor: training.multiply_learning_rate(by)])


@pytest.mark.parametrize(
    ("build", "error", "message"),
    [
        (
            lambda: xprnn.optimizers.SGD(momentum=1.0),
            ValueError,
            r"momentum must .* below 1, got 1.0",
        ),
        (lambda: xprnn.optimizers.SGD(momentum=-0.1), ValueError, r"momentum must .* at least 0"),
        (lambda: xprnn.optimizers.SGD(momentum="x"), TypeError, r"momentum must be a number, got"),
        (lambda: xprnn.optimizers.SGD(0.0), ValueError, r"learning_rate must .* above 0, got 0.0"),
        (lambda: xprnn.optimizers.SGD(decay=-1), ValueError, r"decay must be .* at least 0, got -"),
        (lambda: xprnn.optimizers.Adam(beta1=1), ValueError, r"beta1 must be .* and below 1, got"),
        (lambda: Recurrent(0), ValueError, r"hidden_size must be at least 1, got 0"),
        (lambda: Recurrent(2.5), TypeError, r"hidden_size must be an integer, got 2.5"),
        (lambda: Dense(-1), ValueError, r"output_size must be at least 1, got -1"),
        (
            lambda: Recurrent(3, kernel_initializer="glorot_unifrom"),
            ValueError,
            r"kernel_initializer must be one of .*; did you mean 'glorot_uniform'\?",
        ),
        (
            lambda: Recurrent(3, recurrent_initializer=3),
            TypeError,
            r"recurrent_initializer must be one of 'glorot_normal', .* or an object with __call_",
        ),
        (
            lambda: Recurrent(3, cell="elmann"),
            ValueError,
            r"cell must be one of .*, got 'elmann'; did you mean 'elman'\?",
        ),
        (
            lambda: Recurrent(3, cell=3),
            TypeError,
            r"cell must be one of 'elman', .* or an object with forward, back",
        ),
        (lambda: Stack(()), ValueError, r"layers must hold at least one layer, got none"),
        (lambda: Stack((3,)), TypeError, r"layer must be an object with init, .*, got 3"),
    ],
)
def test_options_of_layers_and_optimizers(build, error, message):
    with pytest.raises(error, match=f"^{message}"):
        build()


@pytest.fixture(scope="module")
def model():
    """Two features, one output, two recurrent layers of two units."""
    return fit(X, Y, num_layers=2)


@pytest.mark.parametrize("x", [X[:, :, :1], X[0][:, :1], WAVE])
def test_features_at_predict(model, x):
    message = r"^x must have 2 feature\(s\) on its last axis, as in training, got 1: \(., .+, 1\)"
    with pytest.raises(ValueError, match=message):
        model.predict(x)


def test_outputs_at_evaluate(model):
    with pytest.raises(ValueError, match=r"^the network has 1 output\(s\), but .* needs 2"):
        model.evaluate(X, X)


H = np.zeros((3, 2))


@pytest.mark.parametrize(
    ("state", "error", "message"),
    [
        ((H,), ValueError, r"state must be a tuple of 2 array\(s\), .*, got tuple of 1$"),
        ((H, H, H), ValueError, r"state must be a tuple of 2 array\(s\), .*, got tuple of 3$"),
        (np.zeros((2, 3, 2)), ValueError, r"state must be a tuple of 2 array\(s\), .*, got ndarra"),
        ((H, H[:, :1]), ValueError, r"state\[1\] must have shape \(3, 2\), got \(3, 1\)"),
        ((H[0], H), ValueError, r"state\[0\] must have shape \(3, 2\), got \(2,\)"),
        ((H, None), TypeError, r"state\[1\] must be an array of numbers, got None"),
        ((H, H > 0), TypeError, r"state\[1\] has dtype bool: expected float32, float64 or integer"),
        (
            (H, np.full((3, 2), np.nan)),
            ValueError,
            r"state\[1\] must be finite, got nan at index \(0, 0\)",
        ),
    ],
    ids=["one", "three", "array", "units", "rank", "None", "bool", "nan"],
)
def test_state_at_predict(model, state, error, message):
    with pytest.raises(error, match=f"^{message}"):
        model.predict(X, state=state)


def test_forecast_needs_as_many_outputs_as_features(model):
    with pytest.raises(ValueError, match=r"^forecast .* has 2 feature\(s\) and 1 output\(s\)"):
        model.forecast(X, 3)


@pytest.mark.parametrize(
    ("steps", "error", "message"),
    [
        (0, ValueError, "at least 1, got 0"),
        (-1, ValueError, "at least 1, got -1"),
        (1.5, TypeError, "an integer, got 1.5"),
    ],
)
def test_steps_of_forecast(steps, error, message):
    with pytest.raises(error, match=f"^steps must be {message}"):
        fit().forecast(WAVE, steps)


def test_two_libraries_in_one_call(place):
    if place.backend.name == "numpy":
        pytest.skip("NumPy's arrays are of one library")
    x, y = place.array(X), place.array(Y)
    where = re.escape(str(place.backend))
    both = "expected both on one device of one library"
    with pytest.raises(ValueError, match=f"^x is on {where} and y on numpy: {both}"):
        fit(x, Y)
    with pytest.raises(ValueError, match=f"^x is on numpy and y on {where}: {both}"):
        fit(X, y, backend=str(place.backend))
    with pytest.raises(ValueError, match=rf"^x is on {where} and validation_data\[0\] on numpy"):
        fit(x, y, validation_data=(X, Y))
    trained = fit(x, y)
    with pytest.raises(ValueError, match=f"^x is on {where} and y on numpy: {both}"):
        trained.evaluate(x, Y)
    with pytest.raises(ValueError, match=rf"^x is on {where} and state\[0\] on numpy: {both}"):
        trained.predict(x, state=(H,))
    with pytest.raises(ValueError, match=rf"^x is on numpy and state\[0\] on {where}: {both}"):
        trained.predict(X, state=(place.array(H),))


def test_elsewhere_than_asked_for(place):
    if place.backend.name == "numpy":
        pytest.skip("NumPy's arrays are moved")
    x, y = place.array(X), place.array(Y)
    where = re.escape(str(place.backend))
    with pytest.raises(ValueError, match=f"^x is on {where}, but the computation is to run on num"):
        fit(x, y, backend="numpy")
    with pytest.raises(ValueError, match=f"^x is on {where}, but the computation is to run on num"):
        fit(X, Y).predict(x)


def test_two_devices():
    strict = pytest.importorskip("array_api_strict")
    x, y = strict.asarray(X), strict.asarray(Y, device=strict.Device("device1"))
    message = "x is on array_api_strict:cpu and y on array_api_strict:device1: expected both on one"
    with pytest.raises(ValueError, match=f"^{message}"):
        fit(x, y)
    with pytest.raises(ValueError, match="is to run on array_api_strict:device1: move the array"):
        fit(x, strict.asarray(Y), backend="array_api_strict:device1")
    with pytest.raises(
        ValueError, match=r"^x is on array_api_strict:device1, but .* to run on .*cpu"
    ):
        fit(x, strict.asarray(Y)).predict(strict.asarray(X, device=strict.Device("device1")))


def strided(a):
    wide = np.full((*a.shape[:-1], 2 * a.shape[-1]), np.nan)
    wide[..., ::2] = a
    return wide[..., ::2]


def read_only(a):
    a = a.copy()
    a.flags.writeable = False
    return a


class Quantity(np.ndarray):
    """Stands for a library's own ndarray, with an arithmetic of its own."""

    def __sub__(self, other):
        raise AssertionError("xprnn computes with plain arrays")


LAYOUTS = {
    "read-only": read_only,
    "strided": strided,
    "Fortran": np.asfortranarray,
    "reversed": lambda a: a[:, ::-1].copy()[:, ::-1],
    "big-endian": lambda a: a.astype(">f8"),
    "list": lambda a: a.tolist(),
    "table": Table,
    "subclass": lambda a: a.view(Quantity),
}


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=list(LAYOUTS))
def test_layouts_that_work(place, layout):
    """Training on the array and on its plain copy gives the same numbers."""
    backend = str(place.backend)
    plain = fit(X, Y, backend=backend, batch_size=2, epochs=2, validation_data=(X, Y))
    other = fit(
        layout(X),
        layout(Y),
        backend=backend,
        batch_size=2,
        epochs=2,
        validation_data=(layout(X), layout(Y)),
    )
    assert other.dtype == "float64"
    assert other.history.loss == pytest.approx(plain.history.loss, rel=1e-12)
    assert other.history.val_loss == pytest.approx(plain.history.val_loss, rel=1e-12)
    np.testing.assert_allclose(other.predict(layout(X)), plain.predict(X), rtol=1e-12)
    assert other.evaluate(layout(X), layout(Y)) == pytest.approx(plain.evaluate(X, Y), rel=1e-12)


def test_layouts_of_the_backend_itself(place):
    """Views of the library's own arrays: transposed, and of every second step."""
    plain = fit(place.array(X), place.array(Y)).predict(X)
    turned = [place.xp.permute_dims(place.array(a.transpose(2, 1, 0)), (2, 1, 0)) for a in (X, Y)]
    stepped = [place.array(np.repeat(a, 2, axis=1))[:, ::2, :] for a in (X, Y)]
    for x, y in (turned, stepped):
        np.testing.assert_allclose(place.host(fit(x, y).predict(x)), plain, rtol=1e-12)


def test_the_callers_arrays_are_left_alone(place):
    x, y = place.array(X), place.array(Y)
    model = fit(x, y, epochs=3, batch_size=2, validation_data=(x, y))
    model.predict(x)
    np.testing.assert_array_equal(place.host(x), X)
    np.testing.assert_array_equal(place.host(y), Y)


@pytest.mark.parametrize("kind", ["int8", "int64", "uint8", ">i4", "list"])
def test_integers_become_the_default_float(place, kind):
    steps = np.arange(12)
    x = steps.tolist() if kind == "list" else steps.astype(kind)
    default = place.backend.default_dtype
    model = fit(x, x, backend=str(place.backend))
    assert model.dtype == default
    assert model.predict(x).dtype == np.dtype(default)
    same = fit(steps.astype(default), steps.astype(default), backend=str(place.backend))
    assert model.history.loss == pytest.approx(same.history.loss, rel=1e-6)
    assert fit(x, x, backend=str(place.backend), dtype="float32").dtype == "float32"


def test_integers_of_the_backend_itself(place):
    x = place.array(np.arange(12), "int64")
    model = fit(x, x)
    assert model.dtype == place.backend.default_dtype
    assert of(model.predict(x)) == place.backend


def axes(*lengths):
    return st.lists(st.integers(0, 3), min_size=0, max_size=4).map(tuple) | st.just(lengths)


SAME, FIT = "x and y must have the same lengths", "x and y do not match mode='{}'"


def ruled(x, y):
    """Return the shape of the prediction for shapes of x and y, or the beginning of the error."""
    for name, shape in (("x", x), ("y", y)):
        if 0 in shape:
            return f"{name} is empty"
        if len(shape) not in (1, 2, 3):
            return f"{name} can't have the shape"
    if len(x) == 2 and len(y) == 3 and x[0] == y[0] > 1:
        return f"x {x} for y {y} can be one number" if x[1] == y[1] else y
    if len(x) < 3:
        own = y if len(y) < 3 else y[1:]
        return own if (len(y) < 3 or y[0] == 1) and own[0] == x[0] else SAME
    batch, steps, _ = x
    if len(y) == 2 and steps in (1, y[1]):
        return f"y {y} for x {x} can be one number"
    mode = "many_to_many"
    if len(y) < 3 or y[1] == 1 < steps:
        mode = "many_to_one"
    elif steps == 1 < y[1]:
        mode = "one_to_many"
    fits = y[0] == batch and (mode != "many_to_many" or y[1] == steps)
    return y if fits else SAME if mode == "many_to_many" else FIT.format(mode)


@given(
    shapes=st.tuples(axes(), axes())
    | st.tuples(*[st.integers(0, 3)] * 3).flatmap(
        lambda n: st.tuples(
            axes(*n), st.sampled_from([n, (*n[:2], 1), n[:2], n[1:], n[1:2], n[:1]])
        )
    )
)
@settings(max_examples=6 * settings.default.max_examples)
def test_any_shapes_work_or_are_refused_with_the_name_of_the_argument(shapes):
    x, y = (np.random.default_rng(0).random(shape) for shape in shapes)
    expected = ruled(*shapes)
    if isinstance(expected, tuple):
        assert fit(x, y).predict(x).shape == expected
        return
    with pytest.raises(ValueError, match=f"^{re.escape(expected)}"):
        fit(x, y)
