"""What a cell must have."""

from typing import Any, ClassVar, Protocol

from xprnn._typing import Array, Namespace


class Cell(Protocol):
    """What a cell must have."""

    gates: ClassVar[int]
    """G, the number of pre-activations for each hidden unit."""
    states: ClassVar[int]
    """The number of arrays in a state."""

    def forward(
        self, p: Array, q: Array, state: tuple[Array, ...], *, xp: Namespace
    ) -> tuple[tuple[Array, ...], Any]:
        """Return the next state and what `backward` needs."""

    def backward(
        self, dstate: tuple[Array, ...], memo: Any, *, xp: Namespace
    ) -> tuple[Array, Array, tuple[Any, ...]]:
        """Return the gradients of p, of q, and of the previous state directly."""


class Inner(Protocol):
    """What stands between two products with U: gates that act on h before the others see it."""

    gates: ClassVar[int]
    """How many; theirs are the first columns of W, U and b."""

    def forward(self, p: Array, q: Array, h: Array, *, xp: Namespace) -> tuple[Array, Any]:
        """Return what the other columns of U multiply in place of h, and a memo."""

    def backward(self, da: Array, memo: Any, *, xp: Namespace) -> tuple[Array, Array, Array]:
        """Return the gradients of p, of q, and of h directly."""


def inner_gates(cell: Cell) -> int:
    """Return how many gates stand before the second product; 0 if there is one product."""
    inner: Inner | None = getattr(cell, "inner", None)
    return inner.gates if inner else 0


def blocks(a: Array, count: int) -> list[Array]:
    """Cut a (..., count·H) into `count` arrays (..., H)."""
    size = a.shape[-1] // count
    return [a[..., k * size : (k + 1) * size] for k in range(count)]
