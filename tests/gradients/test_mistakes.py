"""The proof of the proof: planted mistakes, each of which the gradient check must report.

A mistake is a piece of the library's own source and what stands in its place. The
module with the mistake is compiled anew, and its functions and methods take the
places of the right ones. So it is with the loops in C, which stay away otherwise.
"""

import importlib
import inspect
import shutil
import sys
import types
from pathlib import Path

import numpy as np
import pytest

from xprnn import (
    _ops,
    activations,
    gradients,
    kernels,
    losses,
    recurrence,
)
from xprnn._noise import Noise
from xprnn.cells import GRU, LSTM, Elman, GRUResetBefore, elman, gru, lstm
from xprnn.gradients import checkpointing, objective
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
    Pool,
    Recurrent,
    Softmax,
    Stack,
    bidirectional,
    convolution,
    decoder,
    final,
    norm,
    parallel,
    pointwise,
    pool,
    stack,
)
from xprnn.layers import recurrent as recurrent_layer
from xprnn.losses import regression

LECTURE = {
    "1: the derivative of the last step at every step": (
        recurrence,
        "dp_t, dq_t, direct = cell.backward(dstate, memo_t, xp=xp)",
        "dp_t, dq_t, direct = cell.backward(dstate, memo[-1][0], xp=xp)",
    ),
    "2: the error of the last step alone reaches the hidden state": (
        recurrence,
        "dstate = (dstate[0] + dy_t, *dstate[1:])",
        "dstate = (dstate[0] + (0 if dp else 1) * dy_t, *dstate[1:])",
    ),
    "3: U in place of its transpose": (
        recurrence,
        "return dp, dq, dq @ xp.matrix_transpose(U)",
        "return dp, dq, dq @ U",
    ),
    "4: the transpose of dU": (
        recurrence,
        "return _ops.weight_gradient(h, dq, U, xp=xp)",
        "return xp.matrix_transpose(_ops.weight_gradient(h, dq, U, xp=xp))",
    ),
}

PLANTED = {
    "dU with h(t) in place of h(t-1)": (
        recurrence,
        "before = h[..., :-1, :, :]",
        "before = h[..., 1:, :, :]",
    ),
    "no gradient from the state after the last step": (
        recurrence,
        "cell, params, dy, dstate, memo, mask=mask",
        "cell, params, dy, tuple(0 * d for d in dstate), memo, mask=mask",
    ),
    "truncated after one step": (
        recurrence,
        "before = (direct[0] + _drop(dh, keep), *direct[1:])",
        "before = (direct[0] + 0 * _drop(dh, keep), *direct[1:])",
    ),
    "the gradient of the initial state lacks its last product": (
        recurrence,
        "axis=-3), xp.stack(dq[::-1], axis=-3), dstate",
        "axis=-3), xp.stack(dq[::-1], axis=-3), (dstate[0] - dh, *dstate[1:])",
    ),
    "gradients in reversed time": (
        recurrence,
        "xp.stack(dp[::-1], axis=-3), xp.stack(dq[::-1]",
        "xp.stack(dp, axis=-3), xp.stack(dq",
    ),
    "dy enters one step late": (
        recurrence,
        "reversed(xp.unstack(dy, axis=-3)), reversed(memo)",
        "reversed(xp.unstack(xp.roll(dy, 1, axis=-3), axis=-3)), reversed(memo)",
    ),
    "gradient passes through padding into the step": (
        recurrence,
        "dp.append(_ops.apply_mask(dp_t, mask_t, xp=xp))",
        "dp.append(dp_t)",
    ),
    "padding swallows the gradient of the state": (
        recurrence,
        "dstate = _ops.select(mask_t, before, dstate, xp=xp)",
        "dstate = tuple(_ops.apply_mask(d, mask_t, xp=xp) for d in before)",
    ),
    "the bias gets the mean in place of the sum": (
        _ops,
        "db = total(dy_rows, -2, keepdims=True, xp=xp)",
        "db = xp.mean(dy_rows, axis=-2, keepdims=True)",
    ),
    "the bias gets the first row alone": (
        _ops,
        "db = total(dy_rows, -2, keepdims=True, xp=xp)",
        "db = dy_rows[..., :1, :]",
    ),
    "dx with W in place of its transpose": (
        _ops,
        "dx = xp.matmul(dy_rows, xp.matrix_transpose(W))",
        "dx = xp.matmul(dy_rows, W)",
    ),
    "dx is zero": (
        _ops,
        "dx = xp.matmul(dy_rows, xp.matrix_transpose(W))",
        "dx = 0 * xp.matmul(dy_rows, xp.matrix_transpose(W))",
    ),
    "tanh without the square": (activations.standard, "dy * (1 - y * y)", "dy * (1 - y)"),
    "tanh's derivative of z, not of y": (
        activations.standard,
        "dy * (1 - y * y)",
        "dy * (1 - z * z)",
    ),
    "a cell that forgets the activation": (
        elman,
        "dz = self.activation.backward(dh, z, h, xp=xp)",
        "dz = dh",
    ),
    "a cell with a direct path that is not there": (
        elman,
        "return dz, dz, (0.0,)",
        "return dz, dz, (dz,)",
    ),
    "a loss without its factor": (
        regression,
        "return _ops.total(error * error, xp=xp) / (2 * steps), error / steps",
        "return _ops.total(error * error, xp=xp) / (2 * steps), error",
    ),
    "a stack that hands on the wrong gradient": (
        stack,
        "g, dy, d = self",
        "g, _, d = self",
    ),
    "padding is not zeroed": (
        _ops,
        "return a if mask is None else xp.where(mask, a, xp.zeros_like(a))",
        "return a",
    ),
}

