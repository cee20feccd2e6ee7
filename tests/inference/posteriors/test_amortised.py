import torch

from causal_lpm.inference.posteriors.amortised import AmortisedPosterior
from causal_lpm.inference.posteriors.features import Summary
from causal_lpm.inference.posteriors.focus import Focus
from causal_lpm.inference.posteriors.posterior import as_trained
from tests.inference.calibration.known_posterior import Known, focus


class Copy:
    """Features that are the data themselves."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, data: dict[str, torch.Tensor]) -> Summary:
        self.calls += 1
        return Summary(data["x"])


class Posterior(Known):
    """Exact under a focus: a normal posterior around the features, times the focus."""

    def __init__(self, sd: float, given: Focus) -> None:
        super().__init__(sd)
        self.given = given

    def _law(self, features: torch.Tensor) -> torch.distributions.MultivariateNormal:
        precision = torch.cholesky_inverse(self.given.scale_tril)
        covariance = torch.linalg.inv(precision + torch.eye(2) / self.sd**2)
        mean = (features / self.sd**2 + self.given.mean @ precision) @ covariance
        return torch.distributions.MultivariateNormal(mean, covariance)

    def log_prob(self, z: torch.Tensor, features: torch.Tensor) -> torch.Tensor:
        return self._law(features).log_prob(z)

    def sample(self, draws: int, features: torch.Tensor, seed: int) -> torch.Tensor:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            return self._law(features).sample((draws,))


def test_the_focus_is_undone() -> None:
    given = focus(0.2, 0.4)
    features = Copy()
    posterior = AmortisedPosterior(features, Posterior(0.4, given), given)  # type: ignore[arg-type]
    data = {"x": torch.tensor([[0.2, 0.2], [0.4, 0.3], [0.0, 0.2]])}
    asked = posterior.given(data)
    drawn = asked.sample(4000, seed=2**63 - 1)
    assert drawn.shape == (4000, 3, 2)
    assert torch.equal(asked.sample(4000, seed=2**63 - 1), drawn)
    # Standard errors of 0.007 for means, 1.2% for standard deviations, and duplicates; a few in a thousand lie beyond
    # the bound.
    torch.testing.assert_close(drawn.mean(0), data["x"], atol=0.05, rtol=0)
    torch.testing.assert_close(drawn.std(0), torch.full((3, 2), 0.4), atol=0.025, rtol=0)
    z = drawn[:200]
    torch.testing.assert_close(asked.log_prob(z), Known(0.4).log_prob(z, data["x"]), atol=0.1, rtol=0)
    assert features.calls == 1  # one summary of a data set serves draws and densities
    # A data set has the same draws whatever stands beside it in place of others, and the same density in any row.
    alone = AmortisedPosterior(Copy(), Posterior(0.4, given), given)  # type: ignore[arg-type]
    first = alone.given({"x": data["x"][:1]})
    assert torch.equal(first.sample(4000, seed=2**63 - 1)[:, 0], drawn[:, 0])
    together = asked.log_prob(z)
    for row in range(3):
        own = alone.given({"x": data["x"][row : row + 1]}).log_prob(z[:, row : row + 1])
        torch.testing.assert_close(own[:, 0], together[:, row], atol=1e-4, rtol=1e-4)
    before = first.gates()
    first.sample(50, 3)
    alone.given(data).sample(50, 3)
    assert first.gates() == before  # of what was asked before or in between, nothing is kept
    (gate,) = before
    assert (gate.name, gate.verdict) == ("second round", "pass")


def test_a_stray_draw_of_a_network_does_not_take_all_the_weight() -> None:
    class Stray(Known):
        def sample(self, draws: int, features: torch.Tensor, seed: int) -> torch.Tensor:
            drawn = super().sample(draws, features, seed)
            drawn[::500] += 9.0
            return drawn

    posterior = AmortisedPosterior(Copy(), Stray(0.3), focus(0.2, 0.3))  # type: ignore[arg-type]
    asked = posterior.given({"x": torch.full((1, 2), 0.2)})
    assert float(asked.sample(1000, 0).max()) < 3
    (gate,) = asked.gates()
    assert gate.verdict == "pass"


def test_known_truths_of_the_focused_prior_meet_the_networks_as_they_are() -> None:
    given = focus(0.2, 0.4)
    posterior = AmortisedPosterior(Copy(), Posterior(0.5, given), given)  # type: ignore[arg-type]
    data = {"x": torch.zeros(2, 2)}
    trained = as_trained(posterior)
    assert torch.equal(trained.given(data).sample(9, 4), posterior.neural.sample(9, data["x"], 4))
    assert as_trained(trained) is trained


def test_a_posterior_far_from_its_focus_is_kept_and_fails_the_gate() -> None:
    """Nothing is lost and nothing searched without end: few draws carry the weight, and the verdict is no."""
    posterior = AmortisedPosterior(Copy(), Known(0.3), focus(0.0, 0.05))  # type: ignore[arg-type]
    asked = posterior.given({"x": torch.full((1, 2), 4.0)})
    drawn = asked.sample(50, 0)
    assert drawn.shape == (50, 1, 2)
    assert bool(drawn.isfinite().all())
    (gate,) = asked.gates()
    assert (gate.name, gate.verdict) == ("second round", "fail")


def test_without_a_focus_draws_are_the_neural_posterior_s() -> None:
    posterior = AmortisedPosterior(Copy(), Known(0.5))  # type: ignore[arg-type]
    data = {"x": torch.zeros(2, 2)}
    assert torch.equal(posterior.given(data).sample(9, 4), Known(0.5).sample(9, data["x"], 4))
