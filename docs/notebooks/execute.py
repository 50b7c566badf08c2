"""Execute the notebooks of this folder, and keep their outputs in them.

    python docs/notebooks/execute.py            all of them, in place
    python docs/notebooks/execute.py --check    write nothing; fail where the text differs

It needs nbclient, ipykernel and matplotlib. A notebook is executed in a folder of its own, and only
text is compared: the pictures of another matplotlib are other pictures.
"""

import argparse
import base64
import io
import tempfile
from pathlib import Path

import nbclient
import nbformat
from PIL import Image

FOLDER = Path(__file__).parent


def execute(notebook, folder):
    """Return the notebook with fresh outputs, and without what differs between machines."""
    resources = {"metadata": {"path": str(folder)}}
    client = nbclient.NotebookClient(
        notebook, timeout=300, kernel_name="python3", record_timing=False, resources=resources
    )
    client.execute()
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            if "image/png" in output.get("data", {}):
                output.data["image/png"] = shrink(output.data["image/png"])
    notebook.metadata["language_info"] = {"name": "python"}
    return notebook


def shrink(png):
    """Return a picture with 64 colours, which a plot hardly shows: a third of its size."""
    picture = Image.open(io.BytesIO(base64.b64decode(png))).convert("RGB")
    file = io.BytesIO()
    picture.quantize(64).save(file, "PNG", optimize=True)
    return base64.b64encode(file.getvalue()).decode()


def read_texts(notebook):
    """Return the text that each cell printed or returned."""
    return [
        [each.get("text") or each.get("data", {}).get("text/plain") for each in cell.outputs]
        for cell in notebook.cells
        if cell.cell_type == "code"
    ]


def main():
    """Execute all notebooks, in place or as a check."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--check", action="store_true", help="write nothing, and compare the text")
    check = parser.parse_args().check
    stale = []
    for path in sorted(FOLDER.glob("*.ipynb")):
        notebook = nbformat.read(path, as_version=4)
        before = read_texts(notebook)
        with tempfile.TemporaryDirectory() as folder:
            after = read_texts(execute(notebook, folder))
        pairs = enumerate(zip(before, after, strict=True), start=1)
        cells = [number for number, (old, new) in pairs if old != new]
        print(f"{path.name}: code cells {cells} differ" if cells else f"{path.name}: the same text")
        if cells:
            stale.append(path.name)
        if not check:
            nbformat.write(notebook, path)
    if check and stale:
        raise SystemExit("run python docs/notebooks/execute.py, and look at what changed")


if __name__ == "__main__":
    main()
