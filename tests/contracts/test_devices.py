"""Models whose population is on another device: nothing that is made on the CPU meets it, and the numbers are the same.

The GPU is pretended: what a real one rounds otherwise is not seen here; see the kernels' own tests.
"""

from collections.abc import Callable
from dataclasses import replace

import pyro
import pytest
import torch
from chirho.dynamical.handlers import LogTrajectory, StaticIntervention

from case_studies.second_dose.delivered import DeliveredDoses
from case_studies.second_dose.mechanism import mechanism
from case_studies.second_dose.model import second_dose, setup
from case_studies.second_dose.nyc import _Beginning, new_york
from case_studies.second_dose.study import study
from causal_lpm import (
    KeyedNoise,
    Rollout,
    Seeds,
    allocate,
    choose,
    comparing,
    event,
    exogenous,
    exposure,
    policy,
    rollout,
    tally,
)
from causal_lpm.agents.mixing import Mixing
from causal_lpm.agents.networks import FreshRandom, FreshWattsStrogatz, Graph, Groups
from causal_lpm.agents.population import Population, start
from causal_lpm.inference import Options
from tests.contracts.models import differ, flu, immunity, layers, people
from tests.pretend_gpu import DEVICE, PretendGpu

AGENTS = 300
Device = torch.device | str


def seeded(device: Device) -> KeyedNoise:
    return KeyedNoise(torch.tensor(7, device=device))


def moved(run: Rollout) -> dict[str, torch.Tensor]:
    """State and series, which have stayed on the GPU, as a run on the CPU would leave them."""
    everything = run.state | run.tallies
    assert {value.device for value in everything.values()} == {DEVICE}
    return {name: value.cpu() for name, value in everything.items()}


def everything(device: Device) -> Rollout:
    """A model of every operation and every layer, the layers made on the device."""
    number = torch.arange(AGENTS).to(device)
    ends = number[:-7], number[7:]
    contacts = {
        "home": Groups(number // 3),
        "school": Graph.from_edges(*ends, AGENTS),
        "work": FreshWattsStrogatz(number % 3, torch.tensor([4.0, 3.5, 8.0]), 0.1, "work"),
        "bus": FreshRandom(number % 4, chain=True, name="bus"),
        "ages": Mixing((number % 4 - 1).int(), [[2.0, 0.5, 1.0], [0.5, 0.0, 0.25], [1.0, 0.25, 3.0]]),
    }
    group = number % 5

    def day(s: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        received = exposure(contacts, s["stage"] == 1)
        summed = exposure(contacts["home"] + contacts["bus"], 0.3 * (s["stage"] == 1))
        served = allocate("dose", torch.where(s["stage"] == 0, group, 256), s["doses"].long())
        route = choose("route", torch.stack([received["home"], received["bus"], summed], -1))
        luck = exogenous("luck", AGENTS, "uniform", slots=3, index=s["times"].clamp(max=2))
        infected = event("infection", 0.1 * luck * (received["work"] + received["school"] + received["ages"])) & ~served
        tally("infected", infected, by=group, groups=5)
        tally("routes", route)
        return {**s, "stage": torch.maximum(s["stage"], infected.to(torch.uint8)), "times": s["times"] + infected}

    population = Population({"stage": (number % 20 == 0).to(torch.uint8)})
    times = torch.zeros(AGENTS, dtype=torch.uint8)
    degrees = {f"degree_{name}": layer.degree() for name, layer in contacts.items()}
    run = rollout(day, start(population, doses=policy("doses", 3), times=times), 5)
    return Rollout(run.state | degrees, run.tallies)


def simulate_flu(device: Device) -> Rollout:
    contacts = {name: layer.to(device) for name, layer in layers(AGENTS).items()}
    fixed = pyro.poutine.condition(flu, data={"beta": torch.tensor(0.06)})
    with StaticIntervention(2.0, {"school_closure_day": torch.tensor(1.0)}):
        run: Rollout = fixed(people(AGENTS).to(device), contacts, 4)
    return run


def simulate_immunity(device: Device) -> Rollout:
    contacts = {name: layer.to(device) for name, layer in layers(AGENTS).items()}
    return immunity(people(AGENTS).to(device), contacts, 3)


def simulate_new_york(device: Device) -> Rollout:
    prepared = setup(new_york(1000), mechanism("described"), str(device))
    first, second = torch.full((12,), 5.0).to(device), torch.full((12,), 3.0).to(device)
    campaign = DeliveredDoses(second_adds=True, first=first, second=second)
    return second_dose(replace(prepared, campaign=campaign), 12, _Beginning(0.25, 0.002))


@pytest.mark.parametrize(
    "model",
    [
        everything,
        simulate_flu,
        simulate_immunity,
        simulate_new_york,
    ],
)
def test_models_run_where_their_population_is(model: Callable[[Device], Rollout]) -> None:
    with seeded("cpu"):
        expected = model("cpu")
    with PretendGpu(), seeded(DEVICE):
        got = moved(model(DEVICE))
    assert differ(got, expected.state | expected.tallies) == []


def test_worlds_seeds_and_whole_states() -> None:
    def run(device: Device) -> Rollout:
        pyro.set_rng_seed(0)
        times = torch.tensor([1.0, 2.0])
        with Seeds("luck", (0, 2), device), comparing({"a": {}, "b": {"doses": 9.0}}), LogTrajectory(times) as log:
            simulated = everything(device)
        return Rollout(simulated.state | {f"log_{k}": v for k, v in log.trajectory.items()}, simulated.tallies)

    expected = run("cpu")
    assert expected.tallies["infected"].shape[0] == 2  # the worlds
    with PretendGpu():
        got = moved(run(DEVICE))
    assert differ(got, expected.state | expected.tallies) == []


@pytest.mark.parametrize("version", ["archived", "described"])
def test_the_second_dose_study(version: str) -> None:
    worlds = {"standard": {"doses_per_day": 3000.0}, "delayed": {"first_dose_priority": 1.0}}
    extra = {"mechanism": version}
    expected = study.simulate(worlds, Options(agents=1000, days=12, extra=extra), seed=3)
    with PretendGpu():
        got = study.simulate(worlds, Options(agents=1000, days=12, device=str(DEVICE), extra=extra), seed=3)
    for outcome, series in expected.items():
        assert (got[outcome] == series).all(), outcome


def test_the_pretended_gpu_refuses_what_a_real_one_does() -> None:
    with PretendGpu():
        there, here = torch.arange(3).to(DEVICE), torch.arange(3)
        for wrong in (lambda: there + here, lambda: torch.stack([there, here]), lambda: here.add_(there)):
            with pytest.raises(RuntimeError, match="all must be on one device"):
                wrong()
        assert (there + torch.tensor(1)).cpu().tolist() == [1, 2, 3]
        assert there[here > 1].device == DEVICE
