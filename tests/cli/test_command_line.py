"""The command line as a user runs it."""

import csv
import os
import re
import subprocess
import sys
import warnings

import numpy as np
import pytest

import xprnn
from xprnn import baselines, datasets, kernels
from xprnn.__main__ import main


@pytest.fixture
def weather(tmp_path):
    """A CSV file with a date, two features and a target that follows from them."""
    rng = np.random.default_rng(0)
    pressure, wind = rng.standard_normal((2, 60))
    target = 20 + 3 * pressure - np.concatenate([[0], wind[:-1]])
    days = np.arange("2026-01-01", "2026-03-02", dtype="datetime64[D]")
    path = tmp_path / "weather.csv"
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["date", "pressure", "wind", "temperature"])
        writer.writerows(zip(days, pressure, wind, target, strict=True))
    return path


def run(*arguments):
    """Run the installed package in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "xprnn", *map(str, arguments)], capture_output=True, text=True
    )


def test_fit_on_a_csv(weather, tmp_path, capsys):
    saved, picture = tmp_path / "m.npz", tmp_path / "p.png"
    status = main(
        ["fit", str(weather), "--target", "temperature", "--epochs", "200", "--hidden-size", "8",
         "--save", str(saved), "--plot", str(picture)]
    )  # fmt: skip
    out, err = capsys.readouterr()
    assert status == 0
    assert "features: pressure, wind; target: temperature; time: date" in out
    assert "rows: 48 to train on, 12 held out" in out
    assert err == ""
    ours, last, mean = (float(line.split()[-1]) for line in out.splitlines() if line[:2] == "  ")
    assert ours < 0.5 * min(last, mean)
    assert picture.read_bytes()[:4] == b"\x89PNG"
    model = xprnn.load(saved)
    assert (model.features, model.outputs) == (2, 1)


def test_the_target_as_its_own_feature_is_one_row_before(tmp_path, capsys):
    """A series whose next value is known from the last one is learnt; from the same one is none."""
    path = tmp_path / "s.csv"
    path.write_text("s\n" + "\n".join(["0", "1"] * 20))
    assert main(["fit", str(path), "--target", "s", "--epochs", "150", "--hidden-size", "4"]) == 0
    out = capsys.readouterr().out
    assert "features: s; target: s" in out
    assert "rows: 31 to train on, 8 held out" in out
    ours, last, _ = (float(line.split()[-1]) for line in out.splitlines() if line[:2] == "  ")
    assert last == 1.0
    assert ours < 0.1


def test_safetensors_and_no_holdout(weather, tmp_path, capsys):
    path = tmp_path / "m.safetensors"
    arguments = ["--target", "wind", "--features", "pressure", "--epochs", "1", "--holdout", "0"]
    assert main(["fit", str(weather), *arguments, "--save", str(path)]) == 0
    assert "rows: 60 to train on, 0 held out" in capsys.readouterr().out
    assert xprnn.load(path).features == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--target", "tempratur"], "--target must be one of .*did you mean 'temperature'"),
        (["--target", "date"], "column 'date' cannot be used: line 2 holds '2026-01-01'"),
        (["--target", "wind", "--features", "wind,presure"], "did you mean 'pressure'"),
        (["--target", "wind", "--epochs", "0"], "--epochs must be at least 1, got 0"),
        (
            ["--target", "wind", "--holdout", "1"],
            "--holdout must be a finite number at least 0 and below 1",
        ),
        (["--target", "wind", "--backend", "cuppy"], "did you mean 'cupy'"),
        (["--target", "wind", "--save", "m.pkl"], "--save: path must end in .npz or .safetensors"),
        (["--target", "wind", "--features", "pressure,pressure"], "must name each column once"),
        (["--target", "wind", "--save", "none/m.npz"], "there is no folder 'none'"),
        (["--target", "wind", "--plot", "none/m.png"], "there is no folder 'none'"),
        (["--target", "wind", "--plot", "m.pgn"], "did you mean '.png'"),
        (["--target", "wind", "--seed", "-1"], "--seed must be at least 0"),
        (["--target", "wind", "--learning-rate", "0"], "--learning-rate must be a finite number"),
    ],
)
def test_bad_input_is_one_line_and_status_2(weather, arguments, message):
    done = run("fit", weather, *arguments)
    lines = [line for line in done.stderr.splitlines() if "left out" not in line]
    assert done.returncode == 2
    assert len(lines) == 1, done.stderr
    assert lines[0].startswith("xprnn: ")
    assert re.search(message, lines[0]), lines[0]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "must hold a line of column names and rows, got 0 line"),
        ("a,b\n", "got 1 line"),
        ("a,b\n1,2\n3\n", "line 3: expected 2 values as in the first line, got 1"),
        ("a,b\n1,2\n3,nan\n", "column 'b' cannot be used: line 3 holds 'nan'"),
        ("a,b\n1,2\n", "too few to train on"),
        ("a,b,a\n1,2,3\n", "has more than one column named 'a'"),
        ("a,b\n\n\n1,2\n3,x\n", "column 'b' cannot be used: line 5 holds 'x'"),
        ("a,b\n1," + "2" * 200_000, "line 2: field larger than field limit"),
        ('a,b\n1,2\n3,"4\n5,6\n7,8\n', "line 3: a quote is opened here and never closed"),
        ('a,b\n1,"2"3\n', "line 2: ',' expected after"),
    ],
)
def test_bad_files(tmp_path, capsys, text, message):
    path = tmp_path / "bad.csv"
    path.write_text(text)
    assert main(["fit", str(path), "--target", "b"]) == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (["forecast", "f.csv", "--horizon", "5"], "no option --horizon; did you mean --steps?"),
        (["forecast", "f.csv", "--steps", "5", "--lag", "5", "--lr=0.1"], "did you mean --learn"),
        (["fit", "f.csv", "--target", "y", "--HIDDEN_SIZE", "5"], "did you mean --hidden-size?"),
        (["fit", "f.csv", "--target", "y", "--zebra"], "there is no option --zebra; see"),
        (["fit", "f.csv", "--target", "y", "--cell", "LSTM"], "got 'LSTM'; did you mean 'lstm'?"),
        (["bench", "--cell", "gro"], "must be one of 'elman', 'gru', 'lstm', got 'gro'; "),
        (["bench", "--dtype", "Float32"], "did you mean 'float32'?"),
        (["forcast", "f.csv"], "got 'forcast'; did you mean 'forecast'?"),
        (["forecast", "f.csv", "--steps", "1", "--rows", "--time", "a"], "not allowed with"),
    ],
)  # fmt: skip
def test_what_was_meant_is_said(capsys, arguments, hint):
    with pytest.raises(SystemExit) as end:
        main(arguments)
    assert end.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert hint in line


def test_warnings_are_lines_of_ours(weather, monkeypatch, capsys):
    """And not Python's two lines with the path of a file."""
    fit = xprnn.training.fit

    def warn(*arguments, **named):
        warnings.warn("the network\nhas learnt nothing", UserWarning, stacklevel=2)
        return fit(*arguments, **named)

    monkeypatch.setattr("xprnn.training.fit", warn)
    for _ in range(2):
        assert main(["fit", str(weather), "--target", "wind", "--epochs", "1"]) == 0
        assert "xprnn: the network has learnt nothing\n" in capsys.readouterr().err


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no /dev/full")
def test_a_full_disk_is_status_2():
    done = subprocess.run(
        f"{sys.executable} -m xprnn backends --json > /dev/full", shell=True, capture_output=True
    )
    assert (done.returncode, done.stderr.splitlines()) == (
        2, [b"xprnn: [Errno 28] No space left on device"],
    )  # fmt: skip


