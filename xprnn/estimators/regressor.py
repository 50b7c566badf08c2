"""The regressor."""

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
        How y relates to X. By default it is inferred from the shapes: y (n, T, O), and a list
        of arrays with the lengths of X, have a target for each step; (n,), (n, 1) and (n, O)
        one for each sequence. y (n, T) for X of T steps can be either, and is refused.
        "encoder_decoder" is never inferred.
    column_order : {"oldest_first", "newest_first"}
        The order of the columns of a 2-D X, which are its steps. Tables of lags, such as
        skforecast's ``lag_1, lag_2, …``, have the newest step first.
    network, cell, hidden_size, num_layers, activation, bidirectional, dropout, \
recurrent_dropout, pool, skip
        Of the network; see `xprnn.fit`. The cell is a GRU.
    loss : str or Loss
        A loss for quantities: ``"half_mse"``, ``"mse"``, ``"mae"``, ``"huber"``, or your own.
    optimizer, learning_rate, penalty, epochs, batch_size, checkpoint_every
        Of the training; see `xprnn.fit`. It takes 100 epochs in batches of 16 sequences.
    tbptt : int, "auto" or None
        Into chunks of how many steps to cut sequences with a target at each step; see
        `xprnn.fit`. "auto" is 100 if an epoch would be one batch, and None, uncut, if not.
    early_stopping, validation_fraction, clip_norm, standardize, callbacks, progress
        Of the training; see `xprnn.fit`. What is held out are whole samples; a `fit` that
        continues holds out the same.
    warm_start : bool
        Whether a second `fit` continues from the trained network, for `epochs` more epochs, with
        its parameters and standardisation. The optimizer starts anew.
    random_state : int, RandomState or None
        The seed of the initial weights and of the batches.
    backend : str or Backend, optional
        Where to compute; by default where X is. NumPy arrays are moved there, and predictions
        come back as NumPy arrays.
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
        The names of the columns, if X was a table with names.
    n_outputs_ : int
        The network's outputs.
    loss_curve_ : list of float
        The loss of each epoch, in the units of y.
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
            mode = "many_to_one"  # for X of one step too: a column has one number a sample
        return Targets(y, self._pair(X, y, mode))

    def _predict(self, X: Samples) -> Any:
        return self.model_.predict(X.x)

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
            If X does not match the X of the training.
        """
        return self._predict(self._read_fitted(X, "predict"))


def _to_float(argument: str, y: Any) -> Any:
    """Return finite numbers, integers as float64."""
    array = check_array(y, ensure_2d=False, allow_nd=True, input_name=argument)
    return array if np.issubdtype(array.dtype, np.floating) else array.astype("float64")
