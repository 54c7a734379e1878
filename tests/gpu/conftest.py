"""Tests that need an NVIDIA GPU; each skips, and says why, where there is none.

python -m pytest tests/gpu
"""

import pytest

from edge_runtime.cuda.driver import open_gpu
from edge_runtime.errors import EngineError


@pytest.fixture(scope="session")
def gpu():
    try:
        return open_gpu()
    except EngineError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def trt(gpu):
    return pytest.importorskip("tensorrt", reason="TensorRT is not installed")
