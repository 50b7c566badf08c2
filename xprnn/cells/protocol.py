"""The protocol of a cell."""

from typing import Any, ClassVar, Protocol

from xprnn._typing import Array, Namespace


class Cell(Protocol):
    """The protocol of a cell."""

    gates: ClassVar[int]
    """G, the number of pre-activations for each hidden unit."""
    states: ClassVar[int]
    """The number of arrays in the cell's state."""

    def forward(
        self, p: Array, q: Array, state: tuple[Array, ...], *, xp: Namespace
    ) -> tuple[tuple[Array, ...], Any]:
        """Return the next state and the memo that `backward` needs."""

    def backward(
        self, dstate: tuple[Array, ...], memo: Any, *, xp: Namespace
    ) -> tuple[Array, Array, tuple[Any, ...]]:
        """Return the gradients of p, of q, and of the previous state (the direct part)."""


class Inner(Protocol):
    """The protocol of a cell's inner part: gates that act on h before the other gates see it."""

    gates: ClassVar[int]
    """The number of these gates; the first columns of W, U and b are theirs."""

    def forward(self, p: Array, q: Array, h: Array, *, xp: Namespace) -> tuple[Array, Any]:
        """Return the array that the other columns of U multiply in place of h, and a memo."""

    def backward(self, da: Array, memo: Any, *, xp: Namespace) -> tuple[Array, Array, Array]:
        """Return the gradients of p, of q, and of h (the direct part)."""


def inner_gates(cell: Cell) -> int:
    """Return the number of gates before the second product with U; 0 without one."""
    inner: Inner | None = getattr(cell, "inner", None)
    return inner.gates if inner else 0


def blocks(a: Array, count: int) -> list[Array]:
    """Split a (..., count·H) into `count` arrays (..., H)."""
    size = a.shape[-1] // count
    return [a[..., k * size : (k + 1) * size] for k in range(count)]
