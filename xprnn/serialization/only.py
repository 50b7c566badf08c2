"""What can be written to a file of its own: a model, and not what holds one."""

from typing import Any

from xprnn._validate import shown
from xprnn.model import Model

__all__ = ["check_is_model"]


def check_is_model(value: Any) -> None:
    """Raise unless a value is a `Model`; say where the models are in what was given.

    Raises
    ------
    TypeError
        For everything else: a forecaster, an estimator, a network without its parameters.
    """
    if isinstance(value, Model):
        return
    name = type(value).__name__
    if hasattr(type(value), "models_"):
        inside = "its networks are .models_, each of them a Model; pickle keeps all of it"
    elif hasattr(value, "get_params"):
        inside = "the network of a fitted estimator is .model_; pickle and joblib keep all of it"
    else:
        raise TypeError(f"model must be a Model, as xprnn.fit returns it, got {shown(value)}")
    raise TypeError(f"model must be a Model, as xprnn.fit returns it, got {name}: {inside}")
