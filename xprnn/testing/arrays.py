"""Strategies for the data of a network: seeds, lengths, masks and sequences."""

from typing import Any

import numpy as np

from xprnn.testing.strategy import composite, strategies


def seeds() -> Any:
    """Return a strategy for seeds, for everything that need not shrink: parameters, noise.

    Examples
    --------
    >>> from hypothesis import given
    >>> from xprnn import testing
    >>> @given(seed=testing.seeds())
    ... def test(seed):
    ...     assert 0 <= seed < 2**32
    >>> test()
    """
    return strategies().integers(0, 2**32 - 1)


@composite
def lengths(draw, batch: int = 3, most: int = 6):
    """Return a strategy for sequence lengths: tuples of `batch` integers from 1 to `most`.

    Examples
    --------
    >>> from hypothesis import given
    >>> from xprnn import testing
    >>> @given(lengths=testing.lengths(batch=2))
    ... def test(lengths):
    ...     assert len(lengths) == 2
    >>> test()
    """
    st = strategies()
    return tuple(draw(st.lists(st.integers(1, most), min_size=batch, max_size=batch)))


@composite
def masks(draw, steps: int, batch: int, gaps: bool = True):
    """Return a strategy for masks, NumPy arrays of bool (T, B, 1) in the form that networks take.

    Every sequence has a valid step.

    Parameters
    ----------
    steps, batch : int
        T and B.
    gaps : bool
        Whether padding steps may be anywhere; otherwise they are at the end.

    Examples
    --------
    >>> from hypothesis import given
    >>> from xprnn import testing
    >>> @given(mask=testing.masks(steps=5, batch=2))
    ... def test(mask):
    ...     assert mask.shape == (5, 2, 1) and mask.any(axis=0).all()
    >>> test()
    """
    st = strategies()
    if not gaps:
        return np.arange(steps)[:, None, None] < np.array(draw(lengths(batch, steps)))[:, None]
    row = st.lists(st.booleans(), min_size=steps, max_size=steps).filter(any)
    rows = draw(st.lists(row, min_size=batch, max_size=batch))
    return np.array(rows).T[:, :, None]


@composite
def sequences(draw, features: int | None = None, steps: int = 6, batch: int = 3):
    """Return a strategy for normal random numbers (T, B, F) in the form that networks take.

    Parameters
    ----------
    features : int, optional
        F; by default 1 to 3.
    steps, batch : int
        The largest T and B.

    Examples
    --------
    >>> from hypothesis import given
    >>> from xprnn import testing
    >>> @given(x=testing.sequences(features=2))
    ... def test(x):
    ...     assert x.ndim == 3 and x.shape[-1] == 2
    >>> test()
    """
    st = strategies()
    wide = draw(st.integers(1, 3)) if features is None else features
    shape = draw(st.integers(1, steps)), draw(st.integers(1, batch)), wide
    return np.random.default_rng(draw(seeds())).standard_normal(shape)
