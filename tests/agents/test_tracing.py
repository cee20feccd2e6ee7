"""Tracing against a reference with sets and lists in plain Python, its laws, and what bad input gets to hear."""

import math
from dataclasses import dataclass, field

import pytest
import torch
from chirho.dynamical.handlers import StaticIntervention
from hypothesis import given, settings
from hypothesis import strategies as st

from causal_lpm import KeyedNoise, Worlds, comparing, exogenous, rollout
from causal_lpm.agents import FreshRandom, FreshWattsStrogatz, Graph, Groups, Layer, random_graph
from causal_lpm.agents.days import NEVER
from causal_lpm.agents.tracing import Tracing
from causal_lpm.ops import hazard_of
from causal_lpm.typing import State

AGENTS, DAYS = 40, 9


def layers() -> dict[str, Layer]:
    g = torch.Generator().manual_seed(2)
    home = Groups(torch.randint(-1, 15, (AGENTS,), generator=g))
    bus = FreshRandom(torch.randint(0, 4, (AGENTS,), generator=g), name="bus")
    party = FreshRandom(torch.randint(0, 2, (AGENTS,), generator=g), chain=True, name="party")
    school = FreshWattsStrogatz(torch.randint(-1, 2, (AGENTS,), generator=g), torch.tensor([3.0, 4.0]), 0.3, "school")
    return {"home": home, "friends": random_graph(AGENTS, 2.0, seed=1), "out": home + bus + party, "school": school}


def diagnosed(seed: int, rows: tuple[int, ...] = ()) -> torch.Tensor:
    """Who is diagnosed on each day, bool `[days, *rows, agents]`."""
    return torch.rand(DAYS, *rows, AGENTS, generator=torch.Generator().manual_seed(seed)) < 0.1


@dataclass
class Diary:
    """What happened day by day, and the noise that decided it."""

    reached: list[list[int]] = field(default_factory=list)
    luck: list[dict[str, list[float]]] = field(default_factory=list)
    met: list[dict[str, list[list[int]]]] = field(default_factory=list)


def run(tracing: Tracing, cases: torch.Tensor, diary: Diary | None = None) -> torch.Tensor:
    """Who is reached, bool `[*dims, agents, days]`."""

    def day(s: State) -> State:
        changed, reached = tracing.day(s, cases[int(s["t"])])
        if diary is not None:
            diary.reached.append(reached.nonzero()[:, 0].tolist())
            names = [f"tracing_through_{layer}" for layer in layers()] + ["tracing_reached", "tracing_adherence"]
            diary.luck.append({name: exogenous(name, AGENTS).tolist() for name in names})
            one = torch.eye(AGENTS, dtype=torch.int64)
            meets = {name: layer.total(one) > 0 for name, layer in layers().items()}
            diary.met.append({name: [row.nonzero()[:, 0].tolist() for row in m] for name, m in meets.items()})
        days = torch.where(torch.arange(DAYS) == s["t"], 2 ** s["t"].long(), 0).sum()
        return {**s, **changed, "days": s["days"] + reached * days}

    state = rollout(day, {**tracing.start(AGENTS), "days": torch.zeros(AGENTS, dtype=torch.int64)}, DAYS).state
    return (state["days"][..., None] >> torch.arange(DAYS)) & 1 > 0


PROBABILITIES = {"home": 0.9, "friends": 0.5, "out": 0.3, "school": 0.4}


