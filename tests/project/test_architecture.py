"""The shape of the house: the list of modules, the order of imports, where libraries are named."""

import ast
import io
import itertools
import re
import subprocess
import sys
import tokenize
from pathlib import Path

import pytest

import xprnn

ROOT = Path(xprnn.__file__).parent

ORDER = [
    "_version", "_typing", "tree", "errors", "_fields", "_html", "_keywords",
    "backend", "_noise", "_ops",
    "activations", "initializers", "losses", "schedules", "optimizers", "penalties",
    "cells", "recurrence", "kernels", "layers", "gradients",
    "_sequences", "_record", "metrics",
    "serialization", "_layouts", "interop", "onnx", "_model", "callbacks", "training",
    "plotting", "testing", "datasets", "baselines", "estimators", "forecasting", "_explorer",
    "_cli", "__main__",
]  # fmt: skip
"""A module imports from those before it only. After `training`: the edges."""

EDGES = ORDER[ORDER.index("training") + 1 :]
LIBRARIES = {
    "numpy": {"backend", "kernels", "serialization", "_layouts", "interop", "onnx", *EDGES},
    "cupy": {"backend", "kernels"},
    "torch": {"backend"},
    "array_api_strict": {"backend"},
    "matplotlib": {"plotting"},
    "PIL": {"plotting"},
    "IPython": {"plotting"},
    "threadpoolctl": {"kernels"},
    "hypothesis": {"testing"},
    "tqdm": {"callbacks"},
    "pandas": {"forecasting", "_cli"},
    "safetensors": {"serialization"},
    "sklearn": {"estimators"},
    "sktime": {"forecasting"},
    "onnx": {"onnx"},
    "google": {"onnx"},
}
OPTIONAL = set(LIBRARIES) - {"numpy"}
SUBCLASSED = {("estimators", "sklearn")}
"""Its files are imported when a class of theirs is asked for: they name the library at once."""


def modules():
    """Return the files of every module, a file or a folder, by its name in ORDER."""
    found = {}
    for path in ROOT.rglob("*.py"):
        if path != ROOT / "__init__.py":
            name = path.relative_to(ROOT).with_suffix("").parts[0]
            found.setdefault(name, []).append(path)
    return found


def imports(name):
    """Yield the imports of all files of a module."""
    for path in modules()[name]:
        for library, inner, early in _imports(path):
            if (library, inner) != ("xprnn", name):  # a folder's files import one another
                yield library, inner, early


def _imports(path):
    """Yield the library, the module of xprnn or None, and whether at module level, of imports."""
    module = ast.parse(path.read_text())
    top = set(ast.walk(ast.Module([n for n in module.body if not _for_types(n)], [])))
    functions = {n for f in ast.walk(module) if isinstance(f, ast.FunctionDef) for n in ast.walk(f)}
    for node in ast.walk(module):
        early = node in top and node not in functions
        if isinstance(node, ast.Import):
            for alias in node.names:
                library, *rest = alias.name.split(".")
                yield library, (rest or [None])[0], early
        elif isinstance(node, ast.ImportFrom):
            library, *rest = (node.module or "").split(".")
            assert node.level == 0, f"{path}: relative import"
            if library == "xprnn" and not rest:
                for alias in node.names:
                    yield library, alias.name, early
            else:
                yield library, (rest or [None])[0], early


def _for_types(node):
    """Whether a statement is ``if TYPE_CHECKING:``."""
    return isinstance(node, ast.If) and getattr(node.test, "id", None) == "TYPE_CHECKING"


def _imported_files(path):
    """Return the files of xprnn that a file imports, at once or later, but not for types alone."""
    names, waiting = [], [ast.parse(path.read_text(encoding="utf-8"))]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names += [f"{node.module}.{alias.name}" for alias in node.names]
        elif not isinstance(node, ast.expr) and not _for_types(node):
            waiting.extend(ast.iter_child_nodes(node))
    files = (_file(name.split(".")[1:]) for name in names if name.split(".")[0] == "xprnn")
    return {file for file in files if file not in (None, path)}


def _file(parts):
    """Return the file that has what is imported, by the parts of its name below xprnn."""
    for count in range(len(parts), 0, -1):
        place = ROOT.joinpath(*parts[:count])
        for file in (place.with_suffix(".py"), place / "__init__.py"):
            if file.exists():
                return file
    return None


def _reachable(start, arrows):
    """Return the files that are imported from a file, directly or by way of others."""
    seen, waiting = set(), [start]
    while waiting:
        new = arrows[waiting.pop()] - seen
        seen |= new
        waiting.extend(new)
    return seen


def test_no_files_import_one_another():
    """In a circle no file can be read, or tested, without all the others."""
    arrows = {path: _imported_files(path) for path in ROOT.rglob("*.py")}
    reachable = {path: _reachable(path, arrows) for path in arrows}
    assert len(reachable[ROOT / "training" / "fit.py"]) > 50, "the imports were not found"
    circles = [
        {other.relative_to(ROOT).as_posix() for other in after if path in reachable[other]}
        for path, after in reachable.items()
        if path in after
    ]
    assert circles == []


def test_the_list_of_modules():
    assert sorted(modules()) == sorted(ORDER)


