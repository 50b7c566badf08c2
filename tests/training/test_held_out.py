"""What is held out of a training is never seen in it, and is what the validation loss measures."""

import dataclasses

import numpy as np
import pytest
from compare import assert_same_curves, assert_same_params
from hypothesis import assume, given
from hypothesis import strategies as st

import xprnn
from xprnn.backend import of, to_host
from xprnn.callbacks import Checkpoint, EarlyStopping
from xprnn.training import Method, Network, held_out, prepare, train

SEEDS = st.integers(0, 999)
SHARES = st.floats(0.05, 0.6)
FAR = 1e6


def fit(x, y, **options):
    return xprnn.fit(x, y, **{"epochs": 2, "hidden_size": 3, **options})


def numbered(sizes):
    """Return sequences whose features say which they are and which step each is."""
    rng = np.random.default_rng(len(sizes))
    x = [np.stack([np.full(T, i), np.arange(T), rng.random(T)], 1) for i, T in enumerate(sizes)]
    return x, [rng.standard_normal((T, 2)) for T in sizes]


def which(data):
    """Return the numbers of the sequences of `numbered` in data (T, B, F), not standardised."""
    return to_host(data.x)[0, :, 0].astype(int).tolist()


def split(x, y, share, **options):
    method = {name: options.pop(name) for name in ("seed", "loss") if name in options}
    method = Method(validation_fraction=share, standardize=False, epochs=1, **method)
    setup = prepare(x, y, Network(hidden_size=2), method, **options)
    return which(setup.data), which(setup.validation)


def assert_same_training(model, other):
    """The same parameters, scales and curves, but for the validation loss."""
    assert_same_params(model, other)
    for ours, its in ((model.x_scaler, other.x_scaler), (model.y_scaler, other.y_scaler)):
        np.testing.assert_array_equal(to_host(ours.mean), to_host(its.mean))
        np.testing.assert_array_equal(to_host(ours.scale), to_host(its.scale))
    for name in ("loss", "gradient_norm"):
        assert getattr(model.history, name) == getattr(other.history, name)


# One sequence: the last steps


ONE = st.fixed_dictionaries(
    {},
    optional={
        "bidirectional": st.just(True),
        "num_layers": st.just(2),
        "seed": st.integers(0, 3),
        "loss": st.sampled_from(["huber", "gaussian_nll"]),
        "mask": st.integers(1, 12).map(lambda gap: np.arange(40) % 13 != gap),
        "sample_weight": SEEDS.map(lambda seed: np.random.default_rng(seed).random((1, 40)) + 0.1),
    },
)


@given(share=SHARES, options=ONE, seed=SEEDS)
def test_the_last_steps_are_not_seen_in_training(place, share, options, seed):
    rng = np.random.default_rng(seed)
    shown = options.get("mask", np.ones(40, bool))
    x, y = rng.standard_normal((40, 2)), rng.standard_normal((40, 1))
    first = np.flatnonzero(shown)[-max(1, round(share * shown.sum()))]
    other_x, other_y = x.copy(), y.copy()
    other_x[first:] = FAR * rng.standard_normal(other_x[first:].shape)
    other_y[first:] = FAR * rng.standard_normal(other_y[first:].shape)
    model = fit(place.array(x), place.array(y), validation_fraction=share, **options)
    other = fit(place.array(other_x), place.array(other_y), validation_fraction=share, **options)
    assert_same_training(model, other)
    assert model.history.val_loss != other.history.val_loss
    part = {name: value for name, value in options.items() if name not in ("mask", "sample_weight")}
    if "mask" in options:
        part["mask"] = shown[:first]
    if "sample_weight" in options:
        part["sample_weight"] = options["sample_weight"][:, :first]
    assert_same_training(model, fit(place.array(x[:first]), place.array(y[:first]), **part))


