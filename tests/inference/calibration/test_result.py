from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from causal_lpm.inference import CalibrationResult, Report, fit
from causal_lpm.inference.charts.style import banner_text
from causal_lpm.inference.posteriors.amortised import AmortisedPosterior
from causal_lpm.inference.posteriors.features import Summary
from causal_lpm.inference.posteriors.focus import Focus, focus_on
from causal_lpm.inference.program.problem import Problem
from causal_lpm.inference.results.calibration_tree import About, build_tree
from tests.inference.calibration.conjugate import SMALL, exact, normal
from tests.inference.calibration.fake_result import fake_result
from tests.inference.calibration.known_posterior import Known
from tests.inference.calibration.sir import DAYS, posterior, sir


@pytest.fixture(scope="module")
def calibrated() -> CalibrationResult:
    quick: dict[str, Any] = {"ensemble": 3, "training": SMALL, "settings": {"steps": 200}}
    return fit(normal(2, width=1.0), {"x": [0.5, 1.1]}, budget=600, gate=0, **quick)


def test_the_check_passes_for_the_model_itself(calibrated: CalibrationResult) -> None:
    # A fixed seed; another one fails in at most 4 x 0.8% of cases if the posterior is exact.
    report = calibrated.check(simulations=300, seed=2)
    assert report.status == "calibrated"
    assert [gate.name for gate in report.gates] == ["sbc", "interval coverage", "expected coverage", "tarp"]


@pytest.mark.parametrize(
    "fault",
    [
        normal(2, width=1.0, centre=1.5),
        normal(2, width=3.0),
        normal(2, width=0.3),
        normal(2, width=1.0, noise=2.0),
        normal(2, width=1.0, noise=0.4),
    ],
    ids=["another prior", "a wider prior", "a narrower prior", "more noise", "less noise"],
)
def test_the_check_fails_for_a_wrong_prior_and_for_a_wrong_likelihood(
    calibrated: CalibrationResult, fault: object
) -> None:
    report = calibrated.check(fault, simulations=300)  # type: ignore[arg-type]
    assert report.status == "uncalibrated"
    assert report.failed


class ExactUnder:
    """Networks that know the posterior of one normal number exactly, under a prior that was focused."""

    def __init__(self, problem: Problem, given: Focus) -> None:
        self.problem, self.given = problem, given

    def sample(self, draws: int, features: torch.Tensor, seed: int) -> torch.Tensor:
        generator = torch.Generator().manual_seed(seed)
        centres, sd = exact(features)
        found = []
        for centre in centres:
            values = torch.as_tensor(centre + sd * torch.randn(5_000, generator=generator), dtype=torch.float32)
            z = self.problem.unconstrain({"mean": values})
            weight = self.given.log_weight(z)
            found.append(z[torch.multinomial((weight - weight.max()).exp(), draws, True, generator=generator)])
        return torch.stack(found, 1)

    def log_prob(self, z: torch.Tensor, features: torch.Tensor) -> torch.Tensor:
        """Up to a constant of each data set, which is all that the gates need."""
        centres, sd = exact(features)
        values = self.problem.constrain(z.reshape(-1, 1))["mean"].reshape(z.shape[:2])
        likely = -((values - torch.as_tensor(centres)) ** 2) / (2 * sd**2)
        return likely + self.given.log_weight(z)


def test_networks_of_a_second_round_are_asked_for_truths_of_the_focused_prior(calibrated: CalibrationResult) -> None:
    problem = Problem(normal(1), {"x": [1.0]})
    given = focus_on(problem, Known(0.3), torch.full((1, 1), 0.5), seed=0)  # type: ignore[arg-type]
    posterior = AmortisedPosterior(lambda data: Summary(torch.as_tensor(data["x"])), ExactUnder(problem, given), given)  # type: ignore[arg-type]
    result = CalibrationResult(calibrated.tree, Report(), problem, posterior)
    assert result.check(simulations=200).status == "calibrated"  # a fixed seed; fails by chance in 3.2% of others
    assert result.check(normal(1, noise=3.0), simulations=200).status == "uncalibrated"


