"""The loop over epochs, and what callbacks have to say in it."""

import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from xprnn._record import History
from xprnn._typing import Tree
from xprnn._validate import warn
from xprnn.backend import host, to_host
from xprnn.callbacks import Training, progress_bar
from xprnn.callbacks.writing import Writer
from xprnn.model import Model
from xprnn.run import Position, Run, Watch
from xprnn.training.resume import save

__all__ = ["train"]

TENTH, TWICE = 0.1, 1.0
"""A loss counts as worse if it rose by more than this part of itself: if it is also worse than a
constant, or where no constant is known."""


def train(
    run: Run,
    position: Position,
    epochs: int,
    callbacks: tuple[Callable[[Training], Any], ...],
    progress: bool | None,
    history: History,
    build: Callable[[Position], Model],
) -> Position:
    """Go through the epochs that are left; return where the run ended."""
    writer = Writer()
    unwritten: tuple[Path, ...] = ()
    watch, now = Watch(run, position, history, build), time.perf_counter()
    begins_at, first = position.epoch, position.params if position.epoch == 0 else None
    with progress_bar(progress, epochs) as report:
        try:
            while position.epoch < epochs and history.ended == "running":
                after, measured = run.epoch(position)
                began, now = now, time.perf_counter()
                history.append(measured, now - began)
                position = after
                if watch.due():
                    report(position.epoch, watch.look(position))
                training = Training(
                    position.epoch,
                    epochs,
                    history,
                    partial(build, position),
                    run.validation is not None,
                    unwritten,
                )
                answers = [callback(training) for callback in callbacks]
                if training.factor != 1:
                    watch.look(position)  # what is repeated begins after the change
                    position = position._replace(factor=position.factor * training.factor)
                    watch.good = position
                if any(map(_ends, answers)) and position.epoch < epochs:
                    history.ended = "stopped"
                chosen = [answer for answer in answers if isinstance(answer, Model)]
                final = position._replace(params=chosen[0].params) if chosen else position
                unwritten = ()
                for path in training.files:
                    watch.look(position)
                    with writer.writing(str(path)):
                        save(run, position, build(final), callbacks, path)
                    if writer.failed:
                        unwritten = (*unwritten, path)
                position = final
        except KeyboardInterrupt:
            history.ended = "interrupted"
        if history.ended == "running":
            history.ended = "completed"
        if len(history):
            report(position.epoch, watch.look(position))
    if position.epoch > begins_at and history.ended != "interrupted":
        _warn_if_worse(run, history, build(position).outputs, first, position.params)
    return position


def _warn_if_worse(run: Run, history: History, outputs: int, start: Tree | None, end: Tree) -> None:
    """Warn if the last parameters are worse than the first ones and than a constant output.

    They are compared on all training data, without dropout. The first parameters of a
    resumed run are gone; the first loss in its history stands for them. If no loss in the
    history rose, nothing is compared.
    """

    def of_each(value: Any) -> Any:
        return to_host(value).reshape(-1)

    curves = [each.loss for each in history.alone()]
    if not any(max(curve) > _more(curve[0], TENTH) for curve in curves):
        return
    if start is None:
        before = host.asarray([curve[0] for curve in curves])
    else:
        before = of_each(run.measure(start, run.data).in_units)
    measured, constant = run.measure(end, run.data), run.without_learning(outputs)
    after = of_each(measured.in_units)
    if constant is None:
        worse = after > _more(before, TWICE)
    else:
        worse = (after > _more(before, TENTH)) & (of_each(measured.minimised) > float(constant))
    if worse.any():
        better = "" if constant is None else ", and a constant output would do better"
        warn(
            f"the training took the loss from {before[worse].max():.4g} to "
            f"{after[worse].max():.4g}{better}: try a smaller learning_rate"
        )


def _more(loss: Any, share: float) -> Any:
    """Return the loss above which another one counts as worse."""
    return loss + share * abs(loss)


def _ends(answer: Any) -> bool:
    """Whether a callback's answer ends the run."""
    return isinstance(answer, Model) or (isinstance(answer, bool | host.bool) and bool(answer))
