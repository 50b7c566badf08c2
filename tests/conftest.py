"""The fixture `place` runs a test on every backend; hypothesis's profiles."""

import os

import hypothesis
import numpy as np
import pytest

import xprnn.backend
from xprnn import tree

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
