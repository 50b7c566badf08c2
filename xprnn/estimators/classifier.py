"""The scikit-learn classifier."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.exceptions import DataConversionWarning
from sklearn.metrics import accuracy_score
from sklearn.utils import assert_all_finite
from sklearn.utils.class_weight import compute_sample_weight
from sklearn.utils.multiclass import check_classification_targets

from xprnn import losses
from xprnn._fields import show, warn
from xprnn._keywords import suggest_keywords
from xprnn.backend import to_host
from xprnn.estimators.base import SequenceEstimator, Targets
from xprnn.estimators.sequences import Samples, apply, read_on_host
from xprnn.losses import CrossEntropy, Loss
from xprnn.training import Network


@dataclass(kw_only=True, repr=False, eq=False)
class RNNClassifier(ClassifierMixin, SequenceEstimator):
    """A recurrent network that predicts labels of sequences, as a scikit-learn estimator.

    Parameters
    ----------
    mode : {"many_to_many", "many_to_one"}, optional
        How y relates to X. By default it is inferred from the shapes: y (n,) has a label for each
        sequence; y (n, T), or a list of arrays (T_i,) with the lengths of X, has one for each
        step.
    column_order : {"oldest_first", "newest_first"}
        The order of the columns of a 2-D X, which are its steps. Tables of lags, such as
        skforecast's ``lag_1, lag_2, …``, have the newest step first.
    network, cell, hidden_size, num_layers, activation, dropout, recurrent_dropout, skip
        The network; see `xprnn.fit`. The default cell is a GRU.
    bidirectional : bool, optional
        Whether the network also reads sequences backward. By default it does for one label per
        sequence, and does not for labels at each step.
    pool : {"last", "mean", "max"}, optional
        How to reduce the steps to one label per sequence; by default with the maximum.
    loss : {"cross_entropy"} or CrossEntropy
        The loss; an object can set `label_smoothing`. Class weights are set by `class_weight`.
    class_weight : dict or "balanced", optional
        The weight of each label; with ``"balanced"`` all classes have the same total weight.
    optimizer, learning_rate, penalty, epochs, batch_size, checkpoint_every
        The training; see `xprnn.fit`. The defaults are 100 epochs and batches of 16 sequences.
    tbptt : int, "auto" or None
        The number of steps in the chunks of truncated BPTT, for targets at each step; see
        `xprnn.fit`. "auto" is 100 if an epoch would be a single batch, and otherwise None, which
        does not cut sequences.
    early_stopping, validation_fraction, clip_norm, standardize, callbacks, progress
        The training; see `xprnn.fit`. Whole samples are held out; a `fit` that continues holds out
        the same ones.
    warm_start : bool
        Whether a second `fit` continues from the trained network, with its parameters and
        standardisation, for `epochs` more epochs. The optimizer starts afresh.
    random_state : int, RandomState or None
        Seed for the initial weights and the batches.
    backend : str or Backend, optional
        The backend to compute on; by default the backend of X. NumPy arrays are moved there, and
        predictions come back as NumPy arrays.
    dtype : {"float32", "float64"}, optional
        The dtype to compute in; by default the dtype of X. Integers count as float64.

    Attributes
    ----------
    model_ : Model
        The trained model. Its labels are indices into `classes_`.
    classes_ : NumPy array
        The labels, sorted.
    n_features_in_ : int
        The number of features F of X; for a 2-D X the number of columns, which are its steps.
    feature_names_in_ : NumPy array of str
        The column names, if X was a table with names.
    n_outputs_ : int
        The number of outputs, one for each class.
    loss_curve_ : list of float
        The training loss of each epoch.
    n_iter_ : int
        The number of epochs trained so far.

    See Also
    --------
    xprnn.fit : The function that trains the network.

    Examples
    --------
    >>> import numpy as np
    >>> from xprnn.estimators import RNNClassifier
    >>> rng = np.random.default_rng(0)
    >>> X = [rng.standard_normal((length, 2)) for length in rng.integers(2, 9, 40)]
    >>> y = ["up" if x[-1, 0] > 0 else "down" for x in X]
    >>> classifier = RNNClassifier(hidden_size=8, epochs=60, learning_rate=0.03, random_state=0)
    >>> classifier.fit(X, y).score(X, y) > 0.9
    True
    >>> classifier.classes_.tolist(), classifier.predict_proba(X[:3]).shape
    (['down', 'up'], (3, 2))
    """

    bidirectional: bool | None = None
    loss: str | Loss = "cross_entropy"
    class_weight: Any = None

    score = SequenceEstimator.score
    _metric = staticmethod(accuracy_score)
    _modes = ("many_to_many", "many_to_one")

    def partial_fit(self, X, y, classes=None, sample_weight=None):
        """Train for one more epoch.

        The first call builds the network and measures the standardisation.

        Parameters
        ----------
        X, y, sample_weight
            As for `fit`.
        classes : array of labels, optional
            All labels that can occur in any call; required in the first call.

        Returns
        -------
        self
        """
        self._refuse_partial()
        anew = not hasattr(self, "model_")
        if anew and classes is None:
            raise ValueError("classes must be given in the first call of partial_fit, got None")
        if self.class_weight == "balanced":
            raise ValueError(
                "class_weight='balanced' needs all labels at once, and partial_fit sees only "
                "some of them; pass a dict"
            )
        return self._fit(
            X, y, sample_weight, method="partial_fit", epochs=1, anew=anew, classes=classes
        )

    def _choose_network(self, mode: str) -> Network:
        """Return the network's options: bidirectional and max-pooled for one label per sequence."""
        whole = mode == "many_to_one"
        return Network.of(
            self,
            feedback=False,
            bidirectional=whole if self.bidirectional is None else self.bidirectional,
            pool="max" if whole and self.pool is None else self.pool,
        )

    def _fit(self, X, y, sample_weight, *, method, epochs, anew, classes=None):
        loss = losses.get(self.loss)
        if not isinstance(loss, CrossEntropy) or loss.class_weights is not None:
            raise ValueError(
                "loss must be 'cross_entropy' or a CrossEntropy without class_weights (set "
                f"class_weight instead), got {show(loss)}"
            )
        samples = self._read(X, method, reset=anew)
        targets = self._read_targets(y, samples, self.mode, reset=anew)
        weights = self._read_weights(sample_weight, y, samples, targets.pair)
        classes = _choose_classes(targets.labels, classes, None if anew else self.classes_)
        if self.class_weight is not None:
            weights = _weigh_classes(self.class_weight, targets, weights)
        codes = np.searchsorted(classes, targets.labels)
        targets = targets._replace(y=apply(lambda a: codes[a], targets.y))
        loss = replace(loss, num_classes=len(classes))
        self._train(samples, targets, weights, loss=loss, epochs=epochs, anew=anew)
        self.classes_: Any = classes
        return self

    def _read_targets(self, y: Any, X: Samples, mode: str | None, reset: bool) -> Targets:
        """Read y and encode its labels."""
        y = self._read_y(y, X, mode, reset)
        if not isinstance(y, list) and y.shape[1:] == (1,) and mode != "many_to_many":
            warn(
                "A column-vector y was passed when a 1d array was expected. Please change the "
                "shape of y to (n_samples, ), for example using ravel().",
                DataConversionWarning,
            )
            y = y[:, 0]
        axes = 1 + y[0].ndim if isinstance(y, list) else y.ndim
        if axes not in {"many_to_one": (1,), "many_to_many": (2,)}.get(mode or "", (1, 2)):
            raise ValueError(
                "y must hold one label for each sequence, (n,), or for each step, (n, T) or a "
                f"list of (T_i,), got {axes} axes and mode={show(mode)}"
            )
        mode = mode or ("many_to_one" if axes == 1 else "many_to_many")
        labels = np.concatenate(y, axis=None) if isinstance(y, list) else y.ravel()
        assert_all_finite(labels, input_name="y")
        check_classification_targets(labels)
        labels = np.unique(labels)
        y = apply(lambda a: np.searchsorted(labels, a), y)
        return Targets(y, self._pair(X, y, mode), labels)

    def predict(self, X):
        """Return the most probable labels.

        Parameters
        ----------
        X : array, (n, T, F) or (n, T), or list of arrays (T_i, F)
            Sequences of any lengths; a 2-D X must have the columns of the training data.

        Returns
        -------
        array or list of arrays
            Labels (n,), or labels for each step, like y. Numeric labels are in the array library
            of X, others in NumPy.

        Raises
        ------
        ValueError
            If X does not match the training data.
        """
        samples = self._read_fitted(X, "predict")
        labels = apply(lambda codes: self.classes_[codes], self._predict(samples))
        return samples.move_here(labels) if self.classes_.dtype.kind in "iuf" else labels

    def _predict(self, X: Samples) -> Any:
        """Return the codes of the most probable labels, on the host."""
        return apply(lambda a: to_host(a).argmax(axis=-1), self.model_.predict(X.x))

    def predict_proba(self, X):
        """Return the probabilities of the classes, in the order of `classes_`.

        Parameters
        ----------
        X : array, (n, T, F) or (n, T), or list of arrays (T_i, F)
            See `predict`.

        Returns
        -------
        array or list of arrays
            Probabilities (n, C) or (n, T, C), or a list of arrays (T_i, C), in the array library
            of X.

        Raises
        ------
        ValueError
            If X does not match the training data.
        """
        samples = self._read_fitted(X, "predict_proba")
        return self.model_.predict_proba(samples.x)


