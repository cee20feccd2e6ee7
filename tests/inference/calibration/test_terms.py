"""`fit` with a survey that no simulation reaches: every method against the closed form, and what is refused.

Networks and guides are approximations; seeds are fixed. The draws that they are trained on are exact, see
tests/inference/program/test_weighed_prior.py.
"""

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyro
import pyro.distributions as dist
import pytest
import torch

from causal_lpm import observed, rollout, tally
from causal_lpm.inference import fit
from causal_lpm.inference.calibration.result import CalibrationResult
from causal_lpm.inference.program import weighed_prior
from tests.inference.calibration.conjugate import SMALL
from tests.inference.calibration.surveyed import Y, answers_of, exact, surveyed

SURVEY = answers_of(3)
DATA = {"survey": SURVEY, "y": Y}
QUICK: dict[str, Any] = {"budget": 200, "gate": 0, "ensemble": 2, "training": SMALL, "draws": 1000}


def moments(result: CalibrationResult) -> tuple[float, float]:
    values = result.tree["posterior"]["mean"]
    return float(values.mean()), float(values.std())


@pytest.fixture(scope="module")
def calibrated() -> CalibrationResult:
    return fit(surveyed(3), DATA, "npe", **{**QUICK, "gate": 200})


def test_the_posterior_holds_the_survey_and_the_simulation(calibrated: CalibrationResult) -> None:
    mean, sd = exact(SURVEY)
    found, spread = moments(calibrated)
    assert found == pytest.approx(mean, abs=0.3 * sd)
    assert spread == pytest.approx(sd, rel=0.25)
    assert calibrated.status == "calibrated"
    assert next(gate for gate in calibrated.report.gates if gate.name == "terms").verdict == "pass"


@pytest.mark.parametrize("method", ["svi+npe", "nle", "abc"])
def test_other_posteriors_hold_it_too(method: str) -> None:
    """ "abc" is wider than the posterior, and not wider than the survey alone makes it."""
    settings = {"steps": 100} if method == "svi+npe" else {}
    mean, sd = exact(SURVEY)
    found, spread = moments(fit(surveyed(3), DATA, method, **{**QUICK, "ensemble": 1, "draws": 300}, settings=settings))
    assert found == pytest.approx(mean, abs=0.5 * sd)
    assert 0.7 * sd < spread < 1.1 * exact(SURVEY, days=0)[1] + 0.1 * sd


def test_optimisers_add_it_to_the_joint_density() -> None:
    mean, sd = exact(SURVEY)
    found, spread = moments(fit(surveyed(3), DATA, "svi", draws=1000, settings={"steps": 500}))
    assert found == pytest.approx(mean, abs=0.2 * sd)
    assert spread == pytest.approx(sd, rel=0.2)
    found, _ = moments(fit(surveyed(3), DATA, "gradient", settings={"steps": 300}))
    assert found == pytest.approx(mean, abs=0.05)


def test_the_same_survey_after_the_simulation_is_learned(calibrated: CalibrationResult) -> None:
    result = fit(surveyed(3, after=True), DATA, "npe", **QUICK)
    mean, sd = exact(SURVEY)
    assert moments(result)[0] == pytest.approx(mean, abs=0.7 * sd)
    assert set(result.predict(draws=5).data_vars) == {"x", "y", "survey"}
    assert set(calibrated.predict(draws=5).data_vars) == {"x", "y"}


def test_the_tree_keeps_the_survey_and_charts_leave_it_alone(calibrated: CalibrationResult, tmp_path: Path) -> None:
    seen = calibrated.tree["observed_data"]["survey"]
    assert seen.dims == ("survey_dim_0",)
    assert np.array_equal(seen.values, SURVEY)
    assert list(calibrated.tree["posterior_predictive"].data_vars) == ["y"]
    assert calibrated.plots(tmp_path / "charts")
    calibrated.save(tmp_path / "result.nc")
    again = CalibrationResult.load(tmp_path / "result.nc", model=surveyed(3))
    worlds = {"as it is": {}, "more": {"more": 1.0}}
    assert again.predict(worlds, draws=5).identical(calibrated.predict(worlds, draws=5))


