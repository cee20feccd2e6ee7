"""The files of a new study, as texts in which NAME stands for its name."""

__all__ = ["FILES"]

MODEL = '''"""The model: an epidemic in a small city, day by day, and how its cases are reported."""

from functools import cache

import pyro
import pyro.distributions as dist
import torch

from causal_lpm import Rollout, State, event, exposure, observed, rollout, tally
from causal_lpm.agents import negative_binomial, start
from causal_lpm.populations import SyntheticPopulation, population
from NAME.policies import decided

AGENTS, DAYS = 5_000, 40
SUSCEPTIBLE, INFECTIOUS = 0, 1  # and 2, recovered
INFECTIOUS_DAYS = 5.0


@cache
def city() -> SyntheticPopulation:
    """Who lives there, and who meets whom; another name, or a table of your own, goes here."""
    return population("nyc", agents=AGENTS, seed=0)


def epidemic() -> Rollout:
    """Parameters from their priors, the days, and the data site `reported`."""
    r0 = torch.atleast_1d(pyro.sample("r0", dist.LogNormal(0.9, 0.3)))
    share = torch.atleast_1d(pyro.sample("share_reported", dist.Beta(4.0, 4.0)))
    home = city()
    contacts = sum(layer.degree().mean() for layer in home.networks.values())

    def day(s: State) -> State:
        infectious = s["stage"] == INFECTIOUS
        met = exposure(home.networks, infectious)
        closed = (s["school_closure_day"] >= 0) & (s["t"] >= s["school_closure_day"])
        met["school"] = torch.where(closed, 0.0, met["school"])
        force = sum(met.values()) * r0 / (INFECTIOUS_DAYS * contacts)
        seeded = torch.where(s["t"] == 0, 0.004, 0.0)
        infected = event("infection", force + seeded, where=s["stage"] == SUSCEPTIBLE)
        recovered = event("recovery", 1 / INFECTIOUS_DAYS, where=infectious)
        tally("infections", infected)
        return {**s, "stage": s["stage"] + (infected | recovered)}

    run = rollout(day, start(home.people, **decided()), DAYS)
    expected = share.unsqueeze(-1) * run.tallies["infections"]
    observed("reported", negative_binomial(expected, 20.0).to_event(1))
    return run


def alike() -> dict[str, torch.Tensor]:
    """The same with everybody alike: rough and differentiable, so that a calibration learns faster."""
    r0 = torch.atleast_1d(pyro.sample("r0", dist.LogNormal(0.9, 0.3)))
    share = torch.atleast_1d(pyro.sample("share_reported", dist.Beta(4.0, 4.0)))
    susceptible, infectious, series = torch.ones_like(r0), torch.zeros_like(r0), []
    for today in range(DAYS):
        infected = susceptible * -torch.expm1(-r0 * infectious / INFECTIOUS_DAYS - 0.004 * (today == 0))
        susceptible, infectious = susceptible - infected, infectious * 0.82 + infected
        series.append(AGENTS * infected)
    infections = torch.stack(series, -1)
    observed("reported", negative_binomial(share.unsqueeze(-1) * infections, 20.0).to_event(1))
    return {"infections": infections}
'''

POLICIES = '''"""What can be decided, with what is done now; each is a policy of the model."""

from causal_lpm import State, policy
from causal_lpm.inference import Policy

__all__ = ["POLICIES", "WORLDS", "decided"]

POLICIES = {
    "school_closure_day": Policy("school_closure_day", -1, "first day without schools, -1: never", -1, 39, True),
}
WORLDS = {"as it is": {}, "schools closed": {"school_closure_day": 10}}


def decided() -> State:
    """Every policy as an entry of the initial state."""
    return {name: policy(name, each.default) for name, each in POLICIES.items()}
'''

STUDY = '''"""The study as `causal-lpm` knows it: `causal-lpm run NAME.study:study`."""

from pathlib import Path

import pandas as pd

from causal_lpm.inference import ModelStudy
from NAME.model import alike, epidemic
from NAME.policies import POLICIES, WORLDS

__all__ = ["study"]


def reports() -> dict[str, object]:
    """The data, by the name of their site in the model: one number a day, empty where missing."""
    table = pd.read_csv(Path(__file__).with_name("data.csv"))
    return {"reported": table["reported"].to_numpy(dtype=float)}


study = ModelStudy(
    "NAME",
    "What if schools were closed?",
    "data made up by the model, with r0 2.5 and half of the infections reported",
    epidemic,
    reports,
    alike,
    budget=300,
    outcomes=("infections",),
    ranges=POLICIES,
    own_worlds=WORLDS,
)
'''

TEST = '''"""What must hold of the model, whatever its parameters are: `pytest NAME`."""

import torch

from causal_lpm import KeyedNoise, comparing
from NAME.model import DAYS, epidemic
from NAME.study import study


def test_worlds_are_the_same_until_they_differ_and_closing_schools_helps() -> None:
    torch.manual_seed(0)
    with KeyedNoise(1), comparing(study.own_worlds):
        as_it_is, closed = epidemic().tallies["infections"][:, 0]
    assert torch.equal(as_it_is[:10], closed[:10])
    assert closed.sum() < as_it_is.sum()


def test_the_data_have_the_days_of_the_model() -> None:
    assert len(study.observed()["reported"]) == DAYS
'''

README = """# NAME

    causal-lpm run NAME.study:study                                 # the worlds of policies.py
    causal-lpm whatif NAME.study:study --do school_closure_day=20   # one question
    causal-lpm calibrate NAME.study:study                           # a posterior, and whether to believe it
    pytest NAME                                                     # what must hold of the model

`model.py` is the epidemic, `policies.py` what can be decided, `data.csv` what was reported (made up), and `study.py`
says how they belong together.
"""

REPORTED = (
    10,
    1,
    11,
    7,
    24,
    11,
    17,
    39,
    53,
    62,
    45,
    61,
    73,
    82,
    105,
    112,
    141,
    97,
    84,
    86,
    124,
    111,
    93,
    56,
    91,
    60,
    45,
    49,
    35,
    21,
    22,
    14,
    22,
    25,
    19,
    15,
    14,
    10,
    8,
    11,
)
"""Drawn from the model with r0 2.5 and half of the infections reported."""

FILES = {
    "__init__.py": '"""A study of what if."""\n',
    "model.py": MODEL,
    "policies.py": POLICIES,
    "study.py": STUDY,
    "test_NAME.py": TEST,
    "README.md": README,
    "data.csv": "day,reported\n" + "".join(f"{day},{count}\n" for day, count in enumerate(REPORTED)),
}
