import logging
from pathlib import Path
from typing import Any

import numpy as np
import pyro
import pyro.distributions as dist
import pytest
import torch

from causal_lpm import observed
from causal_lpm.inference import CalibrationResult, fit, sample_nuts
from causal_lpm.inference.calibration.cut import Cut, CutGiven, cut_of
from causal_lpm.inference.calibration.joint_prior import JointPrior, joint_prior
from causal_lpm.inference.posteriors.posterior import Data
from causal_lpm.inference.program.parameters import Parameter
from causal_lpm.inference.program.problem import Problem
from tests.inference.calibration.conjugate import DATA, normal
from tests.inference.calibration.surveyed import Y as Y_OF_SURVEYED
from tests.inference.calibration.surveyed import answers_of, surveyed

MEAN, DEVIATION, NOISE = 0.9, 0.25, 0.3  # of phi in the first model; of the data of the second
Y = [2.0, 2.5, 2.2, 1.9, 2.4]


def parameters() -> list[Parameter]:
    return [
        Parameter("level", dist.Normal(0.0, 1.0), torch.tensor(0.0), slice(0, 1)),
        Parameter("rate", dist.LogNormal(0.0, 1.0), torch.tensor(1.0), slice(1, 2)),
        Parameter("effects", dist.Normal(torch.zeros(3), 1.0).to_event(1), torch.zeros(3), slice(2, 5)),
        Parameter("towns", dist.Normal(torch.zeros(2), 1.0), torch.zeros(2), slice(5, 7)),
    ]


def draws(n: int = 4000) -> dict[str, torch.Tensor]:
    z = torch.randn(n, 7, generator=torch.Generator().manual_seed(0))
    return {"level": z[:, 0] + z[:, 1], "rate": z[:, 1].exp(), "effects": z[:, 2:5], "towns": z[:, 5:]}


def test_values_have_the_shapes_and_units_of_the_models_own_sites() -> None:
    prior = joint_prior("before", parameters(), draws(), ["rate", "effects", "towns"], "joint")
    alone = prior()
    assert [tuple(value.shape) for value in alone.values()] == [(), (3,), (2,)]
    assert float(alone["rate"]) > 0
    with pyro.condition(data={"before": torch.zeros(8, 1, 6)}):
        several = prior()
    assert [tuple(value.shape) for value in several.values()] == [(8, 1), (8, 1, 3), (8, 2)]


def test_the_site_has_the_moments_of_the_draws_and_any_precision() -> None:
    prior = joint_prior("before", parameters(), draws(), ["level", "rate"], "joint")
    covariance = prior.scale_tril @ prior.scale_tril.T
    torch.testing.assert_close(covariance, torch.tensor([[2.0, 1.0], [1.0, 1.0]]), atol=0.12, rtol=0)
    site = pyro.poutine.trace(prior).get_trace().nodes["before"]["fn"]
    exact = torch.distributions.MultivariateNormal(prior.mean.double(), scale_tril=prior.scale_tril.double())
    value = torch.randn(5, 1, 2, dtype=torch.float64)
    torch.testing.assert_close(site.log_prob(value), exact.log_prob(value))
    torch.testing.assert_close(site.log_prob(value.float()), exact.log_prob(value).float())


def test_draws_far_from_normal_are_refused_and_skewed_ones_are_told_of(caplog: pytest.LogCaptureFixture) -> None:
    both = torch.cat([torch.randn(500) - 5, torch.randn(500) + 5])
    with pytest.raises(ValueError, match=r"A normal distribution describes the draws worst for .*level"):
        joint_prior("before", parameters(), {"level": both}, ["level"], "joint")
    skewed = -((torch.arange(4000) + 0.5) / 4000).log()  # exponential
    with caplog.at_level(logging.WARNING, "causal_lpm"):
        found = joint_prior("before", parameters(), {"level": skewed}, ["level"], "joint")
    assert found.check.verdict == "warn"
    assert "describes the draws worst" in caplog.text
    assert joint_prior("before", parameters(), draws(), ["rate"], "joint").check.verdict == "pass"


