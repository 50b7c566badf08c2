"""The standard activations: without parameters, and ELU, whose α is usually 1."""

from dataclasses import dataclass

from xprnn._fields import check_fields, number


@dataclass(frozen=True)
class Tanh:
    """f(z) = tanh z, f'(z) = 1 - y²."""

    def forward(self, z, *, xp):
        return xp.tanh(z)

    def backward(self, dy, z, y, *, xp):
        return dy * (1 - y * y)


@dataclass(frozen=True)
class Sigmoid:
    """f(z) = 1 / (1 + exp(-z)) = (1 + tanh(z/2)) / 2, f'(z) = y (1 - y).

    The form with tanh never overflows.
    """

    def forward(self, z, *, xp):
        return 0.5 + 0.5 * xp.tanh(0.5 * z)

    def backward(self, dy, z, y, *, xp):
        return dy * (y * (1 - y))


@dataclass(frozen=True)
class ReLU:
    """f(z) = max(z, 0), f'(z) = 1 for z > 0, else 0; the derivative at the kink z = 0 is 0."""

    def forward(self, z, *, xp):
        return xp.maximum(z, xp.zeros_like(z))

    def backward(self, dy, z, y, *, xp):
        return xp.where(z > 0, dy, xp.zeros_like(dy))


@dataclass(frozen=True)
class Identity:
    """f(z) = z, f'(z) = 1."""

    def forward(self, z, *, xp):
        return z

    def backward(self, dy, z, y, *, xp):
        return dy


@dataclass(frozen=True)
class Softsign:
    """f(z) = z / (1 + |z|), f'(z) = 1 / (1 + |z|)²."""

    def forward(self, z, *, xp):
        return z / (1 + xp.abs(z))

    def backward(self, dy, z, y, *, xp):
        scale = 1 + xp.abs(z)
        return dy / (scale * scale)


@dataclass(frozen=True)
class Softplus:
    """f(z) = log(1 + exp z), f'(z) = sigmoid(z) = 1 - exp(-y)."""

    def forward(self, z, *, xp):
        return xp.logaddexp(z, xp.zeros_like(z))

    def backward(self, dy, z, y, *, xp):
        return -dy * xp.expm1(-y)


@dataclass(frozen=True)
class ELU:
    """f(z) = z for z > 0, else α (exp(z) - 1); f'(z) = 1 for z > 0, else y + α.

    Clevert, Unterthiner and Hochreiter, "Fast and Accurate Deep Network
    Learning by Exponential Linear Units", 2016.
    """

    alpha: float = 1.0

    def __post_init__(self):
        check_fields(self, alpha=number)

    def forward(self, z, *, xp):
        return xp.where(z > 0, z, self.alpha * xp.expm1(xp.minimum(z, xp.zeros_like(z))))

    def backward(self, dy, z, y, *, xp):
        return xp.where(z > 0, dy, dy * (y + self.alpha))
