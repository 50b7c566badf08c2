"""What a person gets who only calls fit and predict: the defaults beside their peers.

    python benchmarks/defaults.py --list                            the tasks
    python benchmarks/defaults.py --part forecasts                  xprnn, beside known peers
    python benchmarks/defaults.py --part forecasts --peers          and the peers, where unknown
    python benchmarks/defaults.py --part forecasts --set test       a look at the test set
    python benchmarks/defaults.py --part choices                    what the defaults rest on
    python benchmarks/defaults.py --part views                      and its views of a series
    python benchmarks/defaults.py --part fit                        what fit's defaults rest on
    python benchmarks/defaults.py --part classification --tune      how torch's were chosen

Parts: forecasts of single series, one panel, classification, and one step ahead. xprnn gets
the horizon and nothing else: `RNNForecaster(horizon=h).fit(y)`. The peers know the season.
Every fold is forecast from all steps before it. MASE is the mean absolute error over that of
the seasonal naive forecast inside the training part, which is the unit of the intervals'
widths too. Random models run with three seeds; a figure is the median of the seeds' means.
What fails, or takes longer than --limit for a seed, has its reason in its cell; no row drops.

What the peers reach does not change with our code: they are measured once for each version
and kept in a file of their own, defaults_PART_SET_peers.json.

A look at what xprnn reaches on the test set wants a clean working tree, is noted in
defaults_looks.txt with its commit, and is refused after three for a part.
"""

import hashlib
import json
import os
import statistics
import subprocess
import sys
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import packages_distributions, version
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from _common import RESULTS, add_output, code, machine, parser, table, write
from _defaults import choices, data, fit, peers, views
from _defaults.data import Task
from _defaults.measure import cell
from _defaults.models import MODELS, OURS, TUNED, Model
from _defaults.report import draw, report
from _parts import Part, Run, say

SEEDS = (0, 100, 200)
LOOKS = 3


def measure(part, tasks, names, path, conditions, options):
    """Measure what is not in the file, a part for each task and model."""
    seeds = SEEDS[: options.seeds]
    run = Run(path, {**conditions, "seeds": seeds})
    run.go([
        Part(f"{task.name}, {name}", name, 1.0,
             partial(cell, part, task, MODELS[part][name], seeds, options.limit))
        for task in tasks for name in names
    ])  # fmt: skip
    return run


def ours():
    """Return what our figures depend on."""
    return {"code": code(*(f"_defaults/{name}.py" for name in ("measure", "data", "ours")))}


def theirs(part, absent):
    """Return what the peers' figures depend on."""
    projects = packages_distributions()
    needs = {model.needs for name, model in MODELS[part].items() if name not in absent} - {""}
    return {
        "versions": {name: version(projects[name][0]) for name in sorted(needs)},
        "recipe": hashlib.sha256(Path(peers.__file__).read_bytes()).hexdigest()[:16],
        **({"tuned": TUNED} if part == "classification" else {}),
    }


def read(path):
    """Return a line about a file of results, and its cells."""
    content = json.loads(path.read_text(encoding="utf-8"))
    cells = {name: part["found"] for name, part in content["parts"].items()}
    cells |= {
        name: {"verdict": why.removeprefix("FAILED: ")}
        for name, why in content["not_there_yet"].items()
    }
    ran = content["sessions"][-1]
    versions = content["conditions"].get("versions", {"numpy": ran["numpy"]})
    return f"{path.name}: {ran['date']}, commit {ran['commit']}, {ran['cpu']}, {versions}", cells


