"""Weights of torch and Keras: there and back, and the same outputs as theirs."""

import importlib
import os
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from xprnn import cells, interop, tree
from xprnn.cells import GRU, LSTM, Elman, GRUResetBefore
from xprnn.layers import (
    Bidirectional,
    Dense,
    Dropout,
    LayerNorm,
    Pool,
    Recurrent,
    Stack,
)

SEEDS = st.integers(0, 2**32 - 1)
SIZES = st.tuples(*[st.integers(1, 4)] * 3)
MODES = {"RNN_TANH": Elman("tanh"), "RNN_RELU": Elman("relu"), "LSTM": LSTM(), "GRU": GRU()}
KERAS = ["SimpleRNN", "LSTM", "GRU"]
ACTIVATIONS = st.sampled_from(["tanh", "relu", "sigmoid", "linear", "softsign", "softplus", "elu"])
MERGES = {"concat": "concat", "sum": "sum", "ave": "mean", "mul": "product"}


@pytest.fixture(scope="module")
def torch():
    return pytest.importorskip("torch", reason="the oracle is torch, which is not installed")


@pytest.fixture(scope="module")
def keras():
    os.environ.setdefault("KERAS_BACKEND", "torch")
    keras = pytest.importorskip("keras", reason="the oracle is Keras, which is not installed")
    dtypes = importlib.import_module("keras.src.backend.common.dtypes")
    with pytest.MonkeyPatch.context() as patch:  # on torch it would multiply in float32
        patch.setitem(dtypes.BIT64_TO_BIT32_DTYPE, "float64", "float64")
        floatx, policy = keras.config.floatx(), keras.config.dtype_policy()
        keras.config.set_floatx("float64")
        keras.config.set_dtype_policy("float64")
        yield keras
        keras.config.set_floatx(floatx)
        keras.config.set_dtype_policy(policy)


def draw(network, features, rng):
    """Random parameters."""
    return tree.map(lambda a: rng.standard_normal(a.shape), network.init(rng, features)[0])


def same(ours, theirs):
    assert ours.shape == theirs.shape
    np.testing.assert_allclose(ours, theirs, rtol=1e-12, atol=1e-12)


def same_trees(one, other):
    one, other = tree.flatten(one), tree.flatten(other)
    assert one.keys() == other.keys()
    for name, a in one.items():
        np.testing.assert_array_equal(a, other[name])
        assert a.dtype == other[name].dtype


# torch


@given(
    mode=st.sampled_from(sorted(MODES)),
    layers=st.integers(1, 3),
    both=st.booleans(),
    dropout=st.sampled_from([0.0, 0.3]),
    dtype=st.sampled_from(["float32", "float64"]),
    sizes=SIZES,
    seed=SEEDS,
)
def test_to_torch_and_back(mode, layers, both, dropout, dtype, sizes, seed):
    features, hidden, _ = sizes
    layer = Recurrent(hidden, MODES[mode])
    parts = [Bidirectional(layer) if both else layer] * layers
    if dropout:
        parts = [p for part in parts for p in (part, Dropout(dropout))][:-1]
    network = Stack(tuple(parts))
    params = draw(network, features, np.random.default_rng(seed))
    params = tree.map(lambda a: a.astype(dtype), params)
    module = SimpleNamespace(
        mode=mode, hidden_size=hidden, num_layers=layers, bias=True, bidirectional=both,
        dropout=dropout, proj_size=0, **interop.to_torch(network, params),
    )  # fmt: skip
    again, weights = interop.from_torch(module)
    assert again == network
    same_trees(weights, params)


