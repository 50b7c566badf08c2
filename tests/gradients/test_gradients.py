"""Every gradient against finite differences, on every backend."""

import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from xprnn import activations, gradients, losses, recurrence, testing, tree, value_and_grad
from xprnn.cells import GRU, LSTM, Elman, GRUResetBefore
from xprnn.layers import Dense, Recurrent, Stack

ACTIVATIONS = testing.activations()
LOSSES = st.sampled_from(sorted(n for n, f in losses.TABLE.items() if not hasattr(f, "outputs")))
LEADS = st.sampled_from([(), (2,), (1,), (2, 3)])
SEEDS = testing.seeds()


@given(data=st.data())
def test_every_gradient_of_every_network(place, prove, data):
    features = data.draw(st.integers(1, 3), "features")
    report = gradients.check(
        data.draw(testing.networks(features), "network"),
        features=features,
        steps=data.draw(st.integers(1, 6), "steps"),
        batch=data.draw(st.integers(1, 3), "batch"),
        models=data.draw(LEADS, "models"),
        masked=data.draw(st.booleans(), "masked"),
        training=data.draw(st.booleans(), "training"),
        own_state=data.draw(st.booleans(), "own_state"),
        loss=data.draw(LOSSES, "loss"),
        seed=data.draw(SEEDS, "seed"),
        backend=str(place.backend),
        directions=1,
    )
    assert not report.wrong, f"\n{report}"
    assume(report.ok)  # at a kink there is no gradient to compare with
    prove(report)


@pytest.mark.parametrize("kind", [GRU, GRUResetBefore, LSTM])
@given(activation=ACTIVATIONS, gate=ACTIVATIONS, masked=st.booleans(), seed=SEEDS)
def test_every_activation_of_the_gates(place, prove, kind, activation, gate, masked, seed):
    """Over two steps; gates without bounds explode over many, and leave nothing to compare."""
    report = gradients.check(
        Recurrent(2, kind(activation, gate)),
        features=2,
        steps=2,
        masked=masked,
        seed=seed,
        backend=str(place.backend),
        directions=1,
    )
    prove(report)


@given(
    leads=st.tuples(*[st.sampled_from([(), (2,), (3, 1), (3, 2), (1, 1)])] * 5),
    cell=st.builds(Elman, ACTIVATIONS)
    | st.sampled_from([LSTM(), LSTM(peepholes=True), GRU(), GRUResetBefore()]),
    steps=st.integers(1, 4),
    seed=SEEDS,
)
def test_what_models_share_gets_the_sum_of_their_gradients(place, prove, leads, cell, steps, seed):
    """x, W, U, b and the state may each have their own leading axes."""
    rng, xp, columns = np.random.default_rng(seed), place.xp, 4 * cell.gates
    rows = [2] * cell.states + [1] * getattr(cell, "weights", 0)
    shapes = [(steps, 2, 3), (3, columns), (4, columns), (1, columns), *((n, 4) for n in rows)]
    x, W, U, b, *state = (
        place.array(rng.standard_normal((*lead, *shape)))
        for lead, shape in zip((*leads, *leads[-1:] * (len(rows) - 1)), shapes, strict=True)
    )
    point = {"params": {"W": W, "U": U, "b": b}, "x": x, "state": tuple(state)}

    def objective(p):
        y, end, cache = recurrence.forward(cell, p["params"], p["x"], p["state"], None, xp=xp)
        return (xp.sum(y * y) + sum(xp.sum(s * s) for s in end)) / 2, y, end, cache

    _, y, end, cache = objective(point)
    grads, dx, dstate = recurrence.backward(cell, point["params"], y, end, cache, xp=xp)
    report = gradients.compare(
        lambda p: objective(p)[0],
        point,
        {"params": grads, "x": dx, "state": dstate},
        xp=xp,
        directions=1,
        seed=seed,
    )
    prove(report)


LOSS_CASES = {
    **{name: (losses.get(name), 2) for name in losses.TABLE},
    "cross_entropy": (losses.CrossEntropy(), 3),
    "cross_entropy of one-hot": (losses.CrossEntropy(), 3),
    "cross_entropy of all": (losses.CrossEntropy((0.5, 2.0, 1.0), label_smoothing=0.2), 3),
    "pinball of three": (losses.Pinball((0.1, 0.5, 0.8)), 6),
    "gaussian_nll": (losses.GaussianNLL(min_variance=0.5), 4),
}
"""A loss and how many outputs it has for two features, or for three classes."""


