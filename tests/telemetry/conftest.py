"""A clock that the test moves, and the files of an emulated board (no root needed)."""

from __future__ import annotations

import pytest

from tests.jetson_emulator import tree


@pytest.fixture
def board(tmp_path):
    """The tree of an AGX Orin in MODE_50W, at rest."""
    return tree.build(tmp_path / "board")