@pytest.mark.skipif(os.name != "posix", reason="closes a descriptor by the shell")
def test_closed_output_is_status_2(tmp_path):
    command = f"{sys.executable} -m xprnn backends"
    done = subprocess.run(f"{command} >&-", shell=True, capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr == "xprnn: standard output is closed; name a file with --output\n"
    done = subprocess.run(f"{command} --output {tmp_path / 'f'} >&-", shell=True)
    assert (done.returncode, (tmp_path / "f").read_text()[:5]) == (0, "numpy")


@pytest.mark.skipif(os.name != "posix", reason="closes a descriptor by the shell")
def test_closed_input_is_status_2():
    command = f"{sys.executable} -m xprnn forecast - --steps 2 <&-"
    done = subprocess.run(command, shell=True, capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr == "xprnn: standard input is closed; name a file\n"


def test_too_much_for_the_memory_is_status_2(weather, monkeypatch, capsys):
    def grow(*_, **__):
        raise MemoryError

    monkeypatch.setattr("xprnn.training.fit", grow)
    assert main(["fit", str(weather), "--target", "wind"]) == 2
    assert capsys.readouterr().err == "xprnn: there is not enough memory for this\n"


def test_missing_file(capsys, tmp_path):
    assert main(["fit", str(tmp_path / "none.csv"), "--target", "b"]) == 2
    assert "No such file" in capsys.readouterr().err


def test_divergence_is_status_1(weather, monkeypatch, capsys):
    def diverge(*_, **__):
        raise xprnn.NonFiniteError("the loss was not finite", epoch=1, name="loss", model=None)

    monkeypatch.setattr("xprnn.training.fit", diverge)
    assert main(["fit", str(weather), "--target", "wind"]) == 1
    assert capsys.readouterr().err.splitlines()[-1] == "xprnn: the loss was not finite"


def test_backends(capsys):
    assert main(["backends"]) == 0
    *lines, loops = capsys.readouterr().out.splitlines()
    assert loops == kernels.status()
    assert [line.split(":")[0].split()[0] for line in lines] == [
        "numpy", "cupy", "torch", "array_api_strict",
    ]  # fmt: skip
    assert lines[0] == f"numpy {np.__version__}: cpu"


@pytest.mark.parametrize("command", [[], ["demo"], ["fit"], ["backends"]])
def test_help_has_an_example(command):
    done = run(*command, "--help")
    assert done.returncode == 0
    assert "xprnn" in done.stdout
    assert not command or "Example: xprnn" in done.stdout


def test_a_code_page_that_lacks_our_signs():
    done = subprocess.run(
        [sys.executable, "-m", "xprnn", "demo", "--no-plots"],
        env={**os.environ, "PYTHONIOENCODING": "cp1252"}, capture_output=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def test_no_command_is_an_error():
    for arguments in ([], ["dance"], ["fit"], ["fit", "a.csv", "--target", "b", "--epochs", "x"]):
        done = run(*arguments)
        assert done.returncode == 2
        assert len(done.stderr.splitlines()) == 1
        assert done.stderr.rstrip().endswith("--help")


def test_demo(tmp_path, capsys):
    """The whole demonstration; its figures are measured, so they are read back and compared."""
    assert main(["demo", "--output", str(tmp_path / "new" / "folder"), "--seed", "1"]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    names = ["sine-fit.gif", "sine-fit.png", "sine-loss.png", "sine-states.png", "sunspots.png"]
    assert sorted(p.name for p in (tmp_path / "new" / "folder").iterdir()) == names
    for name in names:
        assert f"picture: {tmp_path / 'new' / 'folder' / name}" in out
    assert (tmp_path / "new" / "folder" / "sine-fit.gif").stat().st_size < 1_000_000
    final = float(out.split("on the training data")[0].split()[-1])
    assert final <= 0.008
    for text in ("0.0400  the lecture's", "0.0050  of the noise alone", "seasonal naive", "naive"):
        assert text in out


def test_demo_without_pictures_and_with_a_bad_backend(capsys, monkeypatch):
    monkeypatch.setattr("xprnn._cli.demo.fit_sine", lambda **settings: print(settings))
    monkeypatch.setattr("xprnn._cli.demo.forecast_sunspots", lambda **settings: print(settings))
    assert main(["demo", "--no-plots", "--seed", "3", "--backend", "numpy"]) == 0
    assert "'seed': 3" in capsys.readouterr().out
    assert main(["demo", "--backend", "nampy"]) == 2
    assert "did you mean 'numpy'" in capsys.readouterr().err


def test_baselines():
    series = np.tile([1.0, 5.0, 2.0], 6)
    assert baselines.find_season(series) == 3
    np.testing.assert_array_equal(baselines.seasonal_naive(series, 4, 3), [1, 5, 2, 1])
    np.testing.assert_array_equal(baselines.naive(series, 2), [2, 2])


def test_sunspots_are_the_published_ones():
    """Of the series in the public domain: its length, ends, sum of tenths and highest year."""
    years, numbers = datasets.sunspots()
    assert (years == np.arange(1700, 2009)).all()
    assert years[numbers.argmax()] == 1957
    assert numbers.max() == 190.2
    assert round(float(numbers.sum()), 1) == 15373.4
