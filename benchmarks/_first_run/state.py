"""What a first run keeps between its calls: verdicts in one JSON file, and one log."""

import collections
import hashlib
import json
import os
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CODE = ("xprnn", "tests", "benchmarks")
SUFFIXES = {".py", ".cu", ".c", ".h", ".cc", ".json"}

LOG_BYTES, STEP_BYTES, TAIL_LINES = 6 << 20, 1 << 19, 200
"""Of the log at the start of a call, of a step, and lines of its end that are kept in any case:
with twelve steps and their longest lines less than 16 MiB."""


def fingerprint(root=ROOT):
    """Return a digest of the code, which says whether a verdict is still one on it."""
    found = hashlib.sha256()
    for path in sorted(path for part in CODE for path in (root / part).rglob("*")):
        inside = path.relative_to(root)
        if path.suffix in SUFFIXES and "results" not in inside.parts:
            found.update(f"{inside}\0".encode() + path.read_bytes() + b"\0")
    return found.hexdigest()[:12]


class State:
    """The verdicts, written after every change.

    Raises ValueError if the file is that of a dry run and this is none, or the reverse.
    """

    def __init__(self, path, code, dry_run):
        self.path, self.code = path, code
        kept = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
        if kept and kept["dry_run"] != dry_run:
            what = "a dry run" if kept["dry_run"] else "a run that was no dry run"
            raise ValueError(f"--output: {path} is of {what}; give another folder")
        self.about, self.dry_run = kept.get("about", {}), dry_run
        self.steps = kept.get("steps", {})

    def verdict(self, name):
        """Return passed, failed, cut or untried; what was killed on its way was cut."""
        found = self.steps.get(name, {}).get("verdict", "untried")
        return "cut" if found == "running" else found

    def is_stale(self, name):
        """Whether a step was run on other code."""
        return self.steps.get(name, {}).get("code", self.code) != self.code

    def files(self, name):
        """Return the files of tests that passed in this step, on this code."""
        return [] if self.is_stale(name) else self.steps.get(name, {}).get("files", [])

    def begin(self, step):
        """Note that a step is running, so that a kill is seen at the next call."""
        files = [] if self.verdict(step.name) == "passed" else self.files(step.name)
        self.steps[step.name] = {
            "verdict": "running",
            "said": "the session was killed",
            "began": datetime.now(UTC).isoformat(timespec="seconds"),
            "code": self.code,
            "files": files,
        }
        self.write()

    def add_file(self, name, file):
        """Note that a file of tests has passed."""
        self.steps[name]["files"].append(file)
        self.write()

    def end(self, step, outcome):
        """Note what became of a step."""
        verdict, seconds, said, _ = outcome
        self.steps[step.name] |= {"verdict": verdict, "seconds": round(seconds, 1), "said": said}
        self.write()

    def know(self, lines):
        """Keep what the machine is; raise ValueError if its device is another than before."""
        about = dict(line.split(": ", 1) for line in lines if ": " in line)
        before = self.about.get("device", about["device"])
        if about["device"] != before:
            raise ValueError(
                f"--output: {self.path} has results of {before}; here is {about['device']}: "
                "give another folder"
            )
        self.about = about

    def write(self):
        """Replace the file in one go."""
        content = {
            "about": self.about,
            "dry_run": self.dry_run,
            "code": self.code,
            "steps": self.steps,
        }
        part = self.path.with_suffix(".part")
        part.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
        os.replace(part, self.path)


class Log:
    """All that is printed, in one file of limited size: of a long step the start and the end."""

    def __init__(self, path):
        self.path, self.tail = path, collections.deque(maxlen=TAIL_LINES)
        self.file, self.written, self.left_out = None, 0, 0
        old = path.read_bytes() if path.exists() else b""
        if len(old) > LOG_BYTES:
            path.write_bytes(b"(what came before was left out)\n" + old[-LOG_BYTES // 2 :])

    def begin(self, title):
        """Open a section."""
        self.file, self.written, self.left_out = self.path.open("a", encoding="utf-8"), 0, 0
        self.tail.clear()
        self._write(f"\n===== {title} =====\n")

    def add(self, line):
        """Write a line, or keep it for the end."""
        if self.written < STEP_BYTES:
            self._write(line)
            return
        self.left_out += len(self.tail) == self.tail.maxlen
        self.tail.append(line)

    def end(self, line):
        """Write the end of a section."""
        if self.left_out:
            self._write(f"({self.left_out} lines were left out)\n")
        self._write("".join(self.tail) + f"===== {line} =====\n")
        self.file.close()

    def _write(self, text):
        self.written += len(text.encode())
        self.file.write(text)
        self.file.flush()
