"""Layers that output more steps than they read: one to many, and encoder and decoder."""

from dataclasses import dataclass
from typing import ClassVar

from array_api_compat import device

from xprnn import _ops, tree
from xprnn._fields import check_fields, show, whole
from xprnn.backend import host
from xprnn.layers.pool import Pool
from xprnn.layers.protocol import Layer, Stateless, Time, check_layer


@dataclass(frozen=True)
class Extend(Stateless):
    """The first step, followed by zeros: (..., T, B, F) to (..., steps, B, F).

    The layers after it in a stack then turn one step into many.

    Parameters
    ----------
    steps : int
        The number of steps of the output.
    """

    steps: int

    time: ClassVar[Time] = "whole"
    keeps_steps: ClassVar[bool] = False

    def __post_init__(self):
        check_fields(self, steps=whole)

    def forward(self, params, x, state, mask, *, noise=None, xp):
        """Return x(1), 0, …, 0."""
        first = _ops.apply_mask(x, mask, xp=xp)[..., :1, :, :]
        zero = xp.zeros_like(first)
        return xp.concat([first] + [zero] * (self.steps - 1), axis=-3), (), (x.shape, mask)

    def backward(self, params, dy, dstate, cache, *, input_grad=True, xp):
        """Return dy(1), 0, …, 0."""
        shape, mask = cache
        first = dy[..., :1, :, :]
        dx = xp.concat([first] + [xp.zeros_like(first)] * (shape[-3] - 1), axis=-3)
        return (), _ops.apply_mask(dx, mask, xp=xp), ()


@dataclass(frozen=True)
class Feedback:
    """A network whose output is fed back as its next input: (..., T, B, F) to (..., steps, B, F).

    ::

        y(1) = network(x(1)),  y(t) = network(y(t-1))      dy(t-1) += dx(t)

    Parameters
    ----------
    network : Layer
        The network, which must have as many outputs as features.
    steps : int
        The number of steps of the output.
    """

    network: Layer
    steps: int

    time: ClassVar[Time] = "whole"
    keeps_steps: ClassVar[bool] = False

    def __post_init__(self):
        check_fields(self, network=check_layer, steps=whole)
        if self.network.time == "whole" or not self.network.keeps_steps:
            raise ValueError(f"network must be able to run step by step, got {show(self.network)}")

    def init(self, rng, features):
        """Draw the network's parameters."""
        params, outputs = self.network.init(rng, features)
        if outputs != features:
            raise ValueError(
                f"Feedback needs as many outputs as features, got {outputs} output(s) for "
                f"{features} feature(s)"
            )
        return params, outputs

    def initial_state(self, params, batch, *, xp):
        """Return the network's initial state."""
        return self.network.initial_state(params, batch, xp=xp)

    def forward(self, params, x, state, mask, *, noise=None, xp):
        """Run the network step by step."""
        y, cache = [_ops.apply_mask(x, mask, xp=xp)[..., :1, :, :]], []
        for t in range(self.steps):
            own = None if noise is None else noise.after(t)
            y_t, state, c = self.network.forward(params, y[-1], state, None, noise=own, xp=xp)
            y.append(y_t)
            cache.append(c)
        return xp.concat(y[1:], axis=-3), state, (cache, x.shape[-3], mask)

    def backward(self, params, dy, dstate, cache, *, input_grad=True, xp):
        """Go back through the steps, adding each input gradient to that of the previous output."""
        caches, steps, mask = cache
        grads = tree.map(xp.zeros_like, params)
        dx = xp.zeros_like(dy[..., :1, :, :])
        for t in reversed(range(self.steps)):
            dy_t = dy[..., t : t + 1, :, :] + dx
            g, dx, dstate = self.network.backward(params, dy_t, dstate, caches[t], xp=xp)
            grads = tree.map(lambda a, b: a + b, grads, g)
        dx = xp.concat([dx] + [xp.zeros_like(dx)] * (steps - 1), axis=-3)
        return grads, _ops.apply_mask(dx, mask, xp=xp), dstate

    def states(self, cache, *, xp):
        """Return the hidden states of the network's layers at every step of the output."""
        steps = [self.network.states(c, xp=xp) for c in cache[0]]
        return tuple(xp.concat(list(h), axis=-3) for h in zip(*steps, strict=True))


