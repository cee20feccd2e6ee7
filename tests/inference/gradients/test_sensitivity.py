"""Sensitivities: all derivatives from one run, and finite differences that agree where they must."""

import time

import pyro
import pyro.distributions as dist
import pytest
import torch

from causal_lpm import (
    Checkpointing,
    KeyedNoise,
    MeanField,
    Relaxed,
    Score,
    StraightThrough,
    event,
    exposure,
    rollout,
    tally,
)
from causal_lpm.agents.networks import Groups, random_graph
from causal_lpm.handlers import Rollout
from causal_lpm.handlers.handler import Handler
from causal_lpm.inference.gradients import gradient_samples
from causal_lpm.inference.gradients.gradient_check import finite_differences
from causal_lpm.inference.gradients.gradient_samples import One, seeds_of
from causal_lpm.inference.gradients.sensitivity import sensitivity
from causal_lpm.inference.program.parametric import parametric
from causal_lpm.typing import State


def layered(agents: int, days: int) -> Rollout:
    """An SIR on two layers, with a multiplier an age group."""
    age = torch.arange(agents) % 3
    layers = {"home": Groups(torch.arange(agents) // 4), "other": random_graph(agents, 10, seed=1)}
    contact = pyro.sample("contact", dist.LogNormal(torch.full((2,), -3.0), 1.0).to_event(1))
    with pyro.plate("ages", 3):
        susceptibility = pyro.sample("susceptibility", dist.Gamma(2.0, 2.0))
    infectious = (torch.arange(agents) % 50 == 0).float()

    def day(s: State) -> State:
        sums = exposure(layers, s["I"])
        hazard = contact[..., 0] * sums["home"] + contact[..., 1] * sums["other"]
        infected = s["S"] * event("infection", susceptibility[..., age] * hazard, where=s["S"] > 0)
        recovered = s["I"] * event("recovery", 1 / 7)
        tally("infections", infected, by=age, groups=3)
        return {"S": s["S"] - infected, "I": s["I"] + infected - recovered}

    return rollout(day, {"S": 1 - infectious, "I": infectious}, days)


def model() -> Rollout:
    return layered(300, 8)


AT = {"contact": [0.05, 0.03], "susceptibility": [0.5, 1.0, 2.0]}
AGES = ["child", "adult", "old"]


def test_all_derivatives_by_group_from_one_run() -> None:
    found = sensitivity(model, "infections", by=AGES, at=AT, pairs=0)
    assert found["gradient"].dims == ("group", "parameter")
    assert found["parameter"].values.tolist() == [
        "contact[0]", "contact[1]", "susceptibility[0]", "susceptibility[1]", "susceptibility[2]",
    ]  # fmt: skip
    assert found["at"].values.tolist() == pytest.approx([0.05, 0.03, 0.5, 1.0, 2.0])
    assert "finite_difference" not in found
    total = sensitivity(model, "infections", at=AT, pairs=0)
    assert found["gradient"].sum("group").values == pytest.approx(total["gradient"].sel(group="all").values)
    own = [float(found["gradient"].sel(group=age, parameter=f"susceptibility[{i}]")) for i, age in enumerate(AGES)]
    assert (found["gradient"].sel(parameter="susceptibility[0]").max() == own[0]).item()
    elasticity = found["gradient"] * found["at"] / found["value"]
    assert found["elasticity"].values == pytest.approx(elasticity.values)


@pytest.mark.parametrize("estimator", [MeanField(), StraightThrough(), Relaxed(), Score()], ids=repr)
@pytest.mark.parametrize("around", [[], [Checkpointing()]], ids=["kept", "computed again"])
def test_groups_side_by_side_are_those_one_by_one(estimator: One, around: list[Handler]) -> None:
    subject = parametric(model, at=AT)
    vectors = subject.values.expand(2, -1).clone().requires_grad_()
    series = subject.series(vectors, "infections", *around, KeyedNoise(seeds_of(1, 0, 2)), estimator)
    totals = estimator.surrogate(series) if isinstance(estimator, Score) else series.double().sum(-1)
    alone = gradient_samples._by_group(totals, vectors, 1)
    assert alone.shape == (2, 3, 5)
    assert bool((alone != 0).all())
    for at_once in (2, 100):
        torch.testing.assert_close(gradient_samples._by_group(totals, vectors, at_once), alone)


def test_the_gradient_is_exact_for_the_mean_field_model() -> None:
    """Finite differences of the mean field itself, entry by entry."""
    mean_field = MeanField()

    def deterministic() -> Rollout:
        with mean_field:
            return model()

    found = sensitivity(model, "infections", by=AGES, at=AT, pairs=0)
    reference = finite_differences(deterministic, "infections", at=AT, by=AGES, replicates=2, step=0.02)
    assert found["gradient"].values == pytest.approx(reference["slope"].values, rel=5e-3, abs=0.05)


def test_the_score_agrees_with_the_finite_differences_beside_it() -> None:
    found = sensitivity(model, "infections", ["contact"], estimator=Score(), at=AT, replicates=600, pairs=300)
    one = sensitivity(model, "infections", ["contact"], estimator=Score(), at=AT, replicates=600, pairs=0, seed=1)
    assert found["gradient"].shape == (1, 2)
    # The standard error of the gradient is about 10% here; 50% is 4.5 of them, false alarm about 1e-5.
    assert found["gradient"].values == pytest.approx(found["finite_difference"].values, rel=0.5)
    assert found["gradient"].values == pytest.approx(one["gradient"].values, rel=0.6)
    assert bool((found["finite_difference_error"] < 0.1 * found["finite_difference"]).all())


def test_the_value_is_that_of_the_runs_under_the_estimator() -> None:
    found = sensitivity(model, "infections", ["contact"], estimator=StraightThrough(), at=AT, replicates=5, pairs=3)
    assert found.attrs == {"estimator": "StraightThrough()", "replicates": 5, "pairs": 3, "seed": 0}
    conditioned = pyro.condition(model, data={name: torch.tensor(value) for name, value in AT.items()})
    totals = []
    for seed in seeds_of(0, 0, 5):
        with KeyedNoise(seed):
            totals.append(float(conditioned().tallies["infections"].sum()))
    assert float(found["value"][0]) == sum(totals) / 5
    assert float(found["simulated"][0]) != sum(totals) / 5


def test_a_result_is_one_of_its_seed() -> None:
    first, again = (sensitivity(model, "infections", at=AT, pairs=2, seed=4) for _ in range(2))
    assert first.identical(again)


def test_one_pair_has_no_error() -> None:
    found = sensitivity(model, "infections", ["contact"], at=AT, pairs=1)
    assert bool(found["finite_difference_error"].isnull().all())
    assert bool(found["finite_difference"].notnull().all())


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"pairs": -1}, "pairs is -1: give a whole number"),
        ({"replicates": 0}, "replicates is 0: give a whole number"),
        ({"replicates": 2.5}, r"replicates is 2\.5: give a whole number"),
        ({"replicates": 10**12}, "1000000000000 replicates need about"),
        ({"pairs": 10**12}, "1000000000000 pairs need about"),
        ({"seed": True}, "seed is True: give a whole number from 0"),
        ({"by": ["young", "old"]}, "the tally has 3 groups and by has 2 labels"),
        ({"wrt": ["contacts"]}, "unknown parameter 'contacts': did you mean 'contact'"),
        ({"outcome": "infection"}, "unknown tally 'infection': did you mean 'infections'"),
    ],
)
def test_what_is_refused(arguments: dict[str, object], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        sensitivity(model, **{"outcome": "infections", "at": AT, **arguments})  # type: ignore[arg-type]


@pytest.mark.slow
def test_a_hundred_thousand_agents_take_ten_seconds() -> None:
    begun = time.process_time()
    found = sensitivity(lambda: layered(100_000, 60), "infections", by=AGES, at=AT)
    assert time.process_time() - begun < 15  # 10 s where nobody else uses the machine
    assert found["gradient"].notnull().all()
    assert found["finite_difference"].notnull().all()