@settings(max_examples=15, deadline=None)
@given(
    seed=st.integers(0, 2**30),
    days_back=st.integers(0, 3),
    delay=st.integers(0, 3),
    capacity=st.sampled_from([0.0, 1.0, 3.0, math.inf]),
    adherence=st.sampled_from([0.5, 1.0]),
)
def test_tracing_is_that_of_lists_and_sets(
    seed: int, days_back: int, delay: int, capacity: float, adherence: float
) -> None:
    cases, diary = diagnosed(seed), Diary()
    tracing = Tracing(
        network=layers(),
        probability=PROBABILITIES,
        days_back=days_back,
        delay=delay,
        capacity=capacity * 100_000 / AGENTS,
        adherence=adherence,
    )
    with KeyedNoise(seed):
        run(tracing, cases, diary)
    on_list: dict[int, int] = {}  # agent -> day on which it is due
    for t in range(DAYS):
        luck, found = diary.luck[t], set()
        for layer, probability in PROBABILITIES.items():
            fresh_days = range(max(t - days_back, 0), t)
            for case in cases[t].nonzero()[:, 0].tolist():
                met = {other for day in fresh_days for other in diary.met[day][layer][case]}
                if layer in {"home", "friends"}:
                    met |= set(diary.met[t][layer][case])
                if layer == "out":
                    met |= set(diary.met[t]["home"][case])  # a fixed layer of the sum
                found |= {each for each in met if luck[f"tracing_through_{layer}"][each] < hazard_of(probability)}
        if delay == 0:
            on_list |= {each: t for each in found if each not in on_list}
        due = sorted((day, luck["tracing_reached"][each], each) for each, day in on_list.items() if day <= t)
        reached = [each for _, _, each in due[: int(min(capacity, AGENTS))]]
        for each in reached:
            del on_list[each]
        if delay > 0:
            on_list |= {each: t + delay for each in found if each not in on_list}
        told = [each for each in reached if luck["tracing_adherence"][each] < hazard_of(adherence)]
        assert sorted(told) == diary.reached[t]


def test_worlds_and_replicates_equal_separate_runs() -> None:
    tracing = Tracing(network=layers(), probability=PROBABILITIES, days_back=2, end_day=7, capacity=8e3)
    worlds = {
        "as it was": {},
        "none": {"tracing_strength": 0.0},
        "late": {"tracing_start": 3.0, "tracing_delay": 2.0},
        "few": {"tracing_capacity": 3e3, "tracing_adherence": 0.5},
    }
    cases = diagnosed(5, (2,))
    with KeyedNoise(torch.tensor([[3], [8]])), comparing(worlds, replicates=2):
        together = run(tracing, cases)
    assert together.shape == (4, 2, AGENTS, DAYS)
    for number, (world, act) in enumerate(worlds.items()):
        for draw, seed in enumerate((3, 8)):
            with KeyedNoise(seed), comparing({world: act}):
                assert torch.equal(together[number, draw], run(tracing, cases[:, draw]))


def test_an_act_that_is_what_was_done_changes_nothing() -> None:
    tracing = Tracing(network=layers(), probability=0.5)
    same = {"tracing_strength": 1.0, "tracing_start": 0.0, "tracing_end": NEVER, "tracing_delay": 1.0}
    day_of_act = torch.tensor(4.0)
    with KeyedNoise(3), Worlds(), StaticIntervention(day_of_act, {k: torch.tensor([v]) for k, v in same.items()}):
        reached = run(tracing, diagnosed(1))
    assert len(reached) == 2
    assert reached.any()
    assert torch.equal(reached[0], reached[1])


def test_more_of_everything_reaches_the_same_and_others() -> None:
    tracing = Tracing(network=layers(), probability=0.5, delay=0, strength=0.5, adherence=0.5, days_back=1)
    worlds = {"as it was": {}, "stronger": {"tracing_strength": 1.0}, "obedient": {"tracing_adherence": 0.9}}
    with KeyedNoise(3), comparing(worlds):
        factual, *others = run(tracing, diagnosed(1))
    for other in others:
        assert not (factual & ~other).any()
        assert (other & ~factual).any()


