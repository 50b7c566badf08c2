"""The fixture `place` runs a test on every backend; hypothesis's profiles; the count of proofs.

A stand-in for CuPy (tests/cuda/standin) is a place too, in a session of its own: a process
has one module ``cupy``.
"""

import gc
import importlib
import importlib.util
import os
import signal
import sys
from pathlib import Path

import hypothesis
import numpy as np
import pytest

import xprnn.backend
from xprnn import kernels, tree
from xprnn.kernels import compiled, compiler, store

os.environ.setdefault("MPLBACKEND", "Agg")

PLACES = ("numpy", "array_api_strict:device1", "torch", "cupy", "array_api_strict:cpu")
"""Where the numerical tests run. array-api-strict refuses on device1 all that it refuses on cpu,
and arrays of the host as well: on cpu they run only with ``--backend array_api_strict``."""

STANDIN = "cupy-standin"
STANDIN_FOLDER = Path(__file__).parent / "cuda" / "standin"

collect_ignore = ["cuda"]  # tools of the tests in kernels/

hypothesis.settings.register_profile(
    "default",
    deadline=None,
    max_examples=5,
    print_blob=True,
    suppress_health_check=[hypothesis.HealthCheck.function_scoped_fixture],
)
hypothesis.settings.register_profile(
    "thorough", hypothesis.settings.get_profile("default"), max_examples=150
)
hypothesis.settings.load_profile("default")


def pytest_addoption(parser):
    parser.addoption(
        "--backend",
        action="append",
        choices=[*dict.fromkeys(place.split(":")[0] for place in PLACES), STANDIN],
        help="run the numerical tests on this backend only; may be repeated; an unusable one is an "
        f"error; {STANDIN} stands alone",
    )

    parser.addoption(
        "--slow",
        action="store_true",
        help="run the tests too that sessions of nox have for themselves",
    )


def pytest_configure(config):
    """Make the stand-in this process's CuPy if it is asked for; refuse it where it is not.

    A process that was started in the background ignores Ctrl-C, and so do those that it starts.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    asked = set(config.getoption("backend") or ())
    if asked == {STANDIN}:
        if "cupy" in sys.modules and not _is_standin():
            raise pytest.UsageError(f"--backend {STANDIN}: this process has imported a CuPy")
        sys.path.insert(0, str(STANDIN_FOLDER))
        if hasattr(config, "cache"):  # what one session compiles, the next one has
            os.environ.setdefault("CUPY_CACHE_DIR", str(config.cache.mkdir(STANDIN)))
    elif STANDIN in asked:
        raise pytest.UsageError(
            f"--backend {STANDIN} takes the place of CuPy in its process, so no other backend goes "
            f"with it: got {', '.join(sorted(asked))}"
        )
    elif _is_standin():
        raise pytest.UsageError(
            f"the cupy on this path is the stand-in, which is no CuPy: ask for --backend {STANDIN}"
        )


def _is_standin():
    """Whether what this process imports as cupy is the stand-in."""
    spec = importlib.util.find_spec("cupy")
    ours = (STANDIN_FOLDER / "cupy" / "__init__.py").resolve()
    return spec is not None and Path(spec.origin or "").resolve() == ours


def _on_standin(config):
    """Whether this session is on the stand-in."""
    return config.getoption("backend") == [STANDIN]


def pytest_report_header(config):
    if not _on_standin(config):
        return [
            f"places: {', '.join(_places(config))}",
            *(f"no place: {status}" for status in xprnn.backends() if not status.usable),
            f"{STANDIN}: has a session of its own, nox -s tests-{STANDIN}",
        ]
    loops = os.environ.get("XPRNN_KERNELS") or "the kernels, through their emulation"
    return f"{STANDIN}: no GPU and no CuPy, but a stand-in on this CPU; loops: {loops}"


def pytest_collection_modifyitems(config, items):
    """Leave to a session on the stand-in what runs on a place."""
    if _on_standin(config):
        others = [item for item in items if "place" not in getattr(item, "fixturenames", ())]
        config.hook.pytest_deselected(items=others)
        items[:] = [item for item in items if item not in set(others)]
    elif not config.getoption("slow"):
        for item in items:
            if item.get_closest_marker("slow"):
                item.add_marker(pytest.mark.skip("slow: in a session of nox, or with --slow"))


def pytest_collection_finish(session):
    """Keep what was collected, which lives to the end, out of every garbage collection."""
    gc.collect()
    gc.freeze()


def pytest_generate_tests(metafunc):
    if "place" in metafunc.fixturenames:
        names = _places(metafunc.config)
        metafunc.parametrize("place", names, indirect=True, scope="session")


def _places(config):
    """Name the places of a session: those of --backend, or all that can be used."""
    backends = config.getoption("backend")
    if _on_standin(config):
        return [STANDIN]
    if backends:
        return [place for place in PLACES if place.split(":")[0] in backends]
    usable = {status.name for status in xprnn.backends() if status.usable}
    return [place for place in PLACES[:-1] if place.split(":")[0] in usable]


class Place:
    """A backend with what the tests need of it."""

    def __init__(self, spec):
        self.backend = xprnn.backend.resolve(spec)
        self.xp = self.backend.xp

    def __repr__(self):
        return str(self.backend)

    def array(self, a, dtype="float64"):
        """Move a host array; read-only on NumPy, so that a write in place fails."""
        moved = self.backend.asarray(np.array(a), dtype)
        if self.backend.name == "numpy":
            moved.flags.writeable = False
        return moved

    def tree(self, t, dtype="float64"):
        return tree.map(lambda a: self.array(a, dtype), t)

    def mask(self, a):
        return self.array(a, "bool")

    def host(self, t):
        return tree.map(xprnn.backend.to_host, t)


@pytest.fixture(scope="session")
def place(request):
    return Place("cupy" if request.param == STANDIN else request.param)


@pytest.fixture
def rng():
    return np.random.default_rng(7)


@pytest.fixture(scope="session")
def loops():
    """Skip what needs the loops in C where there are none."""
    reason = kernels.unavailable()
    if reason is not None:
        pytest.skip(f"no compiled loops: {reason}")


@pytest.fixture(scope="session")
def session_cache(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def own_cache(session_cache, monkeypatch):
    """Keep what a test compiles out of the user's cache."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(session_cache))


