"""Several networks that differ in their first weights, trained side by side."""

from dataclasses import replace
from typing import Any, NoReturn

from xprnn import kernels, losses, modes, tree
from xprnn._record import Epoch, History
from xprnn._typing import Tree
from xprnn.backend import generator
from xprnn.callbacks import Training
from xprnn.errors import NonFiniteError
from xprnn.losses.units import Value
from xprnn.model import Model
from xprnn.optimizers import get
from xprnn.run import Position, Run
from xprnn.training import checks, fit
from xprnn.training.data import prepared
from xprnn.training.fit import DEFAULT
from xprnn.training.loop import train

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
    ValueError
        If a callback wants the run saved.
    NonFiniteError
        If a number of one of the members is no longer finite.
    """
    if count == 1:
        return (fit(x, y, **options),)
    callbacks = (*checks.listed(options["callbacks"]), _no_files)
    first = fit(x, y, **{**options, "epochs": 1, "progress": False, "callbacks": ()})
    place, dtype = first.backend, first.dtype
    seeds = range(options["seed"], options["seed"] + count)
    drawn = [first.network.init(generator(seed), first.features)[0] for seed in seeds]
    pair = modes.pair(x, y, mode=first.mode)
    with place.active(), kernels.workspace(place.xp) as xp:
        moved = [tree.map(lambda a: place.asarray(a, dtype), params) for params in drawn]
        params = tree.map(lambda *leaves: xp.stack(list(leaves), axis=0), *moved)
        standardize = options["standardize"]
        data, scalers = prepared([pair], (standardize, standardize), dtype, place)
        run = Run(
            first.network,
            losses.get(options["loss"]),
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
            None if scalers[1] is None else scalers[1].on(place, "float64"),
        )  # fmt: skip
        history = Histories(count)

        def build(position: Position) -> Model:
            return Together(**{**vars(first), "params": position.params, "history": history})

        try:
            end = train(
                run, run.start(params), options["epochs"], callbacks, options["progress"], history,
                build,
            )  # fmt: skip
        except NonFiniteError as error:
            error.model = _member(first, error.model.params, 0, history.each[0])
            raise
        return tuple(_member(first, end.params, i, own) for i, own in enumerate(history.done()))


def _no_files(training: Training) -> None:
    """Raise if a callback before this one wants the run saved."""
    if training.files:
        raise ValueError(
            "callbacks must not save the run, as Checkpoint does: a file holds one model, and "
            "several members are trained at once; expected members=1 or other callbacks"
        )


class Together(Model):
    """All members after an epoch, their parameters stacked: for callbacks to keep and return."""

    def _refuse(self, *_: Any, **__: Any) -> NoReturn:
        raise ValueError(
            "the model of a callback holds several members side by side, to be kept and returned, "
            "not to be applied or saved: expected members=1"
        )

    predict = predict_proba = trace = forecast = evaluate = save = to_onnx = _refuse


class Histories(History):
    """The curves of every member, and their mean."""

    def __init__(self, count: int) -> None:
        super().__init__()
        self.each = [History() for _ in range(count)]

    def append(self, epoch: Epoch, seconds: float) -> None:
        """Add an epoch, whose numbers are one for each member."""
        parts = [_of_member(epoch, i) for i in range(len(self.each))]
        for history, part in zip(self.each, parts, strict=True):
            history.append(part, seconds)
        mean = epoch._replace(
            losses=[loss for part in parts for loss in part.losses],
            shares=[share / len(parts) for part in parts for share in part.shares],
            norms=[norm for part in parts for norm in part.norms],
        )
        super().append(mean, seconds)

    def alone(self) -> list[History]:
        """Return the curves of every member."""
        return self.each

    def done(self) -> list[History]:
        """Return the curves of every member after the run."""
        for history in self.each:
            history.ended = self.ended
        return self.each


def _of_member(measured: Epoch, i: int) -> Epoch:
    """Return the numbers of one of the models side by side."""
    return measured._replace(
        losses=[Value(*(part[i] for part in value)) for value in measured.losses],
        norms=[norm[i] for norm in measured.norms],
    )


def _member(first: Model, params: Tree, i: int, history: History) -> Model:
    """Return a model with the i-th of the parameters side by side."""
    return replace(first, params=tree.map(lambda a: a[i, ...], params), history=history)