@given(
    name=st.sampled_from(["RNN", "LSTM", "GRU"]),
    relu=st.booleans(),
    layers=st.integers(1, 3),
    both=st.booleans(),
    bias=st.booleans(),
    sizes=SIZES,
    steps=st.integers(1, 6),
    seed=SEEDS,
)
def test_outputs_of_torch(torch, name, relu, layers, both, bias, sizes, steps, seed):
    """In both ways: a module of torch here, and its weights in another module there."""
    features, hidden, batch = sizes
    more = {"nonlinearity": "relu"} if relu and name == "RNN" else {}
    shape = {"num_layers": layers, "bidirectional": both, "dtype": torch.float64, **more}
    torch.manual_seed(seed)
    module = getattr(torch.nn, name)(features, hidden, bias=bias, **shape)
    x = np.random.default_rng(seed).standard_normal((steps, batch, features))
    with torch.no_grad():
        y, end = module(torch.tensor(x))
    network, params = interop.from_torch(module)
    ours, states, _ = network.forward(params, x, None, None, xp=np)
    same(ours, y.numpy())
    ends = tree.leaves(states)
    if name == "LSTM":
        same(np.stack(ends[0::2]), end[0].numpy())
        same(np.stack(ends[1::2]), end[1].numpy())
    else:
        same(np.stack(ends), end.numpy())

    other = getattr(torch.nn, name)(features, hidden, **shape)
    state = {n: torch.tensor(a) for n, a in interop.to_torch(network, params).items()}
    other.load_state_dict(state)
    with torch.no_grad():
        same(other(torch.tensor(x))[0].numpy(), y.numpy())


def test_dropout_of_torch(torch):
    module = torch.nn.GRU(2, 3, num_layers=3, dropout=0.25, batch_first=True)
    network, params = interop.from_torch(module)
    gru, dropped = Recurrent(3, "gru"), Dropout(0.25)
    assert network == Stack((gru, dropped, gru, dropped, gru))
    assert params[0]["W"].dtype == np.float32


def test_weights_of_torch_are_copies(torch):
    module = torch.nn.RNN(2, 3)
    _, params = interop.from_torch(module)
    before = params[0]["U"].copy()
    with torch.no_grad():
        module.weight_hh_l0.zero_()
    np.testing.assert_array_equal(params[0]["U"], before)


def test_what_from_torch_cannot_take(torch):
    with pytest.raises(ValueError, match="proj_size must be 0, got 2"):
        interop.from_torch(torch.nn.LSTM(3, 4, proj_size=2))
    for wrong in (torch.nn.Linear(2, 3), torch.nn.LSTMCell(2, 3), "lstm"):
        with pytest.raises(TypeError, match=r"must be a torch\.nn\.RNN, torch\.nn\.LSTM or"):
            interop.from_torch(wrong)


def halved(module):
    """Return a module of torch that gives half of what it should."""
    kind = type(module)

    class Halved(kind):
        def forward(self, x):
            y, state = super().forward(x)
            return y / 2, state

    return Halved


@pytest.mark.parametrize("name", ["RNN", "LSTM", "GRU"])
@pytest.mark.parametrize("batch_first", [False, True])
def test_a_module_of_torch_is_asked_what_it_computes(torch, name, batch_first):
    """Names and attributes say nothing of a forward, or a hook, of one's own."""
    kind = getattr(torch.nn, name)
    options = {"num_layers": 2, "dropout": 0.3, "batch_first": batch_first}
    module = kind(2, 3, **options)
    assert module.training
    interop.from_torch(module)
    assert module.training
    with pytest.raises(ValueError, match="module does not compute what its class"):
        interop.from_torch(halved(module)(2, 3, **options))
    same_class = type("Mine", (kind,), {})(2, 3, **options)
    assert len(interop.from_torch(same_class)[0].layers) == 3
    module.register_forward_hook(lambda module, args, y: (2 * y[0], y[1]))
    with pytest.raises(ValueError, match="module does not compute"):
        interop.from_torch(module)
    module.forward = lambda x: 1 / 0
    with pytest.raises(ValueError, match=r"module can't be applied to x .*division by zero"):
        interop.from_torch(module)
    assert module.training


def test_weights_of_torch_that_are_no_numbers(torch):
    from torch._subclasses.fake_tensor import FakeTensorMode

    for dtype in (torch.float16, torch.bfloat16):
        with pytest.raises(TypeError, match=f"weight_ih_l0 has dtype {str(dtype)[6:]}: expected"):
            interop.from_torch(torch.nn.GRU(2, 3, dtype=dtype))
    with pytest.raises(TypeError, match=r"weight_ih_l0 must be a dense array .* the device meta"):
        interop.from_torch(torch.nn.GRU(2, 3, device="meta"))
    with FakeTensorMode(), pytest.raises(TypeError, match="weight_ih_l0 must be a dense array"):
        interop.from_torch(torch.nn.GRU(2, 3))
    given = SimpleNamespace(
        mode="GRU", hidden_size=3, num_layers=1, bias=False, bidirectional=False,
        weight_ih_l0=torch.ones(9, 2).to_sparse(), weight_hh_l0=torch.ones(9, 3),
    )  # fmt: skip
    with pytest.raises(TypeError, match="weight_ih_l0 must be a dense array"):
        interop.from_torch(given)


