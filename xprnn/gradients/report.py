"""The report of a gradient check, as a table."""

import math
from dataclasses import dataclass
from typing import NamedTuple

from xprnn._html import BAD, GOOD, OPEN, Mark, make_table

_COLOURS = {"ok": GOOD, "wrong": BAD, "nan": BAD, "kink": OPEN}
_HEAD = ("name", "analytic", "numeric", "rel. error", "step", "verdict")


class Row(NamedTuple):
    """The comparison for one array along one direction."""

    name: str
    analytic: float
    numeric: float = math.nan
    error: float = math.nan
    """|analytic - numeric| divided by the larger of the two; 0 if both are 0."""
    tolerance: float = math.nan
    """The largest |analytic - numeric| that passes."""
    step: float = math.nan
    verdict: str = "nan"
    """``"ok"``, ``"wrong"``, ``"nan"`` (a number is not finite) or ``"kink"``."""


@dataclass(frozen=True)
class Report:
    """The report of a gradient check; it prints, and shows in a notebook, as a table."""

    rows: tuple[Row, ...]

    @property
    def ok(self) -> bool:
        """Whether there is at least one row and all rows are ``"ok"``."""
        return bool(self.rows) and all(row.verdict == "ok" for row in self.rows)

    @property
    def wrong(self) -> tuple[str, ...]:
        """The names of the arrays whose gradient is wrong or not finite."""
        return tuple(dict.fromkeys(r.name for r in self.rows if r.verdict in ("wrong", "nan")))

    def __str__(self) -> str:
        width = max(len(name) for name in ("name", *(row.name for row in self.rows)))
        head = (
            f"{'name':<{width}} {'analytic':>23} {'numeric':>23} {'rel. error':>10} {'step':>8}"
            "  verdict"
        )
        lines = [
            f"{r.name:<{width}} {r.analytic:>23.15e} {r.numeric:>23.15e} {r.error:>10.1e} "
            f"{r.step:>8.1e}  {r.verdict}"
            for r in self.rows
        ]
        return "\n".join([head, *lines])

    def _repr_html_(self) -> str:
        """Return the table for a notebook."""
        passed = sum(row.verdict == "ok" for row in self.rows)
        rows = [
            (
                r.name, f"{r.analytic:.15e}", f"{r.numeric:.15e}", f"{r.error:.1e}",
                f"{r.step:.1e}", Mark(r.verdict, _COLOURS[r.verdict]),
            )
            for r in self.rows
        ]  # fmt: skip
        return make_table(f"gradient check: {passed} of {len(rows)} ok", rows, _HEAD)
