from typing import Any

import numpy as np
import pyro
import pyro.distributions as dist
import pytest
import torch

from causal_lpm import observed, policy
from causal_lpm.inference import CalibrationResult, fit
from tests.inference.calibration.conjugate import DATA, exact, normal

ASKED = 8.0
YES = [[4.0, 5.0, 3.0], [6.0, 7.0, 7.0]]


def answers() -> dict[str, torch.Tensor]:
    level = torch.atleast_1d(pyro.sample("level", dist.Normal(0.0, 1.5)))[..., None, None]
    slope = torch.atleast_1d(pyro.sample("slope", dist.Normal(0.0, 1.0)))[..., None, None]
    context = torch.tensor([0.0, 1.0]).to(level)[:, None]
    said = (level + slope * context).expand(*level.shape[:-2], 2, 3)  # [*draws, 1, contexts, archetypes]
    observed("yes", dist.Binomial(ASKED, logits=said).to_event(2))
    paid = policy("paid", torch.tensor(0.0))
    return {"share": torch.sigmoid(level[..., 0] + slope[..., 0] * paid[..., None])}


def test_nuts_gives_the_exact_posterior_in_chains() -> None:
    found = fit(normal(), {"x": DATA}, "nuts", gate=0, budget=100, settings={"warmup": 150})
    mean, deviation = exact(DATA)
    drawn = found.tree["posterior"]["mean"]
    assert dict(drawn.sizes) == {"chain": 4, "draw": 250}
    assert float(drawn.mean()) == pytest.approx(float(mean[0]), abs=0.25 * deviation)
    assert float(drawn.std()) == pytest.approx(deviation, rel=0.2)
    verdicts = {gate.name: gate.verdict for gate in found.report.gates}
    assert {"R-hat", "effective draws", "divergences"} <= set(verdicts)
    assert verdicts["size of the check"] == "warn"
    assert found.status == "calibrated"
    assert {"lp", "diverging", "step_size"} <= set(found.tree["sample_stats"].data_vars)


def test_a_table_of_answers_goes_through_fit_files_plots_and_policies(tmp_path: Any) -> None:
    found = fit(answers, {"yes": YES}, "nuts", gate=0, budget=100, draws=400, settings={"warmup": 100})
    assert found.tree["observed_data"]["yes"].dims == ("yes_dim_0", "yes_dim_1")
    assert found.tree["posterior_predictive"]["yes"].shape[2:] == (2, 3)
    assert {path.name for path in found.plots(tmp_path)} == {"parameters.png", "parameters.svg"}
    found.save(tmp_path / "answers.nc")
    again = CalibrationResult.load(tmp_path / "answers.nc", answers)
    assert list(again.summary().index) == ["level", "slope"]
    predicted = again.predict({"none": {}, "paid": {"paid": 1.0}}, draws=20)
    assert set(predicted.data_vars) == {"share"}
    assert float(again.effects("none", "share")["averted"].mean()) < 0  # paid, more work
    names = [gate.name for gate in found.report.gates]
    assert "predictive checks" in names


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"surrogate": normal()}, "method 'nuts' follows the density of the model itself: leave the surrogate out"),
        ({"settings": {"steps": 3}}, "unknown setting of method 'nuts' 'steps'"),
        ({"settings": {"target": 2.0}}, "target is 2.0"),
        ({"settings": {"chains": 0}}, "chains"),
    ],
)
def test_settings_that_make_no_sense_are_refused(options: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        fit(normal(), {"x": DATA}, "nuts", **options)


def test_factors_and_data_inside_a_model_are_told_where_they_belong() -> None:
    def weighed() -> None:
        mean = pyro.sample("mean", dist.Normal(0.0, 1.0))
        pyro.factor("answers", -mean.sum())
        observed("x", dist.Normal(mean.unsqueeze(-1), 1.0).to_event(1))

    def inside() -> None:
        mean = pyro.sample("mean", dist.Normal(0.0, 1.0))
        pyro.sample("answers", dist.Normal(mean, 1.0), obs=torch.tensor(0.3))
        observed("x", dist.Normal(mean.unsqueeze(-1), 1.0).to_event(1))

    for model in (weighed, inside):
        with pytest.raises(ValueError, match=r"'answers'.* data site, .*such as answers \[contexts, archetypes\]"):
            fit(model, {"x": [0.0]}, "nuts")


@pytest.mark.slow
def test_known_truths_agree_with_chains() -> None:
    # False alarms: three tests at 0.8%.
    found = fit(normal(), {"x": DATA}, "nuts", gate=200, budget=100)
    verdicts = {gate.name: gate.verdict for gate in found.report.gates}
    assert "fail" not in [verdicts["sbc"], verdicts["interval coverage"], verdicts["tarp"]]
    assert "size of the check" not in verdicts
    assert np.asarray(found.tree["prior_sbc"]["ranks"]).shape == (200, 1)
