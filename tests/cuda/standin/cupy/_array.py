"""The array: NumPy's memory behind a class of its own, which converts nothing by itself."""

import numpy as np

from cupy import _signatures
from cupy._counts import synchronize
from cupy.cuda import device

SCALARS = (bool, int, float, complex, np.generic)

CONVERSION = (
    "Implicit conversion to a NumPy array is not allowed. Please use `.get()` to construct a "
    "NumPy array explicitly."
)


def unwrap(value):
    """Return NumPy's array of an array, inside tuples and lists too; others are refused."""
    if isinstance(value, ndarray):
        return value.use()
    if isinstance(value, np.ndarray):
        raise TypeError(f"Unsupported type {type(value)}")
    if isinstance(value, tuple | list):
        return type(value)(map(unwrap, value))
    return value


def wrap(value):
    """Return what NumPy returned as CuPy does: numbers are arrays with no axis."""
    if isinstance(value, np.ndarray | np.generic):
        return over(np.asarray(value))
    if isinstance(value, tuple | list):
        return tuple(map(wrap, value))
    return value


def over(memory):
    """Return an array over memory of NumPy's."""
    self = object.__new__(ndarray)
    self._memory, self._device = memory, device.current()
    return self


def garbage(shape, dtype, order="C"):
    """Return memory that nobody has written: NaN, or numbers that are as unlikely."""
    memory = np.empty(shape, dtype, order="F" if order == "F" else "C")
    if memory.dtype.kind in "fc":
        memory.fill(np.nan)
    else:
        memory.fill(1 if memory.dtype.kind == "b" else np.iinfo(memory.dtype).max // 3)
    return memory


class Flags:
    """How an array lies in memory."""

    def __init__(self, flags):
        self.c_contiguous, self.f_contiguous = flags.c_contiguous, flags.f_contiguous
        self.owndata = flags.owndata
        self.forc, self.fnc = flags.forc, flags.fnc

    def __getitem__(self, name):
        return getattr(self, name.lower())


class ndarray:
    """An array on the device."""

    __slots__ = ("__weakref__", "_device", "_memory")
    __array_priority__ = 100
    __hash__ = None

    def __init__(self, *args, **kwargs):
        _signatures.bind("ndarray", args, kwargs)
        self._memory, self._device = garbage(*args, **kwargs), device.current()

    def use(self):
        """Return the memory; the device that it is on must be in use."""
        if self._device != device.current():
            raise RuntimeError(
                f"an array on device {self._device} is used on device {device.current()}, which "
                "takes CuPy's peer access"
            )
        return self._memory

    def __getattr__(self, name):
        _signatures.absent("ndarray", name)

    shape = property(lambda self: self._memory.shape)
    dtype = property(lambda self: self._memory.dtype)
    ndim = property(lambda self: self._memory.ndim)
    size = property(lambda self: self._memory.size)
    itemsize = property(lambda self: self._memory.itemsize)
    nbytes = property(lambda self: self._memory.nbytes)
    strides = property(lambda self: self._memory.strides)
    flags = property(lambda self: Flags(self._memory.flags))
    device = property(lambda self: device.Device(self._device))
    base = property(lambda self: None)
    T = property(lambda self: self._view(self._memory.T))
    mT = property(lambda self: self._view(self._memory.mT))

    def _view(self, memory):
        """Return an array over the same memory, on the same device."""
        found = over(memory)
        found._device = self._device
        return found

    def __array__(self, dtype=None, copy=None):
        raise TypeError(CONVERSION)

    def __array_ufunc__(self, ufunc, method, *inputs, **kwargs):
        import cupy

        if method != "__call__" or not hasattr(cupy, ufunc.__name__):
            return NotImplemented
        if "out" in kwargs:
            (kwargs["out"],) = kwargs["out"]
        return getattr(cupy, ufunc.__name__)(*inputs, **kwargs)

    def __array_function__(self, function, kinds, args, kwargs):
        import cupy

        if not all(issubclass(kind, ndarray) for kind in kinds):
            return NotImplemented
        if not hasattr(cupy, function.__name__):
            return NotImplemented
        return getattr(cupy, function.__name__)(*args, **kwargs)

    def __dlpack__(self, *args, **kwargs):
        raise BufferError("memory of a GPU can't be read by the host")

    def __dlpack_device__(self):
        return 2, self._device  # kDLCUDA

    def get(self, stream=None, order="C", out=None, blocking=True):
        """Return a copy on the host."""
        synchronize()
        found = self._memory.copy(order=order)
        if out is None:
            return found
        out[...] = found
        return out

    def item(self):
        """Return the only number."""
        return self.get().item()

    def tolist(self):
        """Return lists of numbers."""
        return self.get().tolist()

    def __bool__(self):
        return bool(self.get())

    def __int__(self):
        return int(self.get())

    def __float__(self):
        return float(self.get())

    def __complex__(self):
        return complex(self.get())

    def __repr__(self):
        return repr(self.get())

    def __str__(self):
        return str(self.get())

    def __format__(self, form):
        return format(self.get()[()] if self.ndim == 0 else self.get(), form)

    def __reduce__(self):
        import cupy

        return cupy.array, (self.get(),)

    def __copy__(self):
        return self._view(self._memory.copy())

    def __deepcopy__(self, memo):
        return self.__copy__()

    def __len__(self):
        return len(self._memory)

    def __iter__(self):
        if self.ndim == 0:
            raise TypeError("iteration over a 0-d array")
        return (self[i] for i in range(len(self)))

    def __getitem__(self, key):
        return self._view(np.asarray(self._memory[self._key(key)]))

    def __setitem__(self, key, value):
        if not isinstance(value, (ndarray, *SCALARS)):
            raise ValueError("non-scalar numpy.ndarray cannot be used for fill")
        self.use()[self._key(key)] = unwrap(value)

    def _key(self, key):
        """Return an index as NumPy takes it."""
        parts = key if isinstance(key, tuple) else (key,)
        found, arrays = [], [k for k in parts if isinstance(k, ndarray | np.ndarray | list)]
        if arrays:
            self.use()
        for k in parts:
            if isinstance(k, float | str):
                raise IndexError(f"an index is an int, got {k!r} (CuPy rounds a float in silence)")
            if isinstance(k, ndarray) and k.dtype == bool:
                synchronize()  # the shape of the result
            found.append(unwrap(k) if isinstance(k, ndarray) else k)
        if len(arrays) == 1 and np.asarray(unwrap(arrays[0])).dtype.kind in "iu":
            self._check_bounds(found)
        return tuple(found)

    def _check_bounds(self, key):
        """Raise what is no IndexError where CuPy would read another element in silence."""
        try:
            self._memory[tuple(key)]
        except IndexError as error:
            raise RuntimeError(f"CuPy wraps an index that is out of bounds: {error}") from error

    def astype(self, dtype, order="K", casting=None, subok=None, copy=True):
        """Return an array of a dtype."""
        if casting is not None or subok is not None:
            raise TypeError("casting and subok are not supported yet")
        if not copy and self.dtype == np.dtype(dtype):
            return self
        return self._view(self.use().astype(dtype, order=order))

    def view(self, dtype=None, type=None):  # noqa: A002 (CuPy's name)
        """Return an array over the same memory, read as another dtype."""
        return self._view(self._memory.view(dtype or self.dtype))

    def fill(self, value):
        """Write a number everywhere."""
        self[...] = value


VIEWS = ("diagonal", "ravel", "reshape", "squeeze", "swapaxes", "transpose")

METHODS = (
    *("all", "any", "argmax", "argmin", "argsort", "clip", "conj", "copy", "cumprod", "cumsum"),
    *("dot", "flatten", "max", "mean", "min", "nonzero", "prod", "repeat", "round"),
    *("searchsorted", "sort", "std", "sum", "take", "trace", "var"),
)


def _method(name):
    """Return a method that computes as NumPy's."""

    def method(self, *args, **kwargs):
        _signatures.bind(f"ndarray.{name}", args, kwargs)
        if name == "nonzero":
            synchronize()  # the shape of the result
        memory = self._memory if name in VIEWS else self.use()
        given = {key: unwrap(value) for key, value in kwargs.items()}
        found = getattr(memory, name)(*map(unwrap, args), **given)
        return self._view(found) if name in VIEWS else wrap(found)

    return method


for _name in (*VIEWS, *METHODS):
    setattr(ndarray, _name, _method(_name))

BINARY = {
    "add": "add",
    "sub": "subtract",
    "mul": "multiply",
    "truediv": "true_divide",
    "floordiv": "floor_divide",
    "mod": "remainder",
    "pow": "power",
    "matmul": "matmul",
    "and": "bitwise_and",
    "or": "bitwise_or",
    "xor": "bitwise_xor",
    "lshift": "left_shift",
    "rshift": "right_shift",
}
COMPARED = {
    "eq": "equal",
    "ne": "not_equal",
    "lt": "less",
    "le": "less_equal",
    "gt": "greater",
    "ge": "greater_equal",
}
UNARY = {"neg": "negative", "abs": "absolute", "invert": "invert"}


def _operator(ufunc, *, right=False, inplace=False):
    """Return a method that is an operator."""

    def method(self, *other):
        import cupy

        function = getattr(cupy, ufunc)
        if other and hasattr(other[0], "__array_ufunc__") and other[0].__array_ufunc__ is None:
            return NotImplemented
        given = (*other, self) if right else (self, *other)
        return function(*given, out=self) if inplace else function(*given)

    return method


for _name, _ufunc in BINARY.items():
    setattr(ndarray, f"__{_name}__", _operator(_ufunc))
    setattr(ndarray, f"__r{_name}__", _operator(_ufunc, right=True))
    if _name != "matmul":  # CuPy has no `a @= b`, and Python makes it `a = a @ b`
        setattr(ndarray, f"__i{_name}__", _operator(_ufunc, inplace=True))
for _name, _ufunc in {**COMPARED, **UNARY}.items():
    setattr(ndarray, f"__{_name}__", _operator(_ufunc))
ndarray.__pos__ = lambda self: self.copy()
