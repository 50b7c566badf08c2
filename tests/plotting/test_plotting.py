"""Pictures: what is drawn, on which axes, and where matplotlib is missing."""

import dataclasses
import io
import subprocess
import sys
import types

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
        lambda model, **ax: plotting.gradients(model, TIME, TIME, **ax),
        lambda model, **ax: plotting.singular_values(model, TIME, **ax),
        lambda model, **ax: plotting.eigenvalues(model, **ax),
    ],
    ids=["fit", "states", "loss", "forecast", "gradients", "singular_values", "eigenvalues"],
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
        (
            lambda model: plotting.heatmap(model, X, layer=2),
            r"layer must be one of the 2 recurrent",
        ),
        (lambda model: plotting.eigenvalues(model, layer=2), r"layer must be one of the 2"),
        (lambda model: plotting.gates(model, X), r"gates draws gates, and the cell of layer 0 "),
        (lambda model: plotting.states(model, X, units=[3]), r"units must be one of the 3 units"),
        (lambda model: plotting.states(model, X, units=[]), r"units must name at least one unit"),
        (lambda model: plotting.forecast(X, TIME), r"past must have one feature, got 2"),
        (lambda model: plotting.forecast(TIME, [1.0], TIME), r"truth must have the 1 step"),
        (
            lambda model: plotting.forecast(TIME, [1.0], interval=([2.0], [1.0])),
            r"interval must be \(low, high\), got a low value above its high value",
        ),
        (
            lambda model: plotting.fit(model, X, interval=(Y, Y[:-1])),
            r"interval must be two arrays of shape \(24, 2\), as the predictions, got ",
        ),
        (
            lambda model: plotting.fit(model, X, TIME),
            r"y must have the \(T, O\) of the predictions, \(24, 2\), got \(24, 1\)",
        ),
        (lambda model: plotting.fit(model, X, sequence=-1), r"sequence must be at least 0, got -1"),
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


@pytest.mark.parametrize(
    ("path", "error", "message"),
    [
        ("no/fit-{epoch}.png", FileNotFoundError, "there is no folder 'no'"),
        ("fit-{epoch}.docx", ValueError, "the ending of a picture must be one of .*, got '.docx'"),
        (
            "fit-{epok}.png",
            ValueError,
            "path may have a placeholder for the epoch, such as {ep",
        ),
        ("fit-{}.png", ValueError, "path may have a placeholder for the epoch"),
        ("fit-{epoch:x y}.png", ValueError, "path may have a placeholder for the epoch"),
    ],
)
def test_a_path_that_cannot_be_written_is_refused_before_the_training(path, error, message):
    with pytest.raises(error, match=f"^{message}"):
        plotting.EveryEpochs(50, X, Y, path=path)
    assert plt.get_fignums() == []


def test_data_that_cannot_be_drawn_are_refused_in_the_first_epoch():
    seen = []
    draw = plotting.EveryEpochs(50, TIME, Y)
    with pytest.raises(ValueError, match=r"^x must have 2 feature\(s\)"):
        fit(X, Y, epochs=60, callbacks=[lambda training: seen.append(training.epoch), draw])
    assert seen == [1]


def test_a_picture_that_cannot_be_written_ends_no_training(tmp_path):
    folder = tmp_path / "pictures"
    folder.mkdir()
    draw = plotting.EveryEpochs(1, X, Y, path=folder / "{epoch}.png")
    gone = [lambda training: folder.rmdir() if training.epoch == 1 else None, draw]
    with pytest.warns(
        RuntimeWarning, match=r"1.png could not be written, and the training"
    ) as seen:
        assert len(fit(X, Y, callbacks=gone).history) == 3
    assert len(seen) == 1


