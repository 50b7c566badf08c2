"""Pictures: what is drawn, on which axes, and where matplotlib is missing."""

import io
import subprocess
import sys

import numpy as np
import pytest

import xprnn
from xprnn import plotting

plt = pytest.importorskip("matplotlib.pyplot")

TIME = np.arange(0, 6, 0.25)
X = np.stack([np.cos(TIME), np.sin(TIME)], axis=-1)
Y = np.cumsum(X, axis=0)


@pytest.fixture(autouse=True)
def no_other_figures():
    plt.close("all")
    yield
    plt.close("all")


@pytest.fixture
def ax():
    return plt.subplots()[1]


def fit(x, y, **options):
    return xprnn.fit(x, y, **{"hidden_size": 3, "epochs": 3, **options})


@pytest.fixture(scope="module")
def wave():
    return fit(TIME, np.sin(TIME))


@pytest.fixture(scope="module")
def batch():
    """Three sequences of two features and two outputs, two layers of three units."""
    return fit(np.stack([X, 2 * X, 3 * X]), np.stack([Y, Y, Y]), num_layers=2)


def texts(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()]


def lines(ax):
    return [(line.get_xdata(), line.get_ydata()) for line in ax.lines]


def assert_lines(ax, *expected):
    assert len(ax.lines) == len(expected)
    for (x, y), (along, values) in zip(lines(ax), expected, strict=True):
        np.testing.assert_array_equal(x, along)
        np.testing.assert_allclose(y, values, rtol=1e-12)


@pytest.mark.parametrize(
    "draw",
    [
        lambda model, **ax: plotting.fit(model, TIME, TIME, **ax),
        lambda model, **ax: plotting.states(model, TIME, **ax),
        lambda model, **ax: plotting.loss(model.history, **ax),
        lambda model, **ax: plotting.forecast(TIME, TIME[:3], **ax),
    ],
    ids=["fit", "states", "loss", "forecast"],
)
def test_every_function_returns_the_axes(wave, ax, draw):
    assert draw(wave, ax=ax) is ax
    assert len(plt.get_fignums()) == 1
    new = draw(wave)
    assert new is not ax
    assert len(plt.get_fignums()) == 2
    assert new.lines
    new.figure.savefig(io.BytesIO())


def test_fit_of_a_function_is_drawn_along_x(wave, ax):
    plotting.fit(wave, TIME, np.sin(TIME), ax=ax)
    assert_lines(ax, (TIME, np.sin(TIME)), (TIME, wave.predict(TIME)))
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("x", "y")
    assert texts(ax) == ["data", "prediction"]


def test_fit_of_a_series_is_drawn_along_its_steps(wave, ax):
    x = np.cos(TIME)
    plotting.fit(wave, x, ax=ax)
    assert_lines(ax, (np.arange(24), wave.predict(x)))
    assert ax.get_xlabel() == "step"
    assert texts(ax) == ["prediction"]


def test_fit_of_one_of_several_sequences(batch, ax):
    plotting.fit(batch, np.stack([X, 2 * X]), np.stack([Y, -Y]), sequence=1, ax=ax)
    predicted = batch.predict(2 * X)
    steps = np.arange(24)
    assert_lines(ax, *((steps, column) for column in (*-Y.T, *predicted.T)))
    assert texts(ax) == ["data 0", "data 1", "prediction 0", "prediction 1"]


def test_states(batch, ax):
    hidden = batch.predict(X, return_states=True)[1]
    plotting.states(batch, X, layer=1, ax=ax)
    assert_lines(ax, *((np.arange(24), unit) for unit in hidden[1].T))
    assert ax.get_ylabel() == "hidden states of layer 1"


def test_arrays_and_models_of_every_backend(place, ax):
    model = fit(place.array(X), place.array(Y))
    plotting.fit(model, place.array(X), place.array(Y), ax=ax)
    assert_lines(ax, *((np.arange(24), column) for column in (*Y.T, *model.predict(X).T)))
    assert len(plotting.states(model, place.array(X)).lines) == 3


def test_loss(wave, ax):
    plotting.loss(wave.history, ax=ax)
    assert_lines(ax, ([1, 2, 3], wave.history.loss))
    assert ax.get_yscale() == "log"
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("epoch", "loss")
    assert texts(ax) == ["training"]


