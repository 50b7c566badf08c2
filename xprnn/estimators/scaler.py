"""The scikit-learn scaler."""

from typing import Any

from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from xprnn._sequences.scaling import Scaler
from xprnn._typing import Array
from xprnn.estimators.sequences import Samples, apply, read_samples


class SequenceScaler(TransformerMixin, BaseEstimator):
    """Scale every feature of sequences to mean 0 and standard deviation 1, over all steps.

    Like ``StandardScaler``, but for X (n, T, F) and lists of arrays (T_i, F), in which every step
    has the same weight. A 2-D X, sequences with one number per step, has one feature and so one
    mean for all its columns.

    Attributes
    ----------
    mean_ : array, (F,)
    scale_ : array, (F,)
        The standard deviations; 1 for a constant feature.
    n_features_in_ : int
        The number of features F of X; for a 2-D X the number of columns, which are its steps.
    feature_names_in_ : NumPy array of str
        The column names, if X was a table with names.

    Examples
    --------
    >>> import numpy as np
    >>> from xprnn.estimators import SequenceScaler
    >>> X = [np.array([[1.0, 10.0], [3.0, 10.0]]), np.array([[2.0, 10.0]])]
    >>> scaler = SequenceScaler().fit(X)
    >>> scaler.mean_.tolist()
    [2.0, 10.0]
    >>> [x.shape for x in scaler.transform(X)]
    [(2, 2), (1, 2)]
    """

    def __sklearn_tags__(self):
        """Describe the X that the scaler accepts."""
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        tags.array_api_support = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags

    def fit(self, X, y=None):
        """Measure the means and standard deviations.

        Parameters
        ----------
        X : array, (n, T, F) or (n, T), or list of arrays (T_i, F)
        y : ignored

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If X has the wrong axes, is empty, or holds NaN or infinity.
        """
        samples: Samples = read_samples(self, X, method="fit", reset=True)
        xp = samples.place.xp
        with samples.place.active():
            if isinstance(samples.x, list):
                steps = xp.concat(samples.x, axis=0)
            else:
                steps = xp.reshape(samples.x, (-1, samples.features))
            self.mean_, self.scale_ = Scaler.of(steps, xp=xp)
        return self

    def transform(self, X):
        """Return (x - mean) / scale.

        Parameters
        ----------
        X : array, (n, T, F) or (n, T), or list of arrays (T_i, F)

        Returns
        -------
        array or list of arrays
            The result, in the form of X.

        Raises
        ------
        ValueError
            If X does not match the X of `fit`.
        """
        return self._map(X, "transform", Scaler.apply)

    def inverse_transform(self, X):
        """Return x · scale + mean.

        Parameters
        ----------
        X : array, (n, T, F) or (n, T), or list of arrays (T_i, F)

        Returns
        -------
        array or list of arrays
            The result, in the form of X.

        Raises
        ------
        ValueError
            If X does not match the X of `fit`.
        """
        return self._map(X, "inverse_transform", Scaler.invert)

    def _map(self, X: Any, method: str, function: Any) -> Array | list[Array]:
        """Apply a function of a scaler to X, and return the result in the form of X."""
        check_is_fitted(self)
        samples: Samples = read_samples(self, X, method=method, reset=False)
        scaler = Scaler(self.mean_, self.scale_)
        with samples.place.active():
            mapped = apply(lambda x: function(scaler, x), samples.x)
            return mapped[:, :, 0] if samples.two_axes else mapped