SMALL = Recurrent(2)


@pytest.mark.parametrize(
    ("network", "message"),
    [
        (Recurrent(2, LSTM(peepholes=True)), "peepholes=True"),
        (Recurrent(2, Elman("elu")), r"Elman\(activation=ELU"),
        (Recurrent(2, LSTM(gate_activation="softsign")), r"LSTM\(.*Softsign"),
        (Recurrent(2, GRUResetBefore()), "GRUResetBefore"),
        (Recurrent(2, learn_initial_state=True), "learn_initial_state=True"),
        (Bidirectional(SMALL, "sum"), "merge='sum'"),
        (Stack((SMALL, Dense(1))), r"Dense is not a recurrent layer.*network.layers\[:n\]"),
        (Stack((SMALL, LayerNorm())), "LayerNorm is not a recurrent layer"),
        (
            Stack((SMALL, Recurrent(3))),
            "one kind, got RNN_TANH of size 2 in one direction, .* of size 3",
        ),
        (Stack((SMALL, Recurrent(2, "gru"))), "one kind, got .*GRU"),
        (Stack((SMALL, Recurrent(2, Elman("relu")))), "one kind, got .*RNN_RELU"),
        (Stack((SMALL, Bidirectional(SMALL))), "one kind, got .* in two directions"),
        (Stack((Dropout(0.1),)), "no recurrent layer"),
    ],
)
def test_what_torch_cannot_express(network, message, rng):
    with pytest.raises(ValueError, match=message):
        interop.to_torch(network, network.init(rng, 2)[0])


def test_one_model_at_a_time(rng):
    params = tree.map(lambda a: np.stack([a, a]), SMALL.init(rng, 2)[0])
    for give in (interop.to_torch, interop.to_keras):
        with pytest.raises(ValueError, match="several models side by side"):
            give(SMALL, params)


def test_weights_of_every_backend(place, rng):
    network = Stack((Recurrent(3, "gru"), Pool("mean")))
    params = place.tree(network.init(rng, 2)[0])
    moved = interop.to_torch(network, params)
    same(moved["weight_ih_l0"].T, place.host(params[0]["W"]))
    same(interop.to_keras(network, params)[0][:, 6:], place.host(params[0]["W"])[:, 6:])


# Keras


OLD_ARRAYS = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
"""What Keras on torch warns of when it makes NumPy arrays."""


def fake(kind, units, weights, **more):
    """An object with the attributes of a layer of Keras."""
    own = {
        "units": units, "activation": "tanh", "recurrent_activation": "sigmoid",
        "go_backwards": False, "return_sequences": True, "reset_after": True, **more,
    }  # fmt: skip
    return type(kind, (), {**own, "get_weights": lambda self: weights})()


@given(
    cell=st.sampled_from(sorted(cells.TABLE)),
    both=st.booleans(),
    merge=st.sampled_from(sorted(MERGES)),
    dtype=st.sampled_from(["float32", "float64"]),
    rate=st.sampled_from([0.0, 0.2]),
    sizes=SIZES,
    seed=SEEDS,
)
def test_to_keras_and_back(cell, both, merge, dtype, rate, sizes, seed):
    features, hidden, _ = sizes
    layer = Recurrent(hidden, cell, recurrent_dropout=rate)
    network = Stack((Bidirectional(layer, MERGES[merge]) if both else layer,))
    params = draw(network, features, np.random.default_rng(seed))
    params = tree.map(lambda a: a.astype(dtype), params)
    weights = interop.to_keras(network, params)
    kind = {"elman": "SimpleRNN", "lstm": "LSTM"}.get(cell, "GRU")
    more = {"reset_after": cell == "gru", "recurrent_dropout": rate}
    if both:
        half = len(weights) // 2
        given = fake(
            "Bidirectional", hidden, weights, merge_mode=merge,
            forward_layer=fake(kind, hidden, weights[:half], **more),
            backward_layer=fake(kind, hidden, weights[half:], **more, go_backwards=True),
        )  # fmt: skip
    else:
        given = fake(kind, hidden, weights, **more)
    again, back = interop.from_keras(given)
    assert again == network
    same_trees(back, params)


