"""Independent oracles: torch's networks, losses and autograd, to 1e-12 in float64.

These tests need torch (CPU) and are part of the session ``nox -s tests-torch``.
"""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from xprnn import activations, interop, losses, optimizers, schedules, tree
from xprnn._noise import Noise
from xprnn.cells import LSTM, Elman, GRUResetBefore
from xprnn.layers import (
    Bidirectional,
    CausalConv,
    Dense,
    Dropout,
    EncoderDecoder,
    Extend,
    Feedback,
    LayerNorm,
    Pool,
    Recurrent,
    Stack,
)

torch = pytest.importorskip("torch", reason="the oracle is torch, which is not installed")

SEEDS = st.integers(0, 2**32 - 1)


def close(ours, theirs, largest=1e-300):
    """Assert equality to 1e-12 of the largest number, of theirs or given."""
    theirs = theirs.detach().numpy()
    assert ours.shape == theirs.shape
    scale = max(largest, np.abs(theirs).max())
    np.testing.assert_allclose(ours / scale, theirs / scale, rtol=0, atol=1e-12)


@given(
    activation=st.sampled_from(["tanh", "relu"]),
    num_layers=st.integers(1, 3),
    sizes=st.tuples(*[st.integers(1, 6)] * 4),
    steps=st.integers(1, 12),
    seed=SEEDS,
)
def test_rnn_of_torch(activation, num_layers, sizes, steps, seed):
    """Outputs, final states and all gradients of torch.nn.RNN with a linear layer on top."""
    features, hidden, outputs, batch = sizes
    rng, xp = np.random.default_rng(seed), np
    network = Stack(
        (*[Recurrent(hidden, Elman(activation)) for _ in range(num_layers)], Dense(outputs))
    )
    drawn, _ = network.init(rng, features)
    params = tree.map(lambda a: a + 0.3 * rng.standard_normal(a.shape), drawn)
    x = rng.standard_normal((steps, batch, features))
    y = rng.standard_normal((steps, batch, outputs))
    state = (*(((rng.standard_normal((batch, hidden)),)) for _ in range(num_layers)), ())

    rnn = torch.nn.RNN(features, hidden, num_layers, nonlinearity=activation, dtype=torch.float64)
    linear = torch.nn.Linear(hidden, outputs, dtype=torch.float64)
    with torch.no_grad():
        for i in range(num_layers):
            getattr(rnn, f"weight_ih_l{i}").copy_(torch.tensor(params[i]["W"].T))
            getattr(rnn, f"weight_hh_l{i}").copy_(torch.tensor(params[i]["U"].T))
            getattr(rnn, f"bias_ih_l{i}").copy_(torch.tensor(params[i]["b"][0]))
            getattr(rnn, f"bias_hh_l{i}").zero_()
        linear.weight.copy_(torch.tensor(params[-1]["W"].T))
        linear.bias.copy_(torch.tensor(params[-1]["b"][0]))
    tx = torch.tensor(x, requires_grad=True)
    th = torch.tensor(np.stack([s[0] for s in state[:-1]]), requires_grad=True)
    ty, tend = rnn(tx, th)
    ty = linear(ty)
    (0.5 * ((ty - torch.tensor(y)) ** 2).sum(-1).mean() + (tend**2).sum() / 2).backward()

    y_hat, end, cache = network.forward(params, x, state, None, xp=xp)
    _, dy = losses.HalfMSE()(y_hat, y, None, xp=xp)
    grads, dx, dstate = network.backward(params, dy, end, cache, xp=xp)
    close(y_hat, ty)
    close(np.stack([s[0] for s in end[:-1]]), tend)
    close(dx, tx.grad)
    close(np.stack([s[0] for s in dstate[:-1]]), th.grad)
    for i in range(num_layers):
        close(grads[i]["W"].T, getattr(rnn, f"weight_ih_l{i}").grad)
        close(grads[i]["U"].T, getattr(rnn, f"weight_hh_l{i}").grad)
        close(grads[i]["b"][0], getattr(rnn, f"bias_ih_l{i}").grad)
    close(grads[-1]["W"].T, linear.weight.grad)
    close(grads[-1]["b"][0], linear.bias.grad)


