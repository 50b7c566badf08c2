"""A process with our threads in it, forked, interrupted and ended.

    python tests/kernels/stress.py NAME COUNT

``forks``: so many children are forked while another thread predicts, and each predicts too.
``interrupts``: so many times Ctrl-C comes at any time of a start and a training.
``instructions``: it comes at so many instructions, spread over all those of a workspace.
``exits``: so many processes end while another thread trains.
``nox -s stress`` runs them in full; `test_threads.py` runs each a few times.
"""

import _weakrefset
import argparse
import contextlib
import faulthandler
import importlib
import itertools
import os
import random
import signal
import subprocess
import sys
import threading
import time
import traceback

import numpy as np

import xprnn
from xprnn import kernels, losses, value_and_grad
from xprnn.kernels import workers
from xprnn.layers import Dense, Recurrent, Stack

ground = importlib.import_module("xprnn.kernels.workspace")

PATIENCE = 30
"""Seconds after which a process says where it hangs; after twice as many it is killed."""

NETWORK = Stack((Recurrent(64, "lstm"), Dense(1)))
X = np.random.default_rng(0).standard_normal((100, 32, 3))
PARAMS = NETWORK.init(np.random.default_rng(0), 3)[0]


def gradients(xp=np):
    """Return what takes the work of two threads: a loss and its gradients."""
    found = value_and_grad(NETWORK, losses.MSE(), PARAMS, X, X[..., :1], xp=xp)
    return float(found[0]), found[1][0]["U"]


def have_two_threads():
    """Let every workspace have two threads, however many processors there are."""
    ground.thread_count = lambda: 2
    with kernels.workspace(np) as xp:
        assert xp.threads == 2, "threadpoolctl and a C compiler are needed"


def ours():
    """Return the threads of ours that run."""
    return [
        thread
        for thread, frame in sys._current_frames().items()
        if any(inner.f_code is workers._serve.__code__ for inner, _ in traceback.walk_stack(frame))
    ]


def ours_after_a_while():
    """Return how many threads of ours still run, though they have been told to end."""
    for _ in range(PATIENCE * 1000):
        if not ours():
            break
        time.sleep(0.001)
    return len(ours())


def blas_threads():
    """Return how many threads BLAS has."""
    import threadpoolctl

    pools = threadpoolctl.threadpool_info()
    return [pool["num_threads"] for pool in pools if pool["user_api"] == "blas"]


def wait(child):
    """Return the exit status of a child; kill it if it hangs."""
    for _ in range(2 * PATIENCE * 1000):
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.001)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return "hangs"


def in_child(work):
    """Return the exit status of a forked child that does some work: 0 if it returns."""
    if child := os.fork():
        return wait(child)
    status = 1
    faulthandler.dump_traceback_later(PATIENCE, exit=True)
    try:
        work()
        status = 0
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(status)


def forks(count):
    """Fork while another thread predicts."""
    have_two_threads()
    expected, before, ended = gradients(), blas_threads(), threading.Event()
    model = xprnn.fit(X, X[..., :1], hidden_size=64, cell="lstm", epochs=1, progress=False)
    wanted = model.predict(X)

    def predicting():
        while not ended.is_set():
            assert np.array_equal(model.predict(X), wanted)

    def child():
        assert blas_threads() == before, f"BLAS is held: {blas_threads()}"
        loss, grad = gradients()
        assert loss == expected[0]
        assert np.array_equal(grad, expected[1])
        assert blas_threads() == before

    other = threading.Thread(target=predicting)
    other.start()
    try:
        statuses = [in_child(child) for _ in range(count)]
    finally:
        ended.set()
        other.join()
    hang, failed = statuses.count("hangs"), sum(status not in (0, "hangs") for status in statuses)
    print(f"{count} forks while another thread predicts: {hang} hang, {failed} fail")
    assert not hang
    assert not failed


def interrupts(count):
    """Have Ctrl-C come at any time of a start and a training."""
    have_two_threads()
    before, rng, came = blas_threads(), random.Random(0), []

    def interrupt(*args):
        came.append(args)
        signal.default_int_handler(*args)

    signal.signal(signal.SIGINT, interrupt)
    xprnn.fit(X, X[..., :1], epochs=1, progress=False)  # Python's own imports warn if interrupted
    timed = time.perf_counter()
    gradients()
    timed = time.perf_counter() - timed
    me = os.getpid()
    for number in range(count):
        alarm = threading.Timer(rng.uniform(0, 3 * timed), os.kill, (me, signal.SIGINT))
        with contextlib.suppress(KeyboardInterrupt):  # `fit` ends well with it
            alarm.start()
            while len(came) == number:
                if number % 2:
                    gradients()
                else:
                    xprnn.fit(X, X[..., :1], hidden_size=64, epochs=2, progress=False)
        alarm.join()
    left = ours_after_a_while()
    print(f"{len(came)} interrupts: {left} threads left, BLAS has {blas_threads()}")
    assert len(came) == count
    assert left == 0
    assert blas_threads() == before
    gradients()


def interrupting(number):
    """Return what interrupts code of a workspace at one of its instructions, for `sys.settrace`."""
    files = {vars(module)["__file__"] for module in (ground, workers, contextlib, _weakrefset)}
    counter = itertools.count()

    def inside(frame, event, _):
        if event == "opcode" and next(counter) == number:
            raise KeyboardInterrupt
        return inside

    def trace(frame, *_):
        if frame.f_code.co_filename in files:
            frame.f_trace_opcodes = True
            return inside
        return None

    return trace, counter


def instructions(count):
    """Have Ctrl-C come at any instruction of a workspace: it begins, shares its work and ends."""
    have_two_threads()
    before = blas_threads()

    def compute(number):
        trace, counter = interrupting(number)
        sys.settrace(trace)
        try:
            with kernels.workspace(np) as xp:
                xp.share(lambda part: None, xp.threads)
        finally:
            sys.settrace(None)
        return next(counter)

    last = compute(-1)
    count = min(count, last)
    for k in range(count):
        number = last * k // count
        with contextlib.suppress(KeyboardInterrupt):
            compute(number)
        assert blas_threads() == before, number
        left = ours_after_a_while()
        assert not left, (number, left)
        if k % 10 == 0:
            gradients()
    print(f"{count} of {last} instructions interrupted: no thread is left")


TRAINING = """
import sys, threading, time
sys.path.insert(0, sys.argv[1])
import stress
stress.have_two_threads()
def train():
    while True:
        stress.gradients()
threading.Thread(target=train, daemon=True).start()
time.sleep(float(sys.argv[2]))
"""


def exits(count):
    """End a process while a daemon thread of it trains."""
    rng = random.Random(0)
    for _ in range(count):
        arguments = os.path.dirname(os.path.abspath(__file__)), str(rng.uniform(0, 0.05))
        command = [sys.executable, "-c", TRAINING, *arguments]
        done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE)
        assert done.returncode == 0, (done.returncode, done.stderr)
        assert not done.stderr, done.stderr
    print(f"{count} exits while another thread trains: all end")


NAMES = {each.__name__: each for each in (forks, interrupts, instructions, exits)}


def main():
    """Run what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name", choices=NAMES)
    parser.add_argument("count", type=int)
    asked = parser.parse_args()
    NAMES[asked.name](asked.count)


if __name__ == "__main__":
    main()
