import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from causal_lpm import KeyedNoise, comparing, event, exogenous, policy, rollout
from causal_lpm.agents.disease import Course, Duration, StageGraph, Transition, gamma_days, mean_days
from causal_lpm.typing import State

STAGES = ("susceptible", "mild", "severe", "recovered", "dead")
GRAPH = StageGraph(
    STAGES,
    [
        Transition("susceptible", "mild", (0.9, 0.4)),
        Transition("susceptible", "severe", (0.1, 0.6)),
        Transition("mild", "recovered", 1.0, mean_days(3.5)),
        Transition("severe", "dead", (0.0, 0.3), gamma_days(4.0, 2.0)),
        Transition("severe", "recovered", (1.0, 0.7), Duration((0.0, 0.25, 0.75, 0.0))),
    ],
)
AGENTS = 40_000
CLASSES = torch.arange(AGENTS) % 2


def course(seed: int = 1, agents: int = AGENTS) -> Course:
    with KeyedNoise(seed):
        return GRAPH.course(CLASSES[:agents])


# Courses


def fits(counts: torch.Tensor, probabilities: list[float]) -> bool:
    """Chi-square at 1e-6 a test, on the possible outcomes that are expected at least five times."""
    total, p = int(counts.sum()), torch.tensor(probabilities, dtype=torch.float64)
    assert int(counts[p == 0].sum()) == 0
    common = p * total >= 5
    observed = [*counts[common].tolist(), int(counts[~common].sum())]
    expected = [*(p[common] * total).tolist(), float(p[~common].sum() * total)]
    if expected[-1] < 5:  # too rare together: left out, the others rescaled
        observed, expected = observed[:-1], expected[:-1]
        expected = [e * sum(observed) / sum(expected) for e in expected]
    return len(observed) < 2 or float(stats.chisquare(observed, expected).pvalue) > 1e-6


def test_branches_and_times_match_the_tables() -> None:
    # False alarm: 12 chi-square tests at 1e-6 each, and none at the fixed seed.
    drawn = course()
    for c in (0, 1):
        mine = c == CLASSES
        for source, branches in (
            ("susceptible", {"mild": (0.9, 0.4), "severe": (0.1, 0.6)}),
            ("severe", {"dead": (0.0, 0.3), "recovered": (1.0, 0.7)}),
        ):
            counts = torch.bincount(drawn.following[mine, GRAPH[source]].long(), minlength=len(STAGES))
            assert fits(counts, [branches.get(stage, (0.0, 0.0))[c] for stage in STAGES])
    for source, target, duration in (
        ("mild", "recovered", mean_days(3.5)),
        ("severe", "dead", gamma_days(4.0, 2.0)),
        ("severe", "recovered", Duration((0.0, 0.25, 0.75, 0.0))),
    ):
        takes = drawn.following[:, GRAPH[source]] == GRAPH[target]
        days = drawn.days[takes, GRAPH[source]].long()
        size = len(duration.probabilities)
        assert int(days.max()) < size
        assert fits(torch.bincount(days, minlength=size), list(duration.probabilities))


def test_stages_without_arrows_are_kept() -> None:
    drawn = course(agents=10)
    for stage in ("recovered", "dead"):
        assert set(drawn.following[:, GRAPH[stage]].tolist()) == {GRAPH[stage]}
        assert set(drawn.days[:, GRAPH[stage]].tolist()) == {255}


def test_branches_of_different_stages_are_independent() -> None:
    drawn = course()
    mine = CLASSES > 0
    severe = drawn.following[mine, 0] == GRAPH["severe"]
    dead = drawn.following[mine, GRAPH["severe"]] == GRAPH["dead"]
    table = [[int((severe == a).logical_and(dead == b).sum()) for b in (0, 1)] for a in (0, 1)]
    assert stats.chi2_contingency(table).pvalue > 1e-6  # false alarm 1e-6


