"""The packaged training: `fit`."""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any

from xprnn import activations, losses, optimizers, tree
from xprnn._typing import Array
from xprnn._validate import chosen, number, unknown, whole
from xprnn.activations import Activation
from xprnn.backend import Backend, common, float_name, generator, host, wider
from xprnn.batches import check_finite, check_pair, sequences, time_major
from xprnn.callbacks import Training, progress_bar
from xprnn.cells import Elman
from xprnn.history import History
from xprnn.layers import Dense, Layer, Recurrent, Stack
from xprnn.losses import Loss
from xprnn.model import Model
from xprnn.optimizers import Adam, Optimizer
from xprnn.run import Position, Run, Watch
from xprnn.scaling import Scaler

__all__ = ["fit"]

DEFAULT = Adam(learning_rate=0.003)
"""The optimizer of `fit`; benchmarks/defaults.py measures it against others."""


@dataclass(frozen=True)
class _InUnitsOf:
    """A loss whose gradient is that of the standardised y and whose value is in y's own units."""

    scaler: Scaler
    loss: Loss

    def __call__(self, y_hat, y, mask, *, xp):
        value, _ = self.loss(self.scaler.invert(y_hat), self.scaler.invert(y), mask, xp=xp)
        _, dy_hat = self.loss(y_hat, y, mask, xp=xp)
        return value, dy_hat


def _pair(names: tuple[str, str], values: tuple[object, object]) -> tuple[Array, Array, int]:
    """Return x and y as (B, T, F) and (B, T, O), and how many axes y had."""
    x, _ = sequences(names[0], values[0])
    y, rank = sequences(names[1], values[1])
    check_pair(x, y, names)
    return x, y, rank


def _validation(data: object, x: Array, y: Array) -> dict[str, Array]:
    """Return the validation data under the names of their arguments."""
    if data is None:
        return {}
    if not isinstance(data, tuple | list) or len(data) != 2:
        raise TypeError("validation_data must be a pair (x, y)")
    names = ("validation_data[0]", "validation_data[1]")
    pair = _pair(names, (data[0], data[1]))[:2]
    for name, like, array in zip(names, (x, y), pair, strict=True):
        if array.shape[-1] != like.shape[-1]:
            raise ValueError(
                f"{name} must have {like.shape[-1]} feature(s) as in training, "
                f"got {array.shape[-1]}"
            )
    return dict(zip(names, pair, strict=True))


def _dtype(asked: Any, arrays: dict[str, Array], backend: Backend) -> str:
    """Return the dtype asked for, or the widest of the arrays'."""
    found = [float_name(name, array) for name, array in arrays.items()]
    if asked is not None:
        name = getattr(asked, "__name__", str(asked)).split(".")[-1]
        if name not in ("float32", "float64"):
            raise unknown("dtype", asked, ("float32", "float64"))
        return name
    return wider(*(name or backend.default_dtype for name in found))


def _data(
    arrays: dict[str, Array], standardize: bool, dtype: str, place: Backend
) -> tuple[list[Array], tuple[Scaler | None, Scaler | None]]:
    """Return x, y and the validation x and y as (T, B, F) in `dtype`, and the scalers of x and y.

    They are scaled in the dtype that they came in: data far from zero have their
    digits there.
    """
    xp = place.xp
    came = wider(*(float_name(name, array) or "float64" for name, array in arrays.items()))
    data = [time_major(place.asarray(array, came), xp=xp) for array in arrays.values()]
    x_scaler = y_scaler = None
    if standardize:
        both = x_scaler, y_scaler = Scaler.of(data[0], xp=xp), Scaler.of(data[1], xp=xp)
        data = [both[i % 2].apply(array) for i, array in enumerate(data)]
    data = [place.asarray(array, dtype) for array in data]
    if dtype != came:
        for name, array in zip(arrays, data, strict=True):
            check_finite(f"{name} in {dtype}", array)
    return data, (x_scaler, y_scaler)


