"""Metrics: how good predictions are, in numbers that people compare.

A metric is a function ``metric(y, y_hat, *, mask=None, lengths=None)``, the true values
first, as in scikit-learn. It takes arrays as `fit` does, batch-first, of any backend,
and computes on the host in float64.

**Padding.** `mask` (B, T) is True at valid steps; `lengths` (B,) says instead how many
steps at the start of each sequence are valid. Only valid steps count, all with the same
weight; the numbers at other steps have no effect. Sequences of different lengths may also
be lists of arrays, with a list of masks (T_i,).

**Frames** of pandas and polars are compared by the names of their columns, whatever their
order, and must have the same index.

**Quantities** (`mae`, `rmse`, `r2`, `mase`, `smape`, `coverage`): y and `y_hat` have one shape,
(B, T, O), (T, O) or (T,), or are lists of (T, O) or (T,).

**Classes** (`accuracy`, `confusion_matrix`): y holds labels 0, 1, …, in any shape, such
as (B,), (B, T) or (B, T, 1). `y_hat` holds

- scores, whose largest is the predicted class, if it has one axis more than y, or C ≥ 2
  columns where y has one;
- labels, if it has the shape of y.

Both may also be (..., C): y one-hot and `y_hat` scores, if every row of y is one-hot and
`y_hat` has numbers that are not whole. If all numbers are whole, they could be labels, and
the call is refused: give y as labels, or labels as (..., 1).
"""

from xprnn.metrics.classification import accuracy, confusion_matrix
from xprnn.metrics.regression import coverage, mae, mase, r2, rmse, smape

__all__ = ["accuracy", "confusion_matrix", "coverage", "mae", "mase", "r2", "rmse", "smape"]