@given(
    name=st.sampled_from(["LSTM", "GRU"]),
    num_layers=st.integers(1, 3),
    both=st.booleans(),
    sizes=st.tuples(*[st.integers(1, 4)] * 2),
    lengths=st.lists(st.integers(1, 7), min_size=1, max_size=4),
    padding=st.integers(0, 2),
    seed=SEEDS,
)
def test_lstm_and_gru_of_torch(name, num_layers, both, sizes, lengths, padding, seed):
    """With the lengths of a packed sequence, in both directions: all values, all gradients."""
    (features, hidden), batch, steps = sizes, len(lengths), max(lengths)
    rng = np.random.default_rng(seed)
    layer = Recurrent(hidden, name.lower())
    network = Stack((Bidirectional(layer) if both else layer,) * num_layers)
    params = tree.map(lambda a: rng.standard_normal(a.shape), network.init(rng, features)[0])
    kept = np.arange(steps + padding)[:, None, None] < np.array(lengths)[:, None]
    x = np.where(kept, rng.standard_normal((*kept.shape[:2], features)), np.nan)
    y = rng.standard_normal((*kept.shape[:2], hidden * (2 if both else 1)))
    state = tree.map(
        lambda s: rng.standard_normal(s.shape), network.initial_state(params, batch, xp=np)
    )
    parts = [tree.leaves(state)[k :: layer.cell.states] for k in range(layer.cell.states)]

    module = getattr(torch.nn, name)(
        features, hidden, num_layers, bidirectional=both, dtype=torch.float64
    )
    loaded = interop.to_torch(network, params)
    module.load_state_dict({n: torch.tensor(a) for n, a in loaded.items()})
    tx = torch.tensor(x[:steps], requires_grad=True)
    starts = [torch.tensor(np.stack(part), requires_grad=True) for part in parts]
    packed = torch.nn.utils.rnn.pack_padded_sequence(tx, lengths, enforce_sorted=False)
    out, ends = module(packed, tuple(starts) if name == "LSTM" else starts[0])
    ends = ends if name == "LSTM" else (ends,)
    ty, _ = torch.nn.utils.rnn.pad_packed_sequence(out, total_length=steps + padding)
    error = torch.where(torch.tensor(kept), ty - torch.tensor(y), 0.0)
    (0.5 * (error**2).sum() / sum(lengths) + sum((e**2).sum() for e in ends) / 2).backward()

    mask = kept if padding or len(set(lengths)) > 1 else None
    y_hat, end, cache = network.forward(params, x, state, mask, xp=np)
    _, dy = losses.HalfMSE()(y_hat, y, mask, xp=np)
    grads, dx, dstate = network.backward(params, dy, end, cache, xp=np)
    largest = max(float(p.grad.abs().max()) for p in module.parameters())
    close(y_hat, ty)
    close(dx[:steps], torch.where(torch.tensor(kept[:steps]), tx.grad, 0.0), largest)
    assert not dx[steps:].any()
    for k in range(layer.cell.states):
        close(np.stack(tree.leaves(end)[k :: layer.cell.states]), ends[k])
        close(np.stack(tree.leaves(dstate)[k :: layer.cell.states]), starts[k].grad, largest)
    for key, grad in interop.to_torch(network, grads).items():
        theirs = getattr(module, key).grad
        if key.startswith("bias_hh"):  # of which v is the candidate's part
            if name == "LSTM":
                continue
            grad, theirs = grad[2 * hidden :], theirs[2 * hidden :]
        close(grad, theirs, largest)


