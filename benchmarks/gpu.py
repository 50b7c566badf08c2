"""The recurrence on one GPU: is it right, and how fast, against torch over cuDNN.

    python benchmarks/gpu.py               what fits into eight minutes
    python benchmarks/gpu.py --dry-run     the same without a GPU, with times that mean nothing

First the results of every cell are held to the reference, in float64, in float32 and for a
thousand repetitions; a cell of which one is wrong is not timed. Then come the cases: xprnn,
plain CuPy (recurrence.py itself), and torch.nn.RNN, LSTM and GRU with the same weights, in
float32 without and with TF32, in bfloat16 and float16, called as they are and as CUDA graphs;
whole trainings; the ceilings of the device, what a launch and an exchange between blocks
cost, and where the time goes. Sides take turns. A time is that of the wall clock with the
device idle before and after, after ten calls that don't count, and the median of thirty.

After each of these parts gpu.json is written anew; it says which are not there yet. A part
begins only if there is time for it. Run again with the same --output it goes on where it
stopped, on the same device, driver, versions and code. The exit code is 1 if something is
wrong or failed, and 0 if parts are missing because there was no time.

A dry run goes through all of this with small sizes and a clock that only counts, on what
stands in for CuPy in tests/cuda, where g++ compiles the kernels; torch computes on the CPU.
"""

import functools
import itertools
import os
import sys
import tempfile
import time
from pathlib import Path

import _gpu.checks
import _gpu.fit
import _gpu.ground
import _gpu.micro
import _gpu.plans
import _gpu.report
from _common import add_output, code, machine, parser, said
from _gpu.cases import CASES, FORWARD, LENGTHS, OURS_IN, PRECISIONS, SMALL, STEP, TARGETS, Case
from _gpu.measure import by_turns, line
from _gpu.sides import LARGEST, Side, check_torch, no_torch, parts, sides
from _parts import Part, Run, say

from xprnn.backend import status
from xprnn.kernels.cuda.device import KNOWN

MINUTES = 8.0
DRY = "A DRY RUN: no GPU was used, and no time here means anything"


def measure_case(ground, case, **how):
    """Return the rows of a case, why sides are missing, and how far torch's output is."""
    found = {"loads": [], "rows": [], "missing": {}}
    if ground.obstacle(case, "float32") is None:
        found["loads"] = ground.loads(case, "float32")
    precisions = PRECISIONS
    if no_torch(ground, "float32") is None:
        try:
            apart = found["torch_apart"] = check_torch(ground, case)
            if not apart <= LARGEST:
                precisions = ()
                found["wrong"] = f"torch's output is {apart:.1e} from ours, not {LARGEST:g}"
        except Exception as error:  # of torch, which has its rows or none
            precisions, found["missing"] = (), {f"{case}: torch": f"FAILED: {said(error)}"}
    for which in (FORWARD, STEP):
        every, missing = sides(ground, case, which, precisions)
        rows, failed = by_turns(ground, every, **how)
        found["rows"] += [
            {"case": str(case), "pass": which, "side": name, **row} for name, row in rows.items()
        ]
        for name, why in missing.items():
            found["missing"][f"{case}: {name}"] = why
        for name, why in failed.items():
            found["missing"][f"{case}, {which}: {name}"] = why
    return found


def measure_lines(ground, case, which, lengths, **how):
    """Return what a step and what a call costs, of xprnn and torch in strict float32."""
    taken, where, missing = {}, f"{case.cell}, B={case.B}, H={case.H}", {}
    for steps in lengths:
        one = Case(case.cell, steps, case.B, case.H, case.models)
        rows, failed = by_turns(ground, sides(ground, one, which, ("float32",))[0], **how)
        missing |= {f"{one}, {which}: {name}": why for name, why in failed.items()}
        for name, row in rows.items():
            taken.setdefault(name, []).append(row["ms"]["median"])
    rows = [
        {"case": where, "pass": which, "side": name, "T": list(lengths), "ms": values,
         **line(lengths, values)}
        for name, values in taken.items() if len(values) == len(lengths)
    ]  # fmt: skip
    return {"rows": rows, "missing": missing}


def measure_parts(ground, case, **how):
    """Return the times of our sequential parts alone."""
    if reason := ground.obstacle(case, "float32"):
        return {"rows": [], "missing": {f"{case}, its parts": reason}}
    calls = parts(ground, case, "float32", ground.unroll())
    rows, failed = by_turns(ground, {name: Side(call) for name, call in calls.items()}, **how)
    return {
        "rows": [
            {"case": str(case), "side": f"{name}, {OURS_IN}", **row} for name, row in rows.items()
        ],
        "missing": {f"{case}, {name}": why for name, why in failed.items()},
    }


def judged(measure):
    """Return what was measured; that a side of ours failed is wrong."""
    found = measure()
    failed = [
        f"{what}: {why}"
        for what, why in found.get("missing", {}).items()
        if why.startswith("FAILED") and "torch" not in what
    ]
    return {"wrong": "; ".join(failed), **found} if failed else found


