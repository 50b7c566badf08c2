"""Who is measured against whom by benchmarks/gpu.py: our loop, plain CuPy, torch over cuDNN."""

import contextlib
import os
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from _common import said, tf32
from _gpu.cases import FORWARD, GRAPHED, OURS, PLAIN, PRECISIONS, STEP, STRICT

from xprnn import interop, recurrence, tree
from xprnn.backend import to_host

LARGEST = 1e-2 if tf32() else 1e-3
"""How far torch's output may be from ours in float32, by the norm, to be the same network."""
BFLOAT16 = 9, 13
"""The first cuDNN whose RNNs torch calls in bfloat16."""


@dataclass
class Side:
    """A function to time, what it gives, and what must hold around a call."""

    call: Any
    setting: Any = contextlib.nullcontext
    about: dict[str, Any] = field(default_factory=dict)


def on(ground, arrays, dtype):
    """Return arrays where a side computes."""
    xp = ground.xp
    return tree.map(lambda a: xp.asarray(np.asarray(a, dtype)), arrays)


def loop(ground, case, dtype, unroll, seed=0, xp=None):
    """Return a recurrent layer's calls by pass, with all gradients."""
    xp, cell = xp or ground.xp, case.object
    params, x, state, dy, dstate = on(ground, case.arrays(seed), dtype)

    def forward():
        return recurrence.forward(cell, params, x, state, None, unroll=unroll, xp=xp)

    def step():
        y, end, cache = forward()
        return y, end, recurrence.backward(cell, params, dy, dstate, cache, xp=xp)

    return {FORWARD: forward, STEP: step}


def parts(ground, case, dtype, unroll):
    """Return the calls of the sequential parts alone: where our time goes."""
    xp, cell = ground.xp, case.object
    params, x, state, dy, dstate = on(ground, case.arrays(), dtype)
    state, dstate = (
        tuple(xp.broadcast_to(s, (*case.lead, case.B, case.H)) for s in some)
        for some in (state, dstate)
    )
    *_, memo = unroll.forward(cell, params, x, state, xp=xp)
    return {
        "x W + b and the loop forward": lambda: unroll.forward(cell, params, x, state, xp=xp),
        "the loop backward": lambda: unroll.backward(cell, params, dy, dstate, memo, xp=xp),
    }


@contextlib.contextmanager
def in_tf32(torch, allowed):
    """Allow or forbid torch TF32, which cuDNN's RNNs have unless it is forbidden."""
    cudnn, matmul = torch.backends.cudnn, torch.backends.cuda.matmul
    before = cudnn.allow_tf32, matmul.allow_tf32
    cudnn.allow_tf32 = matmul.allow_tf32 = allowed
    try:
        yield
    finally:
        cudnn.allow_tf32, matmul.allow_tf32 = before


def no_torch(ground, precision):
    """Return why there is no side of torch in a precision; None if there is."""
    if ground.torch is None:
        return ground.no_torch
    if precision == "tf32" and os.environ.get("NVIDIA_TF32_OVERRIDE") == "0":
        return "NVIDIA_TF32_OVERRIDE=0 forbids it"
    if precision == "bfloat16" and ground.cudnn and ground.cudnn < BFLOAT16:
        return f"torch has bfloat16 RNNs of cuDNN from 9.13 on, and this is {version(ground)}"
    return None


def version(ground):
    """Return the version of torch's cuDNN in words."""
    return ".".join(map(str, ground.cudnn)) if ground.cudnn else "none"


