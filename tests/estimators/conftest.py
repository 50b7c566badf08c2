"""How a check of scikit-learn runs as a test."""

import unittest

import pytest


@pytest.fixture
def run_check():
    """Run a check; what scikit-learn skips is skipped, and what older versions refuse may fail."""
    import sklearn

    older = tuple(map(int, sklearn.__version__.split(".")[:2])) < (1, 9)

    def run(estimator, check):
        try:
            check(estimator)
        except unittest.SkipTest as skip:
            pytest.skip(str(skip))
        except AssertionError as error:
            if older and "'classes_' attribute is in wrong namespace" in str(error):
                pytest.xfail("classes_ is NumPy's, which scikit-learn allows since 1.9")
            raise

    return run