IN_LSTM = {
    "the forget gate's gradient with c(t) in place of c(t-1)": (
        "σ.backward(dc * old, z_f,",
        "σ.backward(dc * c, z_f,",
    ),
    "the input gate's gradient with i in place of g": (
        "σ.backward(dc * g, z_i,",
        "σ.backward(dc * i, z_i,",
    ),
    "the derivative of the output's tanh is missing": (
        "dc = dc + k.backward(dh * o, c, out, xp=xp)",
        "dc = dc + dh * o",
    ),
    "the output gate sees c in place of tanh c": (
        "σ.backward(dh * out, z_o,",
        "σ.backward(dh * c, z_o,",
    ),
    "coupled gates: what is forgotten teaches the input gate nothing": ("dc * (g - old)", "dc * g"),
    "coupled gates: the forget gate learns all the same": (
        "dz_f = xp.zeros_like(dz_i)",
        "dz_f = dz_i",
    ),
    "the output has the candidate's derivative": ("k.backward(dh * o", "f.backward(dh * o"),
    "no gradient through the memory": ("dc = dc * forget", "dc = 0 * dc"),
    "the memory's gradient does not decay": ("dc = dc * forget", "dc = dc * 1"),
    "the peephole of o is forgotten in dc": ("dc = dc + dz_o * v[2]", "dc = dc + 0 * dz_o"),
    "the peepholes of i and f are forgotten in dc": (
        "dc = dc + dz_i * v[0] + dz_f * v[1]",
        "dc = dc + 0 * dz_i",
    ),
    "the peephole of i learns from c(t)": ("dv[0] + dz_i * old", "dv[0] + dz_i * c"),
    "the peephole of o learns from c(t-1)": ("dv[2] + dz_o * c", "dv[2] + dz_o * old"),
    "a peephole learns from the first step alone": ("dv[1] + dz_f * old", "dz_f * old"),
    "gates in another order": (
        "dz = xp.concat([dz_i, dz_f, dz_g, dz_o]",
        "dz = xp.concat([dz_f, dz_i, dz_g, dz_o]",
    ),
}

IN_GRU = {
    "dq of the candidate without r": ("dq_n = dz_n * r", "dq_n = dz_n"),
    "dp of the candidate with r": ("[dz_r, dz_z, dz_n], axis", "[dz_r, dz_z, dq_n], axis"),
    "dv is forgotten": ("(dh * z, dv + dq_n)", "(dh * z, dv)"),
    "dv without r": ("(dh * z, dv + dq_n)", "(dh * z, dv + dz_n)"),
    "h(t-1) does not get its direct part": ("(dh * z, dv + dq_n)", "(0.0, dv + dq_n)"),
    "h(t-1) gets the candidate's part": ("(dh * z, dv + dq_n)", "(dh * (1 - z), dv + dq_n)"),
    "the reset gate's gradient with h in place of q + v": (
        "dz_r = σ.backward(dz_n * u, z_r,",
        "dz_r = σ.backward(dz_n * h, z_r,",
    ),
    "the reset gate is not differentiated": (
        "dz_r = σ.backward(dz_n * u, z_r, r, xp=xp)",
        "dz_r = dz_n * u",
    ),
    "the update gate's sign": (
        "dz_z = σ.backward(dh * (h - n), z_z, z, xp=xp)\n        dz_n = f.backward(dh * (1 - z), "
        "z_n, n, xp=xp)\n        dz_r",
        "dz_z = σ.backward(dh * (n - h), z_z, z, xp=xp)\n        dz_n = f.backward(dh * (1 - z), "
        "z_n, n, xp=xp)\n        dz_r",
    ),
}

