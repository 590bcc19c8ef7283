"""Assertions of the suite show their values, like those of any test; said before anybody here imports it."""

import warnings

import pytest

with warnings.catch_warnings():
    warnings.simplefilter(
        "ignore", pytest.PytestAssertRewriteWarning
    )  # tests elsewhere may have imported it first
    pytest.register_assert_rewrite("keyturn.testing.suites", "keyturn.testing.shared_suite")
