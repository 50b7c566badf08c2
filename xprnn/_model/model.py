"""The model that `fit` returns: a network with its parameters, ready to be applied."""

import math
import os
from dataclasses import dataclass
from typing import Any

from xprnn import kernels, losses, serialization
from xprnn._fields import flag, whole
from xprnn._html import make_table
from xprnn._keywords import suggest_keywords
from xprnn._model.apply import place_inputs, read_inputs
from xprnn._model.gates import trace_gates
from xprnn._record import Record
from xprnn._sequences.batches import to_time_major
from xprnn._sequences.modes import read_pair
from xprnn.backend import common, float_name
from xprnn.gradients.objective import apply
from xprnn.layers import Pool
from xprnn.losses import HalfMSE, Loss
from xprnn.losses.units import in_units


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Model(Record):
    """A network with its parameters; the constructor takes keyword arguments only.

    Attributes
    ----------
    network : Layer
        The network; it holds hyper-parameters only.
    params : tree of arrays
        The parameters, in the form in which ``network.init`` returns them.
    features, outputs : int
        The number of features F of x, and of outputs O of y.
    x_scaler, y_scaler : Scaler or None
        The standardisation of x and y, measured on the training data.
    loss : Loss or None
        The loss of the training; None if it was user-defined and the model was loaded from a file.
    mode : str
        ``"many_to_many"``, ``"many_to_one"``, ``"one_to_many"`` or
        ``"encoder_decoder"``.
    y_rank : int
        The number of axes of y for several sequences: 3 for (B, T, O), fewer if the training
        data's y had no axis of steps or of outputs.
    history : History
        The loss curves of the training.
    feature_names, output_names : tuple of str, optional
        The column names of x and y, if the training data were pandas or polars DataFrames, or
        columns of a file. The columns of a later DataFrame are matched by these names.
    """

    @suggest_keywords
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
            The inputs, in the units of the training data: a NumPy array or an array on the model's
            device. A one-to-many model also takes (B, F). The columns of a pandas or polars
            DataFrame are matched by name if the model has names, and those of an array by
            position.
        lengths : array of int, (B,), optional
            The number of valid steps at the start of each sequence, for a padded x.
        mask : array of bool, (B, T), optional
            True at valid steps; the state does not change at the other steps.
        state : tuple of arrays, (B, H), optional
            The initial state, as returned with `return_state`; (H,) for one sequence. The default
            is the network's own initial state.
        return_state : bool
            Whether to return the state after the last valid step as well.
        return_states : bool
            Whether to return the hidden states of all steps as well.

        Returns
        -------
        y : array or list of arrays
            The outputs, in the array library of x and with the axes of the training data's y:
            (B, T, O) or (B, T) for an output at every step, (B, O) or (B,) for many to one;
            without the axis B for one sequence, and a list for a list. They are zero at padding
            steps. A classifier returns scores here; see `predict_proba`. With an output at every
            step, a DataFrame or Series gives a DataFrame or Series with the index of x and the
            names of y.
        state : tuple of arrays
            Only with `return_state`: the state of each recurrent layer, h for Elman and GRU, h and
            c for LSTM, each (B, H) or (H,). Many to one adds the pool's state, which is its output
            so far and the number of steps; `skip` adds the last steps of x.
        states : tuple of arrays
            Only with `return_states`: h(1) … h(T) of every recurrent layer,
            (B, T, H) or (T, H).

        Raises
        ------
        ValueError
            If x has the wrong axes or features, a DataFrame has a missing or extra column, or x
            holds NaN or infinity or is on a different device from the model.
        TypeError
            If x is not an array of numbers.

        Notes
        -----
        The computation uses the wider of the dtypes of the model and x.

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
        return_state = flag("return_state", return_state)
        return_states = flag("return_states", return_states)
        data = read_inputs(self, "x", x, lengths, mask)
        with data.backend.active(), kernels.workspace(data.backend.xp) as xp:
            start = data.read_state(state)
            if return_states:
                scaled = data.scale(data.x)
                y, end, cache = self.network.forward(data.params, scaled, start, data.mask, xp=xp)
                y = data.unscale(y, xp)
            else:
                y, end = data.forward(data.x, start, data.mask, xp)
            results = [data.restore(y)]
            if return_state:
                results.append(data.restore_state(end))
            if return_states:
                results.append(data.restore_layers(self.network.states(cache, xp=xp)))
            return results[0] if len(results) == 1 else tuple(results)

    @suggest_keywords
    def trace(
        self,
        x: object,
        *,
        lengths: object = None,
        mask: object = None,
        state: tuple[object, ...] | None = None,
    ) -> tuple[dict[str, Any], ...]:
        """Return all gates and states at every step, by name.

        Parameters
        ----------
        x, lengths, mask, state
            See `predict`.

        Returns
        -------
        tuple of dict
            One dict for each recurrent layer, in the order of `predict`'s states; forward, then
            backward for a bidirectional layer. An LSTM layer has ``"input"``, ``"forget"``,
            ``"candidate"``, ``"output"``, ``"h"`` and ``"c"``; a GRU layer ``"reset"``,
            ``"update"``, ``"candidate"`` and ``"h"``; an Elman layer ``"h"``. A user-defined cell
            names its own; see `xprnn.cells`. Each array is (B, T, H), or (T, H) for one sequence;
            a list gives lists. Gates are zero at padding steps.

        Raises
        ------
        ValueError, TypeError
            As for `predict`, and if the network has hidden states outside `Recurrent` layers.

        Notes
        -----
        The loop runs in Python, step by step. Use this method to inspect a network, not to predict.

        Examples
        --------
        >>> import numpy as np
        >>> import xprnn
        >>> wave = np.sin(np.arange(0, 10, 0.1))
        >>> model = xprnn.fit(wave[:-1], wave[1:], cell="lstm", hidden_size=4, epochs=2)
        >>> (seen,) = model.trace(wave)
        >>> {name: array.shape for name, array in seen.items()}
        {'input': (100, 4), 'forget': (100, 4), 'candidate': (100, 4),
         'output': (100, 4), 'h': (100, 4), 'c': (100, 4)}
        >>> bool(np.allclose(seen["h"], seen["output"] * np.tanh(seen["c"])))
        True
        """
        data = read_inputs(self, "x", x, lengths, mask)
        with data.backend.active():
            xp, start = data.backend.xp, data.read_state(state)
            scaled = data.scale(data.x)
            layers = trace_gates(self.network, data.params, scaled, start, data.mask, xp=xp)
            return data.restore_layers(layers)

    @suggest_keywords
    def predict_proba(self, x: object, *, lengths: object = None, mask: object = None) -> Any:
        """Return class probabilities, for a model trained to classify.

        Parameters
        ----------
        x, lengths, mask
            See `predict`.

        Returns
        -------
        array or list of arrays
            The probabilities, in the form of `predict`'s output. With ``"cross_entropy"`` the last
            axis holds those of all classes, which sum to 1; with ``"binary_cross_entropy"`` it
            holds one for each output.

        Raises
        ------
        ValueError
            If the model's loss has no probabilities, and as for `predict`.

        Examples
        --------
        >>> import numpy as np
        >>> import xprnn
        >>> x = np.random.default_rng(0).standard_normal((20, 5, 1))
        >>> model = xprnn.fit(x, (x[:, 0, 0] > 0).astype(int), loss="cross_entropy", epochs=2)
        >>> model.predict_proba(x).shape
        (20, 2)
        """
        loss: Any = self.loss
        if not hasattr(loss, "probabilities"):
            raise ValueError(
                "predict_proba needs a model trained with loss='cross_entropy' or "
                f"'binary_cross_entropy'; this one has {loss!r}"
            )
        data = read_inputs(self, "x", x, lengths, mask)
        with data.backend.active():
            xp = data.backend.xp
            y, _ = data.forward(data.x, None, data.mask, xp)
            return data.restore(loss.probabilities(y, xp=xp))

    @suggest_keywords
    def forecast(self, x: object, steps: int, *, lengths: object = None) -> Any:
        """Continue sequences by feeding each output back as the next input (closed loop).

        The network must have been trained to predict the next step, as in ``fit(s[:-1], s[1:])``.

        Parameters
        ----------
        x : array, (B, T, F), (T, F) or (T,), or list of arrays (T_i, F)
            The past, up to the last known step.
        steps : int
            The number of steps to forecast.
        lengths : array of int, (B,), optional
            The number of valid steps at the start of each sequence, for a padded x.

        Returns
        -------
        array
            The steps after the end of x: (B, steps, F), (steps, F) or (steps,). It is an array
            even if x is a DataFrame; `xprnn.forecasting` continues an index.

        Raises
        ------
        ValueError
            If the outputs differ from the features in number or names, if the network can't run
            step by step, and as for `predict`.

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
        self._check_closes_loop()
        data = read_inputs(self, "x", x, lengths, None)
        with data.backend.active(), kernels.workspace(data.backend.xp) as xp:
            y, state = data.forward(data.x, None, data.mask, xp)
            last, _, _ = Pool("last").forward((), y, (), data.mask, xp=xp)
            future = [last]
            while len(future) < steps:
                y, state = data.forward(future[-1], state, None, xp)
                future.append(y)
            data = data._replace(mask=None, sizes=None, frames=None)
            return data.restore(xp.concat(future, axis=0))

    def _check_closes_loop(self) -> None:
        """Raise ValueError unless the network's outputs can be its next inputs."""
        if self.network.time == "whole" or not self.network.keeps_steps:
            raise ValueError(
                "forecast runs the network step by step and feeds each output back as the next "
                "input; this network reads whole sequences (bidirectional, one to many, encoder "
                "and decoder) or gives one output for many steps"
            )
        if self.features != self.outputs:
            raise ValueError(
                "forecast feeds the outputs back as inputs, so their numbers must be equal: the "
                f"network has {self.features} feature(s) and {self.outputs} output(s)"
            )
        names, fed_back = self.feature_names, self.output_names
        if names is not None and fed_back is not None and names != fed_back:
            raise ValueError(
                "forecast feeds the outputs back as inputs, so both must be the same columns in "
                f"the same order: the features are {', '.join(names)} and the outputs "
                f"{', '.join(fed_back)}"
            )

    @suggest_keywords
    def evaluate(
        self,
        x: object,
        y: object,
        loss: str | Loss | None = None,
        *,
        lengths: object = None,
        mask: object = None,
    ) -> float:
        """Return the loss of the predictions for x, compared with y and in the units of y.

        Parameters
        ----------
        x, lengths, mask
            See `predict`.
        y : array or list of arrays
            The targets; see `xprnn.fit`.
        loss : str or Loss, optional
            The loss to compute; by default the loss of the training. `xprnn.metrics` has accuracy
            and other scores.

        Raises
        ------
        ValueError, TypeError
            If x or y does not match the model, or they do not match each other.

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
            raise ValueError(
                "loss must be given: the model was trained with a loss that is not stored in "
                "its file"
            )
        columns = self.feature_names, self.output_names
        pair = read_pair(x, y, columns=columns, mode=self.mode, lengths=lengths, mask=mask)
        data = place_inputs(self, "x", pair.x)
        backend = common({"x": pair.x.array, "y": pair.y}, self.backend)
        xp = backend.xp
        with backend.active():
            dtype = float_name("y", pair.y) or self.dtype
            truth = to_time_major(backend.asarray(pair.y, dtype), xp=xp)
            y_mask = data.mask if self.network.keeps_steps else None
            needed = losses.outputs(loss, truth, y_mask, xp=xp)
            labels = truth.shape[-1] == 1 < needed and not losses.standardizes(loss)
            if needed > self.outputs or (needed < self.outputs and not labels):
                raise ValueError(
                    f"the network has {self.outputs} output(s), but this loss of y needs {needed}"
                )
            scaled = data.scale(data.x)
            y_hat, _ = apply(self.network, data.params, scaled, mask=data.mask, xp=xp)
            if y_hat.shape[0] != truth.shape[0]:
                raise ValueError(
                    f"y must have {y_hat.shape[0]} step(s), like the network's output, got "
                    f"{truth.shape[0]}"
                )
            scaler = self.y_scaler
            if scaler is not None:
                scaler = scaler.on(backend, "float64")
                truth = scaler.apply(backend.asarray(truth, "float64"))
            trained_on = self.loss or HalfMSE()
            value = in_units(loss, y_hat, truth, y_mask, scaler, trained_on=trained_on, xp=xp)
            return float(value)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the model to a file that `xprnn.load` reads.

        Parameters
        ----------
        path : str or path
            The file, with the extension ``.npz`` or ``.safetensors``.

        Raises
        ------
        ValueError, TypeError, FileNotFoundError, MissingExtraError
            As for `xprnn.save`.
        """
        serialization.save(self, path)

    def to_onnx(self, path: str | os.PathLike[str], *, dtype: str | None = None) -> None:
        """Write the model to an ONNX file, for onnxruntime and other programs to run.

        This is `xprnn.onnx.export`; `xprnn.onnx.to_proto` describes the file.

        Parameters
        ----------
        path : str or path
            The file, with the extension ``.onnx``.
        dtype : {"float32", "float64"}, optional
            The dtype of the computation; by default the model's.

        Raises
        ------
        ValueError
            If the path has another extension, or the network can't be exported; the error says why.
        MissingExtraError
            If the onnx library is not installed.

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
        """Return a table of the parameters with their shapes and sizes.

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
        rows = [(n, str(tuple(a.shape)), math.prod(a.shape)) for n, a in self.named().items()]
        rows.append(("total", "", sum(count for _, _, count in rows)))
        width = max(len(name) for name, _, _ in rows)
        lines = [f"{'name':<{width}} {'shape':<11} numbers"]
        return "\n".join(lines + [f"{n:<{width}} {s:<11} {c:>7,}" for n, s, c in rows])

    def _count_parameters(self) -> int:
        return sum(math.prod(a.shape) for a in self.named().values())

    def __repr__(self) -> str:
        return (
            f"Model({self.features} feature(s) -> {self.outputs} output(s), "
            f"{self._count_parameters():,} parameters, "
            f"{self.dtype} on {self.backend}, {self.history!r})"
        )

    def _repr_html_(self) -> str:
        """Return a table for a notebook."""
        history = self.history
        rows = [
            ("mode", self.mode),
            ("features", _list_names(self.features, self.feature_names)),
            ("outputs", _list_names(self.outputs, self.output_names)),
            ("network", repr(self.network)),
            ("parameters", f"{self._count_parameters():,}, {self.dtype} on {self.backend}"),
            ("loss", "not known" if self.loss is None else repr(self.loss)),
            ("epochs", f"{len(history)}, {history.ended}" if len(history) else "none"),
        ]
        for name, curve in (("training", history.loss), ("validation", history.val_loss)):
            if len(history) and not math.isnan(curve[-1]):
                rows.append((f"last {name} loss", f"{curve[-1]:.4g}"))
        return make_table("Model", rows)


def _list_names(count: int, names: tuple[str, ...] | None) -> str:
    """Return a count, followed by the names if there are any."""
    return f"{count}" if names is None else f"{count}: {', '.join(names)}"
