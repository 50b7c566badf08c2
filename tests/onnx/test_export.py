"""Models in ONNX files: onnxruntime gives what the models give."""

import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import xprnn
from xprnn import activations as f
from xprnn import losses, tree
from xprnn._model import Model
from xprnn._sequences.scaling import Scaler
from xprnn.cells import GRU, LSTM, Elman, GRUResetBefore
from xprnn.errors import MissingExtraError
from xprnn.layers import (
    Activation,
    Bidirectional,
    CausalConv,
    Dense,
    Dropout,
    EncoderDecoder,
    Extend,
    Feedback,
    Final,
    LayerNorm,
    Parallel,
    Pool,
    Recurrent,
    Reversed,
    Softmax,
    Stack,
)
from xprnn.onnx.write.graph import Graph
from xprnn.onnx.write.tracing import Symbol, Tracer
from xprnn.training import Network

onnx = pytest.importorskip("onnx", reason="ONNX files need onnx, which is not installed")
runtime = pytest.importorskip("onnxruntime", reason="the oracle, onnxruntime, is not installed")

SEEDS = st.integers(0, 2**32 - 1)
ACTIVATIONS = st.sampled_from(
    ["tanh", "relu", "sigmoid", "identity", "softsign", "softplus", "elu", f.Affine(0.5, 0.1),
     f.ELU(0.5), f.HardSigmoid(), f.LeakyReLU(0.2), f.ScaledTanh(1.5, 0.5),
     f.ThresholdedReLU(0.25), f.Clipped("tanh", 0.5), f.Clipped("relu", 0.5)]
)  # fmt: skip
CELLS = st.one_of(
    st.builds(Elman, ACTIVATIONS),
    st.builds(LSTM, ACTIVATIONS, st.sampled_from(["sigmoid", "tanh"]), st.booleans()),
    st.builds(GRU, ACTIVATIONS, st.sampled_from(["sigmoid", "softsign"])),
    st.builds(GRUResetBefore, ACTIVATIONS),
)
WRAPS = st.sampled_from(["forward", "concat", "sum", "mean", "product"])
HEADS = [
    (),
    (Dense(2),),
    (Dropout(0.5), LayerNorm(), Dense(1, bias=False)),
    (Pool("last"), Dense(1)),
    (Pool("mean"), LayerNorm(), Dense(3)),
    (Pool("max"),),
    (Activation("relu"), Dense(2), Softmax()),
    (Activation(f.HardSigmoid()), Softmax(log=True)),
    (Parallel((Pool("mean"), Pool("last"))), Dense(2), Activation("sigmoid")),
    (Parallel((Recurrent(2), Reversed(Recurrent(2, GRU()))), "mean"), Activation("elu")),
    (Parallel((Final(Recurrent(2, LSTM()), 1), Final(Reversed(Recurrent(2)))), "product"),),
    (CausalConv(2, 1), CausalConv(1, 4, bias=False)),
    (Parallel((Stack((Recurrent(3), Dense(2))), CausalConv(2, 3, bias=False)), "sum"),),
    (CausalConv(2, 9), Pool("last")),
    (CausalConv(2, 9, last=True), Dense(1)),
    (Parallel((CausalConv(2, 1, last=True), CausalConv(2, 3, last=True, bias=False))),),
]
TOLERANCES = {"float32": {"rtol": 1e-4, "atol": 1e-4}, "float64": {"rtol": 1e-10, "atol": 1e-11}}


def wrapped(layer, wrap):
    return layer if wrap == "forward" else Bidirectional(layer, wrap)


def random_model(network, features, dtype, rng, **fields):
    """A model with random parameters, small enough that no state grows."""
    params, outputs = network.init(rng, features)
    params = tree.map(lambda a: (0.4 * rng.standard_normal(a.shape)).astype(dtype), params)
    return Model(network=network, params=params, features=features, outputs=outputs, **fields)


