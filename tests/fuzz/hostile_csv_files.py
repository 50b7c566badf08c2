"""Hand files that were made to do harm to ``xprnn forecast``, each in a process of its own.

Each must be refused with status 2 and one line, within 5 seconds of the processor, and with no
more than 500 MB beyond what a valid file of its size takes. The exit status is 1 if one is not.

    python tests/fuzz/hostile_csv_files.py --megabytes 10
"""

import argparse
import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

SECONDS, MEGABYTES = 5, 500


def repeated(piece, size, head=b"t,y\n", tail=b""):
    return head + piece * (size // len(piece)) + tail


def wide(size, columns):
    names = b",".join(b"c%d" % k for k in range(columns))
    row = b"\n" + b",".join([b"1"] * columns)
    return names + row * max(2, size // len(row))


FILES = {
    "one line of digits": lambda size: b"9" * size,
    "one line of commas": lambda size: b"," * size,
    "one line of spaces": lambda size: b" " * size,
    "one line of brackets": lambda size: b"[" * size,
    "one name of megabytes": lambda size: b"a" * size + b",y\n1,2\n",
    "blank lines": lambda size: b"\n" * size,
    "zero bytes": lambda size: b"\0" * size,
    "a zero byte at the end": lambda size: repeated(b"1,2\n", size, tail=b"\0"),
    "a byte of Latin-1 at the end": lambda size: repeated(b"1,2\n", size, tail=b"\xfc"),
    "a quote that is never closed": lambda size: repeated(b"x,y\n", size, head=b't,y\n"'),
    "a short row at the end": lambda size: repeated(b"1,2\n", size, tail=b"1\n"),
    "a million columns": lambda size: wide(size, 1_000_000),
    "as many columns as can be": lambda size: wide(size, 20_000),
    "numbers above all": lambda size: repeated(b"1,1e999999\n", size),
    "numbers of 5000 digits": lambda size: repeated(b"1," + b"9" * 5000 + b"\n", size),
    "nearly numbers of 100000 digits": lambda size: repeated(b"1," + b"9" * 100_000 + b"x\n", size),
    "empty quotes": lambda size: repeated(b'"",""\n', size),
    "text": lambda size: repeated(b"x,z\n", size),
    "dates with a total": lambda size: repeated(b"2026-01-01,1\n", size, tail=b"Total,1\n"),
    "times that restart": lambda size: repeated(b"1,1\n2,1\n3,1\n", size),
}


def taken(path, *options):
    """Return the status, the output, the seconds of the processor and the peak in MB."""
    command = [sys.executable, "-m", "xprnn", "forecast", str(path), "--steps", "2", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
        said = process.stdout.read().decode().splitlines()
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    unit = 1e6 if sys.platform == "darwin" else 1e3
    return process.returncode, said, used.ru_utime + used.ru_stime, used.ru_maxrss / unit


def command_line():
    """Run what the options say; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--megabytes", type=float, default=10)
    size, failed = int(parser.parse_args().megabytes * 1e6), []
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "file.csv"
        path.write_bytes(repeated(b"1,2.5\n", size, head=b"a,y\n"))
        *_, valid = taken(path, "--time", "a")  # is read whole, and refused as time
        print(f"a file of {size / 1e6:g} MB without a fault takes {valid:.0f} MB to read")
        for name, make in FILES.items():
            path.write_bytes(make(size))
            status, said, seconds, peak = taken(path, "--target", "y")
            said = [line for line in said if "is left out" not in line]
            right = (
                status == 2
                and len(said) == 1
                and len(said[0]) < 1000
                and seconds < SECONDS
                and peak < valid + MEGABYTES
            )
            print(f"{name:<32} status {status} {seconds:5.1f} s {peak:6.0f} MB  {said[-1][-60:]}")
            failed += [] if right else [name]
    print(f"not refused within its bounds: {', '.join(failed)}" if failed else "all are refused")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(command_line())
