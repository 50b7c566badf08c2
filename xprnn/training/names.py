"""What the columns of a training's frames are called."""

from typing import Any

from xprnn.backend.frames import arranged, names
from xprnn.model import Model

__all__ = ["named"]

Names = tuple[str, ...] | None


def named(
    x: Any, y: Any, validation_data: Any, model: Model | None
) -> tuple[Any, Any, Any, tuple[Names, Names]]:
    """Return x, y and validation data with the columns of all frames in one order, and its names.

    The order is that of the model to start from, or else of x and y.

    Raises
    ------
    ValueError, TypeError
        If a frame lacks a column or has another one.
    """
    features, outputs = names("x", x), names("y", y)
    if model is not None:
        features = model.feature_names or features
        outputs = model.output_names or outputs
    x, y = arranged("x", x, features), arranged("y", y, outputs)
    if isinstance(validation_data, tuple | list) and len(validation_data) in (2, 3):
        first, second, *mask = validation_data
        first = arranged("validation_data[0]", first, features)
        second = arranged("validation_data[1]", second, outputs)
        validation_data = (first, second, *mask)
    return x, y, validation_data, (features, outputs)