class Torch:
    """torch's own layer in one precision, several models one after the other."""

    def __init__(self, ground, case, precision):
        self.torch, self.case, self.ground = ground.torch, case, ground
        self.tf32 = precision == "tf32"
        self.dtype = getattr(self.torch, "float32" if self.tf32 else precision)
        params, x, state, dy, _ = case.arrays()
        own = state[case.object.states :]
        states = state[: case.object.states]
        self.models = [
            self._model(params, x, states, own, dy, (k,) if case.lead else ())
            for k in range(case.models)
        ]

    def _tensor(self, array):
        tensor = self.torch.from_numpy(np.ascontiguousarray(array))
        return tensor.to(self.ground.torch_device, self.dtype)

    def _model(self, params, x, states, own, dy, at):
        """Return a module with the weights of a model, and its arguments."""
        case, nn = self.case, self.torch.nn
        kind = {"elman": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU}[case.cell]
        module = kind(case.F, case.H).to(self.ground.torch_device, self.dtype)
        weights = {name: a[at] for name, a in params.items()}
        if own:
            weights["v"] = np.concatenate([v[at] for v in own], axis=-1)
        named = interop.to_torch(case.layer, weights)
        module.load_state_dict({k: self._tensor(a) for k, a in named.items()})
        start = [self._tensor(s[at])[None] for s in states]
        x = self._tensor(x[at]).requires_grad_()
        return module, x, start[0] if len(start) == 1 else tuple(start), self._tensor(dy[at])

    def setting(self):
        """Allow or forbid TF32."""
        return in_tf32(self.torch, self.tf32)

    def forward(self):
        """Return the outputs, without what a gradient would need."""
        with self.torch.no_grad():
            return [module(x, start)[0] for module, x, start, _ in self.models]

    def step(self):
        """Return the gradients of x and of all weights."""
        found = []
        for module, x, start, dy in self.models:
            y, _ = module(x, start)
            found += self.torch.autograd.grad(y, [x, *module.parameters()], dy)
        return found

    def graphed(self, call):
        """Return a call as a CUDA graph that is replayed."""
        if self.ground.dry:
            return call
        torch, stream = self.torch, self.torch.cuda.Stream()
        with self.setting():
            stream.wait_stream(torch.cuda.current_stream())
            with torch.cuda.stream(stream):
                for _ in range(3):
                    call()
            torch.cuda.synchronize()
            graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(graph):
                self.kept = call()
        return graph.replay

    def sides(self, which, label):
        """Return the eager side and the graphed one, or why there is none."""
        call = self.forward if which == FORWARD else self.step
        for module, *_ in self.models:  # in training cuDNN writes what a gradient needs, always
            module.train(which != FORWARD)
        about = {"cudnn": version(self.ground)}
        found, missing = {label: Side(call, self.setting, about)}, {}
        try:
            found[label + GRAPHED] = Side(self.graphed(call), self.setting, about)
        except Exception as error:  # what can't be captured shows in many ways
            missing[label + GRAPHED] = said(error)
        return found, missing


def check_torch(ground, case):
    """Return how far torch's output in strict float32 is from ours, by the norm."""
    other = Torch(ground, case, STRICT)
    unroll = recurrence.REFERENCE if ground.obstacle(case, "float32") else ground.unroll()
    with other.setting():
        theirs = np.stack([y.float().cpu().numpy() for y in other.forward()])
    ours = to_host(loop(ground, case, "float32", unroll)[FORWARD]()[0])
    return float(np.linalg.norm(theirs.reshape(ours.shape) - ours) / np.linalg.norm(ours))


def sides(ground, case, which, precisions=PRECISIONS):
    """Return all sides of a case by name, and why some are missing."""
    found = {PLAIN: Side(loop(ground, case, "float32", recurrence.REFERENCE)[which])}
    missing = {OURS + GRAPHED: "CuPy refuses cuBLAS while a stream is captured"}
    if reason := ground.obstacle(case, "float32"):
        missing[OURS] = reason
    else:
        found = {OURS: Side(loop(ground, case, "float32", ground.unroll())[which]), **found}
    for precision in precisions:
        label = f"torch, {precision}"
        if reason := no_torch(ground, precision):
            missing[label] = reason
            continue
        try:
            more, without = Torch(ground, case, precision).sides(which, label)
        except Exception as error:  # torch says in many ways that it has no such layer
            more, without = {}, {label: said(error)}
        found |= more
        missing |= without
    return found, missing
