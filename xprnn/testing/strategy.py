"""Strategies that need hypothesis only when they are made."""

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
    """Return what makes a strategy of a function that draws, as `hypothesis`'s `composite`.

    Parameters
    ----------
    function : callable
        Its first argument draws from a strategy.
    """

    @functools.wraps(function)
    def made(*args: Any, **options: Any) -> Any:
        return strategies().composite(function)(*args, **options)

    signature = inspect.signature(function)
    parameters = list(signature.parameters.values())[1:]
    made.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    return made
