"""Every posterior given data: what was asked before changes nothing, and data sets together are data sets alone."""

from typing import Any

import numpy as np
import pytest
import torch

from causal_lpm.inference import METHODS, CalibrationResult, fit
from tests.inference.calibration.conjugate import DATA, SMALL, normal

LEARNING = [name for name, method in METHODS.items() if method.simulates]
ONE = {"x": np.array([DATA])}
OTHERS = {"x": np.random.default_rng(0).normal(size=(3, len(DATA)))}


@pytest.fixture(scope="module", params=LEARNING)
def result(request: pytest.FixtureRequest) -> CalibrationResult:
    training: dict[str, Any] = {} if request.param == "abc" else {"training": SMALL, "ensemble": 2}
    return fit(normal(), {"x": DATA}, request.param, budget=60, gate=0, draws=50, **training)


def test_nothing_depends_on_what_was_asked_before(result: CalibrationResult) -> None:
    posterior = result.posterior
    assert posterior is not None
    given = posterior.given(ONE)
    gates, drawn = given.gates(64, 1), given.sample(64, 1)
    posterior.given(OTHERS).sample(32, 5)
    posterior.given(OTHERS).gates()
    assert given.gates(64, 1) == gates
    assert torch.equal(given.sample(64, 1), drawn)
    fresh = posterior.given(ONE)
    assert torch.equal(fresh.sample(64, 1), drawn)
    assert fresh.gates(64, 1) == gates
    assert all(np.isfinite(gate.value) for gate in gates)


def test_the_density_of_data_sets_together_is_that_of_each_alone(result: CalibrationResult) -> None:
    posterior = result.posterior
    assert posterior is not None
    z = 0.3 * torch.randn(4, 3, 1, generator=torch.Generator().manual_seed(0))
    together = posterior.given(OTHERS).log_prob(z)
    if together is None:
        return
    for row in range(3):
        alone = posterior.given({"x": OTHERS["x"][row : row + 1]}).log_prob(z[:, row : row + 1])
        assert alone is not None
        # Guides of a batch share their random draws with no other row, but sums of floats may differ in the last bits.
        torch.testing.assert_close(alone[:, 0], together[:, row], atol=0.3, rtol=0.1)
