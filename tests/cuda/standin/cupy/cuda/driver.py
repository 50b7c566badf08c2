"""CUDA's driver, as far as the project asks it."""


class CUDADriverError(RuntimeError):
    """What a call of the driver returned."""


def occupancyMaxActiveBlocksPerMultiprocessor(func, block, shared):
    """Return how many blocks of a kernel a multiprocessor holds at once: one."""
    for name, value in {"func": func, "blockSize": block, "dynamicSMemSize": shared}.items():
        if type(value) is not int:
            raise TypeError(f"{name} must be an int, got {value!r}")
    return 1
