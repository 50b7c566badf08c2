"""The operators RNN, LSTM and GRU: every attribute, input and output, against three oracles.

Once as single nodes, by `xprnn.onnx.run`, and once as files that `from_onnx` loads. The
operators' equations, written down here; onnxruntime, in float32 and without what it lacks
(layout=1, and the clip before the last activation of an LSTM); and onnx's reference, which
looks at neither activations, clip, input_forget nor sequence_lens.
"""

import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import xprnn.onnx

onnx = pytest.importorskip("onnx", reason="the operators' attributes need onnx")
runtime = pytest.importorskip("onnxruntime", reason="the oracle, onnxruntime, is not installed")

NAMES = ("X", "W", "R", "B", "sequence_lens", "initial_h", "initial_c", "P")
GATES = {"RNN": 1, "GRU": 3, "LSTM": 4}
USUAL = {"RNN": ["Tanh"], "GRU": ["Sigmoid", "Tanh"], "LSTM": ["Sigmoid", "Tanh", "Tanh"]}
FUNCTIONS = {
    "Affine": lambda z, a, b: a * z + b,
    "Elu": lambda z, a, b: np.where(z >= 0, z, a * (np.exp(np.minimum(z, 0)) - 1)),
    "HardSigmoid": lambda z, a, b: np.clip(a * z + b, 0, 1),
    "LeakyRelu": lambda z, a, b: np.where(z >= 0, z, a * z),
    "Relu": lambda z, a, b: np.maximum(z, 0),
    "ScaledTanh": lambda z, a, b: a * np.tanh(b * z),
    "Sigmoid": lambda z, a, b: (1 + np.tanh(z / 2)) / 2,
    "Softplus": lambda z, a, b: np.logaddexp(0, z),
    "Softsign": lambda z, a, b: z / (1 + np.abs(z)),
    "Tanh": lambda z, a, b: np.tanh(z),
    "ThresholdedRelu": lambda z, a, b: np.where(z >= a, z, 0),
}
HAS_ALPHA = ("Affine", "Elu", "HardSigmoid", "LeakyRelu", "ScaledTanh", "ThresholdedRelu")
HAS_BETA = ("Affine", "HardSigmoid", "ScaledTanh")


@st.composite
def nodes(draw, *, functions=tuple(FUNCTIONS), dtype="float64", layout=(0, 1), lengths=True):
    """A node and its inputs; without functions, with the usual activations and no clip."""
    op = draw(st.sampled_from(sorted(GATES)))
    direction = draw(st.sampled_from(["forward", "reverse", "bidirectional"]))
    T, N, F, H = (draw(st.integers(1, 4)) for _ in range(4))
    D, G = 1 + (direction == "bidirectional"), GATES[op]
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))

    def array(*shape):
        return (0.5 * rng.standard_normal(shape)).astype(dtype)

    inputs = {"X": array(T, N, F), "W": array(D, G * H, F), "R": array(D, G * H, H)}
    if draw(st.booleans()):
        inputs["B"] = array(D, 2 * G * H)
    if lengths and draw(st.booleans()):
        inputs["sequence_lens"] = rng.integers(1, T + 1, N).astype("int32")
    for name in ("initial_h", "initial_c")[: 1 + (op == "LSTM")]:
        if draw(st.booleans()):
            inputs[name] = array(D, N, H)
    if op == "LSTM" and draw(st.booleans()):
        inputs["P"] = array(D, 3 * H)
    attributes = {"direction": direction, "hidden_size": H}
    if 1 in layout and draw(st.booleans()):
        attributes["layout"] = 1
        for name in {"X", "initial_h", "initial_c"} & inputs.keys():
            inputs[name] = inputs[name].swapaxes(0, 1)
    if op == "GRU":
        attributes["linear_before_reset"] = draw(st.integers(0, 1))
    if functions:
        count = len(USUAL[op]) * D
        names = draw(st.lists(st.sampled_from(functions), min_size=count, max_size=count))
        attributes["activations"] = names
        alpha = [draw(st.sampled_from([0.375, 0.5, 1.5])) for name in names if name in HAS_ALPHA]
        beta = [draw(st.sampled_from([0.25, 0.75])) for name in names if name in HAS_BETA]
        attributes |= {"activation_alpha": alpha} if alpha else {}
        attributes |= {"activation_beta": beta} if beta else {}
        if op == "LSTM":
            attributes["input_forget"] = draw(st.integers(0, 1))
        if draw(st.booleans()) and (op != "LSTM" or dtype == "float64"):
            attributes["clip"] = draw(st.sampled_from([0.25, 0.75]))
    return op, attributes, inputs


