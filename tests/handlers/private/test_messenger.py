"""What `Private` answers and refuses; whose luck it is; what is opened."""

from typing import Any

import pyro
import pyro.distributions as dist
import pytest
import torch
from chirho.dynamical.handlers import StaticIntervention
from chirho.dynamical.handlers.interruption import ZeroEvent
from chirho.dynamical.ops import on
from hypothesis import given, settings
from hypothesis import strategies as st

from causal_lpm import (
    Candidates,
    KeyedNoise,
    Leak,
    Private,
    Secret,
    Unsupported,
    allocate,
    choose,
    comparing,
    event,
    exogenous,
    exposure,
    look_up,
    observed,
    rollout,
    tally,
)
from causal_lpm.agents import Graph, Population
from causal_lpm.handlers.private.sharing import reveal, share
from tests.handlers.private.runs import AGENTS, Exact, Party, clear_epidemic, contacts_of, epidemic, ill, with_parties

QUICK = settings(deadline=None, max_examples=25)


def run_epidemic(party: Party, days: int = 8, **options: Any) -> Any:
    people = Population({"stage": party.share(ill(), 0, 2)})
    with KeyedNoise(1), party.private(small={"stage": 3}, **options):
        return epidemic(people, contacts_of(), days)


@pytest.mark.parametrize("parties", [1, 2, 3])
@pytest.mark.parametrize("noise", ["owner", "dealt"])
def test_luck_that_is_not_public(noise: str, parties: int) -> None:
    """Every party gets the same totals, no two runs do, and the first day's have the right mean.

    30 runs of about 12 infections among 570 agents a day: their mean lies within 6 standard errors, and fails by chance
    once in 10**8.
    """
    found = []
    for _ in range(30 // parties):
        everybody = with_parties(parties, AGENTS, lambda party: run_epidemic(party, 12, noise=noise))
        first = everybody[0].tallies["cases"]
        assert all(torch.equal(run.tallies["cases"], first) for run in everybody)
        assert all(isinstance(run.state["stage"], Secret) for run in everybody)
        found.append(first.flatten())
    series = torch.stack(found)
    assert len({tuple(row) for row in series.tolist()}) == len(found)
    assert not bool((series == clear_epidemic(12)).all(-1).any())
    sick = exposure(contacts_of(), ill() == 1)
    p = torch.where(ill() == 0, 1 - torch.exp(-0.06 * sick), 0.0).double()
    error = float((p * (1 - p)).sum() / len(found)) ** 0.5
    assert abs(float(series[:, 0].double().mean() - p.sum())) < 6 * error


@pytest.mark.parametrize("noise", ["owner", "dealt"])
def test_hazards_of_all_kinds_meet_secret_luck(noise: str) -> None:
    """Each happens to a share of 30,000 within 6 standard errors: fails by chance once in 10**8."""
    many = 30_000
    hazard = torch.full((many,), 0.4)

    def run(party: Party) -> Any:
        rate = share(party.layer, hazard[party.first : party.end], party.blocks, 0, 1)
        counts = party.share(torch.full((many,), 4), 0, 8)
        with KeyedNoise(1), party.private(noise):
            found = [event("public", hazard), event("fraction", rate * 1.0), event("count", 0.1 * counts.float())]
            found += [event("number", 0.4, where=counts > 0), exogenous("e", many) < 0.4]
            again = exogenous("e", many) < 0.4
            assert torch.equal(reveal(again), reveal(found[-1])), "one name, one field"
            assert not reveal(event("never", torch.zeros(many))).any()
            uniform = exogenous("u", many, "uniform", slots=2)
            found.append((uniform[..., 0] < 0.5) & (uniform[..., 1] < 0.5))
        assert all(isinstance(x, Secret) for x in found)
        return [float(reveal(x).double().mean()) for x in found]

    first, *others = with_parties(2, many, run)
    assert others == [first]
    p = 1 - torch.exp(torch.tensor(-0.4)).item()
    for share_of, expected in zip(first, [p, p, p, p, p, 0.25], strict=True):
        assert abs(share_of - expected) < 6 * (expected * (1 - expected) / many) ** 0.5


@pytest.mark.parametrize("noise", ["owner", "dealt"])
def test_worlds_share_secret_luck(noise: str) -> None:
    """With a smaller hazard it happens to some of the same agents."""

    def run(party: Party) -> Any:
        ill_ones = party.share(torch.ones(AGENTS, dtype=torch.bool))
        hazards = torch.tensor([[[0.8]], [[0.3]]])
        with KeyedNoise(1), party.private(noise):
            more, fewer = reveal(event("e", hazards.expand(2, 1, AGENTS), where=ill_ones))[:, 0]
        return more, fewer

    for more, fewer in with_parties(2, AGENTS, run):
        assert bool((more | ~fewer).all())
        assert bool((more & ~fewer).any())


def test_every_party_has_luck_of_its_own_that_no_seed_fixes() -> None:
    def run(party: Party) -> torch.Tensor:
        torch.manual_seed(0)
        with party.private("owner"):
            return reveal(exogenous("x", AGENTS))

    assert not bool((with_parties(2, AGENTS, run)[0] == with_parties(2, AGENTS, run)[0]).any())


@pytest.mark.parametrize("parties", [1, 2, 3])
@QUICK
@given(seed=st.integers(0, 10**6), supply=st.integers(0, 40), worst=st.sampled_from([3, 70, 300]), hide=st.booleans())
def test_allocation(parties: int, seed: int, supply: int, worst: int, hide: bool) -> None:
    generator = torch.Generator().manual_seed(seed)
    priority = torch.randint(0, worst, (2, 1, 30), generator=generator)
    supplies = torch.tensor([[[supply]], [[supply // 2]]])
    with KeyedNoise(seed):
        clear = allocate("dose", priority, supplies)

    def run(party: Party) -> torch.Tensor:
        secret = party.share(priority, 0, worst - 1)
        given_out: Any = supplies
        if hide:
            given_out = Secret(party.layer.public(supplies), party.layer, torch.int64, 0, 0, 60)
        with KeyedNoise(seed), party.private("owner"):
            served = allocate("dose", secret, given_out)
        assert isinstance(served, Secret)
        return reveal(served)

    assert all(torch.equal(served, clear) for served in with_parties(parties, 30, run))


@pytest.mark.parametrize("parties", [1, 2, 3])
@QUICK
@given(seed=st.integers(0, 10**6), sizes=st.sampled_from([(5, 1), (64, 1), (200, 1), (5, 12), (200, 12)]))
def test_look_up(parties: int, seed: int, sizes: tuple[int, int]) -> None:
    entries, rows = sizes
    generator = torch.Generator().manual_seed(seed)
    index = torch.randint(0, entries, (12,), generator=generator)
    table = torch.randint(-50, 50, (rows, entries), generator=generator)[0 if rows == 1 else slice(None)]

    def run(party: Party) -> list[torch.Tensor]:
        with party.private():
            place = party.share(index, 0, entries - 1)
            found = [look_up(table, place), look_up(table / 4, place)]
            if rows > 1:
                found.append(look_up(party.share(table.t(), -50, 50).t(), place) if entries < 64 else found[0])
        return [reveal(x) for x in found]

    for whole, fractions, *more in with_parties(parties, 12, run):
        assert torch.equal(whole, look_up(table, index))
        assert torch.equal(fractions, look_up(table / 4, index).double())
        assert all(torch.equal(x, whole) for x in more)


@pytest.mark.parametrize("parties", [1, 2, 3])
def test_candidates(parties: int) -> None:
    graph_ends = torch.randint(0, AGENTS, (2, 900), generator=torch.Generator().manual_seed(1))
    ends = graph_ends[:, graph_ends[0] != graph_ends[1]]
    met = torch.arange(ends.shape[1]) % 3 == 0
    graph = Graph.from_edges(*ends[:, met], agents=AGENTS)
    with KeyedNoise(1):
        clear = epidemic(Population({"stage": ill()}), graph, 8).tallies["cases"]

    def run(party: Party) -> Any:
        edges = Party(party.layer, ends.shape[1])
        contacts = Candidates(*ends, weights=edges.share(met), agents=AGENTS)
        people = Population({"stage": party.share(ill(), 0, 2)})
        with KeyedNoise(1), party.private(small={"stage": 3}):
            done = epidemic(people, contacts, 8)
        assert isinstance(done.state["stage"], Secret)
        return done.tallies["cases"], party.layer.cost.rounds / 8

    for cases, rounds in with_parties(parties, AGENTS, run):
        assert torch.equal(cases, clear)
        assert parties == 1 or rounds <= 5


def test_candidates_are_checked() -> None:
    weights = torch.ones(2)
    for src, dst, weight in (([0], [1, 2], weights), ([0, 1], [1, 1], weights), ([0, 5], [1, 2], weights)):
        with pytest.raises(ValueError, match=r"give one|leave such pairs out"):
            Candidates(src, dst, weight, agents=3)


@pytest.mark.parametrize("parties", [1, 2])
@pytest.mark.parametrize("hidden_values", [False, True])
@pytest.mark.parametrize("hidden_groups", [False, True])
def test_tallies_by_group(parties: int, hidden_values: bool, hidden_groups: bool) -> None:
    values = torch.arange(AGENTS) % 7 == 0
    groups = torch.arange(AGENTS) % 5 - 1
    clear = tally("x", values, by=groups, groups=4)

    def run(party: Party) -> torch.Tensor:
        x = party.share(values) if hidden_values else values
        by = party.share(groups, -1, 3) if hidden_groups else groups
        with party.private():
            total = tally("x", x, by=by, groups=4)
        return reveal(total) if isinstance(total, Secret) else total

    assert all(torch.equal(total, clear) for total in with_parties(parties, AGENTS, run))


@pytest.mark.parametrize("parties", [1, 2])
@pytest.mark.parametrize("noise", ["public", "owner", "dealt"])
def test_choices(parties: int, noise: Any) -> None:
    """Public noise chooses as without shares; any other in the right shares, within 6 standard errors (10**-8)."""
    logits = torch.tensor([0.0, 1.0, -0.5]).expand(4000, 3)
    with KeyedNoise(2):
        clear = choose("mode", logits)

    def run(party: Party) -> torch.Tensor:
        secret = share(party.layer, logits[party.first : party.end].t(), party.blocks, -4, 4).t()
        with KeyedNoise(2), party.private(noise):
            chosen = choose("mode", secret)
        assert isinstance(chosen, Secret)
        return reveal(chosen)

    for chosen in with_parties(parties, 4000, run):
        if noise == "public":
            assert int((chosen != clear).sum()) <= 1, "a tie in the last digits"
        else:
            p = logits[0].softmax(-1).double()
            counts = chosen.bincount(minlength=3).double() / 4000
            assert bool(((counts - p).abs() < 6 * (p * (1 - p) / 4000).sqrt()).all())


def test_nothing_is_opened_without_a_release() -> None:
    def run(party: Party) -> Any:
        people = Population({"stage": party.share(ill(), 0, 2)})
        with KeyedNoise(1), Private(party.layer, "public", small={"stage": 3}):
            done = epidemic(people, contacts_of(), 3)
        with pytest.raises(Leak):
            observed("reported", dist.Poisson(done.tallies["cases"].double()).to_event(1), torch.ones(1, 3))
        return type(done.tallies["cases"])

    assert with_parties(2, AGENTS, run) == [Secret, Secret]


def test_what_a_release_leaves_out_stays_secret() -> None:
    class Some(Exact):
        def check(self, totals: Any) -> Any:
            return {name: total for name, total in totals.items() if name == "a"}

    def day(s: Any) -> Any:
        tally("a", s["x"])
        tally("b", s["x"])
        tally("public", torch.ones(AGENTS))
        return s

    def run(party: Party) -> Any:
        with party.private(release=Some()):
            done = rollout(day, {"x": party.share(ill())}, 2)
        return {name: isinstance(series, Secret) for name, series in done.tallies.items()}

    assert with_parties(2, AGENTS, run) == [{"a": False, "b": True, "public": False}] * 2


def test_observed_reads_what_was_released() -> None:
    def model(party: Party) -> torch.Tensor:
        cases = run_epidemic(party, 5).tallies["cases"]
        return observed("reported", dist.Poisson(cases.double() + 1).to_event(1), torch.ones(1, 5))

    def run(party: Party) -> float:
        trace = pyro.poutine.trace(lambda: model(party)).get_trace()
        return float(trace.log_prob_sum())

    assert len(set(with_parties(2, AGENTS, run))) == 1


def test_public_noise_with_exact_releases_is_asked_for_by_name() -> None:
    class NotAsked(Exact):
        exact = False

    with pytest.raises(ValueError, match="totals tell who was infected"):
        Private(noise="public", release=NotAsked())


def test_bad_settings() -> None:
    with pytest.raises(ValueError, match="unknown noise"):
        Private(noise="publik")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="number of values of 'stage'"):
        Private(small={"stage": 0})
    with pytest.raises(ValueError, match="lowest number first"):
        Private(small={"due": (5, 1)})
    with pytest.raises(ValueError, match="in order and without gaps"):
        Private(blocks=[(0, 5), (6, 9)])
    with pytest.raises(ValueError, match="did you mean 'stage'"):
        with_parties(1, AGENTS, lambda party: run_epidemic_small(party, "stages"))


def run_epidemic_small(party: Party, name: str) -> Any:
    with KeyedNoise(1), party.private(small={name: 3}):
        return epidemic(Population({"stage": party.share(ill(), 0, 2)}), contacts_of(), 1)


def test_a_bound_that_does_not_hold_is_found_by_the_one_party_layer() -> None:
    def day(s: Any) -> Any:
        tally("ill", s["stage"] == 1)
        return {**s, "stage": s["stage"] + 1}

    def run(party: Party) -> Any:
        with KeyedNoise(1), party.private(small={"stage": 3}):
            return rollout(day, {"stage": party.share(ill(), 0, 1)}, 4)

    # Two bits hold a 3, and three values do not.
    with pytest.raises(ValueError, match=r"is 3, in its units, and was to be from 2 to 2: .* wider bounds \(small=\)"):
        with_parties(1, AGENTS, run)


def test_owners_must_be_known() -> None:
    with pytest.raises(ValueError, match="needs the rows of each party"):
        with_parties(2, AGENTS, lambda party: Private(party.layer, "owner"))


def test_a_simulation_without_secrets_is_refused() -> None:
    with pytest.raises(ValueError, match="begins without a secret"), KeyedNoise(1), Private(noise="public"):
        epidemic(Population({"stage": ill()}), contacts_of(), 1)


def test_a_rule_on_a_secret_is_refused() -> None:
    def half_are_ill(state: Any) -> Any:
        return (state["stage"] == 1).sum(-1, keepdim=True) > 300

    def run(party: Party) -> Any:
        with on(half_are_ill, lambda dynamics, state: (dynamics, state)):
            return run_epidemic(party, 2)

    with pytest.raises(ValueError, match="the condition of a rule is a secret"):
        with_parties(1, AGENTS, run)
    with pytest.raises(ValueError, match="the condition of a rule is a secret"):
        with_parties(1, AGENTS, lambda party: zero_event(party))


def zero_event(party: Party) -> Any:
    rule = on(ZeroEvent(lambda t, state: (state["stage"] == 1).sum(-1, keepdim=True) - 300))
    with rule(lambda dynamics, state: (dynamics, state)):
        return run_epidemic(party, 2)


@pytest.mark.parametrize("parties", [1, 2])
def test_interventions_on_the_state_act_on_shares(parties: int) -> None:
    def cure(stage: torch.Tensor) -> torch.Tensor:
        return torch.where(stage == 1, 2, stage)

    def act() -> Any:
        return StaticIntervention(torch.tensor(3.0), {"stage": cure})

    with KeyedNoise(1), act():
        clear = epidemic(Population({"stage": ill()}), contacts_of(), 6).tallies["cases"]

    def run(party: Party) -> torch.Tensor:
        with act():
            return run_epidemic(party, 6).tallies["cases"]  # type: ignore[no-any-return]

    assert all(torch.equal(cases, clear) for cases in with_parties(parties, AGENTS, run))
    assert int(clear[..., 3:].sum()) == 0


def test_observed_agents_are_refused() -> None:
    def run(party: Party) -> Any:
        with KeyedNoise(1), party.private():
            return event("e", party.share(torch.ones(AGENTS)), torch.ones(AGENTS))

    with pytest.raises(Unsupported, match="observe released totals"):
        with_parties(1, AGENTS, run)


def test_a_paired_difference_leaves_without_its_parts() -> None:
    settings_of = {"never": {}, "day 2": {"closing_day": 2}}

    class Difference(Exact):
        def check(self, totals: Any) -> Any:
            return {"averted": totals["cases"][0] - totals["cases"][1]}

    def run(party: Party) -> Any:
        with comparing(settings_of):
            return run_epidemic(party, 8, release=Difference()).tallies

    with KeyedNoise(1), comparing(settings_of):
        clear = epidemic(Population({"stage": ill()}), contacts_of(), 8).tallies["cases"]
    for tallies in with_parties(2, AGENTS, run):
        assert torch.equal(tallies["averted"], clear[0] - clear[1])
        assert isinstance(tallies["cases"], Secret)
