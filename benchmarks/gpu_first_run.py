"""The first session on a bare GPU machine, in order, as one command.

    python benchmarks/gpu_first_run.py --carry wheels                      where there is an index
    python benchmarks/gpu_first_run.py --wheels wheels --output first-run  on the GPU machine
    python benchmarks/gpu_first_run.py --output DIR --dry-run              without a GPU

--carry downloads what such a machine lacks. With --wheels, what is missing is installed from
those files into a folder that is removed at the end: that takes no package index, and changes
nothing that is installed.

Every step has a limit of time, and patterns that it must print: it has passed if it came to
its end with status 0 and printed them. One that fails stops only those that need it. What
has not been tried yet comes first, then what was cut. The last lines are the verdicts.

Call it again with the same --output, and it goes on: what passed is not run again, and of
the tests no file that passed. A step that failed is run again only if the code has changed,
or with --again. A verdict on other code than this is marked as such, and --again runs those
too. The exit status is 0 if all has passed on this code, 1 if a step failed, 3 if nothing
failed and another call is needed.

The folder gets at most eight files: gpu-first-run.json with all verdicts and what the machine
is, gpu-first-run.log with all that was printed, and what the benchmarks and the demo write.
They have the device, the versions and the date, and go into benchmarks/results/ as they are.
"""

import argparse
import signal
import sys
import tempfile
import time
from pathlib import Path

from _first_run.carry import carry, install
from _first_run.run import Run, Stopped, run
from _first_run.state import Log, State, fingerprint
from _first_run.steps import STANDIN, STEPS, Place

MINUTES = 9.0
GRACE = 5.0
"""Seconds at the end for the verdicts."""

FILES, MEBIBYTES = 8, 16
"""The output: so many files, each below that size."""


def choose(steps, state, *, only=None, again=False):
    """Return the steps to run: those of every call, the untried, the cut, and what is again."""
    groups = {"always": [], "untried": [], "cut": [], "failed": [], "passed": []}
    for step in steps:
        verdict = "always" if step.always else state.verdict(step.name)
        stale, wanted = state.is_stale(step.name), step.name in (only or ())
        if only is not None and not (step.always or wanted):
            continue
        if verdict == "failed" and not (again or stale or wanted):
            continue
        if verdict == "passed" and not ((again and stale) or wanted):
            continue
        groups[verdict].append(step)
    return [step for group in groups.values() for step in group]


def hindrance(step, state, left):
    """Return why a step can't begin; None if it can."""
    for name in step.needs:
        if state.verdict(name) != "passed":
            return f"it needs {name}"
    least = step.least if step.resumes else step.seconds
    return f"{left:.0f} s are left, it needs {least:.0f}" if left < least else None


def session(steps, place, state, log, end):
    """Run steps until the end of the time; return why others were not begun."""
    waiting = {}
    for step in steps:
        left = end - time.monotonic()
        why = hindrance(step, state, left)
        if why is not None:
            waiting[step.name] = why
            continue
        print(f"{step.name}: {step.about}", flush=True)
        state.begin(step)
        outcome = Run("cut", 0.0, "the session was ended", ())
        try:
            outcome = run(step, place, min(step.seconds * place.slower, left), log, state)
            if step.name == "devices" and outcome.verdict == "passed":
                state.know(outcome.tail)
        except Stopped as stopped:
            outcome = stopped.run
            raise
        finally:
            state.end(step, outcome)
            print(f"  {outcome.verdict} after {outcome.seconds:.0f} s: {outcome.said}", flush=True)
        if outcome.verdict != "passed":
            print("".join(f"  | {line}\n" for line in outcome.tail), end="", flush=True)
    return waiting


