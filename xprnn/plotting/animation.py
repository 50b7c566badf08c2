"""The fit over the epochs, as a moving picture."""

import base64
import html
import io
import json
from collections.abc import Iterator
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from xprnn._fields import number, unknown, whole
from xprnn.callbacks import Training
from xprnn.plotting.canvas import pyplot
from xprnn.plotting.predictions import Fit, draw_fit, read_fit
from xprnn.plotting.training import name_epoch

INCHES, GIF_DPI, PAGE_DPI = (8, 4), 80, 120
COLOURS = 64
"""Of an image; more make files larger, and no picture better."""
PLAYER = """<!DOCTYPE html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>The fit over the epochs</title>
<style>
body {{ font-family: sans-serif; margin: 0.5em; max-width: {width}px }}
img {{ width: 100%; display: block }}
div {{ display: flex; gap: 0.5em; align-items: center; padding: 0.5em 0 }}
input {{ flex: 1 }}
button {{ min-width: 5em; font: inherit }}
</style>
<img alt="">
<div>
<button type="button">Play</button>
<input type="range" min="0" max="{last}" value="0" aria-label="epoch">
</div>
<script>
const frames = {frames};
const titles = {titles};
const [image, button, slider] = ["img", "button", "input"].map(e => document.querySelector(e));
let timer = null;
function show() {{
  image.src = "data:image/png;base64," + frames[slider.value];
  image.alt = "The fit at " + titles[slider.value];
  slider.setAttribute("aria-valuetext", titles[slider.value]);
}}
function stop() {{
  clearInterval(timer);
  timer = null;
  button.textContent = "Play";
}}
button.onclick = () => {{
  if (timer !== null) return stop();
  if (slider.value === slider.max) slider.value = 0;
  button.textContent = "Pause";
  show();
  timer = setInterval(() => {{
    slider.value = Number(slider.value) + 1;
    show();
    if (slider.value === slider.max) stop();
  }}, {milliseconds});
}};
slider.oninput = () => {{ stop(); show(); }};
show();
</script>
</html>
"""


