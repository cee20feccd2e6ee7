import pytest

from causal_lpm.inference.calibration.least_cost import check_counts
from causal_lpm.inference.program.problem import Problem
from tests.cli.fake_calibrations import counts


@pytest.fixture(scope="module")
def problem() -> Problem:
    return Problem(counts, {"cases": [[3.0] * 6, [9.0] * 6]})


def test_what_anybody_asks_for_passes(problem: Problem) -> None:
    check_counts(problem, budget=1_000_000, gate=10_000, draws=100_000, ensemble=1000)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"budget": 10**12}, r"1000000000200 simulations need about \d+ GB; .*: give a smaller budget"),
        ({"gate": 10**12}, "simulations need about"),
        ({"draws": 10**12}, r"1000000000000 draws need about .*: ask for fewer draws"),
        ({"ensemble": 10**9}, r"the training of 1000000000 networks would take \d+ days at the very least"),
    ],
)
def test_what_no_machine_holds_is_refused(problem: Problem, changes: dict[str, int], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        check_counts(problem, **{"budget": 1000, "gate": 200, "draws": 1000, "ensemble": 5, **changes})


def test_many_agents_take_time(problem: Problem) -> None:
    problem.agents = 10**11
    try:
        with pytest.raises(ValueError, match=r"10000200 simulations would take \d+ days at the very least"):
            check_counts(problem, budget=10**7, gate=200, draws=1000, ensemble=5)
    finally:
        problem.agents = 1
