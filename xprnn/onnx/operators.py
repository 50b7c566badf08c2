"""ONNX's operators RNN, LSTM and GRU: their attributes as cells, and their results."""

from typing import Any, NamedTuple

import numpy as np

from xprnn._fields import check_choice
from xprnn.cells import GRU, LSTM, Cell, Elman, GRUResetBefore
from xprnn.layers import Layer, Recurrent, Reversed
from xprnn.onnx import activations, weights
from xprnn.onnx.library import get_attributes

_DEFAULTS = {"RNN": ["Tanh"], "LSTM": ["Sigmoid", "Tanh", "Tanh"], "GRU": ["Sigmoid", "Tanh"]}
_INPUTS = ("X", "W", "R", "B", "sequence_lens", "initial_h", "initial_c", "P")
"""The inputs of an LSTM; the other operators have no initial_c and no P."""

_DIRECTIONS = {"forward": (False,), "reverse": (True,), "bidirectional": (False, True)}


class Attributes(NamedTuple):
    """The attributes of a node, as cells."""

    cells: list[Cell]
    """A cell for each direction."""
    reverse: tuple[bool, ...]
    """Whether each direction reads backward."""
    batch_first: bool
    hidden_size: int | None


def read_attributes(node: Any, *, peepholes: bool = False) -> Attributes:
    """Read the attributes of an RNN, LSTM or GRU node as cells.

    Parameters
    ----------
    node : onnx.NodeProto
    peepholes : bool
        Whether the node has an input P.
    """
    if node.op_type not in _DEFAULTS:
        raise ValueError(f"node must be an RNN, LSTM or GRU, got {node.op_type!r}")
    values = get_attributes(node)
    direction = values.get("direction", b"forward").decode()
    check_choice("direction", direction, _DIRECTIONS)
    reverse, defaults = _DIRECTIONS[direction], _DEFAULTS[node.op_type]
    names = [name.decode() for name in values.get("activations", ())] or defaults * len(reverse)
    if len(names) != len(defaults) * len(reverse):
        raise ValueError(
            f"activations of a {node.op_type} must be {len(defaults)} for each of "
            f"{len(reverse)} direction(s), got {names}"
        )
    alpha, beta = (list(values.get(f"activation_{name}", ())) for name in ("alpha", "beta"))
    functions = activations.read_activations(names, alpha, beta, values.get("clip"))
    parts = [functions[d * len(defaults) : (d + 1) * len(defaults)] for d in range(len(reverse))]
    cells = [_build_cell(node.op_type, part, values, peepholes) for part in parts]
    return Attributes(cells, reverse, bool(values.get("layout", 0)), values.get("hidden_size"))


def _build_cell(op: str, functions: list[Any], attributes: dict[str, Any], peepholes: bool) -> Any:
    """Return the cell of one direction."""
    if op == "RNN":
        return Elman(*functions)
    if op == "GRU":
        gate, candidate = functions
        kind = GRU if attributes.get("linear_before_reset", 0) else GRUResetBefore
        return kind(candidate, gate)
    gate, candidate, output = functions
    coupled = bool(attributes.get("input_forget", 0))
    return LSTM(candidate, gate, peepholes, output_activation=output, coupled=coupled)


def read_directions(
    attributes: Attributes, W: Any, R: Any, B: Any, P: Any
) -> list[tuple[Layer, Any]]:
    """Return the layer and the parameters of each direction of a node.

    Raises
    ------
    ValueError
        If the shapes of the weights do not match the node; the message names them.
    """
    D, G = len(attributes.cells), attributes.cells[0].gates
    if W.ndim != 3 or R.ndim != 3:
        raise ValueError(f"W and R must have 3 axes, got {W.shape} and {R.shape}")
    H, F = R.shape[-1], W.shape[-1]
    if attributes.hidden_size not in (None, H):
        raise ValueError(f"hidden_size is {attributes.hidden_size}, but R has shape {R.shape}")
    shapes = {"W": (D, G * H, F), "R": (D, G * H, H), "B": (D, 2 * G * H), "P": (D, 3 * H)}
    for (name, shape), array in zip(shapes.items(), (W, R, B, P), strict=True):
        if array is not None and array.shape != shape:
            raise ValueError(f"{name} must have shape {shape}, got {array.shape}")
    layers = []
    for d, (cell, reverse) in enumerate(zip(attributes.cells, attributes.reverse, strict=True)):
        arrays = (None if a is None else a[d] for a in (W, R, B, P))
        layer: Layer = Recurrent(H, cell)
        layers.append((Reversed(layer) if reverse else layer, weights.from_node(cell, *arrays)))
    return layers


def describe_cell(cell: Any) -> tuple[str, dict[str, Any]] | None:
    """Return a cell's operator and its attributes for one direction, or None if ONNX has none."""
    kinds: dict[type, tuple[str, tuple[str, ...], dict[str, Any]]] = {
        Elman: ("RNN", ("activation",), {}),
        GRU: ("GRU", ("gate_activation", "activation"), {"linear_before_reset": 1}),
        GRUResetBefore: ("GRU", ("gate_activation", "activation"), {"linear_before_reset": 0}),
        LSTM: ("LSTM", ("gate_activation", "activation", "output_activation"), {}),
    }
    if type(cell) not in kinds:
        return None
    op, names, flags = kinds[type(cell)]
    descriptions = [activations.describe_activation(getattr(cell, name)) for name in names]
    parts = [part for part in descriptions if part is not None]
    if len(parts) < len(descriptions) or len({clip for *_, clip in parts}) > 1:
        return None
    attributes = {
        "activations": [name for name, *_ in parts],
        "activation_alpha": [a for _, alpha, _, _ in parts for a in alpha],
        "activation_beta": [b for _, _, beta, _ in parts for b in beta],
        **flags,
    }
    if parts[0][-1] is not None:
        attributes["clip"] = parts[0][-1]
    if getattr(cell, "coupled", False):
        attributes["input_forget"] = 1
    return op, attributes


