"""Reads the names and signatures of an installed CuPy, without a GPU.

    python tests/cuda/read_cupy.py > tests/cuda/standin/cupy/signatures.txt
    python tests/cuda/read_cupy.py --compare   says what another version has changed

The first line has CuPy's version, and each other line one name: with its arguments, if CuPy
says them, and for a ufunc with the dtypes that it has loops for.
"""

import inspect
import os
import re
import subprocess
import sys
import types
from pathlib import Path

RECORD = Path(__file__).parent / "standin" / "cupy" / "signatures.txt"

CLASSES = ("ndarray", "RawKernel", "RawModule", "cuda.Device", "cuda.Stream", "cuda.Event")
BFLOAT16 = "E"
"""In loops that are there only where ml_dtypes is installed."""

MODULES = ("", "cuda.runtime", "cuda.driver", "cuda.nvrtc", "linalg")

DOCUMENTED = {
    "ndarray": "(shape, dtype=float, memptr=None, strides=None, order='C')",
    "RawKernel.__call__": "(grid, block, args, *, shared_mem=0)",
}
"""Arguments that stand in the text of CuPy's documentation alone."""


def read():
    """Return the lines for the CuPy that is installed."""
    import cupy

    lines = []
    for path in MODULES:
        lines += _members(cupy, path)
    for path in CLASSES:
        lines += [_line(path, _found(cupy, path)), *_members(cupy, path)]
    return [f"CuPy {cupy.__version__}", *sorted(set(lines))]


def _found(cupy, path):
    """Return what has a dotted name in CuPy."""
    found = cupy
    for name in filter(None, path.split(".")):
        found = getattr(found, name)
    return found


def _members(cupy, path):
    """Return a line for each public name of a module or a class."""
    owner, lines = _found(cupy, path), []
    names = [name for name in dir(owner) if not name.startswith("_")]
    for name in [*names, *(["__call__"] if path == "RawKernel" else [])]:
        value = getattr(owner, name)
        foreign = isinstance(value, types.ModuleType) or type(value).__name__ == "_Feature"
        number = path.startswith("cuda") and isinstance(value, int)
        if not foreign and not number:
            lines.append(_line(f"{path}.{name}".lstrip("."), value))
    return lines


def _line(path, value):
    """Return a name with what is known of it."""
    if isinstance(getattr(value, "types", None), list):
        loops = [loop for loop in value.types if BFLOAT16 not in loop]
        return f"{path}{_documented(value)} {' '.join(loops)}"
    arguments = DOCUMENTED.get(path) or _documented(value)
    if arguments is None and callable(value):
        arguments = _plain(value)
    if isinstance(value, type) and value.__module__.startswith("numpy"):
        arguments = None  # a dtype, whose arguments are NumPy's
    return f"{path}{arguments or ''}"


def _plain(value):
    """Return the arguments that Python knows, without annotations."""
    try:
        known = inspect.signature(value)
    except (TypeError, ValueError):
        return None
    bare = [p.replace(annotation=p.empty) for p in known.parameters.values()]
    text = str(inspect.Signature(bare))
    return re.sub(r"<class '(?:\w+\.)*(\w+)'>", r"\1", text)


def _documented(value):
    """Return the arguments in the first line of a docstring, as compiled functions have them."""
    first = (getattr(value, "__doc__", None) or "").partition("\n")[0].replace("\\", "")
    match = re.fullmatch(r"[\w.]+\((.*)\)( -> .*)?", first)
    if match is None:
        return None
    arguments = [_untyped(one) for one in match[1].split(", ") if one != "self"]
    return f"({', '.join(arguments)})"


def _untyped(argument):
    """Return an argument without the type that Cython gives it."""
    name, equals, default = argument.partition("=")
    return name.split(" ")[-1] + equals + default


def changes(recorded, found, names):
    """Return how the lines of some names differ."""
    before, after = ({_name(line): line for line in lines} for lines in (recorded, found))
    return [
        f"- {before[name]}\n+ {after.get(name, f'{name} is gone')}"
        for name in names
        if name in before and before[name] != after.get(name)
    ]


def _name(line):
    """Return the name that a line is about."""
    return re.match(r"[\w.]*", line)[0]


def compare():
    """Print what differs from the record; exit with 1 if the version is the same."""
    version, *recorded = RECORD.read_text(encoding="utf-8").splitlines()
    installed, *found = read()
    if installed == version:
        differing = changes(recorded, found, [_name(line) for line in recorded])
        new = sorted(set(map(_name, found)) - set(map(_name, recorded)))
        print(*differing, *(f"+ {name} is new" for name in new), sep="\n")
        print(f"{RECORD.name} is {'not ' if differing or new else ''}as {installed} has it")
        sys.exit(bool(differing or new))
    print(f"the stand-in has the arguments of {version}, and this is {installed}; of its names:")
    print(*changes(recorded, found, standing_in()) or ["nothing has changed"], sep="\n")


def standing_in():
    """Return the names that the stand-in has, asked in a process of its own."""
    program = (
        "import cupy; from cupy import _signatures as s; "
        "print(*(n for n in s.KNOWN if s.has(cupy, n)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "PYTHONPATH": str(RECORD.parents[1])},
        check=True,
        capture_output=True,
        text=True,
    )
    return done.stdout.split()


if __name__ == "__main__":
    if "--compare" in sys.argv:
        compare()
    else:
        print("\n".join(read()))