def test_loss_with_validation(ax):
    history = fit(X, Y, validation_data=(X, Y)).history
    plotting.loss(history, ax=ax)
    assert_lines(ax, ([1, 2, 3], history.loss), ([1, 2, 3], history.val_loss))
    assert texts(ax) == ["training", "validation"]


def test_loss_of_a_run_without_an_epoch(ax):
    assert plotting.loss(xprnn.History(), ax=ax) is ax


@pytest.mark.parametrize("truth", [None, [5.0, 6.0]])
def test_forecast(ax, truth):
    plotting.forecast([1.0, 2.0, 3.0], [4.0, 5.0], truth, start=1900, ax=ax)
    past, *others, cut = lines(ax)
    np.testing.assert_array_equal(past, ([1900, 1901, 1902], [1, 2, 3]))
    np.testing.assert_array_equal(others[-1], ([1903, 1904], [4, 5]))
    if truth:
        np.testing.assert_array_equal(others[0], ([1903, 1904], [5, 6]))
    assert list(cut[0]) == [1902.5, 1902.5]
    assert texts(ax) == ["past", *(["truth"] if truth else []), "forecast"]


@pytest.mark.parametrize(
    ("draw", "message"),
    [
        (lambda model: plotting.fit(model, X, Y[:-1]), r"x and y must have the same lengths: "),
        (lambda model: plotting.fit(model, X, sequence=1), r"sequence must be one of the 1 of x, "),
        (lambda model: plotting.fit(model, X, sequence=-1), r"sequence must be .* of x, got -1"),
        (lambda model: plotting.states(model, X, layer=2), r"layer must be one of the 2 recurrent"),
        (lambda model: plotting.fit(model, TIME), r"x must have 2 feature\(s\)"),
        (lambda model: plotting.EveryEpochs(0, X, Y), r"every must be at least 1, got 0"),
    ],
)
def test_bad_input_is_refused_before_a_figure_is_opened(batch, draw, message):
    with pytest.raises(ValueError, match=f"^{message}"):
        draw(batch)
    assert plt.get_fignums() == []


@pytest.mark.parametrize("as_path", [str, lambda path: path], ids=["str", "Path"])
def test_every_epochs_saves_a_picture_every_n_epochs(tmp_path, as_path):
    draw = plotting.EveryEpochs(2, X, Y, path=as_path(tmp_path / "fit-{epoch:03d}.png"))
    model = fit(X, Y, epochs=5, callbacks=[draw])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["fit-002.png", "fit-004.png"]
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in tmp_path.iterdir())
    assert model.history.ended == "completed"
    assert draw.ax.get_title() == f"epoch 4, loss {model.history.loss[3]:.4g}"


def test_every_epochs_draws_the_model_of_its_epoch_on_one_figure():
    seen = []
    draw = plotting.EveryEpochs(1, X, Y)

    def look(training):
        assert_lines(draw.ax, *((np.arange(24), c) for c in (*Y.T, *training.model.predict(X).T)))
        seen.append((draw.ax.get_title().split(",")[0], len(plt.get_fignums())))

    fit(X, Y, callbacks=[draw, look])
    assert seen == [("epoch 1", 1), ("epoch 2", 1), ("epoch 3", 1)]


@pytest.mark.parametrize(
    "draw",
    [
        lambda model: plotting.fit(model, TIME),
        lambda model: plotting.states(model, TIME),
        lambda model: plotting.loss(model.history),
        lambda model: plotting.forecast(TIME, TIME),
        lambda model: plotting.EveryEpochs(1, TIME, TIME),
    ],
    ids=["fit", "states", "loss", "forecast", "EveryEpochs"],
)
def test_without_matplotlib(monkeypatch, wave, draw):
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    with pytest.raises(xprnn.MissingExtraError, match="needs matplotlib: pip install matplotlib"):
        draw(wave)


def test_matplotlib_is_imported_with_the_first_picture():
    code = """if True:
        import sys
        from xprnn import plotting
        before = "matplotlib" in sys.modules
        plotting.forecast([1.0], [2.0])
        print(before, "matplotlib" in sys.modules)
        """
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout == "False True\n"
