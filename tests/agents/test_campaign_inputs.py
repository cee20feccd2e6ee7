"""What a campaign is told: supplies without end, days before the first, switches, and columns that are none."""

import math
from fractions import Fraction

import pytest
import torch
from chirho.dynamical.handlers import StaticIntervention
from hypothesis import given, settings
from hypothesis import strategies as st

from causal_lpm import KeyedNoise, rollout
from causal_lpm.agents.vaccination import POLICIES, Vaccination
from causal_lpm.typing import State
from tests.agents.campaigns import EVERYBODY, doses_by_day, one_world, rate

AGENTS = 20
YES = torch.ones(AGENTS, dtype=torch.bool)
CLASS = torch.zeros(AGENTS, dtype=torch.uint8)


@pytest.mark.parametrize("doses", [math.inf, 3e38, 2.0**40])
def test_an_endless_supply_serves_everybody(doses: float) -> None:
    policies = {"vaccination_start": 2.0, "doses_per_day": doses, "dose_interval": 3.0}
    diary = one_world(1, policies, Vaccination(skip_second=0.0), AGENTS, 8)
    assert doses_by_day(diary).tolist() == [0, 0, AGENTS, 0, 0, AGENTS, 0, 0]
    assert min(min(stock) for day in diary.stocks for stock in day) >= 0


@settings(max_examples=15)
@given(st.floats(0, 8, width=32))
def test_a_start_between_two_days_is_the_later_one(start: float) -> None:
    policies = {"doses_per_day": rate(Fraction(5, 2), AGENTS)}
    between, whole = (
        one_world(1, {**policies, "vaccination_start": day}, Vaccination(), AGENTS, 10)
        for day in (start, float(math.ceil(start)))
    )
    assert between.doses == whole.doses


@given(st.integers(-2000, 0), st.integers(0, 3000))
def test_first_doses_before_the_first_day_count(first_dose: int, interval: int) -> None:
    campaign = Vaccination(skip_second=0.0)
    with KeyedNoise(1):
        state = {**campaign.start(AGENTS), "t": torch.tensor(0.0)}
        state |= {"doses": CLASS + 1, "first_dose_day": torch.full((AGENTS,), first_dose, dtype=torch.int16)}
        wait = torch.tensor([float(interval)])
        state |= {"vaccination_start": torch.zeros(1), "doses_per_day": torch.tensor([float(EVERYBODY)])}
        state |= {"dose_interval": wait, "kick_in": wait, "first_dose_efficacy": torch.ones(1)}
        second = campaign.day(state, YES, CLASS, YES)["doses"]
        protected = campaign.protected(state, campaign.luck(AGENTS))
    assert bool((second == 2).all()) == bool(protected.all()) == (first_dose + interval <= 0)


@pytest.mark.parametrize("name", ["vaccination", "first_dose_priority", "sterilizing", "under_65_only"])
def test_a_switch_is_on_or_off(name: str) -> None:
    for value in (0.5, 2.0, -1.0):
        with pytest.raises(ValueError, match=f"policy '{name}' is .*(0 to 1|give 0 or 1)"):
            one_world(1, {name: value}, Vaccination(), AGENTS, 1)


@pytest.mark.parametrize("name", sorted(POLICIES))
@pytest.mark.parametrize("value", [math.nan, -1.0])
def test_policies_that_become_impossible_are_refused(name: str, value: float) -> None:
    campaign = Vaccination()

    def day(s: State) -> State:
        return {**s, **campaign.day(s, YES, CLASS, YES)}

    with (
        KeyedNoise(1),
        StaticIntervention(torch.tensor(2.0), {name: torch.tensor([value])}),
        pytest.raises(ValueError, match=f"policy '{name}' is"),
    ):
        rollout(day, campaign.start(AGENTS), 4)


@pytest.mark.parametrize(
    ("columns", "sentence"),
    [
        ({"eligible": YES.to(torch.uint8)}, "eligible is torch.uint8 .* give one bool an agent"),
        ({"eligible": YES[:1]}, r"eligible is torch.bool of shape \(1,\) for 20 agents"),
        ({"elderly": YES.int()}, "elderly is torch.int32"),
        ({"seniority": CLASS[:1]}, "seniority is .* give one whole number an agent"),
        ({"seniority": CLASS.float()}, "seniority is torch.float32"),
        ({"seniority": YES}, "seniority is torch.bool"),
        ({"seniority": CLASS.to(torch.int8) - 1}, "seniority -1 is below 0"),
    ],
)
def test_columns_that_are_none_are_refused(columns: dict[str, torch.Tensor], sentence: str) -> None:
    campaign = Vaccination()
    with KeyedNoise(1):
        state = {**campaign.start(AGENTS), "t": torch.tensor(0.0)}
    with KeyedNoise(1), pytest.raises(ValueError, match=sentence):
        campaign.day(state, **{"eligible": YES, "seniority": CLASS, "elderly": YES, **columns})


@pytest.mark.parametrize("shelf_life", [-1, 1.5, math.inf, math.nan])
def test_shelf_lives_that_are_no_days_are_refused(shelf_life: float) -> None:
    with pytest.raises(ValueError, match=r"shelf_life is .*: give whole days"):
        Vaccination(shelf_life=shelf_life)  # type: ignore[arg-type]


def test_what_is_given_stays_as_it_was() -> None:
    """Nothing is written into a state or a column, and what comes back is not one of them."""
    campaign = Vaccination(skip_second=0.0)
    with KeyedNoise(1):
        state = {**campaign.start(AGENTS), "t": torch.tensor(0.0)}
        state |= {"vaccination_start": torch.zeros(1), "doses_per_day": torch.tensor([float(EVERYBODY)])}
        before = {name: value.clone() for name, value in state.items()}
        new = campaign.day(state, YES, CLASS, YES)
    assert int(new["doses"].sum()) == AGENTS
    for value in new.values():
        value.add_(1)
    assert all(torch.equal(state[name], value) for name, value in before.items())
    assert YES.all()
    assert not CLASS.any()
