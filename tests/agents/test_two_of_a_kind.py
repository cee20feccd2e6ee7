"""Two diseases, tests, quarantines or campaigns in one population: each with its own name and luck."""

from collections.abc import Callable

import pyro
import pytest
import torch

from causal_lpm import KeyedNoise, rollout
from causal_lpm.agents.disease import StageGraph, Transition
from causal_lpm.agents.testing import Quarantine, Testing
from causal_lpm.agents.vaccination import POLICIES, Vaccination
from causal_lpm.typing import State

AGENTS = 400
YES = torch.ones(AGENTS, dtype=torch.bool)
CLASS = torch.zeros(AGENTS, dtype=torch.uint8)


def test_two_diseases_have_their_own_luck() -> None:
    """Each kills one half, both a quarter; of one name they would kill the same half."""
    graph = StageGraph(("ill", "dead", "well"), [Transition("ill", "dead", 0.5), Transition("ill", "well", 0.5)])
    with KeyedNoise(1):
        covid, flu = (graph.course(torch.zeros(20_000).int(), name=name) for name in ("covid", "flu"))
    both = (covid.following[:, 0] == 1) & (flu.following[:, 0] == 1)
    # Standard error 0.003: false alarm below 1e-6, and none at the fixed seed.
    assert abs(float(both.float().mean()) - 0.25) < 0.016


Part = Testing | Quarantine | Vaccination


def day_of(part: Part) -> Callable[[State], State]:
    def day(s: State) -> State:
        if isinstance(part, Vaccination):
            return part.day(s, YES, CLASS, ~YES)
        return part.day(s, YES)[0]

    return day


@pytest.mark.parametrize("kind", [Testing, Quarantine, Vaccination])
def test_two_parts_side_by_side_are_each_alone(kind: type[Part]) -> None:
    def run(*parts: Part) -> State:
        days = [day_of(part) for part in parts]

        def day(s: State) -> State:
            return s | {entry: value for part in days for entry, value in part(s).items()}

        first = {entry: value for part in parts for entry, value in part.start(AGENTS).items()}
        with KeyedNoise(3):
            return rollout(day, first, 40).state

    plain, flu, rsv = kind(), kind(name="flu"), kind(name="rsv")
    together = run(plain, flu, rsv)
    assert set(together) == {*plain.start(1), *flu.start(1), *rsv.start(1)}
    for part in (plain, flu, rsv):
        alone = run(part)
        assert all(torch.equal(together[entry], alone[entry]) for entry in alone)
    for entry in plain.start(1):
        if entry in {"result_day", "quarantine_end", "first_dose_day"}:
            assert not torch.equal(together[f"flu_{entry}"], together[f"rsv_{entry}"])


@pytest.mark.parametrize("kind", [Testing, Quarantine, Vaccination])
def test_two_parts_of_one_name_are_refused(kind: type[Part]) -> None:
    one = kind(name="flu")

    def twice(s: State) -> State:
        day_of(one)(s)
        return {**s, **day_of(one)(s)}

    with (
        KeyedNoise(1),
        pytest.raises(ValueError, match=r"'flu_.*' of this event is used twice .* give each its own name"),
    ):
        rollout(twice, one.start(AGENTS), 1)


def test_the_names_of_one_alone_are_what_they_were() -> None:
    """So are the numbers that a seed gives."""
    campaign, s = Vaccination(second_adds=False), {"t": torch.tensor(12.0)}
    with pyro.poutine.trace() as recorded:
        s |= {**Testing().start(2), **Quarantine().start(2), **campaign.start(2)}
        yes = torch.ones(2, dtype=torch.bool)
        Testing().day(s, yes)
        Quarantine().day(s, yes)
        campaign.day(s, yes, CLASS[:2], yes)
        campaign.luck(2)
        StageGraph(("a", "b"), [Transition("a", "b", 1.0)]).course(CLASS[:2])
    noise = {name for name in recorded.trace.nodes if name.endswith("_noise")}
    course = {f"course_{what}_{stage}_noise" for what in ("branch", "days") for stage in (0, 1)}
    assert noise == course | {
        *("positive_noise", "test_delay_noise", "quarantine_break_noise", "second_dose_skipped_noise"),
        *("dose_noise", "dose_1_noise", "dose_2_noise"),
    }
    assert set(POLICIES) <= set(recorded.trace.nodes)


def test_a_named_campaign_protects_by_its_own_doses() -> None:
    flu = Vaccination(name="flu")
    with KeyedNoise(1):
        state = {**Vaccination().start(AGENTS), **flu.start(AGENTS), "t": torch.tensor(50.0)}
        state |= {"flu_doses": CLASS + 2, "flu_second_dose_efficacy": torch.ones(1)}
        assert flu.protected(state, flu.luck(AGENTS)).all()
        assert not Vaccination().protected(state, (torch.zeros(AGENTS),) * 2).any()
    with KeyedNoise(1), pytest.raises(ValueError, match=r"policy 'flu_kick_in' is \[-1.0\]"):
        flu.day(state | {"flu_kick_in": -torch.ones(1)}, YES, CLASS, YES)
