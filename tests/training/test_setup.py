"""A training as a value: prepared once, trained, entered by hand, trained side by side."""

import dataclasses

import numpy as np
import pytest
from compare import assert_same_curves, assert_same_params

import xprnn
from xprnn import losses, tree
from xprnn.callbacks import Checkpoint, EarlyStopping
from xprnn.layers import Dense, Recurrent, Stack
from xprnn.optimizers import SGD
from xprnn.training import Method, Network, Position, Run, Setup, prepare, train

RNG = np.random.default_rng(5)
X = 3 * RNG.standard_normal((5, 8, 2)) + 7
Y = np.cumsum(X[:, :, :1], axis=1)
SMALL = {"cell": "gru", "hidden_size": 3}
SHORT = {"epochs": 4, "batch_size": 2, "seed": 2}


def assert_same(model, other):
    assert_same_params(model, other)
    assert_same_curves(model, other)


def test_fit_is_prepare_and_train():
    model = xprnn.fit(X, Y, validation_data=(X[:2], Y[:2]), **SMALL, **SHORT)
    setup = prepare(X, Y, Network(**SMALL), Method(**SHORT), validation_data=(X[:2], Y[:2]))
    assert_same(train(setup), model)
    assert_same(train(setup), model)  # nothing in it was changed
    assert len(setup.model.history) == 0


def test_a_setup_holds_what_is_trained_on():
    setup = prepare(X, Y, Network(**SMALL), Method(), dtype="float32")
    assert (setup.data.x.shape, setup.data.y.shape) == ((8, 5, 2), (8, 5, 1))
    for array in (setup.data.x, setup.data.y):
        assert array.dtype == np.float32
        np.testing.assert_allclose(array.mean((0, 1)), 0, atol=1e-6)
        np.testing.assert_allclose(array.std((0, 1)), 1, rtol=1e-6)
    np.testing.assert_allclose(setup.model.x_scaler.mean, X.mean((0, 1)))
    params, _ = setup.network.init(np.random.default_rng(0), 2)
    assert [a.shape for a in tree.leaves(setup.params)] == [a.shape for a in tree.leaves(params)]
    assert setup.model.predict(X).shape == Y.shape
    assert setup.validation is None


def test_a_training_can_be_entered_by_hand():
    """One step of SGD on the standardised data is what an epoch of `fit` does."""
    method = Method(optimizer=SGD(0.1), clip_norm=None, epochs=1)
    setup = prepare(X, Y, Network(**SMALL), method)
    loss, grads, _ = xprnn.value_and_grad(
        setup.network, losses.HalfMSE(), setup.params, setup.data.x, setup.data.y,
        state=None, mask=None, xp=np,
    )  # fmt: skip
    params = tree.map(lambda p, g: p - 0.1 * g, setup.params, grads)
    model = train(setup)
    for one, other in zip(tree.leaves(params), tree.leaves(model.params), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-14)
    assert float(loss) == pytest.approx(model.history.value("loss").minimised)
    longer = train(dataclasses.replace(setup.at(params), method=Method(epochs=3)))
    assert longer.history.value("loss", 0).minimised < float(loss)


def test_epochs_by_hand_are_those_of_train():
    setup = prepare(X, Y, Network(**SMALL), Method(**SHORT))
    run = Run(setup)
    position = run.start()
    assert isinstance(position, Position)
    for _ in range(setup.method.epochs):
        position, _ = run.epoch(position)
    model = train(setup)
    for one, other in zip(
        tree.leaves(run.model(position).params), tree.leaves(model.params), strict=True
    ):
        np.testing.assert_array_equal(one, other)


def test_a_layer_of_ones_own_is_prepared_too():
    layer = Stack((Recurrent(3), Dense(1)))
    setup = prepare(X, Y, layer)
    assert isinstance(setup, Setup)
    assert setup.network is layer
    assert setup.method == Method()


def test_members_learn_what_each_would_learn_alone():
    """The curves of the validation too; a callback sees their mean."""
    data = {"validation_data": (X[:2] + 1, Y[:2])}
    method = Method(**{**SHORT, "batch_size": None})
    setup = prepare(X, Y, Network(**SMALL), method, **data)
    seen = []
    members = train(
        setup.stacked([4, 9]), [lambda training: seen.append(training.history.val_loss[-1])]
    ).split()
    for seed, member in zip((4, 9), members, strict=True):
        alone = train(
            prepare(X, Y, Network(**SMALL), dataclasses.replace(method, seed=seed), **data)
        )
        for name in ("loss", "val_loss", "gradient_norm"):
            np.testing.assert_allclose(
                getattr(member.history, name), getattr(alone.history, name), rtol=1e-9
            )
        np.testing.assert_allclose(member.predict(X), alone.predict(X), rtol=1e-6)
        assert member.history.ended == "completed"
    mean = np.mean([member.history.val_loss for member in members], axis=0)
    np.testing.assert_allclose(seen, mean)


def test_members_end_at_one_epoch():
    setup = prepare(X, Y, Network(**SMALL), Method(epochs=50, optimizer="sgd", learning_rate=0.5))
    together = train(setup.stacked(range(3)), [EarlyStopping(patience=2, monitor="loss")])
    for member in together.split():
        assert len(member.history) == len(together.history) < 50
        assert member.history.ended == "stopped"


def test_members_have_no_file(tmp_path):
    setup = prepare(X, Y, Network(**SMALL), Method(**SHORT)).stacked([0, 1])
    with pytest.raises(ValueError, match=r"^callbacks must not save the run"):
        train(setup, [Checkpoint(tmp_path / "run.npz")])
    with pytest.raises(ValueError, match="holds several members side by side"):
        train(setup).predict(X)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"method": {"epochs": 3}}, "method must be a Method, got {'epochs': 3}"),
        ({"network": "lstm"}, "network must be an object with init, .*, got 'lstm'"),
        ({"warm_start": 3}, "warm_start must be a Model, as returned by fit, got 3"),
        ({"lr": 3}, "prepare has no argument 'lr'"),
    ],
)
def test_what_is_no_option_is_refused(arguments, message):
    with pytest.raises(TypeError, match=f"^{message}"):
        prepare(X, Y, **arguments)


def test_a_model_to_go_on_with_brings_its_network():
    model = xprnn.fit(X, Y, **SMALL, **SHORT)
    setup = prepare(X, Y, warm_start=model)
    assert setup.network is model.network
    assert setup.model.x_scaler.mean.tolist() == model.x_scaler.mean.tolist()
    with pytest.raises(ValueError, match=r"^cell, hidden_size describe\(s\) a network to build"):
        prepare(X, Y, Network(**SMALL), warm_start=model)
    with pytest.raises(ValueError, match="leave network out"):
        prepare(X, Y, Stack((Recurrent(3), Dense(1))), warm_start=model)


def test_train_takes_a_setup_alone():
    model = xprnn.fit(X, Y, hidden_size=2, epochs=1, progress=False)
    with pytest.raises(TypeError, match=r"^setup must be a Setup, as returned by prepare, got"):
        train(model)


@pytest.mark.parametrize(("batch_size", "updates"), [("auto", 3), (None, 1), (7, 10)])
def test_batches_that_are_chosen_hold_32_sequences(batch_size, updates):
    x = np.zeros((70, 3, 1))
    setup = prepare(x, x, Network(**SMALL), Method(**{**SHORT, "batch_size": batch_size}))
    run = Run(setup)
    assert run.epoch(run.start())[0].updates == updates
