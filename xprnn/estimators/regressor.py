"""The scikit-learn regressor."""

from typing import Any

import numpy as np
from sklearn.base import RegressorMixin
from sklearn.metrics import r2_score
from sklearn.utils import check_array

from xprnn import losses
from xprnn._fields import show
from xprnn._sequences.columns import label_items
from xprnn.estimators.base import SequenceEstimator, Targets
from xprnn.estimators.sequences import Samples


class RNNRegressor(RegressorMixin, SequenceEstimator):
    """A recurrent network that predicts numbers from sequences, as a scikit-learn estimator.

    Parameters
    ----------
    mode : {"many_to_many", "many_to_one", "encoder_decoder"}, optional
        How y relates to X. By default it is inferred from the shapes: y (n, T, O), or a list of
        arrays with the lengths of X, has a target for each step; y (n,), (n, 1) or (n, O) has one
        for each sequence. y (n, T) is ambiguous if X has T steps, and raises an error.
        "encoder_decoder" is never inferred.
    column_order : {"oldest_first", "newest_first"}
        The order of the columns of a 2-D X, which are its steps. Tables of lags, such as
        skforecast's ``lag_1, lag_2, …``, have the newest step first.
    network, cell, hidden_size, num_layers, activation, bidirectional, dropout, \
recurrent_dropout, pool, skip
        The network; see `xprnn.fit`. The default cell is a GRU.
    loss : str or Loss
        A loss for quantities: ``"half_mse"``, ``"mse"``, ``"mae"``, ``"huber"``, or a user-defined
        one.
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
        The dtype to compute in; by default the wider of the dtypes of X and y. Integers count as
        float64.

    Attributes
    ----------
    model_ : Model
        The trained model.
    n_features_in_ : int
        The number of features F of X; for a 2-D X the number of columns, which are its steps.
    feature_names_in_ : NumPy array of str
        The column names, if X was a table with names.
    n_outputs_ : int
        The number of outputs.
    loss_curve_ : list of float
        The training loss of each epoch, in the units of y.
    n_iter_ : int
        The number of epochs trained so far.

    See Also
    --------
    xprnn.fit : The function that trains the network.

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
        """Describe the X and y that the estimator accepts."""
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags

    score = SequenceEstimator.score
    _metric = staticmethod(r2_score)
    _modes = ("many_to_many", "many_to_one", "encoder_decoder")

    def partial_fit(self, X, y, sample_weight=None):
        """Train for one more epoch.

        The first call builds the network and measures the standardisation.

        Parameters
        ----------
        X, y, sample_weight
            As for `fit`.

        Returns
        -------
        self
        """
        self._refuse_partial()
        anew = not hasattr(self, "model_")
        return self._fit(X, y, sample_weight, method="partial_fit", epochs=1, anew=anew)

    def _fit(self, X, y, sample_weight, *, method, epochs, anew):
        loss = losses.get(self.loss)
        if not losses.standardizes(loss):
            raise ValueError(
                f"loss must be a loss for quantities, got {show(loss)}; see RNNClassifier"
            )
        samples = self._read(X, method, reset=anew)
        targets = self._read_targets(y, samples, self.mode, reset=anew)
        weights = self._read_weights(sample_weight, y, samples, targets.pair)
        self._train(samples, targets, weights, loss=loss, epochs=epochs, anew=anew)
        return self

    def _read_targets(self, y: Any, X: Samples, mode: str | None, reset: bool) -> Targets:
        """Read y as finite floats."""
        y = self._read_y(y, X, mode, reset)
        arrays = [_to_float(*item) for item in label_items("y", y)]
        y = arrays if isinstance(y, list) else arrays[0]
        if mode is None and not isinstance(y, list) and y.shape[1:2] == (1,):
            mode = "many_to_one"  # also if X has one step: a column has one number for each sample
        return Targets(y, self._pair(X, y, mode))

    def _predict(self, X: Samples) -> Any:
        return self.model_.predict(X.x)

    def predict(self, X):
        """Return the network's outputs for sequences.

        Parameters
        ----------
        X : array, (n, T, F) or (n, T), or list of arrays (T_i, F)
            Sequences of any lengths; a 2-D X must have the columns of the training data.

        Returns
        -------
        array or list of arrays
            The predictions, with the axes of the training data's y and in the array library of X;
            a list for a list if there are targets for each step.

        Raises
        ------
        ValueError
            If X does not match the training data.
        """
        return self._predict(self._read_fitted(X, "predict"))


def _to_float(argument: str, y: Any) -> Any:
    """Return y, which must be finite, with integers as float64."""
    array = check_array(y, ensure_2d=False, allow_nd=True, input_name=argument)
    return array if np.issubdtype(array.dtype, np.floating) else array.astype("float64")
