"""`fit`: prepares a training and trains."""

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
    """Train a recurrent network to give y for x.

    Parameters
    ----------
    x : array, (B, T, F), (T, F) or (T,), or list of arrays (T_i, F)
        B sequences of T steps of F features, one sequence, one sequence of one feature,
        or sequences of any lengths in any order. float32, float64, or integers and bools,
        which become the backend's default float. A DataFrame or Series of pandas or
        polars is one sequence; the model keeps the names of its columns.
    y : array or list of arrays
        The targets. At every step: (B, T, O), (T, O) or (T,), or a list
        like x. At the end (many to one): (B, O) or (B,). For a number of steps that differs
        from that of x, see `mode`.
        Class labels are integers from 0, or bools. The index of a DataFrame or Series of
        outputs at every step must be that of x.
    mode : str, optional
        ``"many_to_many"``, ``"many_to_one"``, ``"one_to_many"`` (x is (B, F), y
        (B, k, O)) or ``"encoder_decoder"`` (y (B, k, O) follows x). By default the shapes
        decide among the first three.
    lengths : array of int, (B,), optional
        The valid steps at the front of each sequence of a padded x.
    mask : array of bool, (B, T), optional
        True at valid steps; the others, such as gaps, are skipped: they change neither
        state nor loss, and may hold NaN.
    sample_weight : array, (B,), or (B, T) for an output at every step, optional
        How much each sequence, or each step, counts in the loss and in the means of
        `standardize`, not below 0. A weight of 2 counts the sequence twice, and 0 leaves it
        out; in batches, and in chunks of different lengths, that holds on average. Only the
        ratios matter.
    network : Layer, optional
        The network to train, such as ``Stack((Recurrent(64), Dense(1)))``. By default the
        arguments `cell` to `skip` describe it.
    cell : str or Cell
        ``"elman"``, ``"lstm"``, ``"gru"``, ``"gru_reset_before"``, or an object.
    hidden_size, num_layers : int
        The units of each recurrent layer, and the number of layers.
    activation : str or Activation
        The activation of the cell: ``"tanh"``, ``"relu"``, ``"sigmoid"``, ``"identity"``,
        ``"softsign"``, ``"softplus"``, ``"elu"``, or an object with `forward` and
        `backward`.
    bidirectional : bool
        Whether every recurrent layer also reads the sequence from its end; both outputs are
        joined.
    dropout : float
        The probability of dropping a number between two recurrent layers.
    recurrent_dropout : float
        The same for the recurrent state; a sequence drops the same units at every step.
    pool : {"last", "mean", "max"}, optional
        How many to one reduces the steps to one: by default to the last valid step, or with
        `bidirectional` to the mean, since the backward layer has read only one step by then.
    feedback : bool
        Whether one to many, and a decoder, read their own last output at every step after
        the first; if not, they read zeros.
    skip : int
        How many of the last steps of x also reach the output through one linear map, past the
        recurrent layers (LSTNet's highway). It helps where y is nearly linear in the recent
        steps. Valid only for many to many and many to one.
    loss : str or Loss
        ``"half_mse"``, ``"mse"``, ``"mae"``, ``"huber"``, ``"pinball"``,
        ``"gaussian_nll"``, ``"cross_entropy"``, ``"binary_cross_entropy"``, or a callable
        ``loss(y_hat, y, mask, *, xp) -> value, dy_hat``. With `standardize`, the
        gradient is that of the loss of the standardised y.
    optimizer : str or Optimizer, optional
        An object of `xprnn.optimizers`, or ``"sgd"``, ``"adam"``, ``"adamw"``,
        ``"nadam"`` or ``"rmsprop"`` with the defaults of those classes, which are
        torch's except for SGD's rate of 0.01; default ``Adam(0.003)``.
    learning_rate : float or schedule, optional
        Replaces that of the optimizer; see `xprnn.schedules`.
    penalty : Penalty, optional
        L1, L2 and bounds on the norm for input, recurrent and bias weights. The loss in the
        history does not include it.
    epochs : int
        The number of passes over the data.
    batch_size : int, "auto" or None
        The number of sequences in a batch; with None all of them, and with "auto" 32. Every
        epoch draws new batches, of sequences of similar lengths. A number is valid only for
        several sequences.
    tbptt : int, optional
        Truncated back-propagation: cut sequences into chunks of this many steps, pass the state
        from chunk to chunk, and update after each. The gradient is exact within a chunk.
    checkpoint_every : int, optional
        Keep only the state of every k-th step, and compute the steps between a second time:
        the same gradient in less memory and more time.
    validation_data : (x, y) or (x, y, mask), optional
        Other data, whose loss is measured after every epoch.
    early_stopping : bool
        End the run after 20 epochs without a smaller validation loss, with the parameters of
        the best epoch. Without validation data, ``validation_fraction=0.1`` is held out. See
        `xprnn.callbacks.EarlyStopping` for other rules.
    validation_fraction : float, optional
        The share of x and y to hold out as validation data; neither the training nor
        `standardize` sees it. Of one sequence these are the last steps; their loss is measured
        after the network has read the earlier ones. Of several, they are whole sequences, drawn
        at random from `seed`, with the classes of their labels in proportion.
    clip_norm : float or None
        The largest global norm of a gradient; a larger one is scaled down to it.
    standardize : bool
        Scale x and y to mean 0 and standard deviation 1 for the training. The model still
        takes and gives their own units, and its losses are computed in those of y.
    warm_start : Model, optional
        A model to go on from, with its network, parameters, standardisation and names of
        columns. The optimizer and the history start anew. Leave out the arguments that
        describe a network. The default of `backend` is then the model's.
    seed : int
        For the initial weights and the batches, which are the same on every backend.
    backend : str or Backend, optional
        Where to compute: ``"numpy"``, ``"cupy"``, ``"cupy:1"``, ``"torch"``,
        ``"torch:cuda"``, ``"array_api_strict"``; default: where the arrays are. NumPy arrays
        are moved once.
    dtype : {"float32", "float64"}, optional
        The dtype to compute in; default: the wider of those of x and y.
    callbacks : iterable of callable
        Each is called with the `Training` after every epoch. The run ends if one returns
        True, or a `Model`, whose parameters are then the result. See `xprnn.callbacks`.
    resume : str or path, optional
        A file of `xprnn.callbacks.Checkpoint` from which to go on, to the same end. The data
        and all arguments except `epochs` and `backend` must be those of the run that wrote
        it.
    progress : bool, optional
        Whether to show a bar on standard error; default: only on a terminal.

    Returns
    -------
    Model
        With `predict`, `forecast`, `evaluate`, `params` and `history`. Ctrl-C ends
        the training and returns the model so far.

    Raises
    ------
    ValueError, TypeError
        If an argument does not fit; the message names it and says what was expected and what
        came.
    BackendUnavailableError
        If the backend can't be used on this machine; the message says why and what helps.
    FileNotFoundError, ModelFileError
        If the file to resume from is missing or can't be read; see `xprnn.load`.
    NonFiniteError
        If the loss, a gradient or a parameter is no longer finite; the error carries the model
        with the last finite parameters.

    Warns
    -----
    UserWarning
        If the loss on x and y rose. If y is standardised or holds classes: by more than a
        tenth, and above that of a constant output (the mean of y, or equal probabilities).
        Otherwise: to more than twice that of the first weights. Most often `learning_rate` is
        too large.
        If the loss of a standardised y or of classes is not 2 % below that of a constant output
        after 100 updates: x says nothing of y, or the network did not learn.
        If a squared error of the standardised y follows a few extreme values: one is more than
        12 standard deviations from the mean, and the middle half of y spans less than a third
        of one. ``loss="huber"`` or a transform of y helps.

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

    Fifty noisy sequences, ten of them held out, and the epoch after which their loss rose:

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
