"""What a caller hands to a model: sequences, where and as the model computes."""

from typing import TYPE_CHECKING, Any, NamedTuple

from xprnn import masking, tree
from xprnn._sequences.batches import time_major
from xprnn._sequences.reading import Sequences, check_finite, read_sequences
from xprnn._typing import Array, Tree
from xprnn.backend import Backend, admit, common, dtype_name, float_name, of, to_host, wider
from xprnn.backend.frames import is_frame, like

if TYPE_CHECKING:
    from xprnn.model.model import Model

__all__ = ["Inputs", "brought", "read"]


class Inputs(NamedTuple):
    """Sequences of a caller's, where and as the model computes."""

    x: Array
    """(T, B, F)"""
    mask: Array | None
    given: Array
    """(B, T, F), as the caller gave it."""
    sizes: tuple[int, ...] | None
    single: bool
    """Whether it is one sequence, without the axis B."""
    on_host: bool
    backend: Backend
    dtype: str
    weights: Tree
    frames: Any = None
    """The frame, or the list of them, in whose form the outputs go back."""

    def scaled(self, x: Array, model: "Model") -> Array:
        """Return x in the units of the data as the network takes it."""
        x = x if model.x_scaler is None else model.x_scaler.apply(x)
        return self.backend.asarray(x, self.dtype)

    def restore(self, y: Array, model: "Model") -> Any:
        """Return outputs (T, B, O) batch-first, with the axes that the y of the training had."""
        if model.network.keeps_steps:
            y = masking.valid(y, self.mask, xp=self.backend.xp)
        plain = y.shape[-1] == 1
        if model.mode == "many_to_one" and model.y_rank < 3:
            y = y[0, ...]
            return self._one_or_all(y[:, 0] if plain and model.y_rank == 1 else y)
        flat = plain and model.y_rank == 2
        found = self._steps(y, flat, listed=model.network.keeps_steps)
        if self.frames is None:
            return found
        names = model.output_names
        names = names if names is not None and len(names) == y.shape[-1] else None
        if isinstance(found, list):
            return [like(f, a, names) for f, a in zip(self.frames, found, strict=True)]
        return like(self.frames, found, names)

    def restore_layers(self, layers: tuple[Tree, ...], model: "Model") -> tuple[Any, ...]:
        """Return arrays (T, B, H) of every recurrent layer batch-first, in the trees they are in.

        Those of a decoder have steps of their own.
        """
        reads = len(layers) // (2 if model.mode == "encoder_decoder" else 1)
        return tuple(
            tree.map(lambda h, own=i < reads: self._layer(h, own), layer)
            for i, layer in enumerate(layers)
        )

    def _layer(self, h: Array, reads: bool) -> Any:
        """Return h (T, B, H) of a layer that reads x, or of another, batch-first."""
        return self._steps(h, False, listed=reads and h.shape[0] == self.x.shape[0])

    def restore_state(self, s: Array) -> Any:
        """Return a state (B, H), or (H,) for one sequence."""
        return self._one_or_all(s)

    def _steps(self, y: Array, flat: bool, listed: bool) -> Any:
        y = self.backend.xp.permute_dims(y, (1, 0, 2))
        y = y[:, :, 0] if flat else y
        if self.sizes is not None and listed:
            return [self._out(y[i, :size, ...]) for i, size in enumerate(self.sizes)]
        return self._one_or_all(y)

    def _one_or_all(self, y: Array) -> Any:
        return self._out(y[0, ...] if self.single else y)

    def _out(self, y: Array) -> Any:
        y = self.backend.asarray(y, self.dtype)
        return to_host(y) if self.on_host else y

    def fill(self, like: Tree, state: Any, place: Backend) -> Tree:
        """Return a caller's state as a tree of the structure of `like`."""
        slots = tree.flatten(like)
        if not isinstance(state, tuple | list) or len(state) != len(slots):
            raise ValueError(
                f"state must be a tuple of {len(slots)} array(s), as return_state gives them, "
                f"got {type(state).__name__}"
                + (f" of {len(state)}" if isinstance(state, tuple | list) else "")
            )
        filled = {}
        for i, (name, given) in enumerate(zip(slots, state, strict=True)):
            array = admit(f"state[{i}]", given, bools=False)
            common({"x": self.given, f"state[{i}]": array}, place)
            shape = tuple(slots[name].shape)
            if tuple(array.shape) not in (shape, shape[1:] if shape[0] == 1 else shape):
                raise ValueError(f"state[{i}] must have shape {shape}, got {tuple(array.shape)}")
            check_finite(f"state[{i}]", array)
            moved = self.backend.asarray(array, self.dtype)
            filled[name] = self.backend.xp.reshape(moved, shape)
        return tree.unflatten(filled, like=like)


def read(model: "Model", argument: str, value: object, lengths: Any, mask: Any) -> Inputs:
    """Return an argument of a caller's, checked and brought to where the model is."""
    one_step = model.mode == "one_to_many"
    columns = model.feature_names
    found = read_sequences(
        argument, value, columns=columns, lengths=lengths, mask=mask, one_step=one_step
    )
    data = brought(model, argument, found)
    items = value if isinstance(value, list | tuple) else [value]
    if model.network.keeps_steps and all(map(is_frame, items)):
        return data._replace(frames=value)
    return data


def brought(model: "Model", argument: str, given: Sequences) -> Inputs:
    """Return sequences brought to where the model is."""
    array = given.array
    if array.shape[-1] != model.features:
        raise ValueError(
            f"{argument} must have {model.features} feature(s) on its last axis, as in "
            f"training, got {array.shape[-1]}: {tuple(array.shape)} as (B, T, F)"
        )
    if model.mode == "one_to_many" and array.shape[1] != 1:
        raise ValueError(
            f"{argument} must be (B, F) or (B, 1, F) for a one-to-many model, "
            f"got {array.shape[1]} steps: {tuple(array.shape)} as (B, T, F)"
        )
    backend = common({argument: array}, model.backend)
    dtype = wider(model.dtype, float_name(argument, array) or model.dtype)
    with backend.active():
        x = time_major(backend.asarray(array, _data_dtype(model, dtype)), xp=backend.xp)
        weights = tree.map(lambda a: backend.asarray(a, dtype), model.weights)
        mask = None
        if given.valid is not None:
            mask = backend.asarray(given.valid.T[:, :, None], "bool")
    on_host = of(array).name == "numpy"
    single = given.rank < 3
    return Inputs(x, mask, array, given.sizes, single, on_host, backend, dtype, weights)


def _data_dtype(model: "Model", dtype: str) -> str:
    """Return what x is scaled in: x far from zero has its digits there, and not after it."""
    return dtype if model.x_scaler is None else wider(dtype, dtype_name(model.x_scaler.mean))
