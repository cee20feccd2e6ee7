"""Abduction against the enumerated law of eight agents and three days, and what it refuses."""

import math
from typing import Any

import pyro.distributions as dist
import pytest
import torch

from causal_lpm import comparing, observed
from causal_lpm.inference import Abduction, abduct
from tests.inference.abduction.tiny import AGENTS, DAYS, UNKNOWN, WORLDS, epidemic, exact

REPORTS = [2.0, 0.0, 3.0]


def reported() -> Any:
    """The tiny epidemic with reports of four in five infections, and some that are none."""
    run = epidemic()
    total = run.tallies["infections"].sum(-2, keepdim=True)
    observed("reports", dist.Poisson(0.8 * total.double() + 0.1).to_event(1))
    return run


def poisson(day: int, count: int) -> float:
    mean = 0.8 * count + 0.1
    return math.exp(REPORTS[day] * math.log(mean) - mean - math.lgamma(REPORTS[day] + 1))


EXACT = exact(lambda day, agent: UNKNOWN, poisson)


def infected(found: Abduction, model: Any) -> tuple[torch.Tensor, torch.Tensor]:
    """Who was infected in fact and elsewhere, `[path, agents]` each."""
    with torch.no_grad(), found.replay(), comparing(WORLDS, draws=len(found)) as worlds:
        who = model().tallies["infections"]
    fact, other = (
        worlds.take(who, name, event_dim=1).reshape(-1, AGENTS, DAYS).expand(len(found), AGENTS, DAYS).sum(-1)
        for name in WORLDS
    )
    return fact.double(), other.double()


def clustered(values: torch.Tensor, filters: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Mean over paths, and its standard error where those of one filter are alike."""
    mean = values.mean(0)
    sums = torch.stack([(values[filters == number] - mean).sum(0) for number in filters.unique()])
    return mean, (sums**2).sum(0).sqrt() / len(values)


def test_the_enumeration_is_that_of_the_issue() -> None:
    evidence, fact, other, only = EXACT
    assert [round(x, 4) for x in (evidence, fact[5], other[5], only[5])] == [-5.1261, 0.4660, 0.1958, 0.2702]
    assert round(sum(fact) - sum(other), 4) == 1.6213


@pytest.mark.parametrize("sweeps", [0, 2])
def test_the_posterior_of_paths_is_the_enumerated_one(sweeps: int) -> None:
    """Five means within three standard errors: one false alarm in 75 seeds; the seed is fixed."""
    filters = 2400
    found = abduct(
        reported, {"reports": REPORTS}, {}, blocks=2, filters=filters, paths=4 * filters, sweeps=sweeps, seed=1
    )
    assert found.status == "abducted"
    fact, other = infected(found, reported)
    told = torch.stack([fact[:, 5], other[:, 5], fact[:, 5] * (1 - other[:, 5]), fact.sum(1) - other.sum(1)], 1)
    mean, error = clustered(told, found.filters)
    evidence, *shares = EXACT
    expected = torch.tensor([*(share[5] for share in shares), sum(shares[0]) - sum(shares[1])])
    assert bool(((mean - expected).abs() < 3 * error).all()), (mean, expected, error)
    assert bool((error <= torch.tensor([0.0055, 0.0055, 0.0055, 0.0125])).all()), error
    noise = 0.15 / math.sqrt(filters)  # the standard deviation of p-hat is .15
    assert abs(found.log_evidence - evidence) < 3 * noise