def draw_targets(name, rng):
    """Targets (4, 3, O) that the loss of a case can take."""
    y = 2 * rng.standard_normal((4, 3, 2))
    if name.startswith("cross_entropy"):
        y = rng.integers(3, size=(4, 3, 1)).astype("float64")
        return (y == np.arange(3)).astype("float64") if "one-hot" in name else y
    return rng.random(y.shape) if name == "binary_cross_entropy" else y


@pytest.mark.parametrize("name", LOSS_CASES)
@given(masked=st.booleans(), lead=LEADS, shared=st.booleans(), seed=SEEDS)
def test_losses(place, prove, name, masked, lead, shared, seed):
    """Also that what stands at padding changes nothing, and models may share their targets."""
    rng, xp, (loss, outputs) = np.random.default_rng(seed), place.xp, LOSS_CASES[name]
    y_hat = 2 * rng.standard_normal((*lead, 4, 3, outputs))
    y = draw_targets(name, rng)
    y = y if shared else np.broadcast_to(y, (*lead, *y.shape))
    kept = rng.random((4, 3, 1)) < 0.6
    kept[0] = True
    mask = place.mask(kept) if masked else None
    value, dy_hat = loss(place.array(y_hat), place.array(y), mask, xp=xp)
    assert value.shape == lead
    assert dy_hat.shape == y_hat.shape
    if masked:
        holes = [place.array(np.where(kept, a, np.nan)) for a in (y_hat, y)]
        again = place.host(loss(*holes, mask, xp=xp))
        for one, other in zip(place.host((value, dy_hat)), again, strict=True):
            np.testing.assert_array_equal(one, other)
        assert (np.where(kept, 0, again[1]) == 0).all()
    y_hat, y = place.array(y_hat), place.array(y)
    report = gradients.compare(
        lambda p: loss(p["y_hat"], y, mask, xp=xp)[0], {"y_hat": y_hat}, {"y_hat": dy_hat}, xp=xp
    )
    prove(report)


SHAPED = [
    activations.Affine(0.5, 0.1), activations.ELU(0.5), activations.HardSigmoid(),
    activations.LeakyReLU(), activations.ScaledTanh(1.5, 0.5), activations.ThresholdedReLU(0.25),
    activations.Clipped("tanh", 0.5), activations.Clipped(activations.ELU(2.0), 1.0),
]  # fmt: skip


@pytest.mark.parametrize("activation", [*sorted(activations.TABLE), *SHAPED], ids=str)
@given(scale=st.sampled_from([0.1, 1.0, 10.0]), seed=SEEDS)
def test_activations(place, prove, activation, scale, seed):
    f, xp = activations.get(activation), place.xp
    z = place.array(scale * np.random.default_rng(seed).standard_normal((3, 4)))
    dz = f.backward(xp.ones_like(z), z, f.forward(z, xp=xp), xp=xp)
    report = gradients.compare(lambda p: f.forward(p["z"], xp=xp), {"z": z}, {"z": dz}, xp=xp)
    prove(report)


def test_value_and_grad_is_the_gradient_of_the_loss(place, prove, rng):
    xp, network, loss = place.xp, Stack((Recurrent(3), Recurrent(2), Dense(2))), losses.MSE()
    params = place.tree(network.init(rng, 2)[0])
    x, y = (place.array(rng.standard_normal((5, 3, 2))) for _ in range(2))
    mask = place.mask(np.arange(5)[:, None, None] < np.array([5, 1, 3])[None, :, None])
    state = network.initial_state(params, 3, xp=xp)

    def objective(p):
        return value_and_grad(network, loss, p, x, y, state=state, mask=mask, xp=xp)

    value, grads, end = objective(params)
    assert value.shape == ()
    assert [s.shape for s in tree.leaves(end)] == [(3, 3), (3, 2)]
    report = gradients.compare(lambda p: objective(p)[0], params, grads, xp=xp)
    prove(report)


