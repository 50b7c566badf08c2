"""Threads of ours where processes fork, threads can't start, and Ctrl-C comes at any time."""

import _thread
import contextlib
import importlib
import importlib.util
import os
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import stress

from xprnn import kernels, recurrence
from xprnn.cells import GRU, LSTM, Elman
from xprnn.kernels import workers
from xprnn.kernels.workers import Workers

ground = importlib.import_module("xprnn.kernels.workspace")

TIMEOUT = 60
"""Seconds after which a process is said to hang."""

FORKS = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")


@pytest.fixture
def blas(loops):
    """Have two threads in every workspace; return what tells how many BLAS has."""
    pytest.importorskip("threadpoolctl")
    before = stress.blas_threads()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ground, "thread_count", lambda: 2)
        with kernels.workspace(np) as xp:
            if xp.threads == 1:
                pytest.skip(f"NumPy's BLAS can't be held to one thread: it has {before}")
        yield stress.blas_threads
    assert stress.blas_threads() == before
    assert not stress.ours_after_a_while()


def run(script, *arguments, **environment):
    """Run a Python of its own, which must end well and in time; return what it prints."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), **environment}
    told = "ignore:This process:DeprecationWarning"  # by Python 3.12: it forks amid threads
    options = "-X", "faulthandler", "-W", "error", "-W", told
    command = [sys.executable, *options, *script, *arguments]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=TIMEOUT)
    assert done.returncode == 0, done.stderr
    assert not done.stderr, done.stderr
    return done.stdout


PRELUDE = """
import importlib, os, sys, threading
import numpy as np
import stress, xprnn
from xprnn import kernels
ground = importlib.import_module("xprnn.kernels.workspace")
stress.have_two_threads()
loss, grad = stress.gradients()
before = stress.blas_threads()
def check(xp=np):
    again = stress.gradients(xp)
    assert again[0] == loss and np.array_equal(again[1], grad)
def fresh():
    assert stress.blas_threads() == before, stress.blas_threads()
    with kernels.workspace(np) as xp:
        assert xp.threads == 2
        check(xp)
    assert stress.blas_threads() == before
"""


def script(text):
    return "-c", PRELUDE + text


# Loops that have no twin


@pytest.mark.parametrize("cell", [Elman("elu"), LSTM(peepholes=True), GRU("relu")], ids=repr)
@pytest.mark.parametrize("switched_off", [False, True])
def test_to_look_up_a_loop_changes_nothing(cell, switched_off, blas, monkeypatch):
    shapes = {"x": (5, 2, 3), "U": (4, 4 * cell.gates)}
    with kernels.workspace(np) as xp:
        if switched_off:
            monkeypatch.setenv("XPRNN_KERNELS", "reference")
        assert kernels.lookup(cell, xp, shapes, np.float64) is recurrence.REFERENCE
        assert xp.threads == 2
        assert set(blas()) == {1}


# Workspaces that are closed, and threads that pause


def test_the_next_workspace_is_the_last_one(blas):
    """With its memory and its threads, unless it is open."""
    own = blas()
    with kernels.workspace(np) as first:
        assert first.threads == 2
        first.share(lambda part: None, 2)  # when that is done, the thread runs
        running = set(stress.ours())
        memory = first.empty((1 << 20,)).base
    assert blas() == own
    with kernels.workspace(np) as second:
        assert second is first
        assert second.threads == 2
        assert set(stress.ours()) == running
        assert any(block is memory for block in second.blocks)
        with kernels.workspace(np) as third:
            assert third is not second
    with contextlib.suppress(ZeroDivisionError), kernels.workspace(np) as failed:
        raise ZeroDivisionError
    with kernels.workspace(np) as fourth:
        assert fourth is not failed


def test_a_closed_workspace_keeps_little_memory(blas):
    with kernels.workspace(np) as xp:
        for size in (1, 2, 4):
            xp.empty((size << 22,))  # of 8 bytes
    assert 0 < sum(map(len, xp.blocks)) <= ground.SPARED


def test_either_the_owner_or_a_thread_decides_what_becomes_of_a_pause(loops, monkeypatch):
    monkeypatch.setattr(workers, "NAP", 0.02)
    some, done = Workers(2), []
    assert some.start() == 2
    some.pause()
    assert some.resume()
    assert not some.resume()
    time.sleep(0.2)
    some.share(done.append, 3)
    assert sorted(done) == [0, 1, 2]
    some.pause()
    assert not stress.ours_after_a_while()
    assert not some.resume()
    some.close()


def test_threads_that_ended_in_a_pause_start_anew(blas):
    loss, _ = stress.gradients()
    assert not stress.ours_after_a_while()
    assert stress.gradients()[0] == loss
    with kernels.workspace(np) as xp:
        assert xp.threads == 2


@FORKS
def test_a_child_of_a_process_whose_threads_pause(blas):
    run(
        script("""
for _ in range(5):
    check()
    assert stress.in_child(fresh) == 0
    check()
