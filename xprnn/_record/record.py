"""A model as plain data, without methods that compute."""

from dataclasses import dataclass, field

from xprnn import tree
from xprnn._record.history import History
from xprnn._sequences.scaling import Scaler
from xprnn._typing import Array, Tree
from xprnn.backend import Backend, dtype_name, of, wider
from xprnn.layers import Layer
from xprnn.losses import HalfMSE, Loss


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Record:
    """The fields of a `Model`, which documents them.

    Files are written from records, and read as records.
    """

    network: Layer
    params: Tree
    features: int
    outputs: int
    x_scaler: Scaler | None = None
    y_scaler: Scaler | None = None
    loss: Loss | None = field(default_factory=HalfMSE)
    mode: str = "many_to_many"
    y_rank: int = 3
    history: History = field(default_factory=History)
    feature_names: tuple[str, ...] | None = None
    output_names: tuple[str, ...] | None = None

    def named(self) -> dict[str, Array]:
        """Return the parameters by name, such as ``"0.W"``."""
        return tree.flatten(self.params)

    @property
    def backend(self) -> Backend:
        """The backend of the parameters."""
        return of(tree.leaves(self.params)[0])

    @property
    def dtype(self) -> str:
        """``"float32"`` or ``"float64"``."""
        return dtype_name(tree.leaves(self.params)[0])


def choose_x_dtype(record: Record, dtype: str) -> str:
    """Return the dtype in which to scale x; in float32, x far from zero would lose precision."""
    return dtype if record.x_scaler is None else wider(dtype, dtype_name(record.x_scaler.mean))