def _choose_classes(labels: Any, classes: Any, fitted: Any) -> Any:
    """Return all classes, sorted; raise ValueError if y has a label that is not among them.

    Parameters
    ----------
    labels : NumPy array
        The labels of y.
    classes : array or None
        All labels, if the caller passed them.
    fitted : NumPy array or None
        The classes of the first fit, if this is a later fit.
    """
    known = np.unique(labels if classes is None else read_on_host("classes", classes))
    if fitted is not None:
        if classes is not None and not np.array_equal(known, fitted):
            raise ValueError(
                f"classes must be those of the first call, {show(fitted.tolist())}, "
                f"got {show(known.tolist())}"
            )
        known = fitted
    new = np.setdiff1d(labels, known)
    if new.size:
        raise ValueError(
            f"y holds the label {show(new.tolist()[0])}, which is not one of {show(known.tolist())}"
        )
    if len(known) < 2:
        raise ValueError(f"y has 1 class, {show(known.tolist()[0])}: expected at least two classes")
    return known


def _weigh_classes(class_weight: Any, targets: Targets, weights: Any) -> Any:
    """Return the weights of sequences (n,) or steps (n, T), times those of their classes."""
    pair = targets.pair
    product = np.ones(pair.valid.shape)
    product[pair.valid] = compute_sample_weight(class_weight, targets.rows())
    if weights is not None:
        product *= weights.reshape(len(product), -1)
    return product if pair.mode == "many_to_many" else product[:, 0]


RNNClassifier.__init__ = suggest_keywords(RNNClassifier.__init__)  # type: ignore[method-assign]
