"""What goes wrong on one rank ends all, soon and in one sentence, and what ranks cannot do is refused."""

import time
from collections.abc import Iterator

import pytest

from causal_lpm.ranks import RankExecutor, RankFailed, on_ranks
from tests.ranks import programs

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def ranks() -> Iterator[RankExecutor]:
    with RankExecutor(3) as place:
        yield place


def test_an_error_of_one_rank_is_that_of_all(ranks: RankExecutor) -> None:
    with pytest.raises(ValueError, match="the hazard of event 'x' contains -1") as alone:
        programs.wrong_on_one()
    began = time.monotonic()
    with pytest.raises(ValueError, match="hazard") as together:
        ranks.submit(programs.wrong_on_one).result()
    assert str(together.value) == str(alone.value)
    assert time.monotonic() - began < 60


@pytest.mark.parametrize("victim", [0, 2])
def test_a_rank_that_is_killed_ends_the_others_with_its_number(ranks: RankExecutor, victim: int) -> None:
    assert ranks.submit(programs.few, 40).result().tallies == {}  # they are there
    began = time.monotonic()
    with pytest.raises(RankFailed, match=f"rank {victim} of 3 ended without a word"):
        ranks.submit(programs.killed_on_one, victim).result()
    assert time.monotonic() - began < 30


REFUSED = {
    programs.drawn_by_pyro: "run the model under KeyedNoise or Seeds",
    programs.observed_agents: "single agents are not conditioned on where several ranks hold them",
    programs.with_gradient: "StraightThrough",
    programs.entered_late: "enter Sharded before all other handlers",
}


@pytest.mark.parametrize("program", REFUSED, ids=lambda program: program.__name__)
def test_what_ranks_cannot_do_is_refused(program: object, ranks: RankExecutor) -> None:
    with pytest.raises(ValueError, match=REFUSED[program]):  # type: ignore[index]
        ranks.submit(program).result()  # type: ignore[arg-type]


def test_a_rank_has_two_agents_or_more(ranks: RankExecutor) -> None:
    with pytest.raises(ValueError, match="5 agents are simulated by 3 ranks: give each rank two agents or more"):
        ranks.submit(programs.few, 5).result()


@pytest.mark.parametrize("number", [0, -1, 1.5])
def test_ranks_are_a_whole_number_from_one(number: int) -> None:
    with pytest.raises(ValueError, match="ranks"):
        on_ranks(number, programs.few, 40)


def test_what_cannot_be_sent_is_refused(ranks: RankExecutor) -> None:
    import threading

    with pytest.raises(ValueError, match="cannot"):
        ranks.submit(print, threading.Lock())
