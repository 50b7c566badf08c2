"""A model applied to sequences, from and to the units of its data."""

from typing import TYPE_CHECKING, Any

from xprnn import kernels, losses, tree
from xprnn._typing import Array, Namespace, Tree
from xprnn._validate import flag
from xprnn.gradients.objective import apply
from xprnn.model.inputs import Inputs

if TYPE_CHECKING:
    from xprnn.model.model import Model

__all__ = ["check_probabilities", "forward", "predict", "probabilities", "trace"]


def predict(
    model: "Model", data: Inputs, state: Any, return_state: bool, return_states: bool
) -> Any:
    """Return outputs and, if asked for, the last state and all hidden states; see `Model`."""
    return_state = flag("return_state", return_state)
    return_states = flag("return_states", return_states)
    with data.backend.active(), kernels.workspace(data.backend.xp) as xp:
        first = _start(model, data, state)
        if return_states:
            x = data.scaled(data.x, model)
            y, end, cache = model.network.forward(data.weights, x, first, data.mask, xp=xp)
            y = _unscaled(model, y, xp)
        else:
            y, end = forward(model, data, data.x, first, data.mask, xp)
        parts = [data.restore(y, model)]
        if return_state:
            parts.append(tuple(data.restore_state(s) for s in tree.leaves(end)))
        if return_states:
            parts.append(data.restore_layers(model.network.states(cache, xp=xp), model))
        return parts[0] if len(parts) == 1 else tuple(parts)


def trace(model: "Model", data: Inputs, state: Any) -> tuple[dict[str, Any], ...]:
    """Return every gate and every state at every step, by name; see `Model`."""
    from xprnn.model import trace as traced

    with data.backend.active():
        scaled, xp = data.scaled(data.x, model), data.backend.xp
        first = _start(model, data, state)
        layers = traced.trace(model.network, data.weights, scaled, first, data.mask, xp=xp)
        return data.restore_layers(layers, model)


def check_probabilities(model: "Model") -> None:
    """Raise unless the model's loss has probabilities."""
    if not hasattr(model.loss, "probabilities"):
        raise ValueError(
            "predict_proba needs a model trained with loss='cross_entropy' or "
            f"'binary_cross_entropy'; this one has {model.loss!r}"
        )


def probabilities(model: "Model", data: Inputs) -> Any:
    """Return the probabilities of the classes; see `Model`."""
    loss: Any = model.loss
    with data.backend.active():
        y, _ = forward(model, data, data.x, None, data.mask, data.backend.xp)
        return data.restore(loss.probabilities(y, xp=data.backend.xp), model)


def forward(
    model: "Model",
    data: Inputs,
    x: Array,
    state: Tree | None,
    mask: Array | None,
    xp: Namespace,
) -> tuple[Array, Tree]:
    """Run the network on x (T, B, F), from and to the units of the data."""
    y, state = apply(
        model.network, data.weights, data.scaled(x, model), state=state, mask=mask, xp=xp
    )
    return _unscaled(model, y, xp), state


def _unscaled(model: "Model", y: Array, xp: Namespace) -> Array:
    """Return y as the network gives it in the units of the data."""
    return y if model.y_scaler is None else losses.unscale(model.loss, y, model.y_scaler, xp=xp)


def _start(model: "Model", data: Inputs, state: Any) -> Tree | None:
    """Return the caller's state as the network takes it, None for its own."""
    if state is None:
        return None
    first = None if data.mask is None else data.mask[:1, ...]
    _, like = forward(model, data, data.x[:1, ...], None, first, data.backend.xp)
    return data.fill(like, state, model.backend)