@OLD_ARRAYS
@given(
    kind=st.sampled_from(KERAS),
    activation=ACTIVATIONS,
    gates=ACTIVATIONS,
    after=st.booleans(),
    bias=st.booleans(),
    sequences=st.booleans(),
    merge=st.sampled_from([None, *sorted(MERGES)]),
    sizes=SIZES,
    steps=st.integers(1, 5),
    seed=SEEDS,
)
def test_outputs_of_keras(
    keras, kind, activation, gates, after, bias, sequences, merge, sizes, steps, seed
):
    """In both ways: a layer of Keras here, and its weights in another layer there."""
    features, hidden, batch = sizes
    more = {} if kind == "SimpleRNN" else {"recurrent_activation": gates}
    more |= {"reset_after": after} if kind == "GRU" else {}
    sequences = sequences or merge is not None

    def made(use_bias):
        layer = getattr(keras.layers, kind)(
            hidden, activation=activation, use_bias=use_bias, return_sequences=sequences,
            **more,
        )  # fmt: skip
        if merge is not None:
            layer = keras.layers.Bidirectional(layer, merge_mode=merge)
        layer.build((None, None, features))
        return layer

    rng = np.random.default_rng(seed)
    layer = made(bias)
    layer.set_weights([rng.standard_normal(w.shape) for w in layer.get_weights()])
    x = rng.standard_normal((batch, steps, features))
    y = keras.ops.convert_to_numpy(layer(x))
    network, params = interop.from_keras(layer)
    ours, _, _ = network.forward(params, x.transpose(1, 0, 2), None, None, xp=np)
    scale = max(1, np.abs(y).max())
    same((ours.transpose(1, 0, 2) if sequences else ours[0]) / scale, y / scale)

    other = made(use_bias=True)
    other.set_weights(interop.to_keras(network, params))
    same(keras.ops.convert_to_numpy(other(x)) / scale, y / scale)


@OLD_ARRAYS
@pytest.mark.parametrize("kind", KERAS)
@pytest.mark.parametrize("both", [False, True])
def test_a_layer_of_keras_is_asked_what_it_computes(keras, kind, both):
    """An activation is not what it is called, nor a layer what its class is called."""

    def made(activation="tanh", layer=None):
        layer = layer or getattr(keras.layers, kind)
        found = layer(3, activation=activation, return_sequences=True)
        found = keras.layers.Bidirectional(found) if both else found
        found.build((None, None, 2))
        return found

    def relu(z):
        return keras.ops.maximum(0.1 * z, z)

    interop.from_keras(made("relu"))
    interop.from_keras(made(keras.activations.relu))
    if not both:  # there Keras itself takes its own for it, when it copies the layer
        with pytest.raises(ValueError, match="activation is a 'relu' that is not Keras's own"):
            interop.from_keras(made(relu))
    own = type(
        kind, (getattr(keras.layers, kind),),
        {"call": lambda self, *a, **k: 0.5 * super(own, self).call(*a, **k)},
    )  # fmt: skip
    with pytest.raises(ValueError, match="layer does not compute what its class"):
        interop.from_keras(made(layer=own))
    bare = keras.layers.Bidirectional(keras.layers.GRU(3, return_sequences=True))
    for unbuilt in (getattr(keras.layers, kind)(3), bare) if both else (keras.layers.GRU(3),):
        with pytest.raises(ValueError, match=r"got 0 arrays.*layer\.build|can't be read"):
            interop.from_keras(unbuilt)


@OLD_ARRAYS
def test_several_layers_of_keras(keras, rng):
    model = keras.Sequential(
        [
            keras.layers.Input((None, 2)),
            keras.layers.LSTM(3, return_sequences=True),
            keras.layers.GRU(4, return_sequences=True),
        ]
    )
    network = Stack((Recurrent(3, "lstm"), Dropout(0.3), Recurrent(4, "gru")))
    params = draw(network, 2, rng)
    model.set_weights(interop.to_keras(network, params))
    x = rng.standard_normal((5, 6, 2))
    y = keras.ops.convert_to_numpy(model(x))
    ours, _, _ = network.forward(params, x.transpose(1, 0, 2), None, None, xp=np)
    same(ours.transpose(1, 0, 2), y)


