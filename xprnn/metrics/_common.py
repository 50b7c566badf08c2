"""What the metrics share: arrays of any backend on the host, masks, valid steps."""

from typing import Any

from xprnn._typing import Array
from xprnn.backend import admit, host, on_host, to_host
from xprnn.backend.frames import names, order_columns


def is_list(value: Any) -> bool:
    """Whether an argument is a list of arrays, one for each sequence."""
    return isinstance(value, list | tuple) and any(getattr(item, "ndim", 0) for item in value)


def _on_host(argument: str, value: Any) -> Array:
    """Return an array of numbers of any backend as a NumPy array of float64."""
    array = to_host(admit(argument, value)).astype("float64")
    if array.ndim == 0:
        raise ValueError(f"{argument} must be an array with at least one axis, got {array}")
    if array.size == 0:
        raise ValueError(f"{argument} is empty: {array.shape}")
    return array


def parts(argument: str, value: Any) -> list[Array]:
    """Return the arrays of a list, or the one array that came."""
    if not is_list(value):
        return [_on_host(argument, value)]
    found = [_on_host(f"{argument}[{i}]", part) for i, part in enumerate(value)]
    if len({part.shape[1:] for part in found}) > 1:
        raise ValueError(
            f"{argument} must hold arrays that differ in their first axis only, "
            f"got {[part.shape for part in found]}"
        )
    return found


def match_columns(argument: str, value: Any, y: Any) -> Any:
    """Return a value with the columns of its frames in the order of those of y.

    One column is compared with one column, whatever the two are called.

    Raises
    ------
    ValueError
        If there are other columns than in y.
    """
    wanted = names("y", y)
    return value if wanted is None or len(wanted) == 1 else order_columns(argument, value, wanted)


def valid_steps(mask: Any, lengths: Any, shape: tuple[int, ...]) -> Array:
    """Return the mask of sequences (B, T), all True if neither mask nor lengths are given."""
    if mask is not None and lengths is not None:
        raise ValueError("mask and lengths say the same: expected one of them, got both")
    if lengths is not None:
        lengths = host.atleast_1d(on_host("lengths", lengths))
        if lengths.dtype.kind not in "iu":
            raise TypeError(f"lengths must be integers, got dtype {lengths.dtype}")
        if len(shape) < 2 or lengths.shape != shape[:1]:
            raise ValueError(
                f"lengths must have one number for each sequence of (B, T) = {shape}, "
                f"got shape {lengths.shape}"
            )
        if lengths.min() < 0 or lengths.max() > shape[1]:
            raise ValueError(f"lengths must be from 0 to {shape[1]} steps, got {lengths.tolist()}")
        return host.arange(shape[1]) < lengths[:, None]
    if mask is None:
        return host.ones(shape, dtype=bool)
    mask = on_host("mask", mask)
    if mask.dtype != bool:
        raise TypeError(f"mask must hold True at valid steps and False elsewhere, got {mask.dtype}")
    if mask.shape not in (shape, shape[1:] if shape[:1] == (1,) else shape):
        raise ValueError(f"mask must have the shape (B, T) = {shape}, got {mask.shape}")
    return mask.reshape(shape)


def check_valid(argument: str, array: Array) -> Array:
    """Return the values at valid steps; raise if there are none, or some are not finite."""
    if array.shape[0] == 0:
        raise ValueError(f"{argument} has no valid step")
    if not host.isfinite(array).all():
        bad = array[~host.isfinite(array)]
        raise ValueError(
            f"{argument} must be finite at valid steps, got {bad[0]} ({bad.size} such)"
        )
    return array


def refuse_mask(y: Any, mask: Any, lengths: Any) -> None:
    """Raise if a list of arrays, which has its lengths, comes with more of them."""
    if is_list(y) and (mask is not None or lengths is not None):
        raise ValueError("y is a list of arrays with their lengths: expected no mask or lengths")
