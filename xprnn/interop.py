"""Convert weights from and to the layouts of torch and Keras, as plain NumPy arrays.

Neither library is imported: xprnn reads attributes and returns arrays. W and U are transposed or
reordered, and the two biases of a layer are added to give one b:

=========  =================================  ==========================================
xprnn      torch                              Keras
=========  =================================  ==========================================
W          ``weight_ih_l0`` transposed        ``kernel``
U          ``weight_hh_l0`` transposed        ``recurrent_kernel``
b          ``bias_ih_l0`` + ``bias_hh_l0``    ``bias``, of GRU the sum of its rows
v of GRU   candidate's part of ``bias_hh``    candidate's part of the second row
LSTM       i, f, g, o                         i, f, c, o: the same
GRU        r, z, n                            z, r, h
=========  =================================  ==========================================

Dropout has no weights and does not change predictions. It is converted where both libraries have
it, and left out otherwise.
"""

import sys
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from xprnn import activations, tree
from xprnn._fields import show
from xprnn._layouts import make_recurrent_bias, merge_biases, reorder
from xprnn._typing import Tree
from xprnn.activations import Activation
from xprnn.backend import to_host
from xprnn.cells import GRU, LSTM, Elman, GRUResetBefore
from xprnn.layers import Bidirectional, Dropout, Layer, Pool, Recurrent, Stack

__all__ = ["from_keras", "from_torch", "to_keras", "to_torch"]

_TORCH_CELLS = {
    "RNN_TANH": Elman("tanh"),
    "RNN_RELU": Elman("relu"),
    "LSTM": LSTM(),
    "GRU": GRU(),
}
_MERGES = {"concat": "concat", "sum": "sum", "ave": "mean", "mul": "product"}


def _to_numpy(name: str, a: Any) -> Any:
    """Return a copy of a tensor or an array as a NumPy array, float32 or float64."""
    dtype = str(getattr(a, "dtype", "unknown")).split(".")[-1]
    if dtype not in ("float32", "float64"):
        raise TypeError(f"{name} has dtype {dtype}: expected float32 or float64")
    try:
        return np.array(a.detach().cpu().numpy() if hasattr(a, "detach") else a)
    except Exception as error:  # a sparse tensor, or one without data, can raise anything
        raise TypeError(
            f"{name} must be a dense array that holds its numbers, got a {type(a).__name__} on "
            f"the device {getattr(a, 'device', 'unknown')}: {error!s:.200}"
        ) from error


_TOLERANCE = 5e-3
"""The largest allowed error of a module's output, relative to the largest output. It is this large
because GPUs may multiply with 11 bits."""


def _check_outputs(
    argument: str, apply: Callable[[Any], Any], network: Stack, params: Tree
) -> None:
    """Raise ValueError unless `apply` returns the network's outputs for random x (T, B, F)."""
    W = tree.leaves(params)[0]
    x = 2 * np.random.default_rng(0).standard_normal((4, 3, len(W))).astype(W.dtype)
    try:
        output = apply(x)
    except Exception as error:
        raise ValueError(f"{argument} can't be applied to x {x.shape}: {error!s:.200}") from error
    with np.errstate(all="ignore"):
        y, _, _ = network.forward(params, x, None, None, xp=np)
    y = y if network.keeps_steps else y[0]
    finite = np.isfinite(y)  # with large weights both can overflow
    largest, difference = np.abs(y[finite]).max(initial=0), np.inf
    if output.shape == y.shape:
        difference = np.abs(output[finite] - y[finite]).max(initial=0)
    if not difference <= _TOLERANCE * largest:
        raise ValueError(
            f"{argument} does not compute what its class and attributes say: for random x its "
            f"outputs, {output.shape}, are off by {difference:.2g} and the largest is "
            f"{largest:.2g}. A user-defined forward or activation can't be converted"
        )


_swap_gates = partial(reorder, order=(1, 0, 2))
"""Swap the first two of three gates: r, z, n is z, r, h in Keras."""


