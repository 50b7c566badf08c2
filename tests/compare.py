"""Comparisons of models and of their trainings, to the bit if no tolerance is given."""

import numpy as np

from xprnn.backend import to_host


def host(model):
    """Return the parameters of a model by name, as NumPy arrays."""
    return {name: to_host(array) for name, array in model.named().items()}


def assert_same_params(model, other, **tolerance):
    mine, its = host(model), host(other)
    assert list(mine) == list(its)
    for name, array in mine.items():
        assert_same_array(array, its[name], name, tolerance)


def assert_same_curves(model, other, **tolerance):
    """Compare all that the histories hold, but for the seconds."""
    curves, others = model.history.as_dict(), other.history.as_dict()
    assert model.history.ended == other.history.ended
    assert len(curves["seconds"]) == len(others["seconds"])
    for name in curves.keys() - {"seconds"}:
        assert_same_array(curves[name], others[name], name, tolerance)


def assert_same_array(array, other, name, tolerance):
    if tolerance:
        np.testing.assert_allclose(array, other, err_msg=name, **tolerance)
    else:
        np.testing.assert_array_equal(array, other, err_msg=name)
