"""Columns whose names say that they are lags, and warnings about their order."""

import re
from typing import Any

from xprnn._validate import warn

ORDERS = ("oldest_first", "newest_first")
_LAG = re.compile(r"(?:^|[\W_])(?:lags?|t(?= ?-))[ _-]*(\d+)\W?$", re.IGNORECASE)
"""lag_1, lag1, sold_lag-1, t-1, sold(t-1)"""


def ages(names: Any) -> dict[str, int]:
    """Return how many steps back each lag is, by the name of its column.

    Examples
    --------
    >>> from xprnn.estimators.lags import ages
    >>> ages(["lag_1", "lag_12", "sold(t-2)", "month", "flag"])
    {'lag_1': 1, 'lag_12': 12, 'sold(t-2)': 2}
    """
    found = {name: _LAG.search(str(name)) for name in names}
    return {name: int(match[1]) for name, match in found.items() if match}


def warn_of_others(names: Any) -> None:
    """Warn if only some columns are lags, as every column is read as a step."""
    lags = ages(names)
    others = [name for name in names if name not in lags]
    if lags and others:
        warn(
            f"X has columns that are not lags, {_few(others)}, and every column of a 2-D X is read "
            "as a step of one series; inputs beside lags need an axis of their own: X (n, T, F)"
        )


def warn_of_order(names: Any, order: str) -> None:
    """Warn if the columns are lags in another order than `column_order` says."""
    lags = ages(names)
    back = list(lags.values())
    if len(back) < 2:
        return
    if back == sorted(back):
        stands = "newest_first"
    elif back == sorted(back, reverse=True):
        stands = "oldest_first"
    else:
        stands = "in no order"
    if stands != order:
        remedy = "sort them" if stands == "in no order" else f"give column_order={stands!r}"
        warn(
            f"the columns of X are lags {stands.replace('_', ' ')}, {_few(lags)}, and "
            f"column_order={order!r} reads them as steps {order.replace('_', ' ')}: {remedy}"
        )


def _few(names: Any) -> str:
    names = [str(name) for name in names]
    return ", ".join(names[:3]) + (", …" if len(names) > 3 else "")
