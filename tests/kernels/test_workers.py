"""Threads that share the work of one, and those of BLAS, which give way to them."""

import contextlib
import functools
import importlib
import importlib.util
import itertools
import os
import subprocess
import sys
import threading
import time
import traceback
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from cases import (
    TIMEOUT,
    assert_close,
    assert_same,
    draw,
    run,
)
from hypothesis import given
from hypothesis import strategies as st

from xprnn import kernels, losses, tree, value_and_grad
from xprnn.cells import GRU, Elman
from xprnn.kernels.workers import LOOKS, Workers, _serve
from xprnn.layers import Dense, Recurrent, Stack

ground = importlib.import_module("xprnn.kernels.workspace")


def at_once(*works):
    """Run functions in threads of their own; raise what they raised, or if one hangs."""
    failures = []

    def guarded(work):
        try:
            work()
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=guarded, args=(work,), daemon=True) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=TIMEOUT)
    assert not any(thread.is_alive() for thread in threads)
    for error in failures:
        raise error


def start(script, **environment):
    """Start a Python of its own."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), **environment}
    return subprocess.Popen([sys.executable, "-c", script], env=environment, stderr=subprocess.PIPE)


def finish(process):
    """Wait for it; raise what it raised, or if it hangs."""
    try:
        _, errors = process.communicate(timeout=TIMEOUT)
    finally:
        process.kill()
    assert process.returncode == 0, errors.decode()


@pytest.fixture
def workers(loops):
    """Return what makes workers, which end with the test."""
    with contextlib.ExitStack() as stack:

        def make(count):
            made = Workers(count)
            stack.callback(at_once, made.close)
            assert made.start() == count
            return made

        yield make


def test_every_part_is_done_once_and_before_the_owner_goes_on(workers):
    """Two thousand times in a row."""
    three, done = workers(2), np.zeros((2000, 3), int)

    def work(part, number):
        done[number, part] += 1

    for number in range(len(done)):
        parts = 1 + number % 3
        three.share(functools.partial(work, number=number), parts)
        assert done[number].tolist() == [1] * parts + [0] * (3 - parts)


def test_parts_are_done_at_the_same_time(workers):
    """Each waits for the others."""
    met = threading.Barrier(3)
    workers(2).share(lambda part: met.wait(timeout=TIMEOUT), 3)


@pytest.mark.parametrize("looks", [LOOKS, 0.0])
def test_workers_that_fell_asleep_wake(looks, workers, monkeypatch):
    monkeypatch.setattr("xprnn.kernels.workers.LOOKS", looks)
    two, done = workers(1), []

    def owner():
        for number in range(30):
            two.share(lambda part: done.append((number, part)), 2)  # noqa: B023
            time.sleep(20 * LOOKS * (number % 3))

    at_once(owner)
    assert sorted(done) == [(number, part) for number in range(30) for part in (0, 1)]


@pytest.mark.parametrize(
    "failing", [some for n in (1, 2, 3) for some in itertools.combinations(range(3), n)]
)
def test_the_owner_raises_what_a_part_raised(failing, workers):
    """After all parts have ended, and once: what is shared next is done."""
    three, ended = workers(2), []

    def work(part):
        if part:
            time.sleep(0.002 * part)
        ended.append(part)
        if part in failing:
            raise ZeroDivisionError(part)

    with pytest.raises(ZeroDivisionError) as caught:
        three.share(work, 3)
    assert caught.value.args[0] in failing
    assert sorted(ended) == [0, 1, 2]
    for _ in range(3):
        del ended[:]
        three.share(ended.append, 3)
        assert sorted(ended) == [0, 1, 2]


def running():
    """Return the threads of ours that run; `threading` does not know them."""
    return {
        thread
        for thread, frame in sys._current_frames().items()
        for inner, _ in traceback.walk_stack(frame)
        if inner.f_code is _serve.__code__
    }


def settled(threads):
    """Whether these threads of ours run and no others, at the latest after a while."""
    for _ in range(TIMEOUT * 1000):
        if running() == threads:
            return True
        time.sleep(0.001)
    return False


def test_threads_end_with_their_workers(loops):
    before = running()
    some = Workers(3)
    some.share(lambda part: None, 4)
    assert len(running()) == len(before) + 3
    some.close()
    assert settled(before)
    with kernels.workspace(np) as xp:
        xp.share(lambda part: None, xp.threads)
        assert len(running()) == len(before) + xp.threads - 1
    assert settled(before)


def test_what_was_shared_is_not_held(workers):
    """Memory is free again as soon as the work is done."""
    two, held = workers(1), [np.zeros(3)]
    before = sys.getrefcount(held[0])
    two.share(functools.partial(lambda part, a: None, a=held[0]), 2)
    after = sys.getrefcount(held[0])
    assert after == before


def test_what_an_interrupt_left_undone_is_done_once_and_first(workers, monkeypatch):
    """Ctrl-C comes between the posting of work and the waking of the worker."""
    two, done = workers(1), []

    def interrupted(crew, number):
        raise KeyboardInterrupt

    asleep = two._crew.boards[0, 2:3]
    for _ in range(TIMEOUT * 1000):
        if asleep[0]:
            break
        time.sleep(0.001)
    with monkeypatch.context() as patch:
        patch.setattr(two, "_wake", interrupted)
        with pytest.raises(KeyboardInterrupt):
            two.share(lambda part: done.append(("old", part)), 2)
    two.share(lambda part: done.append(("new", part)), 2)
    assert done[0] == ("old", 1)
    assert sorted(done[1:]) == [("new", 0), ("new", 1)]


def test_two_workspaces_in_two_threads_do_not_hinder_one_another(workspaces, shared_early):
    cases = [draw(GRU(), seed=seed, batch=9, hidden=20) for seed in range(2)]
    expected = [run(case) for case in cases]

    def work(xp, case, wanted):
        for _ in range(50):
            assert_same(run(case, xp=xp), wanted)

    both = zip(workspaces[1:], cases, expected, strict=True)
    at_once(*(functools.partial(work, *each) for each in both))


INTERRUPTED = """
import importlib, itertools, sys, time, types
import numpy as np
from xprnn import kernels, recurrence
from xprnn.cells import Elman
from xprnn.kernels import compiled, workers

