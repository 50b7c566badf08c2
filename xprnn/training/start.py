"""The model that a training starts from."""

from xprnn import losses
from xprnn._validate import shown
from xprnn.backend import Backend
from xprnn.layers import Layer
from xprnn.losses import Loss
from xprnn.model import Model

__all__ = ["check_model", "check_start", "network_of"]


def check_model(model: Model | None) -> None:
    """Raise TypeError unless `warm_start` is a Model or None."""
    if not isinstance(model, Model | None):
        raise TypeError(f"warm_start must be a Model, as fit returns it, got {shown(model)}")


def network_of(model: Model, network: Layer | None, mode: str) -> Layer:
    """Return the network of a model; raise if there is another, or it is for another mode."""
    if network is not None and network != model.network:
        raise ValueError("warm_start has a network; leave network out")
    if model.mode != mode:
        raise ValueError(f"warm_start was trained for mode={model.mode!r}, and x and y are {mode}")
    return model.network


def check_start(model: Model, features: int, outputs: int, loss: Loss, place: Backend) -> None:
    """Raise unless a model can go on with these data."""
    for name, own, wanted in (
        ("features of x", model.features, features),
        ("outputs", model.outputs, outputs),
    ):
        if own != wanted:
            raise ValueError(f"warm_start has {own} {name}, and x, y and the loss need {wanted}")
    if model.y_scaler is not None and not losses.standardizes(loss):
        raise ValueError(f"warm_start was trained on quantities, and {loss!r} is for classes")
    if model.backend not in (place, Backend("numpy", "cpu")):
        raise ValueError(
            f"warm_start is on {model.backend}, but the computation is to run on {place}"
        )
