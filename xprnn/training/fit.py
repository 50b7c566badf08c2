"""The packaged training: `fit`."""

import os
from collections.abc import Callable, Iterable
from typing import Any

from xprnn import builder, kernels, losses, modes, optimizers, tree
from xprnn._record import History
from xprnn._validate import flag, number, whole
from xprnn.activations import Activation
from xprnn.backend import Backend, common, generator
from xprnn.builder import Recipe
from xprnn.callbacks import Training
from xprnn.cells import Cell
from xprnn.keywords import hinting
from xprnn.layers import Layer
from xprnn.losses import Loss
from xprnn.model import Model, load_snapshot
from xprnn.optimizers import Adam, Optimizer
from xprnn.penalties import Penalty
from xprnn.run import Position, Run
from xprnn.schedules import Schedule
from xprnn.training import checks
from xprnn.training.data import (
    common_dtype,
    order_frames,
    outputs_for,
    prepared,
    validation_pair,
)
from xprnn.training.loop import train
from xprnn.training.resume import resumed
from xprnn.training.start import check_model, check_start, network_of
from xprnn.training.weights import step_weights

__all__ = ["fit"]

DEFAULT = Adam(learning_rate=0.003)
"""The optimizer of `fit`; benchmarks/defaults.py measures it against others."""


