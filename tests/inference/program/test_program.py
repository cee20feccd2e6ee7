"""One reader says what a site is, whoever asks and wherever the site stands."""

from typing import Any

import numpy as np
import pyro
import pyro.distributions as dist
import pytest
import torch

from causal_lpm import event, observed, policy, rollout, tally
from causal_lpm.inference.policies.predictive import predict
from causal_lpm.inference.program.parametric import parametric
from causal_lpm.inference.program.problem import Problem
from causal_lpm.inference.program.program import read

DAYS: list[int] = []


def model(marked: bool = True) -> Any:
    """A survey of the hazard before the simulation, reports after it."""
    rate = pyro.sample("rate", dist.LogNormal(-1.0, 0.3))
    answers = dist.Normal(rate.log()[..., None].expand(*rate.shape, 2), 0.1).to_event(1)
    observed("survey", answers) if marked else pyro.sample("survey", answers)
    masks = policy("masks", 0.0)

    def day(s: Any) -> Any:
        DAYS.append(1)
        tally("infections", event("infection", rate * (1 - s["masks"]) * s["well"]))
        return s

    run = rollout(day, {"well": torch.ones(30), "masks": masks}, 3)
    observed("cases", dist.Poisson(run.tallies["infections"] + 1.0).to_event(1))
    return run


def test_every_site_has_one_kind() -> None:
    program = read(model)
    kinds = {name: site.kind for name, site in program.sites.items()}
    assert kinds == {"rate": "parameter", "survey": "data", "masks": "policy", "cases": "data"}
    assert list(program.terms) == ["survey"]
    assert program.agents == 30
    assert set(program.series) == {"infections"}


def test_a_data_site_before_the_simulation_is_one_for_everybody() -> None:
    problem = Problem(model, {"survey": [-1.0, -1.1], "cases": np.ones((1, 3))})
    assert problem.names == ("rate",)
    found = predict(model, {"rate": torch.tensor([0.3, 0.4])}, {"open": {}, "masks": {"masks": 1.0}})
    assert list(found.data_vars) == ["infections", "cases"]
    assert int(found["infections"].sel(world="masks").sum()) == 0
    assert parametric(model, at={"rate": 0.3}).labels == ["rate"]


def test_a_plain_site_is_a_data_site_where_it_is_named() -> None:
    def plain() -> Any:
        return model(marked=False)

    assert Problem(plain, {"survey": [-1.0, -1.1], "cases": np.ones((1, 3))}).names == ("rate",)
    draws = {"rate": torch.tensor([0.3])}
    assert list(predict(plain, draws, data_sites=["survey"]).data_vars) == ["infections", "cases"]
    with pytest.raises(ValueError, match="the model has a parameter 'survey' of which there are no draws"):
        predict(plain, draws)


def test_reading_leaves_out_the_simulation_where_it_is_not_asked_for() -> None:
    DAYS.clear()
    program = read(model, simulate=False)
    assert program.returned is None
    assert program.agents == 30
    assert list(program.sites) == ["rate", "survey", "masks"]
    with pytest.raises(ValueError, match="unknown policy 'mask': did you mean 'masks'"):
        read(model, policies=["mask"])
    assert not DAYS


def test_reading_leaves_torch_s_generator_and_networks_alone() -> None:
    pyro.clear_param_store()
    before = torch.get_rng_state()
    read(lambda: (pyro.module("net", torch.nn.Linear(1, 1)), model()))
    assert torch.equal(before, torch.get_rng_state())
    assert not list(pyro.get_param_store())
