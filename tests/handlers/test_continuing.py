"""The law: a simulation that goes on in other runs of its program is the simulation, bit for bit, whatever its rows."""

from contextlib import ExitStack
from typing import Any

import pyro
import pytest
import torch
from chirho.dynamical.handlers import StaticIntervention
from chirho.dynamical.ops import on
from hypothesis import given, settings
from hypothesis import strategies as st

from causal_lpm import Rollout, Seeds, comparing, event, exposure, rollout, tally
from causal_lpm.agents.networks import Graph, random_graph
from causal_lpm.handlers.continuing import Continuing, Kept
from tests.contracts.models import MODELS, Model, S

ROWS, DAYS = 4, 20
SEEDS = torch.tensor([[3], [5], [7], [11]])
SHARES = {"flu": 0.082, "clinic": 0.117, "immunity": 0.042}
each_model = pytest.mark.parametrize("model", MODELS, ids=lambda m: m.name)


def ran(model: Model, seeds: torch.Tensor, *handlers: Any) -> Rollout:
    """With a rule that fires on days of its own in each row, an act early on and one late; the parameters fixed."""
    pyro.set_rng_seed(1)
    rule = on(lambda s: (s["stage"] != S).float().mean(-1, keepdim=True) > SHARES[model.name])(
        lambda f, s: (f, {**s, model.policy: s[model.policy] / 2})
    )
    acts = (StaticIntervention(day, {model.policy: torch.tensor([value])}) for day, value in ((2.0, 9.0), (13.0, 4.0)))
    with ExitStack() as stack:
        for handler in (pyro.condition(data={"luck_0": seeds}), Seeds("luck"), rule, *acts, *handlers):
            stack.enter_context(handler)
        return model.simulate(DAYS)


def unlike(one: Rollout, other: Rollout) -> list[str]:
    a, b = one.state | one.tallies, other.state | other.tallies
    return [name for name in a | b if not torch.equal(*torch.broadcast_tensors(a[name], b[name]))]


@each_model
@settings(max_examples=5, deadline=None)
@given(cuts=st.sets(st.integers(0, DAYS - 1), min_size=1, max_size=3))
def test_pieces_are_the_whole(model: Model, cuts: set[int]) -> None:
    whole = ran(model, SEEDS)
    future = {name: torch.zeros_like(series[:1]) for name, series in whole.tallies.items()}
    kept: Kept | None = None
    for stop in [*sorted(cuts), DAYS]:
        going_on = Continuing(ROWS, [stop], future, kept)
        run = ran(model, SEEDS, going_on)
        kept = going_on.kept.get(stop, kept)
        days = {name: series[..., stop:] for name, series in run.tallies.items()}
        assert all(not bool(later.any()) for later in days.values()), "later days are those of the future that is given"
    assert unlike(run, whole) == []


@each_model
def test_rows_that_change_places_take_everything_with_them(model: Model) -> None:
    whole = ran(model, SEEDS)
    numbers = torch.tensor([2, 0, 0, 3])
    first = Continuing(ROWS, [6, 9], whole.tallies)
    ran(model, SEEDS, first)
    for stop in (6, 9):
        run = ran(model, SEEDS[numbers], Continuing(ROWS, [DAYS], whole.tallies, first.kept[stop].take(numbers)))
        expected = ran(model, SEEDS[numbers]) if len(set(numbers.tolist())) == ROWS else None
        for name, series in run.tallies.items():
            both = torch.broadcast_tensors(series, whole.tallies[name][numbers])
            assert torch.equal(*both), name
        assert expected is None or unlike(run, expected) == []


@each_model
def test_rows_are_mixed(model: Model) -> None:
    other = SEEDS + 100
    whole, its = ran(model, SEEDS), ran(model, other)
    one, two = Continuing(ROWS, [8], whole.tallies), Continuing(ROWS, [8], whole.tallies)
    ran(model, SEEDS, one), ran(model, other, two)
    keep = torch.tensor([True, False, False, True])
    mixed = one.kept[8].where(keep, two.kept[8])
    run = ran(model, torch.where(keep[:, None], SEEDS, other), Continuing(ROWS, [DAYS], whole.tallies, mixed))
    for name, series in run.tallies.items():
        expected = torch.where(keep[:, None, None], *torch.broadcast_tensors(whole.tallies[name], its.tallies[name]))
        assert torch.equal(series.expand(expected.shape), expected), name