def _convert_params(cell: Any, W: Any, U: Any, biases: list[Any]) -> dict[str, Any]:
    """Return W, U, b and, for GRU, v; `biases` holds the input bias and the recurrent bias."""
    zeros = np.zeros_like(W[:1])
    b, recurrent = [*(bias[None, :] for bias in biases), zeros, zeros][:2]
    return {"W": W, "U": U, **merge_biases(cell, b, recurrent)}


def from_torch(module: Any) -> tuple[Stack, Tree]:
    """Return the network and the parameters of a ``torch.nn.RNN``, ``LSTM`` or ``GRU``.

    ``batch_first`` is ignored, since it only sets the layout of x. ``dropout`` between the layers
    becomes `Dropout` layers. The module and the network are both applied to a few random numbers
    and must agree, so a subclass with another ``forward`` raises an error.

    Parameters
    ----------
    module : torch.nn.RNN, torch.nn.LSTM or torch.nn.GRU
        The module. Any object with the same attributes will do; the outputs are compared only if
        it is callable.

    Returns
    -------
    network : Stack
    params : tree of NumPy arrays
        The parameters, in the dtype of the module.

    Raises
    ------
    TypeError
        If the module is not one of the three, or its weights are not dense float32 or float64.
    ValueError
        If the module has ``proj_size``, which xprnn does not support, or does not compute what its
        class says.

    Examples
    --------
    >>> import numpy as np
    >>> from types import SimpleNamespace
    >>> from xprnn import interop
    >>> module = SimpleNamespace(
    ...     mode="RNN_TANH", hidden_size=2, num_layers=1, bias=True, bidirectional=False,
    ...     weight_ih_l0=np.ones((2, 3)), weight_hh_l0=np.array([[0.0, 0.5], [0.0, 0.0]]),
    ...     bias_ih_l0=np.array([1.0, 2.0]), bias_hh_l0=np.array([0.0, 1.0]))
    >>> network, params = interop.from_torch(module)
    >>> network.layers[0].hidden_size, params[0]["W"].shape, params[0]["b"].tolist()
    (2, (3, 2), [[1.0, 3.0]])
    """
    cell = _TORCH_CELLS.get(getattr(module, "mode", ""))
    if cell is None:
        raise TypeError(
            f"module must be a torch.nn.RNN, torch.nn.LSTM or torch.nn.GRU, got {show(module)}"
        )
    if getattr(module, "proj_size", 0):
        raise ValueError(
            f"proj_size must be 0, got {module.proj_size}: no layer of xprnn projects h"
        )
    rate = float(getattr(module, "dropout", 0.0))
    layer: Layer = Recurrent(module.hidden_size, cell)
    if module.bidirectional:
        layer = Bidirectional(layer)

    def read_direction(end):
        W, U = (read_array(f"weight_{name}_{end}").T for name in ("ih", "hh"))
        biases = ("bias_ih", "bias_hh") if module.bias else ()
        return _convert_params(cell, W, U, [read_array(f"{name}_{end}") for name in biases])

    def read_array(name):
        return _to_numpy(name, getattr(module, name))

    layers: list[Layer] = []
    params: list[Tree] = []
    for k in range(module.num_layers):
        if k and rate:
            layers.append(Dropout(rate))
            params.append(())
        layers.append(layer)
        if module.bidirectional:
            params.append((read_direction(f"l{k}"), read_direction(f"l{k}_reverse")))
        else:
            params.append(read_direction(f"l{k}"))
    network = Stack(tuple(layers))
    if callable(module):
        _check_outputs("module", partial(_apply_torch, module), network, tuple(params))
    return network, tuple(params)


def _apply_torch(module: Any, x: Any) -> Any:
    """Apply a module to x (T, B, F) without dropout."""
    tensor = module.weight_ih_l0.detach().new_tensor(x)
    training, module.training = module.training, False
    try:
        y = module(tensor.swapaxes(0, 1) if module.batch_first else tensor)
    finally:
        module.training = training
    y = _to_numpy("the output of module", y[0] if isinstance(y, tuple) else y)
    return y.swapaxes(0, 1) if module.batch_first else y


