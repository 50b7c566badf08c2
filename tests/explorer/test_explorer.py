"""The explorer shows what the library computes, and its mistakes are those of the lecture."""

import json
import re
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from xprnn import cells, gradients, losses, tree
from xprnn.__main__ import main
from xprnn._explorer import numbers, steps
from xprnn._model.gates import trace_gates
from xprnn.layers import Dense, Recurrent, Stack

LECTURE = Path(__file__).parents[2] / "docs" / "lecture.md"


@st.composite
def networks(draw):
    """Draw a cell, a network with it, its parameters, x and y."""
    cell = draw(st.sampled_from(numbers.CELLS))
    hidden, features, count = (draw(st.integers(1, 5)) for _ in range(3))
    network = Stack((Recurrent(hidden, cell), Dense(1)))
    rng = np.random.default_rng(draw(st.integers(0, 99)))
    params, _ = network.init(rng, features)
    params = tree.map(lambda a: a + rng.standard_normal(a.shape), params)
    return (
        cell,
        network,
        params,
        rng.standard_normal((count, features)),
        rng.normal(size=(count, 1)),
    )


@given(networks())
def test_the_steps_are_those_of_the_library(drawn):
    """States, gates, outputs and gradients, to rounding."""
    name, network, params, x, y = drawn
    cell = cells.get(name)
    forward = steps.run_forward(cell, params, x)
    y_hat, _, _ = network.forward(params, x[:, None], None, None, xp=np)
    np.testing.assert_allclose([s.y_hat[0] for s in forward], y_hat[:, 0], atol=1e-12)
    (seen,) = trace_gates(network, params, x[:, None], None, None, xp=np)
    shown = [(*(cell.trace(s.memo) if name != "elman" else ()), *s.state) for s in forward]
    for ours, (gate, values) in zip(zip(*shown, strict=True), seen.items(), strict=True):
        np.testing.assert_allclose(ours, values, atol=1e-12, err_msg=gate)

    found = steps.sum_terms(steps.run_backward(cell, params, forward, y))
    start = network.initial_state(params, 1, xp=np)
    _, grads, _ = gradients.value_and_grad(
        network, losses.HalfMSE(), params, x[:, None], y[:, None], state=start, xp=np
    )
    expected = {**grads[0], "Wy": grads[1]["W"], "by": grads[1]["b"]}
    assert sorted(found) == sorted(expected)
    for key, value in expected.items():
        np.testing.assert_allclose(found[key], value, atol=1e-11, err_msg=key)


@pytest.mark.parametrize(
    "mistakes", [c for count in range(5) for c in combinations((1, 2, 3, 4), count)]
)
def test_the_mistakes_are_those_of_the_page_on_the_lecture(mistakes):
    """The page has code of its own, with columns where the library has rows."""
    listing = {}
    exec(re.search(r"```python\n(.*?)```", LECTURE.read_text(), re.DOTALL)[1], listing)
    x, y = numbers.make_wave(7)
    params = listing["draw"](n=4, scale=0.7)
    expected = listing["backward"](params, x[:, 0], y[:, 0], mistakes)
    rows = (
        {"W": params["Wx"].T, "U": params["Wh"].T, "b": params["b"].T},
        {"W": params["Wy"].T, "b": np.zeros((1, 1))},
    )
    forward = steps.run_forward(cells.Elman(), rows, x)
    found = steps.sum_terms(steps.run_backward(cells.Elman(), rows, forward, y, mistakes))
    for theirs, ours in {"Wx": "W", "Wh": "U", "b": "b", "Wy": "Wy"}.items():
        np.testing.assert_allclose(len(x) * found[ours].T, expected[theirs], atol=1e-12)


def test_the_reach_is_the_norm_that_is_passed_back():
    """A linear network with one unit multiplies by u at every step."""
    params = ({"W": np.ones((1, 1)), "U": np.full((1, 1), 0.8), "b": np.zeros((1, 1))},
              {"W": np.ones((1, 1)), "b": np.zeros((1, 1))})  # fmt: skip
    found = numbers.measure_reach(cells.Elman("identity"), params, steps=5, scale=0.5)
    np.testing.assert_allclose(found, 0.4 ** np.arange(4.0, -1, -1))


def test_the_command_writes_one_file_that_needs_no_other(tmp_path, capsys):
    path = tmp_path / "lesson.html"
    assert main(["explore", "--output", str(path), "--seed", "1"]) == 0
    assert str(path) in capsys.readouterr().out
    page = path.read_text(encoding="utf-8")
    assert path.stat().st_size < 2e6
    assert not re.findall(r"(?:src|href)=|url\(|@import|https?://(?!www\.w3\.org/2000/svg)", page)
    data = json.loads(re.search(r'<script type="application/json"[^>]*>(.*?)</script>', page)[1])
    assert list(data["cells"]) == ["elman", "lstm", "gru"]
    for cell in data["cells"].values():
        count = sum(a * b for a, b in cell["shapes"].values())
        for length, lesson in cell["lessons"].items():
            assert len(lesson["forward"]) == int(length)
            for mistakes, run in lesson["runs"].items():
                terms = [step["terms"] for step in run["back"]]
                total = [np.sum([t[name] for t in terms], axis=0) for name in cell["shapes"]]
                found = np.concat([np.ravel(each) for each in total])
                near = np.isclose(found, lesson["numeric"], rtol=1e-4, atol=1e-5)
                assert len(found) == len(run["ok"]) == count
                assert all(run["ok"]) == (mistakes == "")
                assert near[run["ok"]].all()
                assert (run["error"] < 1e-6) == (mistakes == "")