def counting(days: int = 6) -> Rollout:
    def day(s: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        tally("x", s["x"])
        return {"x": s["x"] + 1}

    return rollout(day, {"x": torch.zeros(1, 2)}, days)


def test_what_cannot_go_on_is_refused() -> None:
    future = counting().tallies
    faster = on(lambda s: s["x"].amax(-1, keepdim=True) > 1, lambda d, s: (lambda s: d({"x": s["x"] + 9}), s))
    with pytest.raises(ValueError, match="changed the dynamics before day 4"), Continuing(1, [4], future), faster:
        counting()
    with pytest.raises(ValueError, match="simulates twice"), Continuing(1, [4], future):
        counting(), counting()
    with pytest.raises(ValueError, match="stop at day 9 lies outside"), Continuing(1, [9], future):
        counting()
    with pytest.raises(ValueError, match="one world"), Continuing(1, [4], future), comparing({"a": {}, "b": {}}):
        counting()
    with Continuing(1, [4], future) as first:
        counting()
    rule = on(lambda s: s["x"].amax(-1, keepdim=True) > 1, lambda d, s: (d, s))
    going_on = Continuing(1, [6], future, first.kept[4])
    with pytest.raises(ValueError, match="under 1 rules, and was kept under 0"), going_on, rule:
        counting()


def test_nothing_is_simulated_where_all_was_kept() -> None:
    future = counting().tallies
    with Continuing(1, [4], future) as first:
        counting()
    with Continuing(1, [4], future, first.kept[4]) as again:
        run = counting()
    assert again.kept == {}
    assert torch.equal(run.tallies["x"], future["x"])
    assert run.state["x"].tolist() == [[4.0, 4.0]]


def test_seeds_in_windows_go_on() -> None:
    model, windows = MODELS[0], (0, 5, 9)
    luck = {f"luck_{w}": SEEDS + 20 * w for w in range(3)}

    def told(*handlers: Any) -> Rollout:
        pyro.set_rng_seed(1)
        with ExitStack() as stack:
            for handler in (pyro.condition(data=luck), Seeds("luck", windows), *handlers):
                stack.enter_context(handler)
            return model.simulate(DAYS)

    whole = told()
    with Continuing(ROWS, [9], whole.tallies) as first:
        told()
    again = told(Continuing(ROWS, [DAYS], whole.tallies, first.kept[9]))
    assert unlike(again, whole) == []


class _Counting(Graph):
    """A graph that counts how often its sums are computed from nothing."""

    from_nothing = 0

    def total(self, x: torch.Tensor) -> torch.Tensor:
        type(self).from_nothing += 1
        return super().total(x)

    def changed_total(self, total: torch.Tensor, before: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
        return super().changed_total(total, before, x)


def test_sums_over_contacts_go_on_with_their_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    agents, generator = 300, torch.Generator().manual_seed(4)
    plain = random_graph(agents, 6, seed=1)
    graph = _Counting(plain.indptr, plain.neighbours)

    def epidemic(seeds: torch.Tensor, *handlers: Any) -> Rollout:
        def day(s: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
            met = exposure(graph, s["stage"] == 1)
            infected = event("infection", 0.1 * met, where=s["stage"] == 0)
            tally("infections", infected)
            return {"stage": s["stage"] + infected + event("recovery", 0.2, where=s["stage"] == 1)}

        with ExitStack() as stack:
            for handler in (pyro.condition(data={"luck_0": seeds}), Seeds("luck"), *handlers):
                stack.enter_context(handler)
            return rollout(day, {"stage": (torch.arange(agents) < 9).to(torch.uint8)}, DAYS)

    future = epidemic(SEEDS).tallies
    monkeypatch.setattr(_Counting, "from_nothing", 0)
    seeds, kept = SEEDS, None
    for stop in range(1, DAYS + 1):
        with Continuing(ROWS, [stop], future, kept) as going_on:
            run = epidemic(seeds)
        if stop < DAYS:
            numbers = torch.randint(0, ROWS, (ROWS,), generator=generator).sort().values
            seeds, kept = seeds[numbers], going_on.kept[stop].take(numbers)
    assert _Counting.from_nothing == 1, "on the first day"
    whole = epidemic(seeds)
    assert all(torch.equal(run.tallies[name], series) for name, series in whole.tallies.items())


def test_what_was_kept_may_go_on_twice() -> None:
    model = MODELS[0]
    whole = ran(model, SEEDS)
    first = Continuing(ROWS, [7], whole.tallies)
    ran(model, SEEDS, first)
    for _ in range(2):
        assert unlike(ran(model, SEEDS, Continuing(ROWS, [DAYS], whole.tallies, first.kept[7])), whole) == []
