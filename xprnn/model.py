"""The model that `fit` returns: a network with its parameters, ready to be applied."""

import math
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from xprnn import losses, tree
from xprnn._typing import Array, Tree
from xprnn._validate import whole
from xprnn.backend import Backend, admit, common, dtype_name, float_name, of, to_host, wider
from xprnn.batches import check_finite, check_pair, from_time_major, sequences, time_major
from xprnn.history import History
from xprnn.layers import Layer
from xprnn.losses import Loss
from xprnn.scaling import Scaler

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
    y_rank : int
        How many axes the y of the training had: 1, 2 or 3.
    history : History
        The curves of the training.
    """

    network: Layer
    weights: Tree
    features: int
    outputs: int
    x_scaler: Scaler | None = None
    y_scaler: Scaler | None = None
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

    def predict(self, x: object, *, state: Tree | None = None, return_states: bool = False) -> Any:
        """Apply the network to sequences of any length.

        Parameters
        ----------
        x : array, (B, T, F), (T, F) or (T,)
            In the units of the training data; a NumPy array, or one that is where
            the model is.
        state : tuple of arrays, (B, H), optional
            The initial state of every recurrent layer, (H,) for one sequence; zero
            if left out.
        return_states : bool
            Return the hidden states too.

        Returns
        -------
        y : array
            Of the library of x. (B, T, O) if x has three axes; else (T, O), or (T,)
            if the y of the training was (T,).
        states : tuple of arrays
            Only with `return_states`: h(1) … h(T) of every recurrent layer,
            (B, T, H) or (T, H). What stands at the last step is the `state` from
            which the rest of a sequence continues.

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
        >>> model = xprnn.fit(wave[:-1], wave[1:], epochs=2)
        >>> y, (h,) = model.predict(wave, return_states=True)
        >>> y.shape, h.shape
        ((100,), (100, 64))
        >>> rest = model.predict(wave[60:], state=(h[59],))
        >>> bool(np.allclose(rest, y[60:]))
        True
        """
        data = self._data("x", x)
        with data.backend.active():
            y, _, cache = self._forward(data, data.x, self._start(data, state))
            y = data.restore(y, self.y_rank)
            if not return_states:
                return y
            return y, tuple(data.restore(h, 2) for h in self.network.states(cache))

    def forecast(self, x: object, steps: int) -> Any:
        """Continue sequences: every output is the next input (closed loop).

        Meant for a network trained to give the next step, ``fit(s[:-1], s[1:])``.

        Parameters
        ----------
        x : array, (B, T, F), (T, F) or (T,)
            The past, to its last known step.
        steps : int
            How many steps to go beyond it.

        Returns
        -------
        array
            The steps after the last of x, (B, steps, F), (steps, F) or (steps,).

        Raises
        ------
        ValueError
            If the network's outputs are not as many as its features, and as
            `predict`.

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
        if self.features != self.outputs:
            raise ValueError(
                "forecast feeds the outputs back as inputs, so there must be as many: the network "
                f"has {self.features} feature(s) and {self.outputs} output(s)"
            )
        data = self._data("x", x)
        with data.backend.active():
            y, state, _ = self._forward(data, data.x, self._start(data, None))
            future = [y[-1:, :, :]]
            while len(future) < steps:
                y, state, _ = self._forward(data, future[-1], state)
                future.append(y)
            return data.restore(data.backend.xp.concat(future, axis=0), self.y_rank)

    def evaluate(self, x: object, y: object, loss: str | Loss = "half_mse") -> float:
        """Return the loss of the predictions for x against y, in the units of y.

        Parameters
        ----------
        x : array, (B, T, F), (T, F) or (T,)
        y : array, (B, T, O), (T, O) or (T,)
        loss : str or Loss

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
        loss = losses.get(loss)
        data = self._data("x", x)
        target, _ = sequences("y", y)
        check_pair(data.given, target)
        if target.shape[-1] != self.outputs:
            raise ValueError(f"y must have {self.outputs} output(s), got {target.shape[-1]}")
        backend = common({"x": data.given, "y": target}, self.backend)
        dtype = float_name("y", target) or self.dtype
        with backend.active():
            y_hat, _, _ = self._forward(data, data.x, self._start(data, None))
            truth = time_major(backend.asarray(target, dtype), xp=backend.xp)
            return float(loss(y_hat, truth, None, xp=backend.xp)[0])

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

    def _data(self, argument: str, value: object) -> "_Data":
        """Return an argument of the caller's, checked and brought to where the model is."""
        given, rank = sequences(argument, value)
        if given.shape[-1] != self.features:
            raise ValueError(
                f"{argument} must have {self.features} feature(s) on its last axis, as in "
                f"training, got {given.shape[-1]}: {tuple(given.shape)} as (B, T, F)"
            )
        backend = common({argument: given}, self.backend)
        dtype = wider(self.dtype, float_name(argument, given) or self.dtype)
        with backend.active():
            x = time_major(backend.asarray(given, self._data_dtype(dtype)), xp=backend.xp)
            weights = tree.map(lambda a: backend.asarray(a, dtype), self.weights)
        return _Data(x, given, rank, backend, dtype, weights)

    def _data_dtype(self, dtype: str) -> str:
        """Return what x is scaled in: x far from zero has its digits there, and not after it."""
        return dtype if self.x_scaler is None else wider(dtype, dtype_name(self.x_scaler.mean))

    def _start(self, data: "_Data", state: Tree | None) -> Tree:
        """Return the initial state of the network, the caller's or zero."""
        batch = data.x.shape[1]
        zero = self.network.initial_state(data.weights, batch, xp=data.backend.xp)
        if state is None:
            return zero
        slots = tree.flatten(zero)
        if not isinstance(state, tuple | list) or len(state) != len(slots):
            raise ValueError(
                f"state must be a tuple of {len(slots)} array(s), one for each state of the "
                f"recurrent layers, got {type(state).__name__}"
                + (f" of {len(state)}" if isinstance(state, tuple | list) else "")
            )
        filled = {}
        for i, (name, given) in enumerate(zip(slots, state, strict=True)):
            array = admit(f"state[{i}]", given)
            common({"x": data.given, f"state[{i}]": array}, self.backend)
            shape = tuple(slots[name].shape)
            if tuple(array.shape) not in (shape, shape[1:] if batch == 1 else shape):
                raise ValueError(f"state[{i}] must have shape {shape}, got {tuple(array.shape)}")
            check_finite(f"state[{i}]", array)
            moved = data.backend.asarray(array, data.dtype)
            filled[name] = data.backend.xp.reshape(moved, shape)
        return tree.unflatten(filled, like=zero)

    def _forward(self, data: "_Data", x: Array, state: Tree) -> tuple[Array, Tree, Any]:
        """Run the network from and to the units of the data."""
        backend = data.backend
        x = x if self.x_scaler is None else self.x_scaler.apply(x)
        x = backend.asarray(x, data.dtype)
        y, state, cache = self.network.forward(data.weights, x, state, None, xp=backend.xp)
        return (y if self.y_scaler is None else self.y_scaler.invert(y)), state, cache


class _Data(NamedTuple):
    """Sequences of a caller's, where and as the model computes."""

    x: Array
    """(T, B, F)"""
    given: Array
    """(B, T, F), as the caller gave it."""
    rank: int
    backend: Backend
    dtype: str
    weights: Tree

    def restore(self, y: Array, rank: int) -> Array:
        """Return a (T, B, O) as the caller's kind of array, batch-first.

        For one sequence it gets `rank` axes, two at the most.
        """
        y = self.backend.asarray(y, self.dtype)
        y = from_time_major(y, 3 if self.rank == 3 else min(rank, 2), xp=self.backend.xp)
        return to_host(y) if of(self.given).name == "numpy" else y