W, U, B = np.ones((2, 3)), np.ones((3, 3)), np.ones(3)
ONE = fake("SimpleRNN", 3, [W, U, B])
BACK = fake("SimpleRNN", 3, [W, U, B], go_backwards=True)
RELU = fake("SimpleRNN", 3, [W, U, B], go_backwards=True, activation="relu")


def relu(z):
    """Something else than its name says."""
    return np.maximum(0.1 * z, z)


def steps_of(x, training, scale=1.0, sequences=True):
    """What a SimpleRNN with the weights W, U and B gives for x (B, T, F)."""
    h, y = np.zeros((len(x), 3)), []
    for x_t in x.swapaxes(0, 1):
        h = np.tanh(x_t @ W + h @ U + B)
        y.append(scale * h)
    return np.stack(y, axis=1) if sequences else y[-1]


def applied(**options):
    """Return a layer that can be called."""
    sequences = options.get("sequences", True)
    layer = fake("SimpleRNN", 3, [W, U, B], return_sequences=sequences)
    type(layer).__call__ = lambda self, x, training: steps_of(x, training, **options)
    return layer


@pytest.mark.parametrize("sequences", [True, False])
def test_a_layer_that_can_be_called_is_called(sequences):
    assert interop.from_keras(applied(sequences=sequences))[0].layers[0] == Recurrent(3)
    with pytest.raises(ValueError, match=r"layer does not compute .* off by 0\.\d+ and"):
        interop.from_keras(applied(sequences=sequences, scale=0.9))


@pytest.mark.parametrize(
    ("layer", "error", "message"),
    [
        (BACK, ValueError, "go_backwards=True"),
        (fake("SimpleRNN", 3, []), ValueError, r"got 0 arrays; a layer gets its weights when it"),
        (fake("GRU", 3, [W]), ValueError, "got 1 arrays"),
        (
            fake("SimpleRNN", 3, [W.astype("float16"), U, B]),
            TypeError,
            "kernel has dtype float16: expected float32 or float64",
        ),
        (fake("SimpleRNN", 3, ["a", U, B]), TypeError, "kernel has dtype unknown"),
        (
            fake("SimpleRNN", 3, [W, U, B], activation=staticmethod(relu)),
            ValueError,
            "activation is a 'relu' that is not Keras's own",
        ),
        (fake("Dense", 3, [W, B]), TypeError, r"keras\.layers\.SimpleRNN, LSTM, GRU or"),
        (
            fake("SimpleRNN", 3, [W, U, B], activation="gelu"),
            ValueError,
            "activation must .* got 'gelu'",
        ),
        (
            fake("LSTM", 3, [W, U, B], recurrent_activation="hard_sigmoid"),
            ValueError,
            "recurrent_activation must be one of xprnn's, .*, got 'hard_sigmoid'",
        ),
        (
            fake("Bidirectional", 3, [], merge_mode=None, forward_layer=ONE, backward_layer=BACK),
            ValueError,
            "merge_mode must be one of .*, got None",
        ),
        (
            fake("Bidirectional", 3, [], merge_mode="sum", return_sequences=False),
            ValueError,
            "the last step of one direction and the first of the other",
        ),
        (
            fake("Bidirectional", 3, [], merge_mode="sum", forward_layer=ONE, backward_layer=ONE),
            ValueError,
            "backward_layer backward",
        ),
        (
            fake("Bidirectional", 3, [], merge_mode="sum", forward_layer=ONE, backward_layer=RELU),
            ValueError,
            "both directions must be alike",
        ),
    ],
)
def test_what_from_keras_cannot_take(layer, error, message):
    with pytest.raises(error, match=message):
        interop.from_keras(layer)


class OwnCell:
    gates, states = 1, 1

    def forward(self, p, q, state, *, xp): ...
    def backward(self, dstate, memo, *, xp): ...


@pytest.mark.parametrize(
    ("network", "message"),
    [
        (Recurrent(2, LSTM(peepholes=True)), "Keras can't express peepholes=True"),
        (Recurrent(2, OwnCell()), "Keras can't express .*OwnCell"),
        (Bidirectional(Recurrent(2, learn_initial_state=True)), "learn_initial_state=True"),
        (Stack((Dense(2), SMALL)), "Dense is not a recurrent layer"),
    ],
)
def test_what_keras_cannot_express(network, message, rng):
    with pytest.raises(ValueError, match=message):
        interop.to_keras(network, network.init(rng, 2)[0])
