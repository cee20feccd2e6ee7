"""A model of all operations for a process that holds a range of its agents."""

import torch

from causal_lpm import Rollout, allocate, choose, event, exogenous, exposure, policy, rollout, tally
from causal_lpm.agents.networks import FreshRandom, FreshWattsStrogatz, Groups, random_graph
from causal_lpm.typing import State

AGENTS, DAYS = 900, 25
NUMBER = torch.arange(AGENTS)


def model(first: int, here: int) -> Rollout:
    """The agents `first` to `first + here - 1`, among contacts of everybody."""
    age, days_off = (NUMBER % 4)[first : first + here], exogenous("days_off", here, "uniform") < 0.3
    school, work = (
        random_graph(AGENTS, 6, seed=1),
        FreshWattsStrogatz(NUMBER % 2, torch.tensor([4.0, 3.0]), 0.2, "work"),
    )
    contacts = {
        "school": school if here == AGENTS else school.part(first, here),
        "home": Groups(NUMBER * 7 % AGENTS // 3) + work,
        "bus": FreshRandom(NUMBER % 3, name="bus"),
    }

    def day(s: State) -> State:
        ill, strength = s["stage"] == 1, exogenous("strength", here, slots=3, index=s["doses"].clamp(max=2))
        met = exposure(contacts, torch.where(ill, 0.4, 0.0) * s["open"])
        mode = choose("mode", torch.stack(torch.broadcast_tensors(met["bus"], strength, strength * days_off), -1))
        hazard = 0.15 * strength * (met["school"] + met["home"] + met["bus"] * (mode == 0))
        caught, better = event("infection", hazard, where=s["stage"] == 0), event("recovery", 0.15, where=ill)
        dose = allocate("dose", torch.where(s["stage"] == 0, age, 256), s["supply"])
        by = torch.where(age < 3, age, -1)
        second = allocate("second", torch.where(dose, 256, 0), s["supply"] * torch.tensor([1.0, 0.0, 3.0]), by=by)
        dose = dose | second
        cases = tally("cases", caught, by=age, groups=5).sum(-1, keepdim=True)  # read by the model: everybody's
        tally("doses", dose)
        stage, doses = s["stage"] + caught + better, s["doses"] + dose
        return {**s, "stage": stage, "doses": doses, "open": s["open"] * torch.where(cases < 45, 1.0, 0.5)}

    stage = (NUMBER % 40 == 0).to(torch.uint8)[first : first + here]
    state = {"stage": stage, "doses": torch.zeros(here, dtype=torch.uint8), "open": torch.ones(1)}
    return rollout(day, {**state, "supply": policy("supply", 5)}, DAYS)
