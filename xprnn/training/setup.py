"""Turn the arguments of `fit` into a `Setup`: a training run before its first epoch."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import partial

from xprnn import losses, tree
from xprnn._fields import show
from xprnn._keywords import suggest_keywords
from xprnn._model import Model
from xprnn._sequences.batches import Data
from xprnn._sequences.modes import Pair
from xprnn._typing import Tree
from xprnn.backend import Backend, common, generator, host
from xprnn.layers import Layer, check_cuttable, check_layer
from xprnn.training import data
from xprnn.training.extremes import warn_of_extremes
from xprnn.training.held_out import hold_out
from xprnn.training.linear import Linear, fit_linear
from xprnn.training.members import Members, Together
from xprnn.training.options import Method, Network


@dataclass(frozen=True, eq=False)
class Setup:
    """A training run before its first epoch.

    `xprnn.training.train` trains it. A setup is immutable, so it can be trained any number of
    times; ``dataclasses.replace`` makes a variant.

    Attributes
    ----------
    model : Model
        The untrained model: the network with its initial parameters, the standardisation, and the
        mode.
    method : Method
        The loss, the optimizer and all other options of the training.
    data : Data
        x (T, B, F) and y (T, B, O), standardised, in the dtype and on the device of the training;
        also the mask and the weights, if any.
    validation : Data or None
        The validation data in the same form, passed to `fit` or held out by `validation_fraction`.
    place : Backend
        The backend to compute on.
    linear : Linear or None
        The ridge regression from which a network with `skip` starts, whatever the seed.

    Examples
    --------
    >>> import numpy as np
    >>> import xprnn
    >>> from xprnn.training import Method, Network, prepare, train
    >>> x = np.arange(0, 6, 0.1)
    >>> setup = prepare(x, np.sin(x), Network(hidden_size=8), Method(epochs=5))
    >>> setup.data.x.shape, round(float(setup.data.x.std()), 9), setup.params[0]["U"].shape
    ((60, 1, 1), 1.0, (8, 8))

    One update by hand, and then five epochs:

    >>> loss, grads, _ = xprnn.value_and_grad(
    ...     setup.network, setup.method.loss, setup.params, setup.data.x, setup.data.y,
    ...     xp=np)
    >>> sgd = xprnn.optimizers.SGD(0.1)
    >>> params, _ = sgd.update(grads, sgd.init(setup.params, xp=np), setup.params, xp=np)
    >>> model = train(setup.at(params))
    >>> len(model.history), model.history.value("loss", 0).minimised < float(loss)
    (5, True)
    """

    model: Model
    method: Method
    data: Data
    validation: Data | None
    place: Backend
    linear: Linear | None = None

    @property
    def network(self) -> Layer:
        """The network to train."""
        return self.model.network

    @property
    def params(self) -> Tree:
        """The initial parameters."""
        return self.model.params

    def at(self, params: Tree) -> "Setup":
        """Return the setup with other initial parameters."""
        return replace(self, model=replace(self.model, params=params))

    def stacked(self, seeds: Iterable[int]) -> "Setup":
        """Return a setup of several models side by side, one for each of `seeds`.

        Their parameters are stacked along a new first axis. Each model learns what it would learn
        alone; all share the order of the batches and the random numbers of dropout. `split` on the
        trained model returns the models.

        Examples
        --------
        >>> import numpy as np
        >>> from xprnn.training import Method, Network, prepare, train
        >>> x = np.arange(0, 6, 0.1)
        >>> setup = prepare(x, np.sin(x), Network(hidden_size=8), Method(epochs=2))
        >>> first, second = train(setup.stacked([0, 1])).split()
        >>> first.history.loss == train(setup).history.loss != second.history.loss
        True
        """
        place, model = self.place, self.model
        members = [model.network.init(generator(seed), model.features)[0] for seed in seeds]
        with place.active():
            members = [tree.map(partial(place.asarray, dtype=model.dtype), p) for p in members]
            if self.linear is not None:
                members = [self.linear.start(params) for params in members]
            params = tree.map(lambda *leaves: place.xp.stack(leaves), *members)
        fields = {**vars(model), "params": params, "history": Members(len(members))}
        return replace(self, model=Together(**fields))


@suggest_keywords
def prepare(
    x: object,
    y: object,
    network: Network | Layer | None = None,
    method: Method | None = None,
    *,
    mode: str | None = None,
    lengths: object = None,
    mask: object = None,
    sample_weight: object = None,
    validation_data: tuple[object, ...] | None = None,
    warm_start: Model | None = None,
    backend: str | Backend | None = None,
    dtype: str | None = None,
) -> Setup:
    """Prepare the training of a network on x and y, up to its first epoch.

    `xprnn.fit` calls this function and then `xprnn.training.train`.

    Parameters
    ----------
    x, y
        See `xprnn.fit`.
    network : Network or Layer, optional
        The options of a network to build, or a layer. The default is ``Network()``.
    method : Method, optional
        How to train. The default is ``Method()``.
    mode, lengths, mask, sample_weight, validation_data, warm_start, backend, dtype
        See `xprnn.fit`.

    Returns
    -------
    Setup

    Raises
    ------
    ValueError, TypeError, BackendUnavailableError
        As for `xprnn.fit`.
    """
    network = Network() if network is None else network
    method = Method() if method is None else method
    if not isinstance(method, Method):
        raise TypeError(f"method must be a Method, got {show(method)}")
    if not isinstance(warm_start, Model | None):
        raise TypeError(f"warm_start must be a Model, as returned by fit, got {show(warm_start)}")
    pairs, feature_names, output_names = data.read_pairs(
        x,
        y,
        validation_data,
        warm_start,
        mode=mode,
        lengths=lengths,
        mask=mask,
        labels=isinstance(method.loss, losses.CrossEntropy),
    )
    pair, arrays = pairs[0], data.name_arrays(pairs)
    _check_effects(pair, network, method, warm_start, validates=len(pairs) > 1)
    parts = [data.Part(each) for each in pairs]
    parts[0] = data.Part(pair, data.weigh(sample_weight, y, pair, method.loss))
    if warm_start is not None and backend is None:
        backend = warm_start.backend
    place = common(arrays, backend)
    quantities = losses.standardizes(method.loss)
    inputs = ("x", "validation_data[0]")
    floats = {name: a for name, a in arrays.items() if quantities or name in inputs}
    if warm_start is not None:
        floats["warm_start"] = tree.leaves(warm_start.params)[0]
    dtype = data.choose_dtype(dtype, floats, place)
    features, outputs = pair.x.array.shape[-1], data.count_outputs(method.loss, pairs)
    layer = _choose_layer(network, warm_start, pair, outputs)
    _check_cuts(layer, method)
    params, produced = layer.init(generator(method.seed), features)
    if produced != outputs:
        raise ValueError(
            f"the network has {produced} output(s), but this loss of y needs {outputs}"
        )
    _check_steps(layer, params, features, pairs)
    if warm_start is not None:
        _check_start(warm_start, features, outputs, method, place)
        params = warm_start.params
    if validation_data is None and method.held_out is not None:
        parts = hold_out(parts[0], method.held_out, method.seed, labels=not quantities)
    with place.active():
        scaled, (x_scaler, y_scaler) = data.scale(
            parts,
            (method.standardize, method.standardize and quantities),
            dtype,
            place,
            model=warm_start,
        )
        params = tree.map(lambda a: place.asarray(a, dtype), params)
        linear = None  # no ridge regression for labels or several quantiles
        regresses = quantities and outputs == scaled[0].y.shape[-1]
        if isinstance(network, Network) and network.skip and regresses:
            linear = fit_linear(layer, params, scaled[0], place)
            params = linear.start(params)
    model = Model(
        network=layer,
        params=params,
        features=features,
        outputs=outputs,
        x_scaler=x_scaler,
        y_scaler=y_scaler,
        loss=method.loss,
        mode=pair.mode,
        y_rank=pair.y_rank,
        feature_names=feature_names,
        output_names=output_names,
    )
    if y_scaler is not None:
        with place.active():
            warn_of_extremes(scaled[0], method.loss)
    validation = scaled[1] if len(scaled) > 1 else None
    return Setup(model, method, scaled[0], validation, place, linear)


def _check_effects(
    pair: Pair,
    network: Network | Layer,
    method: Method,
    warm_start: Model | None,
    *,
    validates: bool,
) -> None:
    """Raise ValueError for an option that has no effect with these data or this model."""
    if method.validation_fraction is not None and validates:
        raise ValueError(
            f"validation_fraction={method.validation_fraction} has no effect: the validation loss "
            "is measured on validation_data; pass only one of the two"
        )
    steps, features = pair.x.array.shape[1:]
    if method.batch_size not in (None, "auto") and pair.x.rank < 3:
        raise ValueError(
            f"batch_size={method.batch_size} has no effect: a batch holds whole sequences, and x "
            f"is one sequence of {steps} steps of {features} feature(s). If the rows of x are "
            "samples, pass x as (N, 1, F), x[:, None, :], or see xprnn.estimators.RNNClassifier "
            "and RNNRegressor; to update within one long sequence set tbptt"
        )
    drops = isinstance(network, Network) and network.recurrent_dropout
    if drops and steps == 1 and pair.mode.startswith("many_to"):
        raise ValueError(
            "recurrent_dropout has no effect: x has one step, and the state before it is zero"
        )
    if isinstance(network, Network) and network.skip > steps and pair.mode.startswith("many_to"):
        raise ValueError(f"skip must be at most {steps}, the steps of x, got {network.skip}")
    if warm_start is not None and not method.standardize and warm_start.x_scaler is not None:
        raise ValueError(
            "standardize=False has no effect: warm_start keeps the standardisation of its training"
        )


def _choose_layer(
    network: Network | Layer, warm_start: Model | None, pair: Pair, outputs: int
) -> Layer:
    """Return the layer to train: the one of `warm_start`, `network` itself, or a new one."""
    if warm_start is not None:
        if isinstance(network, Network):
            network = network.unless(warm_start.network)
        if network != warm_start.network:
            raise ValueError("warm_start has a network; leave network out")
        if warm_start.mode != pair.mode:
            raise ValueError(
                f"warm_start was trained for mode={warm_start.mode!r}, and x and y are {pair.mode}"
            )
        return warm_start.network
    if isinstance(network, Network):
        return network.build(pair.mode, outputs, pair.y.shape[1])
    layer: Layer = check_layer("network", network)
    if layer.keeps_steps != (pair.mode == "many_to_many"):
        gives = "an output at every step" if layer.keeps_steps else "other steps than x has"
        raise ValueError(f"the network gives {gives}, but x and y are {pair.mode}")
    return layer


def _check_cuts(network: Layer, method: Method) -> None:
    """Raise ValueError if the method cuts sequences in time and the network can't be cut."""
    for argument in ("tbptt", "checkpoint_every"):
        if getattr(method, argument) is not None:
            check_cuttable(network, argument)
    if method.tbptt is not None and not network.keeps_steps:
        raise ValueError(
            "tbptt updates after every chunk and so needs outputs at every step; this network "
            "has none"
        )


