"""The model that `fit` returns: a network with its parameters, ready to be applied."""

import math
import os
from dataclasses import dataclass, field
from typing import Any

from xprnn import kernels, losses, modes, tree
from xprnn._typing import Array, Namespace, Tree
from xprnn._validate import whole
from xprnn.backend import Backend, common, dtype_name, float_name, of, wider
from xprnn.batches import time_major
from xprnn.history import History
from xprnn.layers import Layer, Pool
from xprnn.losses import HalfMSE, Loss
from xprnn.model.inputs import Inputs
from xprnn.objective import apply
from xprnn.scaling import Scaler
from xprnn.sequences import Sequences, sequences

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
            the model is. For a one-to-many model (B, F) too.
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
            classification these are scores, see `predict_proba`.
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
            If the axes or features of x do not fit, if it holds NaN or infinity, or
            is on another device than the model.
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
        data = self._data("x", x, lengths, mask)
        with data.backend.active(), kernels.workspace(data.backend.xp) as xp:
            first = self._start(data, state)
            if return_states:
                x = self._scaled(data, data.x)
                y, end, cache = self.network.forward(data.weights, x, first, data.mask, xp=xp)
                y = self._unscaled(y, xp)
            else:
                y, end = self._forward(data, data.x, first, data.mask, xp)
            parts = [data.restore(y, self)]
            if return_state:
                parts.append(tuple(data.restore_state(s) for s in tree.leaves(end)))
            if return_states:
                parts.append(data.restore_layers(self.network.states(cache, xp=xp), self))
            return parts[0] if len(parts) == 1 else tuple(parts)

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
        from xprnn.model import trace

        data = self._data("x", x, lengths, mask)
        with data.backend.active():
            scaled, xp = self._scaled(data, data.x), data.backend.xp
            first = self._start(data, state)
            layers = trace.trace(self.network, data.weights, scaled, first, data.mask, xp=xp)
            return data.restore_layers(layers, self)

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
        probabilities = getattr(self.loss, "probabilities", None)
        if probabilities is None:
            raise ValueError(
                "predict_proba needs a model trained with loss='cross_entropy' or "
                f"'binary_cross_entropy'; this one has {self.loss!r}"
            )
        data = self._data("x", x, lengths, mask)
        with data.backend.active():
            y, _ = self._forward(data, data.x, None, data.mask, data.backend.xp)
            return data.restore(probabilities(y, xp=data.backend.xp), self)

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
            The steps after the last of x, (B, steps, F), (steps, F) or (steps,).

        Raises
        ------
        ValueError
            If the network's outputs are not as many as its features, if it can't run
            step by step, and as `predict`.

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
        whole("steps", steps)
        if self.network.time == "whole" or not self.network.keeps_steps:
            raise ValueError(
                "forecast runs the network step by step, each output the next input; this one "
                "sees sequences whole (bidirectional, one to many, encoder and decoder) or gives "
                "one output for many steps"
            )
        if self.features != self.outputs:
            raise ValueError(
                "forecast feeds the outputs back as inputs, so there must be as many: the network "
                f"has {self.features} feature(s) and {self.outputs} output(s)"
            )
        data = self._data("x", x, lengths, None)
        with data.backend.active(), kernels.workspace(data.backend.xp) as xp:
            y, state = self._forward(data, data.x, None, data.mask, xp)
            last, _, _ = Pool("last").forward((), y, (), data.mask, xp=xp)
            future = [last]
            while len(future) < steps:
                y, state = self._forward(data, future[-1], state, None, xp)
                future.append(y)
            together = xp.concat(future, axis=0)
            return data._replace(mask=None, sizes=None).restore(together, self)

    def evaluate(
        self,
        x: object,
        y: object,
        loss: str | Loss | None = None,
        *,
        lengths: object = None,
        mask: object = None,
    ) -> float:
        """Return the loss of the predictions for x against y, in the units of y.

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
        loss = self.loss if loss is None else losses.get(loss)
        if loss is None:
            raise ValueError("loss must be given: the model was trained on one that no file holds")
        pair = modes.pair(x, y, mode=self.mode, lengths=lengths, mask=mask)
        data = self._brought("x", pair.x)
        backend = common({"x": pair.x.array, "y": pair.y}, self.backend)
        dtype = float_name("y", pair.y) or self.dtype
        xp = backend.xp
        with backend.active():
            truth = time_major(backend.asarray(pair.y, dtype), xp=xp)
            kept = data.mask if self.network.keeps_steps else None
            wanted = losses.outputs(loss, truth, kept, xp=xp)
            labels = truth.shape[-1] == 1 < wanted and not losses.standardizes(loss)
            if wanted > self.outputs or (wanted < self.outputs and not labels):
                raise ValueError(
                    f"the network gives {self.outputs} output(s), but this loss of y needs {wanted}"
                )
            y_hat, _ = self._forward(data, data.x, None, data.mask, xp)
            if y_hat.shape[0] != truth.shape[0]:
                raise ValueError(
                    f"y must have {y_hat.shape[0]} step(s), as the network gives, "
                    f"got {truth.shape[0]}"
                )
            return float(loss(y_hat, truth, kept, xp=xp)[0])

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
        rows = [(name, str(tuple(a.shape)), math.prod(a.shape)) for name, a in self.params.items()]
        rows.append(("total", "", sum(row[2] for row in rows)))
        width = max(len(name) for name, _, _ in rows)
        lines = [f"{'name':<{width}} {'shape':<11} numbers"]
        return "\n".join(lines + [f"{n:<{width}} {s:<11} {c:>7,}" for n, s, c in rows])

    def __repr__(self) -> str:
        count = sum(math.prod(a.shape) for a in self.params.values())
        return (
            f"Model({self.features} feature(s) -> {self.outputs} output(s), {count:,} parameters, "
            f"{self.dtype} on {self.backend}, {self.history!r})"
        )

    def _data(self, argument: str, value: object, lengths: Any, mask: Any) -> Inputs:
        """Return an argument of the caller's, checked and brought to where the model is."""
        one_step = self.mode == "one_to_many"
        return self._brought(
            argument, sequences(argument, value, lengths=lengths, mask=mask, one_step=one_step)
        )

    def _brought(self, argument: str, given: Sequences) -> Inputs:
        """Return sequences brought to where the model is."""
        array = given.array
        if array.shape[-1] != self.features:
            raise ValueError(
                f"{argument} must have {self.features} feature(s) on its last axis, as in "
                f"training, got {array.shape[-1]}: {tuple(array.shape)} as (B, T, F)"
            )
        if self.mode == "one_to_many" and array.shape[1] != 1:
            raise ValueError(
                f"{argument} must be (B, F) or (B, 1, F) for a one-to-many model, "
                f"got {array.shape[1]} steps: {tuple(array.shape)} as (B, T, F)"
            )
        backend = common({argument: array}, self.backend)
        dtype = wider(self.dtype, float_name(argument, array) or self.dtype)
        with backend.active():
            x = time_major(backend.asarray(array, self._data_dtype(dtype)), xp=backend.xp)
            weights = tree.map(lambda a: backend.asarray(a, dtype), self.weights)
            mask = None
            if given.valid is not None:
                mask = backend.asarray(given.valid.T[:, :, None], "bool")
        on_host = of(array).name == "numpy"
        single = given.rank < 3
        return Inputs(x, mask, array, given.sizes, single, on_host, backend, dtype, weights)

    def _data_dtype(self, dtype: str) -> str:
        """Return what x is scaled in: x far from zero has its digits there, and not after it."""
        return dtype if self.x_scaler is None else wider(dtype, dtype_name(self.x_scaler.mean))

    def _start(self, data: Inputs, state: Any) -> Tree | None:
        """Return the caller's state as the network takes it, None for its own."""
        if state is None:
            return None
        first = None if data.mask is None else data.mask[:1, ...]
        _, like = self._forward(data, data.x[:1, ...], None, first, data.backend.xp)
        return data.fill(like, state, self.backend)

    def _scaled(self, data: Inputs, x: Array) -> Array:
        """Return x as the network takes it."""
        x = x if self.x_scaler is None else self.x_scaler.apply(x)
        return data.backend.asarray(x, data.dtype)

    def _unscaled(self, y: Array, xp: Namespace) -> Array:
        """Return y as the network gives it in the units of the data."""
        return y if self.y_scaler is None else losses.unscale(self.loss, y, self.y_scaler, xp=xp)

    def _forward(
        self, data: Inputs, x: Array, state: Tree | None, mask: Array | None, xp: Namespace
    ) -> tuple[Array, Tree]:
        """Run the network from and to the units of the data."""
        y, state = apply(self.network, data.weights, self._scaled(data, x), state, mask, xp=xp)
        return self._unscaled(y, xp), state
