"""The campaign against a reference that keeps a list of vials and a queue of people, in plain Python."""

import math
from collections.abc import Callable, Mapping
from fractions import Fraction

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from causal_lpm.agents.vaccination import Vaccination
from tests.agents.campaigns import Diary, doses_by_day, one_world, rate


def reference(
    diary: Diary,
    days: int,
    policies: Mapping[str, float],
    daily: Fraction,
    shelf_life: int,
    eligible: Callable[[int], torch.Tensor],
    seniority: list[int],
    elderly: list[bool],
) -> tuple[list[list[int]], list[list[int]]]:
    agents = len(seniority)
    doses, first_day = [0] * agents, [0] * agents
    vials: list[int] = []  # the day of delivery of each dose in stock, oldest first
    all_doses, all_stocks = [], []
    for t in range(days):
        vials = [delivered for delivered in vials if t - delivered <= shelf_life]
        since = t - int(policies["vaccination_start"])
        if since >= 0 and policies["vaccination"]:
            vials += [t] * (math.floor((since + 1) * daily) - math.floor(since * daily))
        may, queue = eligible(t).tolist(), []
        for agent in range(agents):
            first = doses[agent] == 0
            second = (
                doses[agent] == 1 and t >= first_day[agent] + policies["dose_interval"] and not diary.skips[t][agent]
            )
            if not may[agent] or not (first or second):
                continue
            leading = first if policies["first_dose_priority"] else second
            waits = bool(policies["under_65_only"]) and not elderly[agent]
            queue.append((waits, not leading, seniority[agent], diary.ties[t][agent], agent))
        for *_, agent in sorted(queue)[: len(vials)]:
            vials.pop(0)
            doses[agent] += 1
            first_day[agent] = t if doses[agent] == 1 else first_day[agent]
        all_doses.append(list(doses))
        all_stocks.append([sum(t - delivered == age for delivered in vials) for age in range(shelf_life)])
    return all_doses, all_stocks


@settings(max_examples=60)
@given(
    seed=st.integers(0, 2**31),
    agents=st.sampled_from([20, 50, 80]),
    eighths=st.integers(0, 60),
    shelf_life=st.integers(0, 4),
    skip=st.sampled_from([0.0, 0.3, 1.0]),
    reach=st.sampled_from([0.1, 0.5, 1.0]),
    policies=st.fixed_dictionaries(
        {
            "vaccination": st.sampled_from([1.0, 1.0, 1.0, 0.0]),
            "vaccination_start": st.integers(0, 6).map(float),
            "dose_interval": st.integers(0, 12).map(float),
            "first_dose_priority": st.sampled_from([0.0, 1.0]),
            "under_65_only": st.sampled_from([0.0, 1.0]),
        }
    ),
)
def test_the_campaign_is_the_reference(
    seed: int,
    agents: int,
    eighths: int,
    shelf_life: int,
    skip: float,
    reach: float,
    policies: dict[str, float],
) -> None:
    days, daily = 30, Fraction(eighths, 8)
    generator = torch.Generator().manual_seed(seed)
    seniority = torch.randint(0, 9, (agents,), generator=generator).to(torch.uint8)
    elderly = seniority < 3
    today = torch.rand(days, agents, generator=generator) < reach
    policies = {**policies, "doses_per_day": rate(daily, agents)}
    vaccination = Vaccination(shelf_life, skip)
    diary = one_world(
        seed, policies, vaccination, agents, days, eligible=today.__getitem__, seniority=seniority, elderly=elderly
    )
    doses, stocks = reference(
        diary, days, policies, daily, shelf_life, today.__getitem__, seniority.tolist(), elderly.tolist()
    )
    assert diary.doses == doses
    assert [[age[0] for age in stock] for stock in diary.stocks] == stocks

    # The laws, said once more without the reference's queue.
    given_doses = doses_by_day(diary).tolist()
    begin = int(policies["vaccination_start"])
    delivered = [
        (math.floor((t - begin + 1) * daily) - math.floor((t - begin) * daily)) * policies["vaccination"]
        if t >= begin
        else 0
        for t in range(days)
    ]
    for first in range(days):
        for last in range(first, days):
            assert sum(given_doses[first : last + 1]) <= sum(delivered[max(0, first - shelf_life) : last + 1])
    assert max(map(max, diary.doses)) <= 2
    tallies = diary.run.tallies
    assert (
        tallies["first_doses"][0].tolist()
        == torch.diff((torch.tensor(doses) >= 1).sum(-1), prepend=torch.zeros(1)).tolist()
    )
    assert (tallies["first_doses"] + tallies["second_doses"])[0].tolist() == given_doses
