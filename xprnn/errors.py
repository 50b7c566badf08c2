"""The errors that xprnn raises in addition to ValueError and TypeError."""

__all__ = ["BackendUnavailableError", "MissingExtraError", "ModelFileError", "NonFiniteError"]


class BackendUnavailableError(RuntimeError):
    """A backend cannot be used, or can no longer be used; says why and what helps."""


class MissingExtraError(ImportError):
    """A feature needs an optional library that is not installed; says which."""


class ModelFileError(ValueError):
    """A file does not hold a model that this version of xprnn can read."""


class NonFiniteError(ArithmeticError):
    """The loss, a gradient or a parameter stopped being finite in training.

    Attributes
    ----------
    epoch : int
        The epoch in which it happened, counted from 1.
    name : str
        What was no longer finite: ``"loss"``, ``"gradient of 0.U"``, ``"gradient norm"``
        (its squares overflow before it does) or ``"parameter 0.U"``.
    model : Model
        The model with the last parameters that gave finite numbers.
    """

    def __init__(self, message, *, epoch, name, model):
        super().__init__(message)
        self.epoch = epoch
        self.name = name
        self.model = model
