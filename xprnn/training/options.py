"""The options of a training run as two frozen values, `Network` and `Method`."""

from dataclasses import dataclass, fields
from functools import partial
from typing import Any, Self

from xprnn import activations, cells, layers, losses, optimizers
from xprnn._fields import (
    check_fields,
    choose,
    flag,
    fraction,
    natural,
    number,
    optional,
    set_fields,
    unknown,
    whole,
)
from xprnn._keywords import suggest_keywords
from xprnn.layers import Layer
from xprnn.optimizers import Adam
from xprnn.penalties import Penalty

POOLS = ("last", "mean", "max")
ADAM = Adam(learning_rate=0.003)
"""The default optimizer of `fit`; benchmarks/defaults.py compares it with others."""
BATCH = 32
"""The number of sequences in a batch with ``batch_size="auto"``."""
HELD_OUT = 0.1
"""The share that early stopping holds out by default, as in scikit-learn."""


class Options:
    """Options that can be read from another object's attributes."""

    @classmethod
    def of(cls, owner: Any, **options: Any) -> Self:
        """Read the options from the attributes of `owner`; those in `options` take precedence."""
        names = [field.name for field in fields(cls) if field.name not in options]  # type: ignore[arg-type]
        return cls(**{name: getattr(owner, name) for name in names}, **options)


def differences(one: Options, other: Options) -> list[str]:
    """Return the names of the options in which two values of one class differ."""
    names = [field.name for field in fields(one)]  # type: ignore[arg-type]
    return [name for name in names if getattr(one, name) != getattr(other, name)]


@dataclass(frozen=True, kw_only=True)
class Network(Options):
    """The options of a network: recurrent layers with a dense layer on top, for any x and y.

    Parameters
    ----------
    cell, hidden_size, num_layers, activation, bidirectional, dropout
        See `xprnn.fit`.
    recurrent_dropout, pool, feedback, skip
        See `xprnn.fit`.

    Raises
    ------
    ValueError, TypeError
        If an option is out of range.

    Examples
    --------
    >>> from xprnn.training import Network
    >>> network = Network(cell="lstm", hidden_size=8)
    >>> recurrent, dense = network.build("many_to_many", outputs=2, steps=50).layers
    >>> recurrent.hidden_size, recurrent.cell, dense.output_size
    (8, LSTM(...), 2)
    """

    cell: Any = "elman"
    hidden_size: int = 64
    num_layers: int = 1
    activation: Any = "tanh"
    bidirectional: bool = False
    dropout: float = 0.0
    recurrent_dropout: float = 0.0
    pool: str | None = None
    feedback: bool = False
    skip: int = 0

    def __post_init__(self) -> None:
        check_fields(self, num_layers=whole, bidirectional=flag, dropout=fraction)
        check_fields(self, feedback=flag, skip=natural)
        if self.pool not in (None, *POOLS):
            raise unknown("pool", self.pool, POOLS)
        self._recurrent()  # checks the options of a recurrent layer

    def unless(self, layer: Layer | None, defaults: "Network | None" = None) -> "Layer | Network":
        """Return `layer`, or these options if it is None.

        Raises
        ------
        ValueError
            If a layer is given and an option differs from its default.
        """
        if layer is None:
            return self
        names = differences(self, defaults or Network())
        if names:
            raise ValueError(
                f"{', '.join(names)} describe(s) a network to build, but network= or warm_start= "
                "has one: leave them out, or set them in the layers of network="
            )
        return layer

    def build(self, mode: str, outputs: int, steps: int) -> Layer:
        """Build the network for a mode and for the number of outputs and steps of y.

        Raises
        ------
        ValueError
            If an option has no effect together with the others, or is invalid for the mode.
        """
        if self.dropout and self.num_layers == 1:
            raise ValueError(
                "dropout acts between recurrent layers and has no effect with num_layers=1; "
                "recurrent_dropout acts inside a layer"
            )
        if self.pool is not None and mode != "many_to_one":
            raise ValueError(f"pool is valid only for mode='many_to_one', got mode={mode!r}")
        if self.feedback and mode not in ("one_to_many", "encoder_decoder"):
            raise ValueError(
                "feedback is valid only for mode='one_to_many' and mode='encoder_decoder', got "
                f"mode={mode!r}"
            )
        if self.skip and not mode.startswith("many_to"):
            raise ValueError(
                "skip is valid only for mode='many_to_many' and mode='many_to_one', got "
                f"mode={mode!r}"
            )
        if self.bidirectional and (self.feedback or mode == "encoder_decoder"):
            raise ValueError(
                "bidirectional needs the whole sequence at once, but a network with feedback or "
                "a decoder generates it step by step"
            )
        hidden, top = self._hidden(), layers.Dense(outputs)
        if mode == "many_to_many":
            return self._add_skip(layers.Stack((*hidden, top)), outputs)
        if mode == "many_to_one":
            pool: Any = self.pool or ("mean" if self.bidirectional else "last")
            return self._add_skip(layers.Stack((*hidden, layers.Pool(pool), top)), outputs)
        decoder: Layer = layers.Stack((layers.Extend(steps), *hidden, top))
        if self.feedback:
            decoder = layers.Feedback(layers.Stack((*hidden, top)), steps)
        if mode == "one_to_many":
            return decoder
        return layers.EncoderDecoder(layers.Stack(hidden), decoder)

    def _add_skip(self, network: Layer, outputs: int) -> Layer:
        """Return the network, with `skip` in parallel with a linear map of the last steps of x."""
        if not self.skip:
            return network
        last = not network.keeps_steps
        linear = layers.CausalConv(outputs, self.skip, bias=False, last=last)
        return layers.Parallel((network, linear), merge="sum")

    def _hidden(self) -> tuple[Layer, ...]:
        """Return the recurrent layers, with dropout between them."""
        hidden: list[Layer] = []
        for i in range(self.num_layers):
            if i and self.dropout:
                hidden.append(layers.Dropout(self.dropout))
            layer = self._recurrent()
            hidden.append(layers.Bidirectional(layer) if self.bidirectional else layer)
        return tuple(hidden)

    def _recurrent(self) -> Layer:
        """Return one recurrent layer."""
        activation = None if self.activation == "tanh" else activations.get(self.activation)
        cell = cells.get(self.cell, activation)
        return layers.Recurrent(self.hidden_size, cell, recurrent_dropout=self.recurrent_dropout)


