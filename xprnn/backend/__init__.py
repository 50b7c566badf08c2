"""Backends: array libraries, their devices, and moving arrays to them.

This is the only module of the core that names a library. Everything else gets a namespace `xp` as
an argument. Optional libraries are imported on first use, and their arrays are recognised without
an import.
"""

from xprnn.backend.arguments import (
    admit,
    common,
    dtype_name,
    float_name,
    on_host,
    refuse_masked,
    wider,
)
from xprnn.backend.availability import NAMES, Status, backends, status
from xprnn.backend.failure import translate_failures
from xprnn.backend.place import Backend, generator, host, of, quiet, resolve, to_host

__all__ = [
    "NAMES",
    "Backend",
    "Status",
    "admit",
    "backends",
    "common",
    "dtype_name",
    "float_name",
    "generator",
    "host",
    "of",
    "on_host",
    "quiet",
    "refuse_masked",
    "resolve",
    "status",
    "to_host",
    "translate_failures",
    "wider",
]
