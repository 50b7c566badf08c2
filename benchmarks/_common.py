"""What the benchmark scripts share: the machine they ran on, tables, files, pictures."""

import argparse
import hashlib
import json
import math
import os
import platform
import statistics
import subprocess
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np

import xprnn
from xprnn.serialization.atomic import write_atomically

RESULTS = Path(__file__).parent / "results"
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def parser(description: str | None) -> argparse.ArgumentParser:
    """Return a parser that shows a module's docstring and knows --quick."""
    made = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    made.add_argument("--quick", action="store_true", help="a smoke test of some seconds")
    return made


def add_output(made: argparse.ArgumentParser) -> None:
    """Add --output."""
    made.add_argument(
        "--output",
        type=Path,
        default=RESULTS,
        metavar="DIR",
        help="folder for the .json and the .png (default: benchmarks/results)",
    )


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table with the first column to the left and the others to the right."""
    columns = list(zip(head, *rows, strict=True))
    widths = [max(map(len, column)) for column in columns]

    def line(cells: Sequence[str]) -> str:
        first, *others = (cell.ljust(w) for cell, w in zip(cells, widths, strict=True))
        right = [cell.strip().rjust(w) for cell, w in zip(others, widths[1:], strict=True)]
        return "  ".join([first, *right]).rstrip()

    return "\n".join([line(head), line(["-" * w for w in widths]), *map(line, rows)])


def spread(values: Sequence[float]) -> dict[str, float]:
    """Return the median and the 10 % and 90 % quantiles."""
    low, high = np.quantile(values, [0.1, 0.9])
    return {"median": statistics.median(values), "low": float(low), "high": float(high)}


def machine() -> dict[str, Any]:
    """Return what a time depends on: versions, processor, threads, the code's commit."""
    blas = np.show_config(mode="dicts")["Build Dependencies"]["blas"]
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "platform": platform.platform(),
        "cpu": _cpu(),
        "cores": len(os.sched_getaffinity(0))
        if hasattr(os, "sched_getaffinity")
        else os.cpu_count(),
        "threads": {name: os.environ.get(name) for name in THREADS},
        "python": platform.python_version(),
        "numpy": np.__version__,
        "blas": f"{blas['name']} {blas['version']}",
        "array_api_compat": _version("array-api-compat"),
        "xprnn": xprnn.__version__,
        "commit": _commit(),
    }


def _cpu() -> str:
    """Return the processor's name."""
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _version(name: str) -> str | None:
    """Return the version of an installed package."""
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _commit() -> str | None:
    """Return the commit of the library, with a + if its files were changed since."""
    git = ["git", "-C", str(Path(__file__).parent.parent)]
    try:
        head = subprocess.run(
            [*git, "rev-parse", "--short=12", "HEAD"], capture_output=True, text=True, check=True
        )
        changed = subprocess.run(
            [*git, "status", "--porcelain", "--", "xprnn"],
            capture_output=True,
            text=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return head.stdout.strip() + ("+" if changed.stdout.strip() else "")


def code(*scripts: str) -> str:
    """Return a digest of the library and of the benchmarks whose names match.

    Unlike a commit it has no need of git, and sees what is not committed.
    """
    library, here = Path(xprnn.__file__).parent, Path(__file__).parent
    paths = [p for p in library.rglob("*") if p.suffix in (".py", ".cu", ".c", ".h")]
    for pattern in ("_common.py", "_parts.py", *scripts):
        paths += here.glob(pattern)
    digest = hashlib.sha256()
    for path in sorted(paths):
        digest.update(f"{path.name}\0".encode() + path.read_bytes())
    return digest.hexdigest()[:16]


def said(error: Exception) -> str:
    """Return the kind of an error and the first line of its message."""
    lines = str(error).strip().splitlines() or [""]
    return f"{type(error).__name__}: {lines[0][:300]}"


def tf32(environment: Mapping[str, str] = os.environ) -> bool:
    """Return whether CuPy makes products of float32 arrays in TF32."""
    allowed = environment.get("NVIDIA_TF32_OVERRIDE") != "0"
    return allowed and int(environment.get("CUPY_TF32") or 0) > 0


def write(folder: Path, name: str, content: dict[str, Any]) -> None:
    """Write a JSON file with one innermost list on a line, and say so."""
    put(folder / f"{name}.json", content)
    print(f"wrote {folder / name}.json")


def put(path: Path, content: dict[str, Any]) -> None:
    """Put a JSON file in its place when it is whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with write_atomically(path) as file:
        file.write((_json(plain(content), "") + "\n").encode())


def plain(value: Any) -> Any:
    """Return a value as JSON gives it back: names are strings, and so is what is no number."""
    if isinstance(value, dict):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [plain(v) for v in value]
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value


def _json(value: Any, indent: str) -> str:
    """Return JSON that is indented, but for lists of numbers."""
    inner = indent + "  "
    if isinstance(value, dict) and value:
        items = [f"{inner}{json.dumps(str(k))}: {_json(v, inner)}" for k, v in value.items()]
        return "{\n" + ",\n".join(items) + f"\n{indent}}}"
    if isinstance(value, list) and any(isinstance(v, dict | list) for v in value):
        return "[\n" + ",\n".join(inner + _json(v, inner) for v in value) + f"\n{indent}]"
    return json.dumps(value)


def save(figure: Any, folder: Path, name: str) -> None:
    """Save a matplotlib figure as PNG and say so."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.png"
    figure.savefig(path, dpi=150)
    print(f"wrote {path}")


def canvas(width: float, height: float, rows: int = 1, columns: int = 1, **options: Any) -> Any:
    """Return a matplotlib figure and its axes, drawn without a screen."""
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(
        rows, columns, figsize=(width, height), layout="constrained", **options
    )
    for axis in np.ravel(axes):
        axis.spines[["top", "right"]].set_visible(False)
    return figure, axes
