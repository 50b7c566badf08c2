"""Trees: arrays in nested dicts and tuples, and their names.

A leaf's name is its path, joined by dots: the matrix ``W`` of a stack's first layer is ``"0.W"``.
"""

from collections.abc import Callable, Iterator
from typing import Any

from xprnn._typing import Tree

__all__ = ["flatten", "leaves", "map", "unflatten"]


def map(function: Callable[..., Any], tree: Tree, *rest: Tree) -> Tree:
    """Apply `function` to every leaf of `tree` and the matching leaves of `rest`.

    Parameters
    ----------
    function : callable
        A function that takes one leaf of each tree and returns a leaf.
    tree, *rest : tree
        Trees with the same structure.

    Returns
    -------
    tree
        A tree with the same structure.

    Examples
    --------
    >>> from xprnn import tree
    >>> tree.map(lambda a, b: a + b, {"W": 1, "b": (2, 3)}, {"W": 10, "b": (20, 30)})
    {'W': 11, 'b': (22, 33)}
    """
    if isinstance(tree, dict):
        return {key: map(function, tree[key], *(r[key] for r in rest)) for key in tree}
    if isinstance(tree, tuple):
        return tuple(map(function, *branches) for branches in zip(tree, *rest, strict=True))
    return function(tree, *rest)


def _walk(tree: Tree, path: tuple[str, ...]) -> Iterator[tuple[str, Any]]:
    if isinstance(tree, dict | tuple):
        items = tree.items() if isinstance(tree, dict) else enumerate(tree)
        for key, branch in items:
            yield from _walk(branch, (*path, str(key)))
    else:
        yield ".".join(path), tree


def flatten(tree: Tree) -> dict[str, Any]:
    """Return the leaves of `tree` by name.

    Examples
    --------
    >>> from xprnn import tree
    >>> tree.flatten(({"W": 1, "U": 2}, {"W": 3}))
    {'0.W': 1, '0.U': 2, '1.W': 3}
    """
    return dict(_walk(tree, ()))


def leaves(tree: Tree) -> list[Any]:
    """Return the leaves of `tree` in the order of `flatten`."""
    return [leaf for _, leaf in _walk(tree, ())]


def unflatten(flat: dict[str, Any], like: Tree) -> Tree:
    """Put named leaves back into a tree with the structure of `like`.

    Raises
    ------
    ValueError
        If the names in `flat` are not those of `like`.

    Examples
    --------
    >>> from xprnn import tree
    >>> tree.unflatten({"0.W": 5, "1.W": 7}, like=({"W": None}, {"W": None}))
    ({'W': 5}, {'W': 7})
    """
    names = flatten(like)
    if flat.keys() != names.keys():
        missing, unknown = sorted(names.keys() - flat.keys()), sorted(flat.keys() - names.keys())
        raise ValueError(f"the names do not match the tree: missing {missing}, unknown {unknown}")
    values = iter([flat[name] for name in names])
    return map(lambda _: next(values), like)