@given(share=SHARES, tbptt=st.none() | st.integers(1, 50), seed=SEEDS)
def test_the_loss_of_the_last_steps_is_measured_with_the_state_of_the_earlier_ones(
    place, share, tbptt, seed
):
    rng = np.random.default_rng(seed)
    x, y = rng.standard_normal((30, 2)), 5 * rng.standard_normal((30, 1)) + 9
    model = fit(place.array(x), place.array(y), validation_fraction=share, tbptt=tbptt, loss="mse")
    first = 30 - max(1, round(share * 30))
    _, state = model.predict(place.array(x[:first]), return_state=True)
    y_hat = to_host(model.predict(place.array(x[first:]), state=state))
    expected = np.mean((y_hat - y[first:]) ** 2)
    assert model.history.val_loss[-1] == pytest.approx(expected, rel=1e-9)


@given(share=SHARES, seed=SEEDS)
def test_weights_of_steps_count_in_the_loss_of_the_last_ones(share, seed):
    rng = np.random.default_rng(seed)
    x, y, weights = rng.standard_normal((30, 2)), rng.standard_normal((30, 1)), rng.random(30)
    weights[::4] = 0
    weights[[0, -1]] = 1
    model = fit(x, y, validation_fraction=share, loss="mse", sample_weight=weights[None])
    first = np.flatnonzero(weights)[-max(1, round(share * (weights > 0).sum()))]
    squares = (model.predict(x) - y)[first:, 0] ** 2
    expected = np.average(squares, weights=weights[first:])
    assert model.history.val_loss[-1] == pytest.approx(expected, rel=1e-9)


# Several sequences: whole ones


SIZES = st.lists(st.integers(1, 6), min_size=3, max_size=12)


@given(sizes=SIZES, share=SHARES, seed=SEEDS)
def test_sequences_are_held_out_whole(sizes, share, seed):
    x, y = numbered(sizes)
    count = max(1, round(share * len(sizes)))
    assume(count < len(sizes))
    rest, held = split(x, y, share, mode="many_to_many", seed=seed)
    assert len(held) == count
    assert sorted(rest + held) == list(range(len(sizes)))
    assert (rest, held) == split(x, y, share, mode="many_to_many", seed=seed)


def test_the_seed_draws_what_is_held_out():
    x, y = numbered([2] * 50)
    draws = [tuple(split(x, y, 0.1, mode="many_to_many", seed=seed)[1]) for seed in range(20)]
    assert len(set(draws)) == 20
    assert len(set().union(*draws)) > 40  # each of 50 in some draw


@given(sizes=SIZES, share=SHARES, seed=SEEDS, weigh=st.sampled_from([None, "sequences", "steps"]))
def test_a_fraction_is_validation_data_of_the_same_sequences(place, sizes, share, seed, weigh):
    """The parameters, the scales and both losses are those of two sets of data."""
    x, y = numbered(sizes)
    assume(max(1, round(share * len(sizes))) < len(sizes))
    rest, held = split(x, y, share, mode="many_to_many", seed=seed)
    rng, options = np.random.default_rng(seed), {"seed": seed, "batch_size": 2, "loss": "mse"}
    parts = [([place.array(x[i]) for i in r], [place.array(y[i]) for i in r]) for r in (rest, held)]
    all_x, all_y = ([place.array(a) for a in arrays] for arrays in (x, y))
    weights, those = None, None
    if weigh:
        weights = rng.random((len(sizes), max(sizes)) if weigh == "steps" else len(sizes)) + 0.1
        those = weights[rest]
        if weigh == "steps":
            those = those[:, : max(sizes[i] for i in rest)]
    model = fit(all_x, all_y, validation_fraction=share, sample_weight=weights, **options)
    other = fit(*parts[0], validation_data=parts[1], sample_weight=those, **options)
    assert_same_training(model, other)
    if not weigh:
        assert model.history.val_loss == other.history.val_loss
        return
    valid = [np.ones(sizes[i]) for i in held]
    own = [(weights[i] * one if weigh == "sequences" else weights[i, : len(one)])
           for i, one in zip(held, valid, strict=True)]  # fmt: skip
    errors = [to_host(model.predict(all_x[i])) - y[i] for i in held]
    expected = np.average(np.concatenate(errors) ** 2, axis=0, weights=np.concatenate(own)).mean()
    assert model.history.val_loss[-1] == pytest.approx(expected, rel=1e-9)


