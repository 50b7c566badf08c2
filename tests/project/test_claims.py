"""What the project claims of its results, on real runs."""

import pytest

import xprnn
from xprnn import datasets
from xprnn.optimizers import SGD


@pytest.mark.parametrize("seed", range(10))
def test_the_defaults_fit_the_lectures_sine(seed):
    """Half the mean squared error at most 0.008; the lecture ends at 0.040."""
    x, y = datasets.noisy_sine(seed)
    assert xprnn.fit(x, y, seed=seed).evaluate(x, y) <= 0.008


def test_plain_descent_with_momentum_beats_the_lecture_too():
    x, y = datasets.noisy_sine(0)
    model = xprnn.fit(x, y, optimizer=SGD(0.01, momentum=0.95))
    assert model.evaluate(x, y) <= 0.040
