"""Worker threads that share the work of their owner.

The state must stay consistent wherever Ctrl-C interrupts. So the threads are started by a single
call into C, which no signal interrupts; their orders are written on boards, where writing twice is
harmless; and a sleeping thread looks at its board from time to time, in case nobody woke it.
"""

import ctypes
import itertools
import weakref
from _thread import allocate_lock, start_new_thread
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from xprnn._typing import Array
from xprnn.kernels.compiler import build

SOURCE = Path(__file__).parent / "cpu" / "workers.c"

LOOKS = 0.0003
"""The seconds for which a worker looks for more work before it sleeps."""

NAP = 0.1
"""The most seconds that a worker sleeps before it looks again, or ends if not needed."""

PATIENCE = 0.1
"""The seconds to wait for a worker before Python may handle signals."""


class Crew(NamedTuple):
    """The data that the threads share with their owner."""

    boards: Array
    """(threads, 8), each row a board of workers.c."""
    addresses: list[ctypes.c_void_p]
    sleep: list[Any]
    """A lock for each thread, which it takes to sleep and the owner releases to wake it."""
    alive: list[Any]
    """A lock for each thread, which it releases when it has ended."""
    started: list[int]
    """The identifier of each thread that was started, in order."""
    ended: list[int]
    """The number of each thread that has ended."""
    idle: list[bool]
    """Holds True while the owner pauses; whoever removes it decides whether the threads end."""


class Workers:
    """Threads that do parts of their owner's work, and end with it.

    Parameters
    ----------
    count : int
        The most threads besides the owner's.

    Raises
    ------
    UnbuildableError
        If there is no C compiler.
    """

    def __init__(self, count: int):
        self._library = build(SOURCE)
        self._count = count
        self._crew: Crew | None = None
        self._ended = False
        self._work: Callable[[int], Any] | None = None
        self._stop: Callable[[], Any] | None = None
        self._failures: list[BaseException] = []

    def start(self) -> int:
        """Return the number of threads; the first call starts as many as it can."""
        if self._ended:
            return 0
        if self._crew is None:
            boards = np.zeros((self._count, 8), np.int64)
            addresses = [ctypes.c_void_p(row.ctypes.data) for row in boards]
            sleep, alive = ([allocate_lock() for _ in boards] for _ in range(2))
            for lock in (*sleep, *alive):
                lock.acquire()
            self._crew = Crew(boards, addresses, sleep, alive, started=[], ended=[], idle=[])
        crew = self._crew
        if not crew.started:
            owner = weakref.ref(self)
            tasks = ((owner, self._library, crew, number) for number in range(self._count))
            try:  # only in C: no signal comes between a start and its entry in the list
                crew.started.extend(map(start_new_thread, itertools.repeat(_serve), list(tasks)))
            except (RuntimeError, MemoryError):  # no more threads are allowed here or now
                self._count = len(crew.started)
        return len(crew.started)

    def share(
        self, work: Callable[[int], Any], parts: int, stop: Callable[[], Any] | None = None
    ) -> None:
        """Do parts 0, 1, … of some work at once, the first part in this thread.

        Parts that wait for one another need `stop`, which is called when the first part fails, as
        on Ctrl-C, and makes the others stop waiting.

        Raises
        ------
        ValueError
            If there are fewer threads than parts.
        RuntimeError
            In a process that was forked meanwhile, since the parent does the other parts.
        """
        threads, crew = 1 + self.start(), self._crew
        if crew is None or parts > threads:
            raise ValueError(f"there are {threads} threads for {parts} parts")
        self._give_up()  # left over after Ctrl-C
        self._settle(crew)
        self._work, self._stop = work, stop
        try:
            for number in range(parts - 1):
                if self._library.post(crew.addresses[number]):
                    self._wake(crew, number)
            work(0)
        except BaseException:
            self._give_up()
            raise
        finally:
            self._settle(crew)
            self._work = self._stop = None  # they may hold arrays
            failures, self._failures = self._failures, []
        if failures:
            raise failures[0]

    def _wake(self, crew: Crew, number: int) -> None:
        """Wake a sleeping worker; unlike an Event, a lock can't be broken by Ctrl-C."""
        if crew.sleep[number].locked():
            crew.sleep[number].release()

    def _give_up(self) -> None:
        """Stop parts from waiting for one another."""
        if self._stop is not None:
            self._stop()

    def _settle(self, crew: Crew) -> None:
        """Wait until all posted work is done."""
        patience = ctypes.c_double(PATIENCE)
        for number in range(len(crew.started)):
            while (state := self._library.wait(crew.addresses[number], patience)) != 1:
                if self._crew is not crew:
                    raise RuntimeError("this process was forked from one that was computing")
                if state < 0:
                    self._wake(crew, number)

    def pause(self) -> None:
        """Let the threads end when they have slept for a while, unless `resume` comes first."""
        if self._crew is not None:
            self._crew.idle[:] = [True]

    def resume(self) -> bool:
        """Return whether the threads continue after `pause`; otherwise they end or have ended."""
        return self._crew is None or _claim(self._crew)

    def end(self) -> None:
        """Tell the threads to end, without waiting for them."""
        self._ended, crew = True, self._crew
        if crew is not None:
            self._library.end(crew.addresses[0], len(crew.boards))
            self._give_up()
            for number in range(len(crew.started)):
                self._wake(crew, number)

    def join(self) -> None:
        """Wait until the threads have ended."""
        crew = self._crew
        if crew is not None:
            for number in range(len(crew.started)):
                while number not in crew.ended:
                    crew.alive[number].acquire(timeout=PATIENCE)

    def close(self) -> None:
        """End the threads."""
        self.end()
        self.join()

    def forget(self) -> None:
        """Forget the threads in a newly forked process, since they belong to its parent."""
        self._give_up()
        self._crew = None


def _claim(crew: Crew) -> bool:
    """Return True only to the first caller, which decides what happens to a paused crew."""
    try:
        return crew.idle.pop()
    except IndexError:
        return False


def _serve(owner: Any, library: Any, crew: Crew, number: int) -> None:
    """Run a thread until it is told to end or its owner is gone."""
    board, looks = crew.addresses[number], ctypes.c_double(LOOKS)
    try:
        while (state := library.look(board, looks)) >= 0 and (workers := owner()) is not None:
            if state:
                try:
                    workers._work(number + 1)
                except BaseException as error:  # any exception; the owner raises it
                    workers._failures.append(error)
                library.finish(board)
            del workers
            if not state and not crew.sleep[number].acquire(timeout=NAP) and _claim(crew):
                library.end(crew.addresses[0], len(crew.boards))  # the others too, later
    finally:
        crew.ended.append(number)
        crew.alive[number].release()
