"""ONNX files of ours read back: the model that was written, to the bit; and a note that lies."""

import json
import tracemalloc
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import xprnn
from xprnn import activations, losses, testing, tree
from xprnn._model import Model
from xprnn._sequences.scaling import Scaler
from xprnn.cells import LSTM, Elman
from xprnn.errors import ModelFileError
from xprnn.layers import Dense, EncoderDecoder, Extend, Feedback, Recurrent, Stack

onnx = pytest.importorskip("onnx", reason="ONNX files need onnx, which is not installed")

SEEDS = st.integers(0, 2**32 - 1)
DTYPES = ["float32", "float64"]
FEATURES = 2


def drawn(network, dtype, rng):
    """Random parameters of a network for two features, and its outputs."""
    params, outputs = network.init(rng, FEATURES)
    return tree.map(lambda a: rng.standard_normal(a.shape).astype(dtype), params), outputs


def model_of(network, dtype, seed, *, scaled=False, flat=False):
    rng = np.random.default_rng(seed)
    params, outputs = drawn(network, dtype, rng)

    def scaler(size):  # far from zero, in float64, as the data of a float32 model may be
        return Scaler(1.7e9 + rng.standard_normal(size), rng.uniform(0.5, 2, size))

    first = network.layers[0]
    mode = "many_to_many" if network.keeps_steps else "many_to_one"
    if isinstance(first, EncoderDecoder):
        mode = "encoder_decoder"
    elif isinstance(first, Extend | Feedback):
        mode = "one_to_many"
    x, y = (scaler(FEATURES), scaler(outputs)) if scaled else (None, None)
    return Model(
        network=network,
        params=params,
        features=FEATURES,
        outputs=outputs,
        x_scaler=x,
        y_scaler=y,
        loss=losses.MSE(),
        mode=mode,
        y_rank=2 if flat else 3,
    )


def assert_same(again, model, dtype):
    assert again.network == model.network
    assert again.named().keys() == model.named().keys()
    for name, a in again.named().items():
        if "decoder" in name and ".state." in name:
            continue  # a decoder starts from the encoder's state, and no file holds its own
        np.testing.assert_array_equal(a, model.named()[name].astype(dtype), err_msg=name)
        assert a.dtype == dtype
    for one, other in ((again.x_scaler, model.x_scaler), (again.y_scaler, model.y_scaler)):
        np.testing.assert_equal(one, other)
    for name in ("features", "outputs", "loss", "mode", "y_rank"):
        assert getattr(again, name) == getattr(model, name)


@given(
    network=testing.networks(features=FEATURES),
    dtype=st.sampled_from(DTYPES),
    written=st.sampled_from([None, *DTYPES]),
    scaled=st.booleans(),
    flat=st.booleans(),
    seed=SEEDS,
)
def test_every_network_comes_back_to_the_bit(network, dtype, written, scaled, flat, seed):
    """Every cell, layer, direction and mode, in both dtypes, as it was or cast."""
    model = model_of(network, dtype, seed, scaled=scaled, flat=flat)
    again = xprnn.from_onnx(xprnn.onnx.to_proto(model, dtype=written))
    assert_same(again, model, written or dtype)
    if written in (None, dtype):
        rng = np.random.default_rng(0)
        x = rng.standard_normal((3, 1 if model.mode == "one_to_many" else 4, FEATURES))
        x = (x + (1.7e9 if scaled else 0)).astype("float64" if scaled else dtype)
        np.testing.assert_array_equal(again.predict(x), model.predict(x))


@pytest.mark.parametrize("loss", [losses.Pinball((0.1, 0.9)), losses.GaussianNLL()], ids=str)
def test_losses_with_units_of_their_own(loss, tmp_path):
    x = np.linspace(0, 6, 40).reshape(2, 20, 1)
    model = xprnn.fit(x, 1000 + 50 * np.sin(x), loss=loss, hidden_size=3, epochs=2)
    model.to_onnx(tmp_path / "model.onnx")
    again = xprnn.from_onnx(tmp_path / "model.onnx")
    assert again.loss == loss
    np.testing.assert_array_equal(again.predict(x), model.predict(x))


def test_parameters_are_counted_beyond_what_float32_counts(monkeypatch):
    """With digits of base 7 a small network has as many as a large one."""
    monkeypatch.setattr("xprnn.onnx.read.ours._BASE", 7)
    model = model_of(Stack((Recurrent(4, LSTM(peepholes=True)), Dense(2))), "float32", 0)
    assert_same(xprnn.from_onnx(xprnn.onnx.to_proto(model)), model, "float32")


# Notes that lie


def proto_of(network, dtype="float32", **options):
    return xprnn.onnx.to_proto(model_of(network, dtype, 0, **options))


def changed(proto, **fields):
    """Return a file whose note says something else."""
    (entry,) = proto.metadata_props
    told = json.loads(entry.value)
    assert told.keys() >= fields.keys()
    entry.value = json.dumps(told | fields)
    return proto


ELMAN, RELU = (
    Stack((Recurrent(3, Elman(f)), Dense(2))) for f in ("softsign", activations.LeakyReLU(0.1))
)


