"""The loop over epochs, and what callbacks have to say in it."""

import time
import warnings
from collections.abc import Callable
from functools import partial
from typing import Any

from xprnn.backend import host
from xprnn.callbacks import Training, progress_bar
from xprnn.history import History
from xprnn.model import Model
from xprnn.run import Position, Run, Watch
from xprnn.training.resume import save

__all__ = ["train"]

TENTH = 0.1
"""By how much of itself the loss must have risen: dropout and batches move it too."""


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
    watch, now = Watch(run, position, history, build), time.perf_counter()
    begins_at, ends_with = position.epoch, None
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
                ends_with = len(chosen[0].history) if chosen else None
                for path in training.files:
                    watch.look(position)
                    save(run, position, build(final), callbacks, path)
                position = final
        except KeyboardInterrupt:
            history.ended = "interrupted"
        if history.ended == "running":
            history.ended = "completed"
        if len(history):
            report(position.epoch, watch.look(position))
    if position.epoch > begins_at and history.ended != "interrupted":
        _warn_if_worse(run, history, build(position).outputs, ends_with)
    return position


def _warn_if_worse(run: Run, history: History, outputs: int, ends_with: int | None) -> None:
    """Warn if a training ends worse than it began, and worse than a constant would be.

    The loss of an epoch is measured before its updates: that of the parameters after epoch
    n, with which the training may end, is in epoch n + 1.
    """
    for each in history.alone():
        end = len(each) - 1 if ends_with is None else min(ends_with, len(each) - 1)
        first, last = each.value("loss", 0), each.value("loss", end)
        if not last.in_units > first.in_units + TENTH * abs(first.in_units):
            continue
        constant = run.without_learning(outputs)
        if constant is None or last.minimised > float(constant):
            warnings.warn(
                f"the training ended with a loss of {last.in_units:.4g}, where its first epoch "
                f"had {first.in_units:.4g}"
                + ("" if constant is None else ", and a constant output would do better")
                + ": try a smaller learning_rate",
                UserWarning,
                stacklevel=4,
            )


def _ends(answer: Any) -> bool:
    """Whether a callback's answer ends the run."""
    return isinstance(answer, Model) or (isinstance(answer, bool | host.bool) and bool(answer))