def _network(
    network: Layer | None,
    hidden_size: int,
    num_layers: int,
    activation: str | Activation,
    outputs: int,
) -> Layer:
    """Return the network asked for, or recurrent layers with a dense one on top."""
    asked = (hidden_size, num_layers, activation)
    if network is None:
        whole("num_layers", num_layers)
        cell = Elman(activations.get(activation))
        hidden = [Recurrent(whole("hidden_size", hidden_size), cell) for _ in range(num_layers)]
        return Stack((*hidden, Dense(outputs)))
    if asked != (64, 1, "tanh"):
        raise ValueError(
            "hidden_size, num_layers and activation describe the network that fit builds; with "
            "network= give them to its layers"
        )
    methods = ("init", "initial_state", "forward", "backward", "states")
    return chosen("network", network, {}, methods)


def fit(
    x: object,
    y: object,
    *,
    network: Layer | None = None,
    hidden_size: int = 64,
    num_layers: int = 1,
    activation: str | Activation = "tanh",
    loss: str | Loss = "half_mse",
    optimizer: str | Optimizer | None = None,
    learning_rate: float | None = None,
    epochs: int = 300,
    batch_size: int | None = None,
    validation_data: tuple[object, object] | None = None,
    clip_norm: float | None = 1.0,
    standardize: bool = True,
    seed: int = 0,
    backend: str | Backend | None = None,
    dtype: str | None = None,
    callbacks: Iterable[Callable[[Training], Any]] = (),
    progress: bool | None = None,
) -> Model:
    """Train a recurrent network to give y at every step of x.

    Parameters
    ----------
    x : array, (B, T, F), (T, F) or (T,)
        B sequences of T steps of F features, one sequence, or one sequence of one
        feature. float32, float64 or integers, which become the backend's default
        float.
    y : array, (B, T, O), (T, O) or (T,)
        What the network is to give at every step.
    network : Layer, optional
        The network to train, such as ``Stack((Recurrent(64), Dense(1)))``. Left out,
        `num_layers` layers ``Recurrent(hidden_size, Elman(activation))`` and a
        ``Dense`` on top.
    hidden_size, num_layers : int
        Units of a recurrent layer, and how many layers.
    activation : str or Activation
        ``"tanh"``, ``"relu"``, ``"sigmoid"``, ``"identity"``, ``"softsign"``,
        ``"softplus"``, ``"elu"``, or an object with `forward` and `backward`.
    loss : str or Loss
        ``"half_mse"``, ``"mse"``, ``"mae"``, ``"huber"``, or a callable
        ``loss(y_hat, y, mask, *, xp) -> value, dy_hat``. With `standardize`, the
        gradient is that of the loss of the standardised y.
    optimizer : str or Optimizer, optional
        An object of `xprnn.optimizers`, or ``"sgd"`` or ``"adam"`` with the defaults
        of those classes, which are torch's for Adam; left out, ``Adam(0.003)``.
    learning_rate : float, optional
        Takes the place of the optimizer's.
    epochs : int
        How many times to go through the data.
    batch_size : int, optional
        Sequences in a batch, drawn anew in every epoch; left out, all of them.
    validation_data : pair (x, y), optional
        Other data, whose loss is measured after every epoch.
    clip_norm : float or None
        The largest global norm of a gradient; a larger one is scaled down to it.
    standardize : bool
        Train on x and y brought to mean 0 and standard deviation 1. The model
        takes and gives the units of x and y, and its losses are reported in them.
    seed : int
        Of the initial weights and the batches, the same on every backend.
    backend : str or Backend, optional
        Where to compute: ``"numpy"``, ``"cupy"``, ``"cupy:1"``, ``"torch"``,
        ``"torch:cuda"``, ``"array_api_strict"``. NumPy arrays are moved there once.
        Left out, where the arrays are.
    dtype : {"float32", "float64"}, optional
        What to compute in; left out, the wider of the dtypes of x and y.
    callbacks : iterable of callable
        Each gets the `Training` after every epoch; the run ends if one returns True.
    progress : bool, optional
        Whether to show a bar on standard error; left out, on a terminal.

    Returns
    -------
    Model
        With `predict`, `forecast`, `evaluate`, `params` and `history`. Ctrl-C ends
        the training and returns the model so far.

    Raises
    ------
    ValueError, TypeError
        If an argument does not fit; the message names it, what was expected and
        what came.
    BackendUnavailableError
        If the backend can't be used on this machine; says why and what helps.
    NonFiniteError
        If the loss, a gradient or a parameter is no longer finite; has the model
        with the last finite parameters.

    Examples
    --------
    >>> import numpy as np
    >>> import xprnn
    >>> x = np.arange(-10, 10, 0.1)
    >>> model = xprnn.fit(x, np.sin(x))
    >>> model.evaluate(x, np.sin(x)) < 0.005
    True
    >>> model.predict(np.arange(0, 3, 0.1)).shape
    (30,)
    """
    loss = losses.get(loss)
    optimizer = optimizers.get(DEFAULT if optimizer is None else optimizer, learning_rate)
    whole("epochs", epochs)
    whole("seed", seed, least=0)
    if batch_size is not None:
        whole("batch_size", batch_size)
    if clip_norm is not None:
        number("clip_norm", clip_norm, above=0)
    if callable(callbacks) or not isinstance(callbacks, Iterable):
        raise TypeError(f"callbacks must be a sequence of callables, got {callbacks!r}")
    callbacks = tuple(callbacks)
    for callback in callbacks:
        if not callable(callback):
            raise TypeError(f"callbacks must hold callables, got {callback!r}")
    if not isinstance(standardize, bool):
        raise TypeError(f"standardize must be True or False, got {standardize!r}")
    if not isinstance(progress, bool | None):
        raise TypeError(f"progress must be True, False or None, got {progress!r}")

    inputs, targets, y_rank = _pair(("x", "y"), (x, y))
    arrays = {"x": inputs, "y": targets, **_validation(validation_data, inputs, targets)}
    place = common(arrays, backend)
    dtype = _dtype(dtype, arrays, place)
    features, outputs = inputs.shape[-1], targets.shape[-1]
    network = _network(network, hidden_size, num_layers, activation, outputs)
    drawn, produced = network.init(generator(seed), features)
    if produced != outputs:
        raise ValueError(f"the network gives {produced} output(s), but y has {outputs}")

    with place.active():
        params = tree.map(lambda a: place.asarray(a, dtype), drawn)
        (train_x, train_y, *validation), scalers = _data(arrays, standardize, dtype, place)
        if scalers[1] is not None:
            loss = _InUnitsOf(Scaler(*(place.asarray(a, dtype) for a in scalers[1])), loss)
        history = History()

        def build(position: Position) -> Model:
            so_far = history.until(position.epoch)
            return Model(network, position.params, features, outputs, *scalers, y_rank, so_far)

        run = Run(
            network,
            loss,
            optimizer,
            clip_norm,
            train_x,
            train_y,
            (validation[0], validation[1]) if validation else None,
            batch_size,
            seed,
            place,
        )
        return build(_train(run, run.start(params), epochs, callbacks, progress, history, build))


def _train(
    run: Run,
    position: Position,
    epochs: int,
    callbacks: tuple[Callable[[Training], Any], ...],
    progress: bool | None,
    history: History,
    build: Callable[[Position], Model],
) -> Position:
    """Go through the epochs; return where the run ended."""
    watch, now = Watch(run, position, history, build), time.perf_counter()
    with progress_bar(progress, epochs) as report:
        try:
            while position.epoch < epochs and history.ended == "running":
                after, numbers = run.epoch(position)
                rate = run.optimizer.rate(after.updates - 1)
                began, now = now, time.perf_counter()
                history.append(numbers, rate, now - began, xp=run.backend.xp)
                position = after
                if watch.due():
                    report(position.epoch, watch.look(position))
                training = Training(position.epoch, epochs, history, partial(build, position))
                answers = [callback(training) for callback in callbacks]
                if any(isinstance(answer, bool | host.bool) and answer for answer in answers):
                    history.ended = "stopped"
        except KeyboardInterrupt:
            history.ended = "interrupted"
        if history.ended == "running":
            history.ended = "completed"
        if len(history):
            report(position.epoch, watch.look(position))
    return position
