"""The seam for faster loops, and the workspace in which they run.

A kernel is a twin of `recurrence.unroll` and `recurrence.unroll_backward`, and
of nothing else: the loop over time with its input product, and its transpose. All
that can be one large product afterwards, the gradients of the weights and of x, stays
with `recurrence.backward`. One parametrised test compares the values and gradients of
every entry of `TWINS` with the reference's.

With ``XPRNN_KERNELS=reference`` in the environment nothing of this takes part: the
reference loop runs, on plain NumPy.
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
