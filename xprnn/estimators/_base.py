"""What regressor and classifier share: the call of `xprnn.fit`, and starting from what is there."""

from typing import Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from xprnn._validate import flag, unknown, whole
from xprnn.estimators._lags import ORDERS, warn_of_order
from xprnn.estimators._sequences import Read, read, warn_of_one_step
from xprnn.estimators._targets import Targets
from xprnn.keywords import hinting
from xprnn.losses import Loss
from xprnn.model import Model
from xprnn.training import fit

__all__ = ["SequenceEstimator", "placed"]

BUILT = (
    "network",
    "cell",
    "hidden_size",
    "num_layers",
    "activation",
    "bidirectional",
    "dropout",
    "recurrent_dropout",
    "pool",
)
"""The arguments of `fit` that describe a network, which a later fit may not change."""

TRAINED = (
    "optimizer",
    "learning_rate",
    "penalty",
    "batch_size",
    "tbptt",
    "checkpoint_every",
    "clip_norm",
    "standardize",
    "backend",
    "dtype",
    "callbacks",
    "progress",
)
"""Those that every fit gets."""


class SequenceEstimator(BaseEstimator):
    """A network with the hyper-parameters of `xprnn.fit`."""

    model_: Model
    loss_curve_: list[float]
    _network: dict[str, Any]
    _column_order: str
    _random_state: Any

    @hinting
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
        loss="half_mse",
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
        self.mode = mode
        self.column_order = column_order
        self.network = network
        self.cell = cell
        self.hidden_size = hidden_size
        self.num_layers = num_layers
        self.activation = activation
        self.bidirectional = bidirectional
        self.dropout = dropout
        self.recurrent_dropout = recurrent_dropout
        self.pool = pool
        self.loss = loss
        self.optimizer = optimizer
        self.learning_rate = learning_rate
        self.penalty = penalty
        self.epochs = epochs
        self.batch_size = batch_size
        self.tbptt = tbptt
        self.checkpoint_every = checkpoint_every
        self.clip_norm = clip_norm
        self.standardize = standardize
        self.warm_start = warm_start
        self.random_state = random_state
        self.backend = backend
        self.dtype = dtype
        self.callbacks = callbacks
        self.progress = progress

    def __sklearn_tags__(self):
        """Say what X and y may be."""
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        tags.array_api_support = True
        return tags

    def _starts_anew(self) -> bool:
        """Whether `fit` forgets what was fitted before."""
        return not (flag("warm_start", self.warm_start) and hasattr(self, "model_"))

    def _train(
        self,
        given: Read,
        found: Targets,
        sample_weight: Any,
        loss: Loss | str,
        epochs: int,
        anew: bool,
    ) -> None:
        """Train for some epochs, from new weights or on from the model."""
        epochs = whole("epochs", epochs)
        if self.column_order == "newest_first" and found.mode == "many_to_many":
            raise ValueError(
                "column_order='newest_first' goes with one target for each sequence; with targets "
                "at each step, give X and y oldest first"
            )
        network = {name: getattr(self, name) for name in BUILT}
        settings = {name: getattr(self, name) for name in TRAINED}
        if anew:
            self._random_state = check_random_state(self.random_state)
            settings |= network
            curve: list[float] = []
        else:
            changed = [name for name in BUILT if network[name] != self._network[name]]
            if changed:
                raise ValueError(
                    f"{', '.join(changed)} changed since the first fit; a fit that goes on with "
                    "its network needs the same"
                )
            settings["warm_start"] = self.model_
            curve = self.loss_curve_
        self.model_ = fit(
            given.x,
            placed(found.y, given),
            mode=found.mode,
            sample_weight=sample_weight,
            loss=loss,
            epochs=epochs,
            seed=int(self._random_state.randint(np.iinfo(np.int32).max)),
            **settings,
        )
        self._network = network
        self.loss_curve_ = curve + self.model_.history.loss
        self.n_iter_ = len(self.loss_curve_)
        self.n_outputs_ = self.model_.outputs

    def _given(self, X: Any, method: str) -> Read:
        """Return the X of a method that needs a fitted estimator."""
        check_is_fitted(self, "model_")
        return self._read(X, method, reset=False)

    def _read(self, X: Any, method: str, reset: bool) -> Read:
        """Return X as sequences, the oldest step first."""
        if not isinstance(self.column_order, str) or self.column_order not in ORDERS:
            raise unknown("column_order", self.column_order, ORDERS)
        if reset:
            self._column_order = self.column_order
        elif self.column_order != self._column_order:
            raise ValueError(
                f"column_order must be that of the first fit, {self._column_order!r}, "
                f"got {self.column_order!r}"
            )
        given: Read = read(self, X, method=method, reset=reset)
        if reset:
            warn_of_one_step(given)
            warn_of_order(getattr(self, "feature_names_in_", ()), self.column_order)
        if self.column_order == "oldest_first":
            return given
        if not given.columns:
            raise ValueError(
                "column_order='newest_first' is for the columns of a 2-D X, and this X has an axis "
                "of steps, the oldest first: reverse it, such as X[:, ::-1]"
            )
        return given._replace(x=given.place.xp.flip(given.x, axis=1))


def placed(y: Any, given: Read) -> Any:
    """Return targets of the host where X is."""
    if isinstance(y, list):
        return [placed(a, given) for a in y]
    return given.place.asarray(y, str(y.dtype))