def by_hand(cell, params, x, state, mask):
    """A cell with weights of its own, or with two products, written as torch's tensors read it."""
    W, U, b = params["W"], params["U"], params["b"]
    H, outputs = U.shape[0], []
    cut = lambda a: [a[:, k * H : (k + 1) * H] for k in range(cell.gates)]  # noqa: E731
    h, *rest = state
    for t in range(len(x)):
        p, q = cut(x[t] @ W + b), cut(h @ U)
        if isinstance(cell, LSTM):
            (c,) = rest
            v_i, v_f, v_o = params["v"][:, :H], params["v"][:, H : 2 * H], params["v"][:, 2 * H :]
            i = torch.sigmoid(p[0] + q[0] + v_i * c)
            f = torch.sigmoid(p[1] + q[1] + v_f * c)
            new_c = f * c + i * torch.tanh(p[2] + q[2])
            o = torch.sigmoid(p[3] + q[3] + v_o * new_c)
            new, rest = o * torch.tanh(new_c), [torch.where(mask[t], new_c, c)]
        else:
            r, z = torch.sigmoid(p[0] + q[0]), torch.sigmoid(p[1] + q[1])
            n = torch.tanh(p[2] + (r * h) @ U[:, 2 * H :])
            new = (1 - z) * n + z * h
        h = torch.where(mask[t], new, h)
        outputs.append(torch.where(mask[t], h, 0.0))
    return torch.stack(outputs), (h, *rest)


@pytest.mark.parametrize("cell", [LSTM(peepholes=True), GRUResetBefore()])
@given(sizes=st.tuples(*[st.integers(1, 4)] * 3), steps=st.integers(1, 7), seed=SEEDS)
def test_peepholes_and_reset_before_by_hand(cell, sizes, steps, seed):
    """torch's modules have neither."""
    (features, hidden, batch), rng = sizes, np.random.default_rng(seed)
    layer = Recurrent(hidden, cell)
    params = tree.map(lambda a: rng.standard_normal(a.shape), layer.init(rng, features)[0])
    x = rng.standard_normal((steps, batch, features))
    mask = rng.random((steps, batch, 1)) < 0.7
    state = tuple(rng.standard_normal((batch, hidden)) for _ in range(cell.states))
    point = {"params": params, "x": x, "state": state}
    tensors = tree.map(lambda a: torch.tensor(a, requires_grad=True), point)
    ty, tend = by_hand(cell, tensors["params"], tensors["x"], tensors["state"], torch.tensor(mask))
    sum((a**2).sum() / 2 for a in (ty, *tend)).backward()

    y, end, cache = layer.forward(params, x, state, mask, xp=np)
    grads, dx, dstate = layer.backward(params, y, end, cache, xp=np)
    close(y, ty)
    for ours, theirs in zip(end, tend, strict=True):
        close(ours, theirs)
    ours, theirs = tree.flatten({"params": grads, "x": dx, "state": dstate}), tree.flatten(tensors)
    largest = max(float(t.grad.abs().max()) for t in theirs.values())
    for key, grad in ours.items():
        close(grad, theirs[key].grad, largest)


@given(
    sizes=st.tuples(*[st.integers(1, 4)] * 3),
    size=st.integers(1, 7),
    steps=st.integers(1, 9),
    seed=SEEDS,
)
def test_causal_convolution_of_torch(sizes, size, steps, seed):
    """With the steps before the first from a state: values and all gradients."""
    features, outputs, batch = sizes
    rng, layer = np.random.default_rng(seed), CausalConv(outputs, size)
    params = tree.map(lambda a: rng.standard_normal(a.shape), layer.init(rng, features)[0])
    joined = rng.standard_normal((size - 1 + steps, batch, features))
    before, x = joined[: size - 1], joined[size - 1 :]
    state = (before.swapaxes(0, 1).reshape(batch, -1),) if size > 1 else ()
    dy = rng.standard_normal((steps, batch, outputs))

    conv = torch.nn.Conv1d(features, outputs, size, dtype=torch.float64)
    W = params["W"].reshape(size, features, outputs)
    conv.load_state_dict({"weight": torch.tensor(W.T.copy()), "bias": torch.tensor(params["b"][0])})
    steps_ = torch.tensor(joined, requires_grad=True)
    ty = conv(steps_.permute(1, 2, 0)).permute(2, 0, 1)
    (ty * torch.tensor(dy)).sum().backward()

    y, end, cache = layer.forward(params, x, state, None, xp=np)
    grads, dx, dstate = layer.backward(params, dy, tree.map(np.zeros_like, end), cache, xp=np)
    close(y, ty)
    close(dx, steps_.grad[size - 1 :])
    for d in dstate:
        close(d, steps_.grad[: size - 1].swapaxes(0, 1).reshape(batch, -1))
    close(grads["W"].reshape(W.shape).T, conv.weight.grad)
    close(grads["b"][0], conv.bias.grad)


