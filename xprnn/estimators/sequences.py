"""Read X as samples: n sequences of equal or different lengths."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from sklearn import get_config
from sklearn.utils import check_array
from sklearn.utils.validation import validate_data

from xprnn._fields import warn
from xprnn._sequences.columns import is_list, label_items, order_columns, read_names
from xprnn._sequences.reading import MEANING, check_finite, read_arrays, to_one_dtype
from xprnn._typing import Array
from xprnn.backend import Backend, admit, dtype_name, of, refuse_masked, to_host
from xprnn.backend.frames import is_frame
from xprnn.estimators.lags import warn_of_other_columns


class Samples(NamedTuple):
    """X in the form that `xprnn.fit` and `Model.predict` take."""

    x: Any
    """(n, T, F), or a list of (T_i, F); float32 or float64."""
    two_axes: bool
    """Whether X was (n, T), with a column for each step."""
    frames: Any = None
    """The original X if it may be a frame or hold frames, for their index."""

    @property
    def features(self) -> int:
        """The number of features F."""
        return int(self._first.shape[-1])

    @property
    def place(self) -> Backend:
        """The backend of the samples."""
        place: Backend = of(self._first)
        return place

    @property
    def _first(self) -> Array:
        return self.x[0] if isinstance(self.x, list) else self.x

    def move_here(self, y: Any) -> Any:
        """Move an array, or a list of arrays, from the host to the backend of X."""
        return apply(lambda a: self.place.asarray(a, str(a.dtype)), y)


def apply(function: Callable[[Array], Any], y: Any) -> Any:
    """Apply a function to an array, or to each array of a list."""
    return [function(a) for a in y] if isinstance(y, list) else function(y)


def to_list(value: Any) -> Any:
    """Return an object array of arrays as a list, and anything else unchanged."""
    if isinstance(value, np.ndarray) and value.dtype == object and value.ndim == 1:
        return list(value) if is_list(list(value)) else value
    return value


def _dispatch(argument: str, value: Any) -> Any:
    """Return an array unchanged if array API dispatch is on, else as a NumPy array."""
    if get_config()["array_api_dispatch"] and of(value) is not None:
        return value
    if value is None or isinstance(value, str | bytes):
        return admit(argument, value)  # raises scikit-learn's error
    try:
        return np.asarray(value)
    except ValueError:
        return admit(argument, value)  # raises the error for a ragged list


def read_on_host(argument: str, value: Any) -> Any:
    """Return an argument as a NumPy array of any dtype."""
    refuse_masked(argument, value)
    return to_host(_dispatch(argument, value))


def read_samples(estimator: Any, X: Any, *, method: str, reset: bool) -> Samples:
    """Read X as sequences, and check that they match the estimator.

    Parameters
    ----------
    estimator : estimator
        With `reset`, its ``n_features_in_`` and everything else that a later X must match are set.
    X : array, (n, T, F) or (n, T), or list of arrays (T_i, F) or (T_i,)
    method : str
        The name of the calling method, for errors.
    reset : bool
        Whether this is the X of a first fit.

    Raises
    ------
    ValueError
        If X has the wrong axes, holds NaN or infinity, is empty, or does not match the X of the
        first fit.
    """
    refuse_masked("X", X)
    X = to_list(X)
    axes = {len(getattr(item, "shape", ())) for item in X} if is_list(X) else set()
    if reset:
        estimator._names = read_names("X", X) if axes == {2} else None
    if axes == {2}:
        X = order_columns("X", X, estimator._names)
    if axes == {1} and len({item.shape for item in X}) == 1:
        samples = _read_two_axes(estimator, np.stack([np.asarray(a) for a in X]))
    elif getattr(X, "ndim", None) == 2:  # an array, a frame, or a sparse matrix
        samples = _read_two_axes(estimator, X if of(X) is None else _dispatch("X", X), X)
    else:
        samples = _read_three_axes(estimator, X)
    _check_features(estimator, X, samples, method, reset)
    return samples


def _read_two_axes(estimator: Any, X: Any, frames: Any = None) -> Samples:
    """Read (n, T) as (n, T, 1), by scikit-learn's rules."""
    array = check_array(X, input_name="X", estimator=estimator)
    return Samples(_to_float(array)[:, :, None], two_axes=True, frames=frames)


def _read_three_axes(estimator: Any, X: Any) -> Samples:
    """Read an array (n, T, F), a plain list of any depth, or a list of arrays."""
    if is_list(X):
        array = [a if is_frame(a) else _dispatch(f"X[{i}]", a) for i, a in enumerate(X)]
    else:
        array = _dispatch("X", X)
        if array.ndim == 2:
            return _read_two_axes(estimator, array)
    array = read_arrays("X", array, rows="samples", one_axis=True)
    for item in label_items("X", array):
        check_finite(*item)
    if isinstance(array, list):
        arrays = to_one_dtype([_to_float(a) for a in array])
        return Samples(arrays, two_axes=False, frames=X)
    return Samples(_to_float(array), two_axes=False)


def _to_float(array: Array) -> Array:
    """Return integers as float64, and floats unchanged."""
    if dtype_name(array).startswith(("int", "uint", "bool")):
        floats: Array = of(array).asarray(array, "float64")
        return floats
    return array


def _check_features(estimator: Any, X: Any, samples: Samples, method: str, reset: bool) -> None:
    """Store what later X must match; raise ValueError if this X does not match the first."""
    name = type(estimator).__name__
    if reset:
        estimator._two_axes = samples.two_axes
        estimator._place = samples.place
        vars(estimator).pop("feature_names_in_", None)
        estimator.n_features_in_ = samples.features
    elif samples.place != estimator._place:
        raise ValueError(
            f"Inputs passed to {name}.{method}() must use the same namespace and the same device "
            f"as those passed to fit(), {estimator._place}, got {samples.place}"
        )
    columns = samples.two_axes and estimator._two_axes
    features = samples.x.shape[1] if columns else samples.features
    expected = 1 if estimator._two_axes and not columns else estimator.n_features_in_
    if features != expected and not (columns and reset):
        raise ValueError(
            f"X has {features} features, but {name} is expecting {expected} features as input. "
            f"{MEANING['samples']}"
        )
    if columns:
        validate_data(estimator, X, reset=reset, skip_check_array=True)
        if reset:
            warn_of_other_columns(getattr(estimator, "feature_names_in_", ()))


def warn_of_one_step(samples: Samples) -> None:
    """Warn if every sequence is one step of several features: the axes may be swapped."""
    listed = isinstance(samples.x, list)
    steps = {a.shape[0] for a in samples.x} if listed else {samples.x.shape[1]}
    if not samples.two_axes and samples.features > 1 and steps == {1}:
        swapped = "[x.T for x in X]" if listed else "X.swapaxes(1, 2)"
        warn(
            f"each sequence of X has one step, of {samples.features} features: X is (n, T, F) "
            f"here, and (n, F, T) in sktime and aeon, whose X is {swapped} here"
        )
