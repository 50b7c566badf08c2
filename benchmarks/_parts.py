"""A benchmark in parts: written after each, within a time, and taken up again where it stopped."""

import json
import math
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from _common import machine, plain, put, said

FINISH = 12.0
"""Seconds for the tables and the picture, after the last part."""

MARGIN = 1.25
"""By how much a part may take longer than those before it."""

NOT_BEGUN, UNDER_WAY = "not begun", "under way"


@dataclass(frozen=True)
class Part:
    """What is measured in one go."""

    name: str
    kind: str
    """Parts of a kind are expected to be as much faster or slower than their guesses."""
    guess: float
    """Seconds that it may take."""
    measure: Callable[[], dict[str, Any]]
    """Returns what was found; under "wrong", what must not be so."""
    after: tuple[str, ...] = ()
    """Names of parts that must be there, with nothing wrong."""


class Run:
    """The parts that are there, in a file that is whole at any time.

    An existing file is taken over if it was made under the same conditions. Of its parts
    those are measured again in which something was wrong.
    """

    def __init__(self, path, conditions, minutes=None, began=None, clock=time.monotonic):
        self.path, self.conditions, self.clock = path, plain(conditions), clock
        self.began = clock() if began is None else began
        self.end = math.inf if minutes is None else self.began + 60 * minutes - FINISH
        self.done, self.missing, self.failed, self.sessions = {}, {}, {}, []
        self.tried, self.lost = set(), None
        if path.exists():
            self._take_over()
        self.sessions.append({**machine(), "minutes": minutes})

    def _take_over(self):
        """Take over what is in the file, or say why not."""
        try:
            old = json.loads(self.path.read_text())
            before, parts, missing = (old[k] for k in ("conditions", "parts", "not_there_yet"))
            sessions = list(old["sessions"])
            different = [
                f"{name}: {before.get(name)!r} then, {self.conditions.get(name)!r} now"
                for name in {**before, **self.conditions}
                if before.get(name) != self.conditions.get(name)
            ]
        except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
            different = [f"it is no unfinished benchmark ({said(error)})"]
        if different:
            say(f"starting anew, {self.path} is not taken over: {'; '.join(different)}")
            return
        self.sessions = sessions
        self.done = {name: part for name, part in parts.items() if not part["found"].get("wrong")}
        self.tried = {name for name, why in missing.items() if not why.startswith(NOT_BEGUN)}
        say(f"taken over from {self.path}: {'; '.join(self.done) or 'nothing'}")

    def go(self, parts, alive=lambda: None):
        """Measure the parts in order, of which those that failed or were cut before come last.

        After each, `alive` returns None, or why there is no sense in going on.
        """
        self.missing = {part.name: NOT_BEGUN for part in parts if part.name not in self.done}
        needed = {name for part in parts for name in part.after}
        todo = [part for part in parts if part.name in self.missing]
        for part in sorted(todo, key=lambda p: p.name in self.tried and p.name not in needed):
            if reason := self._obstacle(part):
                self.missing[part.name] = reason
                continue
            self._measure(part)
            self.lost = alive()
            if self.lost:
                break
        self.write()

    def _obstacle(self, part):
        """Return why a part is not begun; None if it is."""
        for name in part.after:
            if name not in self.done:
                return f"{NOT_BEGUN}: {name}: {self.missing[name]}"
            if wrong := self.wrong.get(name):
                return f"{NOT_BEGUN}: {name}: {wrong}"
        needed, left = self.expected(part), self.end - self.clock()
        if needed > left:
            return f"{NOT_BEGUN}: it may take {needed:.0f} s, and there are {max(left, 0):.0f} s"
        return None

    def expected(self, part):
        """Return the seconds that a part may take, by those of its kind."""
        seen = [p["seconds"] / p["guess"] for p in self.done.values() if p["kind"] == part.kind]
        return part.guess * (MARGIN * max(seen) if seen else 1)

    def _measure(self, part):
        """Measure a part, and write before and after."""
        self.missing[part.name] = UNDER_WAY
        self.write()
        start = self.clock()
        try:
            found = plain(part.measure())
        except Exception as error:  # the rest is to be measured and written all the same
            self.missing[part.name] = self.failed[part.name] = f"FAILED: {said(error)}"
        else:
            del self.missing[part.name]
            self.done[part.name] = {
                "kind": part.kind,
                "guess": part.guess,
                "seconds": self.clock() - start,
                "session": len(self.sessions) - 1,
                "found": found,
            }
        say(f"{self.clock() - start:6.1f} s  {part.name}  {self.failed.get(part.name, '')}")
        self.write()

    def found(self, kind):
        """Return what the parts of a kind found, by name."""
        return {name: p["found"] for name, p in self.done.items() if p["kind"] == kind}

    @property
    def wrong(self):
        """What must not be so, by part."""
        found = {name: part["found"].get("wrong") for name, part in self.done.items()}
        return {name: what for name, what in found.items() if what}

    def write(self):
        """Write all."""
        self.sessions[-1]["seconds"] = self.clock() - self.began
        content = {
            "complete": not self.missing,
            "not_there_yet": self.missing,
            "wrong": self.wrong,
            "conditions": self.conditions,
            "sessions": self.sessions,
            "parts": self.done,
        }
        put(self.path, content)

    def verdict(self):
        """Return what is missing or wrong, in lines, and the exit code."""
        lines = [f"not there yet: {name}: {why}" for name, why in self.missing.items()]
        lines += [f"WRONG: {name}: {what}" for name, what in self.wrong.items()]
        if self.lost:
            lines.append(f"stopped: {self.lost}; run it again, it goes on where it stopped")
        elif self.missing:
            lines.append("run it again with the same --output: it goes on where it stopped")
        return lines, int(bool(self.wrong or self.failed or self.lost))


def say(what):
    """Print what is going on."""
    print(what, file=sys.stderr, flush=True)
