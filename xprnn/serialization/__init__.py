"""Files that hold a model or a training run as named arrays and a JSON text, without pickle.

The extension of the path selects the format: ``.npz`` needs only NumPy, ``.safetensors`` needs the
extra ``safetensors``. A file is written under a temporary name and renamed when it is complete, so
that the old file survives a failure. A checksum detects damage.
"""

from xprnn.serialization.files import check_path
from xprnn.serialization.model import load, save
from xprnn.serialization.snapshot import Snapshot, load_snapshot, save_snapshot

__all__ = ["Snapshot", "check_path", "load", "load_snapshot", "save", "save_snapshot"]