fresh()
""")
    )


# Several threads of the user's


def test_every_thread_in_turn_can_have_a_workspace_with_threads(blas):
    """Also after another, which is still alive, has had one."""

    def count():
        with kernels.workspace(np) as xp:
            return xp.threads, set(blas())

    with ThreadPoolExecutor(1) as one, ThreadPoolExecutor(1) as other:
        for pool in (one, other, one):
            assert pool.submit(count).result(timeout=TIMEOUT) == (2, {1})
        assert count() == (2, {1})


# Forks


@FORKS
def test_a_child_does_not_wait_for_what_a_thread_of_its_parent_was_doing(blas):
    run(
        script("""
held, ended = threading.Event(), threading.Event()
def other():
    with ground.BLAS.lock:  # as in the midst of `hold`
        held.set()
        ended.wait(0.2)
thread = threading.Thread(target=other)
thread.start()
held.wait()
assert stress.in_child(fresh) == 0
ended.set()
thread.join()
fresh()
""")
    )


@FORKS
def test_a_child_has_the_blas_that_another_thread_held(blas):
    run(
        script("""
held, ended = threading.Event(), threading.Event()
def other():
    with kernels.workspace(np) as xp:
        check(xp)
        held.set()
        ended.wait()
        check(xp)
thread = threading.Thread(target=other)
thread.start()
held.wait()
assert set(stress.blas_threads()) == {1}
assert stress.in_child(fresh) == 0
ended.set()
thread.join()
fresh()
""")
    )


@FORKS
def test_parent_and_child_go_on_with_a_workspace(blas):
    run(
        script("""
with kernels.workspace(np) as xp:
    check(xp)
    def child(first):
        assert stress.blas_threads() == before
        first()
        assert set(stress.blas_threads()) == {1}
        assert xp.threads == 2
        check(xp)
        xp.close()
        fresh()
    firsts = (
        lambda: check(xp), lambda: xp.matmul(np.ones((2, 2)), np.ones((2, 2))), lambda: xp.threads)
    for first in firsts:
        assert stress.in_child(lambda: child(first)) == 0
        assert xp.threads == 2
        check(xp)
fresh()
""")
    )


@FORKS
def test_a_child_that_a_callback_forks_trains_on(blas):
    run(
        script("""
x = stress.X
def fit(callbacks=()):
    return xprnn.fit(
        x, x[..., :1], hidden_size=64, cell="lstm", epochs=4, progress=False, callbacks=callbacks)
expected = fit().predict(x)
children = []
def fork(training):
    if training.epoch == 2:
        children.append(os.fork())
model = fit([fork])
status = 0 if np.array_equal(model.predict(x), expected) else 1
if children == [0]:
    os._exit(status)
assert stress.wait(children[0]) == 0
assert status == 0
fresh()
""")
    )


@FORKS
def test_processes_of_multiprocessing_compute_while_their_parent_trains(blas):
    run(
        script("""
import multiprocessing
context = multiprocessing.get_context("fork")
x, codes = stress.X, []
def evaluate(training):
    with context.Pool(2) as pool:
        codes.append(pool.apply_async(stress.gradients).get(timeout=60)[0] == loss)
    child = context.Process(target=check)
    child.start()
    child.join()
    codes.append(child.exitcode == 0)
xprnn.fit(x, x[..., :1], hidden_size=64, epochs=2, progress=False, callbacks=[evaluate])
assert codes == [True] * 4, codes
fresh()
""")
    )


@FORKS
def test_a_child_that_is_forked_amid_shared_work_is_told(blas):
    """As by a handler of signals; the other parts of the work are done in its parent alone."""
    run(
        script("""
forked = threading.Event()
with kernels.workspace(np) as xp:
    assert xp.threads == 2
    def work(part):
        if part:
            assert forked.wait(60)
            return
        child = os.fork()
        if not child:
            raise_in_child.append(1)
            return
        forked.set()
        children.append(child)
    raise_in_child, children = [], []
    try:
        xp.share(work, 2)
    except RuntimeError as error:
        os._exit(0 if raise_in_child and "forked" in str(error) else 2)
    if raise_in_child:
        os._exit(3)
    assert stress.wait(children[0]) == 0
fresh()
""")
    )


# Threads that are none, and threads that can't start


def test_with_threads_of_another_kind_there_is_one(blas, monkeypatch):
    """As gevent and eventlet put in the place of Python's, which stop while another computes."""
    monkeypatch.setattr(_thread, "allocate_lock", lambda: None)
    before = blas()
    with kernels.workspace(np) as xp:
        assert xp.threads == 1
        assert blas() == before


