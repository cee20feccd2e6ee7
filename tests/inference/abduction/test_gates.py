"""Gates of an abduction: each refuses what it is there for, and a good one passes all."""

from typing import Any

import pytest
import torch

from causal_lpm.inference.abduction.filters import Filtered
from causal_lpm.inference.abduction.gates import abduction_gates
from causal_lpm.inference.abduction.importance import Weighed
from causal_lpm.inference.abduction.rejuvenation import Rejuvenated

FILTERS, PATHS, WINDOWS, BLOCKS = 60, 240, 4, 5
NUMBERS = torch.arange(PATHS) % FILTERS
GENERATOR = torch.Generator().manual_seed(0)
NOISE = torch.randn(FILTERS, generator=GENERATOR, dtype=torch.float64)
MOVED = torch.randn(PATHS, 3, generator=GENERATOR, dtype=torch.float64)


def verdicts(**changed: Any) -> dict[str, str]:
    log_weights = changed.get("log_weights", 0.5 * NOISE)
    none = torch.zeros(FILTERS, 1, 1)
    found = Weighed(torch.zeros(FILTERS, 2), Filtered(log_weights, none, none, none, none, none), log_weights)
    seeds = torch.arange(PATHS * WINDOWS * BLOCKS).reshape(PATHS, WINDOWS, BLOCKS) % changed.get("lucks", 10**6)
    changes = torch.full((PATHS, WINDOWS), changed.get("changed", 0.2), dtype=torch.float64)
    before, after = torch.zeros(PATHS, 3, dtype=torch.float64), MOVED + changed.get("drift", 0.0)
    moves = Rejuvenated(torch.zeros(PATHS, 2), seeds, before, after, changes)
    distances = {"cases": torch.tensor([[0.1, changed.get("distance", 1.0), 0.0]])}
    numbers = changed.get("numbers", NUMBERS)
    gates = abduction_gates(found, changed.get("noise", 0.8), numbers, moves, distances, changed.get("thresholds"))
    return {gate.name: gate.verdict for gate in gates}


def test_a_good_one_passes_all() -> None:
    found = verdicts()
    assert set(found.values()) == {"pass"}
    assert len(found) == 6


@pytest.mark.parametrize(
    ("changed", "gate"),
    [
        ({"log_weights": 6.0 * NOISE}, "effective filters"),
        ({"log_weights": 6.0 * NOISE}, "k-hat"),
        ({"noise": 3.0}, "noise of the filters"),
        ({"noise": float("nan")}, "noise of the filters"),
        ({"lucks": 2 * WINDOWS * BLOCKS}, "early luck"),
        ({"drift": 1.0}, "drift"),
        ({"distance": 9.0}, "distance of the data"),
    ],
)
def test_each_refuses_what_it_is_there_for(changed: dict[str, Any], gate: str) -> None:
    assert verdicts(**changed)[gate] == "fail"


def test_without_moves_there_is_no_drift_and_with_few_filters_none_is_seen() -> None:
    assert "drift" not in verdicts(changed=0.0)
    assert verdicts(numbers=torch.arange(PATHS) % 5)["drift"] == "warn"


def test_thresholds_are_settings() -> None:
    assert verdicts(distance=9.0, thresholds={"distance of the data": (10.0, 12.0)})["distance of the data"] == "pass"


def test_moves_that_do_not_drift_are_seldom_refused() -> None:
    """At most .008 of sets of moves without a direction fail: 12 or more of 500 would be one false alarm in 10,000."""
    generator = torch.Generator().manual_seed(1)
    failed = 0
    for _ in range(500):
        drift = torch.randn(PATHS, 3, generator=generator, dtype=torch.float64) - MOVED
        failed += verdicts(drift=drift)["drift"] == "fail"
    assert failed < 12
