"""The Jacobians of the final state with respect to the state at each step."""

from typing import Any

from array_api_compat import device

from xprnn import tree
from xprnn._fields import show
from xprnn._typing import Array, Namespace, Tree
from xprnn.backend import quiet, translate_failures
from xprnn.gradients.checkpointing import Pass, chunks, every
from xprnn.gradients.objective import check_params
from xprnn.layers import Layer, check_cuttable


def state_jacobians(
    network: Layer, params: Tree, x: Array, *, mask: Array | None = None, xp: Namespace
) -> Array:
    """Return ∂state(T)/∂state(t) for t = 0 … T - 1.

    The state is that of the whole network; an LSTM layer has h and c. If the largest singular
    value falls towards the first steps, the gradient vanishes, whatever the loss; if it rises, the
    gradient explodes. Pascanu, Mikolov and Bengio, "On the difficulty of training recurrent neural
    networks", 2013.

    Parameters
    ----------
    network : Layer
        A network that can be cut in time.
    params : tree
        The parameters of one model.
    x : array, (T, B, F)
    mask : array of bool, (T, B, 1), optional
    xp : namespace

    Returns
    -------
    array, (T, B, N, N)
        The Jacobians. N is the size of a sequence's state, in the order of ``initial_state``. Rows
        belong to the final state, columns to state(t).

    Raises
    ------
    ValueError
        If the network can't be cut in time, has no state, or if there are several models.

    Examples
    --------
    A state that is halved at each step:

    >>> import numpy as np
    >>> from xprnn import gradients
    >>> from xprnn.cells import Elman
    >>> from xprnn.layers import Recurrent
    >>> params = {"W": np.ones((1, 1)), "U": np.full((1, 1), 0.5), "b": np.zeros((1, 1))}
    >>> layer = Recurrent(1, Elman("identity"))
    >>> gradients.state_jacobians(layer, params, np.ones((3, 1, 1)), xp=np).ravel()
    array([0.125, 0.25 , 0.5  ])
    """
    check_cuttable(network, "state_jacobians")
    check_params(params)
    state: Any = network.initial_state(params, x.shape[-2], xp=xp)
    first = tree.flatten(state)
    if not first:
        raise ValueError(f"state_jacobians needs a network with a state, got {show(network)}")
    if len(x.shape) != 3 or any(len(s.shape) != 2 for s in first.values()):
        raise ValueError(
            "state_jacobians takes one model and x (T, B, F), "
            f"got x {tuple(x.shape)} and states {[tuple(s.shape) for s in first.values()]}"
        )
    with translate_failures(), quiet():
        last = _unit_gradients(first, xp)
        state = tree.map(lambda s: xp.broadcast_to(s, (_count_numbers(first), *s.shape)), state)
        run = Pass(network, params, xp=xp)  # N models side by side
        y_hat, end = run.forward(chunks(every(1, x), x, x, mask), state)
        flat = tree.flatten(end)
        dend = {name: last.get(name, xp.zeros_like(s)) for name, s in flat.items()}
        dend = tree.unflatten(dend, like=end)
        jacobians = []
        for _, dstate in run.backward(xp.zeros_like(y_hat), dend):
            flat = tree.flatten(dstate)
            rows = xp.concat([flat[name] for name in first], axis=-1)
            jacobians.append(xp.permute_dims(rows, (1, 0, 2)))
        return xp.stack(jacobians[::-1], axis=0)


def _count_numbers(states: dict[str, Array]) -> int:
    """Return N, the size of a sequence's state."""
    return sum(s.shape[-1] for s in states.values())


def _unit_gradients(states: dict[str, Array], xp: Namespace) -> dict[str, Array]:
    """Return for each state (B, H) the unit gradients (N, B, H), one for each state value."""
    count, start, units = _count_numbers(states), 0, {}
    for name, s in states.items():
        eye = xp.eye(count, s.shape[-1], k=-start, dtype=s.dtype, device=device(s))
        units[name] = xp.broadcast_to(eye[:, None, :], (count, *s.shape))
        start += s.shape[-1]
    return units
