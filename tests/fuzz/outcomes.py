"""What the scripts that damage files share: counts, limits, and the verdict."""

import argparse
import gc
import resource
import sys
import time
import traceback
from collections import Counter

SECONDS, MEGABYTES = 5.0, 500
"""Of computing for one file, and of memory for all."""


class Outcomes:
    """Counts what becomes of files, and what it costs.

    Parameters
    ----------
    refusals : tuple of exceptions
        With which a file may be refused.
    """

    def __init__(self, refusals):
        self.refusals = refusals
        self.counts = Counter()
        self.slowest = 0.0
        self.wrong = []
        gc.collect()
        self.before = self._peak()

    @staticmethod
    def _peak():
        """Return the most memory that this process ever had, in megabytes."""
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak / (2**20 if sys.platform == "darwin" else 2**10)

    def read(self, what, kind, load, right):
        """Read a file by `load`; `right` says in a word what came of it, or raises."""
        start = time.process_time()
        try:
            found = load()
        except self.refusals:
            outcome = "refused"
        except BaseException:
            outcome = "wrong"
            self.wrong.append(f"{what}: {traceback.format_exc()}")
        else:
            outcome = ""
        taken = time.process_time() - start
        self.slowest = max(self.slowest, taken)
        if taken > SECONDS:
            self.wrong.append(f"{what} took {taken:.1f} s of computing")
        if not outcome:
            try:
                outcome = right(found)
            except Exception:
                outcome = "wrong"
                self.wrong.append(f"{what}: {traceback.format_exc()}")
        self.counts[kind, outcome] += 1

    def verdict(self):
        """Print the counts, and return the exit status."""
        more = self._peak() - self.before
        if more > MEGABYTES:
            self.wrong.append(f"{more:.0f} MB more than before")
        outcomes = sorted({outcome for _, outcome in self.counts})
        print(f"{'':28}" + "".join(f"{outcome:>12}" for outcome in outcomes))
        for kind in sorted({kind for kind, _ in self.counts}):
            row = "".join(f"{self.counts[kind, outcome]:12,}" for outcome in outcomes)
            print(f"{kind:28}{row}")
        print(
            f"{self.counts.total():,} files: at the most {self.slowest:.2f} s of computing for "
            f"one, and {more:.0f} MB for all"
        )
        for text in self.wrong[:20]:
            print(text)
        print(f"{len(self.wrong)} wrong" if self.wrong else "each right or refused")
        return bool(self.wrong)


def options(text, count):
    """Return the options of a script."""
    parser = argparse.ArgumentParser(description=text)
    parser.add_argument("--count", type=int, default=count, help="how many files")
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()
