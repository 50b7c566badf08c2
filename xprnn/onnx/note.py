"""What a file of ours says of the model it was written from, as a text beside the graph.

It has hyper-parameters and the standardisation, and no parameters: those are in the graph.
`original` believes none of it before the graph has shown it.
"""

import json
from typing import Any

import numpy as np

from xprnn import tree
from xprnn._sequences.scaling import Scaler
from xprnn.backend import to_host
from xprnn.model import Model
from xprnn.serialization import header
from xprnn.serialization.checks import shapes
from xprnn.serialization.hyperparameters import build, describe, known

__all__ = ["read", "written"]

_KEY = "xprnn"


def written(model: Model, dtype: str | None) -> dict[str, str]:
    """Return the strings of a file; none if the network has a cell or layer of one's own.

    Parameters
    ----------
    model : Model
    dtype : str or None
        The argument of `to_proto`.
    """
    try:
        network = describe(model.network)
    except TypeError:
        return {}
    told = {
        "network": network,
        "features": model.features,
        "outputs": model.outputs,
        "x_scaler": _scaler(model.x_scaler),
        "y_scaler": _scaler(model.y_scaler),
        "loss": describe(model.loss) if known(model.loss) else None,
        "mode": model.mode,
        "y_rank": model.y_rank,
        "feature_names": model.feature_names,
        "output_names": model.output_names,
        "precision": dtype or model.dtype,
        "dtype": dtype,
    }
    return {_KEY: json.dumps(told)}


def read(proto: Any) -> tuple[Model, str | None] | None:
    """Return the model that a file says it was written from, with zeros for parameters.

    Returns
    -------
    (Model, str or None) or None
        With the argument `dtype`; None if the file says nothing.
    """
    notes = {entry.key: entry.value for entry in proto.metadata_props}
    if _KEY not in notes:
        return None
    told = header.parse(notes[_KEY])
    dtype, precision = told.pop("dtype"), told.pop("precision")
    zeros, _ = shapes(told["network"], told["features"], proto.ByteSize() // 4)
    told |= {name: build(told[name], field=name) for name in ("network", "loss")}
    for name in ("x_scaler", "y_scaler"):
        if told[name] is not None:
            told[name] = Scaler(*(np.asarray(a, told[name]["dtype"]) for a in told[name]["arrays"]))
    for name in ("feature_names", "output_names"):
        told[name] = None if told.get(name) is None else tuple(map(str, told[name]))
    return Model(weights=tree.map(lambda a: a.astype(precision), zeros), **told), dtype


def _scaler(scaler: Scaler | None) -> Any:
    """Return a standardisation as JSON."""
    if scaler is None:
        return None
    arrays = [to_host(a) for a in scaler]
    return {"dtype": str(arrays[0].dtype), "arrays": [a.tolist() for a in arrays]}
