import pytest
import torch

from causal_lpm import KeyedNoise, comparing, rollout
from causal_lpm.agents import NEVER, CatchUp, RoutineVaccination
from causal_lpm.typing import State

AGENTS = 20_000
EVERYBODY = torch.ones(AGENTS, dtype=torch.bool)


def doses(programme: RoutineVaccination, eligible: torch.Tensor, days: int, seed: int = 1) -> tuple[State, list[int]]:
    def day(s: State) -> State:
        return {**s, **programme.day(s, eligible)}

    with KeyedNoise(seed):
        run = rollout(day, programme.start(AGENTS), days)
    return run.state, run.tallies[f"{programme.name}_doses"].flatten().tolist()


def test_routine_doses_go_to_a_share_of_those_who_reach_the_age_and_protect_a_share() -> None:
    routine = RoutineVaccination(strength=0.8, efficacy=0.9, start_day=0)
    state, daily = doses(routine, EVERYBODY, 3)
    assert daily[1:] == [0, 0]  # who stayed away once does not come later
    # 6 standard errors: false alarm 2e-9 each, and none at the fixed seed.
    assert abs(daily[0] / AGENTS - 0.8) < 6 * (0.8 * 0.2 / AGENTS) ** 0.5
    protected = routine.protected(state)
    assert not (protected & ~routine.vaccinated(state)).any()
    assert abs(int(protected.sum()) / daily[0] - 0.9) < 6 * (0.9 * 0.1 / daily[0]) ** 0.5


def test_catch_up_reaches_its_coverage_evenly_and_ends() -> None:
    programme = CatchUp(strength=0.6, start_day=2, end_day=8)
    state, daily = doses(programme, EVERYBODY, 12)
    assert daily[:2] == [0, 0]
    assert daily[8:] == [0] * 4
    for given in daily[2:8]:
        assert abs(given / AGENTS - 0.1) < 6 * (0.1 * 0.9 / AGENTS) ** 0.5  # as above
    vaccinated = programme.vaccinated(state)
    assert torch.equal(vaccinated, state["catch_up_reluctance"] < 0.6)


def test_a_programme_without_an_end_is_refused() -> None:
    with KeyedNoise(1), pytest.raises(ValueError, match=r"policy 'catch_up_end' is \[-1.0\]: a programme that begins"):
        doses(CatchUp(start_day=0, end_day=NEVER), EVERYBODY, 1)
    with comparing({"back": {"catch_up_end": 1.0}}), pytest.raises(ValueError, match="needs a later day"):
        doses(CatchUp(start_day=5, end_day=9), EVERYBODY, 1)


@pytest.mark.parametrize(
    ("arguments", "sentence"), [({"strength": 1.5}, "the strength of"), ({"efficacy": -1.0}, "efficacy is -1.0")]
)
def test_bad_programmes_are_refused(arguments: dict[str, float], sentence: str) -> None:
    for kind in (RoutineVaccination, CatchUp):
        with pytest.raises(ValueError, match=sentence):
            kind(**arguments)
