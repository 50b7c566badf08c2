"""Schedules in closed form; torch's are held against them in test_oracle."""

import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xprnn import schedules
from xprnn.optimizers import SGD
from xprnn.schedules import Constant, Cosine, Exponential, InverseTime, OneCycle, Step

RATES = st.floats(1e-6, 10)
COUNTS = st.integers(1, 50)


def path(schedule, updates):
    return [schedule(i) for i in range(updates)]


@given(rate=RATES, i=st.integers(0, 10**6))
def test_what_stays(rate, i):
    """Nothing to decay by leaves the rate as it is."""
    for schedule in (
        Constant(rate),
        InverseTime(rate, 0),
        Step(rate, 3, 1),
        Exponential(rate, 1),
    ):
        assert schedule(i) == rate


@given(rate=RATES, decay=st.floats(0, 10), i=st.integers(0, 1000))
def test_inverse_time(rate, decay, i):
    schedule = InverseTime(rate, decay)
    assert schedule(0) == rate
    assert 1 / schedule(i + 1) - 1 / schedule(i) == pytest.approx(
        decay / rate, rel=1e-9, abs=1e-9 / schedule(i)
    )


@given(rate=RATES, every=COUNTS, factor=st.floats(0.1, 1), i=st.integers(0, 200))
def test_steps(rate, every, factor, i):
    schedule = Step(rate, every, factor)
    assert path(schedule, every) == [rate] * every
    assert schedule(i + every) == pytest.approx(factor * schedule(i), rel=1e-12)
    assert schedule(every * i) == pytest.approx(Exponential(rate, factor)(i), rel=1e-12)


@given(rate=RATES, steps=COUNTS, warmup=st.integers(0, 20), share=st.floats(0, 1))
def test_cosine(rate, steps, warmup, share):
    """Up in equal steps from above 0, down in mirrored halves, then level."""
    final = share * rate
    schedule = Cosine(rate, steps, warmup, final)
    up = path(schedule, warmup + 1)
    assert up == pytest.approx([rate * (i + 1) / (warmup + 1) for i in range(warmup + 1)])
    down = [schedule(warmup + i) for i in range(steps + 1)]
    assert down[0] == pytest.approx(rate, rel=1e-14)
    assert down[-1] == final
    assert down == sorted(down, reverse=True)
    mirrored = [rate + final - eta for eta in reversed(down)]
    assert down == pytest.approx(mirrored, rel=1e-9, abs=1e-12 * rate)
    assert schedule(warmup + steps + 1) == schedule(warmup + 1000 * steps) == final
    if share < 0.9:
        assert schedule(warmup + steps - 1) > final


@given(
    rate=RATES,
    steps=st.integers(1, 60),
    rise=st.floats(0.01, 0.99),
    anneal=st.sampled_from(["cos", "linear"]),
)
def test_one_cycle(rate, steps, rise, anneal):
    """One rise and one fall within its bounds, ending where it says and staying there."""
    schedule = OneCycle(rate, steps, rise, anneal)
    rates = path(schedule, steps)
    last = rate / 25 / 1e4
    assert all(last * (1 - 1e-9) <= eta <= rate * (1 + 1e-9) for eta in rates)
    assert rates[-1] == pytest.approx(last, abs=1e-15 * rate)
    assert schedule(steps) == schedule(10 * steps) == rates[-1]
    top = rates.index(max(rates))
    assert rates[: top + 1] == sorted(rates[: top + 1])
    assert rates[top:] == sorted(rates[top:], reverse=True)
    assert abs(top - (rise * steps - 1)) <= 1
    if rise * steps > 1:
        assert rates[0] == pytest.approx(rate / 25)


def test_one_cycle_whose_top_is_the_first_update():
    assert OneCycle(0.5, steps=4, rise=0.25)(0) == 0.5


@pytest.mark.parametrize(
    "schedule",
    [
        Constant(0.1),
        InverseTime(0.1, 0.5),
        Step(0.1, 3),
        Exponential(0.1, 0.5),
        Cosine(0.1, 5, 2),
        OneCycle(0.1, 9),
    ],
    ids=repr,
)
def test_a_schedule_is_a_pure_function_and_a_value(schedule):
    """In any order, again, and after pickling: so a run can be repeated from anywhere."""
    forward = path(schedule, 12)
    assert [schedule(i) for i in reversed(range(12))] == forward[::-1]
    again = pickle.loads(pickle.dumps(schedule))
    assert again == schedule
    assert path(again, 12) == forward
    assert all(type(eta) is float for eta in forward)
    with pytest.raises(AttributeError):
        schedule.rate = 1.0


def test_a_number_or_a_callable():
    assert schedules.get(1) == 1.0
    assert schedules.get(len) is len
    assert SGD(0.5).rate(3) == 0.5
    assert SGD(lambda i: 2 * i).rate(3) == 6.0


@pytest.mark.parametrize(
    ("build", "error", "message"),
    [
        (lambda: Constant(0), ValueError, "rate must be a finite number above 0, got 0"),
        (lambda: InverseTime(0.1, -1), ValueError, "decay must be a finite number at least 0"),
        (lambda: Step(0.1, 0), ValueError, "every must be at least 1, got 0"),
        (lambda: Step(0.1, 2.5), TypeError, "every must be an integer, got 2.5"),
        (lambda: Step(0.1, 2, 0), ValueError, "factor must be a finite number above 0, got 0"),
        (lambda: Exponential("x", 1), TypeError, "rate must be a number, got 'x'"),
        (lambda: Exponential(1, -1), ValueError, "factor must be a finite number above 0, got -1"),
        (lambda: Cosine(0.1, 0), ValueError, "steps must be at least 1, got 0"),
        (lambda: Cosine(0.1, 5, -1), ValueError, "warmup must be at least 0, got -1"),
        (lambda: Cosine(0.1, 5, final=-1), ValueError, "final must be a finite number at least 0"),
        (lambda: OneCycle(0.1, True), TypeError, "steps must be an integer, got True"),
        (lambda: OneCycle(0.1, 5, 0), ValueError, "rise must be .* above 0 and below 1, got 0"),
        (lambda: OneCycle(0.1, 5, 1), ValueError, "rise must be .* above 0 and below 1, got 1"),
        (lambda: OneCycle(0.1, 5, anneal="cosine"), ValueError, "anneal .*; did you mean 'cos'?"),
        (lambda: OneCycle(0.1, 5, div_factor=0), ValueError, "div_factor must be .* above 0"),
        (
            lambda: OneCycle(0.1, 5, final_div_factor=0),
            ValueError,
            "final_div_factor must be a finite number above 0, got 0",
        ),
    ],
)
def test_bad_options(build, error, message):
    with pytest.raises(error, match=f"^{message}"):
        build()
