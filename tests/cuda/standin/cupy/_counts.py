"""What a real GPU would have been asked to do."""

from collections import Counter

COUNTS = Counter()
"""How often the host waited for the device (``"synchronized"``), and what was launched."""


def synchronize():
    """Count a wait of the host for the device."""
    COUNTS["synchronized"] += 1
