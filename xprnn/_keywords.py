"""Names that other libraries have for our arguments.

Python's error for an unknown keyword only says that it is unknown; `hinting` adds the
name that xprnn has for it.
"""

import difflib
import inspect
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")

_ONES = {
    "bidir": "bidirectional",
    "cell_type": "cell",
    "clipnorm": "clip_norm",
    "criterion": "loss",
    "device": "backend",
    "dropout_rate": "dropout",
    "early_stopping": "callbacks",
    "early_stopping_rounds": "callbacks",
    "global_clipnorm": "clip_norm",
    "grad_clip": "clip_norm",
    "gradient_clip_val": "clip_norm",
    "hidden_dim": "hidden_size",
    "hidden_layer_sizes": "hidden_size",
    "hidden_units": "hidden_size",
    "initial_state": "state",
    "kernel_regularizer": "penalty",
    "layers": "num_layers",
    "learning_rate_init": "learning_rate",
    "loss_fn": "loss",
    "loss_function": "loss",
    "lr": "learning_rate",
    "lr_scheduler": "learning_rate",
    "max_epochs": "epochs",
    "max_grad_norm": "clip_norm",
    "max_iter": "epochs",
    "max_norm": "clip_norm",
    "model": "network",
    "n_epochs": "epochs",
    "n_iter": "epochs",
    "n_iter_no_change": "callbacks",
    "n_layers": "num_layers",
    "n_units": "hidden_size",
    "nb_epoch": "epochs",
    "nonlinearity": "activation",
    "normalize": "standardize",
    "num_epochs": "epochs",
    "objective": "loss",
    "optim": "optimizer",
    "patience": "callbacks",
    "random_seed": "seed",
    "random_state": "seed",
    "return_sequences": "mode",
    "rnn_type": "cell",
    "sample_weights": "sample_weight",
    "scale": "standardize",
    "seed": "random_state",
    "sequence_length": "lengths",
    "sequence_lengths": "lengths",
    "solver": "optimizer",
    "units": "hidden_size",
    "validation_fraction": "validation_data",
    "validation_split": "validation_data",
    "verbose": "progress",
    "weight_decay": "penalty",
}
"""Names of torch, Keras and scikit-learn, with those used here."""

_HOW = {
    "callbacks": "callbacks=[EarlyStopping(patience=...)] of xprnn.callbacks",
    "mode": "mode='many_to_many' or mode='many_to_one'",
    "penalty": "penalty=, see xprnn.penalties, or optimizer=AdamW(...)",
    "progress": "progress=True or False",
    "validation_data": "validation_data=(x, y), data that you set apart yourself",
}
"""How to give an argument that takes something else here."""

_NONE = {
    "class_weight": "the loss has them: loss=CrossEntropy(class_weights=...)",
    "metrics": "xprnn.metrics has functions of y and of what predict gives",
    "shuffle": "batches are drawn anew in every epoch",
    "stateful": "hand on the state: predict(x, state=..., return_state=True)",
}
"""Names that have no argument here, with what to do instead."""


def hinting(function: Callable[P, R]) -> Callable[P, R]:
    """Decorate a function so that its error for an unknown keyword names the one to use.

    Editors, type checkers and `help` still see its signature.

    Raises
    ------
    TypeError
        When the function is called with a keyword that it does not have.

    Examples
    --------
    >>> from xprnn._keywords import hinting
    >>> @hinting
    ... def train(epochs=1, learning_rate=0.1):
    ...     return epochs
    >>> train(epochs=3)
    3
    >>> train(lr=0.1)
    Traceback (most recent call last):
    TypeError: train has no argument 'lr': expected learning_rate=
    """
    known = [name for name in inspect.signature(function).parameters if name != "self"]

    @wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        for keyword in kwargs:
            if keyword not in known:
                own = function.__name__ == "__init__"
                name = type(args[0]).__name__ if own else function.__name__
                raise TypeError(f"{name} has no argument {keyword!r}{_hint(keyword, known)}")
        return function(*args, **kwargs)

    return call


def _hint(keyword: str, known: list[str]) -> str:
    """Return the end of the error for an unknown keyword: the name to use here."""
    meant = _ONES.get(keyword)
    if meant in known:
        return f": expected {_HOW.get(meant, f'{meant}=')}"
    if keyword in _NONE:
        return f": {_NONE[keyword]}"
    near = difflib.get_close_matches(keyword, known, n=1)
    return f": expected {near[0]}=" if near else f": it has {', '.join(known)}"
