"""What the metrics share: sequences of any backend on the host, and their valid steps."""

from typing import Any

from xprnn._sequences.columns import check_indexes, read_names
from xprnn._sequences.reading import Sequences, arrange, clean_sequences, read_valid
from xprnn._typing import Array
from xprnn.backend import host, to_host


def columns_of(y: Any) -> tuple[str, ...] | None:
    """Return the names of the columns of y, in whose order the others are read.

    One column is compared with one column, whatever the two are called: then None.
    """
    columns = read_names("y", y)
    return None if columns is None or len(columns) == 1 else columns


def read_series(
    argument: str, value: Any, columns: tuple[str, ...] | None = None
) -> tuple[Sequences, list[Array]]:
    """Return an argument as sequences, and these one by one as host arrays (T_i, O)."""
    given = arrange(argument, value, columns=columns, one_axis=True)
    array = to_host(given.array).astype("float64")
    given = given._replace(array=array)
    sizes = given.sizes or [array.shape[1]] * len(array)
    return given, [a[:size] for a, size in zip(array, sizes, strict=True)]


def read_pairs(
    y: Any, y_hat: Any, mask: Any, lengths: Any, argument: str = "y_hat"
) -> list[tuple[Array, Array]]:
    """Return y and y_hat (T, O) at the valid steps of each sequence, which are finite.

    `argument` is the name of y_hat in error messages.
    """
    check_indexes("y", y, "mask", mask)
    check_indexes("y", y, argument, y_hat)
    columns = columns_of(y)
    true, trues = read_series("y", y, columns)
    predicted, predictions = read_series(argument, y_hat, columns)
    if len(predictions) != len(trues):
        raise ValueError(f"y has {len(trues)} sequence(s), {argument} {len(predictions)}")
    for i, (a, b) in enumerate(zip(trues, predictions, strict=True)):
        if a.shape != b.shape:
            raise ValueError(
                f"{argument} must have the shape of y: (T, O) of sequence {i} is {a.shape} in y, "
                f"{b.shape} in {argument}"
            )
    shape = true.array.shape[:2]
    valid = read_valid("y", shape, lengths, mask, sizes=true.sizes, least=0)
    if valid is None:
        valid = host.ones(shape, dtype=bool) if true.valid is None else true.valid
    if not valid.any():
        raise ValueError("y has no valid step")
    arrays = [
        clean_sequences(name, given._replace(valid=valid))
        for name, given in (("y", true), (argument, predicted))
    ]
    return [(a[v], b[v]) for a, b, v in zip(*arrays, valid, strict=True)]
