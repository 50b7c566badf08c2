"""Damage ONNX files, and read them.

Each file gives a model that computes what onnxruntime computes from the same file, or is
refused with a ModelFileError. (Where onnxruntime refuses a file, there is nothing to compare
with: such files are counted as read alone.) The exit status is 1 if any file had another outcome.

    python tests/fuzz/onnx_files.py --count 3000 --seed 0
"""

import sys
import tempfile
from itertools import permutations
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from onnx import helper, numpy_helper

import xprnn
from xprnn.cells import LSTM
from xprnn.layers import Bidirectional, Dense, LayerNorm, Pool, Recurrent, Softmax, Stack

sys.path.insert(0, str(Path(__file__).parent))
from outcomes import Outcomes, options

RNG = np.random.default_rng(0)
F, H = 2, 3


def numbers(*shape):
    return (0.5 * RNG.standard_normal(shape)).astype("float32")


def ours():
    """Yield files of ours, with and without the note that says what they were."""
    for network in (
        Stack((Recurrent(H, LSTM(peepholes=True), learn_initial_state=True), Dense(2))),
        Stack((Bidirectional(Recurrent(H, "gru")), LayerNorm(), Pool("mean"), Dense(2), Softmax())),
    ):
        x = RNG.standard_normal((3, 5, F)).astype("float32")
        y = x if network.keeps_steps else x[:, -1]
        model = xprnn.onnx.to_proto(xprnn.fit(x, y, network=network, epochs=1))
        yield model.SerializeToString()
        del model.metadata_props[:]
        yield model.SerializeToString()


def by_hand(nodes, **constants):
    """Return a file as another program may write it, of x (T, B, F)."""
    graph = helper.make_graph(
        nodes,
        "by hand",
        [helper.make_tensor_value_info("x", 1, ["T", "B", F])],
        [helper.make_tensor_value_info("y", 1, None)],
        [numpy_helper.from_array(np.asarray(a), name) for name, a in constants.items()],
    )
    opset = [helper.make_opsetid("", 17)]
    return helper.make_model(graph, opset_imports=opset, ir_version=9).SerializeToString()


def others():
    """Yield files as other programs write them, with what stands around recurrent nodes."""

    def node(op, inputs, output="y", **attributes):
        return helper.make_node(op, inputs.split(), output.split(), **attributes)

    weights = {"W": numbers(1, 4 * H, F), "R": numbers(1, 4 * H, H), "B": numbers(1, 8 * H)}
    state = [
        node("Shape", "x", "shape"),
        node("Gather", "shape i1", "batch", axis=0),
        node("Concat", "one batch h", "wanted", axis=0),
        node("Constant", "", "zero", value=numpy_helper.from_array(np.zeros(1, "float32"))),
        node("Expand", "zero wanted", "h0"),
    ]
    lstm = helper.make_node(
        "LSTM", ["x", "W", "R", "B", "", "h0", "h0"], ["Y", "Y_h", "Y_c"], hidden_size=H
    )
    dense = [
        node("Squeeze", "Y one", "s"),
        node("MatMul", "s V", "m"),
        node("Add", "m c", "a"),
        node("Tanh", "a", "t"),
        node("Transpose", "t", "y", perm=[1, 0, 2]),
    ]
    small = {"one": np.array([1]), "i1": np.array([1]), "h": np.array([H])}
    yield by_hand([*state, lstm, *dense], V=numbers(H, 4), c=numbers(4), **weights, **small)
    weights = {"W": numbers(2, H, F), "R": numbers(2, H, H), "V": numbers(4, 2 * H)}
    nodes = [
        node("Sub", "x mean", "u"),
        node("Div", "u scale", "v"),
        node(
            "RNN",
            "v W R",
            "Y Y_h",
            direction="bidirectional",
            activations=["Tanh", "Relu"],
            hidden_size=H,
        ),
        node("Transpose", "Y_h", "b", perm=[1, 0, 2]),
        node("Flatten", "b", "f"),
        node("Gemm", "f V", "g", transB=1, alpha=0.5),
        node("Softmax", "g", "y"),
    ]
    yield by_hand(nodes, mean=numbers(F), scale=1 + numbers(F) ** 2, **weights)