def node_of(op, attributes, inputs):
    given = [name if name in inputs else "" for name in NAMES[: 8 if op == "LSTM" else 6]]
    outputs = ["Y", "Y_h", "Y_c"][: 2 + (op == "LSTM")]
    return onnx.helper.make_node(op, given, outputs, **attributes)


def ours(op, attributes, inputs):
    arrays = [inputs.get(name) for name in NAMES[: 8 if op == "LSTM" else 6]]
    return xprnn.onnx.run(node_of(op, attributes, inputs), arrays)


WEIGHTS = ("W", "R", "B", "P")


def model_of(op, attributes, inputs, fixed=(), free=()):
    """The node as a file; weights of the names `fixed` in it, and `free` sizes of axes."""
    node, helper = node_of(op, attributes, inputs), onnx.helper

    def value(name, a):
        kind = helper.np_dtype_to_tensor_dtype(a.dtype)
        shape = [None if k in free else n for k, n in enumerate(a.shape)]
        return helper.make_tensor_value_info(name, kind, shape)

    kind = helper.np_dtype_to_tensor_dtype(inputs["X"].dtype)
    outputs = [helper.make_tensor_value_info(name, kind, None) for name in node.output]
    given = [value(*item) for item in inputs.items() if item[0] not in fixed]
    constants = [
        onnx.numpy_helper.from_array(np.ascontiguousarray(a), name)
        for name, a in inputs.items() if name in fixed
    ]  # fmt: skip
    graph = helper.make_graph([node], "node", given, outputs, constants)
    opset = [helper.make_opsetid("", 17)]
    return helper.make_model(graph, opset_imports=opset, ir_version=9)


def loaded(op, attributes, inputs):
    """What the models give that `from_onnx` makes of a file with the node: Y, Y_h and Y_c.

    In the axes of the node; and the states that Y's model ends with are Y_h and Y_c too.
    """
    first, D = attributes.get("layout", 0), len(inputs["W"])
    proto = model_of(op, attributes, inputs, fixed=WEIGHTS, free=(0, 1))
    x = inputs["X"] if first else inputs["X"].swapaxes(0, 1)
    options = {"lengths": inputs["sequence_lens"]} if "sequence_lens" in inputs else {}
    names = ["h", "c"][: 1 + (op == "LSTM")]
    found, ends = [], None
    for output in ["Y", "Y_h", "Y_c"][: 1 + len(names)]:
        model = xprnn.from_onnx(proto, output=output)
        assert model.dtype == x.dtype
        _, own = model.predict(x, return_state=True, **options)
        begin = []
        for k, zeros in enumerate(own):  # h, c of each direction, then what a pool keeps
            d, name = k // len(names), names[k % len(names)]
            state = inputs.get(f"initial_{name}") if d < D else None
            start = np.zeros_like(zeros)
            if state is not None:
                start = state[:, d] if first else state[d]
            begin.append(start)
        y, end = model.predict(x, state=tuple(begin), return_state=True, **options)
        assert y.dtype == x.dtype
        if output == "Y":
            B, T, _ = y.shape
            y, ends = y.reshape(B, T, D, -1), end
            y = y if first else y.transpose(1, 2, 0, 3)
        else:
            y = y.reshape(len(y), D, -1)
            y = y if first else y.swapaxes(0, 1)
        found.append(y)
    for k, state in enumerate(found[1:]):
        mine = np.stack(ends[k :: len(names)], axis=1 if first else 0)
        np.testing.assert_allclose(mine, state, rtol=1e-6, atol=1e-6)
    return found