def _list_recurrent(
    network: Layer, params: Tree, library: str
) -> list[tuple[Any, Recurrent, tuple[Any, ...]]]:
    """Return every recurrent layer, the layer inside it, and the parameters of its directions.

    Raises
    ------
    ValueError
        If the library can't express the network.
    """
    params = tree.map(to_host, params)
    if any(a.ndim != 2 for a in tree.leaves(params)):
        raise ValueError(
            f"params hold several models side by side, which {library} can't express; pass those "
            "of one model"
        )
    layers = network.layers if isinstance(network, Stack) else (network,)
    recurrent = []
    for layer, p in zip(layers, params if isinstance(network, Stack) else (params,), strict=True):
        if isinstance(layer, Dropout | Pool):
            continue
        inner: Any = layer.layer if isinstance(layer, Bidirectional) else layer
        if not isinstance(inner, Recurrent):
            raise ValueError(
                f"{type(inner).__name__} is not a recurrent layer; pass the layers before or "
                f"after it, with their parameters: Stack(network.layers[:n]), params[:n]"
            )
        if inner.learn_initial_state:
            raise ValueError(f"{library} can't express learn_initial_state=True")
        if getattr(inner.cell, "peepholes", False):
            raise ValueError(f"{library} can't express peepholes=True")
        recurrent.append((layer, inner, (p,) if inner is layer else p))
    if not recurrent:
        raise ValueError("network has no recurrent layer")
    return recurrent


def to_torch(network: Layer, params: Tree) -> dict[str, Any]:
    """Return a network's weights under torch's names.

    Load them into a module of the same sizes with biases::

        state = {name: torch.tensor(a) for name, a in interop.to_torch(network, params).items()}
        module.load_state_dict(state)

    ``bias_ih`` is b; ``bias_hh`` is zero, except for a GRU's candidate part, which is v.

    Parameters
    ----------
    network : Layer
        Recurrent layers of one cell and size, or `Bidirectional` layers of them with
        ``merge="concat"``. `Dropout` and `Pool` have no weights and are skipped.
    params : tree of arrays

    Returns
    -------
    dict of NumPy arrays
        The weights ``weight_ih_l0``, ``weight_hh_l0``, ``bias_ih_l0``, ``bias_hh_l0``, …; the
        names for backward layers end in ``_reverse``.

    Raises
    ------
    ValueError
        If torch's modules can't express the network; the error says why.

    Examples
    --------
    >>> import numpy as np
    >>> from xprnn import interop
    >>> from xprnn.layers import Recurrent, Stack
    >>> network = Stack((Recurrent(4, "lstm"), Recurrent(4, "lstm")))
    >>> params, _ = network.init(np.random.default_rng(0), features=3)
    >>> {name: a.shape for name, a in interop.to_torch(network, params).items()
    ...  if name.startswith("weight")}
    {'weight_ih_l0': (16, 3), 'weight_hh_l0': (16, 4),
     'weight_ih_l1': (16, 4), 'weight_hh_l1': (16, 4)}
    """
    arrays: dict[str, Any] = {}
    kinds: dict[str, None] = {}
    for k, (outer, layer, directions) in enumerate(_list_recurrent(network, params, "torch")):
        if getattr(outer, "merge", "concat") != "concat":
            raise ValueError(f"torch can't express merge={outer.merge!r}")
        count = "two directions" if len(directions) == 2 else "one direction"
        kinds[f"{_find_torch_mode(layer.cell)} of size {layer.hidden_size} in {count}"] = None
        for end, w in zip((f"l{k}", f"l{k}_reverse"), directions, strict=False):
            arrays[f"weight_ih_{end}"] = w["W"].T.copy()
            arrays[f"weight_hh_{end}"] = w["U"].T.copy()
            arrays[f"bias_ih_{end}"] = w["b"][0].copy()
            arrays[f"bias_hh_{end}"] = make_recurrent_bias(layer.cell, w)[0]
    if len(kinds) > 1:
        raise ValueError(f"a torch module has layers of one kind, got {', '.join(kinds)}")
    return arrays


