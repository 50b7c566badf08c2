"""Streams: there is one, on which everything has ended when it is launched."""

from cupy._counts import synchronize


class Stream:
    """A queue of launches."""

    def __init__(self, null=False, non_blocking=False, ptds=False, priority=None):
        self.null_stream = null

    def synchronize(self):
        """Wait for what was launched."""
        synchronize()

    def __enter__(self):
        return self

    def __exit__(self, *error):
        """Go back to the stream before."""


Stream.null = Stream(null=True)


def get_current_stream(device_id=-1):
    """Return the stream in use."""
    return Stream.null
