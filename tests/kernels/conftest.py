"""The kernels are compared with numba: without it there is nothing to compare."""

import pytest


@pytest.fixture(autouse=True)
def _needs_numba() -> None:
    pytest.importorskip("numba")
