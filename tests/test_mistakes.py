"""The proof of the proof: planted mistakes, each of which the gradient check must report.

A mistake is a piece of the library's own source and what stands in its place. The
module with the mistake is compiled anew, and its functions and methods take the
places of the right ones.
"""

import inspect
import sys
import types

import pytest

from xprnn import activations, affine, cells, gradients, layers, losses, masking, recurrence
from xprnn.cells import Elman
from xprnn.layers import Dense, Recurrent, Stack

LECTURE = {
    "1: the derivative of the last step at every step": (
        recurrence,
        "dp_t, dq_t, direct = cell.backward(inside, memo_t, xp=xp)",
        "dp_t, dq_t, direct = cell.backward(inside, memo[-1], xp=xp)",
    ),
    "2: the error of the last step alone reaches the hidden state": (
        recurrence,
        "dstate = (dstate[0] + dy_t, *dstate[1:])",
        "dstate = (dstate[0] + (0 if dp else 1) * dy_t, *dstate[1:])",
    ),
    "3: U in place of its transpose": (
        recurrence,
        "Ut = xp.matrix_transpose(U)",
        "Ut = U",
    ),
    "4: the transpose of dU": (
        recurrence,
        'grads["U"] = affine.weight_gradient(h[..., :-1, :, :], dq, U, xp=xp)',
        'grads["U"] = xp.matrix_transpose(affine.weight_gradient(h[..., :-1, :, :], dq, U, xp=xp))',
    ),
}

PLANTED = {
    "dU with h(t) in place of h(t-1)": (
        recurrence,
        "affine.weight_gradient(h[..., :-1, :, :], dq, U",
        "affine.weight_gradient(h[..., 1:, :, :], dq, U",
    ),
    "no gradient from the state after the last step": (
        recurrence,
        "dp, dq, dstate = unroll.backward(cell, U, dy, dstate,",
        "dp, dq, dstate = unroll.backward(cell, U, dy, tuple(0 * d for d in dstate),",
    ),
    "truncated after one step": (
        recurrence,
        "before = (direct[0] + dq_t @ Ut, *direct[1:])",
        "before = (direct[0] + 0 * (dq_t @ Ut), *direct[1:])",
    ),
    "the gradient of the initial state lacks its last product": (
        recurrence,
        "return xp.stack(dp[::-1], axis=-3), xp.stack(dq[::-1], axis=-3), dstate",
        "return xp.stack(dp[::-1], axis=-3), xp.stack(dq[::-1], axis=-3), inside",
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
        "inside = masking.select(mask_t, dstate, zero, xp=xp)",
        "inside = dstate",
    ),
    "padding swallows the gradient of the state": (
        recurrence,
        "dstate = masking.select(mask_t, before, dstate, xp=xp)",
        "dstate = masking.select(mask_t, before, zero, xp=xp)",
    ),
    "the bias gets the mean in place of the sum": (
        affine,
        "db = xp.sum(dy_rows, axis=-2, keepdims=True)",
        "db = xp.mean(dy_rows, axis=-2, keepdims=True)",
    ),
    "the bias gets the first row alone": (
        affine,
        "db = xp.sum(dy_rows, axis=-2, keepdims=True)",
        "db = dy_rows[..., :1, :]",
    ),
    "dx with W in place of its transpose": (
        affine,
        "dx = dy_rows @ xp.matrix_transpose(W)",
        "dx = dy_rows @ W",
    ),
    "dx is zero": (
        affine,
        "dx = dy_rows @ xp.matrix_transpose(W)",
        "dx = 0 * (dy_rows @ xp.matrix_transpose(W))",
    ),
    "tanh without the square": (activations, "dy * (1 - y * y)", "dy * (1 - y)"),
    "tanh's derivative of z, not of y": (activations, "dy * (1 - y * y)", "dy * (1 - z * z)"),
    "a cell that forgets the activation": (
        cells,
        "dz = self.activation.backward(dh, z, h, xp=xp)",
        "dz = dh",
    ),
    "a cell with a direct path that is not there": (
        cells,
        "return dz, dz, (0.0,)",
        "return dz, dz, (dz,)",
    ),
    "a loss without its factor": (
        losses,
        "return _total(error * error, xp) / (2 * steps), error / steps",
        "return _total(error * error, xp) / (2 * steps), error",
    ),
    "a stack that hands on the wrong gradient": (
        layers,
        "g, dy, d = layer.backward(p, dy, d, c, xp=xp)",
        "g, _, d = layer.backward(p, dy, d, c, xp=xp)",
    ),
    "padding is not zeroed": (
        masking,
        "return a if mask is None else xp.where(mask, a, xp.zeros_like(a))",
        "return a",
    ),
}


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
            for method in ("forward", "backward", "__call__"):
                if isinstance(vars(new).get(method), types.FunctionType):
                    monkeypatch.setattr(old, method, vars(new)[method])
    if module is recurrence:
        unroll = recurrence.Unroll(mutant.unroll, mutant.unroll_backward)
        monkeypatch.setattr(layers.kernels, "lookup", lambda *_: unroll)


def report():
    """Check a square network, in which no wrong transpose fails for its shape."""
    square = Stack((Recurrent(3, Elman("tanh")), Recurrent(3, Elman("tanh")), Dense(3)))
    return gradients.check(square, features=3, masked=True, directions=1)


def test_without_a_mistake_the_check_passes():
    assert report().ok


@pytest.mark.parametrize("name", [*LECTURE, *PLANTED])
def test_the_check_reports_the_mistake(name, monkeypatch):
    plant(monkeypatch, *{**LECTURE, **PLANTED}[name])
    found = report()
    assert found.wrong, f"\n{found}"


def test_the_lectures_mistakes_are_reported_where_they_act(monkeypatch):
    """Mistakes 1 to 3 spoil every gradient of the cell; mistake 4 that of U alone."""
    for name, mistake in LECTURE.items():
        with monkeypatch.context() as patch:
            plant(patch, *mistake)
            wrong = set(report().wrong)
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