def test_nuisances_are_no_parameters_of_a_result(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten people; predictions keep what the survey says of them."""
    monkeypatch.setattr(weighed_prior, "EACH", 200)
    monkeypatch.setattr(weighed_prior, "WARM_UP", 150)
    survey = answers_of(10)
    result = fit(surveyed(10, nuisances=True), {"survey": survey, "y": Y}, "npe", **QUICK)
    mean, sd = exact(survey, nuisances=True)
    found, spread = moments(result)
    assert found == pytest.approx(mean, abs=0.5 * sd)
    assert spread == pytest.approx(sd, rel=0.4)
    assert list(result.tree["posterior"].data_vars) == ["mean"]
    assert result.tree["nuisances"]["own"].shape == (1, 1000, 10)
    own = result.tree["nuisances"]["own"].mean(("chain", "draw")).values
    assert np.corrcoef(own, survey)[0, 1] > 0.9
    assert set(result.predict(draws=5).data_vars) == {"x", "y"}


def test_simulations_are_kept_by_what_the_survey_said(tmp_path: Path) -> None:
    for survey in (SURVEY, SURVEY + 1):
        fit(surveyed(3), {"survey": survey, "y": Y}, "abc", **QUICK, folder=tmp_path)
    assert len(list(tmp_path.glob("first-*"))) == 2


def test_one_number() -> None:
    def model() -> Any:
        mean = pyro.sample("mean", dist.Normal(0.0, 1.0))
        observed("survey", dist.Normal(mean, 1.0))
        run = rollout(lambda s: tally("x", s["x"]) is None or s, {"x": mean if mean.dim() else mean.expand(1)}, 4)
        observed("y", dist.Normal(run.tallies["x"].float(), 2.0).to_event(1))
        return run

    result = fit(model, {"survey": 1.0, "y": Y}, "abc", **QUICK)
    assert float(result.tree["observed_data"]["survey"]) == 1.0
    assert list(result.predict(draws=3).data_vars) == ["x", "y"]


def test_a_table_of_answers() -> None:
    """Questions by archetypes, one of them not answered: no days, and more than one dimension."""

    def model() -> Any:
        mean = pyro.sample("mean", dist.Normal(0.0, 1.0))
        asked = mean[..., None, None].expand(*mean.shape, 2, 3)
        pyro.sample("answers", dist.Normal(asked, 1.0).to_event(2))
        run = rollout(lambda s: tally("x", s["x"]) is None or s, {"x": mean if mean.dim() else mean.expand(1)}, 4)
        pyro.sample("y", dist.Normal(run.tallies["x"].float(), 2.0).to_event(1))
        return run

    answers = np.array([[1.0, 0.5, np.nan], [2.0, 1.0, 0.0]])
    result = fit(model, {"answers": answers, "y": Y}, "npe", **QUICK)
    mean, sd = exact(answers[~np.isnan(answers)])
    assert moments(result)[0] == pytest.approx(mean, abs=0.5 * sd)
    assert result.tree["observed_data"]["answers"].dims == ("answers_dim_0", "answers_dim_1")
    assert list(result.predict(draws=3).data_vars) == ["x", "y"]


def inside() -> None:
    mean = pyro.sample("mean", dist.Normal(0.0, 1.0))
    pyro.sample("poll", dist.Normal(mean, 1.0), obs=torch.tensor(1.0))
    observed("y", dist.Normal(mean[..., None].expand(*mean.shape, 4), 1.0).to_event(1))


@pytest.mark.parametrize(
    ("model", "data", "method", "sentence"),
    [
        (surveyed(3, nuisances=True), DATA, "nle", "method 'nle' needs the density of the terms given the parameters"),
        (surveyed(3), {"y": Y}, "npe", "site 'survey' is observed, so it is a data site, and it has no data"),
        (surveyed(3), {**DATA, "survey": SURVEY[:2]}, "npe", r"the data of site 'survey' have shape \(2,\)"),
        (inside, {"y": Y}, "npe", "site 'poll' has data inside the model: make it a data site"),
    ],
)
def test_what_is_refused(model: Any, data: dict[str, Any], method: str, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        fit(partial(model), data, method, **QUICK)