def written_down(op, attributes, inputs):
    """The operator's equations for each row of the batch by itself."""
    X = inputs["X"].swapaxes(0, 1) if attributes.get("layout") else inputs["X"]
    W, R = inputs["W"], inputs["R"]
    (T, N, _), (D, _, H) = X.shape, R.shape
    G, k = GATES[op], len(USUAL[op])
    alpha, beta = (iter(attributes.get(f"activation_{name}", ())) for name in ("alpha", "beta"))
    functions = []
    for name in attributes.get("activations", USUAL[op] * D):
        a = next(alpha) if name in HAS_ALPHA else None
        b = next(beta) if name in HAS_BETA else None
        clip = attributes.get("clip", np.inf)
        functions.append(lambda z, f=FUNCTIONS[name], a=a, b=b, c=clip: f(np.clip(z, -c, c), a, b))
    B = inputs.get("B", np.zeros((D, 2 * G * H)))
    P = inputs.get("P", np.zeros((D, 3 * H)))
    first = [inputs.get(name, np.zeros((D, N, H))) for name in ("initial_h", "initial_c")]
    if attributes.get("layout"):
        first = [
            s.swapaxes(0, 1) if name in inputs else s
            for name, s in zip(("initial_h", "initial_c"), first, strict=True)
        ]
    lengths = inputs.get("sequence_lens", np.full(N, T))
    Y, Y_h, Y_c = np.zeros((T, D, N, H)), np.zeros((D, N, H)), np.zeros((D, N, H))
    for d in range(D):
        f, *more = functions[d * k : (d + 1) * k]
        backward = attributes["direction"] == "reverse" or d == 1
        Wb, Rb = np.split(B[d], 2)
        for n in range(N):
            h, c = first[0][d, n], first[1][d, n]
            order = range(lengths[n])
            for t in reversed(order) if backward else order:
                p, q = np.split(W[d] @ X[t, n] + Wb, G), np.split(R[d] @ h + Rb, G)
                if op == "RNN":
                    h = f(p[0] + q[0])
                elif op == "GRU":
                    (g,) = more
                    z, r = f(p[0] + q[0]), f(p[1] + q[1])
                    if attributes.get("linear_before_reset"):
                        new = g(p[2] + r * q[2])
                    else:
                        new = g(p[2] + R[d][2 * H :] @ (r * h) + Rb[2 * H :])
                    h = (1 - z) * new + z * h
                else:
                    g, last = more
                    P_i, P_o, P_f = np.split(P[d], 3)
                    i = f(p[0] + q[0] + P_i * c)
                    forget = f(p[2] + q[2] + P_f * c)
                    if attributes.get("input_forget"):
                        forget = 1 - i
                    c = forget * c + i * g(p[3] + q[3])
                    o = f(p[1] + q[1] + P_o * c)
                    h = o * last(c)
                Y[t, d, n] = h
            Y_h[d, n], Y_c[d, n] = h, c
    found = [Y, Y_h, Y_c][: 2 + (op == "LSTM")]
    if attributes.get("layout"):
        return [Y.transpose(2, 0, 1, 3), *(s.swapaxes(0, 1) for s in found[1:])]
    return found


def same(one, other, tolerance):
    for a, b in zip(one, other, strict=True):
        assert a.shape == b.shape
        np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance)


@given(nodes())
def test_the_operators_equations(case):
    found = ours(*case)
    same(found, written_down(*case), 1e-11)
    same(loaded(*case), written_down(*case), 1e-11)
    assert all(a.dtype == "float64" for a in found)


@given(nodes())
def test_what_is_loaded_can_be_saved(tmp_path_factory, case):
    """With whatever activations, their numbers and clip: in a file, and as a pickle."""
    model = xprnn.from_onnx(model_of(*case, fixed=WEIGHTS, free=(0, 1)))
    path = tmp_path_factory.mktemp("loaded") / "model.npz"
    model.save(path)
    X = case[2]["X"]
    for again in (xprnn.load(path), pickle.loads(pickle.dumps(model))):
        assert again.network == model.network
        np.testing.assert_array_equal(again.predict(X), model.predict(X))