def _find_torch_mode(cell: Any) -> str:
    """Return torch's name for a cell; raise ValueError if torch has no such cell."""
    plain = LSTM(cell.activation, cell.gate_activation) if isinstance(cell, LSTM) else cell
    for mode, known in _TORCH_CELLS.items():
        if plain == known:
            return mode
    raise ValueError(
        f"torch can't express {cell!r}: it has Elman with tanh or relu, and LSTM and GRU with "
        "tanh and sigmoid"
    )


def _read_activation(argument: str, value: Any) -> Activation:
    """Return the activation of a Keras layer."""
    name = value if isinstance(value, str) else getattr(value, "__name__", type(value).__name__)
    if not isinstance(value, str):
        module = getattr(value, "__module__", None) or ""
        theirs = getattr(sys.modules.get(module), name, None)
        if module.split(".")[0] not in ("keras", "tf_keras") or theirs is not value:
            raise ValueError(f"{argument} is a {name!r} that is not Keras's own: {show(value)}")
    name = "identity" if name == "linear" else name
    if name not in activations.TABLE:
        raise ValueError(
            f"{argument} must be one of xprnn's, {', '.join(activations.TABLE)}, got {name!r}"
        )
    return activations.TABLE[name]


def _read_keras(layer: Any) -> tuple[Recurrent, dict[str, Any]]:
    """Return the layer and the parameters of one direction."""
    kind = type(layer).__name__
    if kind not in ("SimpleRNN", "LSTM", "GRU"):
        raise TypeError(
            f"layer must be a keras.layers.SimpleRNN, LSTM, GRU or Bidirectional, got {show(layer)}"
        )
    activation = _read_activation("activation", layer.activation)
    cell: Any = Elman(activation)
    if kind != "SimpleRNN":
        gates = _read_activation("recurrent_activation", layer.recurrent_activation)
        after = kind == "GRU" and layer.reset_after
        cell = (LSTM if kind == "LSTM" else GRU if after else GRUResetBefore)(activation, gates)
    weights = layer.get_weights()
    if len(weights) not in (2, 3):
        raise ValueError(
            f"layer must have its kernel, recurrent kernel and bias, got {len(weights)} arrays; a "
            "layer gets its weights when it is built: layer.build((None, None, features))"
        )
    names = ("kernel", "recurrent_kernel", "bias")
    W, U, *bias = (_to_numpy(*pair) for pair in zip(names, weights, strict=False))
    biases = [row for b in bias for row in np.atleast_2d(b)]
    if kind == "GRU":
        W, U, biases = _swap_gates(W), _swap_gates(U), [_swap_gates(b) for b in biases]
    rate = float(getattr(layer, "recurrent_dropout", 0.0))
    recurrent = Recurrent(int(layer.units), cell, recurrent_dropout=rate)
    return recurrent, _convert_params(cell, W, U, biases)


