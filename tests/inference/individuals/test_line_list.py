"""Line lists: what is known of agents enters a run exactly, and what cannot be is refused."""

import contextlib
import math
from pathlib import Path
from typing import Any

import pandas as pd
import pyro
import pytest
import torch
from chirho.observational.handlers import condition
from hypothesis import given, settings
from hypothesis import strategies as st

from causal_lpm import DiscreteTime, KeyedNoise, Seeds, StraightThrough, Worlds, choose, comparing, event, rollout
from causal_lpm.handlers.continuing import Continuing
from causal_lpm.inference.individuals.line_list import LineList
from causal_lpm.ops.simulation import resampled
from causal_lpm.typing import State
from tests.inference.abduction.tiny import AGENTS, DAYS, UNKNOWN, WORLDS, epidemic, exact

EVERYBODY = {"agent": [1, 4, 2, 6, 3], "day": [0, 0, 1, 2, 2], "event": "infection"}
INFECTED = dict(zip(EVERYBODY["agent"], EVERYBODY["day"], strict=True))


def seeds(rows: int, seed: int = 6) -> torch.Tensor:
    return torch.randint(0, 2**62, (rows, 1), generator=torch.Generator().manual_seed(seed))


def replayed(seen: LineList, rows: int, refuse: bool = True) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
    """Log p of every row, and world -> who was infected `[rows, agents]`."""
    with torch.no_grad(), KeyedNoise(seeds(rows)), comparing(WORLDS, draws=rows) as worlds:
        with seen.conditioning(refuse) as conditioning:
            run = epidemic()
        series = {world: worlds.take(run.tallies["infections"], world, event_dim=1) for world in WORLDS}
    infected = {world: (x.reshape(-1, AGENTS, DAYS).sum(-1) > 0).double() for world, x in series.items()}
    return conditioning.total().expand(rows), {w: x.expand(rows, AGENTS) for w, x in infected.items()}


def test_a_complete_list_is_exact() -> None:
    """Seven shares of agents 1 to 7 in 60,000 rows within three standard errors, and of in fact only: 8 that are
    random, of which one fails in 2% of all seeds; the seed is fixed.
    """
    log_p, _, elsewhere, fact_only = exact(lambda day, agent: float(INFECTED.get(agent) == day))
    assert log_p == pytest.approx(-7.1897, abs=1e-4)
    assert [round(elsewhere[i], 4) for i in (2, 3, 6)] == [0.5585, 0.3949, 0.2122]
    rows = 60_000
    found, infected = replayed(LineList(EVERYBODY, epidemic, complete=["infection"]), rows)
    assert torch.allclose(found, torch.tensor(log_p, dtype=torch.float64), atol=1e-5), "all rows have the same"
    assert infected["fact"][:, list(INFECTED)].all()
    assert infected["fact"].sum() == rows * len(INFECTED)
    for share, expected in list(zip(infected["measures"].mean(0).tolist(), elsewhere, strict=True))[1:]:
        assert abs(share - expected) <= 3 * math.sqrt(expected * (1 - expected) / rows) + 1e-9
    only = (infected["fact"] * (1 - infected["measures"])).mean(0)
    for share, expected in zip(only.tolist(), fact_only, strict=True):
        assert abs(share - expected) <= 3 * math.sqrt(expected * (1 - expected) / rows) + 1e-9


def test_of_whom_nothing_is_listed_the_noise_decides() -> None:
    """Weighing rows by the list gives the exact evidence and shares: within four standard errors, 14 numbers that are
    random, of which one fails in 0.1% of all seeds; the seed is fixed.
    """

    def known(day: int, agent: int) -> float:
        return float(day == 2) if agent == 5 else 0.0 if (day, agent) == (0, 4) else UNKNOWN

    log_p, in_fact, elsewhere, _ = exact(known)
    table = {"agent": [5, 4], "day": [2, 0], "event": "infection", "happened": [1, 0]}
    rows = 60_000
    found, infected = replayed(LineList(table, epidemic), rows)
    weight = found.exp()
    assert bool((weight == 0).any()), "in some rows nobody could have infected agent 5"
    error = float(weight.std() / weight.mean()) / math.sqrt(rows)
    assert abs(float(weight.mean().log()) - log_p) <= 4 * error
    share = weight / weight.sum()
    for world, expected in (("fact", in_fact), ("measures", elsewhere)):
        mean = (share[:, None] * infected[world]).sum(0)
        errors = (share[:, None] ** 2 * (infected[world] - mean) ** 2).sum(0).sqrt()
        off = (mean - torch.tensor(expected, dtype=torch.float64)).abs()
        assert bool((off <= 4 * errors + 1e-9)[1:].all()), world  # agent 0 is infected from the beginning


