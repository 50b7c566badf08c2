"""Hyper-parameters as JSON, to rebuild a network or to compare two training runs."""

import dataclasses
import functools
import numbers
from typing import Any

from xprnn import activations, cells, initializers, layers, losses

_PARTS = 20_000
"""The most layers, cells and other parts that a network from a file may have."""


@functools.cache
def _list_classes() -> dict[str, type]:
    """Return the classes of xprnn that can be in a file, by name."""
    return {
        name: getattr(module, name)
        for module in (layers, cells, activations, initializers, losses)
        for name in module.__all__
        if dataclasses.is_dataclass(getattr(module, name))
    }


def is_known(value: Any) -> bool:
    """Return whether the class of a value is xprnn's, so that `build` can rebuild the value."""
    return _list_classes().get(type(value).__name__) is type(value)


def describe(value: Any) -> Any:
    """Return a hyper-parameter as JSON from which `build` can rebuild it.

    Raises
    ------
    TypeError
        If it is or holds an object of a user-defined class.

    Examples
    --------
    >>> from xprnn.layers import Dropout
    >>> from xprnn.serialization.hyperparameters import build, describe
    >>> describe(Dropout(0.5))
    {'class': 'Dropout', 'rate': 0.5}
    >>> build(describe(Dropout(0.5)))
    Dropout(rate=0.5)
    """
    if is_known(value):
        fields = {f.name: describe(getattr(value, f.name)) for f in dataclasses.fields(value)}
        return {"class": type(value).__name__, **fields}
    if isinstance(value, tuple):
        return [describe(item) for item in value]
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise TypeError(f"a user-defined {type(value).__name__} can't be written to a file: {value!r}")


def build(described: Any, initializer: Any = None, *, field: str = "") -> Any:
    """Rebuild a hyper-parameter from `describe`'s JSON.

    Parameters
    ----------
    described : JSON
    initializer : Initializer, optional
        An initializer that replaces every initializer in it.
    field : str, optional
        The name of the field, which determines the kind of the value: a cell, activation,
        initializer or loss if the name ends so, otherwise a layer. Without a name the value may be
        of any kind.

    Raises
    ------
    ValueError
        If it has more parts than any network has. The classes can raise other errors.
    """
    if _count_parts(described) > _PARTS:
        raise ValueError(f"a network has more than {_PARTS:,} parts")
    return _build(described, initializer, field)


def _count_parts(described: Any) -> int:
    """Count the objects; those inside a Bidirectional count twice."""
    if isinstance(described, list):
        return sum(map(_count_parts, described))
    if not isinstance(described, dict):
        return 0
    count = 1 + sum(map(_count_parts, described.values()))
    return 2 * count if described.get("class") == "Bidirectional" else count


def _build(described: Any, initializer: Any, field: str) -> Any:
    """Build the value of a field, whatever its size."""
    if isinstance(described, list):
        return tuple(_build(item, initializer, field) for item in described)
    if not isinstance(described, dict):
        return described
    values = {name: _build(value, initializer, name) for name, value in described.items()}
    kind = _list_classes()[values.pop("class")]
    if field and kind.__name__ not in _find_module(field).__all__:
        raise TypeError(f"{field} can't be a {kind.__name__}")
    if initializer is not None:
        names = (f.name for f in dataclasses.fields(kind))
        values |= {name: initializer for name in names if name.endswith("initializer")}
    return kind(**values)


def _find_module(field: str) -> Any:
    """Return the module with the classes for a field of this name."""
    for name, module in (("cell", cells), ("activation", activations), ("loss", losses)):
        if field.endswith(name):
            return module
    return initializers if field.endswith("initializer") else layers


def label(value: Any) -> Any:
    """Return a hyper-parameter as JSON to compare; a user-defined object becomes its class name.

    Examples
    --------
    >>> from xprnn import optimizers, schedules
    >>> from xprnn.serialization.hyperparameters import label
    >>> label(optimizers.SGD(schedules.Step(0.1, every=5)))["learning_rate"]
    {'class': 'Step', 'rate': 0.1, 'every': 5, 'factor': 0.1}
    >>> label(max)
    {'class': 'max'}
    """
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, numbers.Integral):
        return int(value)
    if isinstance(value, numbers.Real):
        return float(value)
    if isinstance(value, tuple | list):
        return [label(item) for item in value]
    name = getattr(value, "__qualname__", type(value).__name__)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {f.name: label(getattr(value, f.name)) for f in dataclasses.fields(value)}
        return {"class": name, **fields}
    return {"class": name}


def differences(mine: Any, other: Any, name: str = "") -> list[str]:
    """Return a list of phrases that say where two labels differ.

    Examples
    --------
    >>> from xprnn.serialization.hyperparameters import differences
    >>> differences({"seed": 1, "x": [3, 4]}, {"seed": 2, "x": [3, 4]})
    ['seed is 1, but 2 in the checkpoint']
    """
    if mine == other:
        return []
    dicts = isinstance(mine, dict) and isinstance(other, dict)
    if dicts and mine.get("class") == other.get("class"):
        keys = sorted(mine.keys() | other.keys())
        pairs = [(f"{name}.{key}".lstrip("."), mine.get(key), other.get(key)) for key in keys]
    elif _is_nested(mine) and _is_nested(other) and len(mine) == len(other):
        pairs = [(f"{name}.{i}", *both) for i, both in enumerate(zip(mine, other, strict=True))]
    else:
        return [f"{name} is {_shorten(mine)}, but {_shorten(other)} in the checkpoint"]
    return [text for key, a, b in pairs for text in differences(a, b, key)]


def _is_nested(value: Any) -> bool:
    """Return whether a label is a list of objects, such as layers."""
    return isinstance(value, list) and any(isinstance(item, dict) for item in value)


def _shorten(value: Any) -> str:
    """Return a label in the short form for errors."""
    if isinstance(value, dict) and "class" in value:
        return str(value["class"])
    if _is_nested(value):
        return f"[{', '.join(map(_shorten, value))}]"
    return repr(value)