def scaler(size, dtype, rng):
    mean, scale = rng.standard_normal(size), rng.uniform(0.5, 2, size)
    return Scaler(mean.astype(dtype), scale.astype(dtype))


def session(model, **options):
    proto = xprnn.onnx.to_proto(model, **options)
    onnx.checker.check_model(proto, full_check=True)
    return runtime.InferenceSession(proto.SerializeToString(), providers=["CPUExecutionProvider"])


def operators(model, **options):
    return {node.op_type for node in xprnn.onnx.to_proto(model, **options).graph.node}


def same(theirs, ours, dtype):
    assert theirs.shape == ours.shape
    assert theirs.dtype == dtype
    np.testing.assert_allclose(theirs, ours, **TOLERANCES[dtype])


@given(
    cell=CELLS,
    wraps=st.lists(WRAPS, min_size=1, max_size=2),
    head=st.sampled_from(HEADS),
    learnt=st.booleans(),
    scaled=st.booleans(),
    flat=st.booleans(),
    dtype=st.sampled_from(["float32", "float64"]),
    seed=SEEDS,
)
def test_onnxruntime_gives_what_predict_gives(cell, wraps, head, learnt, scaled, flat, dtype, seed):
    """Ragged lengths with NaN at padding, states that are not zero, and neither of them."""
    rng = np.random.default_rng(seed)
    layers = [wrapped(Recurrent(3, cell, learn_initial_state=learnt), wrap) for wrap in wraps]
    network = Stack((*layers, *head))
    one = not network.keeps_steps
    model = random_model(network, 2, dtype, rng, mode="many_to_one" if one else "many_to_many")
    model = replace(
        model,
        x_scaler=scaler(2, dtype, rng) if scaled else None,
        y_scaler=scaler(model.outputs, dtype, rng) if scaled else None,
        y_rank=(1 if one else 2) if flat else 3,
    )
    made = session(model)
    x = rng.standard_normal((4, 6, 2)).astype(dtype)
    y, end = model.predict(x, return_state=True)
    theirs = made.run(None, {"x": x})
    same(theirs[0], y, dtype)
    for k, new in enumerate(theirs[1:]):
        same(new, end[k], dtype)
    lengths = rng.integers(1, 7, 4)
    for row, length in zip(x, lengths, strict=True):
        row[length:] = np.nan
    states = [rng.standard_normal(s.shape).astype(dtype) for s in theirs[1:]]
    own = [np.zeros_like(s) for s in end[len(states) :]]
    y, end = model.predict(x, lengths=lengths, state=(*states, *own), return_state=True)
    feeds = {f"state_{k}": s for k, s in enumerate(states)}
    theirs = made.run(None, {"x": x, "lengths": lengths.astype("int32"), **feeds})
    same(theirs[0], y, dtype)
    for k, new in enumerate(theirs[1:]):
        same(new, end[k], dtype)


@pytest.mark.parametrize("head", HEADS, ids=lambda head: " ".join(type(h).__name__ for h in head))
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_every_head(head, dtype, rng):
    network = Stack((Recurrent(3), *head))
    mode = "many_to_many" if network.keeps_steps else "many_to_one"
    model = random_model(network, 2, dtype, rng, mode=mode)
    x, lengths = rng.standard_normal((3, 5, 2)).astype(dtype), np.array([5, 1, 3])
    theirs = session(model).run(["y"], {"x": x, "lengths": lengths.astype("int32")})
    same(theirs[0], model.predict(x, lengths=lengths), dtype)


