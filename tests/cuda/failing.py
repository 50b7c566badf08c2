"""Launchers whose programs fail or are wrong, and errors as CuPy raises them."""

import emulation


class Launcher(emulation.Emulated):
    """Raises an error for the programs that a condition holds for."""

    def __init__(self, folder, error, fails):
        super().__init__(folder)
        self.error, self.fails, self.asked = error, fails, []
        self.more = lambda program: False, None

    def load(self, program):
        self.asked.append(program)
        also, other = self.more
        if also(program):
            raise other
        if self.fails(program):
            raise self.error
        return super().load(program)


class Changed(emulation.Emulated):
    """Replaces a text in the programs that a condition holds for."""

    def __init__(self, folder, old, new, changes=lambda program: True):
        super().__init__(folder, (*emulation.FIBERS, "-Wno-error"))
        self.old, self.new, self.changes, self.changed = old, new, changes, set()

    def load(self, program):
        text = program.text
        if self.changes(program):
            text = text.replace(self.old, self.new)
        if text != program.text:
            self.changed.add(program.name)
        return super().load(program._replace(text=text))


class CUDARuntimeError(RuntimeError):
    """As that of CuPy, which has the number as `status`."""

    __module__ = "cupy_backends.cuda.api.runtime"

    def __init__(self, status, text):
        super().__init__(text)
        self.status = status


NAMES = {
    2: "cudaErrorMemoryAllocation: out of memory",
    209: "cudaErrorNoKernelImageForDevice: no kernel image is available",
    715: "cudaErrorIllegalInstruction: an illegal instruction was encountered",
    716: "cudaErrorMisalignedAddress: misaligned address",
    719: "cudaErrorLaunchFailure: unspecified launch failure",
}


def cuda_error(status):
    """Return an error of CUDA by its number."""
    return CUDARuntimeError(status, NAMES.get(status, f"cudaError {status}"))