def from_keras(layer: Any) -> tuple[Stack, Tree]:
    """Return the network and the parameters of a Keras recurrent layer.

    With ``return_sequences=False`` the network ends in ``Pool("last")``. Keras's ``dropout`` on x,
    the same at every step, is left out. The layer and the network are both applied to a few random
    numbers and must agree.

    Parameters
    ----------
    layer : keras.layers.SimpleRNN, LSTM, GRU or Bidirectional
        The layer, built so that it has its weights. Any class with one of these names, the same
        attributes and ``get_weights`` will do; the outputs are compared only if the layer is
        callable and not stateful.

    Returns
    -------
    network : Stack
    params : tree of NumPy arrays
        The parameters, in the dtype of the layer.

    Raises
    ------
    TypeError
        If the layer is not one of these, or its weights are neither float32 nor float64.
    ValueError
        If the layer has an option that xprnn does not support, such as ``go_backwards`` or an
        activation that is not Keras's own, if it has no weights yet, or if it does not compute
        what its class and attributes say.

    Examples
    --------
    >>> import numpy as np
    >>> from xprnn import interop
    >>> class SimpleRNN:
    ...     units, activation, go_backwards, return_sequences = 2, "linear", False, True
    ...     def get_weights(self):
    ...         return [np.ones((3, 2)), np.eye(2), np.array([1.0, 2.0])]
    >>> network, params = interop.from_keras(SimpleRNN())
    >>> network.layers[0].cell, params[0]["b"].shape
    (Elman(activation=Identity()), (1, 2))
    """
    keeps_steps = getattr(layer, "return_sequences", False)
    recurrent: Layer
    params: Tree
    if type(layer).__name__ == "Bidirectional":
        if layer.merge_mode not in _MERGES:
            raise ValueError(f"merge_mode must be one of {list(_MERGES)}, got {layer.merge_mode!r}")
        if not keeps_steps:
            raise ValueError(
                "Bidirectional with return_sequences=False gives the last step of one direction "
                "and the first of the other; use return_sequences=True"
            )
        if layer.forward_layer.go_backwards or not layer.backward_layer.go_backwards:
            raise ValueError("forward_layer must run forward and backward_layer backward")
        (ahead, w), (back, u) = _read_keras(layer.forward_layer), _read_keras(layer.backward_layer)
        if ahead != back:
            raise ValueError(f"both directions must be alike, got {ahead!r} and {back!r}")
        merge: Any = _MERGES[layer.merge_mode]
        recurrent, params = Bidirectional(ahead, merge), (w, u)
    else:
        recurrent, params = _read_keras(layer)
        if layer.go_backwards:
            raise ValueError("go_backwards=True: reverse x in time, or use Bidirectional")
    network = Stack((recurrent,)) if keeps_steps else Stack((recurrent, Pool("last")))
    params = (params,) if keeps_steps else (params, ())
    if callable(layer) and not getattr(layer, "stateful", False):
        _check_outputs("layer", partial(_apply_keras, layer), network, params)
    return network, params


def _apply_keras(layer: Any, x: Any) -> Any:
    """Apply a layer to x (T, B, F) without dropout."""
    y = layer(x.swapaxes(0, 1), training=False)
    y = np.asarray(y.detach().cpu() if hasattr(y, "detach") else y, dtype=x.dtype)
    return y.swapaxes(0, 1) if y.ndim == 3 else y


def to_keras(network: Layer, params: Tree) -> list[Any]:
    """Return a network's weights in the order of Keras's ``set_weights``.

    Set them in layers of the same sizes with biases: ``layer.set_weights`` for one layer,
    ``model.set_weights`` for several.

    Parameters
    ----------
    network : Layer
        Recurrent layers with any cell without peepholes, or `Bidirectional` layers of them.
        `Dropout` and `Pool` have no weights and are skipped.
    params : tree of arrays

    Returns
    -------
    list of NumPy arrays
        The kernel, recurrent kernel and bias of each layer; for `Bidirectional`, forward first.

    Raises
    ------
    ValueError
        If Keras can't express the network; the error says why.

    Examples
    --------
    >>> import numpy as np
    >>> from xprnn import interop
    >>> from xprnn.layers import Recurrent
    >>> params, _ = Recurrent(4, "gru").init(np.random.default_rng(0), features=3)
    >>> [a.shape for a in interop.to_keras(Recurrent(4, "gru"), params)]
    [(3, 12), (4, 12), (2, 12)]
    """
    arrays = []
    for _, layer, directions in _list_recurrent(network, params, "Keras"):
        cell = layer.cell
        if not isinstance(cell, Elman | LSTM | GRU | GRUResetBefore):
            raise ValueError(f"Keras can't express {cell!r}")
        for w in directions:
            weights = [w["W"], w["U"], w["b"]]
            if isinstance(cell, GRU):
                weights[2] = np.concatenate([w["b"], make_recurrent_bias(cell, w)], axis=0)
            if isinstance(cell, GRU | GRUResetBefore):
                weights = [_swap_gates(a) for a in weights]
            bias = weights[2] if isinstance(cell, GRU) else weights[2][0]
            arrays += [weights[0].copy(), weights[1].copy(), bias.copy()]
    return arrays
