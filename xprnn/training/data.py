"""Read x and y for training: check, weight, scale and move them."""

from typing import Any, NamedTuple

from xprnn import _ops, losses
from xprnn._fields import unknown
from xprnn._model import Model
from xprnn._sequences.batches import Data, to_time_major
from xprnn._sequences.columns import read_names
from xprnn._sequences.modes import Pair, read_pair, read_weights
from xprnn._sequences.reading import check_finite
from xprnn._sequences.scaling import Scaler
from xprnn._typing import Array, Namespace
from xprnn.backend import Backend, dtype_name, float_name, host, of, wider
from xprnn.losses import Loss

Names = tuple[str, ...] | None
VALIDATION = ("validation_data[0]", "validation_data[1]")
"""The names of validation data in errors."""


class Part(NamedTuple):
    """Data for training or for validation, as the caller passed them."""

    pair: Pair
    weights: Any = None
    """NumPy array (B, T') or (B, 1), at least 0; None if all steps have the same weight."""
    scored: Any = None
    """NumPy array of bool (B, T), True at steps that count in the loss; None if all do."""

    def relative_weights(self) -> Any:
        """Return the weights (T', B) or (1, B), with mean 1 over the steps that count."""
        if self.weights is None:
            return None
        counts = self.pair.valid if self.scored is None else self.scored
        if self.pair.mode != "many_to_many":
            counts = counts[:, :1]
        return (self.weights / ((self.weights * counts).sum() / counts.sum())).T


def name_arrays(pairs: list[Pair]) -> dict[str, Array]:
    """Return the arrays of x and y by their names in error messages."""
    arrays = {"x": pairs[0].x.array, "y": pairs[0].y}
    for pair in pairs[1:]:
        arrays |= dict(zip(VALIDATION, (pair.x.array, pair.y), strict=True))
    return arrays


def read_pairs(
    x: Any, y: Any, validation_data: Any, model: Model | None, **layout: Any
) -> tuple[list[Pair], Names, Names]:
    """Return x and y as a pair, then the validation data if any, and the column names.

    Parameters
    ----------
    x, y, validation_data
        As for `xprnn.fit`.
    model : Model or None
        The model to continue from; its column names take precedence over those of x and y.
    **layout
        `mode`, `lengths` and `mask`, as for `xprnn.fit`, and `labels`.

    Raises
    ------
    ValueError, TypeError
        If they do not match.
    """
    features, outputs = read_names("x", x), read_names("y", y)
    if model is not None:
        features = model.feature_names or features
        outputs = model.output_names or outputs
    columns = features, outputs
    pair = read_pair(x, y, columns=columns, **layout)
    if validation_data is None:
        return [pair], features, outputs
    if not isinstance(validation_data, tuple | list) or len(validation_data) not in (2, 3):
        raise TypeError("validation_data must be (x, y), or (x, y, mask) with a padded x")
    x, y, *rest = validation_data
    mask = rest[0] if rest else None
    validation = read_pair(x, y, columns=columns, mode=pair.mode, mask=mask, names=VALIDATION)
    for name, array, like in (
        (VALIDATION[0], validation.x.array, pair.x.array),
        (VALIDATION[1], validation.y, pair.y),
    ):
        if array.shape[-1] != like.shape[-1]:
            raise ValueError(
                f"{name} must have {like.shape[-1]} feature(s) as in training, "
                f"got {array.shape[-1]}"
            )
    return [pair, validation], features, outputs


def weigh(sample_weight: Any, y: Any, pair: Pair, loss: Loss) -> Any:
    """Return sample weights as a NumPy array (B, T) or (B, 1).

    Raises
    ------
    ValueError
        If the weights do not match y, if one is below zero or not finite, if all are zero, or if
        the loss has class weights too.
    """
    if sample_weight is None:
        return None
    if getattr(loss, "class_weights", None) is not None:
        raise ValueError(
            "sample_weight and the class_weights of the loss both weight the steps; pass their "
            "product as sample_weight, and a loss without class_weights"
        )
    weights = read_weights(sample_weight, y, pair)
    return weights[:, None] if weights.ndim == 1 else weights