IN_RESET = {
    "h(t-1) gets nothing through the reset": (
        gru,
        "return dz, dz, da * r",
        "return dz, dz, 0 * da",
    ),
    "the reset gate is not multiplied with h(t-1)": (
        gru,
        "self.activation.backward(da * h, z_r, r, xp=xp)",
        "self.activation.backward(da, z_r, r, xp=xp)",
    ),
    "h(t-1) does not get its direct part": (gru, "(dh * z,)", "(0.0,)"),
    "the candidate's dU with h in place of r h": (recurrence, "zip((h, a), ", "zip((h, h), "),
    "the gates' dU with r h in place of h": (recurrence, "zip((h, a), ", "zip((a, a), "),
    "W and b of the reset gate get nothing": (
        recurrence,
        "dp1, dq1 = dp1 + more_p, dq1 + more_q",
        "dp1, dq1 = dp1, dq1 + more_q",
    ),
    "U of the reset gate gets nothing": (
        recurrence,
        "dp1, dq1 = dp1 + more_p, dq1 + more_q",
        "dp1, dq1 = dp1 + more_p, dq1",
    ),
    "h(t-1) gets nothing through the gates": (
        recurrence,
        "dh = dh + dq1 @ xp.matrix_transpose(U1)",
        "dh = dh + 0 * dq1 @ xp.matrix_transpose(U1)",
    ),
    "U2 in place of its transpose": (recurrence, "dq2 @ xp.matrix_transpose(U2)", "dq2 @ U2"),
}

IN_RECURRENT = {
    "dropout is forgotten in dU": (
        recurrence,
        "before = keep[..., None, :, :] * before",
        "before = 1 * before",
    ),
    "dropout is forgotten in dh": (
        recurrence,
        "before = (direct[0] + _drop(dh, keep), *direct[1:])",
        "before = (direct[0] + dh, *direct[1:])",
    ),
    "dropout hides the state's direct part too": (
        recurrence,
        "before = (direct[0] + _drop(dh, keep), *direct[1:])",
        "before = (_drop(direct[0] + dh, keep), *direct[1:])",
    ),
    "a learnt initial state gets nothing": (
        recurrent_layer,
        "_ops.sum_to(d, s.shape, xp=xp) if begins else xp.zeros_like(s)",
        "xp.zeros_like(s)",
    ),
    "a learnt initial state gets the mean over the batch": (
        recurrent_layer,
        "_ops.sum_to(d, s.shape, xp=xp) if begins",
        "_ops.sum_to(d, s.shape, xp=xp) / 2 if begins",
    ),
}

IN_DROPOUT = {
    "dropout is forgotten in dx": (
        "(dy if keep is None else keep * dy)",
        "dy",
    ),
}

IN_NORM = {
    "the mean is a constant": ("(dn - xp.mean(dn, axis=-1, keepdims=True) -", "(dn -"),
    "the variance is a constant": (" - n * along) / s", " + 0 * along) / s"),
    "dx without g": ("dn = dy * params", "dn = dy + 0 * params"),
    "dg of x in place of n": ("total(dy * n, params", "total(dy * n * s, params"),
    "db of dg": ("total(dy, params", "total(dy * n, params"),
}

IN_CONVOLUTION = {
    "a step is given to the wrong lag": ("xp.flip(W, axis=-3)", "W"),
    "the last state gets nothing": ("dsteps = dsteps + _pad(", "dsteps = dsteps + 0 * _pad("),
    "dy where it came, and not with its step": (
        "dy = _take(_pad(_ops.apply_mask(dy, mask, xp=xp), lag, 0, xp), order, xp)",
        "dy = _pad(_ops.apply_mask(dy, mask, xp=xp), lag, 0, xp)",
    ),
    "dx in the order of the sum": ("dsteps = _take(dsteps, back, xp)", "dsteps = dsteps * 1"),
    "the first state gets the gradient of x": (
        "dsteps[..., :kept, :, :]",
        "dsteps[..., -kept:, :, :]",
    ),
    "dW of a step too late": (
        "seen = _windows(steps, lag, xp)",
        "seen = _windows(xp.roll(steps, 1, axis=-3), lag, xp)",
    ),
}

IN_CONVOLUTION_OF_THE_END = {
    "dy of the steps before": (
        "_pad(_to_steps(dseen[..., 0, :, :], kept, xp), x_shape[-3], 0, xp)",
        "_pad(_to_steps(dseen[..., 0, :, :], kept, xp), 0, x_shape[-3], xp)",
    ),
    "dW of the first steps": (
        "seen = _windows(steps[..., -kept:, :, :], lag, xp)\n            dseen",
        "seen = _windows(steps[..., :kept, :, :], lag, xp)\n            dseen",
    ),
    "the last state gets nothing": ("dsteps = dsteps + _pad(", "dsteps = dsteps + 0 * _pad("),
}

IN_POOL = {
    "mean": {
        "every step gets the whole": ("dxs = w * dy", "dxs = 0 * w + dy"),
        "what came before gets nothing": ("dy = dy + dvalue[..., None, :, :]", "dy = dy + 0"),
        "the number of steps before gets nothing": (
            "dcount = dcount + xp.sum(dy * slope / divisor, axis=-1, keepdims=True)",
            "dcount = dcount * 1",
        ),
    },
    "max": {
        "every step gets the gradient of the largest": ("dxs = w * dy", "dxs = 0 * w + dy"),
        "another step is the largest": ("dxs = w * dy", "dxs = xp.flip(w, axis=-3) * dy"),
    },
    "last": {
        "the last step, valid or not": (
            "dx = _ops.apply_mask(dxs[..., 1:, :, :]",
            "dx = _ops.apply_mask(xp.roll(dxs, 1, axis=-3)[..., 1:, :, :]",
        ),
    },
}

