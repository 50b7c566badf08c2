"""With scikit-learn's dispatch, arrays of a library give arrays of that library.

SciPy reads SCIPY_ARRAY_API when it is imported, so the tests run in a process that has it.
"""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import sklearn

ROOT = Path(__file__).parents[2]
OLDER = tuple(map(int, sklearn.__version__.split(".")[:2])) < (1, 9)

if "SCIPY_ARRAY_API" not in os.environ:

    @pytest.mark.slow
    def test_with_dispatch():
        """Run the tests below in a process of their own."""
        command = (
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-rA",
            "-p",
            "no:cacheprovider",
            "--slow",
            __file__,
        )
        env = {**os.environ, "SCIPY_ARRAY_API": "1"}
        run = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True)
        assert run.returncode == 0, run.stdout + run.stderr
        passed = [line for line in run.stdout.splitlines() if line.startswith("PASSED")]
        checks = [line for line in passed if "check_array_api_input" in line]
        strict = [line for line in checks if "array_api_strict" in line]
        assert len(strict) == (6 if not OLDER else 4), run.stdout
        assert len(passed) > len(checks) + 15, run.stdout

else:
    from sklearn import config_context
    from sklearn.utils.estimator_checks import parametrize_with_checks

    from xprnn.backend import of, resolve
    from xprnn.estimators import RNNClassifier, RNNRegressor, SequenceScaler

    QUICK = {"hidden_size": 4, "epochs": 3, "random_state": 0}

    @parametrize_with_checks([RNNRegressor(**QUICK), RNNClassifier(**QUICK), SequenceScaler()])
    def test_check_of_scikit_learn(estimator, check, run_check):
        if "array_api" not in str(check):
            pytest.skip("of arrays of other libraries only; test_estimators.py has the others")
        run_check(estimator, check)

    X = np.random.default_rng(0).standard_normal((8, 5, 2))

    @pytest.fixture
    def _dispatch():
        with config_context(array_api_dispatch=True):
            yield

    @pytest.mark.parametrize("form", ["block", "columns", "list"])
    @pytest.mark.parametrize("per_step", [False, True])
    @pytest.mark.usefixtures("_dispatch")
    def test_dispatch_of_the_regressor(place, form, per_step):
        x = {"block": X, "columns": X[:, :, 0], "list": [x[: 2 + i % 4] for i, x in enumerate(X)]}[
            form
        ]
        y = X.cumsum(axis=1) if per_step else X.sum(axis=(1, 2))
        if form == "list":
            there = [place.array(a) for a in x]
            y = [a[: 2 + i % 4] for i, a in enumerate(y)] if per_step else y
        else:
            there = place.array(x)
        weights = np.arange(1.0, 9.0)
        own = RNNRegressor(**QUICK).fit(there, y, sample_weight=place.array(weights))
        plain = RNNRegressor(**QUICK).fit(x, y, sample_weight=weights)
        found, expected = own.predict(there), plain.predict(x)
        assert own.model_.backend == place.backend
        pairs = (
            zip(found, expected, strict=True) if isinstance(found, list) else [(found, expected)]
        )
        for a, b in pairs:
            assert of(a) == place.backend
            np.testing.assert_allclose(place.host(a), b, rtol=1e-8)
        score = own.score(there, y)
        assert isinstance(score, float)
        assert score == pytest.approx(plain.score(x, y), rel=1e-8)

    @pytest.mark.usefixtures("_dispatch")
    def test_dispatch_of_the_newest_step_first(place):
        x, y = X[:, :, 0], X.sum(axis=(1, 2))
        own = RNNRegressor(column_order="newest_first", **QUICK).fit(place.array(x), y)
        plain = RNNRegressor(**QUICK).fit(x[:, ::-1], y)
        found = own.predict(place.array(x))
        assert of(found) == place.backend
        np.testing.assert_allclose(place.host(found), plain.predict(x[:, ::-1]), rtol=1e-8)

    @pytest.mark.parametrize("labels", [np.array([3, 1] * 4), np.array(["b", "a"] * 4)])
    @pytest.mark.usefixtures("_dispatch")
    def test_dispatch_of_the_classifier(place, labels):
        own = RNNClassifier(**QUICK).fit(place.array(X), labels)
        found, proba = own.predict(place.array(X)), own.predict_proba(place.array(X))
        assert of(proba) == place.backend
        numbers = labels.dtype.kind == "i"
        assert of(found) == (place.backend if numbers else resolve("numpy"))
        assert isinstance(own.score(place.array(X), labels), float)
        plain = RNNClassifier(**QUICK).fit(X, labels)
        np.testing.assert_allclose(place.host(proba), plain.predict_proba(X), rtol=1e-8)

    @pytest.mark.parametrize("backend", ["numpy", "array_api_strict"])
    @pytest.mark.usefixtures("_dispatch")
    def test_dispatch_refuses_another_library(place, backend):
        if place.backend == resolve(backend):
            pytest.skip("the same library")
        own = RNNRegressor(**QUICK).fit(place.array(X), np.arange(8.0))
        other = resolve(backend).asarray(X, "float64")
        for call in (own.predict, SequenceScaler().fit(place.array(X)).transform):
            with pytest.raises(ValueError, match="must use the same namespace"):
                call(other)

    @pytest.mark.usefixtures("_dispatch")
    def test_dispatch_of_the_scaler(place):
        own = SequenceScaler().fit(place.array(X))
        assert of(own.mean_) == of(own.transform(place.array(X))) == place.backend
        expected = SequenceScaler().fit_transform(X)
        np.testing.assert_allclose(place.host(own.transform(place.array(X))), expected, rtol=1e-12)
        lists = own.inverse_transform([place.array(x) for x in X])
        assert {of(x) for x in lists} == {place.backend}