@pytest.fixture(scope="module")
def result() -> CalibrationResult:
    return fit(normal(), {"x": DATA}, "nuts", budget=40, gate=0, draws=400, settings={"warmup": 100})


@pytest.mark.parametrize(
    ("status", "names", "feedback", "says"),
    [
        ("uncalibrated", ["mean"], "joint", "this result is 'uncalibrated', which is no prior"),
        ("optimised", ["mean"], "joint", "this result is 'optimised', which is no prior"),
        ("calibrated", ["men"], "joint", "unknown parameter 'men'"),
        ("calibrated", "mean", "joint", "names is 'mean': give a list"),
        ("calibrated", ["mean"], "none", "unknown feedback 'none'"),
    ],
)
def test_what_cannot_be_handed_on_is_refused(
    result: CalibrationResult, status: str, names: Any, feedback: Any, says: str
) -> None:
    result.tree.attrs["status"] = status
    with pytest.raises(ValueError, match=says):
        result.as_prior(names, feedback)


def test_a_result_that_was_saved_and_loaded_hands_on_the_same_prior(result: CalibrationResult, tmp_path: Path) -> None:
    result.tree.attrs["status"] = "calibrated"
    result.save(tmp_path / "result.nc")
    with pytest.raises(ValueError, match=r"a loaded result has no model: give it, as in CalibrationResult.load"):
        CalibrationResult.load(tmp_path / "result.nc").as_prior(["mean"])
    mine, loaded = (
        result.as_prior(["mean"]),
        CalibrationResult.load(tmp_path / "result.nc", normal()).as_prior(["mean"]),
    )
    assert torch.equal(mine.mean, loaded.mean)
    assert torch.equal(mine.scale_tril, loaded.scale_tril)
    given = {"handed_on": torch.tensor([[0.3]])}
    with pyro.condition(data=given):
        assert torch.equal(mine()["mean"], loaded()["mean"])


def test_a_loaded_result_with_a_survey_before_its_simulation_hands_on_parameters_only(tmp_path: Path) -> None:
    """Data of the survey are no parameter, and neither is what was drawn for those who answered."""
    data, settings = {"survey": answers_of(3), "y": Y_OF_SURVEYED}, {"particles": 1, "steps": 100}
    made = fit(surveyed(answers=3, nuisances=True), data, "svi", draws=300, settings=settings)
    made.tree.attrs["status"] = "calibrated"
    made.save(tmp_path / "result.nc")
    loaded = CalibrationResult.load(tmp_path / "result.nc", surveyed(answers=3, nuisances=True))
    assert torch.equal(made.as_prior(["mean"]).mean, loaded.as_prior(["mean"]).mean)
    for each in (made, loaded):
        for name in ("own", "survey"):
            with pytest.raises(ValueError, match=f"unknown parameter '{name}'"):
                each.as_prior([name])


def handed_on(feedback: Any, name: str = "before", mean: float = MEAN) -> JointPrior:
    phi = Parameter("phi", dist.Normal(0.0, 1.0), torch.tensor(0.0), slice(0, 1))
    drawn = torch.distributions.Normal(0.0, 1.0).icdf((torch.arange(999) + 0.5) / 999)
    return JointPrior(name, [phi], (mean + DEVIATION * drawn / drawn.std())[:, None].double(), feedback)


def second(feedback: Any) -> Any:
    prior = handed_on(feedback)

    def model() -> None:
        phi, theta = prior()["phi"], pyro.sample("theta", dist.Normal(0.0, 1.0))
        observed("y", dist.Normal((theta + phi).unsqueeze(-1).expand(*theta.shape, 5), NOISE).to_event(1))

    return model


