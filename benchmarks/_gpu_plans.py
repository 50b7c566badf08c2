"""The plan and the kernels of every case of benchmarks/gpu.py, for a GPU that need not be there."""

import time

from _gpu_cases import CASES, CHECKED

from xprnn.kernels.cuda.case import Plans, loops
from xprnn.kernels.cuda.expressions import step
from xprnn.kernels.cuda.plan import Unplannable, candidates, needs
from xprnn.kernels.cuda.source import OPTIONS, program


def nvrtc_or_none():
    """Return NVIDIA's compiler where CuPy and its wheel are installed."""
    try:
        from cupy.cuda import nvrtc

        nvrtc.getVersion()
    except Exception:  # what is missing shows in many ways
        return None
    return nvrtc


def compiled(nvrtc, source, device):
    """Compile a program; return the seconds and the bytes of machine code."""
    start = time.perf_counter()
    made = nvrtc.createProgram(source.text, f"{source.name}.cu", [], [])
    try:
        options = [f"--gpu-architecture={device.architecture}", *OPTIONS, "-ftz=true"]  # as CuPy
        nvrtc.compileProgram(made, options)
        code = nvrtc.getCUBIN(made)
    finally:
        nvrtc.destroyProgram(made)
    return {"compile_seconds": time.perf_counter() - start, "cubin_bytes": len(code)}


def planned(case, dtype, device, nvrtc):
    """Return rows for a case: its plan and its kernel, or why there is none."""
    rows = []
    for name, given in zip(Plans._fields, loops(case.object, case.shapes, dtype), strict=True):
        row = {"case": str(case), "dtype": dtype, "loop": name}
        try:
            made = candidates(device, given)[0]
            source = program(step(case.object), given, made)
        except Unplannable as reason:
            rows.append({**row, "reason": str(reason)})
            continue
        row |= {**made._asdict(), **needs(given, made)._asdict()}
        row["source_lines"] = source.text.count("\n") + 1
        rows.append(row | (compiled(nvrtc, source, device) if nvrtc else {}))
    return rows


def run(device):
    """Return the rows of all cases that are measured or checked."""
    nvrtc = nvrtc_or_none()
    rows = [row for case in CASES for row in planned(case, "float32", device, nvrtc)]
    return rows + [row for case in CHECKED for row in planned(case, "float64", device, None)]
