"""The gradient check of a network, a cell, an activation or a loss, each right and wrong."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from xprnn import activations, cells, gradients, losses, testing
from xprnn.layers import Dense, Recurrent, Stack

LABELS = np.array([0, 1, 2, 1, 0, 2, 1, 2, 0, 1]).reshape(5, 2, 1)


@given(name=testing.activations(), seed=testing.seeds())
def test_every_activation(place, prove, name, seed):
    prove(gradients.check(activations.get(name), seed=seed, backend=str(place.backend)))


@given(cell=testing.cells(), masked=st.booleans(), seed=testing.seeds())
def test_every_cell(place, prove, cell, masked, seed):
    report = gradients.check(
        cell, steps=3, masked=masked, seed=seed, directions=1, backend=str(place.backend)
    )
    prove(report)
    assert {"params.W", "params.U", "params.b", "x", "state.0"} <= {r.name for r in report.rows}


@given(
    name=st.sampled_from(sorted(set(losses.TABLE) - {"cross_entropy", "binary_cross_entropy"})),
    masked=st.booleans(),
    models=st.sampled_from([(), (2,)]),
    seed=testing.seeds(),
)
def test_every_loss_of_quantities(place, prove, name, masked, models, seed):
    report = gradients.check(
        losses.get(name), masked=masked, models=models, seed=seed, backend=str(place.backend)
    )
    prove(report)
    assert {row.name for row in report.rows} == {"y_hat"}


@pytest.mark.parametrize("masked", [False, True])
def test_losses_of_labels_with_the_labels_given(place, prove, masked):
    options = {"masked": masked, "backend": str(place.backend)}
    prove(gradients.check(losses.CrossEntropy(), y=LABELS, **options))
    prove(gradients.check(losses.BinaryCrossEntropy(), y=LABELS % 2, **options))
    network = Stack((Recurrent(3), Dense(3)))
    prove(gradients.check(network, loss="cross_entropy", y=LABELS, **options))


class Cube:
    """A user's own activation."""

    def __init__(self, power=2):
        self.power = power

    def forward(self, z, *, xp):
        return z**3 / 10

    def backward(self, dy, z, y, *, xp):
        return 3 * dy * z**self.power / 10


class Quartic:
    """A user's own loss."""

    def __init__(self, factor=4):
        self.factor = factor

    def __call__(self, y_hat, y, mask, *, xp):
        error = y_hat - y if mask is None else xp.where(mask, y_hat - y, 0 * y_hat)
        return xp.sum(error**4, axis=(-3, -2, -1)), self.factor * error**3


def test_ones_own(place, prove):
    for subject in (Cube(), Quartic(), cells.Elman(Cube())):
        prove(gradients.check(subject, steps=3, backend=str(place.backend)))


@pytest.mark.parametrize(
    ("subject", "name"),
    [(Cube(1), "z"), (Quartic(3), "y_hat"), (cells.Elman(Cube(1)), "params.W")],
)
def test_ones_own_with_a_slip(subject, name):
    report = gradients.check(subject)
    assert not report.ok
    assert name in report.wrong
    assert "wrong" in str(report)


def test_the_report_says_what_was_compared():
    report = gradients.check(Cube(), directions=3)
    head, *lines = str(report).splitlines()
    assert head.split() == ["name", "analytic", "numeric", "rel.", "error", "step", "verdict"]
    assert len(lines) == len(report.rows) == 3
    for line, row in zip(lines, report.rows, strict=True):
        name, analytic, numeric, error, step, verdict = line.split()
        assert (name, verdict) == (row.name, row.verdict) == ("z", "ok")
        assert [float(analytic), float(numeric)] == pytest.approx([row.analytic, row.numeric])
        assert float(error) == pytest.approx(row.error, rel=0.1)
        assert float(step) == pytest.approx(row.step, rel=0.1)


@pytest.mark.parametrize("subject", ["gru", 3, None, Recurrent, object()])
def test_what_is_none_of_these_is_refused(subject):
    with pytest.raises(TypeError, match="subject must be a layer, a cell, an activation or a loss"):
        gradients.check(subject)


@pytest.mark.parametrize("subject", [losses.MSE(), Recurrent(1)])
def test_targets_of_other_steps_are_refused(subject):
    with pytest.raises(ValueError, match=r"y must be \(T, B, O\) with T, B = \(5, 2\), got"):
        gradients.check(subject, y=LABELS[:4])


class LooksAtPadding(Quartic):
    """A loss that forgets the mask."""

    def __call__(self, y_hat, y, mask, *, xp):
        return super().__call__(y_hat, y, None, xp=xp)


def test_a_loss_that_looks_at_padding_is_found():
    assert gradients.check(LooksAtPadding()).ok
    assert gradients.check(LooksAtPadding(), masked=True).wrong == ("y_hat",)