def test_the_parameters_are_those_of_the_graph():
    proto = proto_of(ELMAN)
    for tensor in proto.graph.initializer:
        if tensor.name.startswith("W"):
            array = onnx.numpy_helper.to_array(tensor)
            tensor.CopyFrom(onnx.numpy_helper.from_array(2 * array, tensor.name))
    one, other = xprnn.from_onnx(proto), model_of(ELMAN, "float32", 0)
    np.testing.assert_array_equal(one.named()["0.W"], 2 * other.named()["0.W"])
    np.testing.assert_array_equal(one.named()["0.U"], other.named()["0.U"])


def test_a_note_of_another_network_is_not_believed():
    """The graph is then read like that of any program: in float32 it has nodes, else loops."""

    def other(name):
        (entry,) = proto_of(RELU, "float32" if name == "float32" else "float64").metadata_props
        return json.loads(entry.value)["network"]

    found = xprnn.from_onnx(changed(proto_of(ELMAN), network=other("float32")))
    assert found.network == ELMAN
    with pytest.raises(ModelFileError, match=r"\(Scan\)"):
        xprnn.from_onnx(changed(proto_of(ELMAN, "float64"), network=other("float64")))


def test_a_note_of_another_standardisation_is_not_believed():
    model = model_of(ELMAN, "float32", 0, scaled=True)
    proto = xprnn.onnx.to_proto(model)
    scaler = {"dtype": "float64", "arrays": [[0.0, 0.0], [1.0, 1.0]]}
    found = xprnn.from_onnx(changed(proto, x_scaler=scaler))
    np.testing.assert_array_equal(found.x_scaler.mean, model.x_scaler.mean)


@pytest.mark.parametrize(
    "value", ["", "[]", "{}", '{"network": 3}', "9" * 5000, "[" * 100_000], ids=lambda s: s[:6]
)
def test_a_note_that_makes_no_sense_is_not_believed(value):
    proto = proto_of(ELMAN)
    proto.metadata_props[0].value = value
    assert xprnn.from_onnx(proto).network == ELMAN


def test_a_note_of_a_large_network_makes_nothing_large():
    """Nor does one of many steps, of which each is a part of the graph."""

    def lying(**fields):
        proto = proto_of(ELMAN)
        network = json.loads(proto.metadata_props[0].value)["network"]
        network["layers"][0] |= fields
        return changed(proto, network=network)

    steps = {"class": "Feedback", "network": {"class": "Dense", "output_size": 2}, "steps": 10**9}
    deep = {"class": "Stack", "layers": []}
    for _ in range(300):
        deep = {"class": "Stack", "layers": [deep]}
    for proto in (
        lying(hidden_size=30_000),
        lying(class_=0),
        changed(proto_of(ELMAN), network=steps),
        changed(proto_of(ELMAN), network=deep),
        changed(proto_of(ELMAN), features=2**40),
    ):
        tracemalloc.start()
        try:
            assert xprnn.from_onnx(proto).network == ELMAN
        finally:
            peak = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
        assert peak < 50e6, f"{peak:,} bytes"


def test_a_graph_that_was_changed_is_not_what_the_note_says():
    proto = proto_of(ELMAN, "float64")
    (scan,) = (node for node in proto.graph.node if node.op_type == "Scan")
    (body,) = (a.g for a in scan.attribute if a.name == "body")
    (division,) = (node for node in body.node if node.op_type == "Div")
    division.op_type = "Mul"
    with pytest.raises(ModelFileError, match=r"node '.*' \(Scan\)"):
        xprnn.from_onnx(proto)


def test_the_file_of_another_version_is_read_like_any(monkeypatch):
    """Without a note, and with other names."""
    proto = proto_of(ELMAN)
    del proto.metadata_props[:]
    assert xprnn.from_onnx(proto).network == ELMAN


class Doubled(activations.Tanh):
    """An activation of one's own."""

    def forward(self, z, *, xp):
        return 2 * xp.tanh(z)


def test_a_cell_of_ones_own_has_no_note():
    proto = proto_of(Stack((Recurrent(3, Elman(Doubled())), Dense(2))))
    assert not proto.metadata_props
    with pytest.raises(ModelFileError, match=r"\(Scan\): .* loop"):
        xprnn.from_onnx(proto)


def test_predictions_after_training_on(tmp_path):
    """What comes back can be trained further, and written again."""
    model = model_of(ELMAN, "float64", 3)
    again = xprnn.from_onnx(xprnn.onnx.to_proto(model))
    x, y = (np.random.default_rng(1).standard_normal((2, 3, FEATURES)) for _ in range(2))
    _, grads, _ = xprnn.value_and_grad(
        again.network, again.loss, again.params, x.swapaxes(0, 1), y.swapaxes(0, 1),
        xp=np,
    )  # fmt: skip
    params = tree.map(lambda a, g: a - 0.1 * g, again.params, grads)
    trained = replace(again, params=params)
    trained.to_onnx(tmp_path / "model.onnx")
    assert_same(xprnn.from_onnx(tmp_path / "model.onnx"), trained, "float64")