def test_what_cannot_be_checked_is_refused(calibrated: CalibrationResult) -> None:
    with pytest.raises(ValueError, match="have shape"):
        calibrated.check(normal(4))
    with pytest.raises(ValueError, match="simulations is 0"):
        calibrated.check(simulations=0)
    with pytest.raises(ValueError, match="answers for no other data"):
        CalibrationResult(calibrated.tree, calibrated.report).check()


def test_draws_are_chosen_evenly_and_never_twice(calibrated: CalibrationResult) -> None:
    whole, some = calibrated.parameters()["mean"], calibrated.parameters(10)["mean"]
    assert whole.shape == (1000,)
    assert whole.dtype == torch.float32
    assert torch.equal(some[[0, -1]], whole[[0, -1]])
    assert len(some.unique()) == 10
    with pytest.raises(ValueError, match="1001 draws were asked for and the posterior has 1000"):
        calibrated.parameters(1001)


def test_the_summary_is_of_the_posterior(calibrated: CalibrationResult) -> None:
    values = calibrated.tree["posterior"]["mean"].values.ravel()
    ((name, *numbers),) = calibrated.summary().iloc[:, :4].itertuples()
    assert name == "mean"
    expected = [values.mean(), values.std(ddof=1), *np.quantile(values, [0.05, 0.95])]
    np.testing.assert_allclose(numbers, expected, rtol=1e-5)


@pytest.mark.parametrize("status", ["calibrated", "uncalibrated", "optimised"])
def test_the_banner_is_that_of_the_charts(status: str) -> None:
    tree = fake_result(status)
    result = CalibrationResult(tree, None)  # type: ignore[arg-type]
    assert result.banner == banner_text(tree)
    assert bool(result.banner) == (status != "calibrated")


@pytest.mark.parametrize("suffix", [".nc", ".zarr"])
def test_a_saved_result_reads_back_and_answers_with_its_model(
    calibrated: CalibrationResult, tmp_path: Path, suffix: str
) -> None:
    if suffix == ".zarr":
        pytest.importorskip("zarr")
    path = tmp_path / f"result{suffix}"
    calibrated.save(path)
    found = CalibrationResult.load(path)
    assert found.summary().equals(calibrated.summary())
    assert found.report == calibrated.report
    assert (found.status, found.banner, found.method) == (calibrated.status, calibrated.banner, "svi+npe")
    with pytest.raises(ValueError, match="a loaded result has no model"):
        found.predict()
    with pytest.raises(ValueError, match="answers for no other data"):
        found.check()
    again = CalibrationResult.load(path, model=normal(2, width=1.0))
    assert again.predict(draws=5, outcomes=["x"]).equals(calibrated.predict(draws=5, outcomes=["x"]))


def epidemic() -> CalibrationResult:
    """A result of the small SIR model whose posterior is made up."""
    draws = {name: value.numpy() for name, value in posterior(4).items()}
    tree = build_tree(About("svi+npe", "uncalibrated", 3, 10, 10), draws)
    return CalibrationResult(tree, Report(), Problem(sir, {"cases": np.zeros((1, DAYS))}))


def test_policies_are_asked_in_their_order_and_every_table_says_its_kind() -> None:
    result = epidemic()
    with pytest.raises(ValueError, match="there are no predictions yet"):
        result.effects("factual", "infections")
    worlds = {"factual": {}, "closed": {"closure_day": 5.0}}
    predictions = result.predict(worlds, draws=4, replicates=2, outcomes=["infections", "cases"])
    effects = result.effects("factual", "infections")
    ranking = result.rank_policies(lambda found: found["infections"].sum(("group", "day")))
    for found in (predictions, effects, ranking):
        assert (found.attrs["kind"], found.attrs["status"]) == ("paired", "uncalibrated")
    assert {"predictions", "causal_effect"} <= set(result.tree.children)
    interventional = result.predict(worlds, kind="interventional", draws=4)
    assert interventional.attrs["kind"] == "interventional" == result.tree["predictions"].attrs["kind"]
    with pytest.raises(ValueError, match="unknown policy 'closure': did you mean 'closure_day'"):
        result.predict({"a": {"closure": 3.0}}, draws=2)


def test_its_name_says_what_it_is(calibrated: CalibrationResult) -> None:
    assert repr(calibrated) == "CalibrationResult('svi+npe', 'uncalibrated', 1000 draws)"
