"""What every cell did at every step: its gates and states by name.

The network runs with layers that remember in the places of its recurrent ones. No
twin knows their cell, so it is the reference loop that runs, step by step.
"""

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from xprnn import _ops
from xprnn._typing import Array, Namespace, Tree
from xprnn._validate import shown
from xprnn.cells import Cell, Inner
from xprnn.layers import METHODS, Bidirectional, Layer, Recurrent

__all__ = ["gate_names", "recurrent", "state_names", "trace"]


def trace(
    network: Layer, params: Tree, x: Array, state: Tree | None, mask: Array | None, *, xp: Namespace
) -> tuple[dict[str, Array], ...]:
    """Return gates and states by name, (..., T, B, H), of every recurrent layer.

    Parameters
    ----------
    network : Layer
    params : tree
    x : array, (..., T, B, F)
    state : tree or None
        The state to start from; None: the network's own.
    mask : array of bool, (T, B, 1), or None
        At padding gates are zero, and states stay as they are.
    xp : namespace

    Raises
    ------
    ValueError
        If a layer of one's own has hidden states, and no `Recurrent` in its fields to
        which they belong; or if a cell names its gates or states wrongly.

    Examples
    --------
    >>> import numpy as np
    >>> from xprnn.layers import Recurrent
    >>> from xprnn.model.trace import trace
    >>> layer = Recurrent(2, "gru")
    >>> params, _ = layer.init(np.random.default_rng(0), features=1)
    >>> (seen,) = trace(layer, params, np.ones((5, 1, 1)), None, None, xp=np)
    >>> {name: array.shape for name, array in seen.items()}
    {'reset': (5, 1, 2), 'update': (5, 1, 2), 'candidate': (5, 1, 2), 'h': (5, 1, 2)}
    """
    names = [(*gate_names(r.cell), *state_names(r.cell)) for r in recurrent(network)]
    remembering = _remembering(network)
    _, _, cache = remembering.forward(params, x, state, mask, xp=xp)
    arrays = iter(remembering.states(cache, xp=xp))
    seen = tuple({name: next(arrays) for name in layer} for layer in names)
    if next(arrays, None) is not None:
        raise ValueError(
            "trace looks into layers whose fields hold Recurrent layers, and this network has "
            f"hidden states of another kind: {shown(network)}"
        )
    return seen


def recurrent(network: Any) -> Iterator[Recurrent]:
    """Yield the recurrent layers inside, in the order of the network's `states`.

    Examples
    --------
    >>> from xprnn.layers import Bidirectional, Dense, Recurrent, Stack
    >>> from xprnn.model.trace import recurrent
    >>> network = Stack((Bidirectional(Recurrent(4)), Recurrent(3), Dense(1)))
    >>> [layer.hidden_size for layer in recurrent(network)]
    [4, 4, 3]
    """
    if isinstance(network, Recurrent):
        yield network
    copies = 2 if isinstance(network, Bidirectional) else 1
    for inside in [*_inside(network).values()] * copies:
        for layer in inside if isinstance(inside, tuple) else (inside,):
            yield from recurrent(layer)


def gate_names(cell: Cell) -> tuple[str, ...]:
    """Return what a cell calls its gates; () if it says nothing of them, or shows none."""
    return tuple(getattr(cell, "gate_names", ())) if hasattr(cell, "trace") else ()


def state_names(cell: Cell) -> tuple[str, ...]:
    """Return what a cell calls its states; h, state 1, … if it does not say.

    Raises
    ------
    ValueError
        If they are not as many as the states, or a gate has the name of a state.
    """
    numbered = ("h", *(f"state {k}" for k in range(1, cell.states)))
    names: tuple[str, ...] = tuple(getattr(cell, "state_names", numbered))
    if len(names) != cell.states:
        raise ValueError(f"state_names of {cell!r} must be {cell.states} name(s), got {names}")
    every = (*gate_names(cell), *names)
    if len(set(every)) < len(every):
        raise ValueError(f"gate_names and state_names of {cell!r} must differ, got {every}")
    return names


def _inside(layer: Any) -> dict[str, Any]:
    """Return the fields of a layer that hold a layer or a tuple of layers."""
    if not dataclasses.is_dataclass(layer):
        return {}
    fields = {field.name: getattr(layer, field.name) for field in dataclasses.fields(layer)}
    return {name: value for name, value in fields.items() if _holds_layers(value)}


def _holds_layers(value: Any) -> bool:
    """Whether a value is a layer or a tuple of layers."""
    if isinstance(value, tuple):
        return bool(value) and all(map(_holds_layers, value))
    return all(callable(getattr(value, method, None)) for method in METHODS)


def _remembering(layer: Any) -> Any:
    """Return a layer with `_Remembering` in the place of every recurrent layer."""
    if isinstance(layer, tuple):
        return tuple(map(_remembering, layer))
    if isinstance(layer, Recurrent):
        fields = {field.name: getattr(layer, field.name) for field in dataclasses.fields(layer)}
        return _Remembering(**{**fields, "cell": _Shown(layer.cell)})
    inside = {name: _remembering(value) for name, value in _inside(layer).items()}
    return dataclasses.replace(layer, **inside) if inside else layer


@dataclass(frozen=True)
class _Shown:
    """A cell whose memo holds the state before the step too."""

    cell: Any

    @property
    def gates(self) -> int:
        return self.cell.gates

    @property
    def states(self) -> int:
        return self.cell.states

    @property
    def weights(self) -> int:
        return getattr(self.cell, "weights", 0)

    @property
    def inner(self) -> Inner | None:
        return getattr(self.cell, "inner", None)

    def forward(self, p, q, state, *, xp):
        """Return the next state, the state before and what the cell remembers."""
        new, memo = self.cell.forward(p, q, state, xp=xp)
        return new, (state, memo)

    def backward(self, dstate, memo, *, xp):
        """Return the cell's gradients."""
        return self.cell.backward(dstate, memo[1], xp=xp)

    def values(self, memo: Any, inner_memo: Any) -> tuple[Array, ...]:
        """Return the gates at one step, those of the inner part first."""
        names = gate_names(self.cell)
        show = getattr(self.inner, "trace", None)
        first = show(inner_memo) if show else ()
        found = (*first, *self.cell.trace(memo)) if names else ()
        if len(found) != len(names):
            raise ValueError(
                f"{self.cell!r} must trace an array for each of its gate_names "
                f"{names}, got {len(found)}"
            )
        return found


@dataclass(frozen=True)
class _Remembering(Recurrent):
    """A recurrent layer whose `states` are its gates and all its states."""

    def forward(self, params, x, state, mask, *, noise=None, xp):
        """Run the cell over x; the cache holds the last state too."""
        y, end, cache = super().forward(params, x, state, mask, noise=noise, xp=xp)
        return y, end, (*cache, end)

    def states(self, cache, *, xp):
        """Return the gates, then the states, over the steps."""
        run, _, end = cache
        before = [state[: self.cell.states] for (state, _), _ in run.memo]
        gates = [self.cell.values(memo, inner) for (_, memo), inner in run.memo]
        seen = [_over_time(gate, xp) for gate in zip(*gates, strict=True)]
        seen = [_ops.apply_mask(gate, run.mask, xp=xp) for gate in seen]
        return (*seen, *(_over_time(s, xp) for s in zip(*before[1:], end, strict=True)))


def _over_time(steps: Any, xp: Namespace) -> Array:
    """Return arrays (..., B, H) of successive steps as (..., T, B, H)."""
    return xp.stack(list(steps), axis=-3)
