"""The recurrence as a single kernel launch on a CUDA GPU; see docs/gpu.md.

The other files in this folder are imported when CuPy arrays, or `kernels.explain`, need them.
"""

from typing import Any

import array_api_compat

from xprnn._typing import Namespace, Shapes
from xprnn.cells import Cell
from xprnn.kernels.cuda.device import Device
from xprnn.recurrence import Unroll


def obstacle(
    cell: Cell, xp: Namespace, shapes: Shapes, dtype: Any, device: Device | None = None
) -> str | None:
    """Return why there is no kernel for a case, or None if there is one.

    For a device that is not present, the result says only whether there is a plan.
    """
    if device is None and not array_api_compat.is_cupy_namespace(xp):
        return "it is for arrays of CuPy"
    from xprnn.kernels.cuda import fused

    return fused.obstacle(cell, xp, shapes, dtype, device)


def switched_off() -> tuple[str, ...]:
    """Return why kernels were switched off in this process, one sentence for each.

    Examples
    --------
    >>> from xprnn import kernels
    >>> kernels.cuda.switched_off()
    ()
    """
    from xprnn.kernels.cuda.failures import OFF

    return tuple(OFF.values())


def about(
    cell: Cell, xp: Namespace, shapes: Shapes, dtype: Any, device: Device | None = None
) -> str:
    """Describe how a case is spread over a device."""
    from xprnn.kernels.cuda import fused

    return fused.about(cell, xp, shapes, dtype, device)


def _forward(*args: Any, **kwargs: Any) -> Any:
    """Do the same as `recurrence.unroll`."""
    from xprnn.kernels.cuda import fused

    return fused.FUSED.forward(*args, **kwargs)


def _backward(*args: Any, **kwargs: Any) -> Any:
    """Do the same as `recurrence.unroll_backward`."""
    from xprnn.kernels.cuda import fused

    return fused.FUSED.backward(*args, **kwargs)


CUDA = Unroll(_forward, _backward)