def verdicts(steps, state, waiting):
    """Return the table: step, verdict, seconds, what it printed."""
    rows = [("step", "verdict", "seconds", "what it printed")]
    for step in steps:
        verdict, found = state.verdict(step.name), state.steps.get(step.name, {})
        said = found.get("said", "")
        if verdict == "untried":
            verdict, said = "not begun", waiting.get(step.name, "")
        elif not step.always and state.is_stale(step.name):
            verdict += ", of other code"
        seconds = f"{found['seconds']:.0f}" if "seconds" in found else ""
        rows.append((step.name, verdict, seconds, said))
    widths = [max(len(row[i]) for row in rows) for i in range(3)]
    return "\n".join(
        f"{name:<{widths[0]}}  {verdict:<{widths[1]}}  {seconds:>{widths[2]}}  {said}".rstrip()
        for name, verdict, seconds, said in rows
    )


def status(steps, state):
    """Return the exit status."""
    found = [state.verdict(step.name) for step in steps]
    if "failed" in found:
        return 1
    return 3 if set(found) != {"passed"} or any(state.is_stale(s.name) for s in steps) else 0


def faults(folder):
    """Return what is wrong with the output: too many files, or too large ones."""
    sizes = {path.name: path.stat().st_size for path in folder.iterdir()}
    found = [f"{name} has {n >> 20} MiB" for name, n in sizes.items() if n >= MEBIBYTES << 20]
    if len(sizes) > FILES:
        found.append(f"{len(sizes)} files, which is more than {FILES}: {', '.join(sorted(sizes))}")
    return found


def parser():
    """Return what reads the command line."""
    made = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    made.add_argument("--output", type=Path, metavar="DIR", help="folder for the results")
    made.add_argument("--wheels", type=Path, metavar="DIR", help="install what is missing from it")
    made.add_argument("--carry", type=Path, metavar="DIR", help="download what is missing there")
    made.add_argument(
        "--minutes", type=float, default=MINUTES, help=f"of this call (default {MINUTES:g})"
    )
    made.add_argument("--dry-run", action="store_true", help="on the stand-in for CuPy")
    made.add_argument("--again", action="store_true", help="run what failed again")
    names = [step.name for step in STEPS if not step.always]
    made.add_argument(
        "--only", nargs="+", choices=names, metavar="STEP", help="run these, passed or not"
    )
    made.add_argument("--list", action="store_true", help="show the steps")
    return made


def main(arguments=None):
    """Run the session, or what was asked for instead."""
    began, made = time.monotonic(), parser()
    options = made.parse_args(arguments)
    if options.list:
        for step in STEPS:
            print(f"{step.name:<12} {step.seconds:>4.0f} s  {step.about}")
        return 0
    if options.carry is not None:
        return carry(options.carry)
    if options.output is None:
        made.error("--output: a folder for the results is needed")
    if options.wheels is not None and not options.wheels.is_dir():
        made.error(f"--wheels: there is no folder {options.wheels}")
    if options.dry_run and not STANDIN.is_dir():
        made.error(f"--dry-run: there is no stand-in for CuPy in {STANDIN}")
    if not options.minutes > 0:
        made.error(f"--minutes must be above 0, got {options.minutes:g}")
    options.output.mkdir(parents=True, exist_ok=True)
    try:
        state = State(options.output / "gpu-first-run.json", fingerprint(), options.dry_run)
        log = Log(options.output / "gpu-first-run.log")
        signal.signal(signal.SIGTERM, _interrupt)
        with tempfile.TemporaryDirectory(prefix="xprnn-first-run-") as folder:
            scratch = Path(folder)
            print(install(options.wheels, scratch / "site"), flush=True)
            place = Place(options.output.resolve(), scratch, options.dry_run)
            steps = choose(STEPS, state, only=options.only, again=options.again)
            end, waiting = began + 60 * options.minutes - GRACE, {}
            try:
                waiting = session(steps, place, state, log, end)
            except KeyboardInterrupt:
                print("interrupted")
    except ValueError as error:
        made.error(str(error))
    print("\n" + verdicts(STEPS, state, waiting))
    wrong = faults(options.output)
    for fault in wrong:
        print(f"{options.output}: {fault}")
    if options.dry_run:
        print("a dry run: no GPU was used, and no time above means anything")
    return 1 if wrong else status(STEPS, state)


def _interrupt(number, frame):
    """End as Ctrl-C does: the step's processes too, and with the verdicts."""
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
