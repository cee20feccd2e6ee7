from collections.abc import Mapping
from typing import Any

import numpy as np
import pyro
import pyro.distributions as dist
import pytest
import torch

from causal_lpm import observed
from causal_lpm.inference import Gate
from causal_lpm.inference.calibration.gates import data_gates, known_truth, posterior_gates
from causal_lpm.inference.program.problem import Problem
from tests.inference.calibration.conjugate import DATA, exact, normal

PROBLEM = Problem(normal(), {"x": DATA})


class Exact:
    """The posterior of `normal`, or one that is wrong by a factor of its width or a shift in its widths."""

    def __init__(self, width: float = 1.0, shift: float = 0.0, density: bool = True) -> None:
        self.width, self.shift, self.density = width, shift, density

    def _law(self, data: Mapping[str, Any]) -> torch.distributions.Normal:
        mean, sd = exact(data["x"])
        place = PROBLEM.unconstrain({"mean": torch.as_tensor(mean + self.shift * sd, dtype=torch.float32)})
        return torch.distributions.Normal(place, self.width * sd / float(PROBLEM.coordinates.scale))

    def given(self, data: Mapping[str, Any]) -> "Given":
        return Given(self._law(data), self.density)


class Given:
    def __init__(self, law: torch.distributions.Normal, density: bool, without: int = 0) -> None:
        self.law, self.density, self.without = law, density, without

    def sample(self, draws: int, seed: int) -> torch.Tensor:
        torch.manual_seed(seed)
        drawn = self.law.sample((draws,))
        drawn[3, : self.without] = torch.nan
        return drawn

    def log_prob(self, z: torch.Tensor) -> torch.Tensor | None:
        return self.law.log_prob(z).sum(-1) if self.density else None

    def gates(self, draws: int = 1000, seed: int = 0) -> tuple[Gate, ...]:
        return ()


def simulated(n: int, seed: int = 0) -> tuple[Any, dict[str, Any]]:
    z = PROBLEM.draw(n, seed)
    return z.double().numpy(), PROBLEM.simulate(z, torch.arange(n) + 1000 * seed).data


def verdicts(posterior: Exact) -> dict[str, str]:
    z, data = simulated(300)
    return {gate.name: gate.verdict for gate in known_truth(PROBLEM, posterior.given(data), z).gates}


def test_an_exact_posterior_passes() -> None:
    # A fixed seed; another one fails in at most 4 x 0.8% of cases.
    assert verdicts(Exact()) == dict.fromkeys(("sbc", "interval coverage", "expected coverage", "tarp"), "pass")
    assert set(verdicts(Exact(density=False))) == {"sbc", "interval coverage", "tarp"}


@pytest.mark.parametrize(
    ("wrong", "failing"),
    [
        (Exact(width=0.6), {"sbc", "interval coverage", "expected coverage", "tarp"}),
        (Exact(width=1.7), {"sbc", "interval coverage", "expected coverage", "tarp"}),
        (Exact(shift=0.5), {"sbc"}),
    ],
)
def test_a_posterior_that_is_too_narrow_too_wide_or_shifted_fails(wrong: Exact, failing: set[str]) -> None:
    assert {name for name, verdict in verdicts(wrong).items() if verdict == "fail"} >= failing


def test_arrays_are_of_each_simulation() -> None:
    z, data = simulated(50)
    found = known_truth(PROBLEM, Exact().given(data), z).arrays
    shapes = {name: values.shape for name, values in found.items()}
    assert shapes == {"ranks": (50, 1), "truth": (50, 1), "tarp_level": (50,), "highest_density_level": (50,)}


class Unsure(Exact):
    """Like `Exact`, with draws that are not finite for the first data sets."""

    def __init__(self, without: int) -> None:
        super().__init__()
        self.without = without

    def given(self, data: Mapping[str, Any]) -> Given:
        return Given(self._law(data), self.density, self.without)