def test_each_contact_is_found_once_however_many_of_the_diagnosed_it_meets() -> None:
    """With one probability: half of the last agent's days, not nearly all."""
    agents, days = 30, 600
    family = Groups(torch.zeros(agents, dtype=torch.int64))
    tracing = Tracing(network=family, probability=0.5, delay=0)
    ill = torch.arange(agents) < agents - 1

    def day(s: State) -> State:
        changed, reached = tracing.day(s, ill)
        return {**s, **changed, "times": s["times"] + reached}

    with KeyedNoise(1):
        times = rollout(day, {**tracing.start(agents), "times": torch.zeros(agents)}, days).state["times"]
    # 6 standard errors: false alarm 2e-9, and none at the fixed seed.
    assert abs(float(times[-1]) / days - 0.5) < 6 * 0.5 / days**0.5


class Counted(Layer):
    """A network that knows numbers of contacts and no names."""

    agents = AGENTS

    def total(self, x: torch.Tensor) -> torch.Tensor:
        return x

    def degree(self) -> torch.Tensor:
        return torch.ones(AGENTS)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"network": Counted()}, "a Counted says how many an agent meets, and not whom: trace through other layers"),
        ({"network": layers()["out"] + Counted()}, "a Counted says how many"),
        ({"network": {"graph": layers()["friends"], "part": Graph.part(layers()["friends"], 0, 2)}}, "a GraphPart"),
        ({"probability": 1.5}, "the probability of tracing through the network is 1.5"),
        ({"network": layers(), "probability": {"home": 0.5}}, "layer 'friends' has no probability of tracing: give"),
        ({"probability": {"hom": 0.5}, "network": layers()}, "did you mean 'home'"),
        ({"days_back": -1}, "days_back is -1"),
        ({"delay": 1.5}, "the delay of tracing is 1.5"),
        ({"capacity": -1.0}, "the capacity is -1.0: give contacts a day per 100,000 agents"),
        ({"capacity": math.nan}, "the capacity is nan"),
        ({"adherence": 2.0}, "adherence is 2.0"),
        ({"strength": -0.5}, "the strength of 'tracing' is -0.5"),
        ({"network": {"a": layers()["home"], "b": Groups(torch.zeros(3).int())}}, r"connect \[3, 40\] agents"),
    ],
)
def test_bad_tracing_is_refused(arguments: dict[str, object], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        Tracing(**{"network": layers()["home"], **arguments})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("act", "sentence"),
    [
        ({"tracing_delay": 0.5}, r"policy 'tracing_delay' is \[.*0.5\]: give whole days from 0"),
        ({"tracing_capacity": -1.0}, r"policy 'tracing_capacity' is \[.*-1.0\]: give at least 0"),
        ({"tracing_strength": 1.5}, r"policy 'tracing_strength' is \[.*1.5\]: it must be 0 to 1"),
        ({"tracing_adherence": -0.5}, r"policy 'tracing_adherence' is \[.*-0.5\]: it must be 0 to 1"),
    ],
)
def test_impossible_policies_are_refused(act: dict[str, float], sentence: str) -> None:
    with KeyedNoise(1), comparing({"impossible": act}), pytest.raises(ValueError, match=sentence):
        run(Tracing(network=layers()["home"]), diagnosed(1))


def test_other_agents_than_the_layers_have_are_refused() -> None:
    with KeyedNoise(1), pytest.raises(ValueError, match="tracing of 41 agents goes through layers of 40"):
        Tracing(network=layers()["home"]).start(41)


def test_two_kinds_of_tracing_have_their_own_luck() -> None:
    by_phone, by_app = (Tracing(network=layers()["home"], probability=0.5, delay=0, name=name) for name in ("p", "a"))
    cases = diagnosed(3)

    def day(s: State) -> State:
        (one, phoned), (other, warned) = (each.day(s, cases[int(s["t"])]) for each in (by_phone, by_app))
        return {**s, **one, **other, "only": s["only"] | (phoned & ~warned)}

    with KeyedNoise(1), Worlds():
        state = {**by_phone.start(AGENTS), **by_app.start(AGENTS), "only": torch.zeros(AGENTS).bool()}
        assert rollout(day, state, DAYS).state["only"].any()
