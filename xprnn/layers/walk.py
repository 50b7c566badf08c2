"""Find the layers inside a layer."""

import dataclasses
from collections.abc import Iterator
from typing import Any

from xprnn.layers.bidirectional import Bidirectional
from xprnn.layers.protocol import METHODS
from xprnn.layers.recurrent import Recurrent


def recurrent_layers(network: Any) -> Iterator[Recurrent]:
    """Yield a network's recurrent layers, in the order of the network's `states`.

    Examples
    --------
    >>> from xprnn.layers import Bidirectional, Dense, Recurrent, Stack
    >>> from xprnn.layers.walk import recurrent_layers
    >>> network = Stack((Bidirectional(Recurrent(4)), Recurrent(3), Dense(1)))
    >>> [layer.hidden_size for layer in recurrent_layers(network)]
    [4, 4, 3]
    """
    if isinstance(network, Recurrent):
        yield network
    copies = 2 if isinstance(network, Bidirectional) else 1
    for inner in [*inner_layers(network).values()] * copies:
        for layer in inner if isinstance(inner, tuple) else (inner,):
            yield from recurrent_layers(layer)


def inner_layers(layer: Any) -> dict[str, Any]:
    """Return the fields of a layer that hold a layer or a tuple of layers."""
    if not dataclasses.is_dataclass(layer):
        return {}
    fields = {field.name: getattr(layer, field.name) for field in dataclasses.fields(layer)}
    return {name: value for name, value in fields.items() if _holds_layers(value)}


def _holds_layers(value: Any) -> bool:
    """Return whether a value is a layer or a tuple of layers."""
    if isinstance(value, tuple):
        return bool(value) and all(map(_holds_layers, value))
    return all(callable(getattr(value, method, None)) for method in METHODS)
