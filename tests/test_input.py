"""What comes in at the public edge: refused with a message that helps, or it works."""

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import xprnn
from xprnn.backend import of, to_host
from xprnn.layers import Dense, Recurrent, Stack

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
    "bool": (WAVE > 0, r"has dtype bool: expected float32, float64 or integers"),
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
        r"has dtype object: expected .*, got for example array\(\[0., 0.\]\)",
    ),
    "foreign": (
        Foreign(),
        r"is a .*\.Foreign, which is of none of the known libraries \(numpy, cupy, torch, "
        r"array_api_strict\); convert it to a NumPy array",
    ),
}
NO_SEQUENCES = {
    "empty": (np.zeros(0), r"is empty: \(0,\)"),
    "an empty list": ([], r"is empty: \(0,\)"),
    "no features": (np.zeros((5, 0)), r"is empty: \(5, 0\)"),
    "no steps": (np.zeros((3, 0, 2)), r"is empty: \(3, 0, 2\)"),
    "a number": (3.0, r"must be \(T,\), \(T, F\) .* or \(B, T, F\) .*, got 0 axes: \(\)"),
    "four axes": (np.zeros((1, 2, 3, 4)), r"must be \(T,\).*, got 4 axes: \(1, 2, 3, 4\)"),
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
    [("bfloat16", "bfloat16"), ("float16", "float16"), ("complex64", "complex64"), ("bool",) * 2],
)
def test_dtypes_of_torch_are_refused_by_name(dtype, name):
    torch = pytest.importorskip("torch")
    x = torch.zeros(12, dtype=getattr(torch, dtype))
    with pytest.raises(TypeError, match=f"^x has dtype {name}: expected float32, float64 or int"):
        fit(x, torch.zeros(12))


def test_tensors_that_require_grad():
    torch = pytest.importorskip("torch")
    with pytest.raises(ValueError, match=r"^y requires grad; xprnn has gradients of its own: deta"):
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
        (
            X,
            Y[:, 0, 0],
            r".*, y 1 of 3; y of one number a step for several sequences is \(B, T, 1\)",
        ),
        (
            X,
            Y[:, :, 0],
            r".*, y 1 of 3; y of one number a step for several sequences is \(B, T, 1\)",
        ),
        (
            X[:, :, 0],
            Y,
            r".*, y 3 of 5; x of one number a step for several sequences is \(B, T, 1\)",
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
        ({"loss": "zzz"}, ValueError, r"loss must be one of 'half_mse', .*, 'mse', got 'zzz'$"),
        ({"loss": None}, TypeError, r"loss must be one of .* or an object with .*, got None"),
        ({"optimizer": "adma"}, ValueError, r"optimizer must be .*; did you mean 'adam'\?"),
        ({"optimizer": 3}, TypeError, r"optimizer must be one of 'adam', 'sgd' or an object w"),
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
        ({"learning_rate": "fast"}, TypeError, r"learning_rate must be a number, got 'fast'"),
        ({"clip_norm": 0.0}, ValueError, r"clip_norm must be a finite number above 0, got 0.0"),
        ({"clip_norm": float("inf")}, ValueError, r"clip_norm must be a finite .* got inf"),
        ({"clip_norm": "1"}, TypeError, r"clip_norm must be a number, got '1'"),
        ({"callbacks": [3]}, TypeError, r"callbacks must hold callables, got 3"),
        ({"callbacks": print}, TypeError, r"callbacks must be a sequence of callables"),
        ({"callbacks": 3}, TypeError, r"callbacks must be a sequence of callables, got 3"),
        ({"standardize": "no"}, TypeError, r"standardize must be True or False, got 'no'"),
        ({"progress": "yes"}, TypeError, r"progress must be True, False or None, got 'yes'"),
        ({"validation_data": WAVE}, TypeError, r"validation_data must be a pair \(x, y\)"),
        ({"validation_data": (X,)}, TypeError, r"validation_data must be a pair \(x, y\)"),
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
        ({"network": NETWORK}, ValueError, r"the network gives 2 output\(s\), but y has 1"),
        ({"network": NETWORK, "hidden_size": 3}, ValueError, r"hidden_size, .* with network= give"),
        ({"network": NETWORK, "activation": "relu"}, ValueError, r".* with network= give them to"),
        ({"network": "lstm"}, TypeError, r"network must be an object with init, .*, got 'lstm'"),
        ({"network": Recurrent}, TypeError, r"network must be an object with init, .*, got <cl"),
    ],
    ids=lambda value: str(value)[:40] if isinstance(value, dict) else "",
)
def test_options_of_fit(options, error, message):
    with pytest.raises(error, match=f"^{message}"):
        fit(**options)


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
            lambda: Recurrent(3, cell="elman"),
            TypeError,
            r"cell must be an object with forward, back",
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
    with pytest.raises(ValueError, match=r"^y must have 1 output\(s\), got 2"):
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


@given(
    shapes=st.tuples(axes(), axes())
    | st.tuples(*[st.integers(0, 3)] * 3).flatmap(
        lambda n: st.tuples(axes(*n), st.sampled_from([n, (*n[:2], 1), n[1:], n[1:2]]))
    )
)
def test_any_shapes_work_or_are_refused_with_the_name_of_the_argument(shapes):
    x, y = (np.random.default_rng(0).random(shape) for shape in shapes)

    def sizes(shape):
        if len(shape) not in (1, 2, 3) or 0 in shape:
            return None
        return {1: (1, *shape), 2: (1, shape[0]), 3: shape[:2]}[len(shape)]

    if sizes(x.shape) is None:
        expected = "^x (must be|is empty)"
    elif sizes(y.shape) is None:
        expected = "^y (must be|is empty)"
    elif sizes(x.shape) != sizes(y.shape):
        expected = "^x and y must have the same lengths"
    else:
        predicted = fit(x, y).predict(x)
        assert to_host(predicted).size == y.size
        if x.ndim == y.ndim:
            assert predicted.shape == y.shape
        return
    with pytest.raises(ValueError, match=expected):
        fit(x, y)
