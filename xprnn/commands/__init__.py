"""The commands of the command line, one a file, each with `add` and `run`.

`add` describes a command to argparse, `run` does it and returns the exit status.
"""

from xprnn.commands import (
    backends,
    backtest,
    bench,
    check_gradients,
    demo,
    fit,
    forecast,
    predict,
)

__all__ = ["COMMANDS"]

COMMANDS = (fit, predict, forecast, backtest, backends, check_gradients, bench, demo)
"""In the order of ``xprnn --help``."""