class Animation:
    """A callback that keeps the fit every few epochs, and makes a moving picture of it.

    It keeps the first epoch, every `every` epochs, and the last if the training gets there.
    A notebook that shows an animation plays it.

    Parameters
    ----------
    every : int
        Keep the fit every `every` epochs.
    x, y : array
        What to draw, as for `fit`.

    Raises
    ------
    MissingExtraError
        If matplotlib is not installed.

    See Also
    --------
    EveryEpochs : draws while the training goes on.

    Examples
    --------
    >>> import xprnn
    >>> from xprnn import datasets, plotting
    >>> x, y = datasets.noisy_sine()
    >>> animation = plotting.Animation(2, x, y)
    >>> model = xprnn.fit(x, y, epochs=5, callbacks=[animation])
    >>> animation.epochs
    [1, 2, 4, 5]
    """

    def __init__(self, every: int, x: object, y: object):
        pyplot()  # raises before the training if matplotlib is not installed
        self.every = whole("every", every)
        self.x, self.y = x, y
        self._frames: dict[int, tuple[str, Fit]] = {}

    @property
    def epochs(self) -> list[int]:
        """The epochs that were kept."""
        return list(self._frames)

    def __call__(self, training: Training) -> None:
        """Keep the fit, if it is time."""
        if training.epoch == 1:
            self._frames = {}
        if training.epoch in (1, training.epochs) or training.epoch % self.every == 0:
            fit = read_fit(training.model, self.x, self.y)
            self._frames[training.epoch] = name_epoch(training), fit

    def save(self, path: str | PathLike[str], *, fps: float = 8) -> None:
        """Write the animation to a file.

        Parameters
        ----------
        path : str or Path
            ``.gif`` for a picture that plays again and again, ``.html`` for a page with a
            button and a slider, which needs no network.
        fps : float
            How many epochs it shows in a second.

        Raises
        ------
        ValueError
            If the path has another ending, or no training has been watched yet.
        FileNotFoundError
            If its folder does not exist.

        Examples
        --------
        >>> import os, tempfile
        >>> import xprnn
        >>> from xprnn import datasets, plotting
        >>> x, y = datasets.noisy_sine()
        >>> animation = plotting.Animation(1, x, y)
        >>> model = xprnn.fit(x, y, epochs=2, callbacks=[animation])
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     animation.save(f"{folder}/fit.html")
        ...     os.listdir(folder)
        ['fit.html']
        """
        fps = number("fps", fps, above=0)
        path = Path(path)
        ending = path.suffix.lower()
        if ending not in (".gif", ".html"):
            raise unknown("the ending of an animation", path.suffix, (".gif", ".html"))
        if not path.parent.is_dir():
            raise FileNotFoundError(f"there is no folder {str(path.parent)!r}")
        if ending == ".gif":
            self._write_gif(path, fps)
        else:
            path.write_text(self._make_page(fps), encoding="utf-8")

    def _repr_html_(self) -> str | None:
        """Return the page in a frame of its own, for a notebook."""
        if not self._frames:
            return None
        page, height = html.escape(self._make_page(8)), INCHES[1] * PAGE_DPI + 80
        return (
            f'<iframe title="The fit over the epochs" srcdoc="{page}" '
            f'style="width: 100%; height: {height}px; border: 0"></iframe>'
        )

    def _write_gif(self, path: Path, fps: float) -> None:
        """Write a GIF that rests at its end for two seconds."""
        first, *others = self._draw(GIF_DPI)
        pause = round(1000 / fps)
        durations = [*(pause for _ in others), pause + 2000]
        first.save(
            path, format="GIF", save_all=True, append_images=others, duration=durations, loop=0
        )

    def _make_page(self, fps: float) -> str:
        frames = []
        for image in self._draw(PAGE_DPI):
            file = io.BytesIO()
            image.save(file, format="PNG")
            frames.append(base64.b64encode(file.getvalue()).decode())
        titles = [title for title, _ in self._frames.values()]
        return PLAYER.format(
            width=INCHES[0] * PAGE_DPI, last=len(frames) - 1, milliseconds=round(1000 / fps),
            frames=json.dumps(frames), titles=json.dumps(titles),
        )  # fmt: skip

    def _draw(self, dpi: int) -> Iterator[Any]:
        """Draw one epoch after the other, all on the same scale, as images of Pillow."""
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
        from PIL import Image

        if not self._frames:
            raise ValueError(
                "the animation has no epoch to show: give it to fit, callbacks=[animation], "
                "before it is saved"
            )
        figure = Figure(figsize=INCHES, dpi=dpi, layout="constrained")
        canvas, ax = FigureCanvasAgg(figure), figure.subplots()
        frames = list(self._frames.values())
        edges = [edge for _, fit in frames for edge in _find_range(fit)]
        _draw_frame(ax, *frames[0], edges)
        figure.draw_without_rendering()
        figure.set_layout_engine("none")  # the Axes stay where they are now
        for title, fit in frames:
            _draw_frame(ax, title, fit, edges)
            canvas.draw()
            image = Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB")
            yield image.quantize(COLOURS, dither=Image.Dither.NONE)


def _draw_frame(ax: Any, title: str, fit: Fit, edges: list[float]) -> None:
    """Draw the fit at one epoch, on a scale that has room for all edges."""
    ax.clear()
    ax.update_datalim([(0, min(edges)), (0, max(edges))], updatex=False)
    draw_fit(ax, fit)
    ax.set_title(title)


def _find_range(fit: Fit) -> tuple[float, float]:
    """Return the smallest and the largest number that is drawn."""
    drawn = fit.targets, fit.predicted.middle, fit.predicted.low, fit.predicted.high
    numbers = np.concatenate([np.ravel(part) for part in drawn if part is not None])
    return float(numbers.min()), float(numbers.max())
