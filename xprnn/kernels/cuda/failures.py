"""Kernels that failed on this machine, and are switched off in this process."""

import contextlib
from collections.abc import Callable, Hashable

from xprnn._fields import warn
from xprnn.backend import translate_failures
from xprnn.errors import BackendUnavailableError
from xprnn.kernels.cuda.plan import Unplannable
from xprnn.kernels.tracing import Untraceable

EVERY = "every kernel"

OFF: dict[Hashable, str] = {}
"""Why a kernel is switched off; `EVERY` stands for all."""


def attempt(
    name: Callable[[], str],
    identity: Callable[[], Hashable],
    prepare: Callable[[], None],
    prepare_smallest: Callable[[], None],
) -> str | None:
    """Prepare a kernel, unless that failed before; return why it can't be used, None if it can.

    A kernel that fails is switched off, with a warning. If the smallest kernel fails too, all are.

    Parameters
    ----------
    name, identity : callable
        Return what the kernel is called, and what no other kernel has.
    prepare, prepare_smallest : callable
        Compile a kernel and hold it to the reference; raise if it fails.

    Raises
    ------
    Untraceable, Unplannable
        As `prepare`: that a case has no kernel is no failure.
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
    except Exception as error:  # a compiler and a driver can raise anything
        failure = f"{error!s:.400}"
    try:
        with translate_failures(), contextlib.suppress(MemoryError):
            prepare_smallest()
        which, what = identity(), f"xprnn's CUDA kernel for {name()} is switched off"
    except BackendUnavailableError:
        raise
    except Exception:
        which, what = EVERY, "xprnn's CUDA kernels are switched off, not even the smallest works"
    OFF[which] = reason = f"{what}: {failure}"
    warn(
        f"{reason}. The slower reference runs instead; XPRNN_KERNELS=reference asks for it, "
        "without this warning",
        RuntimeWarning,
    )
    return reason
