"""The graph of a file: the dependencies of each value, and the values independent of x.

Exporters write shapes, zeros and masks with a dozen small nodes. xprnn does not recognise them one
by one; it lets onnx's reference implementation compute them for a batch with small, odd sizes. The
count of numbers computed for one file is limited.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from xprnn.errors import ModelFileError
from xprnn.onnx.library import get_attributes, import_onnx, make_error
from xprnn.onnx.read import tensors
from xprnn.onnx.read.result_sizes import bound_result_size

_SHAPE = {"Shape", "Size"}
"""Operators whose results depend only on the shape of x."""

_COPYING = {
    "Cast", "Concat", "Expand", "Gather", "Identity", "Reshape", "Slice", "Split", "Squeeze",
    "Transpose", "Unsqueeze",
}  # fmt: skip
"""Operators whose results are unchanged numbers of their inputs."""

_RECURRENT = {"RNN", "LSTM", "GRU", "Scan", "Loop"}


_MOST = 2**25
"""The most numbers to compute for a file, plus one for each of its bytes."""

_NODE = 2**14
"""The cost of a node, in numbers, on top of those of its result, since it takes time."""


class FileGraph:
    """A graph, and the small batch of x for which its constants are computed.

    Parameters
    ----------
    model : onnx.ModelProto
    axes : tuple of str
        The axes of x, ``("T", "B", "F")`` or ``("B", "T", "F")``.
    folder : path or None
        The folder of the file, in which other files may hold its tensors.

    Raises
    ------
    ModelFileError
        If a node comes before one that it reads, or x has impossible sizes.
    """

    def __init__(self, model: Any, axes: tuple[str, ...], folder: Path | None = None):
        self.model, self.graph, self._folder = model, model.graph, folder
        self._opsets = {o.domain.replace("ai.onnx", ""): o.version for o in model.opset_import}
        self.opset = self._opsets.get("", 1)
        self.producers = {out: node for node in self.graph.node for out in node.output if out}
        self._order = {name: k for k, node in enumerate(self.graph.node) for name in node.output}
        self._tensors = {t.name: t for t in self.graph.initializer}
        self._budget = (
            _MOST + model.ByteSize() + tensors.count_external_bytes(self._tensors.values(), folder)
        )
        self.inputs: dict[str, Any] = {i.name: i for i in self.graph.input}
        self.x = next((name for name in self.inputs if name not in self._tensors), "")
        self.sizes = {"T": 5, "B": 3, "F": 1}
        dims = self.inputs[self.x].type.tensor_type.shape.dim if self.x else ()
        self.rank = len(dims)
        self._static = bool(dims and dims[-1].dim_value)
        for axis, dim in zip(axes, dims, strict=False):
            self.sizes[axis] = dim.dim_value or self.sizes[axis]
        B, T, F = (self.sizes[axis] for axis in "BTF")
        if min(B, T, F) < 0 or max(B * T, F) > _MOST:
            raise ModelFileError(f"x has the shape {tuple(self.sizes[axis] for axis in axes)}")
        self.shape_of: Callable[[str], tuple[int, ...]] = lambda name: ()
        self.lengths_name = next((name for name in self.inputs if self._is_lengths(name)), None)
        some, every = np.maximum(np.arange(T - B + 1, T + 1), 1), np.full(B, T)
        self.lengths = every if self.lengths_name is None else some
        self._values: dict[str, Any] = {}
        self._sources: dict[str, frozenset[str]] = {}
        self._find_sources()

    @property
    def features(self) -> int:
        """F, taken from x or, if x leaves it open, from the first recurrent node."""
        for node in self.graph.node:
            if node.op_type in ("RNN", "LSTM", "GRU") and not self._static:
                return int(self.compute(node.input[1]).shape[-1])
        return self.sizes["F"]

    def _is_lengths(self, name: str) -> bool:
        """Return whether an input is a list of integers."""
        kind = self.inputs[name].type.tensor_type
        fixed = name in self._tensors and 0 not in self._tensors[name].dims
        return not fixed and kind.elem_type in (6, 7) and len(kind.shape.dim) == 1

    def _find_sources(self) -> None:
        """Find the dependencies of each value."""
        for name in self.inputs:
            kind = "x" if name == self.x else "fixed" if name in self._tensors else "free"
            self._sources[name] = frozenset([kind])
        for node in self.graph.node:
            inputs = [name for name in node.input if name]
            later = [
                name for name in inputs if name in self.producers and name not in self._sources
            ]
            if later:
                raise make_error(node, f"it reads {later[0]!r}, which is made after it")
            sources = frozenset[str]().union(*map(self.sources, inputs))
            if node.op_type in _SHAPE:
                sources = frozenset()
            elif node.op_type in _RECURRENT:
                sources |= {"recurrent", "computed"}
            elif node.op_type not in _COPYING and "free" in sources:
                sources |= {"computed"}
            self._sources |= dict.fromkeys(node.output, sources)

    def sources(self, name: str) -> frozenset[str]:
        """Return the dependencies of a value.

        They are ``"x"``, unless only its shape matters; ``"recurrent"``, a recurrent operator;
        ``"fixed"`` and ``"free"``, other inputs with and without a default value; ``"computed"``,
        numbers computed from inputs without one.
        """
        return self._sources.get(name, frozenset())

    def depends_on_x(self, name: str) -> bool:
        """Return whether a value depends on x."""
        return bool(self.sources(name) & {"x", "recurrent"})

    def check(self, node: Any) -> None:
        """Raise ModelFileError unless a node has the inputs and attributes of its operator."""
        checker = import_onnx().checker
        context = type(checker.DEFAULT_CONTEXT)()
        context.ir_version = self.model.ir_version or checker.DEFAULT_CONTEXT.ir_version
        context.opset_imports = self._opsets
        try:
            checker.check_node(node, context)
        except checker.ValidationError as error:
            raise make_error(node, f"it is not a valid node: {error!s:.400}") from error

    def spend(self, node: Any, count: int) -> None:
        """Count the numbers computed for a node; raise ModelFileError above the limit."""
        self._budget -= count
        if self._budget < 0:
            raise make_error(
                node, "too many numbers would be computed from the constants of the file"
            )

    def compute(self, name: str) -> Any:
        """Compute a value that does not depend on x, for the batch of this graph."""
        names, indices = [name], set[int]()
        while names:
            n = names.pop()
            if not n or n in self._values or self._order.get(n) in indices:
                continue
            if n == self.lengths_name:
                kind = self.inputs[n].type.tensor_type.elem_type
                dtype = import_onnx().helper.tensor_dtype_to_np_dtype(kind)
                self._values[n] = self.lengths.astype(dtype)
            elif n in self._tensors:
                self._values[n] = tensors.read_tensor(self._tensors[n], self._folder)
            elif n in self.inputs:
                raise ModelFileError(f"{name!r} depends on the input {n!r}")
            elif n not in self.producers:
                raise ModelFileError(f"{n!r} is neither the output of a node nor a constant")
            else:
                indices.add(self._order[n])
                names.extend(() if self._is_shape(self.producers[n]) else self.producers[n].input)
        for k in sorted(indices):
            self._compute(self.graph.node[k])
        return self._values[name]

    def _is_shape(self, node: Any) -> bool:
        """Return whether a node returns the shape of a value that depends on x."""
        return node.op_type in _SHAPE and self.depends_on_x(node.input[0])

    def _compute(self, node: Any) -> None:
        """Compute a node whose inputs are known."""
        from onnx.reference import ReferenceEvaluator

        helper = import_onnx().helper
        self.check(node)
        for attribute in node.attribute:
            if attribute.HasField("t"):
                tensors.read_tensor(attribute.t, None)  # raises if it is damaged
        if self._is_shape(node):
            shape = self.shape_of(node.input[0])
            feeds = {node.input[0]: np.broadcast_to(np.float32(0), shape)}
        else:
            feeds = {name: self._values[name] for name in node.input if name}
        try:
            arrays = [feeds[name] for name in node.input if name]
            size = bound_result_size(node.op_type, arrays, get_attributes(node))
            if size is None or node.domain not in ("", "ai.onnx"):
                raise make_error(node, "it does not depend on x, and its operator is not computed")
            self.spend(node, size + _NODE)
            values = [import_onnx().ValueInfoProto(name=name) for name in feeds]
            ends = [import_onnx().ValueInfoProto(name=name) for name in node.output if name]
            graph = helper.make_graph([node], "node", values, ends)
            with np.errstate(all="ignore"):
                outputs: Any = ReferenceEvaluator(graph, opsets=self._opsets).run(None, feeds)
        except ModelFileError:
            raise
        except Exception as error:  # the reference can raise anything
            raise make_error(node, f"it can't be computed: {error!s:.400}") from error
        self._values |= dict(zip((end.name for end in ends), outputs, strict=True))

    def make_mask(self, axes: tuple[str, ...]) -> Any:
        """Return the mask on these axes; axes other than T and B have size 1."""
        mask = np.arange(self.sizes["T"])[:, None] < self.lengths[None, :]
        if [a for a in axes if a in "TB"] == ["B", "T"]:
            mask = mask.T
        shape = tuple(self.sizes[axis] if axis in "TB" else 1 for axis in axes)
        return mask.reshape(shape)
