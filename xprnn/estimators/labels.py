"""Labels of sequences or of their steps: read, counted and weighed."""

import warnings
from typing import Any

import numpy as np
from sklearn.exceptions import DataConversionWarning
from sklearn.utils.class_weight import compute_sample_weight

from xprnn._validate import show
from xprnn.estimators.sequences import Read
from xprnn.estimators.targets import Targets, counted, on_host, per_step_weights, targets


def label_targets(y: Any, given: Read, mode: str | None, estimator: str) -> Targets:
    """Return y as labels for sequences (n,), or for their steps."""
    if mode == "encoder_decoder":
        raise ValueError("mode must be 'many_to_many' or 'many_to_one' for labels")
    found = targets(y, given, mode, estimator, labels=True)
    if found.mode == "many_to_one" and np.shape(found.y) == (len(given.lengths), 1):
        warnings.warn(
            "A column-vector y was passed when a 1d array was expected. Please change the "
            "shape of y to (n_samples, ), for example using ravel().",
            DataConversionWarning,
            stacklevel=4,
        )
        found = found._replace(y=found.y[:, 0])
    axes = 1 if isinstance(found.y, list) or found.mode == "many_to_one" else 2
    for labels in found.y if isinstance(found.y, list) else [found.y]:
        if labels.ndim != axes:
            raise ValueError(
                "y must hold one label for each sequence, (n,), or for each step, (n, T) or a "
                f"list of (T_i,), got {labels.shape} for {found.mode}"
            )
    return found


def known_labels(labels: Any, classes: Any, fitted: Any) -> Any:
    """Return all labels, sorted; raise if y has others.

    Parameters
    ----------
    labels : NumPy array
        Those of y.
    classes : array or None
        All that will come, if the caller says so.
    fitted : NumPy array or None
        Those of the first fit, if there was one.
    """
    known = np.unique(labels if classes is None else on_host(classes, "classes"))
    if fitted is not None:
        if classes is not None and not np.array_equal(known, fitted):
            raise ValueError(f"classes must be those of the first call, got {_few(known)}")
        known = fitted
    new = np.setdiff1d(labels, known)
    if new.size:
        raise ValueError(
            f"y holds the label {show(new.tolist()[0])}, which is not one of {_few(known)}"
        )
    if len(known) < 2:
        raise ValueError(f"y has 1 class, {show(known.tolist()[0])}: expected at least two classes")
    return known


def _few(labels: Any) -> str:
    return show(labels.tolist())


def label_weights(
    class_weight: Any, sample_weight: Any, labels: Any, found: Targets, given: Read
) -> Any:
    """Return the weights of sequences or steps, those of their classes included."""
    if class_weight is None:
        return None if sample_weight is None else on_host(sample_weight)
    weights = compute_sample_weight(class_weight, labels)
    own = counted(sample_weight, found.y, given, found.mode)
    weights = weights if own is None else weights * own
    per_step = found.mode == "many_to_many"
    return per_step_weights(weights, given.lengths) if per_step else weights


def flat(y: Any) -> Any:
    """Return all labels (N,)."""
    return np.concatenate(y) if isinstance(y, list) else y.ravel()


def shaped(codes: Any, y: Any) -> Any:
    """Return numbers (N,) in the shape of y."""
    if isinstance(y, list):
        return np.split(codes, np.cumsum([len(labels) for labels in y])[:-1])
    return codes.reshape(y.shape)
