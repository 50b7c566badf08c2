"""The page: the numbers, the style and the script in one HTML file that needs nothing else."""

import json
from importlib.resources import files

from xprnn._explorer.numbers import compute
from xprnn._version import __version__


def make_page(seed: int = 0) -> str:
    """Return the explorer as one HTML page, for networks that are drawn with a seed."""
    folder = files("xprnn._explorer")
    page = (folder / "page.html").read_text(encoding="utf-8")
    numbers = {"version": __version__, "seed": seed, **compute(seed)}
    parts = {
        "STYLE": (folder / "page.css").read_text(encoding="utf-8"),
        "SCRIPT": (folder / "page.js").read_text(encoding="utf-8"),
        "NUMBERS": json.dumps(numbers, separators=(",", ":"), allow_nan=False),
    }
    for name, text in parts.items():
        page = page.replace(f"/*{name}*/", text)
    return page
