"""Runs one step of a first run: a process, its limit of time, and what it must print."""

import collections
import os
import re
import signal
import subprocess
import threading
import time
from typing import NamedTuple

SAID = re.compile(r"^file passed: (\S+)")
"""What `_first_run/files.py` prints when the last test of a file has passed."""

SHOWN, LINE = 30, 1000
"""Lines shown of a step that did not pass, and characters kept of a line."""

PATIENCE = 3.0
"""Seconds between asking a process to end and ending it."""


class Run(NamedTuple):
    """What became of a step."""

    verdict: str
    """passed, failed or cut."""
    seconds: float
    said: str
    """The line by which it passed, or why it did not."""
    tail: tuple[str, ...]
    """The last lines."""


class Stopped(KeyboardInterrupt):
    """The session was interrupted within a step; `run` is what became of it."""

    def __init__(self, run):
        super().__init__()
        self.run = run


class Reader:
    """Takes what a step prints, line by line."""

    def __init__(self, step, expects, log, state):
        self.step, self.log, self.state = step, log, state
        self.found = dict.fromkeys(expects)
        self.wrong = self.open = None
        self.over = False
        self.tail = collections.deque(maxlen=SHOWN)

    def read(self, stream):
        """Read to the end of a stream."""
        for line in stream:
            if not self.over:
                self.line(line.rstrip("\n")[:LINE])

    def line(self, line):
        """Look for what is expected, and what is not."""
        self.log.add(line + "\n")
        self.tail.append(line)
        for pattern in self.found:
            if re.search(pattern, line):
                self.found[pattern] = line.strip()
        if self.wrong is None and any(re.search(p, line) for p in self.step.forbids):
            self.wrong = line.strip()
        if self.step.unfinished and re.search(self.step.unfinished, line):
            self.open = line.strip()
        if file := SAID.match(line):
            self.state.add_file(self.step.name, file[1])

    def judge(self, code):
        """Return the verdict on a step that came to its end, and what it rests on."""
        missing = [pattern for pattern, line in self.found.items() if line is None]
        wrong = None if self.wrong is None else f"it printed: {self.wrong}"
        if self.open is not None:
            return "cut", "; ".join(filter(None, (wrong, self.open)))
        if wrong is not None:
            return "failed", wrong
        if code != 0:
            return "failed", f"exit status {code}: {self.last()}"
        if missing:
            return "failed", f"it did not print {' or '.join(missing)}"
        return "passed", next(iter(self.found.values()))

    def last(self):
        """Return the last line that is not empty."""
        return next((line.strip() for line in reversed(self.tail) if line.strip()), "nothing")


def run(step, place, seconds, log, state):
    """Run a step for so many seconds at most; return what became of it."""
    began = time.monotonic()
    try:
        command = step.command(place, seconds, state.files(step.name))
    except LookupError as error:
        return Run("failed", 0.0, str(error.args[0]), ())
    log.begin(f"{step.name}: {' '.join(map(str, command))}")
    process = subprocess.Popen(
        list(map(str, command)), cwd=place.root, env=place.environment(), text=True,
        encoding="utf-8", errors="replace", stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, start_new_session=True,
    )  # fmt: skip
    rehearsed = place.dry_run and step.rehearsed is not None
    reader = Reader(step, step.rehearsed if rehearsed else step.expects, log, state)
    thread = threading.Thread(target=reader.read, args=(process.stdout,), daemon=True)
    thread.start()
    ended = None
    try:
        process.wait(max(0.0, began + seconds - time.monotonic()))
    except subprocess.TimeoutExpired:
        ended = f"after its {seconds:.0f} s"
    except KeyboardInterrupt:
        ended = "the session was interrupted"
    _end(process)  # and what it may have left running
    thread.join(PATIENCE)
    if not thread.is_alive():
        process.stdout.close()
    if ended is None:
        verdict, said = reader.judge(process.returncode)
    else:
        verdict, said = "cut", f"{ended}; its last line: {reader.last()}"
    outcome = Run(verdict, time.monotonic() - began, said, tuple(reader.tail))
    reader.over = True  # of what left its group, no more is heard
    log.end(f"{step.name}: {verdict}, {said}")
    if ended == "the session was interrupted":
        raise Stopped(outcome)
    return outcome


def _end(process):
    """End a process and all that it began."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, number)
        except ProcessLookupError:
            break
        try:
            process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            continue