# Damage: each changes a file as bytes, or as a tree of messages


def cut(rng, data):
    return data[: int(rng.integers(len(data)))]


def some_bytes(rng, data):
    bad, at = bytearray(data), int(rng.integers(len(data)))
    kind = int(rng.integers(4))
    if kind == 0:
        bad[at] ^= 1 << int(rng.integers(8))
    elif kind == 1:
        bad[at : at + 16] = rng.bytes(int(rng.integers(32)))
    elif kind == 2:
        bad[at:at] = data[at : at + int(rng.integers(1, 64))]
    else:
        begin = int(rng.integers(len(data)))
        bad[at : at + 32] = data[begin : begin + 32]
    return bytes(bad)


def pick(rng, things):
    return things[int(rng.integers(len(things)))] if len(things) else None


NUMBERS = (-1, 0, 1, 2, 3, 7, 99, 2**20, 2**31 - 1, 2**40, 2**62, -(2**63))


def tensor(rng, model):
    """Change what a tensor says of itself, or its bytes."""
    found = [*model.graph.initializer]
    found += [a.t for n in model.graph.node for a in n.attribute if a.HasField("t")]
    one = pick(rng, found)
    if one is None:
        return
    kind = int(rng.integers(6))
    if kind == 0 and one.dims:
        one.dims[int(rng.integers(len(one.dims)))] += int(rng.choice([-1, 1]))
    elif kind == 1 and one.dims:
        one.dims[int(rng.integers(len(one.dims)))] = pick(rng, NUMBERS)
    elif kind == 2:
        one.dims.append(pick(rng, NUMBERS))
    elif kind == 3:
        one.raw_data = one.raw_data[: -int(rng.integers(1, 9))]
    elif kind == 4:
        one.data_type = int(rng.choice([0, 1, 6, 7, 8, 10, 11, 14, 16, 17, 22, 99]))
    else:
        one.data_location = onnx.TensorProto.EXTERNAL
        location = pick(rng, ("nowhere", "../m.onnx", "/etc/passwd", "m.onnx", ""))
        for key, value in (("location", location), ("offset", "0"), ("length", "10000000000")):
            one.external_data.add(key=key, value=value)


def shape_of_x(rng, model):
    dims = model.graph.input[0].type.tensor_type.shape.dim
    dim = pick(rng, dims)
    dim.dim_value = pick(rng, NUMBERS)


def names(rng, model):
    """Rename an input or an output of a node, or of the graph."""
    graph = model.graph
    known = [name for node in graph.node for name in (*node.input, *node.output)]
    other = pick(rng, [*known, "nothing", ""])
    one = pick(rng, [*graph.node, *graph.output, *graph.input, *graph.initializer])
    if isinstance(one, onnx.NodeProto):
        side = one.input if rng.random() < 0.5 and one.input else one.output
        side[int(rng.integers(len(side)))] = other
    else:
        one.name = other


def nodes(rng, model):
    """Take nodes away, move them, or make another operator of one."""
    graph = model.graph
    k, kind = int(rng.integers(len(graph.node))), int(rng.integers(4))
    if kind == 0:
        del graph.node[k]
    elif kind == 1:
        moved = onnx.NodeProto.FromString(graph.node[k].SerializeToString())
        del graph.node[k]
        graph.node.insert(int(rng.integers(len(graph.node) + 1)), moved)
    elif kind == 2:
        graph.node[k].op_type = pick(rng, [n.op_type for n in graph.node])
    else:
        graph.node[k].op_type = pick(
            rng, ("Tile", "Loop", "If", "Scan", "Range", "Pad", "Einsum", "Relu", "")
        )


