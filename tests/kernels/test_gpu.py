"""The GPU kernels without a GPU, each time in a process of its own: how triton runs is settled when it is imported."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

HERE = Path(__file__).parent
LAWS = ["-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "-p", "no:xdist", str(HERE / "gpu_laws.py")]

pytestmark = pytest.mark.skipif(importlib.util.find_spec("triton") is None, reason="triton is not installed")


def run(arguments: list[str], **variables: str) -> None:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "TRITON_"))}
    done = subprocess.run(
        [sys.executable, *arguments],
        env=inherited | variables,
        cwd=HERE.parents[1],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_laws_hold_in_the_interpreter() -> None:
    run(LAWS, TRITON_INTERPRET="1")


def test_every_kernel_compiles(tmp_path: Path) -> None:
    run([str(HERE / "gpu_compiles.py"), "80"], TRITON_CACHE_DIR=str(tmp_path), PYTHONPATH=str(HERE.parents[1]))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
def test_the_laws_hold_on_the_gpu() -> None:
    run(LAWS)
