"""The model that `fit` returns: a network with its parameters, ready to be applied."""

import os
from dataclasses import dataclass, field
from typing import Any

from xprnn import tree
from xprnn._sequences.scaling import Scaler
from xprnn._typing import Array, Tree
from xprnn.backend import Backend, dtype_name, of
from xprnn.history import History
from xprnn.keywords import hinting
from xprnn.layers import Layer
from xprnn.losses import HalfMSE, Loss
from xprnn.model import continuation, evaluation, inputs, prediction, summary

__all__ = ["Model"]


@dataclass(frozen=True, eq=False, repr=False)
class Model:
    """A network with its parameters.

    Attributes
    ----------
    network : Layer
        Hyper-parameters only.
    weights : tree of arrays
        The parameters, as the network's methods take them.
    features, outputs : int
        F and O, the features of x and of y.
    x_scaler, y_scaler : Scaler or None
        The standardisation of x and y, measured on the training data.
    loss : Loss or None
        What it was trained on; None if it comes from a file and was a loss of one's own.
    mode : str
        ``"many_to_many"``, ``"many_to_one"``, ``"one_to_many"`` or
        ``"encoder_decoder"``.
    y_rank : int
        The axes of its y for several sequences: 3, (B, T, O), or less if the y of the
        training had no axis of steps or of features.
    history : History
        The curves of the training.
    feature_names, output_names : tuple of str, optional
        The names of the columns of x and of y, if the training data were DataFrames of
        pandas or polars, or columns of a file. A DataFrame's columns are then found by
        these names.
    """

    network: Layer
    weights: Tree
    features: int
    outputs: int
    x_scaler: Scaler | None = None
    y_scaler: Scaler | None = None
    loss: Loss | None = field(default_factory=HalfMSE)
    mode: str = "many_to_many"
    y_rank: int = 3
    history: History = field(default_factory=History)
    feature_names: tuple[str, ...] | None = None
    output_names: tuple[str, ...] | None = None

    @property
    def params(self) -> dict[str, Array]:
        """The parameters by name, such as ``"0.W"``, where they were trained."""
        return tree.flatten(self.weights)

    @property
    def backend(self) -> Backend:
        """Where the parameters are."""
        return of(tree.leaves(self.weights)[0])

    @property
    def dtype(self) -> str:
        """``"float32"`` or ``"float64"``."""
        return dtype_name(tree.leaves(self.weights)[0])

    @hinting
    def predict(
        self,
        x: object,
        *,
        lengths: object = None,
        mask: object = None,
        state: tuple[object, ...] | None = None,
        return_state: bool = False,
        return_states: bool = False,
    ) -> Any:
        """Apply the network to sequences of any length.

        Parameters
        ----------
        x : array, (B, T, F), (T, F) or (T,), or list of arrays (T_i, F)
            In the units of the training data; a NumPy array, or one that is where
            the model is. For a one-to-many model (B, F) too. The columns of a DataFrame
            of pandas or polars are found by their names, if the model has names, and
            those of an array by their places.
        lengths : array of int, (B,), optional
            The valid steps at the front of each sequence of a padded x.
        mask : array of bool, (B, T), optional
            True at valid steps; the state passes the others by unchanged.
        state : tuple of arrays, (B, H), optional
            The state to start from, as `return_state` gave it, (H,) for one sequence;
            left out, the network's own.
        return_state : bool
            Return the state after the last valid step too.
        return_states : bool
            Return the hidden states of all steps too.

        Returns
        -------
        y : array or list of arrays
            Of the library of x, with the axes of the y of the training: (B, T, O) or
            (B, T) for an output at every step, (B, O) or (B,) for many to one; without
            the axis B for one sequence, and a list for a list. Zero at padding. For a
            classification these are scores, see `predict_proba`. Where there is an output
            for every step of a DataFrame or a Series, it is one too, with the index of x
            and the names of y.
        state : tuple of arrays
            Only with `return_state`: the arrays of each recurrent layer's state, h for
            Elman and GRU, h and c for LSTM, (B, H) or (H,); for many to one also the
            pool's, its output so far and the number of steps.
        states : tuple of arrays
            Only with `return_states`: h(1) … h(T) of every recurrent layer,
            (B, T, H) or (T, H).

        Raises
        ------
        ValueError
            If the axes or features of x do not fit, if a DataFrame lacks a column or has
            one more, if x holds NaN or infinity, or is on another device than the model.
        TypeError
            If x is no array of numbers.

        Notes
        -----
        Computed in the wider of the dtypes of the model and of x.

        Examples
        --------
        >>> import numpy as np
        >>> import xprnn
        >>> wave = np.sin(np.arange(0, 10, 0.1))
        >>> model = xprnn.fit(wave[:-1], wave[1:], cell="lstm", epochs=2)
        >>> y, (h,) = model.predict(wave, return_states=True)
        >>> y.shape, h.shape
        ((100,), (100, 64))
        >>> _, state = model.predict(wave[:60], return_state=True)
        >>> rest = model.predict(wave[60:], state=state)
        >>> bool(np.allclose(rest, y[60:]))
        True
        """
        data = inputs.read(self, "x", x, lengths, mask)
        return prediction.predict(self, data, state, return_state, return_states)

    @hinting
    def trace(
        self,
        x: object,
        *,
        lengths: object = None,
        mask: object = None,
        state: tuple[object, ...] | None = None,
    ) -> tuple[dict[str, Any], ...]:
        """Return every gate and every state at every step, by name.

        Parameters
        ----------
        x, lengths, mask, state
            As for `predict`.

        Returns
        -------
        tuple of dict
            One for each recurrent layer, in the order of `predict`'s states; forward, then
            backward for a bidirectional one. Of a layer of LSTM ``"input"``, ``"forget"``,
            ``"cell"`` (the candidate) and ``"output"``, ``"h"`` and ``"c"``; of GRU
            ``"reset"``, ``"update"``, ``"candidate"`` and ``"h"``; of Elman ``"h"``; of a cell
            of one's own what it names, see `xprnn.cells`. Each (B, T, H), or (T, H) for one
            sequence, a list for a list. At padding gates are zero.

        Raises
        ------
        ValueError, TypeError
            As `predict`, and for a network whose hidden states are not in `Recurrent` layers.

        Notes
        -----
        The loop runs in Python, step by step: to look, and not to predict.

        Examples
        --------
        >>> import numpy as np
        >>> import xprnn
        >>> wave = np.sin(np.arange(0, 10, 0.1))
        >>> model = xprnn.fit(wave[:-1], wave[1:], cell="lstm", hidden_size=4, epochs=2)
        >>> (seen,) = model.trace(wave)
        >>> {name: array.shape for name, array in seen.items()}
        {'input': (100, 4), 'forget': (100, 4), 'cell': (100, 4), 'output': (100, 4),
         'h': (100, 4), 'c': (100, 4)}
        >>> bool(np.allclose(seen["h"], seen["output"] * np.tanh(seen["c"])))
        True
        """
        return prediction.trace(self, inputs.read(self, "x", x, lengths, mask), state)

    @hinting
    def predict_proba(self, x: object, *, lengths: object = None, mask: object = None) -> Any:
        """Return the probabilities of the classes, for a model trained to classify.

        Parameters
        ----------
        x, lengths, mask
            As for `predict`.

        Returns
        -------
        array or list of arrays
            As `predict`: for ``"cross_entropy"`` the probabilities of all classes on
            the last axis, which sum to 1; for ``"binary_cross_entropy"`` one of each
            output.

        Raises
        ------
        ValueError
            If the model's loss has no probabilities, and as `predict`.

        Examples
        --------
        >>> import numpy as np
        >>> import xprnn
        >>> x = np.random.default_rng(0).standard_normal((20, 5, 1))
        >>> model = xprnn.fit(x, (x[:, 0, 0] > 0).astype(int), loss="cross_entropy", epochs=2)
        >>> model.predict_proba(x).shape
        (20, 2)
        """
        prediction.check_probabilities(self)
        return prediction.probabilities(self, inputs.read(self, "x", x, lengths, mask))

    @hinting
    def forecast(self, x: object, steps: int, *, lengths: object = None) -> Any:
        """Continue sequences: every output is the next input (closed loop).

        Meant for a network trained to give the next step, ``fit(s[:-1], s[1:])``.

        Parameters
        ----------
        x : array, (B, T, F), (T, F) or (T,), or list of arrays (T_i, F)
            The past, to its last known step.
        steps : int
            How many steps to go beyond it.
        lengths : array of int, (B,), optional
            The valid steps at the front of each sequence of a padded x.

        Returns
        -------
        array
            The steps after the last of x, (B, steps, F), (steps, F) or (steps,). An array
            for a DataFrame too: `xprnn.forecasting` continues an index.

        Raises
        ------
        ValueError
            If the network's outputs are not as many as its features, or have other names;
            if it can't run step by step, and as `predict`.

        Examples
        --------
        >>> import numpy as np
        >>> import xprnn
        >>> wave = np.sin(np.arange(0, 30, 0.2))
        >>> model = xprnn.fit(wave[:-1], wave[1:], hidden_size=16, epochs=300)
        >>> truth = np.sin(np.arange(30, 32, 0.2))
        >>> bool(np.abs(model.forecast(wave, steps=10) - truth).max() < 0.1)
        True
        """
        continuation.check(self, steps)
        return continuation.forecast(self, inputs.read(self, "x", x, lengths, None), steps)

    @hinting
    def evaluate(
        self,
        x: object,
        y: object,
        loss: str | Loss | None = None,
        *,
        lengths: object = None,
        mask: object = None,
    ) -> float:
        """Return the loss of the predictions for x, computed on y as it was given.

        Parameters
        ----------
        x, lengths, mask
            As for `predict`.
        y : array or list of arrays
            As for `fit`.
        loss : str or Loss, optional
            Left out, the loss of the training. For accuracy and the like see
            `xprnn.metrics`.

        Raises
        ------
        ValueError, TypeError
            If x or y do not fit the model or one another.

        Examples
        --------
        >>> import numpy as np
        >>> import xprnn
        >>> wave = np.sin(np.arange(0, 10, 0.1))
        >>> model = xprnn.fit(wave[:-1], wave[1:])
        >>> model.evaluate(wave[:-1], wave[1:], loss="mae") < 0.1
        True
        """
        return evaluation.evaluate(self, x, y, loss, lengths, mask)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the model to a file that `xprnn.load` reads.

        Parameters
        ----------
        path : str or path
            Ends in ``.npz`` or ``.safetensors``.

        Raises
        ------
        ValueError, TypeError, FileNotFoundError, MissingExtraError
            As `xprnn.save`.
        """
        from xprnn import serialization

        serialization.save(self, path)

    def to_onnx(self, path: str | os.PathLike[str], *, dtype: str | None = None) -> None:
        """Write the model to an ONNX file, which onnxruntime and others run.

        The same as `xprnn.onnx.export`, which has the details.

        Parameters
        ----------
        path : str or path
            Ends in ``.onnx``.
        dtype : {"float32", "float64"}, optional
            In which the file computes; left out, the model's.

        Raises
        ------
        ValueError
            If the path has another ending, or the network can't be written; says why.
        MissingExtraError
            Without the library onnx.

        Examples
        --------
        >>> import tempfile
        >>> import numpy as np
        >>> import xprnn
        >>> x = np.linspace(0, 1, 20)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     xprnn.fit(x, x**2, epochs=2).to_onnx(f"{folder}/model.onnx", dtype="float32")
        """
        from xprnn.onnx import export

        export(self, path, dtype=dtype)

    def summary(self) -> str:
        """Return a table of the parameters with their shapes and numbers.

        Examples
        --------
        >>> import xprnn
        >>> print(xprnn.fit([0.0, 1, 2], [1.0, 2, 3], hidden_size=4, epochs=1).summary())
        name  shape       numbers
        0.W   (1, 4)            4
        0.U   (4, 4)           16
        0.b   (1, 4)            4
        1.W   (4, 1)            4
        1.b   (1, 1)            1
        total                  29
        """
        return summary.table(self.params)

    def __repr__(self) -> str:
        count = summary.numbers(self.params)
        return (
            f"Model({self.features} feature(s) -> {self.outputs} output(s), {count:,} parameters, "
            f"{self.dtype} on {self.backend}, {self.history!r})"
        )
