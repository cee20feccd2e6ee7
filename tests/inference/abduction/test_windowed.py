"""Data count in the first window after which their density is settled, and windows add up to the whole."""

import logging
from typing import Any

import pyro
import pyro.distributions as dist
import pytest
import torch

from causal_lpm import DiscreteTime, event, observed, rollout, tally
from causal_lpm.handlers import Rollout
from causal_lpm.inference.abduction.filters import particle_filters
from causal_lpm.inference.abduction.windowed import Windowed, first_days
from causal_lpm.inference.program.problem import Problem
from causal_lpm.typing import State

AGENTS, DAYS = 40, 8


def simulated(rate: Any, name: str = "", dt: float = 1.0) -> Rollout:
    def day(s: State) -> State:
        new = event("infection", rate, where=s["stage"] == 0)
        tally("cases", new)
        tally("by half", new, by=torch.arange(AGENTS) % 2, groups=2)
        return {"stage": s["stage"] + new}

    with DiscreteTime(dt=dt):
        return rollout(day, {"stage": torch.zeros(AGENTS, dtype=torch.uint8)}, DAYS, name)


def model() -> Rollout:
    """Reports of each day, of the day before, of both halves, of the end; and a survey before the simulation."""
    rate = pyro.sample("rate", dist.LogNormal(-2.0, 0.3))
    observed("survey", dist.Normal(rate, 0.1))
    run = simulated(rate)
    cases = run.tallies["cases"].double()
    observed("reports", dist.Poisson(cases + 0.1).to_event(1))
    late = torch.nn.functional.pad(cases[..., :-1], (1, 0))
    observed("late", dist.Normal(late, 1.0).to_event(1))
    observed("halves", dist.Poisson(run.tallies["by half"].double() + 0.1).to_event(1))
    observed("final", dist.Normal(run.state["stage"].double().sum(-1, keepdim=True)[..., None], 3.0).to_event(1))
    observed("share", dist.Normal(cases / (cases.sum(-1, keepdim=True) + 1), 0.1).to_event(1))
    return run


DATA: dict[str, Any] = {
    "survey": [0.1],
    "reports": [5.0, 4.0, float("nan"), 3.0, 3.0, 2.0, 2.0, 1.0],
    "late": [0.0, 5.0, 4.0, 4.0, 3.0, 3.0, 2.0, 2.0],
    "halves": [[3.0, 2, 2, 2, 2, 1, 1, 1], [2.0, 2, 2, 2, 1, 1, 1, 0]],
    "final": [25.0],
    "share": [0.2, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1],
}


def windowed(windows: Any = 3, blocks: int = 4) -> Windowed:
    problem = Problem(model, DATA)
    return Windowed(problem, problem.prior.draw(2, seed=0), windows, blocks)


def test_when_data_count(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "causal_lpm"):
        found = windowed()
    assert found.first == (0, 3, 6)
    counts = {name: value.flatten().tolist() for name, value in found.counts.items()}
    assert counts["reports"] == [0, 0, -1, 1, 1, 1, 2, 2]
    assert counts["late"] == [0, 0, 0, 0, 1, 1, 1, 2]
    assert counts["halves"] == 2 * [0, 0, 0, 1, 1, 1, 2, 2]
    assert counts["survey"] == [0]
    assert counts["final"] == [2]
    assert counts["share"] == 8 * [2]
    assert [record.args for record in caplog.records] == [("final",), ("share",)]


def test_windows_add_up_to_the_whole_wherever_a_run_goes_on() -> None:
    found, generator = windowed(), torch.Generator().manual_seed(3)
    z = found.problem.prior.draw(5, seed=1)
    seeds = torch.randint(0, 2**62, (5, 3, 4), generator=generator)
    whole = found.run(z, seeds, keep=[3, 6])
    kept, told = None, torch.zeros(5, 3, dtype=torch.float64)
    for window in range(3):
        part = found.run(z, seeds, kept, window)
        assert torch.equal(part.log_p[:, : window + 1], whole.log_p[:, : window + 1])
        assert not bool(part.log_p[:, window + 1 :].any())
        told[:, window], kept = part.log_p[:, window], part.kept[found.ends(window)]
    assert torch.equal(told, whole.log_p)
    assert whole.kept.keys() == {3, 6, 8}
    numbers = torch.tensor([4, 4, 0])
    again = found.run(z[numbers], seeds[numbers], whole.kept[3].take(numbers))
    assert torch.equal(again.log_p, whole.log_p[numbers])
    # Equal to the density of the same numbers in one run of the program.
    series = whole.kept[8].run.tallies["cases"].double()
    data = torch.tensor(DATA["reports"])
    density = torch.distributions.Poisson(series[:, 0] + 0.1).log_prob(data.nan_to_num())[:, ~data.isnan()].sum(1)
    only = Windowed(Problem(just_reports, {"reports": DATA["reports"]}), z[:2], 3, 4)
    assert torch.allclose(only.run(z, seeds).log_p.sum(1), density)


