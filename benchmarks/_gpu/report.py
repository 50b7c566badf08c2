"""The tables, the verdicts and the picture of benchmarks/gpu.py."""

from _common import canvas, save, table
from _gpu.cases import FIT, GRAPHED, OURS, STEP, STRICT, TARGETS

STRICT_OURS, STRICT_TORCH = f"xprnn, {STRICT}", f"torch, {STRICT}"


def joined(found, name):
    """Return the rows of one name of all parts as one list."""
    return [row for part in found.values() for row in part.get(name, [])]


def of(rows, case, which):
    """Return the rows of a case and a pass by side."""
    return {r["side"]: r for r in rows if (r["case"], r["pass"]) == (str(case), which)}


def median(row):
    """Return the median milliseconds of a row."""
    return row["ms"]["median"]


def times(rows):
    """Return the lines of the table of times."""
    lines = []
    for row in rows:
        ours = of(rows, row["case"], row["pass"]).get(OURS)
        lines.append([
            f"{row['case']}, {row['pass']}",
            row["side"],
            row.get("cudnn", ""),
            f"{median(row):.3f}",
            f"{row['ms']['low']:.3f} … {row['ms']['high']:.3f}",
            f"{median(row) / median(ours):.2f}" if ours else "",
            str(row["calls"]),
        ])  # fmt: skip
    head = ["case, pass", "side", "cuDNN", "ms", "10 % … 90 %", f"over {OURS}", "calls"]
    return table(head, lines)


def checks_table(found):
    """Return the verdicts of the checks."""
    lines = [
        [f"{r['case']}, {r['dtype']}, {r['check']}",
         f"{float(r['distance']):.1e}" if "distance" in r else "", r["verdict"]]
        for r in joined(found, "rows")
    ]  # fmt: skip
    return table(["check", "distance", "verdict"], lines)


def loads_table(rows):
    """Return how long the first loads took."""
    lines = [
        [f"{r['case']}, {r['dtype']}, {r['loop']}", f"{r['load_seconds']:.2f}",
         "compiled" if r["compiled"] else "compiled before"]
        for r in rows
    ]  # fmt: skip
    return table(["first load through CuPy", "seconds", ""], lines)


def verdicts(rows):
    """Return, for every target, how many times faster than torch in strict float32 it is.

    Against torch as it is called, and against torch in a CUDA graph. The first is what was
    aimed at.
    """
    found = []
    for target in TARGETS:
        sides = of(rows, target.case, STEP)
        verdict = {"case": str(target.case), "target": target.times, "stretch": target.stretch}
        if STRICT_OURS in sides and STRICT_TORCH in sides:
            ours = median(sides[STRICT_OURS])
            verdict["times"] = median(sides[STRICT_TORCH]) / ours
            if STRICT_TORCH + GRAPHED in sides:
                verdict["times_graphed"] = median(sides[STRICT_TORCH + GRAPHED]) / ours
            verdict["verdict"] = said(verdict["times"], target)
        else:
            verdict["verdict"] = "not measured"
        found.append(verdict)
    return found


def said(reached, target):
    """Return in words whether a target was met."""
    if reached >= target.stretch:
        return "stretch met"
    return "met" if reached >= target.times else "MISSED"


def verdict_table(found):
    """Return the verdicts as a table."""

    def shown(value):
        return "" if value is None else f"{value:.2f}"

    lines = [
        [v["case"], f"{v['target']:g}", f"{v['stretch']:g}", shown(v.get("times")),
         shown(v.get("times_graphed")), v["verdict"]]
        for v in found
    ]  # fmt: skip
    head = [f"target, forward + backward, {STRICT_OURS}", "aim", "stretch",
            f"times faster than {STRICT_TORCH}", f"than {STRICT_TORCH}{GRAPHED}", ""]  # fmt: skip
    return table(head, lines)


def plan_table(rows):
    """Return the plans as a table."""
    names = ("groups", "blocks", "rows", "threads", "registers", "shared")
    lines = []
    for row in rows:
        where = f"{row['case']}, {row['dtype']}, {row['loop']}"
        if "reason" in row:
            where += f": {row['reason']}"
        lines.append([where, *(str(row.get(name, "")) for name in names)])
    return table(["plan", *names], lines)


def micro_tables(micro):
    """Return the ceilings, and what a step of a ring costs."""
    ceilings = table(["ceilings and launches", ""], [
        [name, f"{value:.3g}"]
        for part in ("ceilings", "empty_launch") for name, value in micro[part].items()
    ])  # fmt: skip
    rings = {f"ring of {n} block(s), {STRICT}": line for n, line in micro["ring"].items()}
    return f"{ceilings}\n\n{slopes(rings)}"


def slopes(lines):
    """Return what a step and a call cost, by what was fitted."""
    return table(["fitted over T", "µs a step", "µs a call"], [
        [name, f"{line['us_a_step']:.3f}", f"{line['us_a_call']:.1f}"]
        for name, line in lines.items()
    ])  # fmt: skip


def lines_table(rows):
    """Return what a step and a call cost, by case and side."""
    return slopes({f"{r['case']}, {r['pass']}, {r['side']}": r for r in rows})


def parts_table(rows):
    """Return where our time goes."""
    return table(["where the time goes", "ms"], [
        [f"{r['case']}, {r['side']}", f"{median(r):.3f}"] for r in rows
    ])  # fmt: skip


def fit_table(rows):
    """Return the whole trainings."""

    def middle(row):
        return sorted(row["ms_an_epoch"])[len(row["ms_an_epoch"]) // 2]

    own = {r["case"]: middle(r) for r in rows if r["side"] == FIT}
    return table(["whole trainings", "side", "cuDNN", "ms an epoch", f"over {FIT}", "last loss"], [
        [r["case"], r["side"], r.get("cudnn", ""), f"{middle(r):.3f}",
         f"{middle(r) / own[r['case']]:.2f}" if own.get(r["case"]) else "",
         f"{float(r['loss']):.5f}"] for r in rows
    ])  # fmt: skip


def draw(rows, title, folder, name):
    """Draw every side's time over ours, forward + backward."""
    rows = [r for r in rows if r["pass"] == STEP and OURS in of(rows, r["case"], STEP)]
    cases = list(dict.fromkeys(r["case"] for r in rows))
    sides = list(dict.fromkeys(r["side"] for r in rows if r["side"] != OURS))
    figure, axis = canvas(9.6, 1.2 + 0.6 * max(len(cases), 1))
    colors = ("#4d4d4d", "#2166ac", "#67a9cf", "#1b9e77", "#80cdc1", "#b2182b", "#ef8a62",
              "#762a83", "#c2a5cf")  # fmt: skip
    for i, side in enumerate(sides):
        at, ratio = [], []
        for k, case in enumerate(cases):
            own = of(rows, case, STEP)
            if side in own:
                at.append(k + 0.08 * (i - (len(sides) - 1) / 2))
                ratio.append(median(own[side]) / median(own[OURS]))
        axis.plot(ratio, at, "o", color=colors[i % len(colors)], markersize=5, label=side)
    axis.axvline(1, color="0.4", linewidth=1)
    axis.set_xscale("log")
    axis.set_yticks(range(len(cases)), cases)
    axis.invert_yaxis()
    axis.set_xlabel(f"time over that of {OURS}, forward + backward: right of 1 it is slower")
    axis.set_title(title, loc="left")
    if sides:
        axis.legend(frameon=False, fontsize=8, bbox_to_anchor=(1, 1), loc="upper left")
    save(figure, folder, name)
