"""What X is: n sequences of one length, or of any."""

from typing import Any, NamedTuple

import numpy as np
from sklearn import get_config
from sklearn.utils import check_array
from sklearn.utils.validation import validate_data

from xprnn._typing import Array
from xprnn._validate import warn
from xprnn.backend import Backend, dtype_name, of, refuse_masked
from xprnn.backend.frames import names, order_columns
from xprnn.estimators._lags import warn_of_others

__all__ = ["MEANING", "Read", "arrays_of", "native", "read", "warn_of_one_step"]

MEANING = (
    "Here rows are samples: X is (n, T, F), n sequences of T steps; a list of arrays (T_i, F); or "
    "2-D, (n, T), n sequences of one number a step. The function xprnn.fit reads 2-D otherwise, as "
    "(T, F), one sequence."
)


class Read(NamedTuple):
    """Sequences as `fit` and `Model.predict` take them."""

    x: Any
    """(n, T, F), or a list of (T_i, F); float32 or float64."""
    columns: bool
    """Whether they came as (n, T)."""

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


def arrays_of(value: Any) -> list[Any] | None:
    """Return the items of a list, or of an array of objects, if all are arrays; else None."""
    if isinstance(value, np.ndarray) and value.dtype == object and value.ndim == 1:
        value = list(value)
    if not isinstance(value, list | tuple) or not value:
        return None
    return list(value) if all(getattr(item, "ndim", 0) for item in value) else None


def native(value: Any) -> Any:
    """Return an array as it came where scikit-learn dispatches, else as a NumPy array."""
    if get_config()["array_api_dispatch"] and of(value) is not None:
        return value
    return np.asarray(value)


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
    items = arrays_of(X)
    tables = items is not None and all(item.ndim == 2 for item in items)
    if reset:
        estimator._names = names("X", items) if tables else None
    if tables:
        items = order_columns("X", items, estimator._names)
    if items is not None and {item.ndim for item in items} == {1}:
        if len({item.shape for item in items}) == 1:
            X, items = np.stack([np.asarray(item) for item in items]), None
        else:
            items = [native(item)[:, None] for item in items]
    given = _block(estimator, X) if items is None else Read(_list(items), columns=False)
    _fits(estimator, X, given, method, reset)
    return given


def _list(items: list[Any]) -> list[Array]:
    """Return arrays (T_i, F) of one library, F and dtype."""
    shapes = [tuple(item.shape) for item in items]
    odd = [i for i, shape in enumerate(shapes) if len(shape) != 2 or shape[1] != shapes[0][-1]]
    if odd:
        raise ValueError(
            f"X[{odd[0]}] must be (T_i, F) with the F of X[0], {shapes[0]}, "
            f"got {shapes[odd[0]]}. {MEANING}"
        )
    found = [_floats(check_array(native(a), input_name=f"X[{i}]")) for i, a in enumerate(items)]
    if len({dtype_name(a) for a in found}) > 1:
        found = [of(a).asarray(a, "float64") for a in found]
    return found


def _block(estimator: Any, X: Any) -> Read:
    """Return an array, or what NumPy makes one of, as sequences of one length."""
    if getattr(X, "ndim", None) != 2 or of(X) is not None:
        try:
            X = native(X)
        except ValueError as error:
            raise ValueError(
                f"X must be an array or a list of arrays: {error}. {MEANING}"
            ) from error
    if X.ndim == 3:
        n, T, F = X.shape
        if 0 in (n, T, F):
            raise ValueError(f"X is empty: {tuple(X.shape)}. {MEANING}")
        rows = of(X).xp.reshape(X, (-1, F))
        rows = _floats(check_array(rows, input_name="X", estimator=estimator))
        return Read(of(rows).xp.reshape(rows, (n, T, F)), columns=False)
    if X.ndim != 2:
        raise ValueError(
            f"X must have two or three axes, got {X.ndim}: {tuple(X.shape)}. Reshape your data: "
            f"one sequence is X[None], or X[None, :, None] for one number a step. {MEANING}"
        )
    array = _floats(check_array(X, input_name="X", estimator=estimator))
    return Read(array[:, :, None], columns=True)


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
        f"X has {found} features, but {name} is expecting {expected} features as input. {MEANING}"
    )
