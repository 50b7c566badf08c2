"""Switch off kernels that failed on this machine, for the rest of the process."""

import contextlib
from collections.abc import Callable, Hashable

from xprnn._fields import warn
from xprnn.backend import translate_failures
from xprnn.errors import BackendUnavailableError
from xprnn.kernels.cuda.plan import Unplannable
from xprnn.kernels.tracing import Untraceable

EVERY = "every kernel"

OFF: dict[Hashable, str] = {}
"""The reason why each kernel is switched off; `EVERY` stands for all kernels."""


def attempt(
    name: Callable[[], str],
    identity: Callable[[], Hashable],
    prepare: Callable[[], None],
    prepare_smallest: Callable[[], None],
) -> str | None:
    """Prepare a kernel, unless that failed before; return None, or why it can't be used.

    A kernel that fails is switched off, with a warning. If the smallest kernel fails too, all
    kernels are switched off.

    Parameters
    ----------
    name, identity : callable
        Functions that return the kernel's name, and its unique key.
    prepare, prepare_smallest : callable
        Functions that compile a kernel and compare it with the reference; they raise if it fails.

    Raises
    ------
    Untraceable, Unplannable
        As for `prepare`; a case without a kernel is not a failure.
    BackendUnavailableError
        If the device is lost.
    """
    if EVERY in OFF:
        return OFF[EVERY]
    try:
        with translate_failures():
            if (reason := OFF.get(identity())) is None:
                prepare()
            return reason
    except (Untraceable, Unplannable, BackendUnavailableError):
        raise
    except MemoryError as error:
        return f"there is no memory for it: {error}"
    except Exception as error:  # compilers and drivers can raise anything
        failure = f"{error!s:.400}"
    try:
        with translate_failures(), contextlib.suppress(MemoryError):
            prepare_smallest()
        which, what = identity(), f"xprnn's CUDA kernel for {name()} is switched off"
    except BackendUnavailableError:
        raise
    except Exception:
        which, what = EVERY, "xprnn's CUDA kernels are switched off: even the smallest fails"
    OFF[which] = reason = f"{what}: {failure}"
    warn(
        f"{reason}. The slower reference runs instead; XPRNN_KERNELS=reference selects it without "
        "this warning",
        RuntimeWarning,
    )
    return reason
