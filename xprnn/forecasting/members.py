"""Several networks that differ in their first weights, trained side by side."""

import time
from typing import Any

from xprnn import kernels, losses, modes, tree
from xprnn._typing import Tree
from xprnn.backend import generator
from xprnn.callbacks import progress_bar
from xprnn.errors import NonFiniteError
from xprnn.history import Epoch, History
from xprnn.model import Model
from xprnn.optimizers import get
from xprnn.run import LOOK_EVERY, Position, Run
from xprnn.scaling import Scaler
from xprnn.training import fit
from xprnn.training.data import InUnitsOf, prepared
from xprnn.training.fit import DEFAULT

__all__ = ["trained"]


def trained(x: Any, y: Any, count: int, options: dict[str, Any]) -> tuple[Model, ...]:
    """Return models trained on x and y, whose first weights come from seeds one after the other.

    One is trained by `fit`. Several are models on the leading axis of one tree of
    parameters: one training, of which each learns what it would have learnt alone. They
    share the order of the batches and what dropout draws.

    Parameters
    ----------
    x, y
        As for `fit`.
    count : int
    options : dict
        The arguments of `fit`.

    Raises
    ------
    NonFiniteError
        If a number of one of the members is no longer finite.
    """
    if count == 1:
        return (fit(x, y, **options),)
    if tuple(options["callbacks"]):
        raise ValueError(
            "callbacks watch one training, and several members are trained at once: expected "
            "members=1 or no callbacks"
        )
    first = fit(x, y, **{**options, "epochs": 1, "progress": False})
    place, dtype, epochs = first.backend, first.dtype, options["epochs"]
    seeds = range(options["seed"], options["seed"] + count)
    drawn = [first.network.init(generator(seed), first.features)[0] for seed in seeds]
    pair = modes.pair(x, y, mode=first.mode)
    with place.active(), kernels.workspace(place.xp) as xp:
        moved = [tree.map(lambda a: place.asarray(a, dtype), params) for params in drawn]
        params = tree.map(lambda *leaves: xp.stack(list(leaves), axis=0), *moved)
        standardize = options["standardize"]
        data, _ = prepared([pair], (standardize, standardize), dtype, place)
        run = Run(
            first.network,
            _in_units(first, place, dtype),
            get(DEFAULT if options["optimizer"] is None else options["optimizer"],
                options["learning_rate"]),
            options["penalty"],
            options["clip_norm"],
            data[0],
            None,
            options["batch_size"],
            options["tbptt"],
            options["checkpoint_every"],
            options["seed"],
            place,
            xp,
        )  # fmt: skip
        histories = [History() for _ in seeds]
        start = run.start(params)
        end = _through(run, start, epochs, histories, options["progress"])
        models = tuple(
            _member(first, end.params, i, history) for i, history in enumerate(histories)
        )
        if run.unfinite(end.params) is not None:
            good, name = run.blame(start, epochs)
            raise NonFiniteError(
                f"the {name} of a member was not finite any more in epoch {good.epoch + 1}; try a "
                "smaller learning_rate, a smaller clip_norm or standardize=True",
                epoch=good.epoch + 1,
                name=name,
                model=_member(first, good.params, 0, History()),
            )
    return models


def _in_units(model: Model, place: Any, dtype: str) -> losses.Loss:
    """Return a model's loss with its value in the units of y."""
    assert model.loss is not None
    if model.y_scaler is None:
        return model.loss
    return InUnitsOf(Scaler(*(place.asarray(a, dtype) for a in model.y_scaler)), model.loss)


def _through(
    run: Run, position: Position, epochs: int, histories: list[History], progress: bool | None
) -> Position:
    """Go through the epochs, and note for each member what was measured."""
    now = shown = time.perf_counter()
    with progress_bar(progress, epochs) as report:
        while position.epoch < epochs:
            position, measured = run.epoch(position)
            began, now = now, time.perf_counter()
            for i, history in enumerate(histories):
                history.append(_of_member(measured, i), now - began)
            if now - shown > LOOK_EVERY or position.epoch == epochs:
                shown = now
                report(position.epoch, sum(h.loss[-1] for h in histories) / len(histories))
    for history in histories:
        history.ended = "completed"
    return position


def _of_member(measured: Epoch, i: int) -> Epoch:
    """Return the numbers of one of the models side by side."""
    return measured._replace(
        losses=[value[i] for value in measured.losses],
        norms=[norm[i] for norm in measured.norms],
    )


def _member(first: Model, params: Tree, i: int, history: History) -> Model:
    """Return a model with the i-th of the parameters side by side."""
    return Model(
        first.network,
        tree.map(lambda a: a[i, ...], params),
        first.features,
        first.outputs,
        first.x_scaler,
        first.y_scaler,
        first.loss,
        first.mode,
        first.y_rank,
        history,
    )
