"""The classifier."""

import dataclasses
from typing import Any

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.metrics import accuracy_score
from sklearn.utils import assert_all_finite
from sklearn.utils.multiclass import check_classification_targets

from xprnn import losses
from xprnn._keywords import suggest_keywords
from xprnn._validate import show
from xprnn.backend import to_host
from xprnn.estimators.base import SequenceEstimator, place
from xprnn.estimators.labels import flat, known_labels, label_targets, label_weights, shaped
from xprnn.estimators.sequences import Read
from xprnn.estimators.targets import counted
from xprnn.estimators.targets import targets as read_targets
from xprnn.losses import CrossEntropy


class RNNClassifier(ClassifierMixin, SequenceEstimator):
    """A recurrent network that gives labels for sequences, as an estimator of scikit-learn.

    Parameters
    ----------
    mode : {"many_to_many", "many_to_one"}, optional
        How y relates to X. Left out, the shapes tell: y (n,) has a label for each sequence;
        (n, T), and a list of arrays (T_i,) with the lengths of X, one for each step.
    column_order : {"oldest_first", "newest_first"}
        The order of the columns of a 2-D X, which are steps. Tables of lags, such as
        skforecast's ``lag_1, lag_2, …``, have the newest step first.
    network, cell, hidden_size, num_layers, activation, bidirectional, dropout
        Of the network; see `xprnn.fit`.
    recurrent_dropout, pool
        Of the network; see `xprnn.fit`.
    loss : {"cross_entropy"} or CrossEntropy
        Give an object for `label_smoothing`; the weights of classes are `class_weight`.
    class_weight : dict or "balanced", optional
        How much each label counts; with ``"balanced"`` all labels count the same in sum.
    optimizer, learning_rate, penalty, epochs, batch_size, tbptt, checkpoint_every
        Of the training; see `xprnn.fit`.
    clip_norm, standardize, callbacks, progress
        Of the training; see `xprnn.fit`.
    warm_start : bool
        Whether a second `fit` goes on with the trained network, for `epochs` more, with its
        parameters and standardisation. The optimizer starts anew.
    random_state : int, RandomState or None
        Of the initial weights and the batches.
    backend : str or Backend, optional
        Where to compute. NumPy arrays are moved there, and predictions come back as NumPy
        arrays. Left out, where X is.
    dtype : {"float32", "float64"}, optional
        The dtype to compute in; left out, that of X. Integers count as float64.

    Attributes
    ----------
    model_ : Model
        The trained model. For it, a label is its place in `classes_`.
    classes_ : NumPy array
        The labels, sorted.
    n_features_in_ : int
        The features F of X; of a 2-D X its columns, which are its steps.
    feature_names_in_ : NumPy array of str
        Only if X was a table with names of columns.
    n_outputs_ : int
        The network's outputs, one for each class.
    loss_curve_ : list of float
        The loss of each epoch.
    n_iter_ : int
        The number of epochs so far.

    See Also
    --------
    xprnn.fit : The function.

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

    classes_: Any

    @suggest_keywords
    def __init__(
        self,
        *,
        mode=None,
        column_order="oldest_first",
        network=None,
        cell="elman",
        hidden_size=64,
        num_layers=1,
        activation="tanh",
        bidirectional=False,
        dropout=0.0,
        recurrent_dropout=0.0,
        pool=None,
        loss="cross_entropy",
        class_weight=None,
        optimizer=None,
        learning_rate=None,
        penalty=None,
        epochs=300,
        batch_size=None,
        tbptt=None,
        checkpoint_every=None,
        clip_norm=1.0,
        standardize=True,
        warm_start=False,
        random_state=None,
        backend=None,
        dtype=None,
        callbacks=(),
        progress=False,
    ):
        self._store(locals())

    def fit(self, X, y, sample_weight=None):
        """Train on sequences X and labels y.

        Parameters
        ----------
        X : array, (n, T, F) or (n, T), or list of arrays (T_i, F)
            n sequences; two axes are n sequences of one number a step.
        y : array of labels, (n,) or (n, T), or list of arrays (T_i,)
            Labels of any kind; see `mode`.
        sample_weight : array, (n,), or (n, T) for labels at each step, optional
            How much each sequence, or step, counts, as if it occurred so many times.

        Returns
        -------
        self

        Raises
        ------
        ValueError, TypeError
            If an argument does not fit, or y holds one class only; the message says what
            was expected and what came.
        NonFiniteError
            If the training diverges.
        """
        return self._fit(
            X, y, sample_weight, method="fit", epochs=self.epochs, anew=self._starts_anew()
        )

    def partial_fit(self, X, y, classes=None, sample_weight=None):
        """Train for one more epoch; the first call makes the network.

        The first call also measures the standardisation.

        Parameters
        ----------
        X, y, sample_weight
            As for `fit`.
        classes : array of labels, optional
            All labels that will ever come. The first call needs it.

        Returns
        -------
        self
        """
        anew = not hasattr(self, "model_")
        if anew and classes is None:
            raise ValueError("classes must be given in the first call of partial_fit, got None")
        if self.class_weight == "balanced":
            raise ValueError(
                "class_weight='balanced' needs all labels at once, and partial_fit sees some; "
                "give a dict"
            )
        return self._fit(
            X, y, sample_weight, method="partial_fit", epochs=1, anew=anew, classes=classes
        )

    def _fit(self, X, y, sample_weight, *, method, epochs, anew, classes=None):
        loss = losses.get(self.loss)
        if not isinstance(loss, CrossEntropy) or loss.class_weights is not None:
            raise ValueError(
                "loss must be 'cross_entropy' or a CrossEntropy without class_weights, which are "
                f"class_weight here, got {show(loss)}"
            )
        sequences = self._read(X, method, reset=anew)
        targets = label_targets(y, sequences, self.mode, type(self).__name__)
        labels = flat(targets.y)
        assert_all_finite(labels, input_name="y")
        check_classification_targets(labels)
        classes = known_labels(np.unique(labels), classes, None if anew else self.classes_)
        codes = np.searchsorted(classes, labels).astype("int64")
        weights = label_weights(self.class_weight, sample_weight, labels, targets, sequences)
        loss = dataclasses.replace(loss, num_classes=len(classes))
        targets = targets._replace(y=shaped(codes, targets.y))
        self._train(sequences, targets, weights, loss=loss, epochs=epochs, anew=anew)
        self.classes_ = classes
        return self

    def predict(self, X):
        """Return the most probable labels.

        Parameters
        ----------
        X : array, (n, T, F) or (n, T), or list of arrays (T_i, F)
            Sequences of any lengths; a 2-D X must have the columns of the training.

        Returns
        -------
        array or list of arrays
            (n,), or labels for each step, like y. From the library of X if they are numbers,
            else from NumPy.

        Raises
        ------
        ValueError
            If X is not like the X of the training.
        """
        sequences = self._read_fitted(X, "predict")
        labels = self._predict_labels(sequences)
        return place(labels, sequences) if self.classes_.dtype.kind in "iuf" else labels

    def _predict_labels(self, sequences: Read) -> Any:
        """Return the most probable labels, on the host."""
        scores = self.model_.predict(sequences.x)
        if isinstance(scores, list):
            return [self.classes_[to_host(a).argmax(axis=-1)] for a in scores]
        return self.classes_[to_host(scores).argmax(axis=-1)]

    def predict_proba(self, X):
        """Return the probabilities of the classes, in the order of `classes_`.

        Parameters
        ----------
        X : array, (n, T, F) or (n, T), or list of arrays (T_i, F)
            As for `predict`.

        Returns
        -------
        array or list of arrays
            (n, C), (n, T, C) or arrays (T_i, C), of the library of X.

        Raises
        ------
        ValueError
            If X is not like the X of the training.
        """
        sequences = self._read_fitted(X, "predict_proba")
        return self.model_.predict_proba(sequences.x)

    def score(self, X, y, sample_weight=None):
        """Return the share of labels that are predicted correctly.

        Parameters
        ----------
        X, y
            As for `fit`.
        sample_weight : array, (n,), or (n, T) for labels at each step, optional

        Returns
        -------
        float
        """
        sequences = self._read_fitted(X, "score")
        y = read_targets(y, sequences, self.model_.mode, type(self).__name__).y
        weights = counted(sample_weight, y, sequences, self.model_.mode)
        y, y_hat = flat(y), flat(self._predict_labels(sequences))
        if y.shape != y_hat.shape:
            raise ValueError(f"y must hold {len(y_hat)} labels for this X, got {len(y)}")
        return float(accuracy_score(y, y_hat, sample_weight=weights))
