"""Models out of ONNX files: ours, torch's, and graphs by hand."""

import pickle
import subprocess
import sys
import tracemalloc
import warnings
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import xprnn
from xprnn import tree
from xprnn._model import Model
from xprnn._sequences.scaling import Scaler
from xprnn.cells import GRU, LSTM, Elman, GRUResetBefore
from xprnn.errors import ModelFileError
from xprnn.layers import (
    Activation,
    Bidirectional,
    Dense,
    Dropout,
    Extend,
    Final,
    LayerNorm,
    Parallel,
    Pool,
    Recurrent,
    Reversed,
    Softmax,
    Stack,
)

onnx = pytest.importorskip("onnx", reason="ONNX files need onnx, which is not installed")
runtime = pytest.importorskip("onnxruntime", reason="the oracle, onnxruntime, is not installed")

SEEDS = st.integers(0, 2**32 - 1)
CELLS = [Elman(), Elman("relu"), LSTM(), LSTM("softsign", "sigmoid", True), GRU(), GRUResetBefore()]
WRAPS = {
    "forward": lambda layer: layer,
    "reverse": Reversed,
    "concat": Bidirectional,
    "sum": lambda layer: Bidirectional(layer, "sum"),
    "mean": lambda layer: Bidirectional(layer, "mean"),
    "product": lambda layer: Bidirectional(layer, "product"),
}
HEADS = [(), (Dense(2),), (Dropout(0.5), LayerNorm(), Dense(1)), (Pool("last"), Dense(2)),
         (Pool("mean"), Dense(1)), (Pool("max"), LayerNorm()),
         (Activation("relu"), Dense(2), Softmax()), (Dense(2), Activation("tanh")),
         (Parallel((Pool("mean"), Pool("max"), Pool("last"))), Dense(2), Softmax(log=True)),
         (Parallel((Dense(2), Stack((Dense(2), Activation("sigmoid")))), "product"),)]  # fmt: skip


