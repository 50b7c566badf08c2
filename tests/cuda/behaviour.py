"""Says what CuPy's arrays do where no kernel runs: run with a CuPy, and with the stand-in.

A real CuPy needs no GPU for that: its arrays lie over memory of the host, and views, shapes,
conversions and refusals ask no device for anything.
"""

import contextlib
import warnings

import cupy
import numpy as np

LINES = """
a[0]
a[0, 1, 2]
a[..., None]
a[:, ::2, 1:]
a[:, ::-1]
a[5]
a.T
a.mT
a.reshape(6, 4)
a.reshape((4, -1))
a.reshape(5, 5)
a.transpose(2, 0, 1)
a.swapaxes(0, 1)
a.squeeze()
a.ravel()
a.T.reshape(4, 3, 2)
a.view("float32")
a.astype("float64", copy=False)
a.astype("float64", casting="safe", copy=False)
a.base
a.device
a.item
a.tolist
a.to_device
a.__index__
a.__array_namespace__
hash(a)
len(a)
len(s)
iter(s)
np.asarray(a)
np.array(a)
np.shape(a)
s[()]
a.fill(np.ones(4))
a.__setitem__(slice(None), np.ones(4))
a.__setitem__(slice(None), [1.0, 2.0, 3.0, 4.0])
a.sum(axis=0, initial=0)
a.mean(where=True)
cupy.sum(a, initial=0)
cupy.all(np.ones(2))
cupy.nonzero(np.ones(2))
cupy.cumsum(np.ones(2))
cupy.expand_dims(np.ones(3), 0)
cupy.broadcast_to(np.ones(3), (2, 3))
cupy.broadcast_to(b, (5, 3, 4))
cupy.broadcast_to(b, (5, 3, 3))
cupy.matmul(a, np.ones((4, 2)))
cupy.stack([a, np.ones((2, 3, 4))])
cupy.ascontiguousarray(np.ones(2))
cupy.ascontiguousarray(a)
cupy.expand_dims(a, 1)
cupy.moveaxis(a, 0, 1)
cupy.squeeze(a[:1])
cupy.transpose(a)
cupy.swapaxes(a, 0, 1)
cupy.flip(a, 1)
cupy.reshape(a, (4, 6))
cupy.exp()
cupy.exp(a, foo=1)
cupy.exp(a, a, a)
cupy.add(a)
cupy.result_type(a, np.float32)
cupy.result_type(a, 1.0)
cupy.result_type(np.ones(3, "f4"), 1.0)
cupy.can_cast(a.dtype, "f4")
cupy.isdtype(a.dtype, "real floating")
cupy.ndim(a)
cupy.size(a)
cupy.shape(a)
cupy.vecdot
cupy.unstack
cupy.float64(1)
""".strip().splitlines()


def borrowed(shape):
    """Return an array over memory of the host."""
    if "standin" in cupy.__version__:
        return cupy.zeros(shape)
    memory = np.zeros(shape)
    owner = cupy.cuda.UnownedMemory(memory.ctypes.data, memory.nbytes, memory, device_id=0)
    return cupy.ndarray(shape, "float64", cupy.cuda.MemoryPointer(owner, 0))


def described(value):
    """Return what can be compared of a result."""
    if isinstance(value, cupy.ndarray):
        return f"array {value.shape} {value.dtype} {value.strides} {value.flags.c_contiguous}"
    if callable(value):
        return "callable"
    return f"{type(value).__name__} {value}"


def outcome(line):
    """Return the result of an expression, or the class of its error."""
    names = {"cupy": cupy, "np": np, "a": borrowed((2, 3, 4)), "b": borrowed((3, 4))}
    try:
        return described(eval(line, names | {"s": borrowed(())}))
    except Exception as error:
        return type(error).__name__


if __name__ == "__main__":
    with contextlib.suppress(BrokenPipeError), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for line in LINES:
            print(f"{line}  ->  {outcome(line)}")
