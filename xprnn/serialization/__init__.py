"""Files: a model, or a training run, as arrays by name and one JSON text, without pickle.

The ending of the path chooses the format: ``.npz`` needs NumPy alone,
``.safetensors`` the extra ``safetensors``. A file is written beside its place and moved
there when it is complete, so an older one is never harmed; its checksum shows whether it
is still what was written.
"""

from xprnn.serialization.files import check_path
from xprnn.serialization.model import load, save
from xprnn.serialization.snapshot import Snapshot, load_snapshot, save_snapshot

__all__ = ["Snapshot", "check_path", "load", "load_snapshot", "save", "save_snapshot"]