ground = importlib.import_module("xprnn.kernels.workspace")
ground._can_share = lambda: True
ground.BLAS = types.SimpleNamespace(hold=lambda owner: True, release=lambda owner: None)
compiled.LOOP = 1

def interrupts(number):
    count = itertools.count()

    def inside(frame, event, _):
        if event == "opcode" and next(count) == number:
            raise KeyboardInterrupt
        return inside

    def trace(frame, *_):
        files = frame.f_code.co_filename, frame.f_back.f_code.co_filename
        if files[0].endswith("threading.py") or any(f.endswith("workers.py") for f in files):
            frame.f_trace_opcodes = True
            return inside

    return trace

one, U = np.ones((1, 256)), np.random.default_rng(0).standard_normal((256, 256)) / 16
args = Elman(), {"W": one, "U": U, "b": one}, np.ones((3, 1, 1)), (one,), None

def run(xp):
    return recurrence.forward(*args, unroll=compiled.COMPILED, xp=xp)[0]

expected = run(np)
for looks in (0, 1):
    workers.LOOKS = float(looks)
    xp = kernels.Workspace(2)
    xp.open()
    for number in itertools.count():
        run(xp)
        time.sleep(0 if looks else 0.0005)  # the worker looks for work still, or it sleeps
        sys.settrace(interrupts(number))
        try:
            run(xp)
            break
        except KeyboardInterrupt:
            sys.settrace(None)
        np.testing.assert_array_equal(run(xp), expected)
    sys.settrace(None)
    xp.close()
    assert number > 30, number
