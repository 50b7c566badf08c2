"""Parse JSON within limits, since a file may be untrusted; and store trees as JSON."""

import json
from typing import Any

import numpy as np

from xprnn._fields import show
from xprnn._typing import Tree
from xprnn.backend import of, to_host
from xprnn.errors import ModelFileError

_DEPTH = 100
_PARTS = 4_000_000
"""The most lists, objects and strings, so that 100 MB of text do not take gigabytes of memory."""


def parse_json(text: str) -> Any:
    """Parse a JSON text.

    Raises
    ------
    ModelFileError
        If the text is nested more than 100 deep, or has more parts than any model has.
    ValueError
        If the text is not JSON.

    Examples
    --------
    >>> from xprnn.serialization.json_text import parse_json
    >>> parse_json('{"features": 2}')
    {'features': 2}
    >>> parse_json(101 * "[" + 101 * "]")
    Traceback (most recent call last):
    xprnn.errors.ModelFileError: holds a header that is nested more than 100 deep
    """
    parts = sum(map(text.count, '[{"'))
    if parts > _PARTS or text.count(",") > _PARTS + len(text) // 5:
        raise ModelFileError("holds a header of more parts than any model has")
    try:
        value = json.loads(text)
        level = _list_containers([value])
        for _ in range(_DEPTH):
            level = [item for outer in level for item in _list_containers(outer)]
    except RecursionError:
        level = [None]
    if level:
        raise ModelFileError(f"holds a header that is nested more than {_DEPTH} deep")
    return value


def _list_containers(value: Any) -> list[Any]:
    """Return the lists and objects in a list or an object."""
    items = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [item for item in items if isinstance(item, dict | list)]


def pack(tree: Tree, name: str, arrays: dict[str, Any]) -> Any:
    """Return a tree as JSON in which names replace the arrays, and add the arrays to `arrays`.

    Parameters
    ----------
    tree : tree
        A tree of arrays, numbers and None, in dicts and tuples.
    name : str
        The tree's name, with which the names of its arrays begin.
    arrays : dict
        Receives the arrays by name, on the host and contiguous.

    Raises
    ------
    TypeError
        If the tree holds anything else.

    Examples
    --------
    >>> import numpy as np
    >>> from xprnn.serialization.json_text import pack
    >>> arrays = {}
    >>> pack({"i": 3, "m": ({"W": np.zeros((2, 2))},)}, "memory", arrays)
    {'i': 3, 'm': [{'W': 'memory.m.0.W'}]}
    >>> list(arrays)
    ['memory.m.0.W']
    """
    if tree is None or isinstance(tree, bool | int | float):
        return tree
    if isinstance(tree, dict) and all(isinstance(key, str) for key in tree):
        return {key: pack(branch, f"{name}.{key}", arrays) for key, branch in tree.items()}
    if isinstance(tree, tuple):
        return [pack(branch, f"{name}.{i}", arrays) for i, branch in enumerate(tree)]
    if of(tree) is None or to_host(tree).dtype.kind not in "biuf":
        raise TypeError(
            f"{name} can't be written to a file: expected arrays of numbers, numbers and None in "
            f"dicts and tuples, got {show(tree)}"
        )
    arrays[name] = np.asarray(to_host(tree), order="C")
    return name


def unpack(packed: Any, arrays: dict[str, Any]) -> Tree:
    """Return the tree that `pack` stored, and remove its arrays from `arrays`.

    Raises
    ------
    KeyError
        If an array is missing or named twice.
    """
    if isinstance(packed, dict):
        return {key: unpack(branch, arrays) for key, branch in packed.items()}
    if isinstance(packed, list):
        return tuple(unpack(branch, arrays) for branch in packed)
    if isinstance(packed, str):
        return arrays.pop(packed)
    return packed