class Cubic:
    """A user's own activation."""

    def __init__(self, factor=3):
        self.factor = factor

    def forward(self, z, *, xp):
        return z - z * z * z / 10

    def backward(self, dy, z, y, *, xp):
        return dy * (1 - self.factor * z * z / 10)


class LeakyCell:
    """A user's own cell with a direct path and two states: h' = a h + tanh(p + q), c' = c + h'."""

    gates = 1
    states = 2

    def __init__(self, direct=0.3):
        self.direct = direct

    def forward(self, p, q, state, *, xp):
        h, c = state
        candidate = xp.tanh(p + q + 0.1 * c)
        h = 0.3 * h + candidate
        return (h, c + h), candidate

    def backward(self, dstate, memo, *, xp):
        dh, dc = dstate
        dh = dh + dc
        dz = dh * (1 - memo * memo)
        return dz, dz, (self.direct * dh, dc + 0.1 * dz)


@pytest.mark.parametrize("masked", [False, True])
def test_a_cell_and_an_activation_of_ones_own(place, prove, masked):
    for cell in (Elman(Cubic()), LeakyCell()):
        network = Stack((Recurrent(3, cell), Dense(1)))
        report = gradients.check(network, backend=str(place.backend), masked=masked)
        prove(report)


@pytest.mark.parametrize("cell", [Elman(Cubic(factor=2)), LeakyCell(direct=0.31)])
def test_a_wrong_cell_of_ones_own_is_reported(cell):
    report = gradients.check(Recurrent(3, cell))
    assert not report.ok
    assert "params.W" in report.wrong
    assert "wrong" in str(report)


def test_at_a_kink_the_verdict_is_kink():
    """relu(0) has no gradient; neither 0 nor 1 is called right."""
    for slope in (0.0, 1.0):
        report = gradients.compare(
            lambda p: np.maximum(p["z"], 0),
            {"z": np.zeros((1, 2))},
            {"z": np.full((1, 2), slope)},
            xp=np,
        )
        assert {row.verdict for row in report.rows} == {"kink"}
        assert not report.ok


@given(distance=st.floats(1e-6, 1e-3), seed=SEEDS)
def test_near_a_kink_the_step_shrinks_until_it_is_out_of_reach(distance, seed):
    report = gradients.compare(
        lambda p: np.abs(p["z"]),
        {"z": np.array([[distance]])},
        {"z": np.ones((1, 1))},
        xp=np,
        seed=seed,
    )
    assert report.ok, f"\n{report}"
    assert all(row.step < distance for row in report.rows)


@given(seed=SEEDS, size=st.floats(1e-9, 1e-2))
def test_a_relative_error_of_a_billionth_is_wrong(seed, size):
    """The tolerance in float64 is 4e-11 of the gradient, and rounding: it is no blank cheque."""
    x = 1 + np.random.default_rng(seed).random((2, 3))
    report = gradients.compare(
        lambda p: p["x"] ** 3, {"x": x}, {"x": 3 * x**2 * (1 + size)}, xp=np, seed=seed
    )
    big = [row for row in report.rows if abs(row.numeric) > 1]
    assert all(row.verdict == "wrong" for row in big)


def test_float32_has_the_tolerance_of_float32(rng):
    x = rng.standard_normal((3, 4)).astype("float32")
    good = gradients.compare(lambda p: np.tanh(p["x"]), {"x": x}, {"x": 1 - np.tanh(x) ** 2}, xp=np)
    assert good.ok, f"\n{good}"
    assert not gradients.compare(
        lambda p: np.tanh(p["x"]),
        {"x": x},
        {"x": np.float32(1.1) * (1 - np.tanh(x) ** 2)},
        xp=np,
    ).ok


def test_shapes_must_fit(rng):
    with pytest.raises(ValueError, match=r"gradient of x has shape \(1, 2\), expected \(2, 2\)"):
        gradients.compare(
            lambda p: p["x"].sum(), {"x": np.ones((2, 2))}, {"x": np.ones((1, 2))}, xp=np
        )


def test_nan_is_never_ok():
    report = gradients.compare(
        lambda p: p["x"] ** 2,
        {"x": np.ones((1, 1))},
        {"x": np.full((1, 1), math.nan)},
        xp=np,
    )
    assert report.wrong == ("x",)
