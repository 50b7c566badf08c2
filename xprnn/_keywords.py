"""The names that other libraries use for our arguments.

Python's error for an unknown keyword does not say what to use instead; `suggest_keywords` adds
xprnn's name for it.
"""

import difflib
import inspect
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from xprnn._fields import translate

P = ParamSpec("P")
R = TypeVar("R")

_SYNONYMS = {
    "activation": "nonlinearity",
    "backend": "device",
    "bidirectional": "bidir",
    "callbacks": "early_stopping_rounds n_iter_no_change patience",
    "cell": "cell_type rnn_type",
    "clip_norm": "clipnorm global_clipnorm grad_clip gradient_clip_val max_grad_norm max_norm",
    "dropout": "dropout_rate",
    "epochs": "max_epochs max_iter n_epochs n_iter nb_epoch num_epochs",
    "hidden_size": "hidden_dim hidden_layer_sizes hidden_units n_units units",
    "learning_rate": "learning_rate_init lr lr_scheduler",
    "lengths": "sequence_length sequence_lengths",
    "loss": "criterion loss_fn loss_function objective",
    "mode": "return_sequences",
    "network": "model",
    "num_layers": "layers n_layers",
    "optimizer": "optim solver",
    "penalty": "kernel_regularizer weight_decay",
    "progress": "verbose",
    "random_state": "seed",
    "sample_weight": "sample_weights",
    "seed": "random_seed random_state",
    "standardize": "normalize scale",
    "state": "initial_state",
    "validation_fraction": "validation_split",
}
"""Our arguments, with their names in torch, Keras and scikit-learn."""

_HOW = {
    "callbacks": "callbacks=[EarlyStopping(patience=...)] of xprnn.callbacks",
    "mode": "mode='many_to_many' or mode='many_to_one'",
    "penalty": "penalty=, see xprnn.penalties, or optimizer=AdamW(...)",
    "progress": "progress=True or False",
}
"""How to pass an argument that takes another kind of value here."""

_NONE = {
    "class_weight": "the loss has them: loss=CrossEntropy(class_weights=...)",
    "metrics": "xprnn.metrics has functions of y and the predictions",
    "shuffle": "every epoch draws new batches",
    "stateful": "pass the state on: predict(x, state=..., return_state=True)",
}
"""Names without an argument here, with what to do instead."""


def suggest_keywords(function: Callable[P, R]) -> Callable[P, R]:
    """Decorate a function so that its error for an unknown keyword names the keyword to use.

    Editors, type checkers and `help` still see its signature.

    Raises
    ------
    TypeError
        If the function is called with an unknown keyword.

    Examples
    --------
    >>> from xprnn._keywords import suggest_keywords
    >>> @suggest_keywords
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
    ours = translate(keyword, _SYNONYMS)
    if ours in known:
        return f": expected {_HOW.get(ours, f'{ours}=')}"
    if keyword in _NONE:
        return f": {_NONE[keyword]}"
    near = difflib.get_close_matches(keyword, known, n=1)
    return f": expected {near[0]}=" if near else f": it has {', '.join(known)}"
