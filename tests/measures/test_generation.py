import torch

from causal_lpm import KeyedNoise, event, exposure, rollout, tally
from causal_lpm.agents import random_graph
from causal_lpm.inference import Transmissions
from causal_lpm.measures import generation_intervals
from causal_lpm.typing import State

AGENTS = 300


def test_intervals_are_those_between_the_infections_of_a_run_with_reinfections() -> None:
    friends = random_graph(AGENTS, 6.0, seed=1)

    def day(s: State) -> State:
        infected = event("infection", 0.1 * exposure(friends, s["ill"]), where=~s["ill"])
        return {"ill": (s["ill"] | infected) & ~event("end", 0.3, where=s["ill"])}

    with KeyedNoise(2), Transmissions() as seen:
        rollout(day, {"ill": torch.arange(AGENTS) < 10}, days=40)
    tree = seen.tree()
    found, last, again = generation_intervals(tree).tolist(), {}, 0
    pairs = zip(tree.day.tolist(), tree.infectee.tolist(), tree.infector.tolist(), found, strict=True)
    today, waiting = 0, {}
    for t, infectee, infector, interval in pairs:
        if t > today:
            last |= waiting
            today, waiting = t, {}
        again += infectee in last
        assert interval == (t - last[infector] if infector in last else -1)
        waiting[infectee] = t
    assert again > 10
    assert max(found) > 3


def test_intervals_and_cohorts_are_in_days_whatever_the_step() -> None:
    friends, runs = random_graph(AGENTS, 6.0, seed=1), {}

    def step(s: State) -> State:
        infected = event("infection", 0.04 * exposure(friends, s["stage"] == 1), where=s["stage"] == 0)
        ends = event("end", 0.1, where=s["stage"] == 1)
        tally("infections", infected)
        return {"stage": s["stage"] + (infected | ends)}

    for steps_per_day in (1, 4):
        with KeyedNoise(torch.arange(20)[:, None]), Transmissions() as seen:
            first = (torch.arange(AGENTS) < 10).to(torch.uint8)
            run = rollout(step, {"stage": first}, days=40, steps_per_day=steps_per_day)
        intervals, cohorts = generation_intervals(seen.tree()), seen.tree().case_reproduction()
        assert torch.equal(~cohorts.isnan(), run.tallies["infections"][:, 0] > 0), "one number a day with infections"
        runs[steps_per_day] = float(intervals[intervals >= 0].double().mean())
    # In whole days nobody infects on the day of infection, so that shorter steps make intervals somewhat shorter.
    assert 0.75 * runs[1] < runs[4] < runs[1]


def test_no_infections_have_no_intervals() -> None:
    with KeyedNoise(1), Transmissions() as seen:
        rollout(lambda s: {"ill": s["ill"] | event("infection", 0.0, where=~s["ill"])}, {"ill": torch.zeros(3) > 0}, 2)
    assert generation_intervals(seen.tree()).tolist() == []