@given(
    features=st.integers(2, 6),
    eps=st.sampled_from([1e-5, 1e-2]),
    scale=st.sampled_from([0.1, 1.0, 100.0]),
    seed=SEEDS,
)
def test_layer_norm_of_torch(features, eps, scale, seed):
    rng = np.random.default_rng(seed)
    x, dy = scale * rng.standard_normal((4, 3, features)), rng.standard_normal((4, 3, features))
    params = {"g": rng.standard_normal((1, features)), "b": rng.standard_normal((1, features))}
    norm = torch.nn.LayerNorm(features, eps, dtype=torch.float64)
    norm.load_state_dict(
        {"weight": torch.tensor(params["g"][0]), "bias": torch.tensor(params["b"][0])}
    )
    tx = torch.tensor(x, requires_grad=True)
    ty = norm(tx)
    (ty * torch.tensor(dy)).sum().backward()
    y, _, cache = LayerNorm(eps).forward(params, x, (), None, xp=np)
    grads, dx, _ = LayerNorm(eps).backward(params, dy, (), cache, xp=np)
    close(y, ty)
    assert np.abs(dx - tx.grad.numpy()).max() <= 1e-12 * np.abs(dy).max() / np.sqrt(eps)
    close(grads["g"][0], norm.weight.grad)
    close(grads["b"][0], norm.bias.grad)


@given(scale=st.sampled_from([1e-3, 1.0, 30.0, 1e4]), seed=SEEDS)
@pytest.mark.parametrize("name", sorted(activations.TABLE))
def test_activations_of_torch(name, scale, seed):
    z = scale * np.random.default_rng(seed).standard_normal(20)
    f = activations.get(name)
    theirs = {
        "identity": lambda t: t.clone(),
        "elu": torch.nn.functional.elu,
        "softplus": lambda t: torch.nn.functional.softplus(t, threshold=100),
        "softsign": torch.nn.functional.softsign,
    }.get(name, getattr(torch, name, None))
    t = torch.tensor(z, requires_grad=True)
    out = theirs(t)
    out.sum().backward()
    y = f.forward(z, xp=np)
    np.testing.assert_allclose(y, out.detach().numpy(), rtol=1e-12, atol=1e-15)
    dz = f.backward(np.ones_like(z), z, y, xp=np)
    np.testing.assert_allclose(dz, t.grad.numpy(), rtol=1e-9, atol=1e-15)


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (losses.MSE(), torch.nn.MSELoss()),
        (losses.MAE(), torch.nn.L1Loss()),
        (losses.Huber(), torch.nn.HuberLoss()),
        (losses.Huber(0.3), torch.nn.HuberLoss(delta=0.3)),
    ],
)
@given(seed=SEEDS)
def test_losses_of_torch(ours, theirs, seed):
    y_hat, y = 2 * np.random.default_rng(seed).standard_normal((2, 4, 3, 2))
    t = torch.tensor(y_hat, requires_grad=True)
    loss = theirs(t, torch.tensor(y))
    loss.backward()
    value, dy_hat = ours(y_hat, y, None, xp=np)
    np.testing.assert_allclose(float(value), loss.item(), rtol=1e-13)
    close(dy_hat, t.grad)


def agrees(ours, theirs, y_hat, y, mask=None):
    """Assert that a loss and its gradient are those of `theirs`, a function of a tensor."""
    t = torch.tensor(y_hat, requires_grad=True)
    loss = theirs(t)
    loss.backward()
    value, dy_hat = ours(y_hat, y, mask, xp=np)
    np.testing.assert_allclose(float(value), loss.item(), rtol=1e-13, atol=1e-15)
    close(dy_hat, t.grad)


