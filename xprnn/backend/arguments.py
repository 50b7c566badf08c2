"""Check the caller's arrays: kind, dtype and device."""

import numbers
from typing import Any

import array_api_compat
import numpy as np

from xprnn._fields import show
from xprnn._typing import Array
from xprnn.backend import frames
from xprnn.backend.availability import NAMES
from xprnn.backend.place import Backend, of, resolve, short_name, to_host


def admit(argument: str, value: Any, *, bools: bool = True) -> Array:
    """Return an argument as an array of floats or integers from a known library.

    Lists of numbers, pandas and polars frames, and anything else that NumPy can read become NumPy
    arrays. NumPy arrays in the other byte order are converted to this machine's. True and False
    become 1 and 0, or raise an error if `bools` is False.

    Raises
    ------
    TypeError
        If it is not an array of such numbers, or is from an unknown library.
    ValueError
        If it is a ragged list or a masked array.
    """
    if isinstance(value, str | bytes) or value is None:
        raise TypeError(f"{argument} must be an array of numbers, got {value!r}")
    refuse_masked(argument, value)
    if frames.is_frame(value):
        value = frames.numbers(argument, value)
    if of(value) is None:
        if _has_names(value):
            raise TypeError(
                f"{argument} is a {type(value).__module__}.{type(value).__qualname__}, whose "
                "columns or axes have names that would be lost: pass a pandas or polars "
                "DataFrame, or a NumPy array"
            )
        if hasattr(value, "__array_namespace__") or array_api_compat.is_array_api_obj(value):
            raise TypeError(
                f"{argument} is a {type(value).__module__}.{type(value).__qualname__}, which is "
                f"not from a known library ({', '.join(NAMES)}); convert it to a NumPy array"
            )
        try:
            value = np.asarray(value)
        except ValueError as error:
            raise ValueError(
                f"{argument} must be an array, got a ragged {type(value).__name__}: sequences of "
                "different lengths do not fit into one array; pass a list of arrays (T, F)"
            ) from error
    check_dense(argument, value)
    if getattr(value, "requires_grad", False):
        raise ValueError(f"{argument} requires grad; xprnn computes its own gradients: detach it")
    if array_api_compat.is_numpy_array(value):
        value = np.asarray(value)  # a subclass may define arithmetic differently
        if value.dtype.kind == "O":
            raise TypeError(
                f"{argument} has dtype object: expected float32, float64 or integers, "
                f"got {_example(value)}"
            )
        value = value.astype(value.dtype.newbyteorder("="), copy=False)
    if bools and dtype_name(value) == "bool":
        return of(value).asarray(value, "uint8")
    float_name(argument, value)
    return value


def _has_names(value: Any) -> bool:
    """Return whether a value has named columns or axes, like pyarrow tables and xarray arrays."""
    axes = hasattr(value, "dims") and hasattr(value, "coords")
    return axes or hasattr(value, "columns") or hasattr(value, "column_names")


def refuse_masked(argument: str, value: Any) -> None:
    """Raise ValueError for a masked array or a list that contains one."""
    if isinstance(value, np.ma.MaskedArray):
        raise ValueError(f"{argument} is a masked array, and its mask would be lost; fill it")
    if isinstance(value, list | tuple) and any(
        issubclass(kind, list | tuple | np.ma.MaskedArray) for kind in set(map(type, value))
    ):
        for i, item in enumerate(value):
            refuse_masked(f"{argument}[{i}]", item)


def on_host(argument: str, value: Any) -> Any:
    """Return an argument such as a mask or lengths as a NumPy array of any dtype.

    Raises
    ------
    ValueError
        If it is a masked array, or a ragged list.
    """
    refuse_masked(argument, value)
    check_dense(argument, value)
    try:
        return to_host(value)
    except ValueError as error:
        raise ValueError(f"{argument} must be an array, got {show(value)}: {error}") from error


def check_dense(argument: str, value: Any) -> None:
    """Raise TypeError for a torch tensor that is sparse, nested, or has no data."""
    if not array_api_compat.is_torch_array(value):
        return
    layout = str(value.layout)
    fake = type(value).__name__ == "FakeTensor"
    if layout != "torch.strided" or value.is_nested or value.is_meta or fake:
        kind = "fake" if fake else "nested" if value.is_nested else layout.removeprefix("torch.")
        raise TypeError(
            f"{argument} must be a dense tensor that holds its numbers, got a {kind} one on the "
            f"device {value.device}"
        )


def _example(array: Any) -> str:
    """Return the first object that is not a number, or the first object if all are numbers."""
    objects = array.ravel().tolist()
    odd = [item for item in objects if not isinstance(item, numbers.Real)] or objects
    return f"for example {show(odd[0])}" if odd else "nothing"


def float_name(argument: str, array: Array) -> str | None:
    """Return "float32" or "float64", or None for integers, which become the default float.

    Raises
    ------
    TypeError
        For any other dtype, which the message names.
    """
    name = dtype_name(array)
    if name in ("float32", "float64"):
        return name
    if name.lstrip("u").startswith("int"):
        return None
    raise TypeError(f"{argument} has dtype {name}: expected float32, float64 or integers")


def dtype_name(array: Array) -> str:
    """Return the name of an array's dtype, such as ``"float32"``."""
    return short_name(array.dtype)


def wider(*names: str) -> str:
    """Return "float64" if it is among the names, else "float32"."""
    return "float64" if "float64" in names else "float32"


def common(arrays: dict[str, Array], spec: "str | Backend | None") -> Backend:
    """Return the backend to compute on: that of the arrays, or the one that `spec` names.

    Parameters
    ----------
    arrays : dict
        The arrays of one call, by argument name.
    spec : str, Backend or None
        The backend for the computation; only NumPy arrays are moved to it.

    Raises
    ------
    ValueError
        If the arrays are from two libraries, on two devices, or not on `spec`.
    BackendUnavailableError
        If the backend can't be used.
    """
    places = {argument: of(array) for argument, array in arrays.items()}
    (first, place), *rest = places.items()
    for argument, other in rest:
        if other != place:
            raise ValueError(
                f"{first} is on {place} and {argument} on {other}: expected both on one device "
                "of one library"
            )
    if spec is None or spec == place.name:
        return place
    wanted = resolve(spec)
    if place not in (wanted, Backend("numpy", "cpu")):
        raise ValueError(
            f"{first} is on {place}, but the computation is to run on {wanted}: move the array, "
            "or pass a NumPy array, which is moved"
        )
    return wanted