@given(st.floats(0, 1))
def test_an_arrow_of_probability_zero_is_never_taken_and_the_last_takes_the_rest(uniform: float) -> None:
    for tiny in (0.0, 5e-7):  # sums within the tolerance of 1 leave nobody without a way
        arrows = [
            Transition("a", "b", 0.0),
            Transition("a", "c", 0.25),
            Transition("a", "d", 0.75 - tiny),
            Transition("a", "e", 0.0),
        ]
        graph = StageGraph(("a", "b", "c", "d", "e"), arrows)
        draw = graph._draw(0, torch.zeros(1, dtype=torch.long), torch.tensor([uniform]).double(), torch.tensor([0.5]))
        assert int(draw[0]) in (2, 3)
        assert int(draw[1]) == 0


def until(days: int, drawn: Course, first_day: torch.Tensor) -> list[State]:
    """States after each day; each agent leaves stage 0 on its `first_day`."""
    states: list[State] = []

    def day(s: State) -> State:
        today = s["t"].to(torch.int16)
        enter = (s["stage"] == 0) & (first_day == today)
        stage, due = drawn.enter_next(s["stage"], s["due"], enter | ((s["stage"] > 0) & (s["due"] == today)), today)
        states.append({"stage": stage, "due": due})
        return states[-1]

    agents = drawn.days.shape[-2]
    rollout(day, {"stage": torch.zeros(agents, dtype=torch.uint8), "due": torch.zeros(agents, dtype=torch.int16)}, days)
    return states


@settings(max_examples=15)
@given(st.integers(0, 2**31), st.integers(1, 20))
def test_a_course_does_not_depend_on_the_day(seed: int, delay: int) -> None:
    agents, days = 200, 40
    drawn = course(seed, agents)
    first_day = torch.arange(agents) % 7
    early = until(days + delay, drawn, first_day)
    late = until(days + delay, drawn, first_day + delay)
    for k in range(days):
        assert torch.equal(early[k]["stage"], late[k + delay]["stage"])


def test_a_stage_lasts_one_day_and_the_drawn_days() -> None:
    agents = 300
    drawn = course(4, agents)
    states = torch.stack([s["stage"] for s in until(80, drawn, torch.full((agents,), 5))])
    assert bool((states[:5] == 0).all())
    for agent in range(agents):
        row = states[:, agent].tolist()
        stage, day = int(drawn.following[agent, 0]), 5  # caught on day 5: shown at the end of day 5
        while stage not in (GRAPH["recovered"], GRAPH["dead"]):
            stays = 1 + int(drawn.days[agent, stage])
            assert row[day : day + stays] == [stage] * stays
            stage, day = int(drawn.following[agent, stage]), day + stays
        assert set(row[day:]) == {stage}


def test_the_course_is_the_same_in_every_world_and_differs_by_replicate() -> None:
    def model() -> torch.Tensor:
        beta = policy("beta", 0.05)
        drawn = GRAPH.course(CLASSES[:500])

        def day(s: State) -> State:
            today = s["t"].to(torch.int16)
            new = event("infection", s["beta"].expand(*s["beta"].shape[:-1], 500)) & (s["stage"] == 0)
            on = torch.where(new, today, s["on"])
            stage, due = drawn.enter_next(s["stage"], s["due"], new | ((s["stage"] > 0) & (s["due"] == today)), today)
            return {**s, "stage": stage, "due": due, "on": on}

        zero = torch.zeros(500, dtype=torch.int16)
        state = {"stage": torch.zeros(500, dtype=torch.uint8), "due": zero, "on": zero - 1, "beta": beta}
        last = rollout(day, state, 200).state
        return torch.stack([last["stage"].long(), last["on"].long()])

    with KeyedNoise(3), comparing({"low": {}, "high": {"beta": 0.2}}):
        worlds = model()
    assert bool((worlds[0, 0] == worlds[0, 1]).all())  # everybody was infected, and ended alike
    assert bool((worlds[1, 0] >= worlds[1, 1]).all())
    assert bool((worlds[1, 0] > worlds[1, 1]).any())
    seeds = torch.tensor([[3], [4]])
    with KeyedNoise(seeds):
        replicates = model()
    assert torch.equal(replicates[0, 0], worlds[0, 0])
    assert not torch.equal(replicates[0, 1], worlds[0, 0])


