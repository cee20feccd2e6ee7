"""Freed memory is used again: in a process of its own, because the switch is for the whole process."""

import platform
import subprocess
import sys

import pytest

PROGRAM = """
import resource, torch
from causal_lpm import reuse_freed_memory

def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(10):
        torch.empty(64 << 20, dtype=torch.uint8).zero_()  # above 32 MB: from the system each time
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

faults()
print(faults(), reuse_freed_memory(), faults() and faults())
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="the GNU C library has the switch")
def test_large_arrays_come_from_what_was_freed() -> None:
    shown = subprocess.run([sys.executable, "-c", PROGRAM], check=True, capture_output=True, text=True).stdout.split()
    assert shown[1] == "True"
    assert int(shown[0]) > 20 * int(shown[2])
