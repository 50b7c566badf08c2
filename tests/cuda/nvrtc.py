"""NVIDIA's compiler from its wheel: it needs neither a GPU nor a driver."""

import ctypes
import functools
import importlib.util
import re
from pathlib import Path
from typing import NamedTuple

from xprnn.kernels.cuda.source import OPTIONS

MORE = ("-ftz=true", "--device-as-default-execution-space", "--ptxas-options=-v")
"""What CuPy adds, and what makes the assembler tell of registers."""


class Made(NamedTuple):
    registers: int
    """Of a thread."""
    spilled: int
    """Bytes that a thread stores because it has no more registers."""
    local: int
    """Bytes of a thread in memory, for whatever reason."""


@functools.cache
def library():
    """Return the compiler, or None where the wheel isn't installed."""
    spec = importlib.util.find_spec("nvidia")
    folders = [] if spec is None else spec.submodule_search_locations
    found = [path for folder in folders for path in Path(folder).rglob("libnvrtc.so.*")]
    return ctypes.CDLL(str(max(found))) if found else None


def build(program, architecture):
    """Compile a program to machine code; return what it takes."""
    nvrtc, made = library(), ctypes.c_void_p()
    name = f"{program.name}.cu".encode()
    nvrtc.nvrtcCreateProgram(ctypes.byref(made), program.text.encode(), name, 0, None, None)
    options = [o.encode() for o in (*OPTIONS, *MORE, f"-arch={architecture}")]
    failed = nvrtc.nvrtcCompileProgram(
        made, len(options), (ctypes.c_char_p * len(options))(*options)
    )
    size = ctypes.c_size_t()
    nvrtc.nvrtcGetProgramLogSize(made, ctypes.byref(size))
    log = ctypes.create_string_buffer(size.value)
    nvrtc.nvrtcGetProgramLog(made, log)
    text = log.value.decode()
    assert not failed, text
    nvrtc.nvrtcGetCUBINSize(made, ctypes.byref(size))
    assert size.value, "there is no machine code"
    nvrtc.nvrtcDestroyProgram(ctypes.byref(made))
    numbers = re.search(
        r"(\d+) bytes stack frame, (\d+) bytes spill stores.*?Used (\d+) registers", text, re.S
    )
    local, spilled, registers = map(int, numbers.groups())
    return Made(registers, spilled, local)