IN_REVERSED = {
    "the gradient is not reversed": ("dy = xp.flip(dy, axis=-3)", "dy = dy * 1"),
    "dx is not reversed": ("(xp.flip(dx, axis=-3) if input_grad else None)", "dx"),
    "the mask is not reversed": ("xp.flip(mask, axis=-3)", "mask"),
}

IN_PARALLEL = {
    "the states are swapped": ("return tuple(grads), dx, tuple(start)",
                               "return tuple(grads), dx, tuple(start[::-1])"),
    "dx of the last one alone": ("dx = more if dx is None else dx + more", "dx = more"),
}  # fmt: skip

IN_MERGING = {
    "concat": {
        "the halves are swapped": (
            "dy[..., end - p.shape[-1] : end] for p, end in zip(parts, ends, strict=True)]",
            "dy[..., end - p.shape[-1] : end] for p, end in zip(parts, ends, strict=True)][::-1]",
        ),
    },
    "product": {"each with its own": ("parts[:i] + parts[i + 1 :]", "parts[i : i + 1]")},
    "mean": {"the sum in place of the mean": ("dy / len(parts)", "dy")},
}

IN_ACTIVATION = {
    "softmax without the sum": ("y * (dy - xp.sum(dy * y, axis=-1, keepdims=True))", "y * dy"),
    "the logarithm's gradient without exp": ("dy - xp.exp(y) * xp", "dy - y * xp"),
    "f without f'": ("self.activation.backward(dy, x, y, xp=xp)", "dy * 1"),
}

IN_FINAL = {
    "h in place of c": ("dstate[self.state] = dstate[self.state] + dy[..., 0, :, :]",
                        "dstate[0] = dstate[0] + dy[..., 0, :, :]"),
    "the state's own gradient is lost": ("dstate[self.state] + dy", "0 * dstate[self.state] + dy"),
}  # fmt: skip

IN_DECODER = {
    "the next step's input gets nothing": (
        "dy_t = dy[..., t : t + 1, :, :] + dx",
        "dy_t = dy[..., t : t + 1, :, :]",
    ),
    "the weights learn from the first step alone": (
        "grads = tree.map(lambda a, b: a + b, grads, g)",
        "grads = g",
    ),
    "every step's state is the last": ("dy_t, dstate, caches[t]", "dy_t, dstate, caches[-1]"),
    "the window's last step gets nothing": ("dx = dx + more", "dx = dx"),
    "the encoder gets nothing": (
        "dend = tree.map(lambda a, b: a + b, dend, dstate)",
        "dend = dstate",
    ),
    "the encoder's own state gets nothing": (
        "dend = tree.map(lambda a, b: a + b, dend, dstate)",
        "dend = tree.map(lambda a, b: a + 0 * b, dend, dstate)",
    ),
}

IN_EXTEND = {
    "x gets the gradient of the last step": (
        "first = dy[..., :1, :, :]",
        "first = dy[..., -1:, :, :]",
    ),
}

IN_CHUNKS = {
    "the state's gradient is not handed back": (
        "grads, _, dstate = self.network.backward(",
        "grads, _, _ = self.network.backward(",
    ),
    "the first chunk's gradient alone": (
        "grads = part if grads is None else tree.map(xp.add, grads, part)",
        "grads = part",
    ),
    "the noise begins anew": ("noise.after(part.start)", "noise"),
    "the mask begins anew": ("mask[part, ...]", "mask[: x[..., part, :, :].shape[-3], ...]"),
    "every chunk gets the gradient of the first": (
        "slopes.append(dy[..., start:end, :, :])",
        "slopes.append(dy[..., : end - start, :, :])",
    ),
    "no chunk starts from the state before": (
        "            state = end\n        return join(self.network, outputs, self.xp), state",
        "        return join(self.network, outputs, self.xp), end",
    ),
}

IN_CHUNKS_COMPUTED_AGAIN = {
    "every chunk starts from the network's own state": (
        "_, _, cache = self._forward(part, start)",
        "_, _, cache = self._forward(part, None)",
    ),
    "the first state is kept with the wrong chunk": (
        "(part, state, None) if self.recompute",
        "(part, end, None) if self.recompute",
    ),
}

IN_CHUNKS_KEPT = {
    "what is kept goes with the wrong chunk": ("self._stack.pop()", "self._stack.pop(0)"),
}