@pytest.mark.parametrize("first", ["gevent", "xprnn"])
def test_under_gevent_there_is_one_thread(first, blas):
    if importlib.util.find_spec("gevent") is None:
        pytest.skip("needs gevent, which nox -s tests-torch installs")
    imports = ["from gevent import monkey; monkey.patch_all()", "import xprnn, stress"]
    run(
        (
            "-W",
            "ignore",
            "-c",
            "\n".join(imports if first == "gevent" else imports[::-1])
            + """
import importlib
import numpy as np
from xprnn import kernels
importlib.import_module("xprnn.kernels.workspace").thread_count = lambda: 2
before = stress.blas_threads()
with kernels.workspace(np) as xp:
    assert xp.threads == 1
    assert stress.blas_threads() == before
x = np.ones((32, 100, 3))
model = xprnn.fit(x, x[..., :1], hidden_size=64, cell="lstm", epochs=1, progress=False)
assert model.predict(x).shape == (32, 100, 1)
""",
        )
    )


@pytest.fixture
def no_more(monkeypatch):
    """Return what lets so many more threads start."""
    start = workers.start_new_thread

    def limit(count):
        left = iter(range(count))

        def limited(*args):
            if next(left, None) is None:
                raise RuntimeError("can't start new thread")
            return start(*args)

        monkeypatch.setattr(workers, "start_new_thread", limited)

    return limit


@pytest.mark.parametrize("count", range(4))
def test_where_some_threads_can_start_those_work(count, no_more, blas):
    no_more(count)
    some, done = Workers(3), []
    assert some.start() == count
    assert some.start() == count
    with pytest.raises(ValueError, match=rf"there are {count + 1} threads for {count + 2} parts"):
        some.share(done.append, count + 2)
    if count:
        some.share(done.append, count + 1)
        assert sorted(done) == list(range(count + 1))
    some.close()
    assert some.start() == 0
    assert not stress.ours_after_a_while()


@pytest.mark.parametrize("count", range(3))
def test_results_are_the_same_with_fewer_threads(count, no_more, blas):
    loss, grad = stress.gradients()
    before = blas()
    no_more(count)
    xp = kernels.Workspace(3)
    xp.open()
    assert xp.threads == count + 1
    assert (blas() == before) == (count == 0 or set(before) == {1})
    again = stress.gradients(xp)
    xp.close()
    assert again[0] == loss
    np.testing.assert_array_equal(again[1], grad)


def test_where_no_thread_can_start_one_computes(blas):
    """The system itself refuses them here: they ask for more memory than there is."""
    said = run(
        script("""
import _thread
assert not stress.ours_after_a_while()
_thread.stack_size(1 << 46)
try:
    _thread.start_new_thread(print, ())
except RuntimeError:
    print("refused")
    with kernels.workspace(np) as xp:
        assert xp.threads == 1
        check(xp)
    x = stress.X
    xprnn.fit(x, x[..., :1], hidden_size=64, epochs=1, progress=False).predict(x)
    assert stress.blas_threads() == before
""")
    )
    if "refused" not in said:
        pytest.skip("this system refuses no thread, whatever its stack")


def test_a_training_at_the_interpreters_exit(blas):
    """Python 3.12 starts no thread any more there."""
    said = run(
        script("""
import atexit
def train():
    x = stress.X
    xprnn.fit(x, x[..., :1], hidden_size=64, epochs=1, progress=False).predict(x)
    print("done")
atexit.register(train)
""")
    )
    assert said == "done\n"


# Ctrl-C


def test_parts_that_wait_for_one_another_end_though_ctrl_c_comes_twice(loops):
    """The second time as they are told to wait no longer."""
    one, met = Workers(1), threading.Event()
    calls = []

    def work(part):
        if part:
            assert met.wait(TIMEOUT)
        else:
            raise KeyboardInterrupt

    def stop():
        calls.append(None)
        if len(calls) == 1:
            raise KeyboardInterrupt
        met.set()

    def settle(crew):
        if len(calls) == 1:
            raise KeyboardInterrupt
        Workers._settle(one, crew)

    one._settle = settle
    with pytest.raises(KeyboardInterrupt):
        one.share(work, 2, stop)
    one.close()
    assert met.is_set()
    assert not stress.ours_after_a_while()


@pytest.mark.parametrize("lost", ["the wake-up", "the owner"])
def test_a_worker_that_nobody_wakes_ends_by_itself(lost, loops, monkeypatch):
    monkeypatch.setattr(workers, "NAP", 0.01)
    some = Workers(2)
    assert some.start() == 2
    time.sleep(0.01)
    if lost == "the owner":
        del some
    else:
        monkeypatch.setattr(some, "_wake", lambda *_: None)
        some.close()
    assert not stress.ours_after_a_while()


# Everything at once, a little; `nox -s stress` does it at length


@pytest.mark.parametrize(
    ("name", "count"),
    [
        pytest.param("forks", 8, marks=FORKS),
        ("interrupts", 12),
        ("instructions", 200),
        ("exits", 1),
    ],
)
def test_a_short_stress(name, count, blas):
    if name == "interrupts" and os.name == "nt":
        pytest.skip("Windows sends no Ctrl-C to a process alone")
    assert run((stress.__file__, name, str(count))).startswith(str(count))