@dataclass(frozen=True)
class EncoderDecoder:
    """An encoder, and a decoder that predicts the steps after it: (..., T, B, F) to (..., k, B, O).

    The encoder's final states are the decoder's initial states, and the window's last valid step
    is the decoder's first input. The encoder's outputs are not used.

    Cho et al., "Learning phrase representations using RNN encoder-decoder", 2014.

    Parameters
    ----------
    encoder : Layer
        The encoder: recurrent layers, such as ``Stack((Recurrent(64, "gru"),))``.
    decoder : Layer
        A network that turns one step into many and has recurrent layers of the same sizes, such as
        ``Stack((Extend(12), Recurrent(64, "gru"), Dense(1)))``, or
        ``Feedback(Stack((Recurrent(64, "gru"), Dense(1))), 12)``, which reads its own outputs.

    Examples
    --------
    >>> import numpy as np
    >>> from xprnn.layers import Dense, EncoderDecoder, Extend, Recurrent, Stack
    >>> network = EncoderDecoder(Recurrent(8), Stack((Extend(3), Recurrent(8), Dense(1))))
    >>> params, _ = network.init(np.random.default_rng(0), features=1)
    >>> network.forward(params, np.ones((20, 5, 1)), None, None, xp=np)[0].shape
    (3, 5, 1)
    """

    encoder: Layer
    decoder: Layer

    time: ClassVar[Time] = "whole"
    keeps_steps: ClassVar[bool] = False

    def __post_init__(self):
        check_fields(self, encoder=check_layer, decoder=check_layer)
        if not self.encoder.keeps_steps:
            raise ValueError(f"encoder must give an output at every step, got {show(self.encoder)}")
        if self.decoder.keeps_steps:
            raise ValueError(
                "decoder must generate its own steps, with Extend or Feedback, got "
                f"{show(self.decoder)}"
            )

    def init(self, rng, features):
        """Draw the parameters of both."""
        encoder, _ = self.encoder.init(rng, features)
        decoder, outputs = self.decoder.init(rng, features)
        sizes = _sizes(self.encoder, encoder), _sizes(self.decoder, decoder)
        if sizes[0] != sizes[1]:
            raise ValueError(
                "encoder and decoder must have states of the same sizes, since the decoder "
                f"starts from the encoder's states: got {sizes[0]} and {sizes[1]}"
            )
        return {"encoder": encoder, "decoder": decoder}, outputs

    def initial_state(self, params, batch, *, xp):
        """Return the encoder's initial state."""
        return self.encoder.initial_state(params["encoder"], batch, xp=xp)

    def forward(self, params, x, state, mask, *, noise=None, xp):
        """Run the encoder, then the decoder; the state is the one passed between the two."""
        noises = [None if noise is None else noise.layer(i) for i in range(2)]
        unused, end, read = self.encoder.forward(
            params["encoder"], x, state, mask, noise=noises[0], xp=xp
        )
        last, seen, picked = _LAST.forward((), x, (), mask, xp=xp)
        like = self.decoder.initial_state(params["decoder"], x.shape[-2], xp=xp)
        start = _arrange(tree.leaves(end), like)
        y, final, wrote = self.decoder.forward(
            params["decoder"], last, start, None, noise=noises[1], xp=xp
        )
        return y, end, (unused.shape, start, end, seen, final, read, picked, wrote)

    def backward(self, params, dy, dstate, cache, *, input_grad=True, xp):
        """Go back through the decoder, then through the encoder."""
        shape, start, end, seen, final, read, picked, wrote = cache
        nothing = tree.map(xp.zeros_like, final)
        decoder, dlast, dstart = self.decoder.backward(
            params["decoder"], dy, nothing, wrote, input_grad=input_grad, xp=xp
        )
        gradients = tree.flatten(dstart)  # also for states that start empty, such as Pool's
        dend = _arrange([gradients[name] for name in tree.flatten(start)], end)
        dend = tree.map(lambda a, b: a + b, dend, dstate)
        dy = xp.zeros(shape, dtype=dy.dtype, device=device(dy))
        encoder, dx, dstate = self.encoder.backward(
            params["encoder"], dy, dend, read, input_grad=input_grad, xp=xp
        )
        if input_grad:
            _, more, _ = _LAST.backward((), dlast, tree.map(xp.zeros_like, seen), picked, xp=xp)
            dx = dx + more
        return {"encoder": encoder, "decoder": decoder}, dx, dstate

    def states(self, cache, *, xp):
        """Return the hidden states of the encoder, then of the decoder."""
        *_, read, _, wrote = cache
        return (*self.encoder.states(read, xp=xp), *self.decoder.states(wrote, xp=xp))


_LAST = Pool("last")


def _arrange(leaves, like):
    """Return leaves as a tree with the structure of `like`."""
    values = iter(leaves)
    return tree.map(lambda _: next(values), like)


def _sizes(layer, params):
    """Return the size of every state."""
    return [s.shape[-1] for s in tree.leaves(layer.initial_state(params, 1, xp=host))]