@given(
    counts=st.lists(st.integers(1, 30), min_size=2, max_size=4), share=SHARES, seed=SEEDS,
    shuffled=st.booleans(),
)  # fmt: skip
def test_classes_are_held_out_in_their_proportions(counts, share, seed, shuffled):
    """In any order of the rows, and training keeps one of each."""
    labels = np.repeat(np.arange(len(counts)), counts)
    if shuffled:
        np.random.default_rng(seed).shuffle(labels)
    n, spare = len(labels), len(labels) - len(counts)
    held = max(1, round(share * n))
    assume(held <= spare)
    x = np.stack(numbered([3] * n)[0])
    rest, those = split(x, labels, share, loss="cross_entropy", seed=seed)
    assert len(those) == held
    assert sorted(rest + those) == list(range(n))
    for label, count in enumerate(counts):
        taken = (labels[those] == label).sum()
        assert abs(taken - held * (count - 1) / spare) < 1
        assert taken < count


def test_a_weight_of_zero_leaves_a_sequence_out_of_the_draw():
    x, y = (np.stack(a) for a in numbered([4] * 20))
    weights = np.tile([1.0, 0.0], 10)
    options = {"validation_fraction": 0.3, "standardize": False, "seed": 3}
    model = fit(x, y, sample_weight=weights, **options)
    without = fit(x[::2], y[::2], **options)
    assert model.history.val_loss == pytest.approx(without.history.val_loss, rel=1e-12)
    assert model.history.loss == pytest.approx(without.history.loss, rel=1e-12)


@pytest.mark.parametrize("mode", ["many_to_one", "one_to_many", "encoder_decoder"])
def test_every_mode_holds_out_whole_sequences(mode):
    x = np.stack(numbered([1 if mode == "one_to_many" else 4] * 10)[0])
    y = (
        np.arange(10.0)
        if mode == "many_to_one"
        else np.ones((10, 3, 1)) * np.arange(10)[:, None, None]
    )
    method = Method(validation_fraction=0.2, standardize=False)
    setup = prepare(x, y, Network(hidden_size=2), method, mode=mode)
    for data, count in ((setup.data, 8), (setup.validation, 2)):
        assert len(which(data)) == count
        np.testing.assert_array_equal(data.y[0, :, 0], which(data))


def test_nothing_but_labels_comes_to_the_host(place, monkeypatch):
    def refuse(array):
        raise AssertionError("moved")

    monkeypatch.setattr(held_out, "to_host", refuse)
    x, y = (np.stack(a) for a in numbered([4] * 10))
    for rows in (slice(None), 0):
        method = Method(validation_fraction=0.3)
        setup = prepare(place.array(x[rows]), place.array(y[rows]), Network(hidden_size=2), method)
        for data in (setup.data, setup.validation):
            assert of(data.x) == of(data.y) == place.backend


# Early stopping


def noisy(n=30):
    rng = np.random.default_rng(1)
    x, noise = rng.standard_normal((2, n, 6, 1))
    return x, x + noise


def test_early_stopping_is_the_callback_on_a_tenth():
    x, y = noisy()
    options = {"epochs": 300, "hidden_size": 30, "learning_rate": 0.02}
    model = fit(x, y, early_stopping=True, **options)
    stop = EarlyStopping(20)
    other = fit(x, y, validation_fraction=0.1, callbacks=[stop], **options)
    assert_same_params(model, other)
    assert_same_curves(model, other)
    assert model.history.ended == "stopped"
    assert len(model.history) == stop.best_epoch + 20 < 300
    assert stop.best_epoch == np.argmin(model.history.val_loss) + 1
    data = {"validation_data": (x[:5], y[:5])}
    model = fit(x, y, early_stopping=True, **data, **options)
    other = fit(x, y, callbacks=[EarlyStopping(20)], **data, **options)
    assert_same_curves(model, other)