def _check_steps(network: Layer, params: Tree, features: int, pairs: list[Pair]) -> None:
    """Raise ValueError unless the network's output has as many steps as y."""
    if network.keeps_steps:
        return
    y_hat, _, _ = network.forward(params, host.zeros((1, 1, features)), None, None, xp=host)
    for name, pair in zip(("y", "validation_data[1]"), pairs, strict=False):
        if pair.y.shape[1] != y_hat.shape[0]:
            raise ValueError(
                f"{name} must have {y_hat.shape[0]} step(s), like the network's output, got "
                f"{pair.y.shape[1]}"
            )


def _check_start(model: Model, features: int, outputs: int, method: Method, place: Backend) -> None:
    """Raise ValueError unless training can continue from a model with these data."""
    if (model.features, model.outputs) != (features, outputs):
        raise ValueError(
            f"warm_start has {model.features} feature(s) and {model.outputs} output(s), but x, y "
            f"and the loss need {features} and {outputs}"
        )
    if model.y_scaler is not None and not losses.standardizes(method.loss):
        raise ValueError(
            f"warm_start was trained on quantities, but {method.loss!r} is for classes"
        )
    if model.backend not in (place, Backend("numpy", "cpu")):
        raise ValueError(
            f"warm_start is on {model.backend}, but the computation is to run on {place}"
        )
