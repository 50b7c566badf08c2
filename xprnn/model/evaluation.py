"""The loss of a model's predictions, computed on y as it was given, not standardised."""

from typing import TYPE_CHECKING, Any

from xprnn import losses
from xprnn._sequences.batches import time_major
from xprnn._sequences.modes import read_pair
from xprnn.backend import common, float_name
from xprnn.losses import HalfMSE, Loss
from xprnn.losses.units import in_units
from xprnn.model import inputs
from xprnn.objective import apply

if TYPE_CHECKING:
    from xprnn.model.model import Model

__all__ = ["evaluate"]


def evaluate(
    model: "Model", x: object, y: object, loss: str | Loss | None, lengths: Any, mask: Any
) -> float:
    """Return the loss of the predictions for x against y; see `Model`."""
    loss = model.loss if loss is None else losses.get(loss)
    if loss is None:
        raise ValueError("loss must be given: the model was trained on one that no file holds")
    columns = model.feature_names, model.output_names
    pair = read_pair(x, y, columns=columns, mode=model.mode, lengths=lengths, mask=mask)
    data = inputs.brought(model, "x", pair.x)
    backend = common({"x": pair.x.array, "y": pair.y}, model.backend)
    dtype = float_name("y", pair.y) or model.dtype
    xp = backend.xp
    with backend.active():
        truth = time_major(backend.asarray(pair.y, dtype), xp=xp)
        kept = data.mask if model.network.keeps_steps else None
        wanted = losses.outputs(loss, truth, kept, xp=xp)
        labels = truth.shape[-1] == 1 < wanted and not losses.standardizes(loss)
        if wanted > model.outputs or (wanted < model.outputs and not labels):
            raise ValueError(
                f"the network gives {model.outputs} output(s), but this loss of y needs {wanted}"
            )
        x = data.scaled(data.x, model)
        y_hat, _ = apply(model.network, data.weights, x, None, data.mask, xp=xp)
        if y_hat.shape[0] != truth.shape[0]:
            raise ValueError(
                f"y must have {y_hat.shape[0]} step(s), as the network gives, got {truth.shape[0]}"
            )
        scaler = model.y_scaler
        if scaler is not None:
            scaler = scaler.on(backend, "float64")
            truth = scaler.apply(backend.asarray(truth, "float64"))
        value = in_units(
            loss, y_hat, truth, kept, scaler, trained_on=model.loss or HalfMSE(), xp=xp
        )
        return float(value)