def test_a_resumed_run_holds_out_the_same(tmp_path):
    x, y = noisy()
    options = {"hidden_size": 30, "learning_rate": 0.02, "early_stopping": True, "batch_size": 8}
    whole = fit(x, y, epochs=200, **options)
    assert whole.history.ended == "stopped"
    path = tmp_path / "run.npz"
    fit(x, y, epochs=12, callbacks=[Checkpoint(path)], **options)
    resumed = fit(x, y, epochs=200, callbacks=[Checkpoint(path)], resume=path, **options)
    assert_same_params(whole, resumed)
    assert_same_curves(whole, resumed)
    fit(x, y, epochs=2, callbacks=[Checkpoint(path)], validation_fraction=0.2)
    for changed in ({"validation_fraction": 0.21}, {"validation_fraction": 0.2, "seed": 1}):
        with pytest.raises(ValueError, match=r"^resume: the checkpoint is from another run"):
            fit(x, y, callbacks=[Checkpoint(path)], resume=path, **changed)


def test_a_warm_start_keeps_its_scales_and_holds_out_the_same():
    x, y = noisy()
    model = fit(x, y, validation_fraction=0.2)
    later = xprnn.fit(x, y, warm_start=model, epochs=2, validation_fraction=0.2)
    assert later.x_scaler.mean.tolist() == model.x_scaler.mean.tolist()
    longer = fit(x, y, validation_fraction=0.2, epochs=3)
    assert longer.history.val_loss[0] == model.history.val_loss[0]
    untouched = xprnn.fit(x, y, warm_start=model, epochs=1, validation_fraction=0.2,
                          optimizer="sgd", learning_rate=1e-300)  # fmt: skip
    assert untouched.history.val_loss[0] == model.history.val_loss[-1]


def test_members_stop_together_at_the_best_of_their_mean():
    x, y = noisy()
    method = Method(epochs=300, early_stopping=True, learning_rate=0.02)
    together = train(prepare(x, y, Network(hidden_size=30), method).stacked([0, 1]))
    best = int(np.argmin(together.history.val_loss)) + 1
    assert together.history.ended == "stopped"
    assert len(together.history) == best + 20
    shorter = dataclasses.replace(
        method, epochs=best, early_stopping=False, validation_fraction=0.1
    )
    ended = train(prepare(x, y, Network(hidden_size=30), shorter).stacked([0, 1]))
    for one, other in zip(together.split(), ended.split(), strict=True):
        assert_same_params(one, other)


# Errors


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"validation_fraction": 0}, "validation_fraction must be .* above 0 and below 1, got 0"),
        ({"validation_fraction": 1.0}, "validation_fraction must be .* above 0 and below 1"),
        (
            {"validation_fraction": 0.2, "validation_data": noisy()},
            "validation_fraction=0.2 has no",
        ),
        (
            {"early_stopping": True, "callbacks": [EarlyStopping()]},
            "early_stopping=True adds an EarlyStopping, but callbacks already hold one",
        ),
        (
            {"validation_fraction": 0.99},
            r"validation_fraction=0.99 of 30 sequence\(s\) holds out 30, but at most 29 can be",
        ),
    ],
)
def test_what_does_not_fit_is_refused(options, message):
    with pytest.raises(ValueError, match=f"^{message}"):
        fit(*noisy(), **options)


def test_too_few_are_refused():
    with pytest.raises(ValueError, match=r"0.1 of 1 step\(s\) holds out 1, but at most 0 can be"):
        fit([1.0], [2.0], early_stopping=True)
    x, labels = np.zeros((6, 2, 1)), np.array([0, 0, 1, 1, 2, 2])
    with pytest.raises(ValueError, match=r"at most 3 can be, since training needs one of each"):
        fit(x, labels, loss="cross_entropy", validation_fraction=0.7)
    with pytest.raises(ValueError, match=r"0.1 of 1 sequence\(s\) holds out 1, but at most 0"):
        fit(x[:1], [1.0], early_stopping=True)
    with pytest.raises(TypeError, match=r"^early_stopping must be True or False, got 5"):
        fit(x, labels, early_stopping=5)
