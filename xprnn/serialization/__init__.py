"""Files: a model, or a training run, as arrays by name and one JSON text, without pickle.

The ending of the path chooses the format: ``.npz`` needs NumPy alone,
``.safetensors`` the extra ``safetensors``. A file is written under another name and
renamed when it is complete, so the old file survives a failure; its checksum shows whether
it is damaged.
"""

from xprnn.serialization.files import check_path
from xprnn.serialization.model import load, save
from xprnn.serialization.snapshot import Snapshot, load_snapshot, save_snapshot

__all__ = ["Snapshot", "check_path", "load", "load_snapshot", "save", "save_snapshot"]
