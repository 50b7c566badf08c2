"""Strategies that import hypothesis only when they are created."""

import functools
import inspect
from collections.abc import Callable
from typing import Any

from xprnn.errors import MissingExtraError


def strategies() -> Any:
    """Return hypothesis.strategies.

    Raises
    ------
    MissingExtraError
        If hypothesis is not installed.
    """
    try:
        from hypothesis import strategies
    except ImportError as error:
        raise MissingExtraError("xprnn.testing needs hypothesis: pip install hypothesis") from error
    return strategies


def composite(function: Callable[..., Any]) -> Callable[..., Any]:
    """Turn a function that draws into one that returns a strategy, like Hypothesis' `composite`.

    Parameters
    ----------
    function : callable
        A function whose first argument draws from a strategy.
    """

    @functools.wraps(function)
    def build(*args: Any, **options: Any) -> Any:
        return strategies().composite(function)(*args, **options)

    signature = inspect.signature(function)
    parameters = list(signature.parameters.values())[1:]
    build.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    return build