@given(cell=CELLS, dtype=st.sampled_from(["float32", "float64"]), seed=SEEDS)
def test_writers_and_decoders(cell, dtype, seed):
    rng = np.random.default_rng(seed)
    layer = Recurrent(3, cell)
    extend = Stack((Extend(4), layer, Dense(2)))
    feedback = Feedback(Stack((layer, Dense(2))), 3)
    model = random_model(Feedback(CausalConv(2, 2), 3), 2, dtype, rng, mode="one_to_many")
    x = rng.standard_normal((3, 1, 2)).astype(dtype)
    same(session(model).run(["y"], {"x": x})[0], model.predict(x), dtype)
    for network in (extend, feedback):
        model = random_model(network, 2, dtype, rng, mode="one_to_many")
        x = rng.standard_normal((3, 1, 2)).astype(dtype)
        same(session(model).run(["y"], {"x": x})[0], model.predict(x), dtype)
        network = EncoderDecoder(Stack((layer,)), network)
        model = random_model(network, 2, dtype, rng, mode="encoder_decoder")
        x = rng.standard_normal((3, 5, 2)).astype(dtype)
        lengths = np.array([5, 1, 3], dtype="int32")
        theirs = session(model).run(["y"], {"x": x, "lengths": lengths})
        same(theirs[0], model.predict(x, lengths=lengths), dtype)