IN_C = {
    ("elman.h", "activations"): {
        "tanh without the square": ("dh *= 1 - h * h", "dh *= 1 - h"),
        "sigmoid lacks a factor": ("dh *= h * (1 - h)", "dh *= 1 - h"),
        "relu lets every gradient through": ("choose(h > 0, dh, (vec){0})", "dh"),
        "a direct path that is not there": ("return (vec){0};", "return dh;"),
    },
    ("lstm.h", "lstm"): {
        "the forget gate sees the input gate's product": (
            "f = sigmoid(z[1])",
            "f = sigmoid(z[0])",
        ),
        "the input gate's gradient with f in place of i": ("(i * (1 - i))", "(f * (1 - f))"),
        "the forget gate's gradient with c(t) in place of c(t-1)": (
            "dc * load(q->c + s.now, n)",
            "dc * load(q->c + s.next, n)",
        ),
        "the derivative of the output's tanh is missing": ("dh * o * (1 - out * out)", "dh * o"),
        "the memory is recalled without what came in": (
            "store(q->c + s.next, f * load(q->c + s.now, n) + i * g, n)",
            "store(q->c + s.next, f * load(q->c + s.now, n), n)",
        ),
        "no gradient through the memory": (
            "store(q->dc + s.row, dc * f, n)",
            "store(q->dc + s.row, (vec){0}, n)",
        ),
        "the memory's gradient does not decay": (
            "store(q->dc + s.row, dc * f, n)",
            "store(q->dc + s.row, dc, n)",
        ),
    },
    ("gru.h", "gru"): {
        "h(t-1) does not get its direct part": ("return dh * z;", "return (vec){0};"),
        "dq of the candidate without r": (
            "store(dq + 2 * H, dz_n * r, s.n)",
            "store(dq + 2 * H, dz_n, s.n)",
        ),
        "dp of the candidate with r": (
            "store(dp + 2 * H, dz_n, s.n)",
            "store(dp + 2 * H, dz_n * r, s.n)",
        ),
        "the reset gate's gradient with h in place of q + v": (
            "dz_n * load(q->u + s.step, s.n)",
            "dz_n * load(q->h + s.now, s.n)",
        ),
        "the update gate's sign": (
            "dh * (load(q->h + s.now, s.n) - n)",
            "dh * (n - load(q->h + s.now, s.n))",
        ),
        "v of the first units for all": ("load(q->v + s.unit, s.n)", "load(q->v, s.n)"),
    },
    ("loops.c", "elman"): {
        "forward, padding is a step like any other": (
            "if (!q->mask || q->mask[t * q->batch + row])\n        h = cell_forward",
            "if (1)\n        h = cell_forward",
        ),
        "backward, padding is a step like any other": (
            "if (!q->mask || q->mask[t * q->batch + row])\n            dh = cell_backward",
            "if (1)\n            dh = cell_backward",
        ),
        "dropout is forgotten in dh": ("if (q->keep) dh *= load(q->keep + s.row, s.n);", ""),
        "dropout is forgotten after the first step": (
            "store(seen + s.row, h * load(q->keep + s.row, s.n), s.n)",
            "store(seen + s.row, h, s.n)",
        ),
        "every step sees the first dropped state": ("q.seen + t % 2 * stride", "q.seen"),
        "x of the first step at every step": ("q.x + t * q.batch * q.inputs", "q.x"),
        "every tile has the x of the first rows": ("x ? x + first * q->inputs : 0", "x"),
        "the bias is forgotten": ("ADD(R, &one, 0, 1,", "ADD(R, &one, 0, 0,"),
        "dy of the first step at every step": ("q->dy + s.step", "q->dy + s.row"),
        "no gradient from the state after the last step": (
            "dh += load(q->dh + s.row, s.n);",
            "if (t < q->steps - 1) dh += load(q->dh + s.row, s.n);",
        ),
        "the gradient of the initial state lacks its last product": ("t >= -1; t--", "t >= 0; t--"),
        "U in place of its transpose": (
            "matrix[(unit + lane) * count + k]",
            "matrix[k * count + unit + lane]",
        ),
        "every group of units gets the sums of the first": (
            "part(q, t, first + r, unit, sums[r] + group)",
            "part(q, t, first + r, unit, sums[r])",
        ),
        "every tile multiplies the first rows": (
            "factor + first * count",
            "factor + row.begin * count",
        ),
        "every panel multiplies with the first": (
            "q->weights + j * rows_of_panel * VECTORS * LANES",
            "q->weights",
        ),
        "every model has the weights of the first": ("q.weights += m * q.weights_stride;", ""),
    },
    ("loops.c", "lstm"): {
        "padding empties the memory": (
            "if (q->c) store(q->c + s.next, load(q->c + s.now, s.n), s.n)",
            "if (q->c) store(q->c + s.next, (vec){0}, s.n)",
        ),
        "padding empties the memory that is recalled": (
            "else\n                    store(q->c + s.next, load(q->c + s.now, s.n), s.n)",
            "else\n                    store(q->c + s.next, (vec){0}, s.n)",
        ),
        "padding is recalled as a step like any other": (
            "if (!q->mask || q->mask[t * q->batch + r])\n                    cell_recall",
            "if (1)\n                    cell_recall",
        ),
        "every model has the memory's gradient of the first": (
            "if (q.dc) q.dc += m * rows;",
            "",
        ),
        "every model has the x of the first": (
            "if (q.x) q.x += m * q.steps * q.batch * q.inputs;",
            "",
        ),
    },
    ("loops.c", "gru"): {
        "dropout hides the state's direct part too": (
            "if (q->keep) dh *= load(q->keep + s.row, s.n);\n    dh += load(q->dh + s.row, s.n);",
            "dh += load(q->dh + s.row, s.n);\n    if (q->keep) dh *= load(q->keep + s.row, s.n);",
        ),
        "the reset gate acts on x W too": (
            "ADD(R, x, inputs, inputs, CELL == 3 && v == 2 ? 3 : v)",
            "ADD(R, x, inputs, inputs, v)",
        ),
        "every model has the v of the first": ("if (q.v) q.v += m * q.size;", ""),
    },
    ("vectors.h", "elman"): {
        "the last of a few units is not read": (
            "memcpy(&x, a, n * sizeof(real))",
            "memcpy(&x, a, (n - 1) * sizeof(real))",
        ),
        "tanh has no sign": (" | ((bits)x & sign)", ""),
    },
}