def test_replicates_of_the_course_reach_a_stage_that_has_none() -> None:
    with KeyedNoise(torch.tensor([[1], [2], [3]])):
        drawn = GRAPH.course(CLASSES[:50])
    stage, due = drawn.enter_next(
        torch.zeros(50, dtype=torch.uint8),
        torch.zeros(50, dtype=torch.int16),
        torch.ones(50, dtype=torch.bool),
        torch.tensor(7, dtype=torch.int16),
    )
    assert torch.equal(stage, drawn.following[..., 0])
    entered = drawn.days.gather(-1, stage.long()[..., None])[..., 0]
    assert torch.equal(due, entered.to(torch.int16) + 8)


def test_only_the_agents_in_where_move() -> None:
    drawn = course(agents=100)
    where = torch.arange(100) % 3 == 0
    stage, due = torch.zeros(100, dtype=torch.uint8), torch.full((100,), -1, dtype=torch.int16)
    after, booked = drawn.enter_next(stage, due, where, torch.tensor(0, dtype=torch.int16))
    assert bool((after[~where] == 0).all())
    assert bool((booked[~where] == -1).all())
    assert bool((after[where] > 0).all())
    assert bool((stage == 0).all())  # the old state is left as it was


# Bad graphs


@pytest.mark.parametrize(
    ("transitions", "sentence"),
    [
        ([Transition("S", "II", 1.0)], "unknown stage 'II'"),
        ([Transition("s", "I", 1.0)], "unknown stage 's'"),
        ([Transition("S", "I", 0.5)], "'S -> \\(class 0\\)' sum to 0.5"),
        ([Transition("S", "I", (0.5, 1.0)), Transition("S", "R", (0.5, 0.5))], "class 1\\)' sum to 1.5"),
        ([Transition("S", "I", (-0.5, 1.0)), Transition("S", "R", (1.5, 0.0))], "the share -0.5"),
        ([Transition("S", "I", math.nan)], "the share nan"),
        (
            [Transition("S", "I", (1.0, 1.0)), Transition("I", "R", (1.0, 1.0, 1.0))],
            "has 2 probabilities where others have 3",
        ),
        ([Transition("S", "I", 1.0), Transition("S", "I", 1.0)], "transition 'S -> I' appears twice"),
    ],
)
def test_bad_graphs_are_refused(transitions: list[Transition], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        StageGraph(("S", "I", "R"), transitions)


def test_bad_stages_are_refused() -> None:
    with pytest.raises(ValueError, match="stage 'S' appears twice"):
        StageGraph(("S", "S"), [])
    with pytest.raises(ValueError, match="256 stages are more than"):
        StageGraph([str(i) for i in range(256)], [])
    with pytest.raises(ValueError, match="unknown stage 'mildd': did you mean 'mild'"):
        GRAPH["mildd"]


@pytest.mark.parametrize("classes", [[0, 2], [-1, 0]])
def test_classes_outside_the_tables_are_refused(classes: list[int]) -> None:
    with KeyedNoise(0), pytest.raises(ValueError, match="outside the classes 0 to 1"):
        GRAPH.course(torch.tensor(classes))


def test_a_graph_of_one_class_takes_any_class() -> None:
    graph = StageGraph(("I", "R"), [Transition("I", "R", 1.0, mean_days(2.0))])
    with KeyedNoise(0):
        drawn = graph.course(torch.tensor([0, 7, -3]))
    assert drawn.following.tolist() == [[1, 1]] * 3
    assert drawn.days[:, 0].tolist() == [2, 2, 2]


def test_courses_use_their_own_name() -> None:
    with KeyedNoise(0):
        first, second = GRAPH.course(CLASSES[:200]), GRAPH.course(CLASSES[:200], name="second_infection")
    with KeyedNoise(0):
        luck = exogenous("course_days_1", 200, "uniform")
    assert not torch.equal(first.days, second.days)
    assert torch.equal(first.days[:, 1], mean_days(3.5).draw(luck))