@given(
    classes=st.integers(2, 5),
    weighted=st.booleans(),
    smoothing=st.sampled_from([0.0, 0.1, 0.7]),
    scale=st.sampled_from([0.1, 3.0, 100.0]),
    masked=st.booleans(),
    seed=SEEDS,
)
def test_cross_entropy_of_torch(classes, weighted, smoothing, scale, masked, seed):
    """Of labels and of the one-hot vectors that encode them; torch is given the valid steps."""
    rng = np.random.default_rng(seed)
    weights = tuple(rng.uniform(0.2, 3, classes)) if weighted else None
    y_hat = scale * rng.standard_normal((4, 3, classes))
    labels = rng.integers(classes, size=(4, 3, 1))
    mask = rng.random((4, 3, 1)) < 0.6 if masked else np.ones((4, 3, 1), dtype=bool)
    mask[0] = True
    entropy = torch.nn.CrossEntropyLoss(
        torch.tensor(weights, dtype=torch.float64) if weighted else None, label_smoothing=smoothing
    )
    valid, truth = torch.tensor(mask[..., 0]), torch.tensor(labels[mask])

    for y in (labels, labels.astype("float64"), np.eye(classes)[labels[..., 0]]):
        ours = losses.CrossEntropy(weights, smoothing)
        agrees(ours, lambda t: entropy(t[valid], truth), y_hat, y, mask if masked else None)


@given(smoothing=st.sampled_from([0.0, 0.2]), seed=SEEDS)
@pytest.mark.parametrize("weights", [None, (0.5, 2.0, 1.0)])
def test_cross_entropy_of_probabilities_of_torch(weights, smoothing, seed):
    """With weights, torch takes the mean over the steps, and xprnn over the steps' weights."""
    rng = np.random.default_rng(seed)
    y_hat, y = 2 * rng.standard_normal((4, 3, 3)), rng.dirichlet(np.ones(3), (4, 3))
    entropy = torch.nn.CrossEntropyLoss(
        torch.tensor(weights, dtype=torch.float64) if weights else None, label_smoothing=smoothing
    )
    factor = 12 / (y @ np.array(weights)).sum() if weights else 1.0
    ours = losses.CrossEntropy(weights, smoothing)
    truth = torch.tensor(y.reshape(-1, 3))
    agrees(ours, lambda t: factor * entropy(t.reshape(-1, 3), truth), y_hat, y)


@given(scale=st.sampled_from([0.1, 3.0, 100.0]), labels=st.booleans(), seed=SEEDS)
def test_binary_cross_entropy_of_torch(scale, labels, seed):
    rng = np.random.default_rng(seed)
    y_hat, y = scale * rng.standard_normal((4, 3, 2)), rng.random((4, 3, 2))
    y = y.round() if labels else y
    entropy = torch.nn.BCEWithLogitsLoss()
    agrees(losses.BinaryCrossEntropy(), lambda t: entropy(t, torch.tensor(y)), y_hat, y)


@given(seed=SEEDS)
def test_gaussian_nll_of_torch(seed):
    rng = np.random.default_rng(seed)
    y_hat, y = 2 * rng.standard_normal((4, 3, 4)), 2 * rng.standard_normal((4, 3, 2))
    nll = torch.nn.GaussianNLLLoss(eps=1e-6)
    agrees(
        losses.GaussianNLL(),
        lambda t: nll(t[..., :2], torch.tensor(y), torch.exp(t[..., 2:])),
        y_hat,
        y,
    )


