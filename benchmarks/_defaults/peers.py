"""The peers: rules, linear maps, statistics, networks of others.

Every function takes a seed last. A forecaster takes series, a season and a horizon, and
gives for each series a forecast and, if it has any, intervals. Another package is imported
where it is needed.
"""

import logging

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from _defaults.forecast import LEVELS, Forecast
from xprnn import baselines


def naive(series, season, horizon, seed):
    """Repeat the last value."""
    return [Forecast(baselines.naive(s, horizon), {}) for s in series]


def seasonal_naive(series, season, horizon, seed):
    """Repeat the last season."""
    return [Forecast(baselines.seasonal_naive(s, horizon, season), {}) for s in series]


def drift(series, season, horizon, seed):
    """Go on by the mean change."""
    return [Forecast(baselines.drift(s, horizon), {}) for s in series]


def ridge_on_lags(series, season, horizon, seed):
    """Forecast by one linear map of two seasons of lags of the standardised series.

    In a panel, whose series have levels of their own, lags and forecast are taken against the
    last step, in units of the changes.
    """
    from sklearn.linear_model import RidgeCV

    relative = len(series) > 1
    lags = min(max(2 * season, 8 if relative else 4), min(map(len, series)) - 1)
    scales = [(s.mean(), (np.diff(s) if relative else s).std() or 1.0) for s in series]
    scaled = [(s - mean) / std for s, (mean, std) in zip(series, scales, strict=True)]
    windows = np.concatenate([sliding_window_view(s, lags + 1) for s in scaled])
    windows = windows - relative * windows[:, -2:-1]
    model = RidgeCV(np.logspace(-3, 3, 13)).fit(windows[:, :-1], windows[:, -1])
    for _ in range(horizon):
        x = np.stack([s[-lags:] for s in scaled])
        last = relative * x[:, -1:]
        ahead = model.predict(x - last) + last[:, 0]
        scaled = [np.append(s, a) for s, a in zip(scaled, ahead, strict=True)]
    return [
        Forecast(s[-horizon:] * std + mean, {})
        for s, (mean, std) in zip(scaled, scales, strict=True)
    ]


def long_table(series):
    """Return the series as a table of Nixtla's libraries."""
    import pandas as pd

    return pd.DataFrame({
        "unique_id": np.repeat(np.arange(len(series)), [len(s) for s in series]),
        "ds": np.concatenate([np.arange(len(s)) for s in series]),
        "y": np.concatenate(series),
    })  # fmt: skip


def read_table(table, name, point):
    """Return the forecasts of one of their models."""

    def column(key, rows):
        return rows[f"{name}{key}"].to_numpy(float)

    return [
        Forecast(
            column(point, rows),
            {n: (column(f"-lo-{n}", rows), column(f"-hi-{n}", rows)) for n in LEVELS},
        )
        for _, rows in table.groupby("unique_id", sort=True)
    ]


def statsforecast(name):
    """Return a forecaster of statsforecast, which is told the season."""

    def run(series, season, horizon, seed):
        from statsforecast import StatsForecast, models

        model = getattr(models, name)(season_length=season)
        table = StatsForecast([model], freq=1).forecast(
            df=long_table(series), h=horizon, level=list(LEVELS)
        )
        return read_table(table, name, "")

    return run


def neuralforecast(name):
    """Return a forecaster of neuralforecast, for panels."""

    def run(series, season, horizon, seed):
        from neuralforecast import NeuralForecast, models
        from neuralforecast.losses.pytorch import MQLoss

        logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)
        quiet = {"enable_progress_bar": False, "logger": False, "enable_checkpointing": False}
        model = getattr(models, name)(
            h=horizon, input_size=2 * horizon, loss=MQLoss(level=list(LEVELS)), max_steps=300,
            windows_batch_size=256,
            scaler_type="robust", start_padding_enabled=True, random_seed=seed + 1,
            accelerator="cpu", enable_model_summary=False, **quiet,
        )  # fmt: skip
        forecaster = NeuralForecast([model], freq=1)
        forecaster.fit(long_table(series), val_size=0)
        return read_table(forecaster.predict().reset_index(), name, "-median")

    return run


