"""A model's hyper-parameters and standardisation as a text beside the graph of its file.

The parameters are in the graph alone. `read.ours` believes nothing of the text before the
graph has confirmed it.
"""

import json
from typing import Any

import numpy as np

from xprnn import tree
from xprnn._record import Record
from xprnn._sequences.scaling import Scaler
from xprnn.backend import to_host
from xprnn.serialization.hyperparameters import build, describe, is_known
from xprnn.serialization.json_text import parse_json
from xprnn.serialization.model import shapes

_KEY = "xprnn"


def describe_model(model: Record, dtype: str | None) -> dict[str, str]:
    """Return the metadata of a file; none if the network has a cell or layer of one's own.

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
    fields = {
        "network": network,
        "features": model.features,
        "outputs": model.outputs,
        "x_scaler": _scaler(model.x_scaler),
        "y_scaler": _scaler(model.y_scaler),
        "loss": describe(model.loss) if is_known(model.loss) else None,
        "mode": model.mode,
        "y_rank": model.y_rank,
        "feature_names": model.feature_names,
        "output_names": model.output_names,
        "precision": dtype or model.dtype,
        "dtype": dtype,
    }
    return {_KEY: json.dumps(fields)}


def read_metadata(proto: Any) -> tuple[Record, str | None] | None:
    """Return the model that the metadata of a file describe, with zeros for parameters.

    Returns
    -------
    (Record, str or None) or None
        The model and the argument `dtype`; None if the file has no such metadata.
    """
    notes = {entry.key: entry.value for entry in proto.metadata_props}
    if _KEY not in notes:
        return None
    fields = parse_json(notes[_KEY])
    dtype, precision = fields.pop("dtype"), fields.pop("precision")
    zeros, _ = shapes(fields["network"], fields["features"], proto.ByteSize() // 4)
    fields |= {name: build(fields[name], field=name) for name in ("network", "loss")}
    for name in ("x_scaler", "y_scaler"):
        if fields[name] is not None:
            fields[name] = Scaler(
                *(np.asarray(a, fields[name]["dtype"]) for a in fields[name]["arrays"])
            )
    for name in ("feature_names", "output_names"):
        fields[name] = None if fields.get(name) is None else tuple(map(str, fields[name]))
    return Record(params=tree.map(lambda a: a.astype(precision), zeros), **fields), dtype


def _scaler(scaler: Scaler | None) -> Any:
    """Return a standardisation as JSON."""
    if scaler is None:
        return None
    arrays = [to_host(a) for a in scaler]
    return {"dtype": str(arrays[0].dtype), "arrays": [a.tolist() for a in arrays]}
