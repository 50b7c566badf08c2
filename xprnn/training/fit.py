"""The function `fit`: prepare a training run, then train."""

import os
from collections.abc import Callable, Iterable
from types import SimpleNamespace
from typing import Any

from xprnn._keywords import suggest_keywords
from xprnn._model import Model
from xprnn.activations import Activation
from xprnn.backend import Backend
from xprnn.callbacks import Training
from xprnn.cells import Cell
from xprnn.layers import Layer
from xprnn.losses import Loss
from xprnn.optimizers import Optimizer
from xprnn.penalties import Penalty
from xprnn.schedules import Schedule
from xprnn.training.options import Method, Network
from xprnn.training.setup import prepare
from xprnn.training.train import train


@suggest_keywords
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
    skip: int = 0,
    loss: str | Loss = "half_mse",
    optimizer: str | Optimizer | None = None,
    learning_rate: float | Schedule | None = None,
    penalty: Penalty | None = None,
    epochs: int = 300,
    batch_size: int | str | None = "auto",
    tbptt: int | None = None,
    checkpoint_every: int | None = None,
    validation_data: tuple[object, ...] | None = None,
    early_stopping: bool = False,
    validation_fraction: float | None = None,
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
    """Train a recurrent network to predict y from x.

    Parameters
    ----------
    x : array, (B, T, F), (T, F) or (T,), or list of arrays (T_i, F)
        The inputs: B sequences of T steps and F features, one sequence, one sequence of one
        feature, or a list of sequences of any lengths in any order. The dtype is float32 or
        float64; integers and bools become the backend's default float. A pandas or polars
        DataFrame or Series is one sequence, and the model keeps its column names.
    y : array or list of arrays
        The targets. With a target at every step: (B, T, O), (T, O) or (T,), or a list like x. With
        one target per sequence (many to one): (B, O) or (B,). If y and x differ in their number of
        steps, see `mode`. Class labels are integers from 0, or bools. A DataFrame or Series with a
        target at every step must have the same index as x.
    mode : str, optional
        ``"many_to_many"``, ``"many_to_one"``, ``"one_to_many"`` (x is (B, F), y
        (B, k, O)) or ``"encoder_decoder"`` (y (B, k, O) follows x). By default one of the first
        three is inferred from the shapes.
    lengths : array of int, (B,), optional
        The number of valid steps at the start of each sequence, for a padded x.
    mask : array of bool, (B, T), optional
        True at valid steps. The other steps, such as gaps, are skipped: they change neither the
        state nor the loss, and may hold NaN.
    sample_weight : array, (B,), or (B, T) for an output at every step, optional
        The weight of each sequence, or of each step, in the loss and in the means of
        `standardize`; at least 0. A weight of 2 counts the sequence twice, and 0 leaves it out;
        across batches, and across chunks of different lengths, this holds on average. Only the
        ratios matter.
    network : Layer, optional
        The network to train, such as ``Stack((Recurrent(64), Dense(1)))``. By default it is built
        from the arguments `cell` to `skip`.
    cell : str or Cell
        ``"elman"``, ``"lstm"``, ``"gru"``, ``"gru_reset_before"``, or a cell object.
    hidden_size, num_layers : int
        The number of units in each recurrent layer, and the number of recurrent layers.
    activation : str or Activation
        The activation of the cell: ``"tanh"``, ``"relu"``, ``"sigmoid"``, ``"identity"``,
        ``"softsign"``, ``"softplus"``, ``"elu"``, or an object with `forward` and
        `backward`.
    bidirectional : bool
        Whether every recurrent layer also reads the sequence backward; the two outputs are
        concatenated.
    dropout : float
        The probability of dropping a value between two recurrent layers.
    recurrent_dropout : float
        The probability of dropping a unit of the recurrent state. Each sequence drops the same
        units at every step.
    pool : {"last", "mean", "max"}, optional
        How a many-to-one network reduces the steps to one output. The default is the last valid
        step, or the mean with `bidirectional`, since the backward layer has read only one step
        there.
    feedback : bool
        Whether a one-to-many network or a decoder reads its own previous output at every step
        after the first. Otherwise it reads zeros.
    skip : int
        The number of most recent steps of x that also reach the output through a linear map that
        bypasses the recurrent layers (LSTNet's highway). It helps where y is nearly linear in the
        recent steps. Valid only for many to many and many to one.
    loss : str or Loss
        ``"half_mse"``, ``"mse"``, ``"mae"``, ``"huber"``, ``"pinball"``,
        ``"gaussian_nll"``, ``"cross_entropy"``, ``"binary_cross_entropy"``, or a callable
        ``loss(y_hat, y, mask, *, xp) -> value, dy_hat``. With `standardize`, the gradient is that
        of the loss on the standardised y.
    optimizer : str or Optimizer, optional
        An optimizer from `xprnn.optimizers`, or ``"sgd"``, ``"adam"``, ``"adamw"``, ``"nadam"`` or
        ``"rmsprop"`` with that class's defaults, which are torch's except for SGD's learning rate
        of 0.01. The default is ``Adam(0.003)``.
    learning_rate : float or schedule, optional
        Replaces the optimizer's learning rate; see `xprnn.schedules`.
    penalty : Penalty, optional
        L1 and L2 penalties and norm bounds on the input, recurrent and bias weights. The loss in
        the history does not include the penalty.
    epochs : int
        The number of passes over the training data.
    batch_size : int, "auto" or None
        The number of sequences in a batch: all of them with None, and 32 with "auto". Every epoch
        draws new batches of sequences with similar lengths. A number is valid only for several
        sequences.
    tbptt : int, optional
        Truncated back-propagation through time: cut sequences into chunks of this many steps, pass
        the state from chunk to chunk, and update the parameters after each chunk. The gradient is
        exact within a chunk.
    checkpoint_every : int, optional
        Gradient checkpointing: store only the state of every k-th step and recompute the steps in
        between. The gradient is the same; it takes less memory and more time.
    validation_data : (x, y) or (x, y, mask), optional
        Held-out data. Its loss is measured after every epoch.
    early_stopping : bool
        Stop after 20 epochs without a lower validation loss, and return the parameters of the best
        epoch. Without validation data, ``validation_fraction=0.1`` is held out. See
        `xprnn.callbacks.EarlyStopping` for other rules.
    validation_fraction : float, optional
        The share of x and y to hold out as validation data; neither the training nor `standardize`
        uses it. For one sequence, the last steps are held out, and their loss is measured after
        the network has read the earlier ones. For several, whole sequences are drawn at random
        from `seed`, stratified by class label.
    clip_norm : float or None
        The largest global norm of the gradient; a larger gradient is scaled down to it. With None,
        gradients are not clipped.
    standardize : bool
        Whether to scale x and y to mean 0 and standard deviation 1 for the training. The model
        still takes and returns the original units, and its losses are in the units of y.
    warm_start : Model, optional
        A model to continue from, with its network, parameters, standardisation and column names.
        The optimizer and the history start afresh. Leave out the arguments that describe a
        network. `backend` then defaults to the model's.
    seed : int
        Seed for the initial weights and the batches, which are the same on every backend.
    backend : str or Backend, optional
        The backend to compute on: ``"numpy"``, ``"cupy"``, ``"cupy:1"``, ``"torch"``,
        ``"torch:cuda"`` or ``"array_api_strict"``. The default is the backend of the arrays. NumPy
        arrays are moved once.
    dtype : {"float32", "float64"}, optional
        The dtype to compute in. The default is the wider of the dtypes of x and y.
    callbacks : iterable of callable
        Functions to call with the `Training` after every epoch. Training stops if one returns
        True, or a `Model`; the result then has that model's parameters. See `xprnn.callbacks`.
    resume : str or path, optional
        A file that `xprnn.callbacks.Checkpoint` wrote. Training resumes from it and gives the same
        result as an uninterrupted run. The data and all arguments except `epochs` and `backend`
        must be those of the run that wrote it.
    progress : bool, optional
        Whether to show a progress bar on standard error. By default only on a terminal.

    Returns
    -------
    Model
        The trained model, with `predict`, `forecast`, `evaluate`, `params` and `history`. Ctrl-C
        stops the training and returns the model so far.

    Raises
    ------
    ValueError, TypeError
        If an argument is invalid; the message names it and says what was expected and what it got.
    BackendUnavailableError
        If the backend can't be used on this machine; the message says why and what to do.
    FileNotFoundError, ModelFileError
        If the file to resume from is missing or can't be read; see `xprnn.load`.
    NonFiniteError
        If the loss, a gradient or a parameter becomes infinite or NaN; the error carries the model
        with the last finite parameters.

    Warns
    -----
    UserWarning
        If the loss on x and y rose; most often `learning_rate` is too large. With a
        standardised y or with classes, by more than a tenth and above the loss of a constant
        output (the mean of y, or equal probabilities). Otherwise, to more than twice the loss
        of the initial weights.
        If the loss on a standardised y or on classes is not 2 % below that of a constant output
        after 100 updates: x says nothing about y, or the network did not learn.
        If a few extreme values dominate a squared error on the standardised y: one is more than
        12 standard deviations from the mean, and the middle half of y spans less than a third
        of a standard deviation. ``loss="huber"`` or a transform of y helps.

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

    Train on fifty noisy sequences with ten of them held out; training stops 20 epochs after the
    lowest held-out loss:

    >>> rng = np.random.default_rng(0)
    >>> x, noise = rng.standard_normal((2, 50, 20, 1))
    >>> model = xprnn.fit(x, x + noise, early_stopping=True, validation_fraction=0.2)
    >>> history = model.history
    >>> history.ended, len(history) - int(np.argmin(history.val_loss)) - 1
    ('stopped', 20)
    """
    options = SimpleNamespace(**locals())
    described, method = Network.of(options), Method.of(options)
    setup = prepare(
        x,
        y,
        described.unless(network),
        method,
        mode=mode,
        lengths=lengths,
        mask=mask,
        sample_weight=sample_weight,
        validation_data=validation_data,
        warm_start=warm_start,
        backend=backend,
        dtype=dtype,
    )
    return train(setup, callbacks, resume=resume, progress=progress)
