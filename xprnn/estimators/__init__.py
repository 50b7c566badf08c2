"""Estimators for scikit-learn 1.6 or newer: networks for grid searches and pipelines.

`RNNRegressor` and `RNNClassifier` wrap `xprnn.fit` as scikit-learn estimators; `SequenceScaler`
standardises sequences, as ``StandardScaler`` does rows. Rows are samples, as everywhere in
scikit-learn, and each sample is a sequence. X is

- (n, T, F): n sequences of T steps of F features;
- a list, or an object array, of arrays (T_i, F): n sequences of any lengths;
- (n, T): n sequences with one number per step. The columns are the steps, the oldest first unless
  `column_order` says otherwise. A list of arrays (T_i,) is read the same way.

`xprnn.fit` reads two axes differently: as the steps and features of one sequence.
"""

from importlib import import_module
from typing import Any

from xprnn.errors import MissingExtraError

__all__ = ["RNNClassifier", "RNNRegressor", "SequenceScaler"]

_FILES = {"RNNClassifier": "classifier", "RNNRegressor": "regressor", "SequenceScaler": "scaler"}


def __getattr__(name: str) -> Any:
    """Import scikit-learn when an estimator is first used."""
    if name not in _FILES:
        raise AttributeError(f"module 'xprnn.estimators' has no attribute {name!r}")
    try:
        module = import_module(f"xprnn.estimators.{_FILES[name]}")
    except ImportError as error:
        raise MissingExtraError(
            f"xprnn.estimators.{name} needs scikit-learn, 1.6 or newer: "
            f'pip install "scikit-learn>=1.6" ({error})'
        ) from error
    return getattr(module, name)
