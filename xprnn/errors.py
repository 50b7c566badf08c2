"""The errors that xprnn raises in addition to ValueError and TypeError."""

__all__ = ["BackendUnavailableError", "MissingExtraError", "ModelFileError", "NonFiniteError"]


class BackendUnavailableError(RuntimeError):
    """A backend can't be used, or can no longer be used; the message says why and what to do."""


class MissingExtraError(ImportError):
    """A feature needs an optional library that is not installed; the message names it."""


class ModelFileError(ValueError):
    """A file does not hold a model that this version of xprnn can read."""


class NonFiniteError(ArithmeticError):
    """The loss, a gradient or a parameter became infinite or NaN in training.

    Attributes
    ----------
    epoch : int
        The epoch in which it happened, counted from 1.
    name : str
        The number that was no longer finite: ``"loss"``, ``"gradient of 0.U"``, ``"gradient norm"``
        (its squares overflow before it does) or ``"parameter 0.U"``.
    model : Model
        The model with the last parameters for which all numbers were finite.
    """

    def __init__(self, message, *, epoch, name, model):
        super().__init__(message)
        self.epoch = epoch
        self.name = name
        self.model = model
