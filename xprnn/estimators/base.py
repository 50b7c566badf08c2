"""What the regressor and the classifier share: reading X, and training or going on."""

from typing import Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from xprnn._keywords import suggest_keywords
from xprnn._model import Model
from xprnn._validate import flag, unknown
from xprnn.estimators.lags import ORDERS, warn_of_order
from xprnn.estimators.sequences import Read, read, warn_of_one_step
from xprnn.estimators.targets import Targets
from xprnn.layers import Layer
from xprnn.losses import Loss
from xprnn.training import Method, Network, prepare, train
from xprnn.training.options import differences


class SequenceEstimator(BaseEstimator):
    """A network with the options of `xprnn.fit`."""

    model_: Model
    loss_curve_: list[float]
    _network: Network
    _layer: Layer | None
    _column_order: str
    _random_state: Any

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
        self._store(locals())

    def _store(self, options: dict[str, Any]) -> None:
        """Keep all arguments of a constructor as attributes, as scikit-learn asks for."""
        self.__dict__.update({name: value for name, value in options.items() if name != "self"})

    def __sklearn_tags__(self):
        """Say what X and y may be."""
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        tags.array_api_support = True
        return tags

    def _starts_anew(self) -> bool:
        """Whether `fit` starts from new weights."""
        return not (flag("warm_start", self.warm_start) and hasattr(self, "model_"))

    def _train(
        self,
        X: Read,
        targets: Targets,
        sample_weight: Any,
        *,
        loss: Loss | str,
        epochs: int,
        anew: bool,
    ) -> None:
        """Train for some epochs, from new weights or from those of the model."""
        if self.column_order == "newest_first" and targets.mode == "many_to_many":
            raise ValueError(
                "column_order='newest_first' goes with one target for each sequence; with targets "
                "at each step, give X and y oldest first"
            )
        network, layer = Network.of(self, feedback=False), self.network
        if anew:
            self._random_state, curve = check_random_state(self.random_state), []
        else:
            changed = differences(network, self._network)
            changed += ["network"] if layer != self._layer else []
            if changed:
                raise ValueError(
                    f"{', '.join(changed)} changed since the first fit; a fit that goes on with "
                    "its network needs the same"
                )
            curve = self.loss_curve_
        seed = int(self._random_state.randint(np.iinfo(np.int32).max))
        setup = prepare(
            X.x,
            place(targets.y, X),
            network.unless(layer) if anew else None,
            Method.of(self, loss=loss, epochs=epochs, seed=seed),
            mode=targets.mode,
            sample_weight=sample_weight,
            warm_start=None if anew else self.model_,
            backend=self.backend,
            dtype=self.dtype,
        )
        self.model_ = train(setup, self.callbacks, progress=self.progress)
        self._network, self._layer = network, layer
        self.loss_curve_ = curve + self.model_.history.loss
        self.n_iter_ = len(self.loss_curve_)
        self.n_outputs_ = self.model_.outputs

    def _read_fitted(self, X: Any, method: str) -> Read:
        """Read the X of a method that needs a fitted estimator."""
        check_is_fitted(self, "model_")
        return self._read(X, method, reset=False)

    def _read(self, X: Any, method: str, reset: bool) -> Read:
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
        sequences: Read = read(self, X, method=method, reset=reset)
        if reset:
            warn_of_one_step(sequences)
            warn_of_order(getattr(self, "feature_names_in_", ()), self.column_order)
        if self.column_order == "oldest_first":
            return sequences
        if not sequences.columns:
            raise ValueError(
                "column_order='newest_first' is for the columns of a 2-D X, and this X has an axis "
                "of steps, the oldest first: reverse it, such as X[:, ::-1]"
            )
        return sequences._replace(x=sequences.place.xp.flip(sequences.x, axis=1))


def place(y: Any, sequences: Read) -> Any:
    """Move targets from the host to where X is."""
    if isinstance(y, list):
        return [place(a, sequences) for a in y]
    return sequences.place.asarray(y, str(y.dtype))
