"""The network that `fit` builds from its arguments."""

from typing import Any, NamedTuple

from xprnn import activations, cells
from xprnn._validate import flag, number, unknown, whole
from xprnn.cells import Cell
from xprnn.layers import (
    Bidirectional,
    Dense,
    Dropout,
    EncoderDecoder,
    Extend,
    Feedback,
    Layer,
    Pool,
    Recurrent,
    Stack,
    check_layer,
)

__all__ = ["Recipe", "build"]

POOLS = ("last", "mean", "max")


class Recipe(NamedTuple):
    """The arguments of `fit` that describe a network."""

    cell: Any = "elman"
    hidden_size: int = 64
    num_layers: int = 1
    activation: Any = "tanh"
    bidirectional: bool = False
    dropout: float = 0.0
    recurrent_dropout: float = 0.0
    pool: str | None = None
    feedback: bool = False


def build(network: Layer | None, mode: str, outputs: int, steps: int, recipe: Recipe) -> Layer:
    """Return the network given, or recurrent layers with a dense one on top.

    Parameters
    ----------
    network : Layer or None
    mode : str
    outputs, steps : int
        Of y.
    recipe : Recipe
    """
    if network is not None:
        given = [
            name
            for name, value in recipe._asdict().items()
            if value != Recipe()[Recipe._fields.index(name)]
        ]
        if given:
            raise ValueError(
                f"{', '.join(given)} describe(s) the network that fit builds; with network= give "
                "them to its layers"
            )
        found: Layer = check_layer("network", network)
        if found.keeps_steps != (mode == "many_to_many"):
            gives = "an output at every step" if found.keeps_steps else "other steps than x has"
            raise ValueError(f"the network gives {gives}, but x and y are {mode}")
        return found
    whole("num_layers", recipe.num_layers)
    dropout = number("dropout", recipe.dropout, least=0, below=1)
    if dropout and recipe.num_layers == 1:
        raise ValueError(
            "dropout acts between recurrent layers and has no effect with num_layers=1; "
            "recurrent_dropout acts inside a layer"
        )
    if recipe.pool not in (None, *POOLS):
        raise unknown("pool", recipe.pool, POOLS)
    recipe = recipe._replace(
        bidirectional=flag("bidirectional", recipe.bidirectional),
        feedback=flag("feedback", recipe.feedback),
    )
    if recipe.pool is not None and mode != "many_to_one":
        raise ValueError(f"pool is for many_to_one, and x and y are {mode}")
    if recipe.feedback and mode not in ("one_to_many", "encoder_decoder"):
        raise ValueError(f"feedback is for one_to_many and encoder_decoder, and x and y are {mode}")
    if recipe.bidirectional and (recipe.feedback or mode == "encoder_decoder"):
        raise ValueError(
            "bidirectional needs the whole sequence at once, which a network that writes step by "
            "step does not have"
        )
    hidden = _hidden(recipe, dropout)
    top = Dense(outputs)
    if mode == "many_to_many":
        return Stack((*hidden, top))
    if mode == "many_to_one":
        pool: Any = recipe.pool or ("mean" if recipe.bidirectional else "last")
        return Stack((*hidden, Pool(pool), top))
    if recipe.feedback:
        writer: Layer = Feedback(Stack((*hidden, top)), steps)
    else:
        writer = Stack((Extend(steps), *hidden, top))
    return writer if mode == "one_to_many" else EncoderDecoder(Stack(hidden), writer)


def _hidden(recipe: Recipe, dropout: float) -> tuple[Layer, ...]:
    """Return the recurrent layers, with dropout between them."""
    layers: list[Layer] = []
    for i in range(recipe.num_layers):
        layer: Layer = Recurrent(
            recipe.hidden_size, _cell(recipe), recurrent_dropout=recipe.recurrent_dropout
        )
        if i and dropout:
            layers.append(Dropout(dropout))
        layers.append(Bidirectional(layer) if recipe.bidirectional else layer)
    return tuple(layers)


def _cell(recipe: Recipe) -> Cell:
    """Return the cell by name with the activation asked for, or the object given."""
    activation = activations.get(recipe.activation)
    if isinstance(recipe.cell, str):
        if recipe.cell not in cells.TABLE:
            raise unknown("cell", recipe.cell, cells.TABLE, cells.ELSEWHERE)
        made: Cell = cells.TABLE[recipe.cell](activation)
        return made
    if recipe.activation != "tanh":
        raise ValueError("activation goes with a cell by name; give it to the cell itself")
    return cells.get(recipe.cell)
