"""The caller's data as a run takes them: checked, scaled, moved, time first."""

from typing import Any

from xprnn import _ops, losses, modes
from xprnn._typing import Array, Namespace
from xprnn._validate import unknown
from xprnn.backend import Backend, dtype_name, float_name, host, of, wider
from xprnn.backend.frames import names, order_columns
from xprnn.batches import Data, time_major
from xprnn.losses import Loss
from xprnn.model import Model
from xprnn.modes import Pair
from xprnn.scaling import Scaler
from xprnn.sequences import check_finite

__all__ = ["common_dtype", "order_frames", "outputs_for", "prepared", "validation_pair"]

Names = tuple[str, ...] | None


def order_frames(
    x: Any, y: Any, validation_data: Any, model: Model | None
) -> tuple[Any, Any, Any, tuple[Names, Names]]:
    """Return x, y and validation data with the columns of all frames in one order, and the names.

    The order is that of the model to start from, or else of x and y.

    Raises
    ------
    ValueError, TypeError
        If a frame lacks a column or has another one.
    """
    features, outputs = names("x", x), names("y", y)
    if model is not None:
        features = model.feature_names or features
        outputs = model.output_names or outputs
    x, y = order_columns("x", x, features), order_columns("y", y, outputs)
    if isinstance(validation_data, tuple | list) and len(validation_data) in (2, 3):
        first, second, *mask = validation_data
        first = order_columns("validation_data[0]", first, features)
        second = order_columns("validation_data[1]", second, outputs)
        validation_data = (first, second, *mask)
    return x, y, validation_data, (features, outputs)


def validation_pair(data: object, pair: Pair) -> Pair | None:
    """Return the validation data as a pair like that of the training."""
    if data is None:
        return None
    if not isinstance(data, tuple | list) or len(data) not in (2, 3):
        raise TypeError("validation_data must be (x, y), or (x, y, mask) with a padded x")
    arguments = ("validation_data[0]", "validation_data[1]")
    x, y, *mask = data
    found = modes.pair(x, y, mode=pair.mode, mask=mask[0] if mask else None, names=arguments)
    for name, like, array in zip(
        arguments, (pair.x.array, pair.y), (found.x.array, found.y), strict=True
    ):
        if array.shape[-1] != like.shape[-1]:
            raise ValueError(
                f"{name} must have {like.shape[-1]} feature(s) as in training, "
                f"got {array.shape[-1]}"
            )
    return found


def common_dtype(asked: Any, arrays: dict[str, Array], backend: Backend) -> str:
    """Return the dtype asked for, or the widest of the arrays'."""
    found = [float_name(name, array) for name, array in arrays.items()]
    if asked is not None:
        name = getattr(asked, "__name__", str(asked)).split(".")[-1]
        if name not in ("float32", "float64"):
            raise unknown("dtype", asked, ("float32", "float64"))
        return name
    return wider(*(name or backend.default_dtype for name in found))


def _scaler(array: Array, valid: Any, xp: Namespace, weights: Any = None) -> Scaler:
    """Measure (T, B, F) at its valid steps, which may have weights."""
    if weights is not None:
        weights = host.broadcast_to(weights, array.shape[:2])
        counts = weights > 0
        valid = counts if valid is None else valid & counts
    rows = xp.reshape(array, (-1, array.shape[-1]))
    if valid is not None:
        (kept,) = host.nonzero(valid.reshape(-1))
        rows = xp.take(rows, of(array).asarray(kept, "int64"), axis=0)
    if weights is None:
        return Scaler.of(rows, xp=xp)
    return Scaler.of(rows, of(array).asarray(weights[valid], dtype_name(array)), xp=xp)


def prepared(
    pairs: list[Pair],
    standardize: tuple[bool, bool],
    dtype: str,
    place: Backend,
    weights: Any = None,
    start: tuple[Scaler | None, Scaler | None] | None = None,
) -> tuple[list[Data], tuple[Scaler | None, ...]]:
    """Return the pairs as data in `dtype`, and the scalers of x and y of the first.

    They are scaled in the dtype that they came in: data far from zero have their
    digits there. `weights`, as step_weights returns them, are those of the first pair.
    The scalers to `start` from take the place of those that would be measured.
    """
    xp = place.xp
    scalers: list[Scaler | None] = [None, None]
    if start is not None:
        standardize = (start[0] is not None, start[1] is not None)
        scalers = [None if own is None else own.on(place) for own in start]
    found = []
    for pair in pairs:
        valid = None if pair.x.valid is None else pair.x.valid.T
        per_step = valid if pair.mode == "many_to_many" else None
        moved = []
        for i, (array, kept) in enumerate(((pair.x.array, valid), (pair.y, per_step))):
            came = float_name("xy"[i], array) or "float64"
            array = time_major(place.asarray(array, came), xp=xp)
            if standardize[i]:
                scalers[i] = scaler = scalers[i] or _scaler(array, kept, xp, weights)
                array = _ops.apply_mask(scaler.apply(array), _mask(kept, place), xp=xp)
            array = place.asarray(array, dtype)
            if dtype != came:
                check_finite(f"{'xy'[i]} in {dtype}", xp.permute_dims(array, (1, 0, 2)))
            moved.append(array)
        found.append(Data(moved[0], moved[1], valid))
    if weights is not None:
        found[0] = found[0]._replace(weights=place.asarray(weights[:, :, None], dtype))
    return found, tuple(scalers)


def _mask(valid: Any, place: Backend) -> Array | None:
    """Return valid steps (T, B) as a mask (T, B, 1) on the backend."""
    return None if valid is None else place.asarray(valid[:, :, None], "bool")


def outputs_for(loss: Loss, pairs: list[Pair], place: Backend) -> int:
    """Return how many outputs the loss needs for these targets, and check them."""
    found = []
    for pair in pairs:
        own = of(pair.y)
        valid = pair.x.valid if pair.mode == "many_to_many" else None
        with own.active():
            kept = None if valid is None else _mask(valid.T, own)
            array = own.xp.permute_dims(pair.y, (1, 0, 2))
            try:
                found.append(losses.outputs(loss, array, kept, xp=own.xp))
            except ValueError as error:
                if not found:
                    raise
                raise ValueError(f"validation_data[1]: {error}") from None
    if max(found) > found[0]:
        raise ValueError(
            f"validation_data[1] needs {max(found)} outputs, but y has {found[0]}: it holds "
            "labels that y lacks; give the loss num_classes"
        )
    return found[0]
