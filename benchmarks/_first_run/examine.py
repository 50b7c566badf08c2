"""Looks at the machine for a first run: its devices, kernels on it, an exchange, the demo.

Each part prints what `_first_run/steps.py` expects of it.
"""

import argparse
import importlib.util
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import traceback
from datetime import UTC, datetime
from pathlib import Path

NEEDED = ("numpy", "cupy", "array_api_compat", "pytest", "hypothesis")
USED = ("xdist", "pytest_timeout", "array_api_strict", "matplotlib", "torch")

CASES = (
    ("elman", 200, 1, 64, 1), ("elman", 200, 1, 1024, 1), ("elman", 100, 256, 128, 1),
    ("elman", 200, 1, 64, 64), ("lstm", 512, 32, 512, 1), ("gru", 200, 1, 512, 1),
)  # fmt: skip
SMALL = (("elman", 3, 1, 5, 1), ("lstm", 3, 2, 4, 2))
"""Cell, T, B, H and models."""

LARGEST = 1e-12
"""By which an exchange in float64 may differ from the reference."""


def devices(options):
    """Print the devices and the versions as `name: value`; fail if CuPy does not compute."""
    print(f"date: {datetime.now(UTC).isoformat(timespec='seconds')}")
    print(f"Python: {platform.python_version()}, {os.cpu_count()} cores, {platform.platform()}")
    print(f"commit: {commit()}")
    missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    absent = [name for name in USED if importlib.util.find_spec(name) is None]
    print(f"not installed: {', '.join([*missing, *absent]) or 'nothing that is used'}")
    if missing:
        print(f"nothing can be run without {' and '.join(missing)}: see --carry and --wheels")
        return 1
    print(f"nvidia-smi: {nvidia_smi()}")
    import cupy
    import numpy as np

    print(f"NumPy: {np.__version__}")
    runtime, found = cupy.cuda.runtime, cupy.cuda.runtime.getDeviceProperties(0)
    name = found["name"].decode() if isinstance(found["name"], bytes) else found["name"]
    print(
        f"device: {name}, compute capability {found['major']}.{found['minor']}, "
        f"{found['multiProcessorCount']} multiprocessors"
    )
    versions = runtime.driverGetVersion(), runtime.runtimeGetVersion()
    nvrtc = ".".join(map(str, cupy.cuda.nvrtc.getVersion()))
    print(f"CuPy: {cupy.__version__}, CUDA {versions[1]}, driver for {versions[0]}, NVRTC {nvrtc}")
    print(f"torch: {torch()}")
    from xprnn.backend import status

    print(f"xprnn: {status('cupy')}")
    total = int(cupy.sum(cupy.arange(1000)))
    print(f"it computes: {'yes' if total == 499500 else f'no, 0 + … + 999 is {total}'}")
    return 0


def commit():
    """Return git's commit with a + for changes, or that there is none."""
    git = ["git", "-C", str(Path(__file__).parent)]
    try:
        head, changed = (
            subprocess.run([*git, *rest], capture_output=True, text=True, check=True).stdout.strip()
            for rest in (["rev-parse", "--short=12", "HEAD"], ["status", "--porcelain", "-uno"])
        )
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return head + ("+" if changed else "")


def nvidia_smi():
    """Return what nvidia-smi says of the first device, or that there is none."""
    if shutil.which("nvidia-smi") is None:
        return "there is none"
    asked = "--query-gpu=name,driver_version,memory.total,clocks.max.sm,power.limit"
    done = subprocess.run(
        ["nvidia-smi", asked, "--format=csv,noheader"], capture_output=True, text=True, check=False
    )
    return (done.stdout.strip() or done.stderr.strip()).replace("\n", "; ")


def torch():
    """Return torch's versions; it is compared with and not needed."""
    if importlib.util.find_spec("torch") is None:
        return "not installed"
    import torch

    cuda = torch.cuda.is_available()
    return (
        f"{torch.__version__}, CUDA {torch.version.cuda}, cuDNN {torch.backends.cudnn.version()}"
        + ("" if cuda else ", without a device")
    )


def explain(options):
    """Print how cases run on this device; fail if one has no launch."""
    from xprnn import kernels

    cases, launched = SMALL if options.dry_run else CASES, 0
    for cell, steps, batch, size, models in cases:
        said = kernels.explain(
            cell, steps=steps, batch=batch, hidden_size=size, models=models, backend="cupy"
        )
        print(said, flush=True)
        launched += "\ncuda: one launch on " in said
    print(f"one launch: {launched} of {len(cases)} cases")
    return int(launched < len(cases))


def exchange(options):
    """Hold a layer on two blocks to the reference, forward and backward, in float64."""
    import cupy

    from xprnn.backend import resolve
    from xprnn.cells import GRU, LSTM, Elman
    from xprnn.kernels.cuda.fused import Fused
    from xprnn.kernels.cuda.launcher import CuPy
    from xprnn.kernels.cuda.plan import Plan
    from xprnn.kernels.proof import measure_difference
    from xprnn.recurrence import Unroll

    if not options.dry_run:
        cupy.cuda.set_allocator(None)  # each array by itself, so that memcheck sees its bounds
    fused = Fused(CuPy(), lambda device, loop: Plan(1, 2, 2, 32))
    unroll, place, found = Unroll(fused.unroll, fused.unroll_backward), resolve("cupy"), []
    with place.active():
        for cell in (Elman(), LSTM(), GRU()):
            found.append(measure_difference(unroll, cell, 5, 3, "float64", xp=place.xp))
            print(f"{cell}: {found[-1]:.1e} from the reference", flush=True)
    if not max(found) <= LARGEST:
        print(f"a result is more than {LARGEST:g} from the reference")
        return 1
    print(f"exchanged between 2 blocks: {len(found)} cells, forward and backward")
    return 0


def demo(options):
    """Run the demonstration on CuPy, in a dry run two epochs of it, and keep a picture."""
    from xprnn.__main__ import main
    from xprnn._cli import demo

    if options.dry_run:
        fit = demo.fit
        demo.fit = lambda *data, **more: fit(*data, **{**more, "epochs": 2})
    with tempfile.TemporaryDirectory() as folder:
        status = main(["demo", "--backend", "cupy", "--output", folder])
        kept = options.output / "gpu-demo.png"
        shutil.copyfile(Path(folder, "sunspots.png"), kept)
    print(f"kept {kept}")
    return status


PARTS = {part.__name__: part for part in (devices, explain, exchange, demo)}


def main():
    """Run one part."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("part", choices=PARTS)
    parser.add_argument("output", type=Path)
    parser.add_argument("--dry-run", action="store_true")
    options = parser.parse_args()
    try:
        return PARTS[options.part](options)
    except Exception as error:  # its last line is what the verdicts show
        traceback.print_exc()
        print(f"{type(error).__name__}: {' '.join(str(error).split())}"[:300])
        return 1


if __name__ == "__main__":
    sys.exit(main())