def test_every_epochs_draws_the_model_of_its_epoch_on_one_figure():
    seen = []
    draw = plotting.EveryEpochs(1, X, Y)

    def look(training):
        assert_lines(draw.ax, *((np.arange(24), c) for c in (*Y.T, *training.model.predict(X).T)))
        seen.append((draw.ax.get_title().split(",")[0], len(plt.get_fignums())))

    fit(X, Y, callbacks=[draw, look])
    assert seen == [("epoch 1", 1), ("epoch 2", 1), ("epoch 3", 1)]


class Page:
    """A stand-in for IPython, which shows figures on the page of a notebook."""

    def __init__(self, monkeypatch, kernel=True, backend="module://matplotlib_inline.backend"):
        self.places = []
        display = types.SimpleNamespace(display=self.display)
        shell = types.SimpleNamespace(**({"kernel": "one"} if kernel else {}))
        ipython = types.SimpleNamespace(get_ipython=lambda: shell, display=display)
        monkeypatch.setitem(sys.modules, "IPython", ipython)
        monkeypatch.setitem(sys.modules, "IPython.display", display)
        monkeypatch.setattr(plt, "get_backend", lambda: backend)

    def display(self, figure, display_id):
        assert display_id
        place = []
        self.places.append(place)
        place.append(figure.axes[0].get_title())
        return types.SimpleNamespace(update=lambda new: place.append(new.axes[0].get_title()))


def test_every_epochs_shows_the_newest_picture_in_one_place_of_a_notebook(monkeypatch):
    page = Page(monkeypatch)
    draw = plotting.EveryEpochs(2, X, Y)
    for _ in range(2):  # a cell that is run again has a place of its own
        fit(X, Y, epochs=5, callbacks=[draw])
    epochs = [[title.split(",")[0] for title in place] for place in page.places]
    assert epochs == [["epoch 2", "epoch 4"]] * 2
    assert plt.get_fignums() == []  # else the page shows the last one again


@pytest.mark.parametrize("where", [{"kernel": False}, {"backend": "agg"}], ids=str)
def test_every_epochs_shows_no_picture_on_a_page_elsewhere(monkeypatch, where):
    page = Page(monkeypatch, **where)
    fit(X, Y, callbacks=[plotting.EveryEpochs(1, X, Y)])
    assert page.places == []


def test_every_epochs_with_a_path_shows_nothing(monkeypatch, tmp_path):
    page = Page(monkeypatch)
    fit(X, Y, callbacks=[plotting.EveryEpochs(3, X, Y, tmp_path / "{epoch}.png")])
    assert page.places == []
    assert [path.name for path in tmp_path.iterdir()] == ["3.png"]


