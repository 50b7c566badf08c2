"""A launcher that compiles CUDA source with g++, and runs it on NumPy's arrays."""

import ctypes
import hashlib
import os
import subprocess
from pathlib import Path

from xprnn.kernels.cuda.device import Device
from xprnn.kernels.cuda.source import PATIENCE

FOLDER = Path(__file__).parent
HARDWARE = (FOLDER / "emulation.h").read_text(encoding="utf-8")
RUNNER = FOLDER / "emulation.cc"

LAUNCH = """
extern "C" void launch(int blocks, int threads, int shared, void** arguments)
{{
    run_all([](void** all) {{ call({name}, all); }}, blocks, threads, shared, arguments);
}}
"""

FLAGS = ("-std=c++20", "-O1", "-shared", "-fPIC", "-pthread", "-Wall", "-Wextra", "-Werror")
FLAGS += ("-Wno-unknown-pragmas", "-Wno-unused-function", "-Wno-unused-parameter")
FLAGS += ("-Wno-maybe-uninitialized",)  # of pairs that are not live

FIBERS = ("-DFIBERS", "-U_FORTIFY_SOURCE")  # which forbids jumps from one stack to another
THREADS = ("-fsanitize=thread", "-g")
ADDRESSES = ("-fsanitize=address", "-g")

DEVICE = Device("emulated", (9, 0), 8, 227 << 10)


class Kernel:
    """A compiled program."""

    def __init__(self, library, program, resident):
        self.library, self.program, self.resident = library, program, resident

    def __call__(self, blocks, *arguments):
        values = [_argument(a) for a in arguments]
        addresses = (ctypes.c_void_p * len(values))(*map(ctypes.addressof, values))
        self.library.launch(blocks, self.program.threads, self.program.shared, addresses)


def _argument(value):
    if isinstance(value, int):
        return ctypes.c_int(value)
    if value is None:
        return ctypes.c_void_p()
    assert value.flags.c_contiguous
    return ctypes.c_void_p(value.ctypes.data)


class Emulated:
    """The launcher. What it compiles stays in a folder."""

    hardware = HARDWARE

    def __init__(self, folder, flags=FIBERS, resident=DEVICE.multiprocessors):
        self.folder, self.flags, self.resident = folder, flags, resident
        self.kernels = {}

    def device(self):
        return DEVICE

    def load(self, program):
        if program not in self.kernels:
            library = ctypes.CDLL(str(self.build(program)))
            self.kernels[program] = Kernel(library, program, self.resident)
        return self.kernels[program]

    def build(self, program):
        """Compile a program, and return the library."""
        runner = self._compiled(RUNNER.read_text(encoding="utf-8"))
        text = program.text + LAUNCH.format(name=program.name)
        if self.flags == FIBERS:
            text = text.replace(f"PATIENCE = {PATIENCE};", "PATIENCE = 20000;")
        return self._compiled(text, runner)

    def _compiled(self, text, *linked):
        name = hashlib.sha256(repr((text, FLAGS, self.flags, linked)).encode()).hexdigest()[:24]
        library = self.folder / f"lib{name}.so"
        if not library.exists():
            source, fresh = library.with_suffix(f".{os.getpid()}.cc"), f"{library}.{os.getpid()}"
            source.write_text(text, encoding="utf-8")
            command = ["g++", *FLAGS, *self.flags, f"-I{FOLDER}", source, *linked, "-o", fresh]
            done = subprocess.run(command, capture_output=True, text=True)
            assert not done.returncode, done.stderr
            os.replace(fresh, library)
        return library
