"""The recurrence on one GPU: is it right, and how fast, against torch over cuDNN.

    python benchmarks/gpu.py               all of it; less than ten minutes
    python benchmarks/gpu.py --dry-run     the same without a GPU, with times that mean nothing

First all results are held to the reference, in float64, in float32 and for a thousand
repetitions; if one is wrong, nothing is timed. Then come the ceilings of the device, what
a launch and an exchange between blocks cost, and the cases: xprnn, plain CuPy
(recurrence.py itself), and torch.nn.RNN, LSTM and GRU with the same weights, in float32
without and with TF32, in bfloat16 and float16, called as they are and as CUDA graphs.
Sides take turns. A time is that of the wall clock with the device idle before and after,
after ten calls that don't count, and the median of thirty. Last come whole trainings.

A dry run plans every case for the GPU that --device names, makes the source of its
kernels and compiles it where NVIDIA's compiler is installed; then it goes through all that
would be measured, with small sizes, a clock that only counts, and kernels that g++ made.
"""

import itertools
import sys
import tempfile
import time
from pathlib import Path

import _gpu_checks
import _gpu_fit
import _gpu_micro
import _gpu_plans
import _gpu_report
from _common import add_output, machine, parser, write
from _gpu_cases import CASES, FORWARD, LENGTHS, PRECISIONS, SMALL, STEP, TARGETS, Case
from _gpu_ground import Gpu, Rehearsal, torch_or_none
from _gpu_measure import by_turns, line
from _gpu_sides import LARGEST, Side, check_torch, parts, sides

from xprnn.backend import status
from xprnn.kernels.cuda.device import KNOWN

MINUTES = 8.0
"""From the start until no other case is begun; one takes a minute at most."""


class Budget:
    """The time that is left; what does not fit in is named."""

    def __init__(self, minutes, began=None):
        self.end = (time.monotonic() if began is None else began) + 60 * minutes
        self.skipped = []

    def has(self, what):
        """Return whether there is time for something, and say what is being done."""
        if time.monotonic() > self.end:
            self.skipped.append(str(what))
            return False
        print(what, file=sys.stderr, flush=True)
        return True

    def run(self, what, measure, otherwise):
        """Return what is measured if there is time and it does not fail."""
        if not self.has(what):
            return otherwise
        try:
            return measure()
        except Exception as error:  # the rest is to be measured and written all the same
            self.skipped.append(f"{what}: {type(error).__name__}: {error}")
            return otherwise


def measure_case(ground, case, **how):
    """Return the rows of a case, why sides are missing, and how far torch's output is."""
    rows, missing, apart, precisions = [], {}, None, PRECISIONS
    if torch_or_none() is not None:
        apart = check_torch(ground, case)
        if not apart <= LARGEST:
            missing[f"{case}: torch"], precisions = f"its output is {apart:.1e} from ours", ()
    for which in (FORWARD, STEP):
        found, without = sides(ground, case, which, precisions)
        rows += [
            {"case": str(case), "pass": which, "side": name, **row}
            for name, row in by_turns(ground, found, **how).items()
        ]
        missing |= {f"{case}: {name}": why for name, why in without.items()}
    return rows, missing, apart


def measure_line(ground, case, which, lengths, **how):
    """Return what a step and what a call costs, of xprnn and torch in strict float32."""
    taken, where = {}, f"{case.cell}, B={case.B}, H={case.H}"
    for steps in lengths:
        one = Case(case.cell, steps, case.B, case.H, case.models)
        own, _ = sides(ground, one, which, ("float32",))
        for name, row in by_turns(ground, own, **how).items():
            taken.setdefault(name, []).append(row["ms"]["median"])
    return [
        {"case": where, "pass": which, "side": name, "T": list(lengths), "ms": values,
         **line(lengths, values)}
        for name, values in taken.items() if len(values) == len(lengths)
    ]  # fmt: skip


