"""Wheels for a machine without a package index: download them, install what is missing."""

import importlib.metadata
import re
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CARRIED = ("array-api-compat", "array-api-strict")
"""What a machine with CuPy, torch and pytest lacks; sybil and nox are not needed there."""

PYTHON = "3.12"
LARGEST = 64
"""MiB of the working tree and the wheels together."""


def requirements():
    """Return the requirements of pyproject.toml that are carried."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    listed = [*project["dependencies"], *project["optional-dependencies"]["test"]]
    named = {re.split(r"[^\w-]", line)[0]: line for line in listed}
    return [named[name] for name in CARRIED]


def carry(folder):
    """Download the wheels, which must be pure Python, and say how large everything is."""
    done = subprocess.run(
        [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:",
         "--python-version", PYTHON, "--implementation", "py", "--abi", "none",
         "--platform", "any", "--dest", str(folder), *requirements()],
        check=False,
    )  # fmt: skip
    if done.returncode != 0:
        print("the wheels could not be downloaded", file=sys.stderr)
        return 1
    wheels = sorted(folder.glob("*.whl"))
    for path in wheels:
        print(f"{path.stat().st_size / 2**20:8.2f} MiB  {path.name}")
    own, carried = (sum(p.stat().st_size for p in paths) / 2**20 for paths in (tree(), wheels))
    print(f"{own:8.2f} MiB  the working tree")
    print(f"{own + carried:8.2f} MiB  together, of at most {LARGEST}")
    return int(own + carried > LARGEST)


def tree():
    """Return the files of the working tree that git does not ignore."""
    listed = subprocess.run(
        ["git", "-C", str(ROOT), "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        capture_output=True, check=True,
    ).stdout.decode()  # fmt: skip
    paths = (ROOT / name for name in listed.split("\0") if name)
    return [path for path in paths if path.is_file()]


def install(wheels, folder):
    """Install into a folder what is missing of the wheels; return a line that says it.

    Raises ValueError if pip refuses.
    """
    folder.mkdir()
    if wheels is None:
        return "wheels: none were given"
    missing = [path for path in sorted(wheels.glob("*.whl")) if not _installed(path)]
    if not missing:
        return f"wheels: nothing of {wheels} is missing"
    done = subprocess.run(
        [sys.executable, "-m", "pip", "install", "--no-index", "--no-deps", "--quiet",
         "--disable-pip-version-check", "--no-cache-dir", "--target", str(folder),
         *map(str, missing)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode != 0:
        raise ValueError(f"--wheels: pip did not install them: {done.stderr.strip()}")
    return f"wheels: installed for this call: {', '.join(path.name for path in missing)}"


def _installed(wheel):
    """Whether the distribution of a wheel is there, in whatever version."""
    try:
        importlib.metadata.version(wheel.name.partition("-")[0])
    except importlib.metadata.PackageNotFoundError:
        return False
    return True