def test_the_picture_has_every_module_in_order():
    """Each in its layer, and the layers of the page from the ground up."""
    page = (ROOT.parent / "docs" / "architecture.md").read_text(encoding="utf-8")
    picture = page.split("```text\n")[1].split("```")[0]
    layers = [re.findall(r"\w+", text) for text in re.split(r"\n [─┴]+\n", picture)]
    layers = [[word for word in words[1:] if word in ORDER] for words in reversed(layers)]
    assert sorted(itertools.chain(*layers)) == sorted(ORDER)
    for below, above in itertools.pairwise(layers):
        assert max(map(ORDER.index, below)) < min(map(ORDER.index, above)), (below, above)


@pytest.mark.parametrize("name", ORDER)
def test_imports_go_one_way(name):
    before = ORDER[: ORDER.index(name)]
    for library, inner, early in imports(name):
        if library == "xprnn" and early:
            assert inner in before, f"{name} imports xprnn.{inner}, which stands after it"


@pytest.mark.parametrize("name", ORDER)
def test_libraries_are_named_where_they_may_be(name):
    for library, _, early in imports(name):
        if library in LIBRARIES:
            assert name in LIBRARIES[library], f"{name} names {library}"
        if library in OPTIONAL and (name, library) not in SUBCLASSED:
            assert not early, f"{name} imports {library} before it is needed"


@pytest.mark.parametrize("name", ORDER)
def test_only_known_libraries_are_imported(name):
    known = {*sys.stdlib_module_names, *LIBRARIES, "xprnn", "array_api_compat"}
    assert {library for library, _, _ in imports(name)} <= known


MANY = {"forecasting/sktime.py"}
"""Its signature is one that sktime's own checks accept."""


def by_position(path):
    """Yield the functions and calls of a file that take more than six arguments by position."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef):
            taken = [a.arg for a in (*node.args.posonlyargs, *node.args.args)]
            if len([name for name in taken if name not in ("self", "cls")]) > 6:
                yield node.name
        elif isinstance(node, ast.Call) and len(node.args) > 6:
            yield ast.unparse(node.func)


@pytest.mark.parametrize("name", ORDER)
def test_nobody_counts_beyond_six(name):
    """What has more arguments takes them by name."""
    for path in modules()[name]:
        if path.relative_to(ROOT).as_posix() not in MANY:
            assert not list(by_position(path)), path


CORE = ("_ops", "cells", "recurrence", "layers", "losses", "optimizers")
CEILING = 1845
"""A little more lines of code than the core has."""


def lines_of_code(path):
    """Return how many lines of a file are neither blank nor of a comment or a docstring."""
    source = path.read_text(encoding="utf-8")
    texts = {
        line
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        for line in range(node.lineno, node.end_lineno + 1)
    }
    layout = {
        getattr(tokenize, kind)
        for kind in ("COMMENT", "NL", "NEWLINE", "INDENT", "DEDENT", "ENDMARKER")
    }
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    used = (range(t.start[0], t.end[0] + 1) for t in tokens if t.type not in layout)
    return len({line for lines in used for line in lines} - texts)


def test_the_core_stays_small():
    """So that it can be read in an evening."""
    counts = {name: sum(map(lines_of_code, modules()[name])) for name in CORE}
    assert sum(counts.values()) <= CEILING, counts


def test_import_brings_no_optional_library():
    """And all that is public can be reached from it, such as ``xprnn.plotting.fit``."""
    code = (
        "import sys; before = set(sys.modules); import xprnn; "
        "[getattr(xprnn, name) for name in xprnn.__all__]; xprnn.plotting.fit; "
        "print(*{m.split('.')[0] for m in set(sys.modules) - before})"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(run.stdout.split())
    assert "xprnn" in loaded
    assert not loaded & OPTIONAL, loaded & OPTIONAL


def test_what_type_checkers_see_is_what_there_is():
    """The imports for them in ``xprnn/__init__.py`` name all that is public, and nothing else."""
    tree = ast.parse((ROOT / "__init__.py").read_text(encoding="utf-8"))
    (block,) = (node for node in tree.body if isinstance(node, ast.If))
    seen = {}
    exec(compile(ast.Module(block.body, []), "xprnn/__init__.py", "exec"), seen)
    seen = {name: value for name, value in seen.items() if name != "__builtins__"}
    assert seen.keys() | {"__version__"} == set(xprnn.__all__) == set(dir(xprnn))
    assert len(xprnn.__all__) == len(set(xprnn.__all__))
    for name, value in seen.items():
        assert getattr(xprnn, name) is value, name


def test_what_is_not_asked_for_is_not_imported():
    """`import xprnn` is quick: what a name needs comes when it is asked for."""
    code = (
        "import sys, xprnn; print(*sorted(m for m in sys.modules if m.startswith('xprnn.')));"
        "xprnn.metrics; print('xprnn.training' in sys.modules); xprnn.fit; "
        "print('xprnn.training' in sys.modules)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.splitlines() == ["xprnn._version", "False", "True"]


def test_no_array_hangs_on_a_layer_or_an_optimizer():
    """Behaviour is frozen; arrays travel in trees."""
    import dataclasses

    from xprnn import activations, cells, initializers, layers, losses, optimizers

    for module in (activations, cells, initializers, layers, losses, optimizers):
        for name in module.__all__:
            thing = getattr(module, name)
            if dataclasses.is_dataclass(thing):
                assert thing.__dataclass_params__.frozen, f"{name} is not frozen"
