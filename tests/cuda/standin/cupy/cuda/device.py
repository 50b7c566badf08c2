"""The devices, of which each thread of the host uses one at a time."""

import threading

from cupy._counts import synchronize

COUNT = 2

_using = threading.local()


def current():
    """Return the number of the device that this thread uses."""
    return getattr(_using, "number", 0)


def use(number):
    """Use a device from now on, in this thread."""
    from cupy.cuda.runtime import CUDARuntimeError

    if number not in range(COUNT):
        raise CUDARuntimeError("cudaErrorInvalidDevice: invalid device ordinal")
    _using.number = number


class Device:
    """A device; a context in which it is used."""

    def __init__(self, device=None):
        self.id = current() if device is None else int(device)
        self._before = []

    def __int__(self):
        return self.id

    def __enter__(self):
        self._before.append(current())
        use(self.id)
        return self

    def __exit__(self, *error):
        use(self._before.pop())

    def __eq__(self, other):
        return isinstance(other, Device) and other.id == self.id

    def __hash__(self):
        return hash(self.id)

    def __repr__(self):
        return f"<CUDA Device {self.id}>"

    def use(self):
        """Use it from now on."""
        use(self.id)

    def synchronize(self):
        """Wait for what was launched on it."""
        synchronize()
