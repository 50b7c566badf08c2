"""Strategies for cells and their activations."""

import dataclasses
from typing import Any

from xprnn import activations as library
from xprnn.cells import TABLE
from xprnn.testing.strategy import composite, strategies


def activations() -> Any:
    """Return a strategy for the names of all activations.

    Examples
    --------
    >>> from hypothesis import given
    >>> from xprnn import gradients, testing
    >>> from xprnn.activations import get
    >>> @given(name=testing.activations())
    ... def test(name):
    ...     assert gradients.check(get(name)).ok
    >>> test()
    """
    return strategies().sampled_from(sorted(library.TABLE))


def bounded_activations() -> Any:
    """Return a strategy for the names of bounded activations, as gates need.

    With unbounded gates, numbers would explode over many steps.
    """
    return strategies().sampled_from(["sigmoid", "softsign", "tanh"])


@composite
def cells(draw, states: int | None = None):
    """Return a strategy for the library's cells, with any activation and bounded gates.

    Parameters
    ----------
    states : int, optional
        The number of arrays in a state; by default any number.

    Examples
    --------
    >>> from hypothesis import given
    >>> from xprnn import gradients, testing
    >>> @given(cell=testing.cells())
    ... def test(cell):
    ...     assert gradients.check(cell, steps=2, directions=1).ok
    >>> test()
    """
    st = strategies()
    options = {
        "activation": activations(),
        "gate_activation": bounded_activations(),
        "output_activation": activations(),
        "peepholes": st.booleans(),
        "coupled": st.booleans(),
    }
    table: dict[str, Any] = TABLE
    kinds = [kind for kind in table.values() if states in (None, kind.states)]
    kind = draw(st.sampled_from(kinds))
    fields = [field.name for field in dataclasses.fields(kind)]
    return kind(**{name: draw(options[name]) for name in fields if name in options})
