"""Reads JSON from a file within limits, as the file may come from a stranger."""

import json
from typing import Any

from xprnn.errors import ModelFileError

__all__ = ["parse"]

_DEPTH = 100
_PARTS = 4_000_000
"""Lists, objects and strings; within this limit a header of 100 MB does not take gigabytes."""


def parse(text: str) -> Any:
    """Return the content of JSON.

    Raises
    ------
    ModelFileError
        If it is nested more than 100 deep, or has more parts than any model has.
    ValueError
        If it is not JSON.

    Examples
    --------
    >>> from xprnn.serialization.header import parse
    >>> parse('{"features": 2}')
    {'features': 2}
    >>> parse(101 * "[" + 101 * "]")
    Traceback (most recent call last):
    xprnn.errors.ModelFileError: holds a header that is nested more than 100 deep
    """
    parts = sum(map(text.count, '[{"'))
    if parts > _PARTS or text.count(",") > _PARTS + len(text) // 5:
        raise ModelFileError("holds a header of more parts than any model has")
    try:
        found = json.loads(text)
        level = _inside([found])
        for _ in range(_DEPTH):
            level = [item for outer in level for item in _inside(outer)]
    except RecursionError:
        level = [None]
    if level:
        raise ModelFileError(f"holds a header that is nested more than {_DEPTH} deep")
    return found


def _inside(value: Any) -> list[Any]:
    """Return the lists and objects in a list or an object."""
    items = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [item for item in items if isinstance(item, dict | list)]
