"""Workspaces of several threads, and BLAS with a number of threads that is known."""

import contextlib
import importlib
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from xprnn import kernels
from xprnn.kernels import compiled

sys.path.insert(0, str(Path(__file__).parent))  # for cases.py and stress.py

ground = importlib.import_module("xprnn.kernels.workspace")


@pytest.fixture
def threads():
    """Two threads at most in every workspace, however many processors there are."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ground, "thread_count", lambda: 2)
        yield


FREE = SimpleNamespace(hold=lambda owner: True, release=lambda owner: None)
"""A BLAS that any number of workspaces may hold, and that keeps its threads."""


@pytest.fixture
def workspaces(loops):
    """Return workspaces of one, two and three threads, though BLAS may keep its own."""
    with contextlib.ExitStack() as stack:
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        patch.setattr(ground, "_can_share", lambda: True)
        patch.setattr(ground, "BLAS", FREE)
        made = [kernels.Workspace(count) for count in (1, 2, 3)]
        for one in made:
            one.open()
            stack.callback(one.close)
        yield made


@pytest.fixture
def shared_early(monkeypatch):
    """Share out loops of any size; return the axes along which that was done."""
    for name in ("LOOP", "APART", "PACKED"):
        monkeypatch.setattr(compiled, name, 1)
    cut, seen = compiled._cut, []

    def watched(*args):
        seen.append(cut(*args))
        return seen[-1]

    monkeypatch.setattr(compiled, "_cut", watched)
    return seen


@pytest.fixture
def kept(monkeypatch):
    """Keep the memory of small arrays too."""
    monkeypatch.setattr(ground, "KEPT", 1)


@pytest.fixture
def limits(threads):
    """Return what limits the threads of BLAS for a while, and gives what tells their number."""
    threadpoolctl = pytest.importorskip("threadpoolctl")

    def count():
        pools = threadpoolctl.threadpool_info()
        return {pool["num_threads"] for pool in pools if pool["user_api"] == "blas"}

    @contextlib.contextmanager
    def limit(number):
        with threadpoolctl.threadpool_limits(number, user_api="blas"):
            yield count

    return limit


@pytest.fixture
def blas(limits):
    """Give BLAS three threads; return what tells how many it has."""
    with limits(3) as count:
        if count() != {3}:
            pytest.skip(f"NumPy's BLAS can't be told to use 3 threads: it has {count()}")
        yield count
