"""The fixture `place` runs a test on every backend; hypothesis's profiles; the count of proofs."""

import importlib
import os

import hypothesis
import numpy as np
import pytest

import xprnn.backend
from xprnn import kernels, tree
from xprnn.kernels import compiled, compiler, store

os.environ.setdefault("MPLBACKEND", "Agg")

PLACES = ("numpy", "array_api_strict:cpu", "array_api_strict:device1", "torch", "cupy")

hypothesis.settings.register_profile(
    "default",
    deadline=None,
    max_examples=15,
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
        metavar="NAME",
        help="run the numerical tests on this backend only (numpy, array_api_strict, torch, cupy); "
        "may be repeated; an unusable one is an error",
    )


def pytest_generate_tests(metafunc):
    if "place" in metafunc.fixturenames:
        asked = metafunc.config.getoption("backend")
        names = [p for p in PLACES if not asked or p.split(":")[0] in asked]
        metafunc.parametrize("place", names, indirect=True, scope="session")


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
    status = xprnn.backend.status(request.param.split(":")[0])
    if not status.usable and not request.config.getoption("backend"):
        pytest.skip(str(status))
    return Place(request.param)


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
    if hasattr(session.config, "workeroutput"):  # in a worker of pytest-xdist
        session.config.workeroutput["proven"] = session.config.stash.get(PROVEN, {})


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node, error):
    _count(node.config, getattr(node, "workeroutput", {}).get("proven", {}))


def pytest_terminal_summary(terminalreporter, config):
    counts = config.stash.get(PROVEN, {"checks": 0})
    if counts["checks"]:
        terminalreporter.write_line(
            f"gradients: {counts['checks']} checks passed, {counts['rows']} comparisons along a "
            "direction"
        )
