"""Columns whose names say that they are lags, and warnings about their order."""

import re
from typing import Any

from xprnn._fields import warn

ORDERS = ("oldest_first", "newest_first")
_LAG = re.compile(r"(?:^|[\W_])(?:lags?|t(?= ?-))[ _-]*(\d+)\W?$", re.IGNORECASE)
"""lag_1, lag1, sold_lag-1, t-1, sold(t-1)"""


def read_lags(names: Any) -> dict[str, int]:
    """Return the lag of each column, in steps, by column name.

    Examples
    --------
    >>> from xprnn.estimators.lags import read_lags
    >>> read_lags(["lag_1", "lag_12", "sold(t-2)", "month", "flag"])
    {'lag_1': 1, 'lag_12': 12, 'sold(t-2)': 2}
    """
    matches = {name: _LAG.search(str(name)) for name in names}
    return {name: int(match[1]) for name, match in matches.items() if match}


def warn_of_other_columns(names: Any) -> None:
    """Warn if some columns are not lags, since every column is read as a step."""
    lags = read_lags(names)
    others = [name for name in names if name not in lags]
    if lags and others:
        warn(
            f"X has columns that are not lags, {_join(others)}, and every column of a 2-D X is "
            "read as a step of one series; other inputs need an axis of features: X (n, T, F)"
        )


def warn_of_order(names: Any, column_order: str) -> None:
    """Warn if the columns are lags in another order than `column_order`."""
    lags = read_lags(names)
    steps = list(lags.values())
    if len(steps) < 2:
        return
    if steps == sorted(steps):
        order, remedy = "newest_first", "give column_order='newest_first'"
    elif steps == sorted(steps, reverse=True):
        order, remedy = "oldest_first", "give column_order='oldest_first'"
    else:
        order, remedy = "in_no_order", "sort them"
    if order != column_order:
        warn(
            f"the columns of X are lags {order.replace('_', ' ')}, {_join(lags)}, and "
            f"column_order={column_order!r} reads them as steps {column_order.replace('_', ' ')}: "
            f"{remedy}"
        )


def _join(names: Any) -> str:
    """Return the first three names, for errors."""
    names = [str(name) for name in names]
    return ", ".join(names[:3]) + (", …" if len(names) > 3 else "")
