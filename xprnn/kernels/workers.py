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


class Workers:
    """Some threads, which do parts of what their owner does, and end with it.

    Parameters
    ----------
    count : int
        Threads besides the owner's.

    Raises
    ------
    Unbuildable
        If there is no C compiler.
    """

    def __init__(self, count: int):
        self._library = build(SOURCE)
        self._boards = np.zeros((count, 8), np.int64)
        self._woken = [threading.Event() for _ in range(count)]
        self._work: Callable[[int], Any] | None = None
        self._failures: list[BaseException] = []
        self._threads = [
            threading.Thread(target=self._serve, args=(number,), daemon=True, name="xprnn")
            for number in range(count)
        ]
        for thread in self._threads:
            thread.start()

    def _board(self, number: int) -> ctypes.c_void_p:
        return ctypes.c_void_p(self._boards[number].ctypes.data)

    def _serve(self, number: int) -> None:
        board, woken, looks = self._board(number), self._woken[number], ctypes.c_double(LOOKS)
        while True:
            while not self._library.look(board, looks):
                woken.wait()
                woken.clear()
            if self._work is None:
                return
            try:
                self._work(number + 1)
            except BaseException as error:  # whatever it is, the owner raises it
                self._failures.append(error)
            self._library.finish(board)

    def share(self, work: Callable[[int], Any], parts: int) -> None:
        """Do parts 0, 1, … of some work at once, the first of them here."""
        self._work = work
        for number in range(parts - 1):
            self._post(number)
        try:
            work(0)
        finally:
            for number in range(parts - 1):
                self._library.wait(self._board(number))
            self._work = None  # which may hold arrays
        if self._failures:
            raise self._failures.pop()

    def _post(self, number: int) -> None:
        if self._library.post(self._board(number)):
            self._woken[number].set()

    def close(self) -> None:
        """End the threads."""
        self._work = None
        for number in range(len(self._threads)):
            self._post(number)
        for thread in self._threads:
            thread.join()
