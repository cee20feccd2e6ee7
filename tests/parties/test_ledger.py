"""What releases cost adds up, and its conversion lies between what is possible and the simple formula."""

import math
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import optimize, stats

from causal_lpm.parties import Ledger, Spent, epsilon_of

RHO = st.floats(1e-5, 20)
DELTA = st.floats(1e-12, 0.05)


def epsilon_of_a_gaussian(rho: float, delta: float) -> float:
    """The exact epsilon of the continuous Gaussian mechanism of this rho (Balle and Wang 2018, theorem 8)."""
    mu = math.sqrt(2 * rho)

    def excess(epsilon: float) -> float:
        first = stats.norm.cdf(mu / 2 - epsilon / mu)
        return float(first - math.exp(epsilon + stats.norm.logcdf(-mu / 2 - epsilon / mu)) - delta)

    return 0.0 if excess(0.0) <= 0 else float(optimize.brentq(excess, 0.0, 400.0))


@given(RHO, DELTA)
def test_epsilon_is_a_bound_and_no_worse_than_the_simple_one(rho: float, delta: float) -> None:
    simple = rho + 2 * math.sqrt(rho * math.log(1 / delta))
    assert epsilon_of_a_gaussian(rho, delta) - 1e-6 <= epsilon_of(rho, delta) <= simple + 1e-6


@given(RHO, DELTA)
def test_the_least_over_orders_is_found(rho: float, delta: float) -> None:
    orders = [1 + math.exp(x / 50) for x in range(-500, 1000)]
    grid = min(a * rho + math.log(1 / (a * delta)) / (a - 1) + math.log1p(-1 / a) for a in orders)
    assert epsilon_of(rho, delta) <= max(0.0, grid) + 1e-9


@given(st.lists(st.tuples(st.fractions(Fraction(1, 10), 1000), st.floats(0.1, 10)), min_size=1, max_size=8))
def test_rho_adds_up_in_any_order(releases: list[tuple[Fraction, float]]) -> None:
    spent = [Spent("cases", 10, sigma2, sensitivity) for sigma2, sensitivity in releases]
    ledger = Ledger()
    for each in reversed(spent):
        ledger.add(each)
    assert ledger.rho == Ledger(tuple(spent)).rho
    assert math.isclose(ledger.rho, sum(s**2 / (2 * float(v)) for v, s in releases))


def test_an_exact_release_has_no_bound() -> None:
    ledger = Ledger((Spent("cases", 10, Fraction(4)), Spent("deaths", 10, None)))
    assert ledger.rho == ledger.epsilon(1e-6) == math.inf
    assert "deaths,10,exact,1,inf" in ledger.table()


def test_a_ledger_is_not_written_over(tmp_path: Path) -> None:
    Ledger().write(tmp_path / "ledger.csv")
    with pytest.raises(FileExistsError):
        Ledger().write(tmp_path / "ledger.csv")


@pytest.mark.parametrize(("rho", "delta"), [(-1.0, 0.1), (math.nan, 0.1), (1.0, 0.0), (1.0, 1.0), (1.0, math.nan)])
def test_bad_numbers_are_refused(rho: float, delta: float) -> None:
    with pytest.raises(ValueError, match=r"rho is|delta is"):
        epsilon_of(rho, delta)


def test_a_ledger_that_is_kept_forgets_nothing_and_counts_nothing_twice(tmp_path: Path) -> None:
    one, two, three = (Spent(name, 1, Fraction(2)) for name in ("one", "two", "three"))
    file = tmp_path / "ledger.jsonl"
    ledger = Ledger((one,)).also_in(file)
    ledger.add(two)
    again = ledger.also_in(file)  # as where a run was cut off and goes on
    again.add(three)
    assert again.entries == [one, two, three]
    assert Ledger(file=file).entries == [two, three]
    assert again.rho == 3 * one.rho