"""


def test_an_interrupt_leaves_no_thread_waiting(loops):
    """Whatever the owner is about to do when Ctrl-C comes; what is shared next is done."""
    finish(start(INTERRUPTED))


# The threads of BLAS


def test_blas_has_one_thread_in_a_workspace_and_its_own_afterwards(blas, loops):
    with kernels.workspace(np) as xp:
        assert xp.threads == 2
        assert blas() == {1}
    assert blas() == {3}


def test_blas_has_its_own_threads_after_an_exception(blas, loops):
    seen = []
    with contextlib.suppress(ZeroDivisionError), kernels.workspace(np):
        seen.append(blas())
        raise ZeroDivisionError
    assert seen == [{1}]
    assert blas() == {3}


@given(order=st.permutations([0, 0, 1, 1, 2, 2]))
def test_blas_has_one_thread_as_long_as_there_is_a_workspace(order, blas, loops):
    """However the times of several overlap."""
    entered = {}
    for number in order:
        if number in entered:
            entered.pop(number).__exit__(None, None, None)
        else:
            entered[number] = kernels.workspace(np)
            entered[number].__enter__()
        assert blas() == ({1} if entered else {3})


def test_while_a_thread_holds_blas_a_workspace_of_another_has_one_thread(blas, loops):
    """And BLAS has its own again when the one that holds it ends."""
    seen = []

    def other():
        with kernels.workspace(np) as xp:
            seen.append((xp.threads, blas()))
        seen.append(blas())

    with ThreadPoolExecutor(1) as pool:
        with kernels.workspace(np) as xp:
            pool.submit(other).result(timeout=TIMEOUT)
            assert xp.threads == 2
        assert blas() == {3}
    assert seen == [(1, {1}), {1}]


@pytest.mark.parametrize("here", ["first", "second", "neither"])
def test_workspaces_of_two_threads_that_overlap_leave_blas_as_it_was(here, blas, loops):
    """In whichever the last one ends; and while one shares its work, BLAS has one thread."""
    meeting = threading.Barrier(2, timeout=TIMEOUT)

    def fits(xp):
        return xp.threads == 1 or blas() == {1}

    def first():
        with kernels.workspace(np) as xp:
            assert fits(xp)
            meeting.wait()
            meeting.wait()
            assert fits(xp)
        meeting.wait()

    def second():
        meeting.wait()
        with kernels.workspace(np) as xp:
            assert fits(xp)
            meeting.wait()
            meeting.wait()
            assert fits(xp)
        assert blas() == {3}

    if here == "neither":
        at_once(first, second)
    else:
        mine, other = (first, second) if here == "first" else (second, first)
        with ThreadPoolExecutor(1) as pool:
            its = pool.submit(other)
            mine()
            its.result(timeout=TIMEOUT)
    assert blas() == {3}


def threads_of_a_workspace():
    with kernels.workspace(np) as xp:
        return xp.threads


def test_a_workspace_that_has_ended_leaves_blas_to_others(limits, loops):
    """To their workspaces, and to those who set the number of its threads."""
    assert threads_of_a_workspace() == 2
    for number in (3, 2):
        with limits(number) as count:
            assert count() == {number}
    assert threads_of_a_workspace() == 2


def test_a_layer_with_the_references_loop_takes_the_threads_from_nobody(blas, loops, monkeypatch):
    """Its products are shared out as all others are."""
    monkeypatch.setattr(kernels.seam, "_SMALL", 0)
    network = Stack((Recurrent(3, Elman("elu")), Dense(1)))
    seen = []

    class Watched(losses.HalfMSE):
        def __call__(self, *args, **options):
            seen.append((options["xp"].threads, blas()))
            return super().__call__(*args, **options)

    x = np.ones((4, 2, 1))
    params, _ = network.init(np.random.default_rng(0), 1)
    value_and_grad(network, Watched(), params, x, x, xp=np)
    assert seen == [(2, {1})]


def test_a_layer_with_the_references_loop_beside_one_with_ours(blas, loops, monkeypatch):
    network, rng = Stack((Recurrent(9, Elman("elu")), Recurrent(9))), np.random.default_rng(0)
    params, x = network.init(rng, 2)[0], rng.standard_normal((7, 5, 2))

    def found(xp):
        y, end, cache = network.forward(params, x, None, None, xp=xp)
        grads, *_ = network.backward(params, y, end, cache, xp=xp)
        return tree.flatten({"y": y, "grads": grads})

    with kernels.workspace(np) as xp:
        mixed = found(xp)
        assert xp.threads == 2
        assert blas() == {1}
    monkeypatch.setenv("XPRNN_KERNELS", "reference")
    assert_close(mixed, found(np), 1e-12)


def test_an_interrupt_while_a_workspace_ends_leaves_blas_its_threads(blas, loops, monkeypatch):
    def interrupted():
        raise KeyboardInterrupt

    own = kernels.Workspace(2)
    own.open()
    own.share(lambda part: None, own.threads)
    with monkeypatch.context() as patch:
        patch.setattr(own._workers, "join", interrupted)
        with pytest.raises(KeyboardInterrupt):
            own.close()
    assert blas() == {3}
    own.close()
    assert threads_of_a_workspace() == 2


def test_the_status_advises_only_what_helps(blas, loops):
    assert "pip install" not in kernels.status()
    with kernels.workspace(np), ThreadPoolExecutor(1) as pool:
        said = pool.submit(kernels.status).result(timeout=TIMEOUT)
        assert "1 thread(s)" in said
        assert "pip install" not in said


def test_without_threadpoolctl_there_is_one_thread(blas, loops, fresh, monkeypatch):
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util,
        "find_spec",
        lambda name, *a: None if name == "threadpoolctl" else find(name, *a),
    )
    assert "pip install threadpoolctl" in kernels.status()
    with kernels.workspace(np) as xp:
        assert xp.threads == 1
        assert blas() == {3}


def test_the_environment_says_how_many_threads_there_are(monkeypatch, loops):
    processors = (
        len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    )
    for text, count in {
        "1": 1,
        "": processors,
        "0": processors,
        "many": processors,
        "9999": processors,
        "1,1": 1,
        " 1 , 8": 1,
    }.items():
        monkeypatch.setenv("OMP_NUM_THREADS", text)
        assert ground.thread_count() == count
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    with kernels.workspace(np) as xp:
        assert xp.threads == 1