def measure_parts(ground, case, **how):
    """Return the times of our sequential parts alone."""
    if ground.obstacle(case, "float32"):
        return []
    calls = parts(ground, case, "float32", ground.unroll())
    found = by_turns(ground, {name: Side(call) for name, call in calls.items()}, **how)
    return [{"case": str(case), "side": name, **row} for name, row in found.items()]


def measure(ground, budget):
    """Return all measurements."""
    cases = SMALL if ground.dry else CASES
    aimed = SMALL[:1] if ground.dry else [target.case for target in TARGETS]
    lengths = (2, 4, 6) if ground.dry else LENGTHS
    how = {"warm": 1, "repeats": 2} if ground.dry else {}
    found = {"micro": {}, "rows": [], "missing": {}, "torch_apart": {}, "parts": [], "lines": []}
    what = "ceilings, launches, rings"
    found["micro"] = budget.run(what, lambda: _gpu_micro.run(ground, **how), {})
    for case in cases:
        rows, missing, apart = budget.run(
            case, lambda case=case: measure_case(ground, case, **how), ([], {}, None)
        )
        found["rows"] += rows
        found["missing"] |= missing
        found["torch_apart"][str(case)] = apart
    for case in aimed:
        found["parts"] += budget.run(
            f"{case}, its parts", lambda case=case: measure_parts(ground, case, **how), []
        )
    found["fit"] = budget.run("whole trainings", lambda: _gpu_fit.run(ground), [])
    for case, which in itertools.product(aimed[:3:2], (FORWARD, STEP)):
        found["lines"] += budget.run(
            f"{case}, {which}, over T",
            lambda case=case, which=which: measure_line(ground, case, which, lengths, **how),
            [],
        )
    return found


def report_on(ground, device, options, began):
    """Check, plan, measure, print, write and draw; return the exit code."""
    plans = _gpu_plans.run(device)
    print(_gpu_report.plan_table(plans) + "\n")
    try:
        checks = _gpu_checks.run(ground)
    except _gpu_checks.Wrong as wrong:
        print(f"{wrong}\nnothing was timed", file=sys.stderr)
        return 1
    budget = Budget(options.minutes, began)
    report = {
        "machine": machine(),
        "ground": ground.about(),
        "dry_run": ground.dry,
        "checks": checks,
        "plans": plans,
        **measure(ground, budget),
    }
    report |= {"verdicts": _gpu_report.verdicts(report["rows"]), "skipped": budget.skipped}
    report["seconds"] = time.monotonic() - began
    name = "gpu-dry-run" if ground.dry else "gpu"
    print(_gpu_report.times(report["rows"]) + "\n")
    print(_gpu_report.small_tables(report) + "\n")
    for what, why in report["missing"].items():
        print(f"missing: {what}: {why}")
    for what in budget.skipped:
        print(f"not measured: {what}")
    print("\n" + _gpu_report.verdict_table(report["verdicts"]) + "\n")
    if ground.dry:
        print("a dry run: no GPU was used, and no time above means anything\n")
    write(options.output, name, report)
    title = "a dry run: these times mean nothing" if ground.dry else device.name
    _gpu_report.draw(report["rows"], title, options.output, name)
    return 0


def main():
    """Run on the GPU, or rehearse."""
    arguments = parser(__doc__)
    arguments.add_argument("--dry-run", action="store_true", help="without a GPU")
    arguments.add_argument(
        "--device", choices=sorted(KNOWN), default="H100", help="that a dry run plans for"
    )
    arguments.add_argument(
        "--minutes", type=float, default=MINUTES, help="until nothing more begins"
    )
    add_output(arguments)
    options, began = arguments.parse_args(), time.monotonic()
    if not (options.dry_run or options.quick):
        found = status("cupy")
        if not found.usable:
            arguments.error(f"{found}\n--dry-run needs no GPU")
        ground = Gpu()
        return report_on(ground, ground.launcher.device(), options, began)
    with tempfile.TemporaryDirectory() as folder:
        if options.output == arguments.get_default("output"):
            options.output = Path(folder)  # figures that mean nothing are not kept
        return report_on(Rehearsal(Path(folder)), KNOWN[options.device], options, began)


if __name__ == "__main__":
    sys.exit(main())
