"""The loop over epochs: callbacks, files, and the progress bar."""

import os
import time
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any

from xprnn import kernels
from xprnn._fields import flag, show
from xprnn._keywords import suggest_keywords
from xprnn._model import Model
from xprnn._record import History
from xprnn.backend import host
from xprnn.callbacks import EarlyStopping, Training, Writer, progress_bar
from xprnn.training import advice
from xprnn.training.epoch import Position, Run
from xprnn.training.options import Method
from xprnn.training.resume import Callbacks, restore, save
from xprnn.training.setup import Setup
from xprnn.training.watch import Watch


@suggest_keywords
def train(
    setup: Setup,
    callbacks: Iterable[Callable[[Training], Any]] = (),
    *,
    resume: str | os.PathLike[str] | None = None,
    progress: bool | None = None,
) -> Model:
    """Train a setup for its epochs and return the model.

    Parameters
    ----------
    setup : Setup
        The setup that `prepare` returned.
    callbacks, resume, progress
        See `xprnn.fit`.

    Returns
    -------
    Model

    Raises
    ------
    ValueError, TypeError, FileNotFoundError, ModelFileError, NonFiniteError
        As for `xprnn.fit`.
    """
    if not isinstance(setup, Setup):
        raise TypeError(f"setup must be a Setup, as returned by prepare, got {show(setup)}")
    callbacks = _read_callbacks(callbacks, setup.method)
    if progress is not None:
        progress = flag("progress", progress, "True, False or None")
    if not isinstance(resume, str | os.PathLike | None):
        raise TypeError(f"resume must be the path of a file, got {show(resume)}")
    place = setup.place
    with place.active(), kernels.workspace(place.xp) as xp:
        run, history = Run(setup, xp), setup.model.history.until(0)
        position = run.start()
        if resume is not None:
            position, history = restore(resume, run, position, callbacks)
        position = _run_epochs(run, position, history, callbacks, progress)
        return run.model(position, history)


def _read_callbacks(callbacks: Any, method: Method) -> Callbacks:
    """Return the callbacks, including `early_stopping`'s; raise TypeError if one isn't callable."""
    if callable(callbacks) or not isinstance(callbacks, Iterable):
        raise TypeError(f"callbacks must be a sequence of callables, got {callbacks!r}")
    callbacks = tuple(callbacks)
    for callback in callbacks:
        if isinstance(callback, type):
            raise TypeError(
                f"callbacks must hold objects, got the class {callback.__name__}: create an "
                f"object with {callback.__name__}(...)"
            )
        if not callable(callback):
            raise TypeError(f"callbacks must hold callables, got {callback!r}")
    if not method.early_stopping:
        return callbacks
    if any(isinstance(callback, EarlyStopping) for callback in callbacks):
        raise ValueError(
            "early_stopping=True adds an EarlyStopping, but callbacks already hold one; pass "
            "only one of the two, and validation_fraction to hold out data"
        )
    return (*callbacks, EarlyStopping(monitor="val_loss"))


def _run_epochs(
    run: Run, position: Position, history: History, callbacks: Callbacks, progress: bool | None
) -> Position:
    """Run the remaining epochs; return the last position."""
    epochs, writer = run.setup.method.epochs, Writer()
    unwritten: tuple[Path, ...] = ()
    watch, now = Watch(run, position, history), time.perf_counter()
    begin = position
    with progress_bar(progress, epochs) as report:
        try:
            while position.epoch < epochs and history.ended == "running":
                after, measured = run.epoch(position)
                before, now = now, time.perf_counter()
                history.append(measured, now - before)
                position = after
                if watch.due():
                    report(position.epoch, watch.look(position))
                training = Training(
                    epoch=position.epoch,
                    epochs=epochs,
                    history=history,
                    build=partial(run.model, position, history),
                    validates=run.setup.validation is not None,
                    unwritten=unwritten,
                )
                answers = [callback(training) for callback in callbacks]
                if training.factor != 1:
                    watch.look(position)  # a repetition starts after the change of the rate
                    position = position._replace(factor=position.factor * training.factor)
                    watch.last_finite = position
                if any(map(_ends, answers)) and position.epoch < epochs:
                    history.ended = "stopped"
                models = [answer for answer in answers if isinstance(answer, Model)]
                final = position._replace(params=models[0].params) if models else position
                unwritten = ()
                for path in training.files:
                    watch.look(position)
                    with writer.writing(str(path)):
                        save(run, position, run.model(final, history), callbacks, path)
                    if writer.failed:
                        unwritten = (*unwritten, path)
                position = final
        except KeyboardInterrupt:
            history.ended = "interrupted"
        if history.ended == "running":
            history.ended = "completed"
        if len(history):
            report(position.epoch, watch.look(position))
    if position.epoch > begin.epoch and history.ended != "interrupted":
        first = begin.params if begin.epoch == 0 else None
        advice.warn_at_the_end(run, history, first, position)
    return position


def _ends(answer: Any) -> bool:
    """Return whether a callback's return value ends the run."""
    return isinstance(answer, Model) or (isinstance(answer, bool | host.bool) and bool(answer))
