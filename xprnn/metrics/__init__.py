"""Metrics: scores of predictions.

A metric is a function ``metric(y, y_hat, *, mask=None, lengths=None)``, with the true values
first, as in scikit-learn. It takes batch-first arrays of any backend, as `fit` does, and computes
on the host in float64.

**Padding.** `mask` (B, T) is True at valid steps; alternatively, `lengths` (B,) holds the number
of valid steps at the start of each sequence. Only valid steps count, all with the same weight; the
values at other steps have no effect. Sequences of different lengths may also be lists of arrays,
with a list of masks (T_i,).

**Frames** of pandas and polars are compared by column name, in any order, and must have the same
index.

**Quantities** (`mae`, `rmse`, `r2`, `mase`, `smape`, `coverage`): y and `y_hat` have the same
shape, (B, T, O), (T, O) or (T,), or are lists of (T, O) or (T,).

**Classes** (`accuracy`, `confusion_matrix`): y holds labels 0, 1, …, in any shape, such
as (B,), (B, T) or (B, T, 1). `y_hat` holds

- scores, the largest of which marks the predicted class, if it has one axis more than y, or C ≥ 2
  columns where y has one;
- labels, if it has the shape of y.

Both may also be (..., C): y one-hot and `y_hat` scores, if every row of y is one-hot and `y_hat`
has fractional numbers. If all numbers are whole, they could be labels, and the call raises an
error: pass y as labels, or labels as (..., 1).
"""

from xprnn.metrics.classification import accuracy, confusion_matrix
from xprnn.metrics.regression import coverage, mae, mase, r2, rmse, smape

__all__ = ["accuracy", "confusion_matrix", "coverage", "mae", "mase", "r2", "rmse", "smape"]
