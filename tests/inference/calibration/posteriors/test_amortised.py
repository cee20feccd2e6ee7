import math

import pytest
import torch

from causal_lpm.inference.calibration.posteriors import amortised
from causal_lpm.inference.calibration.posteriors.amortised import AmortisedPosterior
from tests.inference.calibration.known_posterior import Known, region


class Copy:
    """Features that are the data themselves."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, data: dict[str, torch.Tensor]) -> torch.Tensor:
        self.calls += 1
        return data["x"]


def test_a_posterior_stays_in_its_region_and_has_no_density_outside() -> None:
    cut = region(0.0, 0.5)
    features = Copy()
    posterior = AmortisedPosterior(features, Known(0.5), cut)  # type: ignore[arg-type]
    data = {"x": torch.tensor([[0.0, 0.0], [1.0, 1.0], [-0.5, 0.2]])}
    drawn = posterior.sample(500, data, seed=2**63 - 1)
    assert drawn.shape == (500, 3, 2)
    assert cut.contains(drawn.reshape(-1, 2)).all()
    assert torch.equal(posterior.sample(500, data, seed=2**63 - 1), drawn)
    density = posterior.log_prob(drawn, data)
    torch.testing.assert_close(density, Known(0.5).log_prob(drawn, data["x"]))
    outside = torch.full((1, 3, 2), 9.0)
    assert (posterior.log_prob(outside, data) == -math.inf).all()
    assert features.calls == 1  # one summary of a data set serves draws and densities
    # A data set has the same draws whatever stands beside it in place of others.
    one = AmortisedPosterior(Copy(), Known(0.5), cut).sample(500, {"x": data["x"][:1]}, seed=2**63 - 1)  # type: ignore[arg-type]
    assert torch.equal(one[:, 0], drawn[:, 0])


def test_a_posterior_far_from_its_region_is_kept_and_fails_the_gate(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is lost and nothing searched without end: draws outside count, and the verdict is no."""
    monkeypatch.setattr(amortised, "TRIES", 3)
    posterior = AmortisedPosterior(Copy(), Known(0.1), region(0.0, 0.1))  # type: ignore[arg-type]
    drawn = posterior.sample(50, {"x": torch.full((1, 2), 4.0)}, 0)
    assert drawn.shape == (50, 1, 2)
    assert float((drawn - 4.0).abs().max()) < 1
    (gate,) = posterior.gates()
    assert (gate.name, gate.verdict, gate.value) == ("truncation", "fail", 0.0)


def test_without_a_region_draws_are_the_neural_posterior_s() -> None:
    posterior = AmortisedPosterior(Copy(), Known(0.5))  # type: ignore[arg-type]
    data = {"x": torch.zeros(2, 2)}
    assert torch.equal(posterior.sample(9, data, 4), Known(0.5).sample(9, data["x"], 4))
