"""Parameters and nuisances that are unknown, against the enumerated law of the tiny epidemic on a grid of them."""

import math
from typing import Any

import pyro
import pyro.distributions as dist
import pytest
import torch

from causal_lpm.inference import abduct
from tests.inference.abduction import tiny
from tests.inference.abduction.test_abduct import REPORTS, SEEN, SMALL, START, clustered, epidemic_of, poisson, reported
from tests.inference.abduction.tiny import UNKNOWN, exact


@pytest.mark.slow
@pytest.mark.parametrize("nuisance", [False, True])
def test_the_posterior_of_unknown_parameters_is_the_enumerated_one(
    nuisance: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beta on a grid, paths enumerated: four numbers within three standard errors, one false alarm in 90 seeds."""
    scale = 0.6

    def model() -> Any:
        known = pyro.sample("unit", dist.LogNormal(0.0, 1.0)) if nuisance else 1.0
        prior = dist.LogNormal(math.log(0.5), scale)
        beta = pyro.sample("beta", prior, infer={"nuisance": True} if nuisance else {})
        with monkeypatch.context() as changed:
            changed.setattr(tiny, "BETA", known * beta)
            return reported()

    filters, start = 400, {"unit": [1.0]} if nuisance else {"beta": torch.linspace(0.2, 1.5, 50)}
    found = abduct(model, {"reports": REPORTS}, start, blocks=2, filters=filters, rounds=1, paths=2 * filters, seed=3)
    grid = torch.linspace(-4.0, 4.0, 161, dtype=torch.float64)
    monkeypatch.setattr(tiny, "FACTOR", 1.0)
    law = []
    for x in grid.tolist():
        monkeypatch.setattr(tiny, "BETA", 0.5 * math.exp(scale * x))
        law.append(exact(lambda day, agent: UNKNOWN, poisson))
    log_p = torch.tensor([one[0] for one in law]).double() - grid**2 / 2
    weights, who = log_p.softmax(0), torch.tensor([one[1] for one in law]).double()
    evidence = float(log_p.logsumexp(0)) - 0.5 * math.log(2 * math.pi) + math.log(float(grid[1] - grid[0]))
    with torch.no_grad(), found.replay():
        fact = model().tallies["infections"].sum(-1).double()
    beta = found.parameters["beta"].double().reshape(-1).log()
    fact[:, 0] = 1.0  # infected before
    mean, error = clustered(torch.stack([fact[:, 5], fact.sum(1), beta], 1), found.filters)
    expected = torch.stack([weights @ who[:, 5], weights @ who.sum(1), math.log(0.5) + scale * (weights @ grid)])
    assert bool(((mean - expected).abs() < 3 * error).all()), (mean, expected, error)
    assert bool((error < torch.tensor([0.04, 0.16, 0.06])).all()), error
    assert abs(found.log_evidence - evidence) < 0.1
    if nuisance:
        assert torch.equal(found.parameters["unit"], torch.ones(len(found))), "what is known does not move"


@pytest.mark.slow
def test_paths_of_one_draw_do_not_make_its_parameters_known() -> None:
    model = epidemic_of()
    early = abduct(model, {"reports": [*SEEN[:5], *[float("nan")] * 3]}, START, **{**SMALL, "paths": 1})
    with pytest.raises(ValueError, match="all paths of the abduction have the same parameters"):
        early.update({"reports": SEEN})
    known = abduct(model, {"reports": [*SEEN[:5], *[float("nan")] * 3]}, {"rate": [0.1]}, **SMALL)
    assert set(known.update({"reports": SEEN}).parameters["rate"].tolist()) == {known.parameters["rate"][0].item()}