def exact(feedback: str) -> tuple[tuple[float, float], tuple[float, float], float]:
    """Mean and deviation of theta, of phi, and their correlation, in closed form."""
    error, mean = NOISE**2 / len(Y), float(np.mean(Y))
    if feedback == "joint":
        precision = np.array([[1 + 1 / error, 1 / error], [1 / error, 1 / DEVIATION**2 + 1 / error]])
        covariance = np.linalg.inv(precision)
        at = covariance @ np.array([mean / error, MEAN / DEVIATION**2 + mean / error])
        sd = np.sqrt(np.diag(covariance))
        return (at[0], sd[0]), (at[1], sd[1]), covariance[0, 1] / sd[0] / sd[1]
    share = 1 / (1 + error)
    sd = np.sqrt((share * DEVIATION) ** 2 + share * error)
    return (share * (mean - MEAN), sd), (MEAN, DEVIATION), -share * DEVIATION / sd


def test_joint_feedback_is_the_posterior_of_both_models() -> None:
    problem = Problem(second("joint"), {"y": Y})
    found = sample_nuts(problem, draws=250, warmup=150)
    values = problem.constrain(found.z.flatten(0, 2))
    drawn = torch.stack([values["theta"], values["before"][:, 0]]).double().numpy()
    theta, phi, correlation = exact("joint")
    # 400 effective draws: a mean is off by 0.05 deviations, a deviation by 3.5%; bounds are 4 of these.
    np.testing.assert_allclose(drawn.mean(1), [theta[0], phi[0]], atol=0.2 * DEVIATION)
    np.testing.assert_allclose(drawn.std(1), [theta[1], phi[1]], rtol=0.15)
    assert np.corrcoef(drawn)[0, 1] == pytest.approx(correlation, abs=0.08)


class Conditional:
    """p(theta | y, phi) in closed form, for any data."""

    def __init__(self, problem: Problem) -> None:
        self._problem = problem

    def given(self, data: Data) -> "Conditional":
        mine = Conditional(self._problem)
        mine._y = torch.as_tensor(np.asarray(data["y"])).reshape(-1, 5).mean(1)
        mine._phi = MEAN + DEVIATION * torch.as_tensor(np.asarray(data["before_given"])).reshape(-1)
        return mine

    def sample(self, number: int, seed: int) -> torch.Tensor:
        error = NOISE**2 / 5
        noise = torch.randn(number, len(self._y), generator=torch.Generator().manual_seed(seed))
        theta = (self._y - self._phi) / (1 + error) + (error / (1 + error)) ** 0.5 * noise
        place = self._problem.coordinates
        return ((theta - place.centre[0]) / place.scale[0]).unsqueeze(-1)

    def log_prob(self, z: torch.Tensor) -> None:
        return

    def gates(self, number: int = 1000, seed: int = 0) -> tuple[()]:
        return ()


def cut() -> Cut:
    found = cut_of(Problem(second("cut"), {"y": Y}))
    assert found is not None
    return found


def test_cut_feedback_leaves_phi_as_it_was_and_keeps_the_pairs() -> None:
    mine = cut()
    assert cut_of(Problem(second("joint"), {"y": Y})) is None
    problem = mine.problem
    assert problem.names == ("theta",)
    assert mine.copies == ("before_given",)
    observed_data = {name: series.values.numpy()[None] for name, series in problem.data.items()}
    given = CutGiven(mine, Conditional(problem), observed_data)
    values = problem.constrain(given.completed(4000, 7).z)
    drawn = torch.stack([values["theta"], values["before"][:, 0]]).double().numpy()
    theta, phi, correlation = exact("cut")
    # 4,000 draws: a mean is off by 0.016 deviations, a deviation by 1.1%; bounds are more than 4 of these.
    np.testing.assert_allclose(drawn.mean(1), [theta[0], phi[0]], atol=0.07 * DEVIATION)
    np.testing.assert_allclose(drawn.std(1), [theta[1], phi[1]], rtol=0.05)
    assert np.corrcoef(drawn)[0, 1] == pytest.approx(correlation, abs=0.03)


