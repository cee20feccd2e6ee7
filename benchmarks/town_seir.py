"""LASER's epidemic in ten towns coupled by gravity, here: `python benchmarks/town_seir.py [seeds]`.

Prints a line a seed in the columns of `peers/examples/laser_gravity_seir.csv`, 30 runs of laser-generic 1.1.0.
"""

import sys

import torch

from causal_lpm import KeyedNoise, event, exogenous, exposure, rollout, tally
from causal_lpm.agents import Duration, Mixing, carried, distances, gravity
from causal_lpm.typing import State

POPULATION = torch.tensor([20000, 10000, 8000, 6000, 5000, 5000, 4000, 3000, 2000, 2000])
TOWNS, DAYS = len(POPULATION), 200
COLUMNS = ("attack_rate", "peak_day", "peak_infectious", "peak_day_town_9", "attack_town_9")
TOWN = torch.repeat_interleave(torch.arange(TOWNS), POPULATION)


def towns() -> Mixing:
    """The towns lie on the equator, a tenth of a degree apart; at most 3/32 of a town's infectiousness is elsewhere."""
    apart = distances(0.1 * torch.arange(TOWNS, dtype=torch.float64), torch.zeros(TOWNS))
    return Mixing(TOWN, carried(gravity(apart, POPULATION, scale=0.002, most=3 / 32)))


def normal_days(mean: float, sd: float) -> Duration:
    """A normal time rounded to whole days, at least one."""
    upper = torch.distributions.Normal(mean, sd).cdf(torch.arange(1, 60) + 0.5).double()
    upper[-1] = 1.0
    return Duration((0.0, *torch.diff(upper, prepend=torch.zeros(1, dtype=torch.float64)).tolist()))


def simulated(seed: int, layer: Mixing) -> tuple[torch.Tensor, torch.Tensor]:
    """Infectious at the start of each day by town `[towns, days]`, and who was ever infected."""

    def day(s: State) -> State:
        stage, left = s["stage"], s["left"]
        tally("infectious", stage == 2, by=TOWN, groups=TOWNS)
        infected = event("infection", 0.5 * exposure(layer, stage == 2), where=stage == 0)
        due = ((stage == 1) | (stage == 2)) & (left == 1)
        left = torch.where(due, s["infectious"], left - 1)
        return {**s, "stage": stage + (infected | due), "left": torch.where(infected, s["exposed"], left)}

    with KeyedNoise(seed):
        people = len(TOWN)
        time = normal_days(8.0, 2.0)
        exposed, infectious = (time.draw(exogenous(name, people, kind="uniform")) for name in ("exposed", "infectious"))
        stage = 2 * (torch.arange(people) < 20).to(torch.uint8)  # in town 0
        state = {"stage": stage, "left": infectious.clone(), "exposed": exposed, "infectious": infectious}
        run = rollout(day, state, DAYS)
        return run.tallies["infectious"], run.state["stage"] > 0


def outputs(seed: int, layer: Mixing) -> list[float]:
    """The numbers of one epidemic, in the order of `COLUMNS`."""
    infectious, ever = simulated(seed, layer)
    everywhere = infectious.sum(0)
    return [
        round(float(ever.double().mean()), 5),
        int(everywhere.argmax()),
        int(everywhere.max()),
        int(infectious[9].argmax()),
        round(float(ever[TOWN == 9].double().mean()), 5),
    ]


if __name__ == "__main__":
    torch.set_num_threads(1)
    print("run", *COLUMNS, sep=",")
    layer = towns()
    for seed in range(int(sys.argv[1]) if len(sys.argv) > 1 else 100):
        print(seed, *outputs(seed, layer), sep=",", flush=True)
