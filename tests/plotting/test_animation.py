"""The fit over the epochs: what an animation keeps, and the files that it writes."""

import base64
import html
import io
import json
import re
from html.parser import HTMLParser

import numpy as np
import pytest

import xprnn
from xprnn import plotting
from xprnn.plotting import animation as module
from xprnn.plotting.predictions import draw_fit

plt = pytest.importorskip("matplotlib.pyplot")
Image = pytest.importorskip("PIL.Image")

TIME = np.arange(0, 6, 0.25)
Y = np.sin(TIME)


def watch(every=2, epochs=5, **options):
    """Return an animation of a training, the predictions at its epochs, and the model."""
    animation, seen = plotting.Animation(every, TIME, Y), {}

    def predict(training):
        seen[training.epoch] = training.model.predict(TIME)

    options = {"hidden_size": 3, "epochs": epochs, "callbacks": [animation, predict], **options}
    model = xprnn.fit(TIME, Y, **options)
    return animation, seen, model


@pytest.fixture(scope="module")
def animation():
    return watch()[0]


@pytest.mark.parametrize(
    ("every", "epochs", "kept"),
    [(1, 3, [1, 2, 3]), (2, 5, [1, 2, 4, 5]), (2, 4, [1, 2, 4]), (9, 4, [1, 4]), (1, 1, [1])],
)
def test_the_first_epoch_every_nth_and_the_last(every, epochs, kept):
    assert watch(every, epochs)[0].epochs == kept


def test_each_frame_has_the_model_of_its_epoch_and_only_the_line_moves(monkeypatch):
    """The y-axis of every frame is that of the widest one."""
    animation, predicted, model = watch(1, 4, learning_rate=0.3)
    axes = []
    monkeypatch.setattr(module, "draw_fit", lambda ax, fit: (axes.append(ax), draw_fit(ax, fit)))
    limits, places = set(), set()
    for epoch, _ in zip(animation.epochs, animation._draw(80), strict=True):
        ax = axes[-1]
        data, line = (line.get_ydata() for line in ax.lines)
        np.testing.assert_array_equal(data, Y)
        np.testing.assert_array_equal(line, predicted[epoch])
        loss = model.history.loss[epoch - 1]
        assert ax.get_title() == f"epoch {epoch}, loss {loss:.4g}"
        limits.add(ax.get_ylim())
        places.add(ax.get_position().bounds)
    assert len(axes) == 5  # once for the layout
    ((_, _, width, _),) = places
    assert width > 0.85  # as the layout makes it; matplotlib's default is 0.775
    ((low, high),) = limits
    numbers = np.concatenate([Y, *predicted.values()])
    assert low < numbers.min() < numbers.max() < high


def test_a_new_training_begins_anew():
    animation = plotting.Animation(2, TIME, Y)
    for epochs in (5, 3):
        xprnn.fit(TIME, Y, hidden_size=3, epochs=epochs, callbacks=[animation])
    assert animation.epochs == [1, 2, 3]


def test_a_gif_has_a_frame_for_each_epoch_and_rests_at_its_end(tmp_path, animation):
    animation.save(tmp_path / "fit.gif", fps=5)
    with Image.open(tmp_path / "fit.gif") as image:
        assert image.n_frames == 4
        durations = []
        for frame in range(image.n_frames):
            image.seek(frame)
            durations.append(image.info["duration"])
        assert durations == [200, 200, 200, 2200]
        assert image.info["loop"] == 0


class Parser(HTMLParser):
    """Collects the tags of a page, and what its attributes say."""

    def __init__(self):
        super().__init__()
        self.tags, self.values = [], []

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.values += [value for _, value in attributes]


def test_a_page_holds_all_that_it_needs(tmp_path, animation):
    animation.save(str(tmp_path / "fit.HTML"), fps=4)
    page = (tmp_path / "fit.HTML").read_text(encoding="utf-8")
    frames = json.loads(re.search(r"const frames = (.*);", page)[1])
    titles = json.loads(re.search(r"const titles = (.*);", page)[1])
    assert [title.split(",")[0] for title in titles] == [f"epoch {e}" for e in (1, 2, 4, 5)]
    for frame in frames:
        with Image.open(io.BytesIO(base64.b64decode(frame))) as image:
            assert image.size == (960, 480)
    assert len(set(frames)) == len(titles)
    assert "}, 250);" in page
    assert not re.search(r"https?:|src=|@import|url\(", page)
    parser = Parser()
    parser.feed(page)
    assert {"img", "button", "input", "script"} <= set(parser.tags)
    assert "3" in parser.values  # the last place of the slider


def test_a_notebook_shows_the_page(animation):
    shown = animation._repr_html_()
    (page,) = re.findall(r'srcdoc="([^"]*)"', shown)
    assert html.unescape(page) == animation._make_page(8)
    assert plotting.Animation(1, TIME, Y)._repr_html_() is None


@pytest.mark.parametrize(
    ("path", "error", "message"),
    [
        ("fit.mp4", ValueError, "the ending of an animation must be one of '.gif', '.html', got"),
        ("fit", ValueError, "the ending of an animation must be one of '.gif', '.html', got ''"),
        ("no/fit.gif", FileNotFoundError, "there is no folder 'no'"),
    ],
)
def test_a_path_that_cannot_be_written_is_refused(animation, path, error, message):
    with pytest.raises(error, match=f"^{message}"):
        animation.save(path)


@pytest.mark.parametrize("name", ["fit.gif", "fit.html"])
def test_an_animation_without_a_training_is_refused(tmp_path, name):
    with pytest.raises(ValueError, match=r"^the animation has no epochs to show: pass it to fit"):
        plotting.Animation(1, TIME, Y).save(tmp_path / name)
    assert list(tmp_path.iterdir()) == []


def test_bad_arguments_are_refused(tmp_path, animation):
    with pytest.raises(ValueError, match=r"^every must be at least 1, got 0"):
        plotting.Animation(0, TIME, Y)
    with pytest.raises(ValueError, match=r"^fps must be a finite number above 0"):
        animation.save(tmp_path / "fit.gif", fps=0)
    with pytest.raises(ValueError, match=r"^x and y must have the same lengths"):
        xprnn.fit(TIME, Y, epochs=9, callbacks=[plotting.Animation(5, TIME, Y[1:])])
