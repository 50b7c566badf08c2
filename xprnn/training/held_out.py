"""Hold out part of the data from a training run, to measure the validation loss on it.

Neither the network nor the standardisation sees that part during training.
"""

from typing import Any

from xprnn._sequences.batches import count_steps, drop_if_full
from xprnn._sequences.modes import Pair
from xprnn._sequences.reading import Sequences
from xprnn._typing import Array
from xprnn.backend import generator, host, of, to_host
from xprnn.training.data import Part


def hold_out(part: Part, share: float, seed: int, *, labels: bool) -> list[Part]:
    """Return the part to train on and the part that is held out.

    For one sequence the last steps are held out. The held-out part is then the whole sequence, so
    that the network reads all earlier steps, but only the last steps count in the loss. For
    several, whole sequences are drawn at random.

    Parameters
    ----------
    part : Part
        All data.
    share : float
        The share to hold out, of the steps or sequences with a weight above zero.
    seed : int
        Seed for the random draw.
    labels : bool
        Whether y holds class labels. If each sequence has one, the draw is stratified by class,
        and training keeps at least one sequence of each class.

    Raises
    ------
    ValueError
        If too little would be left to train on.
    """
    counts = part.pair.valid
    if part.weights is not None:
        counts = counts & (part.weights > 0)
    if part.pair.mode == "many_to_many" and len(counts) == 1:
        return _cut(part, counts[0], share)
    return _draw(part, host.flatnonzero(counts.any(axis=1)), share, seed, labels)


def _cut(part: Part, counts: Any, share: float) -> list[Part]:
    """Hold out the last steps of a single sequence."""
    steps = host.flatnonzero(counts)
    first = steps[-_count("step", len(steps), share, len(steps) - 1)]
    scored = part.pair.valid.copy()
    scored[:, :first] = False
    return [_take(part, slice(None), first), part._replace(scored=scored)]


def _draw(part: Part, chosen: Any, share: float, seed: int, labels: bool) -> list[Part]:
    """Hold out some of the chosen sequences."""
    y = part.pair.y
    chosen = generator((seed, 0, 0, 2)).permutation(chosen)
    classes = host.zeros(len(chosen))
    if labels and tuple(y.shape[1:]) == (1, 1):
        classes = to_host(y)[chosen, 0, 0]
    order = host.argsort(classes, stable=True)
    _, firsts = host.unique(classes[order], return_index=True)
    spare = host.delete(chosen[order], firsts)  # one of each class stays in training
    kept = "one of each class" if len(firsts) > 1 else "one"
    count = _count("sequence", len(chosen), share, len(spare), kept)
    even = (host.arange(count) + 0.5) * (len(spare) / count)
    held = host.sort(spare[even.astype("int64")])
    rest = host.setdiff1d(host.arange(len(part.pair.valid)), held)
    return [_take(part, rows, None) for rows in (rest, held)]


def _count(what: str, total: int, share: float, most: int, kept: str = "one") -> int:
    """Return a share of `total` as a count, at least one; raise ValueError above `most`."""
    count = max(1, round(share * total))
    if count > most:
        raise ValueError(
            f"validation_fraction={share} of {total} {what}(s) holds out {count}, but at most "
            f"{most} can be, since training needs {kept}"
        )
    return count


def _take(part: Part, rows: Any, steps: int | None) -> Part:
    """Return some sequences of a part, cut to a number of steps or to the longest of them."""
    pair, weights = part.pair, part.weights
    per_step, valid = pair.mode == "many_to_many", pair.x.valid
    if valid is not None:
        valid = valid[rows]
        steps = int(count_steps(valid.T).max()) if steps is None else steps
        valid = drop_if_full(valid[:, :steps])
    x = Sequences(_select(pair.x.array, rows, steps), valid, pair.x.rank)
    y = _select(pair.y, rows, steps if per_step else None)
    weights = None if weights is None else weights[rows, :steps]
    return Part(Pair(x, y, pair.mode, pair.y_rank), weights)


def _select(array: Array, rows: Any, steps: int | None) -> Array:
    """Return some sequences of an array (B, T, F), on its own device."""
    if not isinstance(rows, slice):
        place = of(array)
        with place.active():
            array = place.xp.take(array, place.asarray(rows, "int64"), axis=0)
    return array[:, :steps, :]