TRUSTED = sorted(FUNCTIONS.keys() - {"Softplus"})
"""Those that onnxruntime's nodes compute for every z; its Softplus overflows from 89 on."""


@given(nodes(functions=TRUSTED, dtype="float32", layout=(0,)))
def test_onnxruntime(case):
    options = runtime.SessionOptions()
    options.log_severity_level = 4
    made = runtime.InferenceSession(
        model_of(*case).SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    found, theirs = ours(*case), made.run(None, case[2])
    same(found, theirs, 2e-4)
    same(loaded(*case), theirs, 2e-4)
    assert all(a.dtype == "float32" for a in found)


@given(nodes(functions=(), lengths=False))
def test_the_reference_of_onnx(case):
    from onnx.reference import ReferenceEvaluator

    theirs = ReferenceEvaluator(model_of(*case)).run(None, case[2])
    same(ours(*case), theirs, 1e-12)
    same(loaded(*case), theirs, 1e-12)


def test_defaults_of_alpha_and_beta_are_those_of_onnx_operators():
    x = np.array([-2.0, -0.5, 0.5, 2.0]).reshape(1, 4, 1)
    one = np.ones((1, 1, 1))
    expected = {
        "Affine": x, "Elu": np.where(x > 0, x, np.expm1(x)),
        "HardSigmoid": np.clip(0.2 * x + 0.5, 0, 1), "LeakyRelu": np.where(x > 0, x, 0.01 * x),
        "ThresholdedRelu": np.where(x > 1, x, 0),
    }  # fmt: skip
    for name, y in expected.items():
        node = onnx.helper.make_node("RNN", ["X", "W", "R"], ["Y"], activations=[name])
        np.testing.assert_allclose(xprnn.onnx.run(node, [x, one, one])[0][:, 0], y, rtol=1e-15)


def test_what_does_not_fit_is_named():
    X, W, R = np.zeros((4, 2, 3)), np.zeros((1, 5, 3)), np.zeros((1, 5, 5))

    def refused(message, inputs, error=ValueError, op="RNN", **attributes):
        node = onnx.helper.make_node(op, ["X", "W", "R"], ["Y"], **attributes)
        with pytest.raises(error, match=message):
            xprnn.onnx.run(node, inputs)

    refused("node must be an RNN, LSTM or GRU, got 'Relu'", [X, W, R], op="Relu")
    refused("inputs of a RNN must be 3 to 6", [X, W])
    refused("R must be given, got None", [X, W, None])
    refused("all be float32 or all float64", [X, W, R.astype("float32")], TypeError)
    refused("all be float32 or all float64", [X.astype("int64"), W, R], TypeError)
    refused(r"X must have 3 axes, got shape \(2, 3\)", [X[0], W, R])
    refused(r"W must have 3 columns, the features of X", [X, W[..., :2], R])
    refused(r"B must have shape \(1, 10\), got \(1, 5\)", [X, W, R, np.zeros((1, 5))])
    refused(r"sequence_lens must have shape \(2,\)", [X, W, R, None, np.array([1])])
    refused("sequence_lens must be 0 to 4, the steps of X", [X, W, R, None, np.array([1, 5])])
    refused("sequence_lens must be integers", [X, W, R, None, np.ones(2)], TypeError)
    refused(
        r"initial_h must have shape \(1, 2, 5\), got \(1, 1, 5\)",
        [X, W, R, None, None, np.zeros((1, 1, 5))],
    )
    refused("hidden_size is 4", [X, W, R], hidden_size=4)
    refused("direction must be one of .*'backward'", [X, W, R], direction="backward")
    refused("activations must be of ONNX's", [X, W, R], activations=["Gelu"])
    refused("activations of a RNN must be 1 for each", [X, W, R], activations=["Tanh", "Tanh"])
    refused("ScaledTanh has no default", [X, W, R], activations=["ScaledTanh"])
