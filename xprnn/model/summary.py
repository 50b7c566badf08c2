"""The parameters of a model as a table."""

import math

from xprnn._typing import Array

__all__ = ["numbers", "table"]


def numbers(params: dict[str, Array]) -> int:
    """Return how many numbers the parameters are."""
    return sum(math.prod(a.shape) for a in params.values())


def table(params: dict[str, Array]) -> str:
    """Return names, shapes and numbers, a line for each parameter, and their sum."""
    rows = [(name, str(tuple(a.shape)), math.prod(a.shape)) for name, a in params.items()]
    rows.append(("total", "", numbers(params)))
    width = max(len(name) for name, _, _ in rows)
    lines = [f"{'name':<{width}} {'shape':<11} numbers"]
    return "\n".join(lines + [f"{n:<{width}} {s:<11} {c:>7,}" for n, s, c in rows])