def git(*arguments):
    """Return what git says."""
    command = ["git", "-C", str(Path(__file__).parent), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def look(part, beyond):
    """Note a look at the test set, or refuse it."""
    if changed := git("status", "--porcelain", "--", ":/", ":!/benchmarks/results"):
        raise SystemExit(
            f"the test set wants a clean working tree, and this is changed:\n{changed}"
        )
    commit, path = git("rev-parse", "--short=12", "HEAD"), RESULTS / "defaults_looks.txt"
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    seen = [line.split()[1] for line in lines if line.split()[2:] == [part]]
    if commit in seen:
        say(f"the look of {commit} goes on")
        return
    if len(seen) >= LOOKS and not beyond:
        raise SystemExit(f"{part}: the test set was looked at {len(seen)} times: {', '.join(seen)}")
    lines.append(f"{datetime.now(UTC):%Y-%m-%d} {commit} {part}")
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def synthetic(part):
    """Return the tasks of --quick: a wave, for minutes of the day and not of the night."""
    t = np.arange(60.0)
    wave = np.sin(t * np.pi / 3) + np.random.default_rng(0).normal(0, 0.1, 60)
    x = wave.reshape(20, 3, 1)
    loaded = {
        "forecasts": wave, "panel": [wave, 2 * wave[20:]], "one-step": wave,
        "classification": [(x, np.where(x[:, 0, 0] > 0, "up", "down"))] * 2,
    }  # fmt: skip
    return (Task("wave", "computed", "", lambda: loaded[part], 6, 6, 1),)


def tune(folder, seeds=SEEDS[:1]):
    """Choose the settings of torch's classifiers on the development set."""
    tasks, found = data.CLASSIFICATION["development"], {}
    for kind in TUNED:
        for setting in peers.GRID:
            model = Model(peers.torch_classifier(kind, *setting), "torch", random=True)
            cells = {t.name: cell("classification", t, model, seeds, 3600) for t in tasks}
            accuracies = [c["accuracy"] for c in cells.values()]
            found[f"{kind} {setting}"] = {"mean": statistics.fmean(accuracies), "cells": cells}
            say(f"{statistics.fmean(accuracies):.3f}  {kind} {setting}")
    write(folder, "defaults_tune", {"machine": machine(), "epochs": 100, "settings": found})


def main():
    """List, measure, print and draw."""
    arguments = parser(__doc__)
    arguments.add_argument("--list", action="store_true", help="print the tasks, and end")
    arguments.add_argument(
        "--part", choices=(*data.PARTS, "choices", "views", "fit"), default="forecasts"
    )
    arguments.add_argument("--set", choices=("development", "test"), default="development")
    arguments.add_argument("--peers", action="store_true", help="measure the peers too")
    arguments.add_argument("--models", help="measure only these, with commas between")
    arguments.add_argument("--seeds", type=int, help="default: 3; of fit, 5")
    arguments.add_argument("--limit", type=float, default=900.0, help="seconds for a seed")
    arguments.add_argument("--beyond", action="store_true", help=f"more than {LOOKS} looks")
    arguments.add_argument("--tune", action="store_true", help="choose the settings of torch's")
    add_output(arguments)
    options = arguments.parse_args()
    part, folder = options.part, options.output
    if options.list:
        return print(table(data.HEAD, data.listing()))
    if part == "fit":
        return fit.report(options.seeds or 5)
    if not options.quick and os.environ.get("OMP_NUM_THREADS") != "1":
        raise SystemExit("run it with OMP_NUM_THREADS=1: all seconds are those of one thread")
    if part == "choices":
        names = options.models.split(",") if options.models else []
        if unknown := set(names) - set(choices.TABLES):
            raise SystemExit(f"choices are of {', '.join(choices.TABLES)}, not of {unknown}")
        return choices.report(names, SEEDS[: options.seeds])
    if part == "views":
        return views.report()
    if options.tune:
        return tune(folder)
    options.seeds = options.seeds or (1 if options.quick else len(SEEDS))
    wanted = options.models.split(",") if options.models else list(MODELS[part])
    if unknown := set(wanted) - set(MODELS[part]):
        raise SystemExit(f"{part} has no {unknown}, but {', '.join(MODELS[part])}")
    kind = "quick" if options.quick else options.set
    tasks = synthetic(part) if options.quick else data.PARTS[part][kind]

    name, known = f"defaults_{part}_{kind}", MODELS[part]
    paths = folder / f"{name}.json", folder / f"{name}_peers.json"
    absent = {n for n in known if known[n].needs and find_spec(known[n].needs) is None}
    runs, mine = [], [n for n in wanted if n in OURS]
    if mine and kind == "test":
        look(part, options.beyond)
    if mine:
        runs.append(measure(part, tasks, mine, paths[0], ours(), options))
    if options.peers:
        present = [n for n in wanted if n not in OURS and n not in absent]
        runs.append(measure(part, tasks, present, paths[1], theirs(part, absent), options))
    head, cells = [f"one thread, {len(tasks)} tasks of the {kind} set"], {}
    for path in paths:
        if path.exists():
            text, found = read(path)
            head.append(text)
            cells |= found
    if options.peers:
        for n in sorted(absent):
            why = {"verdict": f"not installed: {known[n].needs}"}
            cells = {f"{task.name}, {n}": why for task in tasks} | cells
    text = "\n".join([*head, "", report(part, tasks, cells)])
    print(text)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.txt").write_text(text + "\n", encoding="utf-8")
    draw(part, tasks, cells, folder, name)
    verdicts = [run.verdict() for run in runs]
    print("\n".join(line for lines, _ in verdicts for line in lines))
    broken = [n for n, found in cells.items() if n.split(", ")[1] in OURS and "verdict" in found]
    return int(bool(broken) or any(status for _, status in verdicts))


if __name__ == "__main__":
    sys.exit(main())
