"""Read the sequences that a caller passes to a model, and return its outputs."""

from typing import Any, NamedTuple

from xprnn import _ops, losses, tree
from xprnn._record import Record, choose_x_dtype
from xprnn._sequences.batches import to_time_major
from xprnn._sequences.reading import Sequences, check_finite, read_sequences
from xprnn._typing import Array, Namespace, Tree
from xprnn.backend import Backend, admit, common, float_name, of, to_host, wider
from xprnn.backend.frames import is_frame, like
from xprnn.gradients.objective import apply


class Inputs(NamedTuple):
    """Sequences and a model's parameters, on one backend and in one dtype."""

    record: Record
    params: Tree
    x: Array
    """(T, B, F)"""
    mask: Array | None
    array: Array
    """x as the caller passed it, (B, T, F)."""
    sizes: tuple[int, ...] | None
    single: bool
    """Whether x is one sequence, without the axis B."""
    on_host: bool
    backend: Backend
    dtype: str
    frames: Any = None
    """The DataFrame, or list of DataFrames, whose form the outputs take."""

    def scale(self, x: Array) -> Array:
        """Standardise x, in the units of the data, for the network."""
        scaler = self.record.x_scaler
        return self.backend.asarray(x if scaler is None else scaler.apply(x), self.dtype)

    def unscale(self, y: Array, xp: Namespace) -> Array:
        """Return the network's outputs in the units of the data."""
        loss, scaler = self.record.loss, self.record.y_scaler
        return y if scaler is None else losses.unscale(loss, y, scaler, xp=xp)

    def forward(
        self, x: Array, state: Tree | None, mask: Array | None, xp: Namespace
    ) -> tuple[Array, Tree]:
        """Run the network on x (T, B, F); x and the output are in the units of the data."""
        y, end = apply(
            self.record.network, self.params, self.scale(x), state=state, mask=mask, xp=xp
        )
        return self.unscale(y, xp), end

    def read_state(self, state: Any) -> Tree | None:
        """Return a caller's state in the network's form, or None for the default initial state.

        Raises
        ------
        ValueError, TypeError
            If it does not fit the network or x.
        """
        if state is None:
            return None
        mask = None if self.mask is None else self.mask[:1, ...]
        _, like = self.forward(self.x[:1, ...], None, mask, self.backend.xp)
        slots = tree.flatten(like)
        if not isinstance(state, tuple | list) or len(state) != len(slots):
            raise ValueError(
                f"state must be a tuple of {len(slots)} array(s), as return_state returns them, "
                f"got {type(state).__name__}"
                + (f" of {len(state)}" if isinstance(state, tuple | list) else "")
            )
        arrays = {}
        for i, (name, value) in enumerate(zip(slots, state, strict=True)):
            array = admit(f"state[{i}]", value, bools=False)
            common({"x": self.array, f"state[{i}]": array}, self.record.backend)
            shape = tuple(slots[name].shape)
            if tuple(array.shape) not in (shape, shape[1:] if shape[0] == 1 else shape):
                raise ValueError(f"state[{i}] must have shape {shape}, got {tuple(array.shape)}")
            check_finite(f"state[{i}]", array)
            array = self.backend.asarray(array, self.dtype)
            arrays[name] = self.backend.xp.reshape(array, shape)
        return tree.unflatten(arrays, like=like)

    def restore(self, y: Array) -> Any:
        """Return outputs (T, B, O) batch-first, with the axes of the training data's y."""
        record = self.record
        keeps_steps = record.network.keeps_steps
        if keeps_steps:
            y = _ops.apply_mask(y, self.mask, xp=self.backend.xp)
        one_output = y.shape[-1] == 1
        if record.mode == "many_to_one" and record.y_rank < 3:
            y = y[0, ...]
            return self._drop_batch(y[:, 0] if one_output and record.y_rank == 1 else y)
        outputs = self._batch_first(y, one_output and record.y_rank == 2, split=keeps_steps)
        if self.frames is None:
            return outputs
        names = record.output_names
        names = names if names is not None and len(names) == y.shape[-1] else None
        if isinstance(outputs, list):
            return [like(f, a, names) for f, a in zip(self.frames, outputs, strict=True)]
        return like(self.frames, outputs, names)

    def restore_layers(self, layers: tuple[Tree, ...]) -> tuple[Any, ...]:
        """Return trees of arrays (T, B, H), one for each recurrent layer, batch-first.

        The steps of a decoder's arrays are not those of x.
        """
        readers = len(layers) // (2 if self.record.mode == "encoder_decoder" else 1)

        def restore(h: Array, reads: bool) -> Any:
            return self._batch_first(h, False, split=reads and h.shape[0] == self.x.shape[0])

        return tuple(
            tree.map(lambda h, reads=i < readers: restore(h, reads), layer)
            for i, layer in enumerate(layers)
        )

    def restore_state(self, state: Tree) -> tuple[Any, ...]:
        """Return the arrays of a state, (B, H) each; (H,) for one sequence."""
        return tuple(self._drop_batch(s) for s in tree.leaves(state))

    def _batch_first(self, y: Array, flat: bool, split: bool) -> Any:
        """Return y (T, B, O) batch-first, without O if `flat`, split if x was a list."""
        y = self.backend.xp.permute_dims(y, (1, 0, 2))
        y = y[:, :, 0] if flat else y
        if self.sizes is not None and split:
            return [self._hand_back(y[i, :size, ...]) for i, size in enumerate(self.sizes)]
        return self._drop_batch(y)

    def _drop_batch(self, y: Array) -> Any:
        """Return y without the axis B if x was one sequence."""
        return self._hand_back(y[0, ...] if self.single else y)

    def _hand_back(self, y: Array) -> Any:
        """Return y in the dtype of the computation, in the library of x."""
        y = self.backend.asarray(y, self.dtype)
        return to_host(y) if self.on_host else y