@pytest.fixture
def fresh(monkeypatch):
    """Forget which compiler there is and what was loaded; return what does that again."""
    ground = importlib.import_module("xprnn.kernels.workspace")

    def forget():
        for module in (compiler, compiled, ground):
            for value in vars(module).values():
                getattr(value, "cache_clear", lambda: None)()
        store.TOLD.clear()
        compiler.LOST.clear()

    monkeypatch.setattr(ground, "BLAS", ground.Blas())
    forget()
    yield forget
    forget()


@pytest.fixture
def compilations(loops, fresh, monkeypatch, tmp_path):
    """Return the list of all compilations, into a cache that is empty at first."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    run_command, seen = compiler._run, []

    def watched(command):
        seen.append(command)
        run_command(command)

    monkeypatch.setattr(compiler, "_run", watched)
    return seen


PROVEN = pytest.StashKey[dict[str, int]]()
SWITCHED_OFF = pytest.StashKey[list[str]]()


@pytest.fixture(scope="session")
def prove(request):
    """Assert that a gradient check passed, and count it."""

    def proven(report):
        assert report.ok, f"\n{report}"
        _count(request.config, {"checks": 1, "rows": len(report.rows)})

    return proven


def _count(config, more):
    """Add to what is printed at the end."""
    counts = config.stash.setdefault(PROVEN, {"checks": 0, "rows": 0})
    for name, number in more.items():
        counts[name] += number


def pytest_sessionfinish(session):
    """Hand what was counted to the session that sums it up, which fails if a kernel did."""
    config = session.config
    found = config.stash.setdefault(SWITCHED_OFF, [])
    if {"cupy", STANDIN} & set(config.getoption("backend") or ()):
        found += kernels.cuda.switched_off()
    if hasattr(config, "workeroutput"):  # in a worker of pytest-xdist
        config.workeroutput["proven"] = config.stash.get(PROVEN, {})
        config.workeroutput["switched off"] = found
    elif found and not session.exitstatus:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node, error):
    told = getattr(node, "workeroutput", {})
    _count(node.config, told.get("proven", {}))
    node.config.stash.setdefault(SWITCHED_OFF, []).extend(told.get("switched off", ()))


def pytest_terminal_summary(terminalreporter, config):
    counts = config.stash.get(PROVEN, {"checks": 0})
    where = " on the stand-in for CuPy, a CPU" if _on_standin(config) else ""
    if counts["checks"]:
        terminalreporter.write_line(
            f"gradients{where}: {counts['checks']} checks passed, {counts['rows']} comparisons "
            "along a direction"
        )
    for reason in dict.fromkeys(config.stash.get(SWITCHED_OFF, ())):
        terminalreporter.write_line(
            f"FAILED: the reference ran in the place of a kernel: {reason}", red=True
        )
