"""The results of a training run as plain data: the fields of a model, and its history.

`serialization` and `onnx` write and read records; `Model`, which imports both, is a record
with methods.
"""

from xprnn._record.history import Epoch, History
from xprnn._record.record import Record, choose_x_dtype

__all__ = ["Epoch", "History", "Record", "choose_x_dtype"]
