"""Programs that ranks run: models that know nothing of ranks, and programs that go wrong on one of them."""

import os
import signal
from pathlib import Path
from typing import Any

import pyro
import torch
from chirho.dynamical.handlers import StaticIntervention

from case_studies.second_dose.mechanism import mechanism
from case_studies.second_dose.model import second_dose, setup
from case_studies.second_dose.people import king_county
from causal_lpm import (
    KeyedNoise,
    Rollout,
    Seeds,
    StraightThrough,
    Worlds,
    above,
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
from causal_lpm.agents import Groups, Mixing, Population, start
from causal_lpm.handlers.checkpoints import Checkpoints
from causal_lpm.ranks import Sharded
from causal_lpm.typing import State
from tests.contracts import range_model
from tests.contracts.models import I, clinic, flu, immunity, layers, people


def run_flu() -> Rollout:
    model = pyro.poutine.condition(flu, data={"beta": torch.tensor(0.06)})
    with (
        KeyedNoise(2),
        comparing({"never": {}, "day 8": {"school_closure_day": 8}, "day 12": {"school_closure_day": 12}}),
    ):
        run: Rollout = model(people(), layers(), 30)
        return run


def run_flu_with_acts() -> Rollout:
    """Worlds that split on the way, and an act on the stages of all agents; `beta` and seeds are drawn."""
    closure = StaticIntervention(torch.tensor(6.0), {"school_closure_day": (torch.tensor(8), torch.tensor(12))})
    cured = StaticIntervention(torch.tensor(9.0), {"stage": lambda stage: torch.where(stage == I, 2.0, stage)})
    pyro.set_rng_seed(5)
    with Seeds(windows=(0, 9)), Worlds(), closure, cured:
        run: Rollout = flu(people(), layers(), 30)
        return run


def run_clinic() -> Rollout:
    with KeyedNoise(torch.tensor([[3], [4]])), Worlds(replicates=2):
        return clinic(people(), 20)


def run_immunity() -> Rollout:
    with KeyedNoise(5):
        return immunity(people(), layers(), 10)


def run_all_networks() -> Rollout:
    with KeyedNoise(7), comparing({"few": {}, "none": {"supply": 0}, "many": {"supply": 40}}):
        return range_model.model(0, range_model.AGENTS)


def run_mixing() -> Rollout:
    """Contacts by a matrix, some of which close, beside groups whose members are far apart."""
    number = torch.arange(900)
    mixing = Mixing(number % 4 - 1, {"home": torch.ones(3, 3), "school": 4 * torch.eye(3)})
    far = Groups(number % 225)

    def day(s: State) -> State:
        open_ = mixing.scaled(school=torch.where(s["t"] < s["closing"], 1.0, 0.2)) + far
        caught = event("infection", 0.04 * exposure(open_, s["stage"] == 1), where=s["stage"] == 0)
        tally("cases", caught, by=number % 4, groups=4)
        return {**s, "stage": s["stage"] + caught + event("recovery", 0.2, where=s["stage"] == 1)}

    with KeyedNoise(9), comparing({"open": {}, "closed": {"closing": 5}}):
        stage = (number % 45 == 1).to(torch.uint8)
        return rollout(day, start(Population({"stage": stage}), closing=policy("closing", 999)), 20)


def run_second_dose(rules: str = "described", agents: int = 2_000, days: int = 25) -> Rollout:
    prepared = setup(king_county(agents), mechanism(rules))
    early = {"vaccination_start": 3.0, "doses_per_day": 2_000.0, "dose_interval": 7.0, "contact_scale": 3.0}
    late = {**early, "dose_interval": 84.0, "under_65_only": 1.0}
    with KeyedNoise(3), comparing({"as planned": early, "delayed": late}):
        return second_dose(prepared, days)


def run_market() -> Rollout:
    """Stocks by group, thresholds on normal news, and choices that are columns."""
    agents = 600
    shop, bears = torch.arange(agents) % 4 - 1, torch.linspace(0.0, 1.5, agents)

    def day(s: State) -> State:
        own = exogenous("own", agents, "normal", slots=2).sum(-1)
        buys = above("buys", exogenous("news", 1, "normal").abs() + 0.2 * own - bears, 0.1)
        kinds = choose("kind", torch.stack([s["got"] + 0.0 * own, own, 0.5 * own], -1), one_hot=True)
        served = allocate("eggs", torch.where(buys, 0, 256), torch.tensor([30, 5, 80]), by=shop)
        tally("buys", buys)
        tally("served", served, by=shop, groups=3)
        for k in range(3):
            tally(f"kind{k}", kinds[..., k] & served)
        return {"got": served}

    with KeyedNoise(torch.tensor([[8], [9]])), Worlds(replicates=2):
        return rollout(day, {"got": torch.zeros(agents, dtype=torch.bool)}, 6)


def run_chosen() -> Rollout:
    """The agents with the smallest and the largest noise, with and without ties, counts by class, numbers by place."""
    agents = 500
    kind = torch.arange(agents) % 7

    def day(s: State) -> State:
        luck = exogenous("luck", agents, "uniform")
        new = torch.zeros_like(s["chosen"])
        for number, values in enumerate((luck, -luck, (luck * 4).round(), torch.stack([luck, 1 - luck]))):
            found = values.topk(9 + number, largest=number == 1)
            tally(f"highest{number}", found.values.sum(-1, keepdim=True))
            if values.dim() == 1:
                new.scatter_(-1, found.indices, number + 1)
        tally("chosen", new, by=kind, groups=7)
        tally("classes", torch.bincount(torch.where(luck < 0.5, kind, 2), minlength=9))
        return {"chosen": new}

    with KeyedNoise(4):
        return rollout(day, {"chosen": torch.zeros(agents, dtype=torch.uint8)}, 5)


MODELS = {
    "chosen": run_chosen,
    "market": run_market,
    "flu": run_flu,
    "flu with acts": run_flu_with_acts,
    "clinic": run_clinic,
    "immunity": run_immunity,
    "all networks": run_all_networks,
    "mixing": run_mixing,
    "second dose": run_second_dose,
}


def run_all() -> dict[str, Rollout]:
    """Every model, by name."""
    return {name: run() for name, run in MODELS.items()}


def wrong_on_one() -> Rollout:
    """A hazard that is negative for the last agent, whom the last rank holds."""

    def day(s: State) -> State:
        tally("x", event("x", torch.where(torch.arange(40) < 39, s["rate"], -s["rate"])))
        return {**s, "rate": s["rate"] + 1.0}

    with KeyedNoise(1):
        return rollout(day, {"rate": torch.zeros(40)}, 5)


def killed_on_one(victim: int) -> Rollout:
    """A rank is killed in the middle of a simulation."""

    def day(s: State) -> State:
        if s["t"] == 3 and os.environ["RANK"] == str(victim):
            os.kill(os.getpid(), signal.SIGKILL)
        tally("x", s["x"])
        return {**s, "x": s["x"] + 1}

    return rollout(day, {"x": torch.zeros(40, dtype=torch.int32)}, 5)


class KillingOnce(pyro.poutine.messenger.Messenger):
    """Kills a rank before a day, unless a file says that it was killed already."""

    def __init__(self, rank: int, day: int, done: Path) -> None:
        super().__init__()
        self.rank, self.day, self.done = rank, day, done

    def _pyro_step(self, msg: Any) -> None:
        if msg["args"][2] == self.day and os.environ.get("RANK") == str(self.rank) and not self.done.exists():
            self.done.touch()
            os.kill(os.getpid(), signal.SIGKILL)


def kept(folder: Path) -> Rollout:
    """A long run with checkpoints, in which rank 1 is killed once."""
    with Checkpoints(folder / "kept", 4), KillingOnce(1, 10, folder / "killed"):
        return run_second_dose(days=20)


def few(agents: int) -> Rollout:
    """A simulation of so many agents."""
    return rollout(lambda s: {"x": s["x"] + 1}, {"x": torch.zeros(agents)}, 2)


def drawn_by_pyro() -> Rollout:
    """Noise without a seed."""
    return flu(people(), layers(), 3)


def observed_agents() -> Rollout:
    """Data on what agents did."""
    data = pyro.condition(flu, data={"t=1/recovery": torch.zeros(400)})
    with KeyedNoise(1):
        run: Rollout = data(people(), layers(), 3)
        return run


def with_gradient() -> Rollout:
    """A derivative by the hazard."""
    with KeyedNoise(1), StraightThrough():
        return pyro.condition(flu, data={"beta": torch.tensor(0.1, requires_grad=True)})(people(), layers(), 3)  # type: ignore[no-any-return]


def entered_late() -> Rollout:
    """The handler inside of another one."""
    with KeyedNoise(1), Sharded():
        return few(40)


def rows_at_first() -> dict[str, tuple[int, int]]:
    """How many agents the entries of a first state have, and of how many this rank keeps numbers."""
    agents = 8
    entered = {"due": torch.arange(agents), "beta": torch.tensor(0.1)}
    state = start(Population({"age": torch.arange(agents)}), **entered)
    return {name: (x.shape[-1], getattr(x, "local", x).shape[-1]) for name, x in state.items()}
