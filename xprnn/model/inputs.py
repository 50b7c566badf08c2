"""What a caller hands to a model: sequences, where and as the model computes."""

from typing import Any, NamedTuple

from xprnn import masking, tree
from xprnn._typing import Array, Tree
from xprnn.backend import Backend, admit, common, to_host
from xprnn.sequences import check_finite

__all__ = ["Inputs"]


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

    def restore(self, y: Array, model: Any) -> Any:
        """Return outputs (T, B, O) batch-first, with the axes that the y of the training had."""
        if model.network.keeps_steps:
            y = masking.valid(y, self.mask, xp=self.backend.xp)
        plain = y.shape[-1] == 1
        if model.mode == "many_to_one" and model.y_rank < 3:
            y = y[0, ...]
            return self._one_or_all(y[:, 0] if plain and model.y_rank == 1 else y)
        flat = plain and model.y_rank == 2
        return self._steps(y, flat, listed=model.network.keeps_steps)

    def restore_layers(self, layers: tuple[Tree, ...], model: Any) -> tuple[Any, ...]:
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
            array = admit(f"state[{i}]", given)
            common({"x": self.given, f"state[{i}]": array}, place)
            shape = tuple(slots[name].shape)
            if tuple(array.shape) not in (shape, shape[1:] if shape[0] == 1 else shape):
                raise ValueError(f"state[{i}] must have shape {shape}, got {tuple(array.shape)}")
            check_finite(f"state[{i}]", array)
            moved = self.backend.asarray(array, self.dtype)
            filled[name] = self.backend.xp.reshape(moved, shape)
        return tree.unflatten(filled, like=like)
