"""Check a network, a cell, an activation or a loss on random data."""

from typing import Any

from xprnn import losses, tree
from xprnn._fields import show
from xprnn._noise import Noise
from xprnn.backend import admit, generator, host, resolve, to_host
from xprnn.gradients.differences import compare
from xprnn.gradients.report import Report
from xprnn.layers import METHODS, Recurrent
from xprnn.losses import Loss


def check(
    subject: Any,
    *,
    features: int = 3,
    steps: int = 5,
    batch: int = 2,
    models: tuple[int, ...] = (),
    masked: bool = False,
    training: bool = True,
    own_state: bool = False,
    loss: str | Loss = "half_mse",
    y: Any = None,
    backend: str = "numpy",
    directions: int = 2,
    seed: int = 0,
) -> Report:
    """Check every gradient of a network, or of a part of one, at a random point in float64.

    For a network, the gradients of L = loss(ŷ, y) + ½ Σ state(T)² with respect to every parameter,
    x and the initial state are checked. A cell's own weights v and a learnt initial state count as
    parameters. A cell is checked inside the network ``Recurrent(4, cell)``. For an activation f,
    the gradient of Σ f(z) with respect to z is checked; for a loss, the gradient with respect to
    ŷ.

    Parameters
    ----------
    subject : Layer, Cell, Activation or Loss
        The object to check, user-defined or from the library.
    features, steps, batch : int
        F, T and B of the random x or z (T, B, F); for a loss, O, T and B of y.
    models : tuple of int
        The leading axes: this many models side by side, each with its own parameters.
    masked : bool
        Whether to turn about a third of the steps into padding steps that hold NaN. Not used for
        an activation.
    training : bool
        Whether dropout is active; it always drops the same values.
    own_state : bool
        Whether to start from the network's own initial state, which may be learnt. Otherwise the
        initial state is random, and its gradient is checked as well.
    loss : str or Loss
        The loss of the network's output.
    y : array, (T, B, O), optional
        The targets, for a loss that needs specific ones, such as labels. They must have as many
        steps as the network's output. The default is normal random numbers.
    backend : str
        The backend to compute on; see `xprnn.fit`.
    directions : int
        The number of random directions for each array.
    seed : int
        Seed for the parameters, the data, the mask and the directions.

    Returns
    -------
    Report
        The result; ``report.ok`` is True if every gradient passes. It prints as a table.

    Raises
    ------
    TypeError
        If the subject is none of these kinds.
    ValueError
        If y does not have the shape of the targets.

    Examples
    --------
    >>> from xprnn import gradients
    >>> from xprnn.layers import Dense, Recurrent, Stack
    >>> report = gradients.check(Stack((Recurrent(4), Dense(1))), directions=1)
    >>> report.ok
    True
    >>> [row.name for row in report.rows][:4]
    ['params.0.W', 'params.0.U', 'params.0.b', 'params.1.W']

    An activation with a mistake in its derivative:

    >>> class Cube:
    ...     def forward(self, z, *, xp):
    ...         return z**3
    ...     def backward(self, dy, z, y, *, xp):
    ...         return 2 * dy * z**2
    >>> gradients.check(Cube()).wrong
    ('z',)
    """
    kind = _classify(subject)
    loss = losses.get(subject if kind == "loss" else loss)
    network = Recurrent(4, subject) if kind == "cell" else subject
    place = resolve(backend)
    xp, rng = place.xp, generator(seed)
    proof: dict[str, Any] = {"directions": directions, "seed": seed, "xp": xp}

    def move(a):
        return place.asarray(a, "float64")

    def normal(*shape, scale=1.0):
        return scale * rng.standard_normal((*models, *shape))

    def pad(a, valid):
        return move(a if valid is None else host.where(valid, a, host.nan))

    with place.active():
        if kind == "activation":
            z = move(normal(steps, batch, features, scale=2.0))
            dz = subject.backward(xp.ones_like(z), z, subject.forward(z, xp=xp), xp=xp)
            return compare(lambda p: subject.forward(p["z"], xp=xp), {"z": z}, {"z": dz}, **proof)
        if kind != "loss":
            drawn, _ = network.init(rng, features)
            params = tree.map(lambda a: move(a + normal(*a.shape, scale=0.3)), drawn)
            x = normal(steps, batch, features)
        valid = mask = None
        if masked:
            valid = rng.random((steps, batch, 1)) < 0.67
            valid[0, 0] = True
            mask = place.asarray(valid, "bool")
        if kind == "loss":
            y = pad(_draw_targets(y, (steps, batch, features), rng), valid)
            y_hat = move(normal(steps, batch, losses.outputs(loss, y, mask, xp=xp)))
            _, dy = loss(y_hat, y, mask, xp=xp)
            return compare(
                lambda p: loss(p["y_hat"], y, mask, xp=xp)[0],
                {"y_hat": y_hat},
                {"y_hat": dy},
                **proof,
            )
        x = pad(x, valid)
        own = {"noise": Noise((seed,)) if training else None, "xp": xp}
        y_hat, end, _ = network.forward(params, x, None, mask, **own)
        loss_mask, valid = (mask, valid) if network.keeps_steps else (None, None)
        y = pad(_draw_targets(y, y_hat.shape, rng), valid)
        state = tree.map(lambda s: move(0.5 * rng.standard_normal(s.shape)), end)

        def objective(point):
            y_hat, end, cache = network.forward(
                point["params"], point["x"], point.get("state"), mask, **own
            )
            value, dy = loss(y_hat, y, loss_mask, xp=xp)
            value = xp.sum(value) + sum(xp.sum(s * s) for s in tree.leaves(end)) / 2
            return value, dy, end, cache

        point = {"params": params, "x": x} | ({} if own_state else {"state": state})
        _, dy, end, cache = objective(point)
        dparams, dx, dstate = network.backward(params, dy, end, cache, xp=xp)
        gradient = {"params": dparams, "x": dx} | ({} if own_state else {"state": dstate})
        return compare(lambda p: objective(p)[0], point, gradient, **proof)


def _classify(subject: Any) -> str:
    """Return the kind of the subject."""

    def has(*names):
        return all(hasattr(subject, name) for name in names)

    if not isinstance(subject, type):
        if has(*METHODS):
            return "network"
        if has("forward", "backward"):
            return "cell" if has("gates") or has("states") else "activation"
        if callable(subject):
            return "loss"
    raise TypeError(
        "subject must be a layer, a cell, an activation or a loss, as an object, "
        f"got {show(subject)}"
    )


def _draw_targets(y: Any, shape: tuple[int, ...], rng: Any) -> Any:
    """Return the targets y on the host, or random ones (..., T, B, O) if y is None."""
    if y is None:
        return rng.standard_normal(shape)
    y = to_host(admit("y", y))
    if len(y.shape) != 3 or y.shape[:2] != shape[-3:-1]:
        raise ValueError(f"y must be (T, B, O) with T, B = {shape[-3:-1]}, got {y.shape}")
    return y