BETWEEN = -0.4  # mean of psi, whose deviation is that of phi


def third() -> None:
    """Two posteriors are handed on, and the data, which are of their difference, update neither."""
    before, beside = handed_on("cut"), handed_on("cut", "beside", BETWEEN)
    shift = before()["phi"] - beside()["phi"]
    theta = pyro.sample("theta", dist.Normal(0.0, 1.0))
    observed("y", dist.Normal((theta + shift).unsqueeze(-1).expand(*theta.shape, 5), NOISE).to_event(1))


class Difference(Conditional):
    """p(theta | y, phi, psi)."""

    def given(self, data: Data) -> "Conditional":
        mine = super().given(data)
        psi = BETWEEN + DEVIATION * torch.as_tensor(np.asarray(data["beside_given"])).reshape(-1)
        mine._phi = mine._phi - psi
        return mine


def test_feedback_of_two_sites_is_cut_and_each_draw_keeps_both() -> None:
    mine = cut_of(Problem(third, {"y": Y}))
    assert mine is not None
    problem = mine.problem
    assert (problem.names, mine.copies) == (("theta",), ("before_given", "beside_given"))
    data = {name: series.values.numpy()[None] for name, series in problem.data.items()}
    values = problem.constrain(CutGiven(mine, Difference(problem), data).completed(4000, 7).z)
    theta, phi, psi = torch.stack([values["theta"], values["before"][:, 0], values["beside"][:, 0]]).double().numpy()
    # Of 4,000 draws: a mean is off by 0.016 deviations, a deviation by 1.1%, a correlation by 0.016; 4 are allowed.
    error = NOISE**2 / len(Y)
    share = 1 / (1 + error)
    sd = np.sqrt(2 * (share * DEVIATION) ** 2 + share * error)
    np.testing.assert_allclose([phi.mean(), psi.mean()], [MEAN, BETWEEN], atol=0.07 * DEVIATION)
    np.testing.assert_allclose([phi.std(), psi.std()], DEVIATION, rtol=0.05)
    assert theta.mean() == pytest.approx(share * (np.mean(Y) - MEAN + BETWEEN), abs=0.07 * sd)
    assert theta.std() == pytest.approx(sd, rel=0.05)
    between = np.corrcoef([theta, phi, psi])
    tied = share * DEVIATION / sd
    np.testing.assert_allclose(between[np.triu_indices(3, 1)], [-tied, tied, 0.0], atol=0.065)


def test_methods_without_a_posterior_for_other_data_cannot_cut() -> None:
    with pytest.raises(ValueError, match="method 'svi' has no posterior for other data, by which feedback is cut"):
        fit(second("cut"), {"y": Y}, "svi")


@pytest.mark.slow
def test_fit_returns_the_cut_distribution_with_the_draws_of_phi_that_belong_to_it() -> None:
    found = fit(second("cut"), {"y": Y}, "npe", gate=0, budget=4000, ensemble=2)
    theta, phi, correlation = exact("cut")
    pairs = [found.tree["posterior"]["theta"].values.ravel(), found.tree["nuisances"]["before"].values.ravel()]
    np.testing.assert_allclose(np.mean(pairs, 1), [theta[0], phi[0]], atol=0.2 * DEVIATION)
    np.testing.assert_allclose(np.std(pairs, 1), [theta[1], phi[1]], rtol=0.15)
    assert np.corrcoef(pairs)[0, 1] == pytest.approx(correlation, abs=0.12)
    assert list(found.tree["observed_data"].data_vars) == ["y"]


def test_a_prior_says_whether_data_update_it() -> None:
    joint, cut = (
        repr(joint_prior("before", parameters(), draws(), ["level"], feedback)) for feedback in ("joint", "cut")
    )
    assert "feedback='joint': data of the model that calls it update what is handed on" in joint
    assert "feedback='cut': data of the model that calls it do not update what is handed on" in cut
