"""Warnings at the end of training: the loss rose, or the network learned nothing."""

from typing import Any

from xprnn._fields import warn
from xprnn._record import History
from xprnn._typing import Tree
from xprnn.backend import host, to_host
from xprnn.training.epoch import Position, Run

TENTH, TWICE = 0.1, 1.0
"""A loss counts as worse if it rose by more than this share: by a tenth if it is also above the
loss of a constant output, or by its own size if no such loss is known."""
UPDATES, LITTLE = 100, 0.02
"""After UPDATES updates the loss should be below that of a constant output by this share."""


def warn_at_the_end(run: Run, history: History, first: Tree | None, last: Position) -> None:
    """Warn if training made the loss worse, or hardly better than that of a constant output.

    `first` holds the initial parameters, or None if they are unknown.
    """
    if not _warn_if_worse(run, history, first, last.params):
        _warn_if_stuck(run, history, last)


def _warn_if_stuck(run: Run, history: History, last: Position) -> None:
    """Warn if the loss is about that of a constant output after many updates."""
    constant = run.measure_zero() if last.updates >= UPDATES else None
    if constant is None:
        return
    limit = float(constant.minimised)
    limit -= LITTLE * abs(limit)
    if all(each.value("loss").minimised < limit for each in history.alone()):
        return
    measured = run.measure(last.params, run.setup.data)  # without dropout
    stuck = to_host(measured.minimised).reshape(-1) >= limit
    if stuck.any():
        loss = to_host(measured.in_units).reshape(-1)[stuck].max()
        warn(
            f"after {last.updates} updates the loss is {loss:.4g}, and a constant output has "
            f"{float(constant.in_units):.4g}: either x says nothing about y, or the network did "
            "not learn; try another learning_rate, more epochs, another activation or cell"
        )


def _warn_if_worse(run: Run, history: History, start: Tree | None, end: Tree) -> bool:
    """Warn if the final parameters are worse than the initial ones and than a constant output.

    Return whether they are. The comparison is on all training data, without dropout. A resumed run
    no longer has its initial parameters (`start` is None), so it uses the first loss of its
    history. If the history shows no rise, nothing is compared.
    """

    def read(value: Any) -> Any:
        """Return one number for each model."""
        return to_host(value).reshape(-1)

    curves = [each.loss for each in history.alone()]
    if not any(max(curve) > _more(curve[0], TENTH) for curve in curves):
        return False
    if start is None:
        before = host.asarray([curve[0] for curve in curves])
    else:
        before = read(run.measure(start, run.setup.data).in_units)
    measured, constant = run.measure(end, run.setup.data), run.measure_zero()
    after = read(measured.in_units)
    if constant is None:
        worse = after > _more(before, TWICE)
    else:
        worse = (after > _more(before, TENTH)) & (
            read(measured.minimised) > float(constant.minimised)
        )
    if worse.any():
        better = "" if constant is None else ", and a constant output would do better"
        warn(
            f"the training took the loss from {before[worse].max():.4g} to "
            f"{after[worse].max():.4g}{better}: try a smaller learning_rate"
        )
    return bool(worse.any())


def _more(loss: Any, share: float) -> Any:
    """Return a loss increased by a share of itself."""
    return loss + share * abs(loss)
