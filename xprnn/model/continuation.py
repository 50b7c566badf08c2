"""Sequences continued by a model in closed loop."""

from typing import TYPE_CHECKING, Any

from xprnn import kernels
from xprnn._validate import whole
from xprnn.layers import Pool
from xprnn.model.inputs import Inputs
from xprnn.model.prediction import forward

if TYPE_CHECKING:
    from xprnn.model.model import Model

__all__ = ["check", "forecast"]


def check(model: "Model", steps: int) -> None:
    """Raise unless the model can feed its outputs back, for so many steps."""
    whole("steps", steps)
    if model.network.time == "whole" or not model.network.keeps_steps:
        raise ValueError(
            "forecast runs the network step by step, each output the next input; this one "
            "sees sequences whole (bidirectional, one to many, encoder and decoder) or gives "
            "one output for many steps"
        )
    if model.features != model.outputs:
        raise ValueError(
            "forecast feeds the outputs back as inputs, so there must be as many: the network "
            f"has {model.features} feature(s) and {model.outputs} output(s)"
        )
    names, fed = model.feature_names, model.output_names
    if names is not None and fed is not None and names != fed:
        raise ValueError(
            "forecast feeds the outputs back as inputs, so both must be the same columns in one "
            f"order: the features are {', '.join(names)} and the outputs {', '.join(fed)}"
        )


def forecast(model: "Model", data: Inputs, steps: int) -> Any:
    """Return the steps after the last ones, each output the next input; see `Model`."""
    with data.backend.active(), kernels.workspace(data.backend.xp) as xp:
        y, state = forward(model, data, data.x, None, data.mask, xp)
        last, _, _ = Pool("last").forward((), y, (), data.mask, xp=xp)
        future = [last]
        while len(future) < steps:
            y, state = forward(model, data, future[-1], state, None, xp)
            future.append(y)
        together = xp.concat(future, axis=0)
        return data._replace(mask=None, sizes=None, frames=None).restore(together, model)
