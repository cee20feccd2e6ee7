"""The promises about 8.4 million agents and 2,000 archetypes, in CPU seconds of one thread."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
def test_a_city_is_counted_and_acts_in_time_and_memory() -> None:
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    command = [sys.executable, str(ROOT / "benchmarks" / "archetypes.py")]
    printed = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout
    found = json.loads(printed)
    assert (found["agents"], found["archetypes"]) == (8_400_000, 2_000)
    assert found["from_columns"] <= 1.0
    assert found["decide"] <= 0.15
    assert found["choose_3"] <= 1.2
    assert found["peak_gb"] <= 1.2
