"""CuPy's own names and arguments, as tests/cuda/read_cupy.py read them."""

import functools
import inspect
import re
from pathlib import Path

VERSION, *LINES = (Path(__file__).parent / "signatures.txt").read_text().splitlines()

KNOWN = {re.match(r"[\w.]*", line)[0]: line for line in LINES}
"""The line of each name."""


@functools.cache
def signature(name):
    """Return the arguments that CuPy's function takes."""
    arguments = KNOWN[name].removeprefix(name)
    arguments = arguments[: arguments.rindex(")") + 1]
    return inspect.signature(eval(f"lambda {arguments[1:-1]}: None"))


def loops(name):
    """Return the dtypes of a ufunc of one result, such as ``["ff->f"]``; [] for what is none."""
    return [word for word in KNOWN[name].split() if re.fullmatch(r"[?\w]+->[?\w]", word)]


def checked(name):
    """Return a decorator: what is called with other arguments than CuPy takes is a TypeError."""

    def decorate(function):
        @functools.wraps(function)
        def call(*args, **kwargs):
            bind(name, args, kwargs)
            return function(*args, **kwargs)

        return call

    return decorate


def bind(name, args, kwargs):
    """Raise TypeError unless CuPy's function takes these arguments."""
    error = _misfit(name, len(args), tuple(kwargs))
    if error is not None:
        raise TypeError(f"cupy.{name}: {error}")


@functools.cache
def _misfit(name, count, keywords):
    """Return why so many arguments, and those keywords, do not fit; None if they do."""
    try:
        signature(name).bind(*range(count), **dict.fromkeys(keywords))
    except TypeError as error:
        return str(error)
    return None


def has(module, name):
    """Whether the stand-in has what CuPy has under a dotted name."""
    found = module
    for part in name.split("."):
        if part not in dir(found):
            return False
        found = getattr(found, part)
    return True


def absent(path, name):
    """Raise for a name that is not here: AttributeError only if CuPy has none of that name."""
    full = f"{path}.{name}".lstrip(".")
    if full in KNOWN:
        raise NotImplementedError(
            f"CuPy has {full}, and its stand-in in tests/cuda/standin has not: add it there"
        )
    raise AttributeError(f"CuPy has no {full}")
