"""How large an installation is: the megabytes that pip adds to a fresh environment.

python benchmarks/sizes.py          each extra by itself, some minutes
"""

import subprocess
import sys
import tempfile
import venv
from pathlib import Path

from _common import RESULTS, table

ROOT = Path(__file__).parents[1]
EXTRAS = ("", "plot,progress", "threads", "compiled", "onnx", "sklearn", "test")


def measure(folder):
    """Return the megabytes of a folder."""
    files = (path for path in Path(folder).rglob("*") if path.is_file() and not path.is_symlink())
    return sum(path.stat().st_size for path in files) / 1e6


def install(extra):
    """Return the megabytes of the project with an extra."""
    with tempfile.TemporaryDirectory() as folder:
        venv.create(folder, with_pip=True)
        python = Path(folder, "Scripts" if sys.platform == "win32" else "bin", "python")
        before = measure(folder)
        what = f"{ROOT}[{extra}]" if extra else str(ROOT)
        subprocess.run([python, "-m", "pip", "install", "--quiet", what], check=True)
        return measure(folder) - before


if __name__ == "__main__":
    lines = [[extra or "none", f"{install(extra):.0f}"] for extra in EXTRAS]
    text = f"Python {sys.version.split()[0]}, {sys.platform}\n\n" + table(("extra", "MB"), lines)
    (RESULTS / "sizes.txt").write_text(text + "\n", encoding="utf-8")
    print(text)