IN_VALUES_IN_C = {
    ("loops.c", "elman"): {
        "the last panel is left out": (
            "return (size + groups * LANES - 1) / (groups * LANES)",
            "return size / (groups * LANES)",
        ),
    },
    ("elman.h", "activations"): {
        "the activations in another order": ("{ TANH, RELU", "{ RELU, TANH")
    },
    ("vectors.h", "lstm"): {
        "exp has too few terms": ("TERMS = 13", "TERMS = 8"),
        "tanh is 1 from 1 on": (
            "choose(a > all(20), all(20), a)",
            "choose(a > all(1), all(20), a)",
        ),
    },
}
"""The right gradient of a wrong function, or what nobody has written."""

SQUARE = Stack((Recurrent(3, Elman("tanh")), Recurrent(3, Elman("tanh")), Dense(3)))
"""A square network, in which no wrong transpose fails for its shape."""

LSTMS = Stack(
    (
        Recurrent(3, LSTM(peepholes=True)),
        Recurrent(3, LSTM(coupled=True, output_activation="softsign")),
        Recurrent(3, LSTM()),
        Dense(3),
    )
)
DROPPED = (
    Dropout(0.4),
    Recurrent(3, GRU(), recurrent_dropout=0.5, learn_initial_state=True),
    Dropout(0.3),
)
READ_AND_WRITE = EncoderDecoder(
    Stack((Recurrent(3), Recurrent(3))),
    Stack((Feedback(Stack((Recurrent(3), Recurrent(3), Dense(3))), 3), Dense(2))),
)


def cases():
    """Yield the name, the module, what is right, what is wrong, and the network of each mistake."""
    groups = {
        "": (None, SQUARE, LECTURE | PLANTED),
        "LSTM": (lstm, LSTMS, IN_LSTM),
        "GRU": (gru, Stack((Recurrent(3, GRU()), Dense(3))), IN_GRU),
        "GRU, reset before": (None, Stack((Recurrent(3, GRUResetBefore()), Dense(3))), IN_RESET),
        "recurrent": (None, Stack((*DROPPED, Dense(3))), IN_RECURRENT),
        "dropout": (pointwise, Stack((*DROPPED, Dense(3))), IN_DROPOUT),
        "layer norm": (norm, Stack((LayerNorm(), Recurrent(3), LayerNorm())), IN_NORM),
        "convolution": (convolution, Stack((CausalConv(3, 3), Dense(3))), IN_CONVOLUTION),
        "convolution of the end": (
            convolution,
            Stack((CausalConv(3, 3, last=True), Dense(3))),
            IN_CONVOLUTION_OF_THE_END,
        ),
        "decoder": (decoder, READ_AND_WRITE, IN_DECODER),
        "extend": (decoder, Stack((Extend(3), Recurrent(3))), IN_EXTEND),
        "reversed": (bidirectional, Stack((Bidirectional(Recurrent(3)), Dense(3))), IN_REVERSED),
        "parallel": (parallel, Stack((Dense(3), Bidirectional(Recurrent(3)))), IN_PARALLEL),
        "activation": (
            pointwise,
            Stack((Recurrent(3), Activation("tanh"), Softmax(), Dense(3), Softmax(log=True))),
            IN_ACTIVATION,
        ),
        "final": (final, Stack((Recurrent(3), Final(Recurrent(3, LSTM()), 1))), IN_FINAL),
    }
    for how, planted in IN_POOL.items():
        groups[f"pool, {how}"] = pool, Stack((Recurrent(3), Pool(how))), planted
    for merge, planted in IN_MERGING.items():
        network = Stack((Bidirectional(Recurrent(3), merge), Dense(3)))
        groups[f"bidirectional, {merge}"] = parallel, network, planted
    for group, (module, network, planted) in groups.items():
        for name, change in planted.items():
            full = change if module is None else (module, *change)
            yield f"{group}: {name}" if group else name, full, network


