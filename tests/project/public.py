"""All public names and how they are called, as text: a change of them shows in a diff.

python tests/project/public.py          compare with public.txt
python tests/project/public.py --write  write it anew
"""

import dataclasses
import difflib
import importlib
import inspect
import re
import sys
from pathlib import Path

FOLDER = Path(__file__).parent
TEXT = FOLDER / "public.txt"
PAGE = FOLDER.parents[1] / "docs" / "api.rst"


def modules():
    """Return the names of the public modules, those that the reference lists."""
    return re.findall(r"^   (xprnn[.\w]*)$", PAGE.read_text(encoding="utf-8"), re.M)


def signature(value):
    """Return how a value is called; nothing if that can't be told."""
    try:
        found = inspect.signature(value)
    except (TypeError, ValueError):
        return ""
    bare = [p.replace(annotation=p.empty) for p in found.parameters.values()]
    text = str(found.replace(parameters=bare, return_annotation=found.empty))
    return re.sub(r" at 0x[0-9a-f]+", "", text)


def members(kind):
    """Yield the public methods, properties and fields of a class, its own and inherited ones."""
    fields = {f.name for f in dataclasses.fields(kind)} if dataclasses.is_dataclass(kind) else set()
    fields |= set(getattr(kind, "_fields", ()))
    for name in sorted(fields | {n for n in dir(kind) if not n.startswith("_")}):
        value = inspect.getattr_static(kind, name, None)
        if name in fields or isinstance(value, property):
            yield name
        elif callable(getattr(kind, name)) and _ours(value):
            yield name + signature(getattr(kind, name))


def _ours(value):
    """Whether a method is defined in xprnn, not in a library that a class inherits from."""
    return getattr(value, "__module__", "").startswith("xprnn")


def lines():
    """Return a line for every public name."""
    found = []
    for module in modules():
        room = importlib.import_module(module)
        for name in sorted(room.__all__):
            value = getattr(room, name)
            full = f"{module}.{name}"
            if inspect.ismodule(value):
                found.append(full)
            elif inspect.isclass(value):
                found.append(full + signature(value))
                found += [f"{full}.{member}" for member in members(value)]
            elif callable(value):
                found.append(full + signature(value))
            else:
                found.append(f"{full}: {type(value).__name__}")
    return found


def difference():
    """Return what changed since the text was written, as a diff; empty if nothing did."""
    before = TEXT.read_text(encoding="utf-8").splitlines()
    return "\n".join(difflib.unified_diff(before, lines(), "public.txt", "now", lineterm="", n=0))


if __name__ == "__main__":
    if "--write" in sys.argv:
        TEXT.write_text("\n".join(lines()) + "\n", encoding="utf-8")
    sys.exit(difference() or None)
