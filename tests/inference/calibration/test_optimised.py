import numpy as np
import pytest
import torch

from causal_lpm.inference.calibration.optimised import GUIDES, optimise_by_gradient, optimise_by_svi, variational
from causal_lpm.inference.calibration.plan import Plan
from causal_lpm.inference.program.problem import Problem
from tests.inference.calibration.conjugate import DATA, exact, exact_line, line, normal

LINE = Problem(line, {"x": [1.0, 2.0, 1.5, 3.0]})


@pytest.mark.parametrize("guide", GUIDES)
def test_guides_come_near_the_exact_posterior(guide: str) -> None:
    z, log_weights, losses = variational(LINE, 0, 2000, guide=guide, steps=600)
    mean, covariance = exact_line([1.0, 2.0, 1.5, 3.0])
    sd = np.sqrt(np.diag(covariance))
    found = torch.stack(list(LINE.constrain(z).values()), -1).double().numpy()
    # The standard error of a mean is 0.02 sd; the rest is for the optimiser.
    np.testing.assert_allclose((found.mean(0) - mean) / sd, 0, atol=0.25)
    assert losses.shape == (600,)
    correlation = np.corrcoef(found.T)[0, 1]
    if guide == "AutoNormal":  # it knows no correlation, and its widths are those of one parameter given the other
        assert abs(correlation) < 0.1
        alone = 1 / np.sqrt(np.diag(np.linalg.inv(covariance)))
        np.testing.assert_allclose(found.std(0) / alone, 1, atol=0.2)
    else:
        assert correlation == pytest.approx(covariance[0, 1] / sd.prod(), abs=0.1)
        np.testing.assert_allclose(found.std(0) / sd, 1, atol=0.2)
        assert float(log_weights.std()) < 0.5  # of the exact posterior all weights are the same


def test_an_autoregressive_guide_needs_two_parameters() -> None:
    with pytest.raises(ValueError, match="guide 'AutoIAF' needs at least two parameters, the model has 1"):
        variational(Problem(normal(), {"x": DATA}), 0, 10, guide="AutoIAF")


def test_log_weights_are_the_joint_density_less_the_guide_s() -> None:
    z, log_weights, _ = variational(LINE, 1, 4000, steps=600)
    mean, covariance = exact_line([1.0, 2.0, 1.5, 3.0])
    values = torch.stack(list(LINE.constrain(z).values()), -1).double().numpy()
    sd = np.sqrt(np.diag(covariance))
    np.testing.assert_allclose((values.mean(0) - mean) / sd, 0, atol=0.25)
    np.testing.assert_allclose(np.cov(values.T) / np.outer(sd, sd), covariance / np.outer(sd, sd), atol=0.25)
    # Their mean is the evidence, known for a Gaussian model.
    design = np.stack([np.ones(4), np.arange(4.0)], 1)
    law = torch.distributions.MultivariateNormal(
        torch.zeros(4, dtype=torch.float64), torch.tensor(design @ np.diag([4.0, 1.0]) @ design.T + 0.25 * np.eye(4))
    )
    evidence = float(law.log_prob(torch.tensor([1.0, 2.0, 1.5, 3.0], dtype=torch.float64)))
    assert float(torch.logsumexp(log_weights.double(), 0) - np.log(4000)) == pytest.approx(evidence, abs=0.05)


def test_a_guide_is_optimised_and_never_called_calibrated() -> None:
    told: list[tuple[str, int, int]] = []
    problem = Problem(normal(), {"x": DATA})
    result = optimise_by_svi(problem, Plan(draws=100, settings={"steps": 100}, progress=lambda *now: told.append(now)))
    assert result.status == "optimised"
    assert result.banner.startswith("OPTIMISED with svi: not a posterior")
    assert [gate.name for gate in result.report.gates] == ["k-hat"]
    assert told == [("optimising", 50, 100), ("optimising", 100, 100)]
    again = optimise_by_svi(problem, Plan(draws=100, settings={"steps": 100}))
    np.testing.assert_array_equal(result.tree["posterior"]["mean"], again.tree["posterior"]["mean"])
    with pytest.raises(ValueError, match="this result answers for no other data"):
        result.check()


def test_a_gradient_ends_at_the_mode() -> None:
    result = optimise_by_gradient(Problem(normal(), {"x": [*DATA[:5], np.nan]}), Plan(draws=100))
    assert result.status == "optimised"
    assert result.banner.startswith("OPTIMISED with gradient: not a posterior")
    assert result.tree["posterior"].sizes["draw"] == 1
    assert float(result.tree["posterior"]["mean"][0, 0]) == pytest.approx(exact([*DATA[:5], np.nan])[0][0], abs=0.02)


def test_unknown_guides_are_refused() -> None:
    with pytest.raises(ValueError, match="unknown guide 'AutoNormall': did you mean 'AutoNormal'"):
        variational(LINE, 0, 10, guide="AutoNormall")
