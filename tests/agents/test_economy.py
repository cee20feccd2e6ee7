from collections.abc import Callable
from typing import Any

import pytest
import torch
from chirho.interventional.handlers import do
from hypothesis import given
from hypothesis import strategies as st

from causal_lpm import KeyedNoise, comparing, rollout, tally
from causal_lpm.agents import Archetypes, Economy, Population, month_starts, start

PEOPLE = Population(
    {"age": torch.arange(2).repeat(500), "borough": torch.arange(2).repeat_interleave(500)},
    {"age": ("young", "old"), "borough": ("Bronx", "Queens")},
)
KINDS = Archetypes.from_columns(PEOPLE, ["age"])
WILLING, ISOLATING = torch.tensor([2.0, 0.5]), torch.tensor([-1.0, 0.0])


def economy(**changed: Any) -> Economy:
    return Economy(**{"archetypes": KINDS, "starts": (0, 30), "wage": 3000.0, "paid": (0.0, 600.0), **changed})


def model(days: int = 40) -> Any:
    work = economy()
    tastes = work.tastes()

    def day(s: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        if work.begins(s["t"]):
            paid = work.payment(s) / 500.0
            s = s | work.month(s, WILLING - paid, ISOLATING + paid, tastes, separation=0.05, finding=0.3)
        tally("unemployed", work.unemployed(s), PEOPLE["borough"], groups=2)
        tally("contacts", (100 * work.contacts(s, 0.25)).int(), PEOPLE["borough"], groups=2)
        tally("dollars", work.income(s).int(), PEOPLE["borough"], groups=2)
        return s

    return rollout(day, start(PEOPLE, **work.start(unemployment=0.2)), days)


def alone(**policies: float) -> Any:
    actions = {name: torch.tensor([value]) for name, value in policies.items()}
    with KeyedNoise(3), do(actions=actions):
        return model()


TALLIES = ("unemployed", "contacts", "dollars")


def test_an_act_equal_to_the_fact_changes_nothing() -> None:
    fact, same = alone(), alone(payment=0.0, supplement=0.0)
    for name in TALLIES:
        assert torch.equal(fact.tallies[name], same.tallies[name])


def test_worlds_equal_separate_runs_bit_for_bit() -> None:
    settings: dict[str, dict[str, float]] = {
        "none": {},
        "500": {"payment": 500.0},
        "late": {"payment": 500.0, "payment_start": 30.0},
    }
    with KeyedNoise(3), comparing(settings):
        worlds = model()
    for number, policies in enumerate(settings.values()):
        run = alone(**policies)
        for name in TALLIES:
            assert torch.equal(worlds.tallies[name][number].flatten(), run.tallies[name].flatten())
        assert torch.equal(worlds.state["isolates"][number].flatten(), run.state["isolates"].flatten())
    assert bool((worlds.tallies["contacts"][1] < worlds.tallies["contacts"][0]).any())
    late, none = alone(**settings["late"]).tallies["dollars"], alone().tallies["dollars"]
    assert torch.equal(late[..., :30], none[..., :30])
    assert bool((late[..., 30:] != none[..., 30:]).all())


@given(st.integers(0, 100).map(lambda percent: percent / 100))
def test_unemployment_starts_where_it_is_said(share: float) -> None:
    """False alarms: less than one in a million a share, five standard deviations of 1,000 agents."""
    with KeyedNoise(7):
        employed = economy().start(unemployment=share)["employed"]
    assert abs(float((~employed).float().mean()) - share) <= 5 * (share * (1 - share) / 1000) ** 0.5 + 1e-9


def test_who_isolates_keeps_the_share_of_contacts_that_is_said() -> None:
    work = economy()
    with KeyedNoise(1):
        s = {**start(PEOPLE, **work.start(0.0)), "t": torch.tensor(0.0)}
        s = s | work.month(s, WILLING, ISOLATING, work.tastes(), separation=0.0, finding=0.0)
    contacts = work.contacts(s, 0.25)
    assert torch.equal(contacts, torch.where(s["isolates"], 0.25, 1.0))
    assert 0 < int(s["isolates"].sum()) < PEOPLE.size
    # Nobody lost work, and nobody was without: who does not work does not want to.
    assert torch.equal(s["employed"], s["willing"])
    assert torch.equal(work.income(s), torch.where(s["employed"], 3000.0, 0.0))


def test_an_agent_changes_its_mind_only_where_its_logit_changes() -> None:
    work = economy()
    with KeyedNoise(1):
        s, tastes = {**start(PEOPLE, **work.start(0.0)), "t": torch.tensor(0.0)}, work.tastes()
        first = work.month(s, WILLING, ISOLATING, tastes, separation=0.0, finding=0.0)
        again = work.month(s, WILLING, ISOLATING, tastes, separation=0.0, finding=0.0)
        less = work.month(s, WILLING - 1, ISOLATING, tastes, separation=0.0, finding=0.0)
    assert torch.equal(first["willing"], again["willing"])
    assert bool((less["willing"] <= first["willing"]).all())
    assert int(less["willing"].sum()) < int(first["willing"].sum())


def test_months_begin_with_the_calendar() -> None:
    assert month_starts("2020-12-15", 4) == (0, 17, 48, 76)
    work = economy()
    assert [work.begins(torch.tensor(float(day))) for day in (0, 1, 30)] == [True, False, True]
    assert [work.month_number(torch.tensor(float(day))) for day in (0, 29, 30, 99)] == [0, 0, 1, 1]


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: economy(starts=(5, 30)), "give ascending days from 0"),
        (lambda: economy(starts=(0, 30, 30)), "give ascending days from 0"),
        (lambda: economy(paid=(600.0,)), "2 months have 1 payments"),
        (lambda: economy(paid=(0.0, -5.0)), r"paid is \[0.0, -5.0\]"),
        (lambda: economy(wage=torch.ones(7)), "give one number, or one an agent"),
        (lambda: economy(wage=-1.0), r"the wage is \[-1.0\]"),
        (lambda: economy(replacement=1.5), "replacement"),
        (lambda: economy().start(unemployment=14.0), r"unemployment is \[14.0\]"),
        (lambda: alone(payment=-500.0), r"policy 'payment' is \[-500.0\]"),
        (lambda: economy().contacts({"isolates": torch.ones(1000, dtype=torch.bool)}, 1.5), "the contacts kept are"),
        (lambda: month_starts("September", 3), "Invalid isoformat string"),
        (lambda: month_starts("2020-09-01", 0), "months"),
    ],
)
def test_bad_input_is_refused_in_a_sentence(make: Callable[[], object], said: str) -> None:
    with KeyedNoise(1), pytest.raises(ValueError, match=said):
        make()
