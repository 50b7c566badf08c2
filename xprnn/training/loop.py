"""The loop over epochs, and what callbacks have to say in it."""

import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from xprnn.backend import host
from xprnn.callbacks import Training, progress_bar
from xprnn.callbacks.writing import Writer
from xprnn.history import History
from xprnn.model import Model
from xprnn.run import Position, Run, Watch
from xprnn.training.resume import save

__all__ = ["train"]


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
                final = position._replace(params=chosen[0].weights) if chosen else position
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
    return position


def _ends(answer: Any) -> bool:
    """Whether a callback's answer ends the run."""
    return isinstance(answer, Model) or (isinstance(answer, bool | host.bool) and bool(answer))
