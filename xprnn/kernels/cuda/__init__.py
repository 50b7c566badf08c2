"""The recurrence as one launch on a CUDA GPU: see docs/gpu.md.

The files beside this one are imported when arrays of CuPy, or `kernels.explain`, need them.
"""

from typing import Any

import array_api_compat

from xprnn._typing import Namespace
from xprnn._validate import warn
from xprnn.cells import Cell
from xprnn.kernels.cuda.device import Device
from xprnn.recurrence import Unroll

__all__ = ["CUDA", "about", "obstacle", "switched_off"]

LOST = ("LaunchFailure", "LAUNCH_FAILED", "IllegalAddress", "ILLEGAL_ADDRESS")
"""In what CUDA says when it has given up a process."""

FAILED: list[str] = []
"""Why a kernel could not be built or was wrong, after which none is tried."""


def obstacle(
    cell: Cell,
    xp: Namespace,
    shapes: dict[str, tuple[int, ...]],
    dtype: Any,
    device: Device | None = None,
) -> str | None:
    """Return why there is no launch for a case; None if there is one.

    For a device that is not there, this says whether there is a plan.
    """
    if device is None and not array_api_compat.is_cupy_namespace(xp):
        return "it is for arrays of CuPy"
    if device is None and FAILED:
        return FAILED[0]
    from xprnn.kernels.cuda import fused

    try:
        return fused.obstacle(cell, xp, shapes, dtype, device)
    except MemoryError as error:
        return f"there is no memory for it: {error}"
    except Exception as error:  # a compiler and a driver can raise anything
        if any(word in str(error) for word in LOST):
            raise RuntimeError(
                "a CUDA kernel of xprnn failed, after which a process can't use the device any "
                f"more; start it again, with XPRNN_KERNELS=reference: {error}"
            ) from error
        FAILED.append(f"a kernel could not be built, or was wrong: {error}")
        warn(
            "xprnn's CUDA kernels can't be used here, and the slower reference runs (with "
            f"XPRNN_KERNELS=reference it does without this warning): {error}",
            RuntimeWarning,
        )
        return FAILED[0]


def switched_off() -> tuple[str, ...]:
    """Return why kernels were switched off in this process; () if none was."""
    return tuple(FAILED)


def about(
    cell: Cell,
    xp: Namespace,
    shapes: dict[str, tuple[int, ...]],
    dtype: Any,
    device: Device | None = None,
) -> str:
    """Return how a case is spread over a device."""
    from xprnn.kernels.cuda import fused

    return fused.about(cell, xp, shapes, dtype, device)


def _forward(*args: Any, **kwargs: Any) -> Any:
    """As `recurrence.unroll`."""
    from xprnn.kernels.cuda import fused

    return fused.FUSED.forward(*args, **kwargs)


def _backward(*args: Any, **kwargs: Any) -> Any:
    """As `recurrence.unroll_backward`."""
    from xprnn.kernels.cuda import fused

    return fused.FUSED.backward(*args, **kwargs)


CUDA = Unroll(_forward, _backward)
