"""Read the model from which xprnn wrote a file.

The metadata of the file describe the model, and the graph must confirm them: the model is written
again, and if the graphs differ in a single bit, the file is read like any other program's file.

The parameters are found in the same way. The model is written with numbered parameters: where its
graph has a number, the file has the parameter with that number.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from xprnn import tree
from xprnn._record import Record
from xprnn._sequences.scaling import Scaler
from xprnn._typing import Tree
from xprnn.onnx.read import tensors
from xprnn.onnx.write.export import METADATA, make_proto
from xprnn.serialization.json_text import parse_json
from xprnn.serialization.model import infer_shapes, read_fields

_BASE = 2**20
"""The base of a parameter's number, which has two digits, each exact in float32."""


def read_ours(proto: Any) -> Record | None:
    """Return the model from which `to_proto` wrote a file, or None for other files.

    Parameters
    ----------
    proto : onnx.ModelProto
    """
    try:
        (text,) = (entry.value for entry in proto.metadata_props if entry.key == METADATA)
        like, dtype = _read_metadata(text, proto.ByteSize())
        model = replace(like, params=_find_parameters(like, dtype, proto))
        again = make_proto(model, dtype, len(proto.graph.node))
    except Exception:  # missing or mismatched metadata can raise anything
        return None
    same = again.graph == proto.graph and list(again.opset_import) == list(proto.opset_import)
    return model if same and not proto.functions else None


def _read_metadata(text: str, size: int) -> tuple[Record, str | None]:
    """Return the model that a file's metadata describe, and the `dtype` passed to `to_proto`.

    The parameters are zeros, and no more than a file of `size` bytes can hold.
    """
    fields = parse_json(text)
    zeros, _ = infer_shapes(fields["network"], fields["features"], size // 4)
    model = Record(
        **read_fields(fields),
        params=tree.map(lambda a: a.astype(fields["precision"]), zeros),
        x_scaler=_read_scaler(fields["x_scaler"]),
        y_scaler=_read_scaler(fields["y_scaler"]),
    )
    return model, fields["dtype"]


def _read_scaler(fields: Any) -> Scaler | None:
    """Read a standardisation from JSON."""
    if fields is None:
        return None
    return Scaler(*(np.asarray(a, fields["dtype"]) for a in fields["arrays"]))


def _find_parameters(like: Record, dtype: str | None, proto: Any) -> Tree:
    """Return the parameters in a file that was written from a model like this one."""
    nodes = len(proto.graph.node)
    count = np.arange(sum(a.size for a in tree.leaves(like.params)))
    low, high = (
        make_proto(replace(like, params=_fill(like.params, digits)), dtype, nodes)
        for digits in (1 + count % _BASE, -1 - count // _BASE)
    )
    numbers = np.zeros(len(count))
    for units, tens, values in _list_constants(low.graph, high.graph, proto.graph):
        ours = (units > 0) & (tens < 0)
        at = units[ours].astype(int) - 1 + _BASE * (-1 - tens[ours].astype(int))
        numbers[at] = values[ours]
    return _fill(like.params, numbers)


def _fill(like: Tree, numbers: Any) -> Tree:
    """Return a tree like `like` that is filled with these numbers."""
    arrays, start = {}, 0
    for name, a in tree.flatten(like).items():
        arrays[name] = numbers[start : start + a.size].reshape(a.shape).astype(a.dtype)
        start += a.size
    return tree.unflatten(arrays, like)


def _list_constants(*graphs: Any) -> Iterator[list[Any]]:
    """Yield the constants at the same places in graphs with the same nodes."""
    tables = [{tensor.name: tensor for tensor in graph.initializer} for graph in graphs]
    seen = set()
    for names in _list_inputs(graphs):
        if names not in seen and names[0] in tables[0]:
            seen.add(names)
            yield [
                tensors.read_tensor(table[name], None)
                for table, name in zip(tables, names, strict=True)
            ]


def _list_inputs(graphs: Any) -> Iterator[tuple[str, ...]]:
    """Yield the names of the inputs of all nodes and their bodies, graph by graph in parallel."""
    for nodes in zip(*(graph.node for graph in graphs), strict=True):
        yield from zip(*(node.input for node in nodes), strict=True)
        for attributes in zip(*(node.attribute for node in nodes), strict=True):
            if attributes[0].name == "body":
                yield from _list_inputs([attribute.g for attribute in attributes])
