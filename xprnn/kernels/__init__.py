"""The selection of faster loops, and the workspace in which they run.

A kernel is a twin of `recurrence.unroll` and `recurrence.unroll_backward` only: the loop over time
with its input product, and its transpose. The gradients of the weights and of x, which can be one
large product afterwards, stay in `recurrence.backward`. A parametrised test compares the values
and gradients of every entry of `TWINS` with the reference.

With ``XPRNN_KERNELS=reference`` in the environment none of this is used: the reference loop runs,
on plain NumPy.
"""

from xprnn.kernels.compiled import unavailable
from xprnn.kernels.explain import explain, status
from xprnn.kernels.seam import TWINS, Twin, lookup, pieces, unchanged, workspace
from xprnn.kernels.workspace import Workspace, thread_count

__all__ = [
    "TWINS",
    "Twin",
    "Workspace",
    "explain",
    "lookup",
    "pieces",
    "status",
    "thread_count",
    "unavailable",
    "unchanged",
    "workspace",
]
