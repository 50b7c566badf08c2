"""xprnn with nothing but its defaults, as the tables call it."""

import numpy as np

import xprnn
from _defaults.forecast import LEVELS, Forecast
from xprnn.estimators import RNNClassifier, RNNRegressor
from xprnn.forecasting import RNNForecaster


def forecaster(series, season, horizon, seed, **options):
    """Forecast as one who knows the horizon alone, and not the season."""
    one = len(series) == 1
    model = RNNForecaster(horizon=horizon, seed=seed, progress=False, **options)
    model.fit(series[0] if one else series)
    steps, bounds = model.predict(), {n: model.predict_interval(n / 100) for n in LEVELS}
    if one:
        return [Forecast(steps, {n: tuple(b) for n, b in bounds.items()})]
    return [
        Forecast(s, {n: (b.lower[i], b.upper[i]) for n, b in bounds.items()})
        for i, s in enumerate(steps)
    ]


def classifier(x, y, x_new, seed, **options):
    """Predict labels."""
    return RNNClassifier(random_state=seed, progress=False, **options).fit(x, y).predict(x_new)


def fit(s, held, seed):
    """Predict every step from those before it, with `fit`."""
    model = xprnn.fit(s[: -held - 1], s[1:-held], seed=seed, progress=False)
    return model.predict(s[:-1])[-held:]


def regressor(s, held, seed, **options):
    """Predict every step from those before it, with the estimator."""
    x = s[None, :-1, None]
    model = RNNRegressor(random_state=seed, progress=False, **options).fit(
        x[:, :-held], s[None, 1:-held, None]
    )
    return np.ravel(model.predict(x))[-held:]
