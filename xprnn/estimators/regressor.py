"""The regressor."""

from typing import Any

import numpy as np
from sklearn.base import RegressorMixin
from sklearn.metrics import r2_score
from sklearn.utils import check_array

from xprnn import losses
from xprnn._validate import show
from xprnn.estimators.base import SequenceEstimator
from xprnn.estimators.sequences import Read
from xprnn.estimators.targets import Targets, counted, on_host, rows
from xprnn.estimators.targets import targets as read_targets


class RNNRegressor(RegressorMixin, SequenceEstimator):
    """A recurrent network that gives numbers for sequences, as an estimator of scikit-learn.

    Parameters
    ----------
    mode : {"many_to_many", "many_to_one", "encoder_decoder"}, optional
        How y relates to X. Left out, the shapes tell: y (n, T, O), and lists of arrays with
        the lengths of X, have a target for each step; (n,), (n, 1) and (n, O) one for each
        sequence. y (n, T) for X of T steps can be either, and is refused. The last mode must
        always be given.
    column_order : {"oldest_first", "newest_first"}
        The order of the columns of a 2-D X, which are steps. Tables of lags, such as
        skforecast's ``lag_1, lag_2, …``, have the newest step first.
    network, cell, hidden_size, num_layers, activation, bidirectional, dropout
        Of the network; see `xprnn.fit`.
    recurrent_dropout, pool
        Of the network; see `xprnn.fit`.
    loss : str or Loss
        A loss of quantities: ``"half_mse"``, ``"mse"``, ``"mae"``, ``"huber"``, or your own.
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
        The dtype to compute in; left out, the wider of those of X and y. Integers count as
        float64.

    Attributes
    ----------
    model_ : Model
        The trained model.
    n_features_in_ : int
        The features F of X; of a 2-D X its columns, which are its steps.
    feature_names_in_ : NumPy array of str
        Only if X was a table with names of columns.
    n_outputs_ : int
        The network's outputs.
    loss_curve_ : list of float
        The loss of each epoch, computed on y as it was given, not standardised.
    n_iter_ : int
        The number of epochs so far.

    See Also
    --------
    xprnn.fit : The function.

    Examples
    --------
    >>> import numpy as np
    >>> from xprnn.estimators import RNNRegressor
    >>> X = np.random.default_rng(0).standard_normal((50, 8, 2))
    >>> y = X[:, -1, 0] - X[:, -2, 1]
    >>> regressor = RNNRegressor(hidden_size=16, epochs=100, learning_rate=0.02, random_state=0)
    >>> regressor.fit(X, y).score(X, y) > 0.9
    True
    >>> regressor.predict(X[:3]).shape
    (3,)
    """

    def __sklearn_tags__(self):
        """Say what X and y may be."""
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags

    def fit(self, X, y, sample_weight=None):
        """Train on sequences X and targets y.

        Parameters
        ----------
        X : array, (n, T, F) or (n, T), or list of arrays (T_i, F)
            n sequences; two axes are n sequences of one number a step.
        y : array, (n,), (n, O), (n, T) or (n, T, O), or list of arrays (T_i,) or (T_i, O)
            Targets; see `mode`.
        sample_weight : array, (n,), or (n, T) for targets at each step, optional
            How much each sequence, or step, counts, as if it occurred so many times.

        Returns
        -------
        self

        Raises
        ------
        ValueError, TypeError
            If an argument does not fit; the message says what was expected and what came.
        NonFiniteError
            If the training diverges.
        """
        return self._fit(
            X, y, sample_weight, method="fit", epochs=self.epochs, anew=self._starts_anew()
        )

    def partial_fit(self, X, y, sample_weight=None):
        """Train for one more epoch; the first call makes the network.

        The first call also measures the standardisation.

        Parameters
        ----------
        X, y, sample_weight
            As for `fit`.

        Returns
        -------
        self
        """
        return self._fit(
            X, y, sample_weight, method="partial_fit", epochs=1, anew=not hasattr(self, "model_")
        )

    def _fit(self, X, y, sample_weight, *, method, epochs, anew):
        loss = losses.get(self.loss)
        if not losses.standardizes(loss):
            raise ValueError(f"loss must be one of quantities, got {show(loss)}; see RNNClassifier")
        sequences = self._read(X, method, reset=anew)
        targets = self._read_targets(y, sequences)
        weights = None if sample_weight is None else on_host(sample_weight)
        self._train(sequences, targets, weights, loss=loss, epochs=epochs, anew=anew)
        return self

    def _read_targets(self, y: Any, sequences: Read) -> Targets:
        """Read y as finite floats."""
        targets = read_targets(y, sequences, self.mode, type(self).__name__)
        if isinstance(targets.y, list):
            return targets._replace(y=[_floats(f"y[{i}]", a) for i, a in enumerate(targets.y)])
        return targets._replace(y=_floats("y", targets.y))

    def predict(self, X):
        """Return the network's outputs for sequences.

        Parameters
        ----------
        X : array, (n, T, F) or (n, T), or list of arrays (T_i, F)
            Sequences of any lengths; a 2-D X must have the columns of the training.

        Returns
        -------
        array or list of arrays
            With the axes of the y of the training, from the library of X; a list for a list
            if there are targets for each step.

        Raises
        ------
        ValueError
            If X is not like the X of the training.
        """
        sequences = self._read_fitted(X, "predict")
        return self.model_.predict(sequences.x)

    def score(self, X, y, sample_weight=None):
        """Return R² of the predictions, over all steps that have a target.

        Parameters
        ----------
        X, y
            As for `fit`.
        sample_weight : array, (n,), or (n, T) for targets at each step, optional

        Returns
        -------
        float
            The mean over the outputs of 1 - Σ (ŷ - y)² / Σ (y - mean y)².
        """
        sequences = self._read_fitted(X, "score")
        mode = self.model_.mode
        y = read_targets(y, sequences, mode, type(self).__name__).y
        y_hat = self.model_.predict(sequences.x)
        weights = counted(sample_weight, y, sequences, mode)
        y_hat = [on_host(a) for a in y_hat] if isinstance(y_hat, list) else on_host(y_hat)
        y, y_hat = rows(y, mode), rows(y_hat, mode)
        if y.shape != y_hat.shape:
            raise ValueError(
                f"y must have {y_hat.shape[1]} number(s) for each of {y_hat.shape[0]} predictions, "
                f"got {y.shape[1]} for each of {y.shape[0]}"
            )
        return float(r2_score(y, y_hat, sample_weight=weights))


def _floats(argument: str, y: Any) -> Any:
    """Return finite numbers; integers become float64."""
    array = check_array(y, ensure_2d=False, allow_nd=True, input_name=argument)
    return array if np.issubdtype(array.dtype, np.floating) else array.astype("float64")
