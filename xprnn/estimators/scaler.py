"""The scaler."""

from typing import Any

from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from xprnn._sequences.scaling import Scaler
from xprnn._typing import Array
from xprnn.estimators.sequences import Read, read


class SequenceScaler(TransformerMixin, BaseEstimator):
    """Brings every feature of sequences to mean 0 and standard deviation 1, over all steps.

    As ``StandardScaler``, but for X (n, T, F) and lists of arrays (T_i, F), where every
    step counts the same. A 2-D X, sequences of one number a step, has one feature: one
    mean for all its columns.

    Attributes
    ----------
    mean_ : array, (F,)
    scale_ : array, (F,)
        The standard deviations, 1 for a feature that is constant.
    n_features_in_ : int
        The features F of X; of a 2-D X its columns, which are its steps.
    feature_names_in_ : NumPy array of str
        Only if X was a table with names of columns.

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
        """Say what X may be."""
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
            If X has other axes, is empty, or holds NaN or infinity.
        """
        given = read(self, X, method="fit", reset=True)
        xp = given.place.xp
        with given.place.active():
            if isinstance(given.x, list):
                steps = xp.concat(given.x, axis=0)
            else:
                steps = xp.reshape(given.x, (-1, given.features))
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
            In the form of X.

        Raises
        ------
        ValueError
            If X is not like the X of `fit`.
        """
        return self._mapped(X, "transform", Scaler.apply)

    def inverse_transform(self, X):
        """Return x · scale + mean.

        Parameters
        ----------
        X : array, (n, T, F) or (n, T), or list of arrays (T_i, F)

        Returns
        -------
        array or list of arrays
            In the form of X.

        Raises
        ------
        ValueError
            If X is not like the X of `fit`.
        """
        return self._mapped(X, "inverse_transform", Scaler.invert)

    def _mapped(self, X: Any, method: str, change: Any) -> Array | list[Array]:
        """Change the numbers of X, and give it back in its form."""
        check_is_fitted(self)
        given: Read = read(self, X, method=method, reset=False)
        scaler = Scaler(self.mean_, self.scale_)
        with given.place.active():
            if isinstance(given.x, list):
                return [change(scaler, x) for x in given.x]
            found: Array = change(scaler, given.x)
            return found[:, :, 0] if given.columns else found