@given(
    momentum=st.sampled_from([0.0, 0.5, 0.95]),
    nesterov=st.booleans(),
    decay=st.sampled_from([0.0, 0.1, 1.0]),
    weight_decay=st.sampled_from([0.0, 0.01]),
    seed=SEEDS,
)
def test_sgd_of_torch(momentum, nesterov, decay, weight_decay, seed):
    """Momentum, Nesterov, 1/(1 + decay i) and weight decay, step by step."""
    nesterov = nesterov and momentum > 0
    ours = optimizers.SGD(0.1, momentum, nesterov, decay, weight_decay)

    def theirs(parameters):
        sgd = torch.optim.SGD(
            parameters, 0.1, momentum, nesterov=nesterov, weight_decay=weight_decay
        )
        return sgd, torch.optim.lr_scheduler.LambdaLR(sgd, lambda i: 1 / (1 + decay * i))

    compare_steps(ours, theirs, seed)


@pytest.mark.parametrize("name", ["Adam", "AdamW"])
@given(weight_decay=st.sampled_from([0.0, 0.01]), eps=st.sampled_from([1e-8, 1e-3]), seed=SEEDS)
def test_adam_of_torch(name, weight_decay, eps, seed):
    ours = getattr(optimizers, name)(0.01, 0.8, 0.99, eps, weight_decay)

    def theirs(parameters):
        adam = getattr(torch.optim, name)(parameters, 0.01, (0.8, 0.99), eps, weight_decay)
        return adam, constant(adam)

    compare_steps(ours, theirs, seed)


@given(
    beta1=st.sampled_from([0.0, 0.8]),
    weight_decay=st.sampled_from([0.0, 0.01]),
    momentum_decay=st.sampled_from([0.0, 0.004, 1.0]),
    seed=SEEDS,
)
def test_nadam_of_torch(double, beta1, weight_decay, momentum_decay, seed):
    """With the product of all μ, which torch keeps in its default dtype."""
    ours = optimizers.NAdam(0.01, beta1, 0.99, 1e-6, weight_decay, momentum_decay)

    def theirs(parameters):
        nadam = torch.optim.NAdam(
            parameters, 0.01, (beta1, 0.99), 1e-6, weight_decay, momentum_decay
        )
        return nadam, constant(nadam)

    compare_steps(ours, theirs, seed)


@given(
    alpha=st.sampled_from([0.5, 0.99]),
    momentum=st.sampled_from([0.0, 0.9]),
    centered=st.booleans(),
    weight_decay=st.sampled_from([0.0, 0.01]),
    seed=SEEDS,
)
def test_rmsprop_of_torch(alpha, momentum, centered, weight_decay, seed):
    ours = optimizers.RMSprop(0.01, alpha, 1e-6, momentum, centered, weight_decay)

    def theirs(parameters):
        rmsprop = torch.optim.RMSprop(
            parameters, 0.01, alpha, 1e-6, weight_decay, momentum, centered
        )
        return rmsprop, constant(rmsprop)

    compare_steps(ours, theirs, seed)


@pytest.mark.parametrize("name", ["Adam", "AdamW", "NAdam", "RMSprop"])
def test_defaults_of_torch(double, name):
    def theirs(parameters):
        optimizer = getattr(torch.optim, name)(parameters)
        return optimizer, constant(optimizer)

    compare_steps(optimizers.get(name.lower()), theirs, seed=0)


@pytest.mark.parametrize("name", ["Adam", "AdamW", "NAdam", "RMSprop", "SGD"])
def test_schedules_in_optimizers_of_torch(double, name):
    """Every optimizer steps at the rate of its schedule."""
    schedule = schedules.OneCycle(0.1, steps=8)
    ours = getattr(optimizers, name)(schedule)

    def theirs(parameters):
        optimizer = getattr(torch.optim, name)(parameters, lr=1.0)
        return optimizer, torch.optim.lr_scheduler.LambdaLR(optimizer, schedule)

    compare_steps(ours, theirs, seed=0)