@pytest.mark.parametrize("mode", ["many_to_many", "many_to_one"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_linear_way_past_the_network(mode, dtype, rng):
    """And the network comes back; a stream goes on from the states of the file."""
    network = Network(cell="gru", hidden_size=3, skip=4).build(mode, outputs=2, steps=6)
    model = random_model(network, 2, dtype, rng, mode=mode)
    x, lengths = rng.standard_normal((3, 6, 2)).astype(dtype), np.array([6, 1, 3], "int32")
    made = session(model)
    same(made.run(["y"], {"x": x, "lengths": lengths})[0], model.predict(x, lengths=lengths), dtype)
    _, *states = made.run(None, {"x": x[:, :4]})
    feeds = {f"state_{k}": s for k, s in enumerate(states)}
    last = model.predict(x)[:, 4:] if mode == "many_to_many" else model.predict(x)
    same(made.run(["y"], {"x": x[:, 4:], **feeds})[0], last, dtype)
    assert xprnn.from_onnx(xprnn.onnx.to_proto(model)).network == network


class Doubling(losses.HalfMSE):
    """A loss of one's own, whose outputs are half of the standardised y."""

    def unscale(self, y_hat, scaler, *, xp):
        y = xp.reshape(y_hat, (*y_hat.shape[:-1], 1, -1))
        y += y
        return xp.reshape(scaler.invert(y), y_hat.shape)


@pytest.mark.parametrize(
    "loss",
    [
        "half_mse",
        losses.Pinball((0.1, 0.9)),
        losses.GaussianNLL(),
        losses.GaussianNLL(min_variance=10.0),
        Doubling(),
    ],
    ids=str,
)
def test_trained_models_in_the_units_of_y(loss, tmp_path):
    x = np.linspace(0, 6, 80).reshape(4, 20, 1)
    y = 1000 + 50 * np.sin(x)
    model = xprnn.fit(x, y, loss=loss, hidden_size=4, epochs=3)
    model.to_onnx(tmp_path / "model.onnx")
    made = runtime.InferenceSession(tmp_path / "model.onnx", providers=["CPUExecutionProvider"])
    np.testing.assert_allclose(made.run(["y"], {"x": x})[0], model.predict(x), rtol=1e-12)


def test_x_is_taken_in_the_dtype_in_which_it_has_its_digits():
    """Seconds since 1970 are all the same number in float32."""
    seconds = 1.7e9 + np.arange(40.0)
    model = xprnn.fit(seconds, np.sin(np.arange(40)), dtype="float32", hidden_size=4, epochs=2)
    made = session(model)
    assert made.get_inputs()[0].type == "tensor(double)"
    y = made.run(["y"], {"x": seconds[None, :, None]})[0]
    assert y.dtype == "float32"
    np.testing.assert_allclose(y[0], model.predict(seconds), atol=1e-4)
    assert np.ptp(y) > 0.01


def test_float32_has_recurrent_nodes_and_float64_loops(rng):
    nodes = {"RNN": Elman(), "LSTM": LSTM(peepholes=True), "GRU": GRUResetBefore()}
    for op, cell in nodes.items():
        model = random_model(Stack((Recurrent(3, cell),)), 2, "float32", rng)
        assert op in operators(model)
        assert "Scan" not in operators(model)
        assert "Scan" in operators(model, dtype="float64")
        assert op not in operators(model, dtype="float64")
    double = random_model(Stack((Recurrent(3, GRU()),)), 2, "float64", rng)
    assert "GRU" in operators(double, dtype="float32")


@pytest.mark.parametrize("op", ["RNN", "LSTM", "GRU"])
def test_onnxruntime_has_no_recurrent_nodes_in_float64(op):
    """Why there are loops. If this fails, a float64 file can have nodes."""
    gates, helper, double = {"RNN": 1, "LSTM": 4, "GRU": 3}[op], onnx.helper, 11
    node = helper.make_node(op, ["X", "W", "R"], ["Y"], hidden_size=2)
    feeds = {"X": np.ones((3, 1, 2)), "W": np.ones((1, 2 * gates, 2))}
    feeds["R"] = feeds["W"]
    values = [helper.make_tensor_value_info(n, double, a.shape) for n, a in feeds.items()]
    graph = helper.make_graph(
        [node], "node", values, [helper.make_tensor_value_info("Y", double, None)]
    )
    opset = [helper.make_opsetid("", 17)]
    proto = helper.make_model(graph, opset_imports=opset, ir_version=9)
    options = runtime.SessionOptions()
    options.log_severity_level = 4
    with pytest.raises(Exception, match=r"does not support double|Could not find an impl"):
        runtime.InferenceSession(
            proto.SerializeToString(), options, providers=["CPUExecutionProvider"]
        ).run(None, feeds)


@dataclass(frozen=True)
class MinimalGatedUnit:
    """f = σ(p + q), h = (1 - f) h + f tanh(p)."""

    function: str = "tanh"

    gates: ClassVar[int] = 2
    states: ClassVar[int] = 1

    def forward(self, p, q, state, *, xp):
        (h,), size = state, p.shape[-1] // 2
        gate = 1 / (1 + xp.exp(-(p + q)[..., :size]))
        new = getattr(xp, self.function)(p[..., size:])
        return (xp.where(gate > 0.1, (1 - gate) * h + gate * new, h),), None

    def backward(self, dstate, memo, *, xp):
        raise NotImplementedError


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_cell_of_ones_own_writes_itself(dtype, rng):
    model = random_model(Stack((Recurrent(3, MinimalGatedUnit()),)), 2, dtype, rng)
    x = rng.standard_normal((3, 5, 2)).astype(dtype)
    same(session(model).run(["y"], {"x": x})[0], model.predict(x), dtype)


@dataclass(frozen=True)
class Picking:
    """h = tanh(p + q), with the features that a function picks from p and from q."""

    pick: Callable[[Any], Any]

    gates: ClassVar[int] = 2
    states: ClassVar[int] = 1

    def forward(self, p, q, state, *, xp):
        return (xp.tanh(self.pick(p) + self.pick(q)),), None

    def backward(self, dstate, memo, *, xp):
        raise NotImplementedError


@pytest.mark.parametrize(
    "pick",
    [lambda a: a[..., 1:4], lambda a: a[:, 3:], lambda a: a[..., -3:], lambda a: a[..., :3:1]],
)
def test_neighbouring_features_can_be_picked(pick, rng):
    model = random_model(Stack((Recurrent(3, Picking(pick)),)), 2, "float32", rng)
    x = rng.standard_normal((3, 5, 2)).astype("float32")
    same(session(model).run(["y"], {"x": x})[0], model.predict(x), "float32")


@pytest.mark.parametrize(
    "pick",
    [lambda a: a[:1, :], lambda a: a[1:], lambda a: a[0], lambda a: a[..., 0], lambda a: a[None],
     lambda a: a[..., ::2], lambda a: a[:, None, :3], lambda a: a[..., :1, :], lambda a: a[a > 0],
     lambda a: a[..., [0, 1, 2]], lambda a: a[:, :, :3]],
)  # fmt: skip
def test_other_items_are_errors(pick, rng):
    model = random_model(Stack((Recurrent(3, Picking(pick)),)), 2, "float32", rng)
    with pytest.raises(ValueError, match=r"Picking.*neighbouring features.*a\[..., start:stop\]"):
        xprnn.onnx.to_proto(model)


def test_shapes_of_symbols_are_those_of_the_numbers():
    graph = Graph("float32")
    xp, z = Tracer(graph), Symbol(graph, "z", (None, 1))
    assert (np.ones((1, 3)) * z).shape == (z + np.ones((1, 3))).shape == (None, 3)
    assert (2.0 * xp.concat([z, z], axis=-1))[..., 1:].shape == (None, 1)
    with pytest.raises(TypeError, match="axis 0, which is not the last"):
        xp.concat([z, z], axis=0)


def test_lengths_and_states_of_another_batch_are_errors(rng):
    for dtype in ("float32", "float64"):
        made = session(random_model(Stack((Recurrent(3),)), 2, dtype, rng))
        x = np.zeros((4, 5, 2), dtype)
        for feeds in ({"lengths": np.ones(1, "int32")}, {"state_0": np.ones((1, 3), dtype)}):
            with pytest.raises(Exception, match=r"(?i)reshape"):
                made.run(None, {"x": x, **feeds})


class Doubled(Dense):
    """A layer of one's own."""


class Wavy:
    """An activation of one's own that ONNX has no nodes for."""

    def forward(self, z, *, xp):
        return xp.sin(z)

    def backward(self, dy, z, y, *, xp):
        return dy * xp.cos(z)


class Unscaled(losses.HalfMSE):
    def unscale(self, y_hat, scaler, *, xp):
        return xp.sin(y_hat)


def test_what_can_not_be_written_is_named(rng, tmp_path):
    def refused(message, *layers, **fields):
        model = random_model(Stack(layers or (Recurrent(3),)), 2, "float32", rng, **fields)
        with pytest.raises(ValueError, match=message):
            xprnn.onnx.to_proto(model)

    refused("a Doubled can't be written to an ONNX file", Recurrent(3), Doubled(1))
    refused("Wavy.* can't be written to an ONNX file: xp.sin", Recurrent(3), Activation(Wavy()))
    refused("MinimalGatedUnit.*xp.asinh", Recurrent(3, MinimalGatedUnit("asinh")))
    refused(
        "Unscaled.* can't be written to an ONNX file: xp.sin",
        y_scaler=Scaler(np.zeros(3, "float32"), np.ones(3, "float32")),
        loss=Unscaled(),
    )
    refused("Bidirectional of a Stack", Bidirectional(Stack((Recurrent(3),))))
    model = random_model(Stack((Recurrent(3),)), 2, "float32", rng)
    several = replace(model, params=tree.map(lambda a: np.stack([a, a]), model.params))
    with pytest.raises(ValueError, match="several models side by side"):
        xprnn.onnx.to_proto(several)
    with pytest.raises(ValueError, match=r"dtype must be one of 'float32', 'float64', got 'int8'"):
        model.to_onnx(tmp_path / "model.onnx", dtype="int8")
    with pytest.raises(ValueError, match=r"path must end in .onnx, got '.*model.npz'"):
        model.to_onnx(tmp_path / "model.npz")
    with pytest.raises(FileNotFoundError, match="there is no folder"):
        model.to_onnx(tmp_path / "nowhere" / "model.onnx")
    assert not list(tmp_path.iterdir())


def test_without_the_library(monkeypatch, rng, tmp_path):
    monkeypatch.setitem(sys.modules, "onnx", None)
    model = random_model(Stack((Recurrent(3),)), 2, "float32", rng)
    with pytest.raises(MissingExtraError, match="ONNX files need onnx"):
        model.to_onnx(tmp_path / "model.onnx")
    with pytest.raises(MissingExtraError, match="ONNX files need onnx"):
        xprnn.from_onnx(tmp_path / "model.onnx")