def just_reports() -> Rollout:
    run = simulated(pyro.sample("rate", dist.LogNormal(-2.0, 0.3)))
    observed("reports", dist.Poisson(run.tallies["cases"].double() + 0.1).to_event(1))
    return run


def test_distances_are_those_of_the_nearest_row() -> None:
    problem = Problem(just_reports, {"reports": [39.0, *DATA["reports"][1:]]})
    z = problem.prior.draw(3, seed=1)
    found = Windowed(problem, z, 8, 1)
    seeds = torch.arange(3)[:, None, None]
    distance = found.distances(z, seeds)["reports"].flatten()
    cases = found.run(z, seeds).kept[8].run.tallies["cases"].double()[:, 0, 0] + 0.1
    assert torch.allclose(distance[0], ((39.0 - cases).abs() / cases.sqrt()).min())
    assert float(distance[2]) == 0.0, "a missing number is not far from anything"


def test_first_days() -> None:
    assert first_days([0, 2, 9], 0, 12) == (0, 2, 9)
    assert first_days(5, 3, 12) == (3, 8, 13)
    for windows, sentence in (
        (13, "a window has 13 days and the simulation 12"),
        (0, "windows is 0"),
        ([0, 12], "begin on days \\[0, 12\\]"),
        ([1, 2], "begin on days \\[1, 2\\]"),
        ([0, 5, 5], "ascending"),
        ([], "ascending"),
    ):
        with pytest.raises(ValueError, match=sentence):
            first_days(windows, 0, 12)


def test_models_that_cannot_be_cut_are_refused() -> None:
    def twice() -> Rollout:
        rate = pyro.sample("rate", dist.LogNormal(-2.0, 0.3))
        simulated(rate, "burn-in")
        run = simulated(rate)
        observed("reports", dist.Poisson(run.tallies["cases"].double() + 0.1).to_event(1))
        return run

    def weekly() -> Rollout:
        run = simulated(pyro.sample("rate", dist.LogNormal(-2.0, 0.3)), dt=2.0)
        observed("reports", dist.Poisson(run.tallies["cases"].double() + 0.1).to_event(1))
        return run

    for made, data, sentence in (
        (twice, DATA["reports"], "simulates 2 times"),
        (weekly, DATA["reports"][:4], "steps have 2 days"),
    ):
        problem = Problem(made, {"reports": data})
        with pytest.raises(ValueError, match=sentence):
            Windowed(problem, problem.prior.draw(2, seed=0), 1, 1)
    with pytest.raises(ValueError, match="41 blocks and 40 agents"):
        windowed(blocks=41)


def test_a_number_that_is_impossible_in_all_runs_that_are_read_counts_no_earlier() -> None:
    def counted() -> Rollout:
        run = simulated(pyro.sample("rate", dist.LogNormal(-2.0, 0.3)))
        total = run.tallies["cases"].double()
        observed("reports", dist.Binomial(total, torch.full_like(total, 0.9)).to_event(1))
        return run

    problem = Problem(counted, {"reports": [9.0, 7.0, 6.0, 6.0, 5.0, 4.0, 3.0, 2.0]})
    rare = problem.unconstrain({"rate": torch.full((6,), 0.001)}).float()
    assert Windowed(problem, rare, 1, 1).counts["reports"].flatten().tolist() == list(range(DAYS))


def test_what_only_some_rows_show_to_depend_on_later_days_is_refused() -> None:
    def limited() -> Rollout:
        run = simulated(pyro.sample("rate", dist.LogNormal(-2.0, 0.3)))
        ever = run.tallies["cases"].double().sum(-1, keepdim=True).clamp(max=5.0)
        observed("survey", dist.Normal(ever, 1.0).to_event(1))
        return run

    problem = Problem(limited, {"survey": [4.0]})
    z = problem.unconstrain({"rate": torch.tensor([1.0] * 6 + [0.02] * 10)}).float()
    found = Windowed(problem, z, 1, 1)
    assert found.counts["survey"].tolist() == [[0]], "in the runs that are read, five were infected on the first day"
    particle_filters(found, z[:3], [0, 1, 2], 8)
    with pytest.raises(ValueError, match="count in window 0 have another density once later days are simulated"):
        particle_filters(found, z, range(len(z)), 8)
    once = Windowed(problem, z, [0], 1)
    assert bool(particle_filters(once, z, range(len(z)), 8).log_evidence.isfinite().all())