@dataclass(frozen=True, kw_only=True)
class Method(Options):
    """The options of the training method.

    Parameters
    ----------
    loss, optimizer, learning_rate, penalty, epochs, batch_size
        See `xprnn.fit`. A loss or optimizer name is replaced by the object, and the learning rate
        is set on the optimizer.
    tbptt, checkpoint_every, early_stopping, validation_fraction, clip_norm, standardize, seed
        See `xprnn.fit`.

    Raises
    ------
    ValueError, TypeError
        If an option is out of range, or has no effect together with the others.

    Examples
    --------
    >>> from xprnn.training import Method
    >>> method = Method(loss="mae", optimizer="sgd", learning_rate=0.1)
    >>> method.loss, method.optimizer.rate(0)
    (MAE(), 0.1)
    """

    loss: Any = "half_mse"
    optimizer: Any = None
    learning_rate: Any = None
    penalty: Penalty | None = None
    epochs: int = 300
    batch_size: int | str | None = "auto"
    tbptt: int | None = None
    checkpoint_every: int | None = None
    early_stopping: bool = False
    validation_fraction: float | None = None
    clip_norm: float | None = 1.0
    standardize: bool = True
    seed: int = 0

    def __post_init__(self) -> None:
        optimizer = ADAM if self.optimizer is None else self.optimizer
        set_fields(
            self,
            loss=losses.get(self.loss),
            optimizer=optimizers.get(optimizer, self.learning_rate),
            seed=whole("seed", self.seed, least=0),
        )
        check_fields(
            self,
            epochs=whole,
            early_stopping=flag,
            validation_fraction=optional(partial(number, above=0, below=1)),
            standardize=flag,
        )
        for name in ("batch_size", "tbptt", "checkpoint_every"):
            if getattr(self, name) not in (None, "auto" if name == "batch_size" else None):
                set_fields(self, **{name: whole(name, getattr(self, name))})
        if self.clip_norm is not None:
            set_fields(self, clip_norm=number("clip_norm", self.clip_norm, above=0))
        if self.penalty is not None:
            choose("penalty", self.penalty, {}, ("gradient", "constrain"))
        if self.tbptt and self.checkpoint_every and self.checkpoint_every >= self.tbptt:
            raise ValueError(
                f"checkpoint_every must be below tbptt={self.tbptt}, the number of steps in a "
                f"chunk, got {self.checkpoint_every}"
            )

    @property
    def sequences(self) -> int | None:
        """The number of sequences in a batch; None for all."""
        return BATCH if self.batch_size == "auto" else self.batch_size  # type: ignore[return-value]

    @property
    def held_out(self) -> float | None:
        """The share of the data to hold out without validation data; None for nothing."""
        if self.validation_fraction is None and self.early_stopping:
            return HELD_OUT
        return self.validation_fraction


for _options in (Network, Method):
    _options.__init__ = suggest_keywords(_options.__init__)  # type: ignore[method-assign]