@hinting
def fit(
    x: object,
    y: object,
    *,
    mode: str | None = None,
    lengths: object = None,
    mask: object = None,
    sample_weight: object = None,
    network: Layer | None = None,
    cell: str | Cell = "elman",
    hidden_size: int = 64,
    num_layers: int = 1,
    activation: str | Activation = "tanh",
    bidirectional: bool = False,
    dropout: float = 0.0,
    recurrent_dropout: float = 0.0,
    pool: str | None = None,
    feedback: bool = False,
    loss: str | Loss = "half_mse",
    optimizer: str | Optimizer | None = None,
    learning_rate: float | Schedule | None = None,
    penalty: Penalty | None = None,
    epochs: int = 300,
    batch_size: int | None = None,
    tbptt: int | None = None,
    checkpoint_every: int | None = None,
    validation_data: tuple[object, ...] | None = None,
    clip_norm: float | None = 1.0,
    standardize: bool = True,
    warm_start: Model | None = None,
    seed: int = 0,
    backend: str | Backend | None = None,
    dtype: str | None = None,
    callbacks: Iterable[Callable[[Training], Any]] = (),
    resume: str | os.PathLike[str] | None = None,
    progress: bool | None = None,
) -> Model:
    """Train a recurrent network to give y for x.

    Parameters
    ----------
    x : array, (B, T, F), (T, F) or (T,), or list of arrays (T_i, F)
        B sequences of T steps of F features, one sequence, one sequence of one feature,
        or sequences of any lengths in any order. float32, float64, or integers and bools,
        which become the backend's default float. A DataFrame or Series of pandas or
        polars is one sequence; the model keeps the names of its columns.
    y : array or list of arrays
        What the network is to give. At every step: (B, T, O), (T, O) or (T,), or a list
        like x. At the end (many to one): (B, O) or (B,). More steps than x: see `mode`.
        Class labels are integers from 0, or bools. The index of a DataFrame or Series of
        outputs at every step must be that of x.
    mode : str, optional
        ``"many_to_many"``, ``"many_to_one"``, ``"one_to_many"`` (x is (B, F), y
        (B, k, O)) or ``"encoder_decoder"`` (y (B, k, O) follows on x). Left out, what
        the shapes leave; the last one is always asked for.
    lengths : array of int, (B,), optional
        The valid steps at the front of each sequence of a padded x.
    mask : array of bool, (B, T), optional
        True at valid steps; the others, such as gaps, are skipped: they change neither
        state nor loss, and may hold NaN.
    sample_weight : array, (B,), or (B, T) for an output at every step, optional
        How much each sequence, or each step, counts in the loss and in the means of
        `standardize`, not below 0. A weight of 2 is the sequence twice, 0 leaves it out;
        in batches, and in chunks of different lengths, that holds on the average. Only
        the ratios matter.
    network : Layer, optional
        The network to train, such as ``Stack((Recurrent(64), Dense(1)))``. Left out, one
        is built from the arguments that follow.
    cell : str or Cell
        ``"elman"``, ``"lstm"``, ``"gru"``, ``"gru_reset_before"``, or an object.
    hidden_size, num_layers : int
        Units of a recurrent layer, and how many layers.
    activation : str or Activation
        Of the cell: ``"tanh"``, ``"relu"``, ``"sigmoid"``, ``"identity"``,
        ``"softsign"``, ``"softplus"``, ``"elu"``, or an object with `forward` and
        `backward`.
    bidirectional : bool
        Whether every recurrent layer also runs from the end, and both are put together.
    dropout : float
        The probability with which a number is dropped between two recurrent layers.
    recurrent_dropout : float
        The same on the recurrent state, the same units for a whole sequence.
    pool : {"last", "mean", "max"}, optional
        How many to one makes one step of many. Left out, the last valid step; with
        `bidirectional` the mean, as at the last step the backward one has read only one.
    feedback : bool
        Whether one to many, and a decoder, read their own last output at every step but
        the first; else they read zeros.
    loss : str or Loss
        ``"half_mse"``, ``"mse"``, ``"mae"``, ``"huber"``, ``"pinball"``,
        ``"gaussian_nll"``, ``"cross_entropy"``, ``"binary_cross_entropy"``, or a callable
        ``loss(y_hat, y, mask, *, xp) -> value, dy_hat``. With `standardize`, the
        gradient is that of the loss of the standardised y.
    optimizer : str or Optimizer, optional
        An object of `xprnn.optimizers`, or ``"sgd"``, ``"adam"``, ``"adamw"``,
        ``"nadam"`` or ``"rmsprop"`` with the defaults of those classes, which are
        torch's but for SGD's rate of 0.01; left out, ``Adam(0.003)``.
    learning_rate : float or schedule, optional
        Takes the place of the optimizer's; see `xprnn.schedules`.
    penalty : Penalty, optional
        L1, L2 and bounds on the norm for input, recurrent and bias weights. The
        history's loss is without it.
    epochs : int
        How many times to go through the data.
    batch_size : int, optional
        Sequences in a batch, drawn anew in every epoch and of similar lengths; left
        out, all of them. For several sequences only.
    tbptt : int, optional
        Truncated back-propagation: cut sequences into chunks of so many steps, hand the
        state on from chunk to chunk, and update after each. The gradient is exact within
        a chunk.
    checkpoint_every : int, optional
        Keep the state of every k-th step only, and compute the steps between once more:
        the full gradient, with less memory in more time.
    validation_data : (x, y) or (x, y, mask), optional
        Other data, whose loss is measured after every epoch.
    clip_norm : float or None
        The largest global norm of a gradient; a larger one is scaled down to it.
    standardize : bool
        Train on x and y brought to mean 0 and standard deviation 1. The model
        takes and gives the units of x and y, and its losses are computed on y as given.
    warm_start : Model, optional
        A model to go on with: its network, parameters, standardisation and names of
        columns. The optimizer starts anew, and so does the history. The
        arguments that describe a network are left out. An open `backend` is the
        model's.
    seed : int
        Of the initial weights and the batches, the same on every backend.
    backend : str or Backend, optional
        Where to compute: ``"numpy"``, ``"cupy"``, ``"cupy:1"``, ``"torch"``,
        ``"torch:cuda"``, ``"array_api_strict"``. NumPy arrays are moved there once.
        Left out, where the arrays are.
    dtype : {"float32", "float64"}, optional
        What to compute in; left out, the wider of the dtypes of x and y.
    callbacks : iterable of callable
        Each gets the `Training` after every epoch; the run ends if one returns True, or
        a `Model`, whose parameters it then ends with. See `xprnn.callbacks`.
    resume : str or path, optional
        A file that `xprnn.callbacks.Checkpoint` wrote in a run with the same data and
        arguments, but for `epochs` and `backend`: go on from there, to the same end.
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
    FileNotFoundError, ModelFileError
        If there is no file to resume from, or it can't be read; see `xprnn.load`.
    NonFiniteError
        If the loss, a gradient or a parameter is no longer finite; has the model
        with the last finite parameters.

    Warns
    -----
    UserWarning
        If the training made things worse. If y is standardised or holds classes: the loss
        on x and y is more than a tenth above that of the first weights, and above that of a
        constant output (the mean of y, or equal probabilities). Else: it is more than twice
        that of the first weights. Most often `learning_rate` is too large.

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
    epochs, seed = whole("epochs", epochs), whole("seed", seed, least=0)
    if batch_size is not None:
        batch_size = whole("batch_size", batch_size)
    if clip_norm is not None:
        clip_norm = number("clip_norm", clip_norm, above=0)
    callbacks = checks.listed(callbacks)
    standardize = flag("standardize", standardize)
    if progress is not None:
        progress = flag("progress", progress, "True, False or None")
    checks.check(resume, penalty)
    check_model(warm_start)
    x, y, validation_data, names = order_frames(x, y, validation_data, warm_start)
    pair = modes.pair(x, y, mode=mode, lengths=lengths, mask=mask)
    checks.check_effects(pair, batch_size, recurrent_dropout, standardize, warm_start)
    if warm_start is not None:
        network = network_of(warm_start, network, pair.mode)
        backend = warm_start.backend if backend is None else backend
    weights = step_weights(sample_weight, pair, loss)
    validation = validation_pair(validation_data, pair)
    pairs = [pair] if validation is None else [pair, validation]
    arrays = {"x": pair.x.array, "y": pair.y}
    if validation is not None:
        arrays |= {"validation_data[0]": validation.x.array, "validation_data[1]": validation.y}
    place = common(arrays, backend)
    quantities = losses.standardizes(loss)
    measured = {n: a for n, a in arrays.items() if quantities or n in ("x", "validation_data[0]")}
    if warm_start is not None:
        measured["warm_start"] = tree.leaves(warm_start.params)[0]
    dtype = common_dtype(dtype, measured, place)
    features = pair.x.array.shape[-1]
    outputs = outputs_for(loss, pairs, place)
    network = builder.build(
        network,
        pair.mode,
        outputs,
        pair.y.shape[1],
        Recipe(
            cell,
            hidden_size,
            num_layers,
            activation,
            bidirectional,
            dropout,
            recurrent_dropout,
            pool,
            feedback,
        ),
    )
    checks.check_cuts(network, tbptt, checkpoint_every)
    drawn, produced = network.init(generator(seed), features)
    if produced != outputs:
        raise ValueError(
            f"the network gives {produced} output(s), but this loss of y needs {outputs}"
        )
    if warm_start is not None:
        check_start(warm_start, features, outputs, loss, place)
    checks.check_steps(network, drawn, features, pairs)

    with place.active(), kernels.workspace(place.xp) as xp:
        first = drawn if warm_start is None else warm_start.params
        params = tree.map(lambda a: place.asarray(a, dtype), first)
        start = None if warm_start is None else (warm_start.x_scaler, warm_start.y_scaler)
        scaled = (standardize, standardize and quantities)
        data, scalers = prepared(pairs, scaled, dtype, place, weights, start)
        saved = None if resume is None else load_snapshot(resume, place)
        history = History() if saved is None else saved.model.history

        def build(position: Position) -> Model:
            return Model(
                network=network,
                params=position.params,
                features=features,
                outputs=outputs,
                x_scaler=scalers[0],
                y_scaler=scalers[1],
                loss=loss,
                mode=pair.mode,
                y_rank=pair.y_rank,
                history=history.until(position.epoch),
                feature_names=names[0],
                output_names=names[1],
            )

        run = Run(
            network,
            loss,
            optimizer,
            penalty,
            clip_norm,
            data[0],
            data[1] if validation is not None else None,
            batch_size,
            tbptt,
            checkpoint_every,
            seed,
            place,
            xp,
            None if scalers[1] is None else scalers[1].on(place, "float64"),
        )
        position = run.start(params)
        if saved is not None:
            position = resumed(saved, run, position, epochs, callbacks, build(position))
        return build(train(run, position, epochs, callbacks, progress, history, build))