@pytest.mark.parametrize(("without", "verdict"), [(3, "warn"), (30, "fail"), (300, "fail")])
def test_data_sets_without_an_answer_are_left_out_and_counted(without: int, verdict: str) -> None:
    z, data = simulated(300)
    found = known_truth(PROBLEM, Unsure(without).given(data), z)
    assert gate(found.gates, "answers").verdict == verdict
    assert gate(found.gates, "answers").value == pytest.approx(without / 300)
    assert len(found.arrays.get("ranks", [])) == 300 - without


def test_draws_outside_of_the_prior_are_left_out_and_counted() -> None:
    problem = Problem(positive, {"x": DATA})
    z = problem.draw(200, 0)
    assert "prior support" not in {one.name for one in posterior_gates(problem, z, None)}
    z[:20] = -300.0  # so small that it is zero in float32, which has no density
    found = posterior_gates(problem, z, torch.stack([z, z]))
    assert (gate(found, "prior support").verdict, gate(found, "prior support").value) == ("fail", pytest.approx(0.1))
    z[:] = -300.0
    assert gate(posterior_gates(problem, z, None), "prior support").value == 1


def positive() -> None:
    mean = pyro.sample("mean", dist.Gamma(2.0, 1.0))
    observed("x", dist.Normal(mean[..., None].expand(*mean.shape, 6), 1.0).to_event(1))


def gate(gates: tuple[Gate, ...], name: str) -> Gate:
    return next(gate for gate in gates if gate.name == name)


@pytest.mark.parametrize(("shift", "verdict"), [(0.0, "pass"), (25.0, "fail")])
def test_data_that_the_model_cannot_produce_fail(shift: float, verdict: str) -> None:
    problem = Problem(normal(), {"x": np.array(DATA) + shift})
    _, data = simulated(300)
    predicted = problem.simulate(
        torch.zeros(200, 1) + problem.unconstrain({"mean": torch.tensor([1.1])}), torch.arange(200)
    )
    found = data_gates(problem, data, predicted.data)
    assert gate(found, "misspecification").verdict == verdict
    assert gate(found, "predictive checks").verdict == verdict


@pytest.mark.parametrize("days", [1, 3])
@pytest.mark.parametrize(("last", "verdict"), [(2.0, "pass"), (90.0, "fail")])
def test_few_days_are_checked_too(days: int, last: float, verdict: str) -> None:
    problem = Problem(normal(days), {"x": [1.0, np.nan, last][-days:]})
    data = problem.simulate(problem.draw(200, 0), torch.arange(200)).data
    assert gate(data_gates(problem, data, data), "predictive checks").verdict == verdict


def test_many_days_are_compared_in_few_directions() -> None:
    days = 40
    problem = Problem(normal(days), {"x": np.full(days, 0.3)})
    data = problem.simulate(problem.draw(300, 0), torch.arange(300)).data
    # No scatter at all in forty days is as impossible as a mean beyond the prior.
    assert gate(data_gates(problem, data, data), "misspecification").verdict == "fail"
    usual = Problem(normal(days), {"x": problem.simulate(torch.zeros(1, 1), torch.tensor([77])).data["x"][0]})
    assert gate(data_gates(usual, data, data), "misspecification").verdict == "pass"


def test_gates_of_the_posterior_s_draws() -> None:
    z = Exact().given({"x": np.array([DATA])}).sample(1000, 0)[:, 0]
    names = [found.name for found in posterior_gates(PROBLEM, z, None)]
    assert names == ["identifiability", "prior sensitivity", "not shown"]
    alike = torch.stack([z[:500], z[500:]])
    assert gate(posterior_gates(PROBLEM, z, alike), "ensemble disagreement").verdict == "pass"
    apart = torch.stack([z[:500], z[500:] + 1.5])
    assert gate(posterior_gates(PROBLEM, z, apart), "ensemble disagreement").verdict != "pass"
    prior = PROBLEM.draw(1000, 4)
    assert gate(posterior_gates(PROBLEM, prior, None), "identifiability").verdict != "pass"
