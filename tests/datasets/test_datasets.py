"""The series that come with the library are those that were published."""

import numpy as np
import pytest

from xprnn import datasets


def test_airline_passengers_are_the_published_ones():
    """Of series G: its length, ends, sum, lowest and highest month, and a year in full."""
    months, passengers = datasets.airline()
    assert (months == np.arange("1949-01", "1961-01", dtype="datetime64[M]")).all()
    assert passengers.shape == (144,)
    assert passengers.dtype == np.float64
    assert passengers.sum() == 40363
    assert (months[passengers.argmin()], passengers.min()) == (np.datetime64("1949-11"), 104)
    assert (months[passengers.argmax()], passengers.max()) == (np.datetime64("1960-07"), 622)
    year = [112, 118, 132, 129, 121, 135, 148, 148, 136, 119, 104, 118]
    np.testing.assert_array_equal(passengers[:12], year)


def test_noisy_sine_repeats_itself_for_a_seed_only():
    np.testing.assert_array_equal(datasets.noisy_sine(3), datasets.noisy_sine(3))
    assert (datasets.noisy_sine(3)[1] != datasets.noisy_sine(4)[1]).any()


@pytest.mark.parametrize("seed", [-1, 0.5, None, "1", True, (1, -2)])
def test_noisy_sine_refuses_what_is_no_seed(seed):
    with pytest.raises((TypeError, ValueError), match=r"^seed must be"):
        datasets.noisy_sine(seed)