def test_log_p_is_kept_day_by_day() -> None:
    seen = LineList(EVERYBODY, epidemic, complete=["infection"])
    with KeyedNoise(seeds(3)), seen.conditioning() as conditioning:
        epidemic()
    days = conditioning.log_p
    assert list(days) == [0, 1, 2]
    assert float(days[0]) == pytest.approx(2 * math.log(1 - math.exp(-0.5)) - 0.5, rel=1e-5)  # 7 escaped agent 0
    assert torch.allclose(conditioning.total(1, 2), days[1])
    assert torch.allclose(conditioning.total(), sum(days.values(), torch.zeros(1)))
    assert bool((conditioning.total(5) == 0).all())


def test_a_list_does_what_chirhos_condition_does() -> None:
    seen = LineList({"agent": [5], "day": [2], "event": "infection"}, epidemic)
    traces = []
    for handler in (seen.conditioning(), condition(data=dict(seen.data))):
        with KeyedNoise(seeds(40)), comparing(WORLDS, draws=40), pyro.poutine.trace() as tr, handler:
            run = epidemic()
        tr.trace.compute_log_prob()
        traces.append((run.tallies["infections"], tr.trace.log_prob_sum()))
    assert torch.equal(traces[0][0], traces[1][0])
    assert torch.equal(traces[0][1], traces[1][1])


@settings(max_examples=15)
@given(data=st.data())
def test_the_order_of_handlers_plays_no_part(data: st.DataObject) -> None:
    infected = data.draw(st.dictionaries(st.integers(1, AGENTS - 1), st.integers(0, DAYS - 1), max_size=4))
    seen = LineList(
        {"agent": list(infected), "day": list(infected.values()), "event": ["infection"] * len(infected)}, epidemic
    )
    rows = 8
    found: list[tuple[torch.Tensor, torch.Tensor]] = []
    for order in data.draw(st.permutations(["noise", "worlds", "list"])), ["noise", "worlds", "list"]:
        with contextlib.ExitStack() as stack:
            made: dict[str, Any] = {
                "noise": lambda: KeyedNoise(seeds(rows)),
                "worlds": lambda: comparing(WORLDS, draws=rows),
                "list": lambda: seen.conditioning(refuse=False),
            }
            handlers = {name: stack.enter_context(made[name]()) for name in order}
            found.append((epidemic().tallies["infections"], handlers["list"].total()))
    assert torch.equal(found[0][0], found[1][0])
    assert torch.equal(found[0][1], found[1][1])


def test_a_list_of_nobody_changes_nothing() -> None:
    seen = LineList({"agent": [], "day": [], "event": []}, epidemic)
    with KeyedNoise(3), seen.conditioning() as conditioning:
        run = epidemic()
    with KeyedNoise(3):
        assert torch.equal(run.tallies["infections"], epidemic().tallies["infections"])
    assert conditioning.log_p == {}
    assert float(conditioning.total()) == 0


@pytest.mark.parametrize("blocks", [1, 4])
def test_a_list_under_seeds_of_replicates_that_are_resampled(blocks: int) -> None:
    seen = LineList({"agent": [5], "day": [2], "event": "infection"}, epidemic)
    with Worlds(replicates=20), Seeds("luck", (0, 2), blocks=blocks), seen.conditioning() as conditioning:
        pyro.set_rng_seed(0)
        epidemic()
        before = conditioning.total()
        ancestors = torch.arange(20).flip(0)
        resampled(ancestors)
    assert before.shape == (20,)
    assert len(before.unique()) > 2
    assert torch.equal(conditioning.total(), before[ancestors])


def test_windows_add_up_to_the_whole() -> None:
    """A filter runs the program from its top in each window, and reads the days that were run."""
    seen, rows, windows = LineList({"agent": [5, 1], "day": [2, 0], "event": "infection"}, epidemic), 30, (0, 1, 2)
    luck = {f"luck_{w}": seeds(rows, w) for w in windows}

    def model() -> Any:
        with pyro.poutine.condition(data=luck), Seeds("luck", windows):
            return epidemic()

    with seen.conditioning() as whole:
        future = model().tallies
    kept, total = None, torch.zeros(rows, dtype=torch.float64)
    for stop in (1, 2, 3):
        with seen.conditioning() as part, Continuing(rows, [stop], future, kept) as window:
            model()
        kept = window.kept[stop]
        assert list(part.log_p) == [stop - 1]
        total = total + part.total()
    assert torch.equal(total, whole.total())
    assert len(total.unique()) > 3