def listed(ground, device):
    """Return all parts, the most important first."""
    dry, how = ground.dry, {"warm": 1, "repeats": 2} if ground.dry else {}
    guess = 15 if dry else 60
    aimed = SMALL[:1] if dry else [target.case for target in TARGETS]
    rest = SMALL[1:] if dry else [case for case in CASES if case not in aimed]
    trainings = _gpu.fit.SMALL if dry else _gpu.fit.CASES
    lengths = (2, 4, 6) if dry else LENGTHS

    def check(cell):
        return f"check of {cell}"

    def part(name, kind, measure, *given, cell="elman", **more):
        do = functools.partial(measure, ground, *given, **more)
        return Part(name, kind, guess, lambda: judged(do), after=(check(cell),))

    def case(one):
        return part(str(one), "case", measure_case, one, cell=one.cell, **how)

    def training(one):
        return part(f"training, {one}", "training", _gpu.fit.run, one, cell=one.cell)

    checks = [
        Part(check(cell), "check", guess, functools.partial(_gpu.checks.run, ground, cell))
        for cell in ("elman", "lstm", "gru")
    ]
    return [
        *checks,
        *map(case, aimed),
        training(trainings[0]),
        part("ceilings, launches, rings", "micro", _gpu.micro.run, **how),
        *map(training, trainings[1:]),
        *map(case, rest),
        *(part(f"{one}, its parts", "parts", measure_parts, one, **how) for one in aimed),
        *(
            part(f"{one}, {which}, over T", "line", measure_lines, one, which, lengths, **how)
            for one, which in itertools.product(aimed[:3:2], (FORWARD, STEP))
        ),
        Part("plans", "plans", 15, lambda: {"rows": _gpu.plans.run(device)}),
    ]


def conditions(ground, device):
    """Return what must be the same for parts to be taken over."""
    about = machine()
    return {
        **ground.about(),
        **{name: about[name] for name in ("python", "numpy", "array_api_compat", "xprnn")},
        "code": code("gpu.py", "_gpu/*.py"),
        "environment": {
            name: os.environ.get(name)
            for name in ("CUPY_TF32", "NVIDIA_TF32_OVERRIDE", "XPRNN_KERNELS")
        },
        "planned_for": device.name,
        "dry_run": ground.dry,
    }


def tables(run):
    """Return all that was found, in tables; the targets last."""
    cases, found = run.found("case"), []

    def show(make, what):
        if what:
            found.append(make(what))

    show(_gpu.report.plan_table, _gpu.report.joined(run.found("plans"), "rows"))
    show(_gpu.report.checks_table, run.found("check"))
    show(_gpu.report.loads_table, _gpu.report.joined(cases, "loads"))
    show(_gpu.report.times, _gpu.report.joined(cases, "rows"))
    for micro in run.found("micro").values():
        show(_gpu.report.micro_tables, micro)
    show(_gpu.report.lines_table, _gpu.report.joined(run.found("line"), "rows"))
    show(_gpu.report.parts_table, _gpu.report.joined(run.found("parts"), "rows"))
    show(_gpu.report.fit_table, _gpu.report.joined(run.found("training"), "rows"))
    missing = {}
    for part in run.done.values():
        missing |= part["found"].get("missing", {})
    show("\n".join, [f"missing: {what}: {why}" for what, why in missing.items()])
    show(_gpu.report.verdict_table, _gpu.report.verdicts(_gpu.report.joined(cases, "rows")))
    return "\n\n".join(found)


def report_on(ground, device, options, began):
    """Check, measure and write, part by part; print and draw; return the exit code."""
    name = "gpu-dry-run" if ground.dry else "gpu"
    path = options.output / f"{name}.json"
    run = Run(path, conditions(ground, device), options.minutes, began)
    run.go(listed(ground, device), ground.alive)
    lines, exit_code = run.verdict()
    print(tables(run) + "\n")
    print("\n".join([*lines, f"wrote {path}"]))
    try:
        rows = _gpu.report.joined(run.found("case"), "rows")
        _gpu.report.draw(rows, DRY if ground.dry else device.name, options.output, name)
    except Exception as error:  # on a bare machine there is no matplotlib
        print(f"no picture: {said(error)}")
    if ground.dry:
        print(f"\n{DRY}")
    return exit_code


def main():
    """Run on the GPU, or dry."""
    arguments = parser(__doc__)
    arguments.add_argument("--dry-run", action="store_true", help="without a GPU")
    arguments.add_argument(
        "--device", choices=sorted(KNOWN), default="H100", help="that a dry run plans for"
    )
    arguments.add_argument(
        "--minutes", type=float, default=MINUTES, help="that all of it may take (default: 8)"
    )
    add_output(arguments)
    options, began = arguments.parse_args(), time.monotonic()
    dry = options.dry_run or options.quick
    try:
        if dry:
            _gpu.ground.stand_in()
        found = status("cupy")
        if not found.usable:
            arguments.error(f"{found}\n--dry-run needs no GPU")
        ground = _gpu.ground.Gpu(dry)
        device = KNOWN[options.device] if dry else ground.launcher.device()
    except Exception as error:  # what is missing shows in many ways
        arguments.error(f"it can't begin: {said(error)}")
    say(DRY if dry else f"on {device.name}, for {options.minutes:g} minutes")
    with tempfile.TemporaryDirectory() as folder:
        if dry and options.output == arguments.get_default("output"):
            options.output = Path(folder)  # figures that mean nothing are not kept
        return report_on(ground, device, options, began)


if __name__ == "__main__":
    sys.exit(main())
