"""GPU failures after which CUDA refuses every further call in the process."""

import contextlib
import importlib
from collections.abc import Iterator

from xprnn.errors import BackendUnavailableError

LASTING = frozenset({214, 220, 226, 700, 702, 710, *range(714, 720), 721, 809, 911})
"""Error numbers, shared by CUDA's runtime and driver: ECCUncorrectable,
NvlinkUncorrectable, Contained, IllegalAddress, LaunchTimeout, Assert, HardwareStackError,
IllegalInstruction, MisalignedAddress, InvalidAddressSpace, InvalidPc, LaunchFailure,
TensorMemoryLeak, MpsClientTerminated and ExternalDevice. CUDA Runtime API, cudaError."""

HELP = (
    "restart the process. If it fails again, set XPRNN_KERNELS=reference, which turns off "
    "xprnn's CUDA kernels; if that helps, report it"
)


def is_lasting(error: Exception) -> bool:
    """Return whether a CuPy error means that this process can no longer use the GPU.

    Errors of CUDA's libraries do not say so; for them the device is queried.
    """
    if not type(error).__module__.startswith("cupy"):
        return False
    if getattr(error, "status", None) in LASTING:
        return True
    try:
        importlib.import_module("cupy").cuda.runtime.deviceSynchronize()
    except Exception as answer:
        return getattr(answer, "status", None) in LASTING
    return False


@contextlib.contextmanager
def translate_failures() -> Iterator[None]:
    """Raise BackendUnavailableError, with advice, for a lasting failure.

    A launch returns before the device has run it, so CuPy reports its failure in a later,
    unrelated call.
    """
    try:
        yield
    except Exception as error:
        if not is_lasting(error):
            raise
        raise BackendUnavailableError(
            f"the GPU failed, and this process can no longer use it: {error}. To fix this: {HELP}"
        ) from error
