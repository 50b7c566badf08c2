"""Metrics against closed forms, and against scikit-learn's definitions written out."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from xprnn import metrics

SEEDS = st.integers(0, 2**32 - 1)
QUANTITIES = {f.__name__: f for f in (metrics.mae, metrics.rmse, metrics.r2, metrics.smape)}


def mase(y, y_hat, **options):
    """MASE with a training series for each sequence of y."""
    if isinstance(y, list):
        count, features = len(y), y[0].shape[-1]
    else:
        count = y.shape[0] if y.ndim == 3 else 1
        features = y.shape[-1] if y.ndim > 1 else 1
    train = np.random.default_rng(0).standard_normal((count, 9, features))
    return metrics.mase(y, y_hat, train=train, season=2, **options)


ALL = {**QUANTITIES, "mase": mase}


def draw(seed, shape=(3, 5, 2)):
    y, noise = np.random.default_rng(seed).standard_normal((2, *shape))
    return y, y + noise


# Quantities


@given(seed=SEEDS)
def test_by_their_formulas(seed):
    y, y_hat = draw(seed)
    e = (y_hat - y).reshape(-1, 2)
    flat = y.reshape(-1, 2)
    expected = {
        "mae": np.mean(np.abs(e)),
        "rmse": np.sqrt(np.mean(e**2)),
        "r2": np.mean([1 - (e[:, o] ** 2).mean() / flat[:, o].var() for o in range(2)]),
        "smape": np.mean(2 * np.abs(y_hat - y) / (np.abs(y) + np.abs(y_hat))),
    }
    for name, metric in QUANTITIES.items():
        got = metric(y, y_hat)
        assert type(got) is float
        assert got == pytest.approx(expected[name], rel=1e-12)


@pytest.mark.parametrize("name", ALL)
@given(lengths=st.tuples(*[st.integers(1, 5)] * 3), seed=SEEDS)
def test_padding_changes_nothing(place, name, lengths, seed):
    """Mask, lengths and lists of arrays say the same, on every backend."""
    y, y_hat = draw(seed)
    mask = np.arange(5) < np.array(lengths)[:, None]
    holes = [place.array(np.where(mask[..., None], a, np.nan)) for a in (y, y_hat)]
    ragged = [[place.array(a[b, :n]) for b, n in enumerate(lengths)] for a in (y, y_hat)]
    got = [
        ALL[name](*holes, mask=mask),
        ALL[name](*holes, mask=place.mask(mask)),
        ALL[name](*holes, lengths=lengths),
        ALL[name](*holes, lengths=place.array(lengths, "int64")),
        ALL[name](*ragged),
    ]
    if name == "mase":
        assert got == [got[0]] * 5
    else:
        assert got == [pytest.approx(QUANTITIES[name](y[mask], y_hat[mask]), rel=1e-12)] * 5


@given(lengths=st.tuples(*[st.integers(2, 5)] * 3), seed=SEEDS)
def test_lists_of_masks_leave_steps_out(lengths, seed):
    rng, (y, y_hat) = np.random.default_rng(seed), draw(seed)
    masks = [rng.random(n) < 0.7 for n in lengths]
    masks[0][0] = True
    ragged = [[a[b, :n] for b, n in enumerate(lengths)] for a in (y, y_hat)]
    left = [[a[m] for a, m in zip(side, masks, strict=True) if m.any()] for side in ragged]
    for metric in (metrics.mae, metrics.rmse, metrics.smape):
        assert metric(*ragged, mask=masks) == pytest.approx(metric(*left), rel=1e-12)
    labels = [[1 * (a > 0) for a in side] for side in ragged]
    kept = [[1 * (a > 0) for a in side] for side in left]
    columns = [[a[:, :1] for a in side] for side in labels]
    wanted = [[a[:, :1] for a in side] for side in kept]
    assert metrics.accuracy(*columns, mask=masks) == metrics.accuracy(*wanted)


@pytest.mark.parametrize("name", ALL)
def test_one_sequence_comes_in_three_shapes(name):
    y, y_hat = draw(0, (1, 6, 1))
    kept = np.array([True, True, True, True, False, True])
    whole = ALL[name](y, y_hat)
    assert ALL[name](y[0], y_hat[0]) == ALL[name](y[0, :, 0], y_hat[0, :, 0]) == whole
    part = ALL[name](y, y_hat, mask=kept[None])
    assert part != whole
    for few in (y[0], y_hat[0]), (y[0, :, 0], y_hat[0, :, 0]):
        assert ALL[name](*few, mask=kept) == ALL[name](*few, mask=kept[None]) == part
        assert ALL[name](*few, lengths=[4]) == ALL[name](y[:, :4], y_hat[:, :4])


@pytest.mark.parametrize("dtype", ["float32", "int64"])
def test_the_computation_is_in_float64(place, dtype):
    y, y_hat = np.array([1, 10**7 + 1]), np.array([10**7, 1])
    assert metrics.mae(place.array(y, dtype), place.array(y_hat, dtype)) == 10**7 - 0.5


@pytest.mark.parametrize(
    ("y", "y_hat", "expected"),
    [
        ([1.0, 2, 3], [1.0, 2, 3], 1),
        ([1.0, 2, 3], [2.0, 2, 2], 0),
        ([1.0, 2, 3], [3.0, 2, 1], -3),
        ([0.1] * 3, [0.1] * 3, 1),
        ([0.1] * 3, [0.1, 0.1, 0.2], 0),
        ([[1.0, 5], [2, 5], [3, 5]], [[1.0, 5], [2, 5], [3, 5]], 1),
        ([[1.0, 5], [2, 5], [3, 5]], [[1.0, 5], [2, 5], [3, 6]], 0.5),
        ([0.0, 1e-300], [0.0, 1e-300], 1),
    ],
)
def test_r2_also_of_a_constant(y, y_hat, expected):
    """As scikit-learn: 1 if a constant is met, else 0."""
    assert metrics.r2(y, y_hat) == expected


def test_r2_of_one_step():
    with pytest.raises(ValueError, match="y must have at least two valid steps for r2, got 1"):
        metrics.r2([1.0, 2.0], [1.0, 2.0], mask=[True, False])


def test_smape_goes_from_0_to_2():
    assert metrics.smape([0.0, 0.0], [0.0, 0.0]) == 0
    assert metrics.smape([1.0, -1.0, 0.0], [-5.0, 1.0, 1e-9]) == 2
    assert metrics.smape([1.0], [3.0]) == 1


@given(season=st.integers(1, 4), seed=SEEDS)
def test_mase_by_its_formula(season, seed):
    """Each sequence and output is measured by its own naive forecast."""
    rng = np.random.default_rng(seed)
    train = [rng.standard_normal((n, 2)) * [1, 100] for n in (6, 9)]
    y, y_hat = draw(seed, (2, 3, 2))
    expected = []
    for b, series in enumerate(train):
        for o in range(2):
            naive = [abs(series[t, o] - series[t - season, o]) for t in range(season, len(series))]
            expected += list(abs(y_hat[b, :, o] - y[b, :, o]) / np.mean(naive))
    got = metrics.mase(y, y_hat, train=train, season=season)
    assert got == pytest.approx(np.mean(expected), rel=1e-12)


def test_the_naive_forecast_of_the_training_series_has_a_mase_of_1():
    series = np.random.default_rng(0).standard_normal(20)
    for season in (1, 5):
        got = metrics.mase(series[season:], series[:-season], train=series, season=season)
        assert got == pytest.approx(1, rel=1e-14)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"train": [1.0, 2.0], "season": 2}, ValueError, "train must be longer than the season 2"),
        ({"train": [1.0, 2, 1, 2], "season": 2}, ValueError, "train must not repeat itself"),
        ({"train": [1.0, np.nan, 2]}, ValueError, "train must be finite"),
        ({"train": np.ones((2, 4, 1))}, ValueError, r"train must have the 1 sequence\(s\)"),
        (
            {"train": np.ones((4, 2))},
            ValueError,
            r"train must have .* 1 feature\(s\) .* got 1 of 2",
        ),
        ({"train": [1.0, 2.0], "season": 0}, ValueError, "season must be at least 1"),
        ({"train": [1.0, 2.0], "season": 1.5}, TypeError, "season must be an integer"),
    ],
)
def test_mase_checks_its_training_series(options, error, message):
    with pytest.raises(error, match=message):
        metrics.mase([1.0, 2.0], [1.0, 2.0], **options)


Y = np.zeros((2, 3, 1))


@pytest.mark.parametrize(
    ("y", "y_hat", "options", "message"),
    [
        (Y, Y[:1], {}, r"y has 2 sequence\(s\), y_hat 1"),
        (Y, Y[..., 0], {}, r"y has 2 sequence\(s\), y_hat 1"),
        (Y, Y[:, :2], {}, r"y_hat must have the shape of y: .*\(3, 1\) in y, \(2, 1\) in y_hat"),
        (Y, np.zeros((2, 3, 2)), {}, r"y_hat must have the shape of y: .*\(3, 2\) in y_hat"),
        ([Y[0], Y[1]], [Y[0], Y[1, :2]], {}, "y_hat must have the shape of y: .* sequence 1"),
        ([Y[0], Y[1, :, 0]], Y, {}, r"y\[1\] must be \(T_i, 1\), as y\[0\] is, got \(3,\)"),
        ([Y, Y], [Y, Y], {}, r"y\[0\] must be \(T_i, F\), got \(2, 3, 1\)"),
        (Y[None], Y[None], {}, "y can't have the shape"),
        (0.0, 0.0, {}, r"y can't have the shape \(\)"),
        (Y[:0], Y[:0], {}, r"y is empty: \(0, 3, 1\)"),
        (Y, Y, {"mask": np.ones((3, 2), bool)}, r"mask must have shape \(2, 3\), .* got \(3"),
        (Y, Y, {"mask": np.zeros((2, 3), bool)}, "y has no valid step"),
        (Y, Y, {"lengths": [1, 4]}, "lengths must be 0 to 3, .* got 4 for sequence 1"),
        (Y, Y, {"lengths": [1, -1]}, "lengths must be 0 to 3, .* got -1 for sequence 1"),
        (Y, Y, {"lengths": [1]}, r"lengths must have shape \(2,\), .* got \(1,\)"),
        (Y, Y, {"lengths": [1, 1], "mask": Y[..., 0] == 0}, "lengths and mask mean the same"),
        ([Y[0]], [Y[0]], {"lengths": [1]}, "lengths is valid only for a padded array; y is a list"),
        (Y, Y + np.nan, {}, r"y_hat must be finite, got nan at index \(0, 0, 0\) \(6 of 6 "),
        (Y + np.inf, Y, {}, "y must be finite, got inf"),
    ],
)
def test_what_does_not_fit_is_named(y, y_hat, options, message):
    with pytest.raises(ValueError, match=message):
        metrics.mae(y, y_hat, **options)


@pytest.mark.parametrize(
    ("y", "options", "message"),
    [
        (Y, {"mask": np.ones((2, 3))}, "mask must be of bool, .* got float64"),
        (Y, {"lengths": [1.0, 2.0]}, "lengths must be integers, got float64"),
        ("abc", {}, "y must be an array of numbers, got 'abc'"),
        (Y.astype("float16"), {}, "y has dtype float16"),
    ],
)
def test_what_has_no_fitting_type_is_named(y, options, message):
    with pytest.raises(TypeError, match=message):
        metrics.mae(y, Y, **options)


# Classes


@given(shape=st.sampled_from([(4,), (1,), (2, 3), (2, 3, 1), (4, 1), (2, 1)]), seed=SEEDS)
def test_labels_and_scores_say_the_same(place, shape, seed):
    rng = np.random.default_rng(seed)
    y, found = rng.integers(3, size=(2, *shape))
    rows = shape[:-1] if len(shape) > 1 and shape[-1] == 1 else shape
    scores = rng.random((*rows, 3)) + 2 * (found.reshape(rows)[..., None] == np.arange(3))
    expected = np.mean(y == found)
    counts = np.zeros((3, 3), dtype=int)
    for i, j in zip(y.ravel(), found.ravel(), strict=True):
        counts[i, j] += 1
    for truth in (place.array(y), place.array(y, "int64")):
        got = metrics.accuracy(truth, place.array(scores))
        assert type(got) is float
        assert got == pytest.approx(expected, rel=1e-14)
        matrix = metrics.confusion_matrix(truth, place.array(scores))
        assert matrix.dtype.kind == "i"
        np.testing.assert_array_equal(matrix, counts)
    one_hot = place.array(y.reshape(rows)[..., None] == np.arange(3))
    assert metrics.accuracy(one_hot, place.array(scores)) == pytest.approx(expected, rel=1e-14)
    column = [place.array(a.reshape(-1, 1)) for a in (y, found)]
    assert metrics.accuracy(*column) == pytest.approx(expected, rel=1e-14)
    np.testing.assert_array_equal(metrics.confusion_matrix(*column, num_classes=3), counts)


@given(lengths=st.tuples(*[st.integers(1, 5)] * 3), scores=st.booleans(), seed=SEEDS)
def test_padding_of_labels_changes_nothing(place, lengths, scores, seed):
    rng = np.random.default_rng(seed)
    y, found = rng.integers(3, size=(2, 3, 5))
    mask = np.arange(5) < np.array(lengths)[:, None]
    expected = np.mean((y == found)[mask])
    y_hat = 1.0 * (found[..., None] == np.arange(3)) if scores else found
    ragged = [[place.array(a[b, :n]) for b, n in enumerate(lengths)] for a in (y, y_hat)]
    assert metrics.accuracy(*ragged) == pytest.approx(expected, rel=1e-14)
    y_hat = np.where(mask[..., None] if scores else mask, y_hat, np.nan)
    for truth in (np.where(mask, y, np.nan), np.where(mask, y, np.nan)[..., None]):
        if not scores and truth.ndim == 3:
            y_hat = y_hat[..., None]
        both = place.array(truth), place.array(y_hat)
        for options in ({"mask": mask}, {"mask": place.mask(mask)}, {"lengths": lengths}):
            assert metrics.accuracy(*both, **options) == pytest.approx(expected, rel=1e-14)
            matrix = metrics.confusion_matrix(*both, num_classes=4, **options)
            assert matrix.shape == (4, 4)
            assert matrix.sum() == mask.sum()
            assert matrix.trace() == pytest.approx(expected * mask.sum())


def test_what_can_be_two_things_is_refused():
    """Labels 0 and 1 of two sequences of two steps, or one-hot labels and their scores."""
    both = np.array([[0, 1], [1, 0]])
    with pytest.raises(ValueError, match=r"y and y_hat of shape .* can be labels, or one-hot"):
        metrics.accuracy(both, both)
    assert metrics.accuracy(both[..., None], 1 - both[..., None]) == 0
    assert metrics.accuracy(both, np.array([[0.1, 0.9], [0.2, 0.8]])) == 0.5
    assert metrics.accuracy(np.array([[1, 1], [1, 0]]), both) == 0.75


def test_rows_are_true_and_columns_predicted():
    assert metrics.confusion_matrix([0, 0, 2], [1, 1, 2]).tolist() == [
        [0, 2, 0], [0, 0, 0], [0, 0, 1],
    ]  # fmt: skip
    scores = np.array([[1.0, 0, 0, 0]])
    assert metrics.confusion_matrix([0], scores).shape == (4, 4)


@pytest.mark.parametrize(
    ("y", "y_hat", "message"),
    [
        ([0, 1], [0, 1, 1], r"y_hat must have as many sequences and steps as y, \[\(2,\)\]"),
        ([0, 1], [[0], [1]], r"y_hat must hold labels of the shape of y, \(2,\), or scores"),
        ([[0, 1, 2]], [[0, 1]], r"y_hat must hold labels of the shape of y, \(1, 3\), or scores"),
        ([0, -1], [0, 1], "y must hold class labels 0, 1, …, got -1"),
        ([0, 0.5], [0, 1], "y must hold class labels 0, 1, …, got 0.5"),
        ([0, 1], [0.2, 0.7], r"y_hat must hold class labels .* got 0.2 \(scores have a column"),
        ([[0], [1]], [[0.2], [0.7]], "y_hat must hold class labels"),
        ([0, 2], [[0.2, 0.8], [0.7, 0.3]], "y must hold labels below 2, the columns of y_hat"),
        ([0, 1], [[0.2, np.nan], [0.7, 0.3]], "y_hat must be finite"),
    ],
)
def test_classes_that_do_not_fit_are_named(y, y_hat, message):
    with pytest.raises(ValueError, match=message):
        metrics.accuracy(y, y_hat)
    with pytest.raises(ValueError, match=message):
        metrics.confusion_matrix(y, y_hat)


def test_the_index_of_a_number_that_is_not_finite_is_that_of_the_caller():
    y, y_hat, mask = np.zeros((2, 3)), np.zeros((2, 3, 2)), np.ones((2, 3), bool)
    y_hat[1, 2, 1], mask[0] = np.nan, False
    with pytest.raises(
        ValueError, match=r"^y_hat must be finite, got nan at index \(1, 2, 1\) \(1"
    ):
        metrics.accuracy(y, y_hat, mask=mask)
    with pytest.raises(ValueError, match=r"^y_hat\[1\] must be finite, got nan at index \(2, 1\)"):
        metrics.accuracy([*y], [*y_hat])
    with pytest.raises(ValueError, match=r"^y_hat\[1\] must be finite, got nan at index \(2, 1\)"):
        metrics.accuracy([*y], [*y_hat], mask=[*mask])
    y[1, 1] = np.inf
    with pytest.raises(ValueError, match=r"^y must be finite, got inf at index \(1, 1\)"):
        metrics.accuracy(y, y, lengths=[0, 2])


def test_num_classes_must_hold_all_labels():
    with pytest.raises(ValueError, match="num_classes must be above the largest label 2, got 2"):
        metrics.confusion_matrix([0, 2], [0, 1], num_classes=2)
    with pytest.raises(TypeError, match="num_classes must be an integer"):
        metrics.confusion_matrix([0, 2], [0, 1], num_classes=3.0)


def test_a_mask_of_labels_must_fit():
    y, scores = np.zeros((2, 3)), np.zeros((2, 4, 5))
    with pytest.raises(ValueError, match=r"mask must have shape \(2, 3\), .* got \(2, 4\)"):
        metrics.accuracy(y, y, mask=np.ones((2, 4), bool))
    with pytest.raises(ValueError, match=r"y_hat must have the steps \(2, 3\) of y, got \(2, 4, 5"):
        metrics.accuracy(y, scores, mask=np.ones((2, 3), bool))
    with pytest.raises(ValueError, match="lengths is valid only for a padded array; y is a list"):
        metrics.accuracy([y[0]], [y[0]], lengths=[2])
