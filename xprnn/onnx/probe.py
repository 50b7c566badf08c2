"""What in a graph is no function of x: weights, shapes, masks, first states.

Exporters write shapes and zeros with a dozen small nodes. They are not recognised one by
one: onnx's reference computes them, for a batch of a probe's sizes.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from xprnn.errors import ModelFileError
from xprnn.onnx.extra import library

__all__ = ["Probe"]

_SHAPE = {"Shape", "Size"}
"""What these give knows the shape of x and not its values."""

_CARRIERS = {
    "Cast", "Concat", "Expand", "Gather", "Identity", "Reshape", "Slice", "Split", "Squeeze",
    "Transpose", "Unsqueeze",
}  # fmt: skip
"""What these give are the numbers that they took."""

_RECURRENT = {"RNN", "LSTM", "GRU", "Scan", "Loop"}


class Probe:
    """The parts of a graph that are no function of x.

    Parameters
    ----------
    model : onnx.ModelProto
    axes : tuple of str
        Those of x, ``("T", "B", "F")`` or ``("B", "T", "F")``.
    """

    def __init__(self, model: Any, axes: tuple[str, ...]):
        self.model, self.graph = model, model.graph
        self.opset = max((o.version for o in model.opset_import if not o.domain), default=1)
        self.made = {out: node for node in self.graph.node for out in node.output if out}
        array = library().numpy_helper.to_array
        self.constants = {t.name: array(t) for t in self.graph.initializer}
        self.inputs: dict[str, Any] = {i.name: i for i in self.graph.input}
        self.x = next((name for name in self.inputs if name not in self.constants), "")
        self.sizes = {"T": 5, "B": 3, "F": 1}
        dims = self.inputs[self.x].type.tensor_type.shape.dim if self.x else ()
        self.rank = len(dims)
        self._static = bool(dims and dims[-1].dim_value)
        for axis, dim in zip(axes, dims, strict=False):
            self.sizes[axis] = dim.dim_value or self.sizes[axis]
        self.shape_of: Callable[[str], tuple[int, ...]] = lambda name: ()
        B, T = self.sizes["B"], self.sizes["T"]
        self.lengths_name = next((name for name in self.inputs if self._is_lengths(name)), None)
        some, every = np.maximum(np.arange(T - B + 1, T + 1), 1), np.full(B, T)
        self.lengths = every if self.lengths_name is None else some
        self._known: dict[str, Any] = {}

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
        fixed = name in self.constants and self.constants[name].size > 0
        return not fixed and kind.elem_type in (6, 7) and len(kind.shape.dim) == 1

    def sources(self, name: str, *, shapes: bool = False) -> set[str]:
        """Return the inputs that a value is a function of, and recurrent operators before it.

        x counts where its values do, with `shapes` where its shape does.
        """
        found, waiting, seen = set(), [name], set()
        while waiting:
            name = waiting.pop()
            if name in seen:
                continue
            seen.add(name)
            node = self.made.get(name)
            if name in self.inputs:
                found.add(name)
            elif node is not None and (shapes or node.op_type not in _SHAPE):
                found |= {node.op_type} & _RECURRENT
                waiting.extend(node.input)
        return found

    def depends(self, name: str) -> bool:
        """Whether a value is a function of x."""
        return bool(self.sources(name) & ({self.x} | _RECURRENT))

    def free(self, name: str) -> bool:
        """Whether a value is a function of inputs that are not x and have no value of their own."""
        return bool(self.sources(name) - {self.x, *self.constants})

    def carried(self, name: str) -> bool:
        """Whether the numbers of inputs come to a value as they were."""
        node = self.made.get(name)
        if node is None or not self.free(name):
            return True
        return node.op_type in _CARRIERS and all(map(self.carried, filter(None, node.input)))

    def value(self, name: str) -> Any:
        """Return a value that is no function of x, for a batch of the probe's sizes."""
        if name in self.constants and name != self.lengths_name:
            return self.constants[name]
        if name not in self._known:
            self._known[name] = self._computed(name)
        return self._known[name]

    def _computed(self, name: str) -> Any:
        from onnx.reference import ReferenceEvaluator

        helper = library().helper
        wanted, nodes = {name}, []
        feeds: dict[str, Any] = {}
        for node in reversed(self.graph.node):
            if not wanted & set(node.output):
                continue
            nodes.append(node)
            if node.op_type in _SHAPE and self.depends(node.input[0]):
                feeds[node.input[0]] = np.zeros(self.shape_of(node.input[0]), dtype="float32")
            else:
                wanted |= set(node.input)
        graph = helper.make_graph(
            nodes[::-1],
            "probe",
            [
                *(self.inputs[i] for i in self.inputs if i in wanted),
                *(helper.make_tensor_value_info(i, 1, a.shape) for i, a in feeds.items()),
            ],
            [library().ValueInfoProto(name=name)],
            [t for t in self.graph.initializer if t.name in wanted],
        )
        opsets = self.model.opset_import
        part = helper.make_model(graph, opset_imports=opsets, ir_version=self.model.ir_version)
        kind = helper.tensor_dtype_to_np_dtype
        for i in wanted & self.inputs.keys():
            tensor = self.inputs[i].type.tensor_type
            if i == self.lengths_name:
                feeds[i] = self.lengths.astype(kind(tensor.elem_type))
            elif i not in self.constants:
                raise ModelFileError(f"{name!r} is a function of the input {i!r}")
        try:
            outputs: Any = ReferenceEvaluator(part).run(None, feeds)
        except (RuntimeError, ValueError, TypeError, NotImplementedError) as error:
            raise ModelFileError(f"{name!r} can't be computed: {error}") from error
        return outputs[0]

    def mask(self, axes: tuple[str, ...]) -> Any:
        """Return the valid steps with the axes given, of size 1 where there is neither T nor B."""
        mask = np.arange(self.sizes["T"])[:, None] < self.lengths[None, :]
        if [a for a in axes if a in "TB"] == ["B", "T"]:
            mask = mask.T
        shape = tuple(self.sizes[axis] if axis in "TB" else 1 for axis in axes)
        return mask.reshape(shape)
