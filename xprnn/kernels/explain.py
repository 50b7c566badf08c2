"""Report which loop runs a case, and what the machine offers."""

from xprnn import cells
from xprnn._fields import check_choice, whole
from xprnn.backend import Backend, resolve
from xprnn.cells import Cell
from xprnn.kernels import seam
from xprnn.kernels.compiled import unavailable
from xprnn.kernels.cuda.device import Device, named
from xprnn.kernels.workspace import can_limit_blas, opened, thread_count
from xprnn.recurrence import REFERENCE


def explain(
    cell: str | Cell,
    *,
    steps: int,
    batch: int,
    hidden_size: int,
    features: int = 1,
    models: int = 1,
    dtype: str = "float32",
    backend: str | Backend = "numpy",
    device: str | Device | None = None,
) -> str:
    """Describe which loop runs a case and how, and why no faster loop does.

    Parameters
    ----------
    cell : str or Cell
    steps, batch, hidden_size, features, models : int
        T, B, H, F, and the number of models side by side.
    dtype : {"float32", "float64"}
    backend : str or Backend
    device : str or Device, optional
        A GPU to plan for that this machine need not have: a name in
        ``xprnn.kernels.cuda.device.KNOWN``, such as ``"H100"``.

    Raises
    ------
    ValueError
        If no cell, backend, dtype or device has the given name, or a size is below 1.
    BackendUnavailableError
        If the backend can't be used here.

    Examples
    --------
    >>> from xprnn import kernels
    >>> print(kernels.explain("elman", steps=200, batch=1, hidden_size=64, device="H100"))
    Elman(activation=Tanh()), 64 units, 200 steps, 1 sequence(s), 1 model(s), float32, on H100
    cuda: one launch on H100
      forward: 1 group(s) of 1 block(s) of 256 threads, ...
      backward: ...
    """
    cell = cells.get(cell)
    sizes = {"steps": steps, "batch": batch, "hidden_size": hidden_size, "features": features}
    for name, value in {**sizes, "models": models}.items():
        whole(name, value)
    check_choice("dtype", dtype, ("float32", "float64"))
    gpu = None if device is None else named(device)
    place = resolve(backend)
    shapes = {"x": (models, steps, batch, features), "U": (hidden_size, cell.gates * hidden_size)}
    case = cell, place.xp, shapes, getattr(place.xp, dtype)
    lines = [
        f"{cell}, {hidden_size} units, {steps} steps, {batch} sequence(s), {models} model(s), "
        f"{dtype}, on {gpu.name if gpu else place}"
    ]
    with place.active():
        for name, twin in seam.TWINS.items():
            if gpu is not None and name == "compiled":
                continue
            more = {"device": gpu} if name == "cuda" else {}
            reason = twin.obstacle(*case, **more)
            if reason is None and seam.uses_reference() and twin.unroll is not REFERENCE:
                reason = "switched off by XPRNN_KERNELS=reference"
            lines.append(f"{name}: " + (f"no, {reason}" if reason else twin.about(*case, **more)))
            if reason is None:
                break
    return "\n".join(lines)


def status() -> str:
    """Return a line about the compiled loops: their number of threads, or why there are none.

    Examples
    --------
    >>> from xprnn import kernels
    >>> "loops" in kernels.status()
    True
    """
    if seam.uses_reference():
        return "compiled loops: switched off by XPRNN_KERNELS=reference"
    reason = unavailable()
    if reason is not None:
        return f"compiled loops: none, {reason}"
    with opened() as own:
        threads = own.threads
    complete = threads == thread_count() or can_limit_blas()
    hint = "" if complete else "; for more, pip install threadpoolctl"
    return f"compiled loops: for NumPy, {threads} thread(s){hint}"
