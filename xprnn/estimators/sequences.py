"""What X is: n sequences of one length, or of any."""

from typing import Any, NamedTuple

import numpy as np
from sklearn import get_config
from sklearn.utils import check_array
from sklearn.utils.validation import validate_data

from xprnn._sequences.columns import is_list, label_items, order_columns, read_names
from xprnn._sequences.reading import MEANING, check_finite, read_arrays, to_one_dtype
from xprnn._typing import Array
from xprnn._validate import warn
from xprnn.backend import Backend, admit, dtype_name, of, refuse_masked
from xprnn.backend.frames import is_frame
from xprnn.estimators.lags import warn_of_others

SAMPLES = MEANING["samples"]


class Read(NamedTuple):
    """Sequences as `fit` and `Model.predict` take them."""

    x: Any
    """(n, T, F), or a list of (T_i, F); float32 or float64."""
    columns: bool
    """Whether they came as (n, T)."""
    frames: Any = None
    """X as it came, whose index y must have."""

    @property
    def lengths(self) -> list[int]:
        """T_i."""
        if isinstance(self.x, list):
            return [a.shape[0] for a in self.x]
        return [self.x.shape[1]] * self.x.shape[0]

    @property
    def features(self) -> int:
        """F."""
        return int(self._first.shape[-1])

    @property
    def place(self) -> Backend:
        """Where they are."""
        found: Backend = of(self._first)
        return found

    @property
    def _first(self) -> Array:
        return self.x[0] if isinstance(self.x, list) else self.x


def to_list(value: Any) -> Any:
    """Return the list of arrays that an array of objects holds, and anything else as it came."""
    if isinstance(value, np.ndarray) and value.dtype == object and value.ndim == 1:
        return list(value) if is_list(list(value)) else value
    return value


def native(argument: str, value: Any) -> Any:
    """Return an array as it came where scikit-learn dispatches, else as a NumPy array."""
    if get_config()["array_api_dispatch"] and of(value) is not None:
        return value
    if value is None or isinstance(value, str | bytes):
        return admit(argument, value)  # which refuses it, as below
    try:
        return np.asarray(value)
    except ValueError:
        return admit(argument, value)


def read(estimator: Any, X: Any, *, method: str, reset: bool) -> Read:
    """Return X as sequences that fit the estimator.

    Parameters
    ----------
    estimator : estimator
        Gets ``n_features_in_`` and what else tells whether a later X fits, if `reset`.
    X : array, (n, T, F) or (n, T), or list of arrays (T_i, F) or (T_i,)
    method : str
        What errors call the call.
    reset : bool
        Whether X is that of a first fit.

    Raises
    ------
    ValueError
        If X has other axes, holds NaN or infinity, is empty, or is not like the X of the
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
        given = Read(_two_axes(estimator, np.stack([np.asarray(a) for a in X])), columns=True)
    elif getattr(X, "ndim", None) == 2:  # an array, a frame, or a sparse matrix
        array = X if of(X) is None else native("X", X)
        given = Read(_two_axes(estimator, array), columns=True, frames=X)
    else:
        given = _read(estimator, X)
    _fits(estimator, X, given, method, reset)
    return given


def _two_axes(estimator: Any, X: Any) -> Array:
    """Return (n, T) as (n, T, 1), read by scikit-learn's own rules."""
    return _floats(check_array(X, input_name="X", estimator=estimator))[:, :, None]


def _read(estimator: Any, X: Any) -> Read:
    """Return an array (n, T, F), what NumPy makes an array of, or a list of arrays."""
    if is_list(X):
        array = [a if is_frame(a) else native(f"X[{i}]", a) for i, a in enumerate(X)]
    else:
        array = native("X", X)
        if array.ndim == 2:
            return Read(_two_axes(estimator, array), columns=True)
    array = read_arrays("X", array, rows="samples", one_axis=True)
    for item in label_items("X", array):
        check_finite(*item)
    if isinstance(array, list):
        return Read(to_one_dtype([_floats(a) for a in array]), columns=False, frames=X)
    return Read(_floats(array), columns=False)


def _floats(array: Array) -> Array:
    """Return an array whose integers are float64."""
    if dtype_name(array).startswith(("int", "uint", "bool")):
        found: Array = of(array).asarray(array, "float64")
        return found
    return array


def _fits(estimator: Any, X: Any, given: Read, method: str, reset: bool) -> None:
    """Note what the first X is like; raise if another is not like it."""
    name = type(estimator).__name__
    if reset:
        estimator._columns = given.columns
        estimator._place = given.place
        vars(estimator).pop("feature_names_in_", None)
        estimator.n_features_in_ = given.features
    elif given.place != estimator._place:
        raise ValueError(
            f"Inputs passed to {name}.{method}() must use the same namespace and the same device "
            f"as those passed to fit(), {estimator._place}, got {given.place}"
        )
    if given.columns and estimator._columns:
        found = given.x.shape[1]
        if not reset and found != estimator.n_features_in_:
            raise _other(found, estimator.n_features_in_, name)
        validate_data(estimator, X, reset=reset, skip_check_array=True)
        if reset:
            warn_of_others(getattr(estimator, "feature_names_in_", ()))
        return
    expected = 1 if estimator._columns else estimator.n_features_in_
    if given.features != expected:
        raise _other(given.features, expected, name)


def warn_of_one_step(given: Read) -> None:
    """Warn if every sequence is one step of several features: the axes may be swapped."""
    if not given.columns and given.features > 1 and set(given.lengths) == {1}:
        turned = "[x.T for x in X]" if isinstance(given.x, list) else "X.swapaxes(1, 2)"
        warn(
            f"each sequence of X has one step, of {given.features} features: X is (n, T, F) here, "
            f"and (n, F, T) in sktime and aeon, whose X is {turned} here"
        )


def _other(found: int, expected: int, name: str) -> ValueError:
    return ValueError(
        f"X has {found} features, but {name} is expecting {expected} features as input. {SAMPLES}"
    )
