"""Threads that share the work of one."""

import ctypes
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from xprnn.kernels.compiler import build

__all__ = ["Workers"]

SOURCE = Path(__file__).parent / "cpu" / "workers.c"

LOOKS = 0.0003
"""Seconds for which a worker looks for more work before it sleeps."""

PATIENCE = 0.1
"""Seconds to wait for a worker until Python may attend to something else."""


class Workers:
    """Some threads, which do parts of what their owner does, and end with it.

    Parameters
    ----------
    count : int
        Threads besides the owner's.

    Raises
    ------
    UnbuildableError
        If there is no C compiler.
    """

    def __init__(self, count: int):
        self._library = build(SOURCE)
        self._boards = np.zeros((count, 8), np.int64)
        self._addresses = [ctypes.c_void_p(row.ctypes.data) for row in self._boards]
        self._sleep = [threading.Lock() for _ in range(count)]
        self._work: Callable[[int], Any] | None = None
        self._failures: list[BaseException] = []
        self._threads = [
            threading.Thread(target=self._serve, args=(number,), daemon=True, name="xprnn")
            for number in range(count)
        ]
        for lock in self._sleep:
            lock.acquire()
        for thread in self._threads:
            thread.start()

    def _serve(self, number: int) -> None:
        board, looks = self._addresses[number], ctypes.c_double(LOOKS)
        while True:
            while not self._library.look(board, looks):
                self._sleep[number].acquire()
            if self._work is None:
                return
            try:
                self._work(number + 1)
            except BaseException as error:  # whatever it is, the owner raises it
                self._failures.append(error)
            self._library.finish(board)

    def share(
        self, work: Callable[[int], Any], parts: int, stop: Callable[[], Any] | None = None
    ) -> None:
        """Do parts 0, 1, … of some work at once, the first of them here.

        Parts that wait for one another need `stop`: called when the first part fails, as on
        Ctrl-C, it makes the others wait no longer.
        """
        self._settle()  # what Ctrl-C may have left
        self._work = work
        try:
            for number in range(parts - 1):
                self._post(number)
            work(0)
        except BaseException:
            if stop is not None:
                stop()
            raise
        finally:
            self._settle()
            self._work = None  # which may hold arrays
            failures, self._failures = self._failures, []
        if failures:
            raise failures[0]

    def _post(self, number: int) -> None:
        if self._library.post(self._addresses[number]):
            self._wake(number)

    def _wake(self, number: int) -> None:
        """Wake a worker that sleeps; a lock, and no Event, as Ctrl-C can't break it."""
        if self._sleep[number].locked():
            self._sleep[number].release()

    def _settle(self) -> None:
        """Wait until all that was posted is done."""
        for number in range(len(self._threads)):
            board, patience = self._addresses[number], ctypes.c_double(PATIENCE)
            while (state := self._library.wait(board, patience)) != 1:
                if state < 0:
                    self._wake(number)

    def close(self) -> None:
        """End the threads."""
        self._work = None
        for number in range(len(self._threads)):
            self._post(number)
        for thread in self._threads:
            thread.join()