# Choices, events before the simulation, steps that are not days


def journeys() -> Any:
    home = event("import", torch.tensor([0.1, 0.2, 0.3]))

    def week(s: State) -> State:
        mode = choose("mode", torch.tensor([[0.0, 1.0], [0.5, 0.0], [0.0, 0.0]]))
        event("fever", 0.3, where=mode == 0)
        return {"mode": mode}

    with DiscreteTime(7.0):
        return rollout(week, {"mode": home.long()}, 21, name="year")


def test_choices_weeks_and_what_comes_before() -> None:
    table = pd.DataFrame(
        {
            "agent": [2, 0, 1],
            "day": [None, 9, 16],
            "event": ["import", "year/mode", "year/mode"],
            "happened": [1, 1, 0],
        }
    )
    seen = LineList(table, journeys)
    assert sorted(seen.data) == ["import", "year/t=1/mode", "year/t=2/mode"]
    with KeyedNoise(1), seen.conditioning() as conditioning:
        journeys()
    log_p = {step: float(value) for step, value in conditioning.log_p.items()}
    assert log_p == pytest.approx(
        {-1: math.log(1 - math.exp(-0.3)), 1: math.log(1 / (1 + math.exp(-1))), 2: math.log(1 / (1 + math.exp(-0.5)))}
    )


def test_agents_of_whom_all_is_known_and_single_days_of_whom_nothing_is() -> None:
    table = {"agent": [4, 4, 1], "day": [0, 1, 2], "event": "infection", "happened": [0, math.nan, 1]}
    seen = LineList(table, epidemic, complete={"infection": [6]})
    nan = torch.nan
    expected = torch.tensor(
        [[nan, 0, nan, nan, 0, nan, 0, nan], [nan, 0, *[nan] * 4, 0, nan], [nan, 1, *[nan] * 4, 0, nan]]
    )
    found = torch.stack([seen.data[f"t={day}/infection"] for day in range(DAYS)])
    assert torch.equal(found.isnan(), expected.isnan())
    assert torch.equal(found.nan_to_num(), expected.nan_to_num())


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_a_list_in_a_file(tmp_path: Path, ending: str) -> None:
    frame = pd.DataFrame(EVERYBODY)
    path = tmp_path / f"list.{ending}"
    frame.to_csv(path, index=False) if ending == "csv" else frame.to_parquet(path)
    assert LineList(path, epidemic).table.equals(LineList(frame, epidemic).table)


# What cannot be


def listed(*rows: tuple[int, float], **columns: Any) -> dict[str, Any]:
    return {"agent": [a for a, _ in rows], "day": [d for _, d in rows], "event": "infection", **columns}


@pytest.mark.parametrize(
    ("table", "complete", "message"),
    [
        (listed((8, 0)), (), "row 0 of the line list has agent 8, and event 'infection' concerns 8 agents"),
        (listed((1, 0), (2, 3)), (), "row 1 .* 'infection' of agent 2 on day 3, outside of the simulated days 0 to 3"),
        (listed((1, 0), (1, 0)), (), "'infection' of agent 1 on day 0 twice, in rows 0 and 1: leave one"),
        (listed((1, 0), (1, 0.5)), (), "agent 1 on day 0 and on day 0.5, which are one step of 1 days"),
        (listed((1, math.nan)), (), "no day for 'infection' of agent 1, which happens during the simulation"),
        (listed((1, -1)), (), "row 0 of the line list has the day -1: give a number from 0, such as the days since"),
        (listed((-1, 1)), (), "row 0 of the line list has the agent -1: give a number from 0"),
        (listed((1.5, 1)), (), "row 0 of the line list has the agent 1.5: give a whole number from 0"),
        (listed((1, 1), event="infektion"), (), "unknown event of the model 'infektion': did you mean 'infection'"),
        (listed((1, 1), event=[3]), (), "row 0 of the line list has the event 3: give its name in the model"),
        (listed((1, 1), happened=2), (), "row 0 of the line list says 2 of event 'infection': .* from 0 to 1"),
        (listed((1, 1), happened="yes"), (), "row 0 of the line list has the happened 'yes': give a number from 0"),
        (listed((1, 1), happend=1), (), "unknown column of the line list 'happend': did you mean 'happened'"),
        ({"agent": [1], "event": "infection"}, (), "the line list has no column 'day'"),
        ({"agent": [1], "day": [1, 2], "event": "infection"}, (), "column 'agent' of the line list has 1 rows where"),
        ("list.xlsx", (), r"the line list list.xlsx is neither a .csv nor a .parquet file"),
        (listed((1, 1)), ["infected"], "unknown event of the model 'infected'"),
        (listed((1, 1)), {"infection": [9]}, "complete 'infection' has agent 9, and event 'infection' concerns 8"),
    ],
)
def test_bad_lists_are_refused(table: Any, complete: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        LineList(table, epidemic, complete)


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (
            listed((0, 1)),
            "1 of 'infection' of agent 0 on day 1, which is impossible: the model has no such event",
        ),  # from the beginning
        (listed((6, 0)), "1 of 'infection' of agent 6 on day 0, which is impossible: .* no infectious contact"),
        (listed((1, 0), (1, 2)), "1 of 'infection' of agent 1 on day 2, which is impossible"),  # twice
    ],
)
@pytest.mark.parametrize("worlds", [True, False])
def test_what_no_row_can_have_is_refused_with_agent_and_day(table: Any, message: str, worlds: bool) -> None:
    seen = LineList(table, epidemic)
    side = comparing(WORLDS, draws=5) if worlds else contextlib.nullcontext()
    with KeyedNoise(seeds(5)), side, pytest.raises(ValueError, match=message), seen.conditioning():
        epidemic()
    with KeyedNoise(seeds(5)), comparing(WORLDS, draws=5), seen.conditioning(refuse=False) as conditioning:
        epidemic()
    assert bool(conditioning.total().isneginf().all())


