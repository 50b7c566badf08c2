"""The gates and states of every cell at every step, by name.

The network runs with recording layers in place of its recurrent ones. On every backend they run
the reference loop, step by step, because no other loop keeps each step's memo.
"""

import dataclasses
from dataclasses import dataclass
from typing import Any

from xprnn import _ops
from xprnn._fields import show
from xprnn._typing import Array, Namespace, Tree
from xprnn.cells import Cell
from xprnn.layers import Layer, Recurrent
from xprnn.layers.walk import inner_layers, recurrent_layers
from xprnn.recurrence import REFERENCE


def trace_gates(
    network: Layer, params: Tree, x: Array, state: Tree | None, mask: Array | None, *, xp: Namespace
) -> tuple[dict[str, Array], ...]:
    """Return the gates and states of every recurrent layer by name, each (..., T, B, H).

    Parameters
    ----------
    network : Layer
    params : tree
    x : array, (..., T, B, F)
    state : tree or None
        The initial state; None is the network's default.
    mask : array of bool, (T, B, 1), or None
        At padding steps the gates are zero and the states do not change.
    xp : namespace

    Raises
    ------
    ValueError
        If a user-defined layer has hidden states outside the `Recurrent` layers in its fields, or
        a cell's gate or state names are invalid.

    Examples
    --------
    >>> import numpy as np
    >>> from xprnn.layers import Recurrent
    >>> from xprnn._model.gates import trace_gates
    >>> layer = Recurrent(2, "gru")
    >>> params, _ = layer.init(np.random.default_rng(0), features=1)
    >>> (seen,) = trace_gates(layer, params, np.ones((5, 1, 1)), None, None, xp=np)
    >>> {name: array.shape for name, array in seen.items()}
    {'reset': (5, 1, 2), 'update': (5, 1, 2), 'candidate': (5, 1, 2), 'h': (5, 1, 2)}
    """
    names = [(*gate_names(r.cell), *state_names(r.cell)) for r in recurrent_layers(network)]
    recording = _replace_recurrent(network)
    _, _, cache = recording.forward(params, x, state, mask, xp=xp)
    arrays = iter(recording.states(cache, xp=xp))
    seen = tuple({name: next(arrays) for name in layer} for layer in names)
    if next(arrays, None) is not None:
        raise ValueError(
            "trace supports networks whose hidden states all belong to Recurrent layers in the "
            f"layers' fields, and this network has others: {show(network)}"
        )
    return seen


def gate_names(cell: Cell) -> tuple[str, ...]:
    """Return the names of a cell's gates, or () if it has no gate names or no `trace`."""
    return tuple(getattr(cell, "gate_names", ())) if hasattr(cell, "trace") else ()


def state_names(cell: Cell) -> tuple[str, ...]:
    """Return the names of a cell's states, by default h, state 1, ….

    Raises
    ------
    ValueError
        If the number of names differs from the number of states, or a name occurs twice among
        gates and states.
    """
    numbered = ("h", *(f"state {k}" for k in range(1, cell.states)))
    names: tuple[str, ...] = tuple(getattr(cell, "state_names", numbered))
    if len(names) != cell.states:
        raise ValueError(f"state_names of {cell!r} must be {cell.states} name(s), got {names}")
    every = (*gate_names(cell), *names)
    if len(set(every)) < len(every):
        raise ValueError(f"gate_names and state_names of {cell!r} must differ, got {every}")
    return names


def _replace_recurrent(layer: Any) -> Any:
    """Return a layer with a `_RecordingLayer` in place of every recurrent layer."""
    if isinstance(layer, tuple):
        return tuple(map(_replace_recurrent, layer))
    if isinstance(layer, Recurrent):
        fields = {field.name: getattr(layer, field.name) for field in dataclasses.fields(layer)}
        return _RecordingLayer(**{**fields, "cell": _RecordingCell(layer.cell)})
    inside = {name: _replace_recurrent(value) for name, value in inner_layers(layer).items()}
    return dataclasses.replace(layer, **inside) if inside else layer


@dataclass(frozen=True)
class _RecordingCell:
    """A cell whose memo also holds the state before each step; it delegates everything else."""

    cell: Any

    def __getattr__(self, name: str) -> Any:
        return getattr(self.cell, name)

    def forward(self, p, q, state, *, xp):
        """Return the next state, and a memo of the previous state and the cell's own memo."""
        new, memo = self.cell.forward(p, q, state, xp=xp)
        return new, (state, memo)

    def list_gates(self, memo: Any, inner_memo: Any) -> tuple[Array, ...]:
        """Return the gates at one step, the inner part's first."""
        names = gate_names(self.cell)
        show = getattr(getattr(self.cell, "inner", None), "trace", None)
        first = show(inner_memo) if show else ()
        gates = (*first, *self.cell.trace(memo)) if names else ()
        if len(gates) != len(names):
            raise ValueError(
                f"{self.cell!r} must return an array from trace for each of its gate_names "
                f"{names}, got {len(gates)}"
            )
        return gates


@dataclass(frozen=True)
class _RecordingLayer(Recurrent):
    """A recurrent layer whose `states` are its gates and all its states."""

    def _unroll(self, shapes, dtype, *, xp):
        """Return the reference loop, whose memo covers every step."""
        return REFERENCE

    def forward(self, params, x, state, mask, *, noise=None, xp):
        """Run the cell over x; the cache also holds the final state."""
        y, end, cache = super().forward(params, x, state, mask, noise=noise, xp=xp)
        return y, end, (*cache, end)

    def states(self, cache, *, xp):
        """Return the gates and then the states, each over all steps."""
        run, _, end = cache
        before = [state[: self.cell.states] for (state, _), _ in run.memo]
        gates = [self.cell.list_gates(memo, inner) for (_, memo), inner in run.memo]
        seen = [_stack_steps(gate, xp) for gate in zip(*gates, strict=True)]
        seen = [_ops.apply_mask(gate, run.mask, xp=xp) for gate in seen]
        return (*seen, *(_stack_steps(s, xp) for s in zip(*before[1:], end, strict=True)))


def _stack_steps(steps: Any, xp: Namespace) -> Array:
    """Stack the arrays (..., B, H) of all steps into one array (..., T, B, H)."""
    return xp.stack(list(steps), axis=-3)
