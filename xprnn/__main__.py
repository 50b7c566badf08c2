"""The entry point of the command line: parse the arguments, run a command, report errors."""

import argparse
import contextlib
import os
import signal
import sys
import threading
import warnings
from collections.abc import Iterator
from typing import Any

from xprnn._cli import demo, explore, fit, forecast, machine, output
from xprnn._cli.options import Parser
from xprnn._version import __version__
from xprnn.errors import BackendUnavailableError, MissingExtraError, NonFiniteError

_ERRORS = (
    NonFiniteError, ValueError, TypeError, OverflowError, OSError, MemoryError,
    BackendUnavailableError, MissingExtraError,
)  # fmt: skip
"""Errors reported as one line on standard error; any other is a bug and gets a traceback."""


def _make_parser() -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = Parser(
        prog="xprnn",
        description="Recurrent neural networks for NumPy and CuPy.",
        epilog="Exit status: 0 for success, 1 if training diverged or a gradient is wrong, 2 for "
        "bad input, 130 if interrupted. Example: xprnn forecast sunspots.csv --steps 22",
    )
    parser.add_argument("--version", action="version", version=f"xprnn {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for group in (fit, forecast, machine, demo, explore):  # the order of xprnn --help
        group.add_commands(commands)
    return parser


def main(arguments: list[str] | None = None) -> int:
    """Run a command; return the exit status."""
    options = _make_parser().parse_args(arguments)
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors="replace")  # the code page may lack one of the characters
    try:
        with warnings.catch_warnings(), _interruptible(options.command):
            warnings.simplefilter("always", UserWarning)
            warnings.showwarning = _print_warning
            output.check_paths(options)
            status: int = options.run(options)
        if sys.stdout is not None:
            sys.stdout.flush()
    except (KeyboardInterrupt, _Interrupted):
        return 130
    except BrokenPipeError:  # the reader, such as head, has stopped reading
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except _ERRORS as error:
        output.note(_describe(error, options))
        return 1 if isinstance(error, NonFiniteError) else 2
    return status


class _Interrupted(BaseException):
    """Ctrl-C, which ends the whole command and not only the training."""


@contextlib.contextmanager
def _interruptible(command: str) -> Iterator[None]:
    """Let Ctrl-C end the whole command, except `fit`, which saves the model trained so far."""
    if command == "fit" or threading.current_thread() is not threading.main_thread():
        yield
        return

    def interrupt(*_: Any) -> None:
        raise _Interrupted

    handler = signal.signal(signal.SIGINT, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, handler)


def _print_warning(
    message: Warning | str, category: type[Warning], filename: str, lineno: int, *_: Any, **__: Any
) -> None:
    """Print a warning as one line, with its location and class unless it is a UserWarning."""
    text = " ".join(str(message).split())
    if not issubclass(category, UserWarning):
        text = f"{filename}:{lineno}: {category.__name__}: {text}"
    output.note(text)


def _describe(error: Exception, options: argparse.Namespace) -> str:
    """Describe an error in one line that names the option instead of the Python argument."""
    if isinstance(error, MemoryError):
        return "there is not enough memory for this"
    text = " ".join(str(error).split())
    if isinstance(error, OSError) and error.filename and error.strerror:
        return f"{error.filename}: {error.strerror}"
    argument, _, rest = text.partition(" ")
    if argument == "y" and getattr(options, "target", None) is not None:
        return f"column {options.target!r} {rest}"
    if argument in vars(options) and rest.startswith("must"):
        return f"--{argument.replace('_', '-')} {rest}"
    return text


if __name__ == "__main__":
    sys.exit(main())
