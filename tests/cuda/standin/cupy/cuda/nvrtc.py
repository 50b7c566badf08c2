"""NVIDIA's compiler, of which only the version is asked; g++ takes its place."""


def getVersion():
    """Return which CUDA it is of."""
    return 13, 0
