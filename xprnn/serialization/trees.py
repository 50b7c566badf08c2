"""Trees as JSON, in which a text is the name of an array."""

from typing import Any

import numpy as np

from xprnn import tree as trees
from xprnn._typing import Tree
from xprnn._validate import shown
from xprnn.backend import Backend, of, to_host

__all__ = ["move", "pack", "unpack"]


def pack(tree: Tree, name: str, arrays: dict[str, Any]) -> Any:
    """Return a tree as JSON, and add its arrays to `arrays`.

    Parameters
    ----------
    tree : tree
        Of arrays, numbers and None, in dicts and tuples.
    name : str
        Of the tree; that of an array is the path to it from there.
    arrays : dict
        Gets the arrays by name, on the host and contiguous.

    Raises
    ------
    TypeError
        If there is something else in the tree.

    Examples
    --------
    >>> import numpy as np
    >>> from xprnn.serialization.trees import pack
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
            f"{name} cannot be written to a file: expected arrays of numbers, numbers and None in "
            f"dicts and tuples, got {shown(tree)}"
        )
    arrays[name] = np.asarray(to_host(tree), order="C")
    return name


def unpack(packed: Any, arrays: dict[str, Any]) -> Tree:
    """Return the tree that `pack` packed, and take its arrays out of `arrays`.

    Raises
    ------
    KeyError
        If an array is missing, or comes twice.
    """
    if isinstance(packed, dict):
        return {key: unpack(branch, arrays) for key, branch in packed.items()}
    if isinstance(packed, list):
        return tuple(unpack(branch, arrays) for branch in packed)
    if isinstance(packed, str):
        return arrays.pop(packed)
    return packed


def move(tree: Tree, place: Backend) -> Tree:
    """Return a tree whose NumPy arrays are on a backend."""
    return trees.map(
        lambda a: place.asarray(a, a.dtype.name) if isinstance(a, np.ndarray) else a,
        tree,
    )
