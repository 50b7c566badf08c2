"""The values in a graph that are not functions of x: weights, shapes, masks, first states.

Exporters write shapes and zeros with a dozen small nodes. They are not recognised one by
one: onnx's reference computes them, for a batch of a probe's sizes. How many numbers it may make
for one file is limited.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from xprnn.errors import ModelFileError
from xprnn.onnx import sizes, tensors
from xprnn.onnx.extra import library
from xprnn.onnx.signal import given, refused

__all__ = ["Probe"]

_SHAPE = {"Shape", "Size"}
"""What these give knows the shape of x and not its values."""

_CARRIERS = {
    "Cast", "Concat", "Expand", "Gather", "Identity", "Reshape", "Slice", "Split", "Squeeze",
    "Transpose", "Unsqueeze",
}  # fmt: skip
"""What these give are the numbers that they took."""

_RECURRENT = {"RNN", "LSTM", "GRU", "Scan", "Loop"}


_MADE = 2**25
"""How many numbers may be computed for a file, in addition to one for each of its bytes."""

_NODE = 2**14
"""How many of them each node costs in addition to its result, as it takes time."""


class Probe:
    """The parts of a graph that are no function of x.

    Parameters
    ----------
    model : onnx.ModelProto
    axes : tuple of str
        Those of x, ``("T", "B", "F")`` or ``("B", "T", "F")``.
    folder : path or None
        The file's folder, which may hold data of its tensors.

    Raises
    ------
    ModelFileError
        If a node comes before one that it reads, or x has impossible sizes.
    """

    def __init__(self, model: Any, axes: tuple[str, ...], folder: Path | None = None):
        self.model, self.graph, self._folder = model, model.graph, folder
        self._opsets = {o.domain.replace("ai.onnx", ""): o.version for o in model.opset_import}
        self.opset = self._opsets.get("", 1)
        self.made = {out: node for node in self.graph.node for out in node.output if out}
        self._order = {name: k for k, node in enumerate(self.graph.node) for name in node.output}
        self._tensors = {t.name: t for t in self.graph.initializer}
        self._left = _MADE + model.ByteSize() + tensors.beside(self._tensors.values(), folder)
        self.inputs: dict[str, Any] = {i.name: i for i in self.graph.input}
        self.x = next((name for name in self.inputs if name not in self._tensors), "")
        self.sizes = {"T": 5, "B": 3, "F": 1}
        dims = self.inputs[self.x].type.tensor_type.shape.dim if self.x else ()
        self.rank = len(dims)
        self._static = bool(dims and dims[-1].dim_value)
        for axis, dim in zip(axes, dims, strict=False):
            self.sizes[axis] = dim.dim_value or self.sizes[axis]
        B, T, F = (self.sizes[axis] for axis in "BTF")
        if min(B, T, F) < 0 or max(B * T, F) > _MADE:
            raise ModelFileError(f"x has the shape {tuple(self.sizes[axis] for axis in axes)}")
        self.shape_of: Callable[[str], tuple[int, ...]] = lambda name: ()
        self.lengths_name = next((name for name in self.inputs if self._is_lengths(name)), None)
        some, every = np.maximum(np.arange(T - B + 1, T + 1), 1), np.full(B, T)
        self.lengths = every if self.lengths_name is None else some
        self._known: dict[str, Any] = {}
        self._sources: dict[str, frozenset[str]] = {}
        self._carried: dict[str, bool] = {}
        self._follow()

    @property
    def features(self) -> int:
        """F, as x has it or else the first recurrent node."""
        for node in self.graph.node:
            if node.op_type in ("RNN", "LSTM", "GRU") and not self._static:
                return int(self.value(node.input[1]).shape[-1])
        return self.sizes["F"]

    def _is_lengths(self, name: str) -> bool:
        """Whether an input is a list of integers."""
        kind = self.inputs[name].type.tensor_type
        fixed = name in self._tensors and 0 not in self._tensors[name].dims
        return not fixed and kind.elem_type in (6, 7) and len(kind.shape.dim) == 1

    def _follow(self) -> None:
        """Find out what each value is a function of, and which are unchanged inputs."""
        for name in self.inputs:
            kind = "x" if name == self.x else "fixed" if name in self._tensors else "free"
            self._sources[name] = frozenset([kind])
        for node in self.graph.node:
            inputs = [name for name in node.input if name]
            late = [name for name in inputs if name in self.made and name not in self._sources]
            if late:
                raise refused(node, f"it reads {late[0]!r}, which is made after it")
            found = frozenset[str]().union(*map(self.sources, inputs))
            if node.op_type in _SHAPE:
                found = frozenset()
            elif node.op_type in _RECURRENT:
                found |= {"recurrent"}
            carries = node.op_type in _CARRIERS and all(map(self.carried, inputs))
            for name in node.output:
                self._sources[name] = found
                self._carried[name] = carries or not self.free(name)

    def sources(self, name: str) -> frozenset[str]:
        """Return what a value is a function of.

        ``"x"``, unless only its shape matters; ``"recurrent"``, a recurrent operator;
        ``"fixed"`` and ``"free"``, other inputs with and without a default value.
        """
        return self._sources.get(name, frozenset())

    def depends(self, name: str) -> bool:
        """Whether a value is a function of x."""
        return bool(self.sources(name) & {"x", "recurrent"})

    def free(self, name: str) -> bool:
        """Whether a value is a function of inputs that are not x and have no value of their own."""
        return bool(self.sources(name) & {"recurrent", "free"})

    def carried(self, name: str) -> bool:
        """Whether a value holds the numbers of inputs unchanged."""
        return self._carried.get(name, True)

    def check(self, node: Any) -> None:
        """Raise ModelFileError unless a node has the inputs and attributes of its operator."""
        checker = library().checker
        context = type(checker.DEFAULT_CONTEXT)()
        context.ir_version = self.model.ir_version or checker.DEFAULT_CONTEXT.ir_version
        context.opset_imports = self._opsets
        try:
            checker.check_node(node, context)
        except checker.ValidationError as error:
            raise refused(node, f"it is not a valid node: {error!s:.400}") from error

    def spend(self, node: Any, count: int) -> None:
        """Count numbers that are computed for a node; raise ModelFileError beyond the limit."""
        self._left -= count
        if self._left < 0:
            raise refused(node, "too many numbers would be computed from the constants of the file")

    def value(self, name: str) -> Any:
        """Return a value that is not a function of x, for a batch of the probe's sizes."""
        waiting, wanted = [name], set[int]()
        while waiting:
            n = waiting.pop()
            if not n or n in self._known or self._order.get(n) in wanted:
                continue
            if n == self.lengths_name:
                kind = self.inputs[n].type.tensor_type.elem_type
                dtype = library().helper.tensor_dtype_to_np_dtype(kind)
                self._known[n] = self.lengths.astype(dtype)
            elif n in self._tensors:
                self._known[n] = tensors.array(self._tensors[n], self._folder)
            elif n in self.inputs:
                raise ModelFileError(f"{name!r} is a function of the input {n!r}")
            elif n not in self.made:
                raise ModelFileError(f"{n!r} is no output of a node, and no constant")
            else:
                wanted.add(self._order[n])
                waiting.extend(() if self._is_shape(self.made[n]) else self.made[n].input)
        for k in sorted(wanted):
            self._compute(self.graph.node[k])
        return self._known[name]

    def _is_shape(self, node: Any) -> bool:
        """Whether a node gives the shape of a value that is a function of x."""
        return node.op_type in _SHAPE and self.depends(node.input[0])

    def _compute(self, node: Any) -> None:
        """Compute a node whose inputs are known."""
        from onnx.reference import ReferenceEvaluator

        helper = library().helper
        self.check(node)
        for attribute in node.attribute:
            if attribute.HasField("t"):
                tensors.array(attribute.t, None)  # raises if it is damaged
        if self._is_shape(node):
            shape = self.shape_of(node.input[0])
            feeds = {node.input[0]: np.broadcast_to(np.float32(0), shape)}
        else:
            feeds = {name: self._known[name] for name in node.input if name}
        try:
            arrays = [feeds[name] for name in node.input if name]
            size = sizes.result(node.op_type, arrays, given(node))
            if size is None or node.domain not in ("", "ai.onnx"):
                raise refused(node, "it does not depend on x, and its operator is not computed")
            self.spend(node, size + _NODE)
            values = [library().ValueInfoProto(name=name) for name in feeds]
            ends = [library().ValueInfoProto(name=name) for name in node.output if name]
            graph = helper.make_graph([node], "node", values, ends)
            with np.errstate(all="ignore"):
                outputs: Any = ReferenceEvaluator(graph, opsets=self._opsets).run(None, feeds)
        except ModelFileError:
            raise
        except Exception as error:  # the reference can raise anything
            raise refused(node, f"it can't be computed: {error!s:.400}") from error
        self._known |= dict(zip((end.name for end in ends), outputs, strict=True))

    def mask(self, axes: tuple[str, ...]) -> Any:
        """Return the valid steps with the axes given, of size 1 where there is neither T nor B."""
        mask = np.arange(self.sizes["T"])[:, None] < self.lengths[None, :]
        if [a for a in axes if a in "TB"] == ["B", "T"]:
            mask = mask.T
        shape = tuple(self.sizes[axis] if axis in "TB" else 1 for axis in axes)
        return mask.reshape(shape)
