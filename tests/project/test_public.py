"""What has no underscore is exported, documented and in ``__all__``, and does not change unseen.

The line between public and private is that of a room: the files inside it are its own.
"""

import ast
import importlib
import importlib.util
from pathlib import Path

import pytest

import xprnn

ROOT = Path(xprnn.__file__).parent
ROOMS = sorted({path.stem for path in ROOT.glob("[!_]*") if path.suffix in ("", ".py")})
INSIDE = {"forecasting/sktime.py"}
"""A public module inside a room: its class has the name of the room's, so it can't stand there."""

SPEC = importlib.util.spec_from_file_location("public", Path(__file__).parent / "public.py")
public = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(public)


def test_public_names_and_signatures_are_those_of_the_list():
    changed = public.difference()
    assert not changed, (
        f"{changed}\nif that is meant: python tests/project/public.py --write, and a line in "
        "CHANGELOG.md"
    )


def test_a_changed_argument_shows(monkeypatch):
    before = public.lines()
    monkeypatch.setattr(public, "signature", lambda value: "(other)")
    assert public.lines() != before
    assert public.difference()


def names_of(room):
    """Return the names without an underscore that the door of a room defines.

    Those that it imports are used there or exported: ruff sees to it (F401).
    """
    path = ROOT / f"{room}.py"
    body = ast.parse((path if path.exists() else ROOT / room / "__init__.py").read_text()).body
    names = []
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            names.append(node.name)
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            names += [
                n.id for n in ast.walk(node) if isinstance(getattr(n, "ctx", None), ast.Store)
            ]
    return {name for name in names if not name.startswith("_")}


def test_the_rooms_without_an_underscore_are_exported_and_in_the_reference():
    exported = {name for name in xprnn.__all__ if (ROOT / name).exists()}
    exported |= {name for name in xprnn.__all__ if (ROOT / f"{name}.py").exists()}
    documented = {name.removeprefix("xprnn.") for name in public.modules()} - {"xprnn"}
    assert len(ROOMS) > 20
    assert exported == documented == set(ROOMS)


@pytest.mark.parametrize("room", ROOMS)
def test_the_names_without_an_underscore_are_exported_and_say_what_they_are(room):
    module = importlib.import_module(f"xprnn.{room}")
    assert module.__doc__
    assert names_of(room) - set(module.__all__) == set()
    assert len(module.__all__) == len(set(module.__all__))
    for name in module.__all__:
        if callable(thing := getattr(module, name)):
            assert thing.__doc__, f"xprnn.{room}.{name} has no docstring"


def test_only_the_door_of_a_room_exports():
    doors = set(ROOT.rglob("__init__.py")) | {ROOT / f"{room}.py" for room in ROOMS}
    doors |= {ROOT / file for file in INSIDE}
    inside = [path for path in ROOT.rglob("*.py") if path not in doors]
    assert len(inside) > 100
    assert [path for path in inside if "\n__all__ =" in path.read_text()] == []
