"""The examples in the docstrings of secateur.demo run."""

from __future__ import annotations

import doctest
import importlib
import pkgutil

import pytest

import secateur.demo

NAMES = [
    info.name
    for info in pkgutil.walk_packages(secateur.demo.__path__, "secateur.demo.")
    if not info.name.endswith("__main__")
]


@pytest.mark.parametrize("name", NAMES)
def test_examples(name: str) -> None:
    assert doctest.testmod(importlib.import_module(name)).failed == 0
