"""Predictions say how many epidemics died out, and can be given that none did in the first world."""

from pathlib import Path

import numpy as np
import pyro
import pyro.distributions as dist
import pytest
import torch
import xarray as xr

from causal_lpm import event, exposure, policy, rollout, tally
from causal_lpm.agents.networks import random_graph
from causal_lpm.agents.population import Population, start
from causal_lpm.inference.policies.dying_out import died_out, said_of_dying_out
from causal_lpm.inference.policies.effects import effects, totals
from causal_lpm.inference.policies.predictive import predict
from causal_lpm.inference.policies.statements import said_of_runs
from causal_lpm.inference.policies.summaries import summarise

AGENTS, DAYS = 300, 60
CONTACTS = random_graph(AGENTS, mean_degree=8, seed=0)
STAGE = torch.zeros(AGENTS, dtype=torch.uint8)
STAGE[0] = 1  # a single introduction
WORLDS = {"as it was": {}, "closed": {"closure_day": 0.0}}
BETAS = torch.linspace(0.03, 0.09, 20)


def introduced() -> object:
    beta = pyro.sample("beta", dist.LogNormal(-3.0, 0.5))
    closure = policy("closure_day", 999.0)

    def day(s: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        infectious = s["stage"] == 1
        open_ = torch.where(s["t"] < s["closure_day"], 1.0, 0.5)
        infected = event("infection", beta * open_ * exposure(CONTACTS, infectious)) & (s["stage"] == 0)
        tally("infections", infected)
        return {**s, "stage": s["stage"] + infected + (event("recovery", 0.25) & infectious)}

    return rollout(day, start(Population({"stage": STAGE}), closure_day=closure), DAYS)


@pytest.fixture(scope="module")
def plain() -> xr.Dataset:
    return predict(introduced, {"beta": BETAS}, WORLDS, replicates=4, seed=3)


@pytest.fixture(scope="module")
def outbreaks() -> xr.Dataset:
    return predict(introduced, {"beta": BETAS}, WORLDS, replicates=4, seed=3, given="outbreak")


def test_the_share_that_died_out_is_stated_and_goes_on_into_effects(plain: xr.Dataset) -> None:
    dead = died_out(plain, world="as it was")
    assert 8 < int(dead.sum()) < 60  # a fixed seed; about 25 of 80
    assert plain.attrs["agents"] == AGENTS
    assert plain.attrs["died_out"] == said_of_dying_out(plain, "as it was")
    assert f"in {int(dead.sum())} of 80 runs of 'as it was' the epidemic died out" in plain.attrs["died_out"]
    found = effects(plain, "as it was", "infections")
    assert said_of_runs(found) == said_of_runs(plain) == f"Not conditioned on an outbreak: {plain.attrs['died_out']}."
    assert summarise(totals(plain, "infections"))[0].died_out == int(died_out(plain).sum())


def test_given_an_outbreak_no_epidemic_of_the_first_world_dies_out(plain: xr.Dataset, outbreaks: xr.Dataset) -> None:
    assert not died_out(outbreaks, world="as it was").any()
    alive = ~died_out(plain, world="as it was")
    # What took off at once is what it is without the condition, in all worlds; only the others are drawn again.
    for draw, replicate in np.argwhere(alive.values):
        where = {"draw": draw, "replicate": replicate}
        assert outbreaks["infections"].isel(where).equals(plain["infections"].isel(where))
    assert outbreaks.attrs["given"] == "outbreak"
    again = int(outbreaks.attrs["died_out"].split()[0])
    assert again >= int((~alive).sum())
    assert said_of_runs(outbreaks).startswith("Given an outbreak: ")
    both = (summarise(effects(one, "as it was", "infections"))[0].mean for one in (plain, outbreaks))
    assert next(both) < next(both)


def test_the_numbers_do_not_depend_on_how_many_others_there_are(outbreaks: xr.Dataset, tmp_path: Path) -> None:
    few = predict(introduced, {"beta": BETAS[:7]}, WORLDS, replicates=2, seed=3, given="outbreak", batch=3)
    assert few["infections"].equals(outbreaks["infections"].isel(draw=slice(7), replicate=slice(2)))
    kept = [
        predict(introduced, {"beta": BETAS[:3]}, WORLDS, seed=3, given="outbreak", folder=tmp_path) for _ in range(2)
    ]
    assert kept[0].identical(kept[1])
    assert kept[0]["infections"].equals(outbreaks["infections"].isel(draw=slice(3), replicate=slice(1)))


def test_a_small_epidemic_that_goes_on_has_not_died_out() -> None:
    """A short horizon: infections are few, and come until its end."""
    counts = np.zeros((1, 2, 1, 1, 20))
    counts[0, 0, 0, 0, :5] = 1
    counts[0, 1, 0, 0] = 0.2
    seen = xr.Dataset({"infections": (("world", "draw", "replicate", "group", "day"), counts)}, {"world": ["a"]})
    assert died_out(seen.assign_attrs(agents=1000)).values.tolist() == [[True], [False]]
    assert not died_out(seen).any()  # of how many persons is not known
    assert said_of_dying_out(seen, "a") == ""


def test_refusals() -> None:
    given = {"beta": BETAS[:2]}
    with pytest.raises(ValueError, match="unknown condition 'outbreaks': did you mean 'outbreak'"):
        predict(introduced, given, WORLDS, given="outbreaks")
    with pytest.raises(ValueError, match="each world has its own luck: choose kind='paired'"):
        predict(introduced, given, WORLDS, given="outbreak", kind="interventional")
    with pytest.raises(ValueError, match="'cases' is none of the outcomes infections: name the one that counts them"):
        predict(introduced, given, WORLDS, given="outbreak", infections="cases")
    with pytest.raises(ValueError, match="the epidemic of draw 1 died out 100 times in a row in 'as it was'"):
        predict(introduced, {"beta": torch.tensor([0.09, 0.0])}, WORLDS, given="outbreak")
