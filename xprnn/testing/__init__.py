"""Hypothesis strategies for cells, networks, masks and data (extra ``testing``).

The library's own tests use them. They can put a user-defined cell into networks of every kind:
deep, bidirectional, pooled, with encoder and decoder, among layers of other cells::

    from hypothesis import given, strategies as st
    from xprnn import gradients, testing

    @given(
        network=testing.networks(features=2, cells=st.just(MyCell())),
        masked=st.booleans(),
        seed=testing.seeds(),
    )
    def test_my_cell(network, masked, seed):
        report = gradients.check(network, features=2, masked=masked, seed=seed)
        assert report.ok, report

If a test fails, Hypothesis shows a small network or cell for which it fails. The strategies draw
hyper-parameters and NumPy arrays; the test chooses a backend. hypothesis is imported when the
first strategy is created.
"""

from xprnn.testing.arrays import lengths, masks, seeds, sequences
from xprnn.testing.cells import activations, bounded_activations, cells
from xprnn.testing.networks import encoder_decoders, feedbacks, networks, pointwise, recurrent

__all__ = [
    "activations",
    "bounded_activations",
    "cells",
    "encoder_decoders",
    "feedbacks",
    "lengths",
    "masks",
    "networks",
    "pointwise",
    "recurrent",
    "seeds",
    "sequences",
]