def choose_dtype(dtype: Any, arrays: dict[str, Array], place: Backend) -> str:
    """Return the name of `dtype`, or the widest dtype of the arrays."""
    widest = wider(*(float_name(name, a) or place.default_dtype for name, a in arrays.items()))
    if dtype is None:
        return widest
    name = getattr(dtype, "__name__", str(dtype)).split(".")[-1]
    if name not in ("float32", "float64"):
        raise unknown("dtype", dtype, ("float32", "float64"))
    return name


def count_outputs(loss: Loss, pairs: list[Pair]) -> int:
    """Return the number of outputs that the loss needs for y.

    Raises
    ------
    ValueError
        If y is invalid for the loss, or the validation data need more outputs.
    """
    counts: list[int] = []
    for pair in pairs:
        place = of(pair.y)
        valid = pair.x.valid if pair.mode == "many_to_many" else None
        with place.active():
            mask = None if valid is None else _mask(valid.T, place)
            y = place.xp.permute_dims(pair.y, (1, 0, 2))
            try:
                counts.append(losses.outputs(loss, y, mask, xp=place.xp))
            except ValueError as error:
                if not counts:
                    raise
                raise ValueError(f"{VALIDATION[1]}: {error}") from None
    if max(counts) > counts[0]:
        raise ValueError(
            f"{VALIDATION[1]} needs {max(counts)} outputs, but y has {counts[0]}: it holds labels "
            "that y lacks; set num_classes of the loss"
        )
    return counts[0]


def scale(
    parts: list[Part],
    standardize: tuple[bool, bool],
    dtype: str,
    place: Backend,
    *,
    model: Model | None = None,
) -> tuple[list[Data], list[Scaler | None]]:
    """Return the parts as data on a backend, and the scalers of x and y (None if not scaled).

    Scaling is done in the dtype of the input, so that data far from zero keep their precision.

    Parameters
    ----------
    parts : list of Part
        The data; the scalers are measured on the first part.
    standardize : tuple of bool
        Whether to scale x and y.
    dtype : str
        The dtype of the result.
    place : Backend
    model : Model, optional
        A model whose scalers are used instead.
    """
    xp = place.xp
    scalers: list[Scaler | None] = [None, None]
    if model is not None:
        scalers = [s and s.on(place) for s in (model.x_scaler, model.y_scaler)]
        standardize = (scalers[0] is not None, scalers[1] is not None)
    scaled = []
    for part in parts:
        pair, weights, arrays = part.pair, part.relative_weights(), []
        valid = None if pair.x.valid is None else pair.x.valid.T
        for i, array in enumerate((pair.x.array, pair.y)):
            steps = valid if i == 0 or pair.mode == "many_to_many" else None
            own_dtype = float_name("xy"[i], array) or "float64"
            array = to_time_major(place.asarray(array, own_dtype), xp=xp)
            if standardize[i]:
                scalers[i] = scaler = scalers[i] or _measure(array, steps, weights, xp)
                array = _ops.apply_mask(scaler.apply(array), _mask(steps, place), xp=xp)
            array = place.asarray(array, dtype)
            if dtype != own_dtype:
                check_finite(f"{'xy'[i]} in {dtype}", xp.permute_dims(array, (1, 0, 2)))
            arrays.append(array)
        if weights is not None:
            weights = place.asarray(weights[:, :, None], dtype)
        scored = None if part.scored is None else part.scored.T
        scaled.append(Data(arrays[0], arrays[1], valid, weights, scored))
    return scaled, scalers


def _measure(array: Array, valid: Any, weights: Any, xp: Namespace) -> Scaler:
    """Return the scaler of an array (T, B, F), over valid steps and with their weights if any."""
    if weights is not None:
        weights = host.broadcast_to(weights, array.shape[:2])
        counts = weights > 0
        valid = counts if valid is None else valid & counts
    rows = xp.reshape(array, (-1, array.shape[-1]))
    if valid is not None:
        (places,) = host.nonzero(valid.reshape(-1))
        rows = xp.take(rows, of(array).asarray(places, "int64"), axis=0)
    if weights is not None:
        weights = of(array).asarray(weights[valid], dtype_name(array))
    return Scaler.of(rows, weights, xp=xp)


def _mask(valid: Any, place: Backend) -> Array | None:
    """Return valid steps (T, B) as a mask (T, B, 1) on the backend."""
    return None if valid is None else place.asarray(valid[:, :, None], "bool")
