"""Nothing that the library computes raises what the caller's NumPy is told to raise."""

import numpy as np
import pytest

import xprnn
from xprnn import baselines, cells, gradients, losses, metrics, optimizers, value_and_grad
from xprnn.callbacks import EarlyStopping, ReduceOnPlateau
from xprnn.layers import Dense, Dropout, LayerNorm, Pool, Recurrent, Stack
from xprnn.penalties import Penalty, Weights

RNG = np.random.default_rng(5)
SIZES = {"ordinary": 1.0, "subnormal squares": 1e-170, "smallest": 1e-305}
X = np.sin(np.arange(60.0)).reshape(3, 10, 2)
Y = np.cos(np.arange(30.0)).reshape(3, 10, 1)
SERIES = np.sin(np.arange(60.0))


@pytest.fixture(autouse=True)
def strict():
    with np.errstate(all="raise"):
        yield


@pytest.fixture(params=SIZES.values(), ids=SIZES)
def size(request):
    return request.param


def scaled(a, size):
    with np.errstate(under="ignore"):
        return size * a


def fit(x=X, y=Y, **options):
    return xprnn.fit(x, y, **{"hidden_size": 4, "epochs": 3, "progress": False, **options})


def targets(name):
    """Return y as a loss takes it."""
    return Y if losses.standardizes(losses.get(name)) else (Y > 0).astype("float64")


@pytest.mark.parametrize("name", sorted(losses.TABLE))
@pytest.mark.parametrize("standardize", [True, False])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_every_loss(name, standardize, dtype, size):
    size = max(size, 1e-37) if dtype == "float32" else size
    y = targets(name)
    y = scaled(y, size) if losses.standardizes(losses.get(name)) else y
    options = {"loss": name, "standardize": standardize, "dtype": dtype}
    model = fit(scaled(X, size), y, validation_data=(scaled(X, size), y), **options)
    model.evaluate(scaled(X, size), y)
    model.predict(scaled(X, size))


@pytest.mark.parametrize("name", sorted(optimizers.TABLE))
@pytest.mark.parametrize("clip_norm", [None, 1e-300, 1.0])
def test_every_optimizer(name, clip_norm, size):
    fit(scaled(X, size), scaled(Y, size), optimizer=name, clip_norm=clip_norm, standardize=False)


@pytest.mark.parametrize("cell", sorted(cells.TABLE))
@pytest.mark.parametrize("activation", ["tanh", "relu", "elu", "softplus"])
def test_every_cell(cell, activation, size):
    model = fit(
        scaled(X, size), scaled(Y, size), cell=cell, activation=activation, standardize=False
    )
    model.predict(1e300 * X)
    model.trace(scaled(X, size))
    assert gradients.check(cells.get(cell), steps=2, batch=1, directions=1).ok


def test_every_part_of_a_training(size):
    network = Stack((LayerNorm(), Recurrent(4), Dropout(0.5), Pool("mean"), Dense(1)))
    xprnn.fit(
        scaled(X, size),
        scaled(Y, size)[:, 0],
        network=network,
        epochs=3,
        penalty=Penalty(Weights(l1=0.1), Weights(l2=0.1), Weights(max_norm=1)),
        callbacks=[EarlyStopping(2), ReduceOnPlateau(patience=1)],
        sample_weight=np.array([1.0, 1e-300, 0.0]),
        batch_size=2,
    )


def test_forecasts_of_a_model(size):
    fit(scaled(SERIES, size)[:-1], scaled(SERIES, size)[1:]).forecast(scaled(SERIES, size), 20)


@pytest.mark.parametrize("name", sorted(optimizers.TABLE))
def test_a_loop_of_ones_own(name, size):
    network, optimizer = Stack((Recurrent(4), Dense(1))), optimizers.get(name)
    params, _ = network.init(RNG, 2)
    params = xprnn.tree.map(lambda a: scaled(a, size), params)
    memory = optimizer.init(params, xp=np)
    for _ in range(3):
        _, grads, _ = value_and_grad(
            network, losses.MSE(), params, scaled(X, size), scaled(Y, size), xp=np
        )
        optimizers.clip_by_value(grads, 1e-300, xp=np)
        grads, _ = optimizers.clip_by_global_norm(grads, 1e-300, xp=np)
        params, memory = optimizer.update(grads, memory, params, xp=np)


def test_looks_inside(size):
    network = Recurrent(2)
    params, _ = network.init(RNG, 2)
    params = xprnn.tree.map(lambda a: scaled(a, size), params)
    gradients.through_time(network, losses.MSE(), params, X, scaled(Y, size), xp=np)
    gradients.state_jacobians(network, params, X, xp=np)


@pytest.mark.parametrize("name", ["accuracy", "mae", "r2", "rmse", "smape"])
def test_every_metric(name, size):
    y = (Y > 0).astype(int) if name == "accuracy" else scaled(Y, size)
    getattr(metrics, name)(y, y if name == "accuracy" else 0.5 * y)


def test_metrics_with_arguments_of_their_own(size):
    metrics.mase(scaled(Y, size), scaled(0.5 * Y, size), train=list(scaled(Y, size)))
    metrics.coverage(scaled(Y, size), scaled(Y - 1, size), scaled(Y + 1, size))


def test_baselines(size):
    baselines.drift(scaled(SERIES, size), 3)
    baselines.find_season(scaled(SERIES, size))


@pytest.mark.parametrize("size", [1.0, 1e-170])
@pytest.mark.parametrize(
    "options",
    [
        {"lags": 4, "members": 2},
        {"strategy": "direct", "lags": 4, "quantiles": (0.1, 0.5, 0.9)},
        {"calibration": 10},
    ],
    ids=["members", "quantiles", "calibration"],
)
def test_the_forecaster(options, size):
    from xprnn.forecasting import RNNForecaster

    options = {"horizon": 2, "hidden_size": 4, "epochs": 3, "progress": False, **options}
    forecaster = RNNForecaster(**options).fit(scaled(SERIES, size))
    forecaster.update(scaled(np.append(SERIES, [0.5]), size)).predict()
    if "quantiles" in options:
        forecaster.predict_quantiles((0.1, 0.9))
    else:
        forecaster.predict_interval()
    forecaster.backtest(scaled(SERIES, size), folds=2, coverage=None)


def test_the_estimators(size):
    pytest.importorskip("sklearn")
    from xprnn.estimators import RNNClassifier, RNNRegressor, SequenceScaler

    options = {"hidden_size": 4, "epochs": 3}
    SequenceScaler().fit_transform(scaled(X, size))
    regressor = RNNRegressor(**options).fit(scaled(X, size), scaled(Y, size)[:, 0, 0])
    regressor.predict(scaled(X, size))
    classifier = RNNClassifier(**options).fit(scaled(X, size), np.array([0, 1, 0]))
    classifier.predict_proba(scaled(X, size))


def test_files_and_onnx(tmp_path, size):
    model = fit(scaled(X, size), scaled(Y, size))
    model.save(tmp_path / "model.npz")
    xprnn.load(tmp_path / "model.npz").predict(scaled(X, size))
    pytest.importorskip("onnx")
    model.to_onnx(tmp_path / "model.onnx")


def test_pictures(size):
    pytest.importorskip("matplotlib")
    from xprnn import plotting

    plotting.loss(fit(scaled(X, size), scaled(Y, size)).history)