def torch_network(kind, features, outputs, both):
    """Return a recurrent layer of 64 units and a linear map of its outputs."""
    from torch import nn

    recurrent = {"LSTM": nn.LSTM, "GRU": nn.GRU}[kind](
        features, 64, batch_first=True, bidirectional=both
    )
    return recurrent, nn.Linear(128 if both else 64, outputs)


def torch_fit(layers, x, y, compute, loss, rate):
    """Train with Adam in 100 passes and batches of 16, the gradient clipped at a norm of 1."""
    import torch

    parameters = [p for layer in layers for p in layer.parameters()]
    optimizer = torch.optim.Adam(parameters, lr=rate)
    for _ in range(100):
        for batch in torch.randperm(len(x)).split(16):
            optimizer.zero_grad()
            loss(compute(x[batch]), y[batch]).backward()
            torch.nn.utils.clip_grad_norm_(parameters, 1.0)
            optimizer.step()


GRID = [(rate, both) for rate in (0.01, 0.003, 0.001) for both in (False, True)]
"""The rate, and whether to read in both directions and take the maximum over time, or the last
step alone."""


def torch_classifier(kind, rate, both):
    """Return a classifier of torch's layers."""

    def run(x, y, x_new, seed):
        import torch

        torch.manual_seed(seed)
        torch.set_num_threads(1)
        mean, std = x.mean((0, 1)), x.std((0, 1)) + 1e-12
        x, x_new = (torch.tensor((a - mean) / std, dtype=torch.float32) for a in (x, x_new))
        names, labels = np.unique(y, return_inverse=True)
        layers = recurrent, linear = torch_network(kind, x.shape[-1], len(names), both)

        def compute(x):
            steps = recurrent(x)[0]
            return linear(steps.amax(1) if both else steps[:, -1])

        loss = torch.nn.CrossEntropyLoss()
        torch_fit(layers, x, torch.tensor(labels), compute, loss, rate)
        with torch.no_grad():
            return names[torch.cat([compute(b).argmax(1) for b in x_new.split(256)]).numpy()]

    return run


def aeon_classifier(made):
    """Return a classifier of aeon, whose arrays are (N, F, T)."""

    def run(x, y, x_new, seed):
        model = made(seed).fit(np.swapaxes(x, 1, 2), y)
        return model.predict(np.swapaxes(x_new, 1, 2))

    return run


def rocket(seed):
    """Return Rocket with its defaults."""
    from aeon.classification.convolution_based import RocketClassifier

    return RocketClassifier(random_state=seed)


def nearest(seed):
    """Return the nearest neighbour by dynamic time warping, with aeon's defaults."""
    from aeon.classification.distance_based import KNeighborsTimeSeriesClassifier

    return KNeighborsTimeSeriesClassifier(n_neighbors=1, distance="dtw")


def naive_one_step(s, held, seed):
    """Predict the value before."""
    return s[-held - 1 : -1]


def ridge_one_step(s, held, seed):
    """Predict every step by a linear map of the 20 before it."""
    from sklearn.linear_model import RidgeCV

    windows = sliding_window_view(s, 21)
    train = windows[:-held]
    model = RidgeCV(np.logspace(-6, 3, 19)).fit(train[:, :-1], train[:, -1])
    return model.predict(windows[-held:, :-1])


def torch_one_step(s, held, seed):
    """Predict every step with torch's LSTM, trained on pieces of 50 steps."""
    import torch

    torch.manual_seed(seed)
    torch.set_num_threads(1)
    mean, std = s[:-held].mean(), s[:-held].std()
    scaled = torch.tensor((s - mean) / std, dtype=torch.float32)[:, None]
    pieces = scaled[:-held].unfold(0, 51, 10).swapaxes(1, 2)
    layers = recurrent, linear = torch_network("LSTM", 1, 1, False)

    def compute(x):
        return linear(recurrent(x)[0])

    loss = torch.nn.MSELoss()
    torch_fit(layers, pieces[:, :-1], pieces[:, 1:], compute, loss, 0.003)
    with torch.no_grad():
        return compute(scaled[None, :-1])[0, -held:, 0].numpy() * std + mean
