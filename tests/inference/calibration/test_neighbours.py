"""What other packages do with models and results: Pyro's Predictive, guides of one's own, sbi's diagnostics, ArviZ."""

from pathlib import Path
from typing import Any

import numpy as np
import pyro
import pyro.distributions as dist
import pytest
import torch
from pyro.infer import Predictive
from pyro.infer.autoguide import AutoLowRankMultivariateNormal

from causal_lpm import KeyedNoise, Seeds
from causal_lpm.inference import CalibrationResult, fit
from tests.inference.calibration.conjugate import SMALL, exact, normal
from tests.inference.calibration.sir import DAYS, posterior, sir

DATA = {"x": [0.5, 1.1]}
QUIET: dict[str, Any] = {"gate": 0, "progress": False}


@pytest.fixture(scope="module")
def trained() -> CalibrationResult:
    quick: dict[str, Any] = {"ensemble": 1, "training": SMALL, "settings": {"steps": 100}}
    return fit(normal(2, width=1.0), DATA, budget=300, **QUIET, **quick)


def test_predictive_draws_series_and_reports_under_keyed_noise() -> None:
    draws = posterior(5)
    with KeyedNoise(3):
        found = Predictive(sir, draws)()
    assert found["cases"].shape == (5, 1, DAYS)
    # Draws one by one meet the same luck of the agents, and each its own parameters.
    assert len({float(x) for x in found["cases"].float().sum((1, 2))}) > 1


def test_predictive_draws_other_luck_each_time_under_seeds() -> None:
    same = {name: value[:1].expand(6) for name, value in posterior(5).items()}
    with Seeds("luck"):
        found = Predictive(sir, same)()
    totals = [float(x) for x in found["cases"].float().sum((1, 2))]
    assert len(set(totals)) > 1
    seeds = [name for name in found if name.startswith("luck")]
    assert seeds
    with Seeds("luck"):
        replayed = Predictive(sir, {**same, **{name: found[name] for name in seeds}}, return_sites=seeds)()
    assert not torch.equal(found[seeds[0]][0], found[seeds[0]][1])
    torch.testing.assert_close(replayed[seeds[0]], found[seeds[0]])


def _own_guide(program: Any) -> Any:
    """Written by hand: one normal number."""

    def guide() -> None:
        place = pyro.param("place", torch.zeros(1))
        scale = pyro.param("scale", torch.full((1,), 0.3), constraint=dist.constraints.positive)
        pyro.sample("z", dist.Normal(place, scale).to_event(1))

    return guide


@pytest.mark.parametrize("guide", [_own_guide, lambda program: AutoLowRankMultivariateNormal(program, rank=1)])
def test_fit_takes_a_guide_of_ones_own(guide: Any) -> None:
    result = fit(normal(2, width=1.0), DATA, "svi", settings={"guide": guide, "steps": 600}, **QUIET)
    mean, sd = exact(DATA["x"], width=1.0)
    found = result.summary().loc["mean"]
    assert found["mean"] == pytest.approx(mean[0], abs=0.12)
    assert found["sd"] == pytest.approx(sd, rel=0.2)
    assert result.status == "optimised"


def test_a_guide_without_the_parameters_is_refused() -> None:
    def empty(program: Any) -> Any:
        return lambda: pyro.sample("mean", dist.Normal(pyro.param("m", torch.zeros(1)), 1.0).to_event(1))

    with pytest.raises(ValueError, match="none is 'z'"), pytest.warns(UserWarning, match="guide"):
        fit(normal(2), DATA, "svi", settings={"guide": empty, "steps": 1}, **QUIET)
    with pytest.raises(ValueError, match="unknown guide 'AutoNormall': did you mean 'AutoNormal'"):
        fit(normal(2), DATA, "svi", settings={"guide": "AutoNormall"}, **QUIET)


@pytest.mark.filterwarnings("ignore::UserWarning", "ignore::DeprecationWarning", "ignore::FutureWarning")
def test_sbis_own_diagnostics_take_the_posterior_also_of_a_loaded_result(
    trained: CalibrationResult, tmp_path: Path
) -> None:
    diagnostics = pytest.importorskip("sbi.diagnostics")
    rng = torch.Generator().manual_seed(0)
    thetas = torch.randn(200, 1, generator=rng)
    trained.save(tmp_path / "result.nc", posterior=True)
    loaded = CalibrationResult.load(tmp_path / "result.nc", normal(2, width=1.0), posterior=True)
    assert loaded.posterior is not None
    for result in (trained, loaded):
        assert result.problem is not None
        xs = torch.as_tensor(result.problem.simulate(thetas, torch.arange(200)).data["x"]).float()
        ours = result.to_sbi()
        ranks, dap = diagnostics.run_sbc(thetas, xs, ours, num_posterior_samples=100, show_progress_bar=False)
        checks = diagnostics.check_sbc(ranks, thetas, dap, num_posterior_samples=100)
        assert float(checks["ks_pvals"].min()) > 1e-4  # of the exact posterior in all but 1 of 10,000 seeds
        ecp, alpha = diagnostics.run_tarp(thetas, xs, ours, num_posterior_samples=100, show_progress_bar=False)
        assert float((ecp - alpha).abs().max()) < 0.2
        assert ours.log_prob(thetas[:3], xs[:1]).shape == (3,)
    assert torch.equal(trained.to_sbi(1).sample((50,)), loaded.to_sbi(1).sample((50,)))
    assert loaded.check(simulations=200).gates


def test_without_a_posterior_for_other_data_there_is_nothing_for_sbi(
    trained: CalibrationResult, tmp_path: Path
) -> None:
    trained.save(tmp_path / "alone.nc")
    alone = CalibrationResult.load(tmp_path / "alone.nc")
    with pytest.raises(ValueError, match="saved with posterior=True"):
        alone.to_sbi()
    with pytest.raises(FileNotFoundError, match="save the result with posterior=True"):
        CalibrationResult.load(tmp_path / "alone.nc", posterior=True)
    with pytest.raises(ValueError, match="there is no posterior to keep"):
        alone.save(tmp_path / "other.nc", posterior=True)


@pytest.mark.filterwarnings("ignore")
def test_arviz_draws_the_predictive_check_and_compares_by_loo() -> None:
    az = pytest.importorskip("arviz")
    pytest.importorskip("matplotlib").use("Agg")
    result = fit(normal(6, width=1.0), {"x": [0.5, 1.1, np.nan, 0.3, 0.8, 1.4]}, "nuts", budget=100, draws=400, **QUIET)
    pointwise = result.tree["log_likelihood"]["x"].values
    assert pointwise.shape[-1] == 6
    assert np.isnan(pointwise[..., 2]).all()
    mean = result.tree["posterior"]["mean"].values
    by_hand = -0.5 * (0.5 - mean) ** 2 - 0.5 * np.log(2 * np.pi)
    np.testing.assert_allclose(pointwise[..., 0, 0], by_hand, atol=1e-5)
    data = result.to_arviz()
    assert az.plot_ppc(data, var_names=["x"], num_pp_samples=20) is not None
    known = data.copy()
    known.log_likelihood = known.log_likelihood.dropna("day")
    found = az.loo(known, var_name="x")
    assert found.n_data_points == 5
    assert np.isfinite(found.elpd_loo)
