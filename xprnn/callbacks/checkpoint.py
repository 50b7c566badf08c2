"""Save checkpoints of a run during training."""

import os
from pathlib import Path

from xprnn import serialization
from xprnn._fields import flag, whole
from xprnn._model import Model
from xprnn._typing import Tree
from xprnn.callbacks.monitor import NOTHING, Monitor
from xprnn.callbacks.training import Training


class Checkpoint:
    """A callback that saves the run every few epochs, or whenever its loss is the best so far.

    If a file can't be written, for example because the disk is full, there is a warning, the
    training continues, and the older file stays.

    `xprnn.load` reads such a file as a model, and ``fit(resume=path)`` continues from it.

    Parameters
    ----------
    path : str or path
        The file, with the extension ``.npz`` or ``.safetensors``. ``{epoch}`` in the path is
        replaced by the epoch number, so that no file replaces another.
    every : int
        The number of epochs between files. The last epoch is always saved.
    best_only : bool
        Whether to save only if the monitored loss, on the standardised y, is the best so far.
    monitor : {"val_loss", "loss"}, optional
        The loss to monitor; by default the validation loss if there is one.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> import xprnn
    >>> x = np.linspace(0, 1, 20)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     keep = xprnn.callbacks.Checkpoint(f"{folder}/run.npz", every=10)
    ...     model = xprnn.fit(x, x**2, epochs=20, callbacks=[keep])
    ...     longer = xprnn.fit(x, x**2, epochs=30, resume=f"{folder}/run.npz")
    >>> len(longer.history)
    30
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        every: int = 1,
        best_only: bool = False,
        monitor: str | None = None,
    ):
        self.path = path
        serialization.check_path(self._at(1))
        if monitor is not None and not best_only:
            raise ValueError("monitor has no effect without best_only=True")
        self.every = whole("every", every)
        self.best_only = flag("best_only", best_only)
        self._monitor = Monitor(monitor, 0.0)
        self._written = NOTHING

    def _at(self, epoch: int) -> Path:
        return Path(os.fspath(self.path).replace("{epoch}", str(epoch)))

    def __call__(self, training: Training) -> None:
        """Save the run if a save is due."""
        if training.epoch == 1:
            self._monitor.best = NOTHING
        if self._at(training.epoch - 1) in training.unwritten:
            self._monitor.best = self._written
        if training.epoch % self.every and training.epoch != training.epochs:
            return
        best = self._monitor.best
        if not self.best_only or self._monitor.better(training):
            self._written = best  # stays on disk until this file is written
            training.save(self._at(training.epoch))

    def state(self) -> Tree:
        """Return the best loss so far, or None without `best_only`."""
        return {"best": self._monitor.state()} if self.best_only else None

    def restore(self, state: Tree, model: Model) -> None:
        """Continue from a state that `state` returned."""
        self._monitor.restore(state["best"])
