"""The examples of the package's own documentation run, and its names are the ones it promises."""

from __future__ import annotations

import doctest

import edge_runtime


def test_the_examples_give_what_they_show(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    outcome = doctest.testmod(edge_runtime, optionflags=doctest.NORMALIZE_WHITESPACE)
    assert outcome.attempted >= 6
    assert outcome.failed == 0


def test_every_public_name_is_there_and_documented():
    for name in edge_runtime.__all__:
        value = getattr(edge_runtime, name)
        assert isinstance(value, str) or (value.__doc__ and not value.__doc__.startswith(f"{name}("))