def read_inputs(record: Record, argument: str, value: object, lengths: Any, mask: Any) -> Inputs:
    """Check a caller's argument and return it on the model's backend."""
    one_step = record.mode == "one_to_many"
    columns = record.feature_names
    sequences = read_sequences(
        argument, value, columns=columns, lengths=lengths, mask=mask, one_step=one_step
    )
    data = place_inputs(record, argument, sequences)
    items = value if isinstance(value, list | tuple) else [value]
    if record.network.keeps_steps and all(map(is_frame, items)):
        return data._replace(frames=value)
    return data


def place_inputs(record: Record, argument: str, sequences: Sequences) -> Inputs:
    """Move sequences and parameters to the computation's backend and dtype."""
    array = sequences.array
    if array.shape[-1] != record.features:
        raise ValueError(
            f"{argument} must have {record.features} feature(s) on its last axis, as in "
            f"training, got {array.shape[-1]}: {tuple(array.shape)} as (B, T, F)"
        )
    if record.mode == "one_to_many" and array.shape[1] != 1:
        raise ValueError(
            f"{argument} must be (B, F) or (B, 1, F) for a one-to-many model, "
            f"got {array.shape[1]} steps: {tuple(array.shape)} as (B, T, F)"
        )
    backend = common({argument: array}, record.backend)
    dtype = wider(record.dtype, float_name(argument, array) or record.dtype)
    with backend.active():
        x = to_time_major(backend.asarray(array, choose_x_dtype(record, dtype)), xp=backend.xp)
        mask = None
        if sequences.valid is not None:
            mask = backend.asarray(sequences.valid.T[:, :, None], "bool")
        params = tree.map(lambda a: backend.asarray(a, dtype), record.params)
    return Inputs(
        record=record,
        params=params,
        x=x,
        mask=mask,
        array=array,
        sizes=sequences.sizes,
        single=sequences.rank < 3,
        on_host=of(array).name == "numpy",
        backend=backend,
        dtype=dtype,
    )