@pytest.fixture
def double():
    """torch with float64 as its default."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(before)


def constant(optimizer):
    return torch.optim.lr_scheduler.LambdaLR(optimizer, lambda i: 1.0)


def compare_steps(ours, theirs, seed, steps=10):
    rng = np.random.default_rng(seed)
    params = {"W": rng.standard_normal((3, 4)), "b": rng.standard_normal((1, 4))}
    tensors = {name: torch.tensor(a, requires_grad=True) for name, a in params.items()}
    torch_optimizer, schedule = theirs(list(tensors.values()))
    state = ours.init(params, xp=np)
    for i in range(steps):
        grads = {name: rng.standard_normal(a.shape) for name, a in params.items()}
        for name, tensor in tensors.items():
            tensor.grad = torch.tensor(grads[name])
        assert ours.rate(i) == pytest.approx(schedule.get_last_lr()[0], rel=1e-14)
        torch_optimizer.step()
        schedule.step()
        params, state = ours.update(grads, state, params, xp=np)
        for name, tensor in tensors.items():
            close(params[name], tensor)


lrs = torch.optim.lr_scheduler


def warm_cosine(sgd, warmup, steps, final):
    """A linear warm-up, then half a cosine."""
    warm = lrs.LinearLR(sgd, start_factor=1 / (warmup + 1), total_iters=warmup)
    cosine = lrs.CosineAnnealingLR(sgd, steps, final)
    return lrs.SequentialLR(sgd, [warm, cosine], milestones=[warmup])


def cycle(steps, rise, anneal, div, final):
    return (
        schedules.OneCycle(0.3, steps, rise, anneal, div, final),
        lambda sgd: lrs.OneCycleLR(
            sgd,
            0.3,
            total_steps=steps,
            pct_start=rise,
            anneal_strategy=anneal,
            cycle_momentum=False,
            div_factor=div,
            final_div_factor=final,
        ),
        steps,
    )


@pytest.mark.parametrize(
    ("ours", "theirs", "updates"),
    [
        (schedules.Constant(0.3), constant, 5),
        (
            schedules.InverseTime(0.3, 0.2),
            lambda sgd: lrs.LambdaLR(sgd, lambda i: 1 / (1 + 0.2 * i)),
            20,
        ),
        (schedules.Step(0.3, 3), lambda sgd: lrs.StepLR(sgd, 3), 20),
        (schedules.Step(0.3, 1, 0.7), lambda sgd: lrs.StepLR(sgd, 1, 0.7), 20),
        (schedules.Exponential(0.3, 0.9), lambda sgd: lrs.ExponentialLR(sgd, 0.9), 20),
        (schedules.Cosine(0.3, 12), lambda sgd: lrs.CosineAnnealingLR(sgd, 12), 13),
        (schedules.Cosine(0.3, 7, 0, 0.01), lambda sgd: lrs.CosineAnnealingLR(sgd, 7, 0.01), 8),
        (schedules.Cosine(0.3, 12, 1, 0.01), lambda sgd: warm_cosine(sgd, 1, 12, 0.01), 14),
        (schedules.Cosine(0.3, 7, 5), lambda sgd: warm_cosine(sgd, 5, 7, 0), 13),
        cycle(20, 0.3, "cos", 25.0, 1e4),
        cycle(20, 0.3, "linear", 25.0, 1e4),
        cycle(13, 0.25, "cos", 4.0, 10.0),
        cycle(13, 0.25, "linear", 4.0, 10.0),
        cycle(1, 0.3, "cos", 25.0, 1e4),
        cycle(3, 0.1, "linear", 25.0, 1e4),
    ],
)
def test_schedules_of_torch(ours, theirs, updates):
    sgd = torch.optim.SGD([torch.zeros(1, requires_grad=True)], 0.3)
    schedule = theirs(sgd)
    for i in range(updates):
        assert ours(i) == pytest.approx(schedule.get_last_lr()[0], rel=1e-12, abs=1e-15)
        sgd.step()
        if i + 1 < updates:
            schedule.step()


@given(limit=st.floats(0.01, 100), seed=SEEDS)
def test_clipping_of_torch(limit, seed):
    rng = np.random.default_rng(seed)
    grads = {"W": rng.standard_normal((3, 4)), "b": rng.standard_normal((1, 4))}
    tensors = [torch.tensor(a, requires_grad=True) for a in grads.values()]
    for tensor, g in zip(tensors, grads.values(), strict=True):
        tensor.grad = torch.tensor(g)
    norm = torch.nn.utils.clip_grad_norm_(tensors, limit)
    clipped, ours = optimizers.clip_by_global_norm(grads, limit, xp=np)
    np.testing.assert_allclose(float(ours), norm.item(), rtol=1e-14)
    for a, tensor in zip(clipped.values(), tensors, strict=True):
        np.testing.assert_allclose(a, tensor.grad.numpy(), rtol=2e-6)  # torch adds 1e-6 to the norm
    for tensor, g in zip(tensors, grads.values(), strict=True):
        tensor.grad = torch.tensor(g)
    torch.nn.utils.clip_grad_value_(tensors, limit)
    for a, tensor in zip(
        optimizers.clip_by_value(grads, limit, xp=np).values(), tensors, strict=True
    ):
        np.testing.assert_array_equal(a, tensor.grad.numpy())


ALL = {
    "Elman": (Recurrent(4, Elman("softplus")), Recurrent(3, Elman("elu")), Dense(2)),
    "LSTM": (Recurrent(4, LSTM(peepholes=True), recurrent_dropout=0.4), Recurrent(2, "lstm")),
    "GRU": (Recurrent(4, "gru", learn_initial_state=True), Recurrent(2, GRUResetBefore())),
    "dropout": (Dropout(0.3), Recurrent(3, "gru", recurrent_dropout=0.4), Dropout(0.5), Dense(2)),
    "layer norm": (LayerNorm(), Recurrent(3), LayerNorm(0.1), Dense(2)),
    **{
        merge: (Bidirectional(Recurrent(3, "lstm", learn_initial_state=True), merge), Dense(2))
        for merge in ("concat", "sum", "mean", "product")
    },
    **{f"pool {how}": (Recurrent(3), Pool(how), Dense(2)) for how in ("last", "mean", "max")},
    "convolution": (CausalConv(4, 3), Recurrent(3), CausalConv(2, 2, bias=False)),
    "extend": (Extend(4), Recurrent(3, "lstm"), Dense(2)),
    "feedback": (Feedback(Stack((Recurrent(4, "gru"), Dropout(0.4), Dense(3))), 4), Dense(2)),
    "encoder and decoder": (
        EncoderDecoder(Recurrent(3, "lstm"), Stack((Extend(4), Recurrent(3, "lstm"), Dense(2)))),
    ),
    "encoder and decoder that feeds itself": (
        EncoderDecoder(
            Stack((Bidirectional(Recurrent(3, "gru")), LayerNorm())),
            Feedback(Stack((Recurrent(3, "gru"), Recurrent(3, "gru"), Dense(3))), 4),
        ),
        Dense(2),
    ),
}


@pytest.mark.parametrize("name", ALL)
def test_autograd_through_the_same_code(name, rng):
    """torch's autograd, run through xprnn's own forward, gives xprnn's own backward."""
    import array_api_compat.torch as xp

    network, noise = Stack(ALL[name]), Noise((1,))
    params = tree.map(lambda a: torch.tensor(a).requires_grad_(), network.init(rng, 3)[0])
    x = torch.tensor(rng.standard_normal((6, 2, 3)), requires_grad=True)
    mask = torch.tensor(rng.random((6, 2, 1)) < 0.7)
    mask[0] = True
    y_hat, end, cache = network.forward(params, x, None, mask, noise=noise, xp=xp)
    y = torch.tensor(rng.standard_normal(y_hat.shape))
    value, dy = losses.Huber()(y_hat, y, mask if network.keeps_steps else None, xp=xp)
    (value + sum((s**2).sum() for s in tree.leaves(end)) / 2).backward()
    with torch.no_grad():
        grads, dx, _ = network.backward(params, dy, end, cache, xp=xp)
    close(dx.numpy(), x.grad)
    for key, grad in tree.flatten(grads).items():
        theirs = tree.flatten(params)[key].grad
        close(grad.numpy(), torch.zeros_like(grad) if theirs is None else theirs)
