"""No public name and no argument changes unseen: tests/project/public.txt lists them all."""

import importlib.util
from pathlib import Path

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
