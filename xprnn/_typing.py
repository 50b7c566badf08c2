"""Type names for the values that pass between the modules."""

from typing import Any, TypeAlias

Array: TypeAlias = Any
"""An array of any library that follows the Python array API standard."""

Namespace: TypeAlias = Any
"""The module ``xp`` with an array library's standard functions."""

Shapes: TypeAlias = dict[str, tuple[int, ...]]
"""The shapes of arrays by name."""

Tree: TypeAlias = Any
"""Arrays in nested dicts and tuples."""