def run(node: Any, inputs: Any) -> tuple[Any, ...]:
    """Compute an RNN, LSTM or GRU node as the standard defines it, with xprnn's cells.

    Parameters
    ----------
    node : onnx.NodeProto
        The node, with any attributes of ONNX's operator: direction, layout, clip, activations with
        their alpha and beta, linear_before_reset, input_forget.
    inputs : list of arrays
        The inputs in the operator's order: X, W, R, B, sequence_lens, initial_h and, for an LSTM,
        initial_c and P. Optional inputs may be None, or left out at the end. All but sequence_lens
        have the same dtype, float32 or float64.

    Returns
    -------
    Y : NumPy array, (T, D, B, H)
        The hidden states, zero at padding steps. With ``layout=1``, (B, T, D, H).
    Y_h : NumPy array, (D, B, H)
        The hidden state after the last valid step of each row. With ``layout=1``, (B, D, H).
    Y_c : NumPy array, (D, B, H)
        The memory c there; only for an LSTM.

    Raises
    ------
    ValueError
        If the node has another operator, or the inputs do not match it.
    TypeError
        If the inputs have different dtypes, or a dtype other than float32 and float64.
    MissingExtraError
        If the onnx library is not installed.

    Examples
    --------
    >>> import numpy as np
    >>> import onnx
    >>> import xprnn.onnx
    >>> node = onnx.helper.make_node("RNN", ["X", "W", "R"], ["Y"], activations=["Relu"])
    >>> X = np.array([3.0, 4.0]).reshape(2, 1, 1)
    >>> Y, Y_h = xprnn.onnx.run(node, [X, np.ones((1, 1, 1)), np.ones((1, 1, 1))])
    >>> Y.ravel().tolist()
    [3.0, 7.0]
    """
    X, W, R, B, lengths, *states, P = _read_inputs(node, inputs)
    attributes = read_attributes(node, peepholes=P is not None)
    if attributes.batch_first:
        X = X.swapaxes(0, 1)
        states = [None if s is None else s.swapaxes(0, 1) for s in states]
    T, N, F = X.shape
    if W.shape[-1] != F:
        raise ValueError(f"W must have {F} columns, the features of X, got shape {W.shape}")
    mask = _make_mask(lengths, T, N)
    outputs, ends = [], []
    for d, (layer, params) in enumerate(read_directions(attributes, W, R, B, P)):
        start = list(layer.initial_state(params, N, xp=np))
        for k, state in enumerate(states[: len(start)]):
            if state is not None:
                shape = (len(attributes.cells), *start[k].shape)
                if state.shape != shape:
                    name = ("initial_h", "initial_c")[k]
                    raise ValueError(f"{name} must have shape {shape}, got {state.shape}")
                start[k] = state[d]
        y, end, _ = layer.forward(params, X, tuple(start), mask, xp=np)
        outputs.append(y)
        ends.append(end)
    Y = np.stack(outputs, axis=1)
    last = [np.stack(parts) for parts in zip(*ends, strict=True)]
    if attributes.batch_first:
        return (np.moveaxis(Y, 2, 0), *(s.swapaxes(0, 1) for s in last))
    return (Y, *last)


def _read_inputs(node: Any, inputs: Any) -> list[Any]:
    """Check the inputs, and return all eight of an LSTM in order, with None if missing."""
    names = _INPUTS[:6] if node.op_type in ("RNN", "GRU") else _INPUTS
    if not 3 <= len(inputs) <= len(names):
        raise ValueError(
            f"inputs of a {node.op_type} must be 3 to {len(names)}, {', '.join(names)}, "
            f"got {len(inputs)}"
        )
    arrays: dict[str, Any] = dict.fromkeys(_INPUTS)
    for name, a in zip(names, inputs, strict=False):
        arrays[name] = None if a is None else np.asarray(a)
        if a is None and name in ("X", "W", "R"):
            raise ValueError(f"{name} must be given, got None")
    floats = {name: a for name, a in arrays.items() if a is not None and name != "sequence_lens"}
    dtypes = {name: str(a.dtype) for name, a in floats.items()}
    if len(set(dtypes.values())) > 1 or dtypes["X"] not in ("float32", "float64"):
        raise TypeError(f"inputs must all be float32 or all float64, got {dtypes}")
    if arrays["X"].ndim != 3:
        raise ValueError(f"X must have 3 axes, got shape {arrays['X'].shape}")
    return list(arrays.values())


def _make_mask(lengths: Any, T: int, N: int) -> Any:
    """Return sequence_lens as a mask (T, B, 1), or None without sequence_lens."""
    if lengths is None:
        return None
    if lengths.dtype.kind not in "iu":
        raise TypeError(f"sequence_lens must be integers, got {lengths.dtype}")
    if lengths.shape != (N,):
        raise ValueError(f"sequence_lens must have shape {(N,)}, got {lengths.shape}")
    if lengths.min() < 0 or lengths.max() > T:
        raise ValueError(f"sequence_lens must be 0 to {T}, the steps of X, got {lengths.tolist()}")
    return (np.arange(T)[:, None] < lengths[None, :])[:, :, None]
