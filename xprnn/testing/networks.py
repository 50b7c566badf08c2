"""Strategies for layers and networks."""

from typing import Any

from xprnn import layers as library
from xprnn.testing.cells import cells as any_cell
from xprnn.testing.strategy import composite, strategies

MERGES: Any = ("concat", "sum", "mean", "product")
POOLS: Any = ("last", "mean", "max")


def _few() -> Any:
    """Return a strategy for small numbers of layers and steps."""
    return strategies().integers(1, 3)


@composite
def recurrent(draw, hidden_size: int | None = None, states: int | None = None, cells: Any = None):
    """Return a strategy for recurrent layers.

    Parameters
    ----------
    hidden_size : int, optional
        The number of hidden units; by default 1 to 4.
    states : int, optional
        The number of arrays in a state; by default any number. It has no effect on `cells`.
    cells : strategy of Cell, optional
        The cells; by default `xprnn.testing.cells`.

    Examples
    --------
    >>> from hypothesis import given
    >>> from xprnn import testing
    >>> @given(layer=testing.recurrent(hidden_size=2))
    ... def test(layer):
    ...     assert layer.hidden_size == 2
    >>> test()
    """
    st = strategies()
    return library.Recurrent(
        hidden_size or draw(st.integers(1, 4)),
        draw(any_cell(states) if cells is None else cells),
        recurrent_dropout=draw(st.sampled_from([0.0, 0.4])),
        learn_initial_state=draw(st.booleans()),
    )


@composite
def pointwise(draw):
    """Return a strategy for a tuple of no or one layer that processes each step separately.

    Examples
    --------
    >>> from hypothesis import given
    >>> from xprnn import testing
    >>> @given(layers=testing.pointwise())
    ... def test(layers):
    ...     assert all(layer.time == "pointwise" for layer in layers)
    >>> test()
    """
    st = strategies()
    layers = [
        library.Dropout(0.4),
        library.LayerNorm(0.1),
        library.Dense(draw(st.integers(1, 4))),
        library.Dense(2, bias=False),
        library.Activation("softsign"),
        library.Softmax(draw(st.booleans())),
    ]
    return draw(st.just(()) | st.sampled_from([(layer,) for layer in layers]))


@composite
def _deep(draw, cells):
    """Return one to three recurrent layers, in any direction, with layers in between."""
    st, layers = strategies(), []
    for _ in range(draw(_few())):
        layer = draw(recurrent(cells=cells))
        both = library.Bidirectional(layer, draw(st.sampled_from(MERGES)))
        linear = library.CausalConv(layer.hidden_size, draw(_few()), draw(st.booleans()))
        other = draw(recurrent(layer.hidden_size, cells=cells) | st.just(linear))
        beside = library.Parallel((layer, other), both.merge)
        layer = draw(st.sampled_from([layer, both, library.Reversed(layer), beside]))
        layers += [layer, *draw(pointwise())]
    return (*draw(pointwise()), *layers)


@composite
def _ends(draw, cells):
    """Return a layer that reduces many steps to one."""
    st, layer = strategies(), draw(recurrent(cells=cells))
    final = library.Final(layer, draw(st.integers(0, layer.cell.states - 1)))
    pool = library.Pool(draw(st.sampled_from(POOLS)))
    linear = library.CausalConv(draw(_few()), draw(_few()), last=True)
    several = library.Parallel((pool, library.Final(library.Reversed(layer)), final, linear))
    return draw(st.sampled_from([pool, final, linear, several]))


@composite
def feedbacks(draw, features: int, below: tuple[Any, ...]):
    """Return a strategy for networks whose output is fed back as the next input.

    Parameters
    ----------
    features : int
        The number of features of x, and so of the output.
    below : tuple of Layer
        The recurrent layers.

    Examples
    --------
    >>> from hypothesis import given
    >>> from xprnn import testing
    >>> from xprnn.layers import Recurrent
    >>> @given(network=testing.feedbacks(2, (Recurrent(3),)))
    ... def test(network):
    ...     assert network.time == "whole"
    >>> test()
    """
    layers = (*below, *draw(pointwise()), library.Dense(features))
    return library.Feedback(library.Stack(layers), draw(_few()))


@composite
def encoder_decoders(draw, features: int, cells: Any = None):
    """Return a strategy for encoders of one or two recurrent layers, and decoders of as many.

    Parameters
    ----------
    features : int
        The number of features of x.
    cells : strategy of Cell, optional
        The cells, all with the same number of states; by default `xprnn.testing.cells`.

    Examples
    --------
    >>> from hypothesis import given
    >>> from xprnn import testing
    >>> @given(network=testing.encoder_decoders(2))
    ... def test(network):
    ...     assert not network.keeps_steps
    >>> test()
    """
    st = strategies()
    readers = draw(st.lists(recurrent(cells=cells), min_size=1, max_size=2))

    def writer(reader):
        return draw(recurrent(reader.hidden_size, reader.cell.states, cells))

    writers, below = [writer(reader) for reader in readers], draw(pointwise())
    if draw(st.booleans()):
        first = readers[0]
        readers = [library.Bidirectional(first, draw(st.sampled_from(MERGES)))]
        writers = [writer(first), writer(first)]
    encoder = library.Stack((*below, *readers, *draw(pointwise())))
    if draw(st.booleans()):
        return library.EncoderDecoder(encoder, draw(feedbacks(features, tuple(writers))))
    top = draw(st.sampled_from([(), (), *((library.Pool(how),) for how in POOLS)]))
    layers = (library.Extend(draw(_few())), *writers, *draw(pointwise()), *top)
    return library.EncoderDecoder(encoder, library.Stack(layers))


@composite
def networks(draw, features: int, cells: Any = None):
    """Return a strategy for stacks of any layers, which keep the steps or change their number.

    Parameters
    ----------
    features : int
        The number of features of x; at most 3, to stay quick.
    cells : strategy of Cell, optional
        The cells, all with the same number of states; by default `xprnn.testing.cells`.
        ``st.just(MyCell())`` puts a user-defined cell everywhere.

    Examples
    --------
    >>> from hypothesis import given, settings
    >>> from xprnn import gradients, testing
    >>> @settings(max_examples=5, deadline=None)
    ... @given(network=testing.networks(features=2))
    ... def test(network):
    ...     assert gradients.check(network, features=2, directions=1).ok
    >>> test()
    """
    st = strategies()
    kind = draw(st.sampled_from(["steps", "pool", "extend", "feedback", "encoder_decoder"]))
    layers: tuple[Any, ...]
    if kind == "encoder_decoder":
        layers = (draw(encoder_decoders(features, cells)),)
    elif kind == "feedback":
        layers = (draw(feedbacks(features, (draw(recurrent(cells=cells)),))),)
    else:
        layers = draw(_deep(cells))
    if kind == "pool":
        layers = (*layers, draw(_ends(cells)))
    elif kind == "extend":
        layers = (library.Extend(draw(_few())), *layers)
    return library.Stack((*layers, *draw(pointwise())))
