"""The fit over the epochs, as an animation."""

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
"""The number of colours in an image; more make larger files, not better pictures."""
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
    """A callback that records the fit every few epochs, and turns it into an animation.

    It records the first epoch, every `every` epochs, and the last epoch if training reaches it. A
    notebook plays an animation that it shows.

    Parameters
    ----------
    every : int
        The number of epochs between frames.
    x, y : array
        The data to draw, as for `xprnn.plotting.fit`.

    Raises
    ------
    MissingExtraError
        If matplotlib is not installed.

    See Also
    --------
    EveryEpochs : Draws during the training.

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
        pyplot()  # raise before the training if matplotlib is not installed
        self.every = whole("every", every)
        self.x, self.y = x, y
        self._frames: dict[int, tuple[str, Fit]] = {}

    @property
    def epochs(self) -> list[int]:
        """The epochs that were recorded."""
        return list(self._frames)

    def __call__(self, training: Training) -> None:
        """Record the fit if a frame is due."""
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
            The file: ``.gif`` for a picture that loops, ``.html`` for a page with a button and a
            slider, which needs no network access.
        fps : float
            The number of frames per second.

        Raises
        ------
        ValueError
            If the path has another extension, or no epoch has been recorded yet.
        FileNotFoundError
            If the folder of the path does not exist.

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
        """Return the page in an iframe, for a notebook."""
        if not self._frames:
            return None
        page, height = html.escape(self._make_page(8)), INCHES[1] * PAGE_DPI + 80
        return (
            f'<iframe title="The fit over the epochs" srcdoc="{page}" '
            f'style="width: 100%; height: {height}px; border: 0"></iframe>'
        )

    def _write_gif(self, path: Path, fps: float) -> None:
        """Write a GIF that pauses at its end for two seconds."""
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
        """Draw the epochs one by one, all on the same scale, as Pillow images."""
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
        from PIL import Image

        if not self._frames:
            raise ValueError(
                "the animation has no epochs to show: pass it to fit as callbacks=[animation] "
                "before saving it"
            )
        figure = Figure(figsize=INCHES, dpi=dpi, layout="constrained")
        canvas, ax = FigureCanvasAgg(figure), figure.subplots()
        frames = list(self._frames.values())
        edges = [edge for _, fit in frames for edge in _find_range(fit)]
        _draw_frame(ax, *frames[0], edges)
        figure.draw_without_rendering()
        figure.set_layout_engine("none")  # fix the position of the Axes
        for title, fit in frames:
            _draw_frame(ax, title, fit, edges)
            canvas.draw()
            image = Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB")
            yield image.quantize(COLOURS, dither=Image.Dither.NONE)


def _draw_frame(ax: Any, title: str, fit: Fit, edges: list[float]) -> None:
    """Draw the fit at one epoch, on a scale with room for all edges."""
    ax.clear()
    ax.update_datalim([(0, min(edges)), (0, max(edges))], updatex=False)
    draw_fit(ax, fit)
    ax.set_title(title)


def _find_range(fit: Fit) -> tuple[float, float]:
    """Return the smallest and the largest value that is drawn."""
    drawn = fit.targets, fit.predicted.middle, fit.predicted.low, fit.predicted.high
    numbers = np.concatenate([np.ravel(part) for part in drawn if part is not None])
    return float(numbers.min()), float(numbers.max())
