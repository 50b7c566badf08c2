"""Cells: what happens at one step, pointwise.

A cell has neither matrices nor time steps. It gets the pre-activations of its G gates,
p from the input and q from the last hidden state, and its state, a tuple whose
first array is the hidden state h::

    forward(p, q, state, *, xp)        -> state, memo
    backward(dstate, memo, *, xp)      -> dp, dq, dstate

p, q are (..., B, G·H), every state is (..., B, H). `memo` is whatever
`backward` needs. The returned `dstate` is what reaches the previous state
directly, not through q; a part that is zero may be given as 0.0.

Your own cell needs no more than these methods and the numbers ``gates`` and
``states``. It may have more members:

``biases``
    A number for each gate, added to the b that is drawn; LSTM's forget gate has 1.
``weights``
    How many vectors (..., 1, H) of its own it has, one number for each hidden unit.
    `forward` gets them after its states and returns them as they are; so a weight
    is a state that never changes, and BPTT gives its gradient as that of a state.
``inner``
    An object with ``gates``, ``forward`` and ``backward``, where q is not one
    product h U because some gates act on h first, such as `GRUResetBefore`'s reset.
``gate_names``, ``trace``
    The names of the gates, and ``trace(memo)``, which returns an array (..., B, H) for
    each name, for `Model.trace` and the pictures; those of the inner part come first, from
    a ``trace`` of its own.
``state_names``
    The names of the states there; else h, state 1, …
"""

from typing import Any

from xprnn._fields import choose
from xprnn.activations import Activation
from xprnn.cells.elman import Elman
from xprnn.cells.gru import GRU, GRUResetBefore
from xprnn.cells.lstm import LSTM
from xprnn.cells.protocol import Cell, Inner, blocks, inner_gates

__all__ = [
    "GRU",
    "LSTM",
    "TABLE",
    "Cell",
    "Elman",
    "GRUResetBefore",
    "Inner",
    "blocks",
    "get",
    "inner_gates",
]

TABLE: dict[str, type] = {
    "elman": Elman,
    "gru": GRU,
    "gru_reset_before": GRUResetBefore,
    "lstm": LSTM,
}

_SYNONYMS = {"elman": "rnn rnn_tanh simple_rnn simplernn vanilla"}
"""Our cells, with their names in torch and Keras."""


def get(cell: str | Cell, activation: Activation | None = None) -> Cell:
    """Return a new cell of that name, or the object itself.

    Parameters
    ----------
    cell : str or Cell
        ``"elman"``, ``"lstm"``, ``"gru"``, ``"gru_reset_before"``, or an object with
        `forward` and `backward`.
    activation : Activation, optional
        The activation of the new cell; left out, tanh.

    Raises
    ------
    ValueError
        If there is no cell of that name, or if the object comes with an activation.
    TypeError
        If the object lacks a method.

    Examples
    --------
    >>> from xprnn import activations, cells
    >>> cells.get("elman", activations.ReLU())
    Elman(activation=ReLU())
    """
    kind: Any = choose("cell", cell, TABLE, ("forward", "backward"), _SYNONYMS)
    if isinstance(kind, type):
        new: Cell = kind() if activation is None else kind(activation)
        return new
    if activation is not None:
        raise ValueError("activation is valid only for a cell by name; give it to the cell itself")
    return kind