@pytest.mark.parametrize(
    "draw",
    [
        lambda model: plotting.fit(model, TIME),
        lambda model: plotting.states(model, TIME),
        lambda model: plotting.loss(model.history),
        lambda model: plotting.forecast(TIME, TIME),
        lambda model: plotting.heatmap(model, TIME),
        lambda model: plotting.gradients(model, TIME, TIME),
        lambda model: plotting.singular_values(model, TIME),
        lambda model: plotting.eigenvalues(model),
        lambda model: plotting.EveryEpochs(1, TIME, TIME),
        lambda model: plotting.Animation(1, TIME, TIME),
    ],
    ids=[
        "fit",
        "states",
        "loss",
        "forecast",
        "heatmap",
        "gradients",
        "singular_values",
        "eigenvalues",
        "EveryEpochs",
        "Animation",
    ],
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


def band_of(ax):
    """Return the edges of the only band, (x, low, high)."""
    (band,) = ax.collections
    points = band.get_paths()[0].vertices
    steps = np.unique(points[:, 0])
    edges = [points[points[:, 0] == step, 1] for step in steps]
    return steps, np.array([e.min() for e in edges]), np.array([e.max() for e in edges])


def test_a_list_is_drawn_without_its_padding(ax):
    words = [X[:5], X[:9], X[:3]]
    model = fit(words, [Y[:5], Y[:9], Y[:3]])
    plotting.fit(model, words, [Y[:5], Y[:9], Y[:3]], sequence=2, ax=ax)
    steps = np.arange(3)
    assert_lines(ax, *((steps, c) for c in (*Y[:3].T, *model.predict(words)[2].T)))
    assert len(plotting.states(model, words, sequence=0).lines[0].get_xdata()) == 5


def test_fit_of_rows_without_an_axis_of_outputs(ax):
    x, y = np.stack([X, 2 * X]), np.stack([Y[:, 0], -Y[:, 0]])
    model = fit(x, y, mode="many_to_many")
    plotting.fit(model, x, y, sequence=1, ax=ax)
    assert_lines(ax, (np.arange(24), y[1]), (np.arange(24), model.predict(x)[1]))


def test_fit_with_an_interval_that_is_given(wave, ax):
    y_hat = wave.predict(TIME)
    plotting.fit(wave, TIME, interval=(y_hat - 1, y_hat + 2), ax=ax)
    for found, wanted in zip(band_of(ax), (TIME, y_hat - 1, y_hat + 2), strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-12)
    assert texts(ax) == ["prediction", "interval"]


def test_fit_of_quantiles_in_any_order(ax):
    model = fit(X, Y[:, 0], loss=xprnn.losses.Pinball((0.9, 0.5, 0.1)))
    plotting.fit(model, X, ax=ax)
    high, middle, low = model.predict(X).T
    assert_lines(ax, (np.arange(24), middle))
    _, lowest, highest = band_of(ax)
    np.testing.assert_allclose(lowest, np.minimum(low, high), rtol=1e-12)
    np.testing.assert_allclose(highest, np.maximum(low, high), rtol=1e-12)
    assert texts(ax) == ["median", "10 % to 90 %"]


def test_fit_of_one_quantile_has_no_interval(ax):
    plotting.fit(fit(X, Y[:, 0], loss=xprnn.losses.Pinball((0.3,))), X, ax=ax)
    assert texts(ax) == ["30 % quantile"]
    assert not ax.collections


def test_fit_of_a_gaussian(ax):
    model = fit(X, Y[:, 0], loss="gaussian_nll")
    plotting.fit(model, X, ax=ax)
    mean, log_variance = model.predict(X).T
    assert_lines(ax, (np.arange(24), mean))
    _, low, high = band_of(ax)
    np.testing.assert_allclose(high - low, 2 * 1.96 * np.sqrt(np.exp(log_variance)), rtol=1e-9)


def test_what_an_encoder_decoder_writes_stands_after_x(ax):
    past, future = np.stack([X, X])[:, :20], np.stack([Y, 2 * Y])[:, 20:]
    model = fit(past, future, mode="encoder_decoder")
    plotting.fit(model, past, future, sequence=1, ax=ax)
    steps = np.arange(20, 24)
    wanted = (*future[1].T, *model.predict(past)[1].T)
    assert_lines(ax, *((steps, column) for column in wanted))


def test_fit_of_one_to_many(ax):
    first, y = np.stack([X[0], X[5], X[9]]), np.stack([Y, 2 * Y, 3 * Y])
    model = fit(first, y)
    plotting.fit(model, first, y, sequence=1, ax=ax)
    wanted = (*y[1].T, *model.predict(first)[1].T)
    assert_lines(ax, *((np.arange(24), column) for column in wanted))
    assert len(plotting.states(model, first, sequence=2).lines) == 3


@pytest.mark.parametrize(
    ("y", "options", "message"),
    [
        ([0.0, 1.0], {}, "this model has one for a whole sequence"),
        (np.ones((2, 24, 1), int), {"loss": "cross_entropy"}, "this model predicts classes"),
    ],
)
def test_fit_refuses_what_it_cannot_draw(y, options, message):
    x = np.stack([X, X])
    y = y if isinstance(y, list) else y * (np.arange(24) % 2)[:, None]
    with pytest.raises(ValueError, match=message):
        plotting.fit(fit(x, y, **options), x)
    assert plt.get_fignums() == []


def test_some_states_over_the_data(batch, ax):
    hidden = batch.predict(X, return_states=True)[1][0]
    plotting.states(batch, X, Y, units=[2, 0], ax=ax)
    assert_lines(ax, *((np.arange(24), hidden[:, unit]) for unit in (2, 0)))
    assert texts(ax) == ["data 0", "data 1", "unit 2", "unit 0"]
    (behind,) = [other for other in ax.figure.axes if other is not ax]
    assert_lines(behind, *((np.arange(24), column) for column in Y.T))
    assert behind.get_ylabel() == "data"


def test_heatmap(batch, ax):
    hidden = batch.predict(X, return_states=True)[1][1]
    plotting.heatmap(batch, X, layer=1, ax=ax)
    (colours,) = ax.collections
    np.testing.assert_array_equal(colours.get_array(), hidden.T)
    assert colours.get_clim() == (-np.abs(hidden).max(), np.abs(hidden).max())
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("step", "unit of layer 1")


def test_loss_with_the_learning_rate(ax):
    history = fit(X, Y, learning_rate=xprnn.schedules.Cosine(0.1, steps=4)).history
    plotting.loss(history, learning_rate=True, ax=ax)
    (right,) = [other for other in ax.figure.axes if other is not ax]
    assert_lines(right, ([1, 2, 3], history.learning_rate))
    assert texts(ax) == ["training", "learning rate"]


def test_a_loss_below_zero_has_a_linear_axis(ax):
    x = np.tile(X, (3, 1))
    history = fit(x, np.zeros(len(x)), loss="gaussian_nll", epochs=60, learning_rate=0.1).history
    assert min(history.loss) < 0
    assert plotting.loss(history, ax=ax).get_yscale() == "linear"


def test_loss_of_something_else_is_refused(wave):
    with pytest.raises(TypeError, match=r"history must be a History, such as model\.history, got"):
        plotting.loss(wave)


@pytest.fixture(scope="module")
def lstm():
    return fit(np.stack([X, 2 * X]), np.stack([Y, Y]), cell="lstm", num_layers=2)


LSTM_GATES = ["input", "forget", "candidate", "output"]


def test_gates_of_a_unit(lstm):
    axes = plt.subplots(2, 2)[1]
    drawn = plotting.gates(lstm, np.stack([X, 2 * X]), layer=1, unit=2, sequence=1, axes=axes)
    assert list(drawn) == list(axes.flat)
    assert len(plt.get_fignums()) == 1
    seen = lstm.trace(2 * X)[1]
    for ax, name in zip(drawn, LSTM_GATES, strict=True):
        assert_lines(ax, (np.arange(24), seen[name][:, 2]))
        assert ax.get_ylabel() == name
    assert [ax.get_xlabel() for ax in drawn] == ["", "", "step", "step"]
    assert axes[0, 0].get_title() == "gates of layer 1: unit 2"


def test_gates_of_all_units(lstm):
    axes = plotting.gates(lstm, X)
    seen = lstm.trace(X)[0]
    for ax, name in zip(axes, LSTM_GATES, strict=True):
        assert_lines(ax, (np.arange(24), seen[name].mean(axis=1)))
        steps, low, high = band_of(ax)
        np.testing.assert_array_equal(steps, np.arange(24))
        np.testing.assert_allclose([low, high], np.quantile(seen[name], [0.1, 0.9], axis=1))
    (figure,) = {ax.figure for ax in axes}
    assert figure.axes == list(axes)
    assert axes[0].get_shared_x_axes().joined(axes[0], axes[3])
    assert [ax.get_xlabel() for ax in axes] == ["", "", "", "step"]


def test_the_gates_show_their_whole_range(lstm):
    """All from 0, closed, to 1, open, and of the candidate from -1; else what there is."""
    for ax, name in zip(plotting.gates(lstm, X), LSTM_GATES, strict=True):
        least = -1 if name == "candidate" else 0
        assert list(ax.get_yticks()) == [least, (least + 1) / 2, 1]
        low, high = ax.get_ylim()
        assert -0.1 < low - least < 0 < high - 1 < 0.1
    wide = fit(X, 20 * Y, cell=xprnn.cells.LSTM(activation="relu"), hidden_size=8, epochs=30)
    seen = wide.trace(4 * X)[0]["candidate"]
    assert seen.max() > 1
    drawn = plotting.gates(wide, 4 * X, unit=int(seen.max(axis=0).argmax()))[2]
    assert drawn.get_ylim()[1] >= seen.max()


def test_gates_need_axes_for_each(lstm):
    with pytest.raises(ValueError, match=r"^axes must be 4 Axes, one for each of input, .*, got 1"):
        plotting.gates(lstm, X, axes=plt.figure().subplots())


def test_gates_of_a_decoder():
    past, future = np.stack([X, X])[:, :20], np.stack([Y, 2 * Y])[:, 20:]
    model = fit(past, future, mode="encoder_decoder", cell="gru")
    axes = plotting.gates(model, past, layer=1)
    assert [len(ax.lines[0].get_xdata()) for ax in axes] == [4, 4, 4]


def test_gradients_are_those_of_the_standardised_loss(lstm, ax):
    plotting.gradients(lstm, np.stack([X, 2 * X]), np.stack([Y, -Y]), sequence=1, ax=ax)
    x, y = lstm.x_scaler.apply(2 * X), lstm.y_scaler.apply(-Y)
    wanted = xprnn.gradients.through_time(
        lstm.network, lstm.loss, lstm.params, x[:, None], y[:, None], xp=np
    )
    assert_lines(ax, *((np.arange(24), norm[:, 0]) for norm in wanted))
    assert texts(ax) == ["h of layer 0", "c of layer 0", "h of layer 1", "c of layer 1"]
    assert ax.get_ylabel() == "‖∂L/∂state(t)‖"


def test_gradients_of_one_label_for_a_sequence(ax):
    x = np.stack([X, -X, 2 * X])
    model = fit(x, [0, 1, 0], loss="cross_entropy")
    plotting.gradients(model, x, [0, 1, 0], sequence=1, ax=ax)
    assert (ax.lines[0].get_ydata() > 0).all()
    assert ax.get_ylabel() == "‖∂L/∂h(t)‖"


def test_singular_values(wave, ax):
    plotting.singular_values(wave, TIME, ax=ax)
    scaled = wave.x_scaler.apply(TIME[:, None, None])
    jacobians = xprnn.gradients.state_jacobians(wave.network, wave.params, scaled, xp=np)
    wanted = np.linalg.svd(jacobians[:, 0], compute_uv=False)
    *others, largest = (line.get_ydata() for line in ax.lines)
    np.testing.assert_allclose(largest, wanted[:, 0], rtol=1e-9)
    assert len(others) == 2
    drawn = np.stack(others, axis=-1)
    kept = np.isfinite(drawn)
    np.testing.assert_allclose(drawn[kept], wanted[:, 1:][kept], rtol=1e-2)
    assert (wanted[:, 1:][~kept] < 1e-14 * np.repeat(wanted[:, :1], 2, axis=1)[~kept]).all()
    assert ax.get_ylabel() == "singular values of ∂h(T)/∂h(t)"


def test_eigenvalues_of_every_gate(lstm, ax):
    plotting.eigenvalues(lstm, layer=1, ax=ax)
    circle, *blocks = lines(ax)
    np.testing.assert_allclose(np.hypot(*circle), 1, rtol=1e-12)
    for (real, imaginary), U in zip(blocks, np.split(lstm.named()["1.U"], 4, axis=1), strict=True):
        found = np.array(real) + 1j * np.array(imaginary)
        for value in found:  # each makes U - λ I singular
            assert abs(np.linalg.det(U - value * np.eye(3))) < 1e-12
        assert found.sum() == pytest.approx(np.trace(U))
    assert texts(ax) == ["input", "forget", "candidate", "output"]
    assert ax.get_aspect() == 1


def test_eigenvalues_of_each_direction(ax):
    model = fit(X, Y, bidirectional=True)
    for layer, name in enumerate(("0.0.U", "0.1.U")):
        ax.clear()
        plotting.eigenvalues(model, layer=layer, ax=ax)
        real = ax.lines[1].get_xdata()
        assert sum(real) == pytest.approx(np.trace(model.named()[name]))


def test_a_network_that_sees_sequences_whole_has_no_gradients_through_time():
    model = fit(X, Y, bidirectional=True)
    for draw in (
        lambda: plotting.gradients(model, X, Y),
        lambda: plotting.singular_values(model, X),
    ):
        with pytest.raises(ValueError, match="cuts sequences in time"):
            draw()
    assert plt.get_fignums() == []


@pytest.mark.parametrize("cell", ["elman", "lstm", "gru"])
def test_every_picture_of_models_on_every_backend(place, cell):
    x, y = place.array(X), place.array(Y)
    model, on_host = fit(x, y, cell=cell), fit(X, Y, cell=cell)
    draws = [
        lambda m, x, y: plotting.states(m, x, y),
        lambda m, x, y: plotting.gradients(m, x, y),
        lambda m, x, y: plotting.singular_values(m, x),
        lambda m, x, y: plotting.eigenvalues(m),
        lambda m, x, y: plotting.loss(m.history, learning_rate=True),
        lambda m, x, y: plotting.fit(m, x, y, interval=(place.array(Y - 1), y)),
    ]
    if cell != "elman":
        draws.append(lambda m, x, y: plotting.gates(m, x)[1])
    for draw in draws[:5] + draws[6:]:
        here, there = draw(on_host, X, Y), draw(model, x, y)
        for one, other in zip(here.lines, there.lines, strict=True):
            np.testing.assert_allclose(one.get_ydata(), other.get_ydata(), rtol=1e-3, atol=1e-9)
    assert plotting.heatmap(model, x).collections
    assert draws[5](model, x, y).collections


def test_singular_values_below_rounding_are_not_drawn(wave, ax):
    recurrent, dense = wave.params
    faded = dataclasses.replace(wave, params=({**recurrent, "U": np.diag([0.9, 0.1, 0.01])}, dense))
    plotting.singular_values(faded, TIME, ax=ax)
    second, third, largest = (line.get_ydata() for line in ax.lines)
    assert np.isfinite(largest).all()
    for values in (second, third):
        assert np.isnan(values[0])
        assert values[-1] > 0
        assert (values[np.isfinite(values)] > 2e-16 * largest[np.isfinite(values)]).all()


def test_a_legend_needs_something_to_name():
    with pytest.raises(ValueError, match="ax must have an artist with a label"):
        plotting.draw_legend(plt.figure().subplots())


def test_a_legend_covers_no_line_and_takes_its_room_once():
    """On Axes of any scale, and with lines that are added later."""
    for scale in ("linear", "log"):
        ax = plt.figure(figsize=(4, 4)).subplots()
        ax.plot([1, 2], [1, 10], label="a")
        ax.set_yscale(scale)
        top = ax.get_ylim()[1]
        plotting.draw_legend(ax)
        room = ax.get_ylim()[1]
        ax.figure.canvas.draw()
        bottom = ax.get_legend().get_window_extent().y0
        assert top < room
        assert ax.transData.transform((1, 10))[1] < bottom
        ax.axhline(2, label="b")
        plotting.draw_legend(ax)
        assert ax.get_ylim()[1] == room
        assert len(ax.get_legend().get_texts()) == 2
