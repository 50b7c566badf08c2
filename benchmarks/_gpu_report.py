"""The table, the verdicts and the picture of benchmarks/gpu.py."""

from _common import canvas, save, table
from _gpu_cases import GRAPHED, OURS, STEP, TARGETS

STRICT = "torch, float32"


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
            f"{median(row):.3f}",
            f"{row['ms']['low']:.3f} … {row['ms']['high']:.3f}",
            f"{median(row) / median(ours):.2f}" if ours else "",
            str(row["calls"]),
        ])  # fmt: skip
    head = ["case, pass", "side", "ms", "10 % … 90 %", "times xprnn's", "calls"]
    return table(head, lines)


def verdicts(rows):
    """Return, for every target, how many times faster than torch in strict float32 it is.

    Against torch as it is called, and against torch in a CUDA graph. The first is what was
    aimed at.
    """
    found = []
    for target in TARGETS:
        sides = of(rows, target.case, STEP)
        verdict = {"case": str(target.case), "target": target.times, "stretch": target.stretch}
        if OURS in sides and STRICT in sides:
            ours = median(sides[OURS])
            verdict["times"] = median(sides[STRICT]) / ours
            if STRICT + GRAPHED in sides:
                verdict["times_graphed"] = median(sides[STRICT + GRAPHED]) / ours
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
    head = ["target, forward + backward", "aim", "stretch", "times faster", "than a graph", ""]
    return table(head, lines)


def plan_table(rows):
    """Return the plans as a table."""
    lines = []
    for row in rows:
        where = f"{row['case']}, {row['dtype']}, {row['loop']}"
        if "reason" in row:
            lines.append([where, *[""] * 6, row["reason"]])
            continue
        names = ("groups", "blocks", "rows", "threads", "registers", "shared")
        built = f"{row['compile_seconds']:.1f} s" if "compile_seconds" in row else ""
        lines.append([where, *(str(row[name]) for name in names), built])
    head = ["plan", "groups", "blocks", "rows", "threads", "registers", "shared", "compiled in"]
    return table(head, lines)


def small_tables(report):
    """Return the micro-measurements, the lines over T, the parts and the trainings."""
    micro = report["micro"] or {"ceilings": {}, "empty_launch": {}, "ring": {}}
    found = [table(["ceilings and launches", ""], [
        [name, f"{value:.3g}"]
        for part in ("ceilings", "empty_launch") for name, value in micro[part].items()
    ])]  # fmt: skip
    slopes = {f"ring of {n} block(s)": line for n, line in micro["ring"].items()}
    slopes |= {f"{r['case']}, {r['pass']}, {r['side']}": r for r in report["lines"]}
    found.append(table(["fitted over T", "µs a step", "µs a call"], [
        [name, f"{line['us_a_step']:.3f}", f"{line['us_a_call']:.1f}"]
        for name, line in slopes.items()
    ]))  # fmt: skip
    found.append(table(["where xprnn's time goes", "ms"], [
        [f"{r['case']}, {r['side']}", f"{median(r):.3f}"] for r in report["parts"]
    ]))  # fmt: skip
    found.append(table(["whole trainings", "side", "ms an epoch", "last loss"], [
        [r["case"], r["side"], f"{sorted(r['ms_an_epoch'])[len(r['ms_an_epoch']) // 2]:.3f}",
         f"{r['loss']:.5f}"] for r in report["fit"]
    ]))  # fmt: skip
    return "\n\n".join(found)


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
    axis.set_xlabel("time over xprnn's in float32, forward + backward: right of 1 it is slower")
    axis.set_title(title, loc="left")
    if sides:
        axis.legend(frameon=False, fontsize=8, bbox_to_anchor=(1, 1), loc="upper left")
    save(figure, folder, name)
