"""Cells: the pointwise computation of one step.

A cell has no matrices and no time steps. It gets the pre-activations of its G gates, p from the
input and q from the previous hidden state, and its state, a tuple whose first array is the hidden
state h::

    forward(p, q, state, *, xp)        -> state, memo
    backward(dstate, memo, *, xp)      -> dp, dq, dstate

p, q are (..., B, G·H), every state is (..., B, H). `memo` is whatever `backward` needs. The
`dstate` that `backward` returns is the gradient that reaches the previous state directly, not
through q; a part that is zero may be 0.0.

A user-defined cell needs only these methods and the numbers ``gates`` and ``states``. It may have
optional members:

``biases``
    A number for each gate, which is added to the initial b; the LSTM's forget gate has 1.
``weights``
    The number of the cell's own weight vectors (..., 1, H), each with one number for each hidden
    unit. `forward` gets them after the states and returns them unchanged. A weight is thus a state
    that never changes, and BPTT computes its gradient like that of a state.
``inner``
    An object with ``gates``, ``forward`` and ``backward``, for a cell in which some gates act on h
    first, so that q is not a single product h U; an example is the reset of `GRUResetBefore`.
``gate_names``, ``trace``
    The names of the gates, and ``trace(memo)``, which returns an array (..., B, H) for each name,
    for `Model.trace` and the plots. The names of the inner part's gates come first; their arrays
    come from the inner part's own ``trace``.
``state_names``
    The names of the states there; by default h, state 1, …
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
    """Return a new cell with this name, or the object itself.

    Parameters
    ----------
    cell : str or Cell
        ``"elman"``, ``"lstm"``, ``"gru"``, ``"gru_reset_before"``, or an object with
        `forward` and `backward`.
    activation : Activation, optional
        The activation of the new cell; by default tanh.

    Raises
    ------
    ValueError
        If no cell has this name, or if `activation` is given along with an object.
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
        raise ValueError("activation is valid only for a cell by name; set it on the cell itself")
    return kind