CASES = {name: (change, network) for name, change, network in cases()}


@pytest.fixture(autouse=True)
def python_alone(monkeypatch):
    """Keep away the loops in C, which a mistake in Python does not reach."""
    monkeypatch.setenv("XPRNN_KERNELS", "reference")


def plant(monkeypatch, module, right, wrong):
    """Give the module the functions and methods of its source with the mistake in it."""
    source = inspect.getsource(module)
    assert source.count(right) == 1, f"{right!r} stands {source.count(right)} times"
    mutant = types.ModuleType(module.__name__)
    monkeypatch.setitem(sys.modules, module.__name__, mutant)  # dataclasses look there
    exec(compile(source.replace(right, wrong), module.__file__, "exec"), mutant.__dict__)
    monkeypatch.setitem(sys.modules, module.__name__, module)
    for name, new in vars(mutant).items():
        old = vars(module).get(name)
        if isinstance(new, types.FunctionType):
            monkeypatch.setattr(module, name, new)
        elif isinstance(new, type) and new.__module__ == module.__name__:
            for method in ("forward", "backward", "_forward", "_backward", "slopes", "__call__"):
                if isinstance(vars(new).get(method), types.FunctionType):
                    monkeypatch.setattr(old, method, vars(new)[method])
    if module is recurrence:
        unroll = recurrence.Unroll(mutant.unroll, mutant.unroll_backward)
        monkeypatch.setattr(kernels, "lookup", lambda *_: unroll)


def plant_in_chunks(monkeypatch, right, wrong):
    """Plant a mistake where chunks are cut and gone through, or where their gradients are added."""
    here = right in inspect.getsource(objective)
    plant(monkeypatch, objective if here else checkpointing, right, wrong)
    if not here:
        monkeypatch.setattr(objective, "chunks", checkpointing.chunks)


def reports(network=SQUARE):
    """Check a network from a state that is given, then from its own."""
    for own_state in (False, True):
        yield gradients.check(network, features=3, masked=True, directions=1, own_state=own_state)


def report_of_chunks(patch, again):
    """Compare the gradient in chunks of two steps with the loss in one piece."""
    network, loss = Stack((*DROPPED, Recurrent(3, LSTM()), Dense(2))), losses.HalfMSE()
    rng = np.random.default_rng(0)
    params, _ = network.init(rng, 3)
    kept = np.arange(6)[:, None, None] < np.array([6, 3])[:, None]
    x, y = (np.where(kept, rng.standard_normal((6, 2, n)), np.nan) for n in (3, 2))

    def run(params, *, xp=np, **more):
        noise = Noise((0,))
        return objective.value_and_grad(
            network, loss, params, x, y, mask=kept, noise=noise, xp=xp, **more
        )

    if again:
        _, grads, _ = run(params, checkpoint_every=2)
    else:
        with patch.context() as small:
            small.setattr(
                importlib.import_module("xprnn.kernels.workspace"), "PIECE", 2 * 2 * 12 * 8
            )
            xp = kernels.Workspace(1)
            assert kernels.pieces(x, [params[3]["W"]], xp=xp) == checkpointing.every(2, x)
            _, grads, _ = run(params, xp=xp)
    return gradients.compare(lambda p: run(p)[0], params, grads, directions=1, xp=np)


@pytest.mark.parametrize("network", dict.fromkeys(network for _, network in CASES.values()))
def test_without_a_mistake_the_check_passes(network):
    for report in reports(network):
        assert report.ok, f"\n{report}"


@pytest.mark.parametrize("name", CASES)
def test_the_check_reports_the_mistake(name, monkeypatch):
    change, network = CASES[name]
    plant(monkeypatch, *change)
    assert any(report.wrong for report in reports(network))


@pytest.mark.parametrize("name", [None, *IN_CHUNKS, *IN_CHUNKS_COMPUTED_AGAIN])
def test_a_mistake_in_chunks_that_are_computed_again_is_reported(name, monkeypatch):
    if name:
        plant_in_chunks(monkeypatch, *(IN_CHUNKS | IN_CHUNKS_COMPUTED_AGAIN)[name])
    found = report_of_chunks(monkeypatch, again=True)
    assert bool(found.wrong) == bool(name), f"\n{found}"


@pytest.mark.parametrize("name", [None, *IN_CHUNKS, *IN_CHUNKS_KEPT])
def test_a_mistake_in_chunks_that_are_kept_is_reported(name, monkeypatch):
    if name:
        plant_in_chunks(monkeypatch, *(IN_CHUNKS | IN_CHUNKS_KEPT)[name])
    found = report_of_chunks(monkeypatch, again=False)
    assert bool(found.wrong) == bool(name), f"\n{found}"


