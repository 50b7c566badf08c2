"""The base of the regressor and the classifier: reading X and y, training and scoring."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any, ClassVar, NamedTuple

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from xprnn._fields import flag, unknown
from xprnn._keywords import suggest_keywords
from xprnn._model import Model
from xprnn._sequences.columns import (
    check_indexes,
    is_list,
    label_items,
    order_columns,
    read_shared_names,
)
from xprnn._sequences.modes import Pair, read_pair, read_weights
from xprnn.activations import Activation
from xprnn.backend import Backend, to_host
from xprnn.cells import Cell
from xprnn.estimators.lags import ORDERS, warn_of_order
from xprnn.estimators.sequences import (
    Samples,
    read_on_host,
    read_samples,
    to_list,
    warn_of_one_step,
)
from xprnn.layers import Layer
from xprnn.losses import Loss
from xprnn.optimizers import Optimizer
from xprnn.penalties import Penalty
from xprnn.schedules import Schedule
from xprnn.training import Method, Network, prepare, train
from xprnn.training.options import differences

CHUNK = 100
"""The number of steps in a chunk with ``tbptt="auto"``."""


class Targets(NamedTuple):
    """The y of an estimator, as numbers or as codes of labels."""

    y: Any
    """A NumPy array, or a list of them, in the form that `xprnn.fit` takes."""
    pair: Pair
    """X and y in a common layout."""
    labels: Any = None
    """The labels behind the codes; None for numbers."""

    def rows(self) -> Any:
        """Return the numbers (N, O) or the labels (N,) of all sequences or all steps."""
        rows = to_host(self.pair.y)[self.pair.valid]
        return rows if self.labels is None else self.labels[rows[:, 0].astype("int64")]


@dataclass(kw_only=True, repr=False, eq=False)
class SequenceEstimator(BaseEstimator):
    """A network with the options of `xprnn.fit`."""

    mode: str | None = None
    column_order: str = "oldest_first"
    network: Layer | None = None
    cell: str | Cell = "gru"
    hidden_size: int = 64
    num_layers: int = 1
    activation: str | Activation = "tanh"
    bidirectional: bool | None = False
    dropout: float = 0.0
    recurrent_dropout: float = 0.0
    pool: str | None = None
    skip: int = 0
    loss: str | Loss = "half_mse"
    optimizer: str | Optimizer | None = None
    learning_rate: float | Schedule | None = None
    penalty: Penalty | None = None
    epochs: int = 100
    batch_size: int | str | None = 16
    tbptt: int | str | None = "auto"
    checkpoint_every: int | None = None
    early_stopping: bool = False
    validation_fraction: float | None = None
    clip_norm: float | None = 1.0
    standardize: bool = True
    warm_start: bool = False
    random_state: Any = None
    backend: str | Backend | None = None
    dtype: str | None = None
    callbacks: Iterable[Callable[..., Any]] = ()
    progress: bool | None = False

    _modes: ClassVar[tuple[str, ...]]

    def __sklearn_tags__(self):
        """Describe the X and y that the estimator accepts."""
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        tags.array_api_support = True
        return tags

    def fit(self, X, y, sample_weight=None):
        """Train on sequences X and targets y.

        Parameters
        ----------
        X : array, (n, T, F) or (n, T), or list of arrays (T_i, F)
            n sequences; with two axes, n sequences with one number per step.
        y : array or list of arrays
            The targets, one for each sequence or one for each step; see `mode`. For a regressor
            (n,), (n, O), (n, T) or (n, T, O), or a list of (T_i,) or (T_i, O). For a classifier,
            labels of any kind, (n,) or (n, T), or a list of (T_i,).
        sample_weight : array, (n,), or (n, T) for targets at each step, optional
            The weight of each sequence or step, which counts as if it occurred that many times.

        Returns
        -------
        self

        Raises
        ------
        ValueError, TypeError
            If an argument is invalid, or y holds labels of only one class; the message says what
            was expected and what it got.
        NonFiniteError
            If the training diverges.
        """
        anew = not (flag("warm_start", self.warm_start) and hasattr(self, "model_"))
        return self._fit(X, y, sample_weight, method="fit", epochs=self.epochs, anew=anew)

    def score(self, X, y, sample_weight=None):
        """Return the score of the predictions: R² for a regressor, accuracy for a classifier.

        With targets at each step, every step counts as a sample.

        Parameters
        ----------
        X, y
            As for `fit`.
        sample_weight : array, (n,), or (n, T) for targets at each step, optional

        Returns
        -------
        float
            R² is the mean over the outputs of 1 - Σ (ŷ - y)² / Σ (y - mean y)²; accuracy is the
            share of labels predicted correctly.
        """
        samples, mode = self._read_fitted(X, "score"), self.model_.mode
        targets = self._read_targets(y, samples, mode, reset=False)
        y_hat = self._predict(samples)
        pair = self._pair(samples, y_hat, mode, "y_hat")
        predictions = Targets(y_hat, pair, getattr(self, "classes_", None))
        true, predicted = targets.rows(), predictions.rows()
        if true.shape != predicted.shape:
            raise ValueError(
                f"y must have {predicted[0].size} number(s) for each of {len(predicted)} "
                f"predictions, got {true[0].size} for each of {len(true)}"
            )
        weights = self._read_weights(sample_weight, y, samples, targets.pair)
        if weights is not None:
            valid = targets.pair.valid
            weights = np.broadcast_to(weights.reshape(len(valid), -1), valid.shape)[valid]
        return float(self._metric(true, predicted, sample_weight=weights))

    def _train(
        self,
        X: Samples,
        targets: Targets,
        weights: Any,
        *,
        loss: Loss | str,
        epochs: int,
        anew: bool,
    ) -> None:
        """Train for some epochs, from new parameters or from the model's."""
        mode = targets.pair.mode
        if self.column_order == "newest_first" and mode == "many_to_many":
            raise ValueError(
                "column_order='newest_first' is valid only with one target for each sequence; "
                "with targets at each step, pass X and y oldest first"
            )
        network, layer = self._choose_network(mode), self.network
        holds_out = self.early_stopping or self.validation_fraction is not None
        if anew:
            self._random_state, curve = check_random_state(self.random_state), []
        else:
            changed = differences(network, self._network)
            changed += ["network"] if layer != self._layer else []
            if changed:
                raise ValueError(
                    f"{', '.join(changed)} changed since the first fit; a fit that continues "
                    "training must keep the same values"
                )
            curve = self.loss_curve_
        if anew or not holds_out:  # a later fit holds out the same samples
            self._seed = int(self._random_state.randint(np.iinfo(np.int32).max))
        method = Method.of(
            self,
            loss=loss,
            epochs=epochs,
            tbptt=None if self.tbptt == "auto" else self.tbptt,
            seed=self._seed,
        )
        if self.tbptt == "auto":
            method = replace(method, tbptt=self._choose_chunk(targets.pair, method))
        setup = prepare(
            X.x,
            X.move_here(targets.y),
            network.unless(layer, type(self)()._choose_network(mode)) if anew else None,
            method,
            mode=mode,
            sample_weight=weights,
            warm_start=None if anew else self.model_,
            backend=self.backend,
            dtype=self.dtype,
        )
        self.model_: Model = train(setup, self.callbacks, progress=self.progress)
        self._network: Network = network
        self._layer: Layer | None = layer
        self.loss_curve_: list[float] = curve + self.model_.history.loss
        self.n_iter_ = len(self.loss_curve_)
        self.n_outputs_ = self.model_.outputs

    def _choose_network(self, mode: str) -> Network:
        """Return the options of the network for a mode."""
        return Network.of(self, feedback=False)

    def _choose_chunk(self, pair: Pair, method: Method) -> int | None:
        """Return `CHUNK` if an epoch would be one update otherwise, None for whole sequences."""
        n, T = pair.x.array.shape[:2]
        one_batch = method.sequences is None or n <= method.sequences
        whole = self.bidirectional or getattr(self.network, "time", None) == "whole"
        cuts = pair.mode == "many_to_many" and one_batch and not whole
        return CHUNK if cuts and T > CHUNK and self.checkpoint_every is None else None

    def _refuse_partial(self) -> None:
        """Raise ValueError if `partial_fit` can't train with the options."""
        if self.early_stopping or self.validation_fraction is not None:
            raise ValueError(
                "partial_fit trains on all it gets, for one epoch: it takes no early_stopping and "
                "no validation_fraction; fit does"
            )

    def _read_fitted(self, X: Any, method: str) -> Samples:
        """Read X for a method that needs a fitted estimator."""
        check_is_fitted(self, "model_")
        return self._read(X, method, reset=False)

    def _read(self, X: Any, method: str, reset: bool) -> Samples:
        """Read X as sequences, the oldest step first."""
        if not isinstance(self.column_order, str) or self.column_order not in ORDERS:
            raise unknown("column_order", self.column_order, ORDERS)
        if reset:
            self._column_order = self.column_order
        elif self.column_order != self._column_order:
            raise ValueError(
                f"column_order must be that of the first fit, {self._column_order!r}, "
                f"got {self.column_order!r}"
            )
        samples: Samples = read_samples(self, X, method=method, reset=reset)
        if reset:
            warn_of_one_step(samples)
            warn_of_order(getattr(self, "feature_names_in_", ()), self.column_order)
        if self.column_order == "oldest_first":
            return samples
        if not samples.two_axes:
            raise ValueError(
                "column_order='newest_first' is valid only for the columns of a 2-D X, and this "
                "X has an axis of steps, the oldest first: reverse it, as in X[:, ::-1]"
            )
        return samples._replace(x=samples.place.xp.flip(samples.x, axis=1))

    def _read_y(self, y: Any, X: Samples, mode: str | None, reset: bool) -> Any:
        """Read y as a NumPy array, or as a list of NumPy arrays."""
        if y is None:
            name = type(self).__name__
            raise ValueError(f"{name} requires y to be passed, but the target y is None")
        y = to_list(y)
        if reset:
            self._output_names = read_shared_names("y", y)
        y = order_columns("y", y, self._output_names)
        if not (is_list(y) and mode == "encoder_decoder"):
            check_indexes("X", X.frames, "y", y, "steps" if is_list(y) else "samples")
        arrays = [read_on_host(*item) for item in label_items("y", y)]
        return arrays if is_list(y) else arrays[0]

    def _pair(self, X: Samples, y: Any, mode: str | None, argument: str = "y") -> Pair:
        """Bring X and the targets (numbers or codes) into a common layout."""
        return read_pair(
            X.x, y, mode=mode, modes=self._modes, names=("X", argument), rows="samples"
        )

    def _read_weights(self, sample_weight: Any, y: Any, X: Samples, pair: Pair) -> Any:
        """Read `sample_weight` as a NumPy array (n,), or (n, T) for steps."""
        if sample_weight is None:
            return None
        check_indexes("X", X.frames, "sample_weight", sample_weight, "samples")
        return read_weights(sample_weight, y, pair)


SequenceEstimator.__init__ = suggest_keywords(SequenceEstimator.__init__)  # type: ignore[method-assign]