@given(
    cell=st.sampled_from(CELLS),
    wraps=st.lists(st.sampled_from(sorted(WRAPS)), min_size=1, max_size=2),
    head=st.sampled_from(HEADS),
    learnt=st.booleans(),
    scaled=st.booleans(),
    seed=SEEDS,
)
def test_there_and_back(cell, wraps, head, learnt, scaled, seed):
    rng = np.random.default_rng(seed)
    layer = Recurrent(3, cell, learn_initial_state=learnt)
    network = Stack((*(WRAPS[wrap](layer) for wrap in wraps), *head))
    params, outputs = network.init(rng, 2)
    params = tree.map(lambda a: (0.5 * rng.standard_normal(a.shape)).astype("float32"), params)

    def scaler(size):
        mean, scale = rng.standard_normal(size), rng.uniform(0.5, 2, size)
        return Scaler(mean.astype("float32"), scale.astype("float32")) if scaled else None

    one = not network.keeps_steps
    mode = "many_to_one" if one else "many_to_many"
    model = Model(
        network=network,
        params=params,
        features=2,
        outputs=outputs,
        x_scaler=scaler(2),
        y_scaler=scaler(outputs),
        mode=mode,
        y_rank=2 if one else 3,
    )
    proto = xprnn.onnx.to_proto(model)
    del proto.metadata_props[:]  # what is left is the graph
    again = xprnn.from_onnx(proto)
    x = rng.standard_normal((4, 6, 2)).astype("float32")
    lengths = rng.integers(1, 7, 4)
    for options in ({}, {"lengths": lengths}):
        y = model.predict(x, **options)
        found = again.predict(x, **options)
        assert found.shape == y.shape
        np.testing.assert_allclose(found, y, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("note", [True, False])
def test_a_plain_network_comes_back_as_it_was(rng, note):
    """With the note of what it was, and by the graph alone."""
    network = Stack((Recurrent(3, LSTM()), Bidirectional(Recurrent(4, GRU())), Dense(2)))
    params, _ = network.init(rng, 5)
    params = tree.map(lambda a: rng.standard_normal(a.shape).astype("float32"), params)
    model = Model(network=network, params=params, features=5, outputs=2)
    proto = xprnn.onnx.to_proto(model)
    if not note:
        del proto.metadata_props[:]
    again = xprnn.from_onnx(proto)
    assert again.network == network
    for name, a in tree.flatten(params).items():
        np.testing.assert_array_equal(again.named()[name], a)


@pytest.fixture(scope="module")
def torch():
    return pytest.importorskip("torch", reason="the exporter is torch, which is not installed")


HALVES = {
    "all": lambda y, h, c: y,
    "last": lambda y, h, c: y[:, -1],
    "mean": lambda y, h, c: y.mean(1),
    "max": lambda y, h, c: y.amax(1),
    "h_n": lambda y, h, c: h[-1],
    "c_n": lambda y, h, c: c[-1],
    "both h_n": lambda y, h, c: cat(h[-2], h[-1]),
    "both h_n, swapped": lambda y, h, c: cat(h[-1], h[-2]),
    "h_n of two layers": lambda y, h, c: cat(h[0], h[-1]),
    "last and first": lambda y, h, c: cat(y[:, -1, :3], y[:, 0, 3:]),
    "mean, max and h_n": lambda y, h, c: cat(y.mean(1), y.amax(1), h[-1]),
    "sum of the directions": lambda y, h, c: y[..., :3] + y[..., 3:],
    "softmax": lambda y, h, c: y.softmax(-1),
    "log_softmax": lambda y, h, c: h[-1].log_softmax(-1),
    "activations": lambda y, h, c: (2 * y).sigmoid().relu() * y.tanh(),
    "residual": lambda y, h, c: y + y.tanh(),
}


def cat(*parts):
    import torch

    return torch.cat(parts, -1)


@pytest.mark.parametrize(
    ("name", "layers", "batch_first", "both", "head"),
    [
        ("RNN", 1, True, False, "all"),
        ("LSTM", 2, False, True, "all"),
        ("GRU", 2, True, True, "all"),
        ("GRU", 1, True, False, "last"),
        ("RNN", 2, True, True, "mean"),
        ("LSTM", 2, True, False, "h_n"),
        ("GRU", 2, True, True, "h_n"),
        ("LSTM", 1, True, False, "h_n"),
        ("LSTM", 1, True, False, "c_n"),
        ("LSTM", 2, True, True, "c_n"),
        ("LSTM", 1, True, True, "max"),
        ("LSTM", 1, True, True, "both h_n"),
        ("GRU", 2, True, True, "both h_n"),
        ("RNN", 1, True, True, "both h_n, swapped"),
        ("GRU", 2, True, False, "h_n of two layers"),
        ("LSTM", 1, True, True, "last and first"),
        ("LSTM", 2, True, False, "mean, max and h_n"),
        ("GRU", 1, True, True, "mean, max and h_n"),
        ("GRU", 1, True, True, "sum of the directions"),
        ("RNN", 1, True, False, "softmax"),
        ("GRU", 1, True, False, "log_softmax"),
        ("RNN", 1, True, True, "activations"),
        ("RNN", 1, True, False, "residual"),
    ],
)
def test_what_torch_writes(torch, tmp_path, name, layers, batch_first, both, head):
    torch.manual_seed(0)

    class Network(torch.nn.Module):
        def __init__(self):
            super().__init__()
            kind = getattr(torch.nn, name)
            self.rnn = kind(2, 3, layers, bidirectional=both, batch_first=batch_first)
            with torch.no_grad():
                size = self.half(torch.zeros(3, 5, 2)).shape[-1]
            self.top = torch.nn.Linear(size, 2)

        def half(self, x):
            y, states = self.rnn(x)
            h, c = states if name == "LSTM" else (states, None)
            return HALVES[head](y, h, c)

        def forward(self, x):
            return self.top(self.half(x))

    network = Network().eval()
    axes = {"x": {0: "one", 1: "other"}}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            torch.onnx.export(
                network, (torch.randn(3, 5, 2),), tmp_path / "torch.onnx",
                input_names=["x"], dynamic_axes=axes, dynamo=False,
            )  # fmt: skip
        except (TypeError, ImportError, NotImplementedError) as error:
            pytest.skip(f"this torch has no exporter that needs onnx alone: {error}")
    model = xprnn.from_onnx(tmp_path / "torch.onnx")
    x = np.random.default_rng(0).standard_normal((4, 7, 2)).astype("float32")
    with torch.no_grad():
        y = network(torch.tensor(x if batch_first else x.swapaxes(0, 1))).numpy()
    y = y.swapaxes(0, 1) if head == "all" and not batch_first else y
    np.testing.assert_allclose(model.predict(x), y, rtol=1e-5, atol=1e-5)


# Graphs by hand


class ByHand:
    """A graph with an RNN of three units on x (T, B, 2), and what stands before and after it."""

    def __init__(self, rng):
        self.rng = rng
        self.constants = {
            "W": self.array(1, 3, 2), "R": self.array(1, 3, 3), "B": self.array(1, 6),
        }  # fmt: skip

    def array(self, *shape):
        return (0.5 * self.rng.standard_normal(shape)).astype("float32")

    def model(self, nodes, inputs=(), dims=("T", "B", 2), **constants):
        helper = onnx.helper
        arrays = {**self.constants, **constants}
        values = [helper.make_tensor_value_info("x", 1, dims), *inputs]
        graph = helper.make_graph(
            nodes, "by_hand", values, [helper.make_tensor_value_info("y", 1, None)],
            [onnx.numpy_helper.from_array(np.asarray(a), n) for n, a in arrays.items()],
        )  # fmt: skip
        opset = [helper.make_opsetid("", 17)]
        return helper.make_model(graph, opset_imports=opset, ir_version=9)

    def both(self, model, x, **feeds):
        """Return the outputs of xprnn and of onnxruntime."""
        options = runtime.SessionOptions()
        options.log_severity_level = 4
        made = runtime.InferenceSession(
            model.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )
        return xprnn.from_onnx(model), made.run(["y"], {"x": x, **feeds})[0]


@pytest.fixture
def by_hand(rng):
    return ByHand(rng)


def node(op, inputs, output="y", **attributes):
    return onnx.helper.make_node(op, inputs.split(), output.split(), **attributes)


RNN = node("RNN", "x W R B", "Y Y_h", hidden_size=3)
LENGTHS = onnx.helper.make_tensor_value_info("n", 6, ["B"])


def with_lengths(x):
    return onnx.helper.make_node("RNN", [x, "W", "R", "B", "n"], ["Y", "Y_h"], hidden_size=3)


def test_layers_beside_one_another(by_hand):
    """A dense layer of x, the states, and both once more: Concat, Add, Softmax."""
    nodes = [
        RNN,
        node("Squeeze", "Y one", "s"),
        node("MatMul", "x V", "z"),
        node("Concat", "z s", "both", axis=-1),
        node("Softmax", "both", "p"),
        node("Add", "both p"),
    ]
    model = by_hand.model(nodes, one=np.array([1]), V=by_hand.array(2, 3))
    x = by_hand.array(5, 3, 2)
    loaded, y = by_hand.both(model, x)
    assert loaded.network == Stack(
        (
            Parallel((Dense(3, bias=False), Recurrent(3))),
            Parallel((Activation("identity"), Softmax()), "sum"),
        )
    )
    np.testing.assert_allclose(
        loaded.predict(x.swapaxes(0, 1)), y.swapaxes(0, 1), rtol=1e-5, atol=1e-6
    )


def test_x_beside_what_was_made_of_it(by_hand):
    """The standardisation of x stands before one of two ways only."""
    nodes = [
        node("Sub", "x mean", "c"),
        node("Div", "c scale", "u"),
        node("RNN", "u W R B", "Y", hidden_size=3),
        node("Squeeze", "Y one", "s"),
        node("Concat", "x u s", axis=2),
    ]
    scaled = {"mean": by_hand.array(2), "scale": np.array([2, 0.5], "float32")}
    model, x = by_hand.model(nodes, one=np.array([1]), **scaled), by_hand.array(5, 3, 2)
    loaded, y = by_hand.both(model, x)
    np.testing.assert_allclose(
        loaded.predict(x.swapaxes(0, 1)), y.swapaxes(0, 1), rtol=1e-5, atol=1e-6
    )


def test_a_dense_layer_on_batch_and_time_as_one_axis(by_hand):
    """As some exporters write it: (B, T, F) to (B·T, F), Gemm, and back."""
    nodes = [
        RNN,
        node("Squeeze", "Y one", "s"),
        node("Transpose", "s", "b", perm=[1, 0, 2]),
        node("Shape", "b", "shape"),
        node("Slice", "shape zero two", "ends"),
        node("Concat", "ends five", "wide", axis=0),
        node("Reshape", "b flat", "rows"),
        node("Gemm", "rows V c", "z"),
        node("Relu", "z", "r"),
        node("Reshape", "r wide"),
    ]
    constants = {"one": [1], "zero": [0], "two": [2], "five": [5], "flat": [-1, 3]}
    model = by_hand.model(
        nodes, V=by_hand.array(3, 5), c=by_hand.array(5),
        **{name: np.array(value) for name, value in constants.items()},
    )  # fmt: skip
    x = by_hand.array(5, 4, 2)
    loaded, y = by_hand.both(model, x)
    assert loaded.network == Stack((Recurrent(3), Dense(5), Activation("relu")))
    np.testing.assert_allclose(loaded.predict(x.swapaxes(0, 1)), y, rtol=1e-5, atol=1e-6)


def test_directions_with_activations_of_their_own(by_hand):
    nodes = [
        node("RNN", "x W2 R2", "Y Y_h", direction="bidirectional", hidden_size=3,
             activations=["Tanh", "Relu"]),
        node("Transpose", "Y", "t", perm=[0, 2, 1, 3]),
        node("Reshape", "t flat"),
    ]  # fmt: skip
    weights = {"W2": by_hand.array(2, 3, 2), "R2": by_hand.array(2, 3, 3)}
    model = by_hand.model(nodes, flat=np.array([0, 0, -1]), **weights)
    x = by_hand.array(5, 4, 2)
    loaded, y = by_hand.both(model, x)
    one, other = Recurrent(3), Recurrent(3, Elman("relu"))
    assert loaded.network == Stack((Parallel((one, Reversed(other))),))
    np.testing.assert_allclose(
        loaded.predict(x.swapaxes(0, 1)), y.swapaxes(0, 1), rtol=1e-5, atol=1e-6
    )


def test_both_outputs_of_a_node_that_reads_from_the_end(by_hand):
    """Its last state is the first step of what it gives: the layer stands once."""
    nodes = [
        node("RNN", "x W R B", "Y Y_h", direction="reverse", hidden_size=3),
        node("Squeeze", "Y one", "s"),
        node("ReduceMean", "s", "m", axes=[0], keepdims=0),
        node("Squeeze", "Y_h nought", "h"),
        node("Concat", "m h", axis=1),
    ]
    model = by_hand.model(nodes, one=np.array([1]), nought=np.array([0]))
    x = by_hand.array(5, 4, 2)
    loaded, y = by_hand.both(model, x)
    assert loaded.network == Stack((Reversed(Recurrent(3)), Parallel((Pool("mean"), Extend(1)))))
    np.testing.assert_allclose(loaded.predict(x.swapaxes(0, 1)), y, rtol=1e-5, atol=1e-6)


def test_a_memory_beside_the_states(by_hand):
    """Y_c is no part of Y, so the layer stands twice, with the same parameters."""
    nodes = [
        node("LSTM", "x W4 R4", "Y Y_h Y_c", hidden_size=3),
        node("Concat", "Y_h Y_c", "hc", axis=2),
        node("Squeeze", "hc nought"),
    ]
    weights = {"W4": by_hand.array(1, 12, 2), "R4": by_hand.array(1, 12, 3)}
    model = by_hand.model(nodes, nought=np.array([0]), **weights)
    x = by_hand.array(5, 4, 2)
    loaded, y = by_hand.both(model, x)
    lstm = Recurrent(3, LSTM())
    assert loaded.network == Stack((Parallel((Stack((lstm, Pool("last"))), Final(lstm, 1))),))
    np.testing.assert_allclose(loaded.predict(x.swapaxes(0, 1)), y, rtol=1e-5, atol=1e-6)


def test_gemm_after_the_last_state(by_hand):
    nodes = [
        RNN,
        node("Squeeze", "Y_h zero", "h"),
        node("Gemm", "h V c", alpha=0.5, beta=2.0, transB=1),
    ]
    V, c = by_hand.array(4, 3), by_hand.array(4)
    model, x = by_hand.model(nodes, zero=np.array([0]), V=V, c=c), by_hand.array(5, 3, 2)
    loaded, y = by_hand.both(model, x)
    assert loaded.network == Stack((Recurrent(3), Pool("last"), Dense(4)))
    np.testing.assert_allclose(loaded.predict(x.swapaxes(0, 1)), y, rtol=1e-5, atol=1e-6)


def test_states_and_lengths_among_the_inputs(by_hand):
    helper = onnx.helper
    nodes = [
        onnx.helper.make_node("RNN", ["x", "W", "R", "B", "n", "h"], ["Y"], hidden_size=3),
        node("Squeeze", "Y one"),
    ]
    inputs = [
        helper.make_tensor_value_info("n", 6, ["B"]),
        helper.make_tensor_value_info("h", 1, [1, "B", 3]),
    ]
    model = by_hand.model(nodes, inputs, one=np.array([1]))
    x, h = by_hand.array(5, 3, 2), by_hand.array(1, 3, 3)
    n = np.array([5, 1, 3], dtype="int32")
    loaded, y = by_hand.both(model, x, n=n, h=h)
    found = loaded.predict(x.swapaxes(0, 1), lengths=n, state=(h[0],))
    np.testing.assert_allclose(found, y.swapaxes(0, 1), rtol=1e-5, atol=1e-6)


def test_a_first_state_that_is_a_constant_is_learnt(by_hand):
    nodes = [
        node("Shape", "x", "shape"),
        node("Gather", "shape one", "batch", axis=0),
        node("Concat", "one batch one", "wanted", axis=0),
        node("Expand", "row wanted", "h"),
        onnx.helper.make_node("RNN", ["x", "W", "R", "B", "", "h"], ["Y"], hidden_size=3),
        node("Squeeze", "Y one"),
    ]
    row = by_hand.array(1, 1, 3)
    model, x = by_hand.model(nodes, one=np.array([1]), row=row), by_hand.array(5, 3, 2)
    loaded, y = by_hand.both(model, x)
    assert loaded.network.layers[0].learn_initial_state
    np.testing.assert_allclose(
        loaded.predict(x.swapaxes(0, 1)), y.swapaxes(0, 1), rtol=1e-5, atol=1e-6
    )


def test_clip_and_parameters_of_activations_are_kept_and_written_again(by_hand, tmp_path):
    alpha = {
        "activations": ["LeakyRelu"],
        "activation_alpha": [0.25],
        "clip": 0.5,
        "hidden_size": 3,
    }
    nodes = [node("RNN", "x W R B", "Y", **alpha), node("Squeeze", "Y one")]
    model, x = by_hand.model(nodes, one=np.array([1])), by_hand.array(5, 3, 2)
    loaded, y = by_hand.both(model, x)
    again, _ = by_hand.both(xprnn.onnx.to_proto(loaded), x.swapaxes(0, 1))
    assert again.network == loaded.network
    loaded.save(tmp_path / "model.npz")
    for kept in (xprnn.load(tmp_path / "model.npz"), pickle.loads(pickle.dumps(loaded))):
        assert kept.network == loaded.network
        np.testing.assert_array_equal(kept.predict(x), loaded.predict(x))
    for found in (loaded, again):
        np.testing.assert_allclose(
            found.predict(x.swapaxes(0, 1)), y.swapaxes(0, 1), rtol=1e-5, atol=1e-6
        )


def test_what_no_network_has_is_named(by_hand, tmp_path):
    one, squeeze = np.array([1]), node("Squeeze", "Y one", "s")

    def refused(message, *nodes, inputs=(), dims=("T", "B", 2), **constants):
        with pytest.raises(ModelFileError, match=message):
            xprnn.from_onnx(by_hand.model(nodes, inputs, dims, one=one, **constants))

    refused(r"node 'y' \(Erf\): no layer of xprnn does that", RNN, squeeze, node("Erf", "s"))
    refused(
        r"\(Softmax\): it may act only on the features", RNN, squeeze, node("Softmax", "s", axis=0)
    )
    refused("no RNN, LSTM or GRU node on the way", node("Identity", "x"))
    refused("must have 3 axes, got 2", node("Identity", "x"), dims=("T", 2))
    refused("joins two values that depend on x", RNN, squeeze, node("Where", "s s x"))
    refused(r"joins features of the sizes \[3, 2\]", RNN, squeeze, node("Add", "s x"))
    refused("joins values with different axes", RNN, squeeze, node("Concat", "s Y_h", axis=2))
    refused("may join only features, on the last axis", RNN, squeeze, node("Concat", "s s", axis=0))
    refused(
        "joins the directions of one layer with something else",
        node("RNN", "x W2 R2", "Y", direction="bidirectional"), node("Add", "Y Y"),
        W2=by_hand.array(2, 3, 2), R2=by_hand.array(2, 3, 3),
    )  # fmt: skip
    refused(
        r"y must be \(B, T, O\) or \(B, O\), got the axes BT, F",
        RNN, squeeze, node("Transpose", "s", "t", perm=[1, 0, 2]), node("Reshape", "t flat"),
        flat=np.array([-1, 3]),
    )  # fmt: skip
    refused("first step, the last step", RNN, squeeze, node("Gather", "s second", axis=0),
            second=np.array(1))  # fmt: skip
    refused("sums over the steps", RNN, squeeze, node("ReduceSum", "s zero"), zero=np.array([0]))
    mask = [node("Less", "range n", "row"), node("Unsqueeze", "row axis", "mask")]
    refused("steps that were prepared", with_lengths("x"), squeeze, *mask,
            node("Where", "mask s low", "w"), node("Tanh", "w"), inputs=[LENGTHS],
            dims=(5, "B", 2), low=np.float32(-np.inf), axis=np.array([2]),
            range=np.arange(5, dtype="int32")[:, None])  # fmt: skip
    refused("its weight 'W' is not a constant", RNN, squeeze, node("Identity", "s"),
            inputs=[onnx.helper.make_tensor_value_info("W", 1, [1, 3, 2])])  # fmt: skip
    refused(
        "may gather only the last valid step", RNN, squeeze, node("GatherElements", "s first"),
        dims=("T", 3, 2), first=np.zeros((1, 3, 3), dtype="int64"),
    )  # fmt: skip
    refused("its sequence_lens are neither", RNN, node("Squeeze", "Y one"), inputs=[LENGTHS])
    refused(
        "treats padding as valid steps", with_lengths("x"), squeeze,
        node("ReduceMean", "s", axes=[0]), inputs=[LENGTHS],
    )  # fmt: skip
    other = onnx.helper.make_tensor_value_info("h", 1, [1, "B", 3])
    computed = onnx.helper.make_node("RNN", ["x", "W", "R", "", "", "g"], ["Y"], hidden_size=3)
    refused("its initial state 'g' is computed from another input", node("Tanh", "h", "g"),
            computed, node("Squeeze", "Y one"), inputs=[other])  # fmt: skip
    refused("its initial state 'g' is computed from x", RNN, node("Identity", "Y_h", "g"),
            onnx.helper.make_node("RNN", ["x", "W", "R", "", "", "g"], ["Z"], hidden_size=3),
            node("Squeeze", "Z one"))  # fmt: skip
    rows = by_hand.array(1, 3, 3)
    refused("its initial state 'g' is not the same for the whole batch", computed,
            node("Squeeze", "Y one"), dims=("T", 3, 2), g=rows)  # fmt: skip
    with pytest.raises(ValueError, match=r"output must be one of 'Y', 'Y_h', 'y', got 'h'"):
        xprnn.from_onnx(by_hand.model([RNN, node("Identity", "Y")]), output="h")
    with pytest.raises(FileNotFoundError, match="there is no file"):
        xprnn.from_onnx(tmp_path / "nothing.onnx")
    (tmp_path / "damaged.onnx").write_bytes(b"no model at all")
    with pytest.raises(ModelFileError, match="damaged or not an ONNX file"):
        xprnn.from_onnx(tmp_path / "damaged.onnx")
    (tmp_path / "empty.onnx").write_bytes(b"")
    with pytest.raises(ModelFileError, match="damaged or not an ONNX file"):
        xprnn.from_onnx(tmp_path / "empty.onnx")
    with pytest.raises(TypeError, match=r"path must be a path or an onnx.ModelProto, got 3"):
        xprnn.from_onnx(3)


# Files of strangers


def refuses(path, message, most=50e6):
    """Read a file that is damaged, which makes no more than so many bytes."""
    tracemalloc.start()
    try:
        with pytest.raises(ModelFileError, match=message):
            xprnn.from_onnx(path)
    finally:
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert peak < most, f"{peak:,} bytes"


@pytest.fixture
def plain(by_hand):
    """A file with an RNN, a dense layer and a first state that is computed."""
    nodes = [
        node("Shape", "x", "shape"),
        node("Gather", "shape i1", "batch", axis=0),
        node("Concat", "one batch three", "wanted", axis=0),
        node("Constant", "", "zero", value=onnx.numpy_helper.from_array(np.zeros(1, "f4"))),
        node("Expand", "zero wanted", "h"),
        onnx.helper.make_node("RNN", ["x", "W", "R", "B", "", "h"], ["Y", "Y_h"], hidden_size=3),
        node("Squeeze", "Y one", "s"),
        node("MatMul", "s V"),
    ]
    return by_hand.model(
        nodes, one=np.array([1]), i1=np.array([1]), three=np.array([3]), V=by_hand.array(3, 2)
    )


def weight(model, name="W"):
    (found,) = (t for t in model.graph.initializer if t.name == name)
    return found


def of_type(kind):
    def change(model):
        weight(model).data_type = kind

    return change


def of_dims(*dims):
    def change(model):
        weight(model).dims[:] = dims

    return change


def of_bytes(change_bytes):
    def change(model):
        weight(model).raw_data = change_bytes(weight(model).raw_data)

    return change


def of_x(axis, size):
    def change(model):
        model.graph.input[0].type.tensor_type.shape.dim[axis].dim_value = size

    return change


def of_node(k, **fields):
    def change(model):
        for name, value in fields.items():
            setattr(model.graph.node[k], name, value)

    return change


def without_value(model):
    del model.graph.node[3].attribute[:]


def another_type_of_attribute(model):
    model.graph.node[5].attribute[0].type = onnx.AttributeProto.FLOAT


def other_output(model):
    model.graph.output[0].name = "nothing"


def in_another_order(model):
    first = onnx.NodeProto.FromString(model.graph.node[0].SerializeToString())
    del model.graph.node[0]
    model.graph.node.append(first)


def half(model):
    for name in ("W", "R", "B", "V"):
        array = onnx.numpy_helper.to_array(weight(model, name)).astype("float16")
        weight(model, name).CopyFrom(onnx.numpy_helper.from_array(array, name))


def a_large_state(model):
    """As in a file of 3.2 kB that took 6 GB."""
    weight(model, "three").raw_data = (3 * 2**28).to_bytes(8, "little")


def many_states(model):
    """Each is of a size that would pass."""
    weight(model, "three").raw_data = (2**22).to_bytes(8, "little")
    more = [onnx.helper.make_node("Add", ["h" if k == 0 else f"g{k - 1}", "h"], [f"g{k}"])
            for k in range(20)]  # fmt: skip
    for k, added in enumerate(more):
        model.graph.node.insert(5 + k, added)
    model.graph.node[25].input[5] = "g19"


def doubled(model):
    """Features joined with themselves, 2³⁰ of them, and a dense layer on top."""
    for k in range(30):
        both = [model.graph.node[-1].output[0]] * 2
        model.graph.node.append(onnx.helper.make_node("Concat", both, [f"d{k}"], axis=-1))
    model.graph.node.append(node("Mul", "d29 V0", "end"))
    model.graph.initializer.append(onnx.numpy_helper.from_array(np.float32(2), "V0"))
    model.graph.output[0].name = "end"


def a_loop_for_a_state(model):
    body = onnx.helper.make_graph([], "body", [], [])
    model.graph.node[4].CopyFrom(
        onnx.helper.make_node("Loop", ["batch", "", "zero"], ["h"], body=body)
    )


def a_long_way(model):
    for k in range(2000):
        last = model.graph.node[-1].output[0]
        model.graph.node.append(node("Tanh", last, f"t{k}"))
    model.graph.output[0].name = "t1999"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (of_type(99), "the tensor 'W' has the type 99"),
        (of_type(0), "the tensor 'W' has the type 0"),
        (of_type(8), "the tensor 'W' has the type 8"),
        (of_dims(2, 3, 2), r"the tensor 'W' does not fit its shape \(2, 3, 2\)"),
        (of_dims(2**40, 3, 2), r"the tensor 'W' does not fit its shape \(1099511627776,"),
        (of_dims(-1, -3, 2), r"the tensor 'W' has the shape \(-1, -3, 2\)"),
        (of_bytes(lambda data: data[:-3]), r"the tensor 'W' does not fit its shape \(1, 3, 2\)"),
        (of_x(0, -1), r"x has the shape \(-1, 5, 2\)"),
        (of_x(0, 2**40), "x has the shape"),
        (of_x(1, 2**62), "x has the shape"),
        (of_x(2, 2**40), "W has 2 columns, and X has|x has the shape"),
        (other_output, "its output 'nothing' is not the output of any node"),
        (without_value, r"node 'zero' \(Constant\): it can't be computed"),
        (another_type_of_attribute, r"node 'Y' \(RNN\): it is not a valid node"),
        (of_node(5, op_type="Foo"), r"node 'Y' \(Foo\): it is not a valid node"),
        (of_node(7, domain="other"), r"node 'y' \(MatMul\): the domain 'other'"),
        (in_another_order, r"node 'batch' \(Gather\): it reads 'shape', which is made after it"),
        (half, "dtype float16"),
        (a_large_state, r"node 'h' \(Expand\): too many numbers would be computed"),
        (many_states, r"\(.*\): too many numbers would be computed"),
        (doubled, r"node 'end' \(Mul\): too many numbers would be computed"),
        (a_loop_for_a_state, "its initial state 'h' is computed from x"),
        (a_long_way, "recursion"),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_every_damage_is_named(plain, change, message):
    assert xprnn.from_onnx(plain).network == Stack((Recurrent(3), Dense(2, bias=False)))
    change(plain)
    refuses(plain, message, 400e6 if change is many_states else 50e6)


@pytest.mark.parametrize(
    ("op", "inputs", "attributes"),
    [
        ("Expand", [np.ones(1), np.array([2**31, 1])], {}),
        ("ConstantOfShape", [np.array([2**16, 2**16])], {}),
        ("Range", [np.array(0.0), np.array(1.0), np.array(1e-10)], {}),
        ("Range", [np.array(0), np.array(2**40), np.array(1)], {}),
        ("Tile", [np.ones(3), np.array([2**31])], {}),
        ("Pad", [np.ones(3), np.array([2**31, 0])], {}),
        ("Gather", [np.ones((2, 2**12)), np.zeros(2**20, "int64")], {}),
        ("Add", [np.ones((2**16, 1)), np.ones(2**16)], {}),
    ],
)
def test_no_operator_makes_more_than_a_bound(by_hand, op, inputs, attributes):
    """A state that is computed from constants."""
    names = [f"c{k}" for k in range(len(inputs))]
    nodes = [
        onnx.helper.make_node(op, names, ["h"], **attributes),
        onnx.helper.make_node("RNN", ["x", "W", "R", "B", "", "h"], ["Y"], hidden_size=3),
        node("Identity", "Y"),
    ]
    model = by_hand.model(nodes, **dict(zip(names, inputs, strict=True)))
    given_bytes = model.ByteSize()
    refuses(model, f"{op}.*: too many numbers would be computed", 5 * given_bytes + 10e6)


def test_numbers_in_files_beside_a_model(plain, tmp_path):
    """Such as torch writes for large models: in the same folder, as long as they should be."""
    expected = xprnn.from_onnx(plain)
    path = tmp_path / "sub" / "m.onnx"
    path.parent.mkdir()
    onnx.save(
        plain, path, save_as_external_data=True, location="m.data", size_threshold=0,
        convert_attribute=False,
    )  # fmt: skip
    again = xprnn.from_onnx(path)
    for name, array in expected.named().items():
        np.testing.assert_array_equal(again.named()[name], array)
    refuses(onnx.load(path, load_external_data=False), "pass the path of the model")
    data = (path.parent / "m.data").read_bytes()
    (tmp_path / "m.data").write_bytes(data)
    for location in ("../m.data", str(tmp_path / "m.data"), "nowhere", "", "."):
        proto = onnx.load(path, load_external_data=False)
        for entry in weight(proto).external_data:
            entry.value = location if entry.key == "location" else entry.value
        path.write_bytes(proto.SerializeToString())
        refuses(path, "the tensor 'W' is in")
        onnx.save(plain, path, save_as_external_data=True, location="m.data", size_threshold=0,
                  convert_attribute=False)  # fmt: skip
    (path.parent / "m.data").write_bytes(data[:20])
    refuses(path, "is cut short")
    proto = onnx.load(path, load_external_data=False)
    weight(proto).dims[0] = 2**50
    path.write_bytes(proto.SerializeToString())
    refuses(path, "its shape needs|is cut short")


def test_other_inputs_of_a_graph_are_followed_once(by_hand):
    """Also where every node reads the one before it twice."""
    nodes = [node("Concat", "h h" if k == 0 else f"c{k - 1} c{k - 1}", f"c{k}", axis=0)
             for k in range(60)]  # fmt: skip
    rnn = onnx.helper.make_node("RNN", ["x", "W", "R", "B", "", "c59"], ["Y"], hidden_size=3)
    other = onnx.helper.make_tensor_value_info("h", 1, [1, "B", 3])
    model = by_hand.model([*nodes, rnn, node("Squeeze", "Y one")], [other], one=np.array([1]))
    assert xprnn.from_onnx(model).network == Stack((Recurrent(3),))


def test_a_script_damages_files():
    """In its long form it is one of the sessions of nox."""
    script = Path(__file__).parents[1] / "fuzz" / "onnx_files.py"
    run = subprocess.run(
        [sys.executable, script, "--count", "120"], capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stdout + run.stderr
    assert "each right or refused" in run.stdout
