"""The model that `fit` returns: a network with its parameters, ready to be applied."""

from xprnn.model.model import Model

__all__ = ["Model"]