def test_rows_that_fail_on_different_days_are_all_lost() -> None:
    """Agent 2 on day 1 needs agent 1 on day 0, and agent 5 on day 2 needs 4 or 6 before."""
    seen = LineList(listed((2, 1), (5, 2)), epidemic)
    possible, _ = replayed(seen, 400, refuse=False)
    with KeyedNoise(seeds(400)), comparing(WORLDS, draws=400), seen.conditioning(refuse=False) as conditioning:
        epidemic()
    days = conditioning.log_p
    lost = possible.isneginf()
    assert bool((days[1].isneginf() & lost).any())
    assert bool((days[2].isneginf() & ~days[1].isneginf()).any())
    assert not bool(days[2][lost].isneginf().all())
    message = r"of agent 5 on day 2, which is impossible in \d+ of \d+ rows, .* run more rows or particles"
    with KeyedNoise(seeds(400)[lost]), seen.conditioning(), pytest.raises(ValueError, match=message):
        epidemic()


def test_a_file_that_is_not_there_is_said_so() -> None:
    with pytest.raises(FileNotFoundError, match=r"there is no line list at none\.csv"):
        LineList("none.csv", epidemic)


def test_choices_need_their_option_and_are_never_complete() -> None:
    with pytest.raises(ValueError, match="choice 'year/mode' has no column 'happened': a choice has 2 options"):
        LineList({"agent": [0], "day": [0], "event": "year/mode"}, journeys)
    with pytest.raises(ValueError, match="choice 'year/mode' is said to be complete"):
        LineList({"agent": [], "day": [], "event": []}, journeys, complete="year/mode")


def test_what_the_model_observes_itself_is_refused() -> None:
    observing = condition(epidemic, data={"t=1/infection": torch.zeros(AGENTS)})
    with pytest.raises(ValueError, match="event 'infection', which the model observes already"):
        LineList(EVERYBODY, observing)


def test_an_event_that_does_not_say_whom_it_concerns_is_warned_of() -> None:
    def model() -> Any:
        def day(s: State) -> State:
            return {"ill": s["ill"] | (event("infection", torch.full((50,), 0.5)) & ~s["ill"])}

        return rollout(day, {"ill": torch.zeros(50, dtype=torch.bool)}, 5)

    with pytest.warns(
        UserWarning, match="'infection' is asked again of agents to whom it has happened, and has no where="
    ):
        LineList({"agent": [3], "day": [1], "event": "infection"}, model)


def test_gradients_of_the_unknown_are_refused() -> None:
    seen = LineList(listed((1, 0)), epidemic)
    with seen.conditioning(), StraightThrough(), pytest.raises(ValueError, match="of some agents it is unknown"):
        event_in_step()


def event_in_step() -> None:
    rollout(lambda s: {"x": s["x"] + event("infection", s["x"] * 0 + 0.5)}, {"x": torch.zeros(AGENTS)}, days=DAYS)