def attributes(rng, model):
    node = pick(rng, [n for n in model.graph.node if n.attribute])
    one = pick(rng, node.attribute)
    kind = int(rng.integers(4))
    if kind == 0:
        node.attribute.remove(one)
    elif kind == 1:
        one.type = int(rng.integers(15))
    elif kind == 2:
        one.i = pick(rng, NUMBERS)
    elif one.ints:
        one.ints[int(rng.integers(len(one.ints)))] = pick(rng, NUMBERS)
    else:
        one.s = rng.bytes(4)


def bomb(rng, model):
    """Ask for gigabytes: every constant of integers says a large number."""
    found = [t for t in model.graph.initializer if t.data_type == 7]
    found = [t for t in found if t.raw_data] or [onnx.TensorProto()]
    one = pick(rng, found)
    large = 2 ** int(rng.integers(20, 62))
    one.raw_data = large.to_bytes(8, "little") * (len(one.raw_data) // 8)


def doubled(rng, model):
    """Join the output with itself, so often that its size passes all bounds."""
    last, graph = model.graph.output[0].name, model.graph
    for k in range(int(rng.integers(1, 40))):
        graph.node.append(helper.make_node("Concat", [last, last], [f"d{k}"], axis=-1))
        last = f"d{k}"
    one = numpy_helper.from_array(np.float32(2), "two")
    graph.initializer.append(one)
    graph.node.append(helper.make_node("Mul", [last, "two"], ["end"]))
    graph.output[0].name = "end"


BYTES = (cut, some_bytes)
TREES = (tensor, tensor, shape_of_x, names, nodes, attributes, bomb, doubled)


def loads(path):
    """Read a file."""
    return xprnn.from_onnx(path)


def same(path, model):
    """Return "right" if onnxruntime computes the same, "alone" if it refuses the file."""
    wanted = onnxruntime.SessionOptions()
    wanted.log_severity_level = 4
    x = np.random.default_rng(1).standard_normal((4, 5, model.features)).astype("float32")
    try:
        session = onnxruntime.InferenceSession(path, wanted, providers=["CPUExecutionProvider"])
        name = session.get_inputs()[0].name
        first = [o.name for o in session.get_outputs()]
        runs = []
        for axes in ((0, 1, 2), (1, 0, 2)):
            try:
                runs.append(session.run(first[:1], {name: x.transpose(axes)})[0])
            except Exception:
                continue
    except Exception:
        return "alone"
    if not runs:
        return "alone"
    with np.errstate(all="ignore"):
        y = model.predict(x)
    if not all(np.isfinite(a).all() for a in (y, *runs)):
        return "not finite"
    for theirs in runs:  # a model gives y as (B, T, O), whatever the file's axes are
        for axes in permutations(range(theirs.ndim)):
            turned = theirs.transpose(axes)
            turned = turned.reshape(*turned.shape[:2], -1) if turned.ndim > 3 else turned
            if turned.shape == y.shape and np.allclose(turned, y, rtol=1e-3, atol=1e-4):
                return "right"
    raise AssertionError(f"onnxruntime gives {runs[0].ravel()[:4]}, xprnn {y.ravel()[:4]}")


def main(count, seed):
    """Return whether anything went wrong."""
    rng = np.random.default_rng(seed)
    whole = [*ours(), *others()]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "m.onnx"
        for data in whole:
            path.write_bytes(data)
            assert same(path, loads(path)) == "right"
        outcomes = Outcomes(xprnn.ModelFileError)
        for i in range(count):
            data = pick(rng, whole)
            if i % 3 == 0:
                damage = pick(rng, BYTES)
                data = damage(rng, data)
            else:
                damage, model = pick(rng, TREES), onnx.ModelProto.FromString(data)
                damage(rng, model)
                data = model.SerializeToString()
            path.write_bytes(data)
            what = f"file {i} of --seed {seed} ({damage.__name__})"
            outcomes.read(
                what, damage.__name__, lambda: loads(path), lambda model: same(path, model)
            )
    return outcomes.verdict()


if __name__ == "__main__":
    given = options("Damage ONNX files, and read them.", 3000)
    sys.exit(main(given.count, given.seed))
