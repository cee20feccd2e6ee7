"""What every test shares: one thread, clean Pyro state, global state left as found, and the real data."""

import os
from collections.abc import Iterator
from pathlib import Path

# Before torch and matplotlib are imported: one thread a process, and no window.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("MPLBACKEND", "Agg")

import hypothesis
import pyro
import pytest
import torch

ROOT = Path(__file__).parent.parent

# Machines differ in speed: no deadline. In CI the same examples every time, so that failures can be repeated.
hypothesis.settings.register_profile("local", deadline=None)
hypothesis.settings.register_profile("ci", deadline=None, derandomize=True, print_blob=True)
hypothesis.settings.load_profile("ci" if os.environ.get("CI") else "local")


def pytest_configure() -> None:
    torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def global_state() -> Iterator[None]:
    """Each test begins with an empty parameter store, and none may change torch's global settings."""
    pyro.clear_param_store()
    yield
    dtype, threads = torch.get_default_dtype(), torch.get_num_threads()
    torch.set_default_dtype(torch.float32)
    torch.set_num_threads(1)
    assert dtype == torch.float32, f"the test left the default dtype at {dtype}"
    assert threads == 1, f"the test left torch at {threads} threads"


@pytest.fixture
def shared_data(monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of real data sets, which `causal_lpm.data` reads too; skips where there is none."""
    named = os.environ.get("CAUSAL_LPM_DATA")
    folder = Path(named) if named else ROOT.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("needs real data: set CAUSAL_LPM_DATA to a folder that holds the data sets")
    monkeypatch.setenv("CAUSAL_LPM_DATA", str(folder.resolve()))
    return folder.resolve()