def test_the_lectures_mistakes_are_reported_where_they_act(monkeypatch):
    """Mistakes 1 to 3 spoil every gradient of the cell; mistake 4 that of U alone."""
    for name, mistake in LECTURE.items():
        with monkeypatch.context() as patch:
            plant(patch, *mistake)
            wrong = {name for report in reports() for name in report.wrong}
        recurrent = {f"params.{layer}.{array}" for layer in (0, 1) for array in "WUb"}
        outside = {"x", "state.0.0"}
        if name.startswith("4"):
            assert wrong == {"params.0.U", "params.1.U"}
        else:
            assert (
                {"params.0.W", "params.0.U", "params.0.b"}
                <= wrong
                <= recurrent | outside | {"state.1.0"}
            )


def cases_in_c(groups):
    """Return what is wrong in which file of a copy, and for which cell, of each mistake."""
    return {
        f"{file}, {cell}: {name}": (file, *change, cell)
        for (file, cell), planted in groups.items()
        for name, change in planted.items()
    }


CASES_IN_C, CASES_IN_VALUES = cases_in_c(IN_C), cases_in_c(IN_VALUES_IN_C)

NETWORKS_IN_C = {
    name: Stack((Recurrent(37, name, recurrent_dropout=0.4), Dense(2)))
    for name in ("elman", "lstm", "gru")
}
"""Of more units than a panel has, and a few more."""

NETWORKS_IN_C["activations"] = Stack(
    (*(Recurrent(5, Elman(f)) for f in ("relu", "sigmoid", "identity", "tanh")), Dense(2))
)


def plant_in_c(patch, folder, file, right, wrong):
    """Have the loops compiled from a copy with the mistake in it, and let them run."""
    source = kernels.compiled.SOURCE
    copy = folder / "mistake"
    shutil.copytree(source.parent, copy)
    text = (copy / file).read_text(encoding="utf-8")
    assert text.count(right) == 1, f"{right!r} stands {text.count(right)} times"
    (copy / file).write_text(text.replace(right, wrong), encoding="utf-8")
    patch.setattr(kernels.compiled, "SOURCE", copy / source.name)
    flags = [flag.replace("-O3", "-O0") for flag in kernels.compiler.FLAGS]
    patch.setattr(kernels.compiler, "FLAGS", tuple(flags))  # a tenth of the seconds
    patch.setattr(kernels.compiled, "_load_library", kernels.compiled._load_library.__wrapped__)
    patch.setattr(kernels.compiled, "_prove", None)  # which would report it too
    patch.delenv("XPRNN_KERNELS")


def report_in_c(cell):
    """Check two models of more rows than a tile has, from a state that is given."""
    options = {"masked": True, "batch": 7, "models": (2,), "directions": 1}
    return gradients.check(NETWORKS_IN_C[cell], **options)


def values(cell):
    """Return the output, with dropout, where what was drawn is not small."""
    network, rng = NETWORKS_IN_C[cell], np.random.default_rng(0)
    params, _ = network.init(rng, 3)
    x = rng.standard_normal((5, 7, 3))
    return network.forward(params, x, None, None, noise=Noise((0,)), xp=np)[0]


@pytest.mark.parametrize("cell", NETWORKS_IN_C)
def test_without_a_mistake_the_loops_in_c_pass(cell, loops, monkeypatch):
    expected = values(cell)
    monkeypatch.delenv("XPRNN_KERNELS")
    np.testing.assert_allclose(values(cell), expected, rtol=1e-12, atol=1e-13)
    found = report_in_c(cell)
    assert found.ok, f"\n{found}"


@pytest.mark.parametrize("name", CASES_IN_C)
def test_the_check_reports_the_mistake_in_c(name, loops, own_cache, monkeypatch, tmp_path):
    *change, cell = CASES_IN_C[name]
    plant_in_c(monkeypatch, tmp_path, *change)
    found = report_in_c(cell)
    assert found.wrong, f"\n{found}"


@pytest.mark.parametrize("name", CASES_IN_VALUES)
def test_the_reference_reports_the_mistake_in_c(name, loops, own_cache, monkeypatch, tmp_path):
    *change, cell = CASES_IN_VALUES[name]
    expected = values(cell)
    plant_in_c(monkeypatch, tmp_path, *change)
    assert not np.allclose(values(cell), expected, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("page", ["README.md", "docs/proof.md"])
def test_the_pages_say_how_many_mistakes_are_planted(page):
    in_chunks = {**IN_CHUNKS, **IN_CHUNKS_COMPUTED_AGAIN, **IN_CHUNKS_KEPT}
    planted = sum(map(len, (CASES, in_chunks, CASES_IN_C, CASES_IN_VALUES)))
    text = (Path(__file__).parents[2] / page).read_text(encoding="utf-8")
    said = f"the lecture's four gradient mistakes and {planted - len(LECTURE)} more are planted"
    assert said in text
