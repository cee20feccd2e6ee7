"""epydemix's age-structured epidemic with a school closure, here: `python benchmarks/age_seir.py [seeds] [first]`.

A million people of the United Kingdom in 18 age groups, who meet by the contact matrices of Mistry et al. (2021) in
households, schools, workplaces and the community. Schools are open, or closed from day 45 to day 105. Prints a line a
world and seed in the columns of `peers/examples/epydemix_age_seir.csv`, 30 runs of epydemix 1.5.0.
"""

import sys

import torch

from causal_lpm import KeyedNoise, comparing, event, exposure, policy, reuse_freed_memory, rollout, tally
from causal_lpm.agents import NEVER, Mixing, contact_matrices
from causal_lpm.typing import State

PEOPLE, INFECTIOUS, DAYS = 1_000_000, 100, 250
COLUMNS = ("attack_rate", "peak_day", "peak_infectious", "attack_age_10_14", "attack_age_70_74")
WORLDS: dict[str, dict[str, float]] = {"open": {}, "closed": {"schools_close": 45.0, "schools_open": 105.0}}


def people() -> tuple[torch.Tensor, Mixing, torch.Tensor]:
    """The age group of each agent, their contacts, and who is infectious at the start, spread evenly over the ages."""
    contacts = contact_matrices("GBR")
    assert contacts.population is not None
    shares = torch.tensor(list(contacts.population.values()), dtype=torch.float64)
    sizes = (shares * PEOPLE).long()
    sizes[0] += PEOPLE - sizes.sum()
    ill = INFECTIOUS * sizes // PEOPLE
    ill[4] += INFECTIOUS - ill.sum()  # aged 20 to 24
    age_group = torch.repeat_interleave(torch.arange(len(sizes)), sizes)
    place = torch.arange(PEOPLE) - (sizes.cumsum(0) - sizes)[age_group]
    return age_group, Mixing(age_group, contacts), place < ill[age_group]


def simulated(seed: int, mixing: Mixing, ill: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Infectious at the end of each day `[worlds, days]`, and who was ever infected `[worlds, people]`."""

    def day(s: State) -> State:
        closed = (s["t"] >= s["schools_close"]) & (s["t"] <= s["schools_open"])
        met = exposure(mixing.scaled(school=torch.where(closed, 0.2, 1.0)), s["stage"] == 2)
        infected = event("infection", 0.02 * met, where=s["stage"] == 0)
        onset = event("onset", 1 / 3, where=s["stage"] == 1)
        recovery = event("recovery", 1 / 7, where=s["stage"] == 2)
        stage = s["stage"] + (infected | onset | recovery)
        tally("infectious", stage == 2)
        return {**s, "stage": stage}

    with KeyedNoise(seed), comparing(WORLDS):
        policies = {"schools_close": policy("schools_close", NEVER), "schools_open": policy("schools_open", NEVER)}
        run = rollout(day, {"stage": 2 * ill.to(torch.uint8), **policies}, DAYS)
        return run.tallies["infectious"][:, 0], run.state["stage"] > 0


def outputs(seed: int, age_group: torch.Tensor, mixing: Mixing, ill: torch.Tensor) -> dict[str, list[float]]:
    """The numbers of each world, in the order of `COLUMNS`."""
    infectious, ever = simulated(seed, mixing, ill)
    return {
        world: [
            round(float(ever[row].double().mean()), 5),
            int(infectious[row].argmax()),
            int(infectious[row].max()),
            *(round(float(ever[row][age_group == group].double().mean()), 5) for group in (2, 14)),
        ]
        for row, world in enumerate(WORLDS)
    }


if __name__ == "__main__":
    seeds = int(sys.argv[1]) if len(sys.argv) > 1 else 100
    first = int(sys.argv[2]) if len(sys.argv) > 2 else 0
    torch.set_num_threads(1)
    reuse_freed_memory()
    everybody = people()
    if first == 0:
        print("schools", "run", *COLUMNS, sep=",")
    for seed in range(first, first + seeds):
        for world, values in outputs(seed, *everybody).items():
            print(world, seed, *values, sep=",", flush=True)
