"""Several models that train side by side, as one model or split apart."""

from typing import Any, NoReturn, Self

from xprnn import tree
from xprnn._model import Model
from xprnn._record import Epoch, History
from xprnn.losses.units import Value


class Together(Model):
    """Models side by side along the first axis of their parameters.

    Callbacks may keep and return it. Call `split` to apply or save the models.
    """

    history: "Members"

    def split(self) -> tuple[Model, ...]:
        """Return the models separately."""
        return tuple(map(self._take, range(len(self.history.each))))

    def _take(self, i: int) -> Model:
        params = tree.map(lambda a: a[i, ...], self.params)
        return Model(**{**vars(self), "params": params, "history": self.history.each[i]})

    def _refuse(self, *_: Any, **__: Any) -> NoReturn:
        raise ValueError(
            "the model of a callback holds several members side by side: a callback may keep and "
            "return it, but applying or saving it needs members=1, and in a forecaster one number "
            "of lags"
        )

    predict = predict_proba = trace = forecast = evaluate = save = to_onnx = _refuse


class Members(History):
    """The loss curves of every member, and their mean."""

    def __init__(self, count: int) -> None:
        super().__init__()
        self.each = [History() for _ in range(count)]

    def append(self, epoch: Epoch, seconds: float) -> None:
        """Add an epoch, in whose arrays each member has one number."""
        count = len(self.each)
        parts = [_take_member(epoch, i) for i in range(count)]
        for history, part in zip(self.each, parts, strict=True):
            history.append(part, seconds)
        mean = epoch._replace(
            losses=[loss for part in parts for loss in part.losses],
            shares=[share / count for part in parts for share in part.shares],
            norms=[norm for part in parts for norm in part.norms],
            val_loss=[
                Value(*(sum(array[i] for i in range(count)) / count for array in value))
                for value in epoch.val_loss
            ],
        )
        super().append(mean, seconds)

    def until(self, epoch: int) -> Self:
        """Return the curves of the first `epochs` epochs."""
        members = super().until(epoch)
        members.each = [history.until(epoch) for history in self.each]
        for history in members.each:
            history.ended = self.ended
        return members

    def alone(self) -> list[History]:
        """Return the curves of each member separately."""
        return self.each


def _take_member(epoch: Epoch, i: int) -> Epoch:
    """Return the numbers of one member."""
    return epoch._replace(
        losses=[Value(*(array[i] for array in value)) for value in epoch.losses],
        norms=[norm[i] for norm in epoch.norms],
        val_loss=[Value(*(array[i] for array in value)) for value in epoch.val_loss],
    )
