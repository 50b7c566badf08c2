"""Some of the files that ``nox -s fuzz`` draws by the thousand."""

import importlib.util
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[1] / "fuzz" / "csv_files.py"


@pytest.fixture(scope="module")
def grammar():
    spec = importlib.util.spec_from_file_location("csv_files", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    sys.modules["csv_files"] = module  # its dataclass looks for it there
    spec.loader.exec_module(module)
    yield module
    del sys.modules["csv_files"]


def test_each_file_is_read_rightly_or_refused(grammar):
    counts, wrong = grammar.run(60, seed=0)
    assert not wrong, "\n".join(f"seed {seed}: {why}" for seed, why in wrong.items())
    assert min(counts["all"]["right"], counts["all"]["refused"]) > 10


def test_a_wrong_outcome_is_seen(grammar, monkeypatch, capsys):
    """Times one step too late, files that are refused for nothing, crashes."""
    monkeypatch.setattr(sys, "argv", ["csv_files.py", "--count", "20"])
    main = grammar.main

    def late(arguments):
        return main([*arguments[:2], "--rows", *arguments[2:]])

    def crash(arguments):
        raise IndexError(arguments)

    for other in (late, lambda arguments: 2, lambda arguments: 0, crash):
        monkeypatch.setattr(grammar, "main", other)
        assert grammar.command_line() == 1
        assert "seed 0" in capsys.readouterr().out or other is late
    monkeypatch.setattr(grammar, "main", main)
    assert grammar.command_line() == 0
