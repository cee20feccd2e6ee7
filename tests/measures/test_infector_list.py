"""Lists of infectors: known values by hand, a constant that is simulated, Hagelloch."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from causal_lpm import data
from causal_lpm.inference import read_line_list
from causal_lpm.measures import (
    InfectorList,
    cohort_reproduction,
    instantaneous_reproduction,
    interval_distribution,
)

NAN = float("nan")


def test_values_by_hand() -> None:
    pairs = InfectorList([0, 3, 2, NAN, -1, 3], [-1, 0, 1, 0, 0, 3])
    assert pairs.offspring().tolist() == [3, 1, 0, 1, 0, 0]
    assert pairs.serial_intervals()[[1, 2, 4]].tolist() == [3.0, -1.0, -1.0]
    assert pairs.serial_intervals().isnan().tolist() == [True, False, False, True, False, True]
    assert cohort_reproduction(pairs).nan_to_num(9).tolist() == [3.0, 9.0, 0.0, 0.5]


def test_hagelloch_has_a_serial_interval_of_ten_days() -> None:
    """184 pairs by hand from the table: prodrome to prodrome 10.39 days, 7 to 16; rash to rash 10.46, 2 to 18."""
    cases = read_line_list(data.path("measles_hagelloch_1861.csv"), dates=["prodrome", "rash"], infector="infector")
    for date, mean, sd, shortest, longest in (("prodrome", 10.391, 1.679, 7, 16), ("rash", 10.462, 2.530, 2, 18)):
        pairs = cases.infector_list(date)
        found = pairs.serial_intervals()
        found = found[~found.isnan()]
        assert len(found) == 184
        assert float(found.mean()) == pytest.approx(mean, abs=1e-3)
        assert float(found.std()) == pytest.approx(sd, abs=1e-3)
        assert (int(found.min()), int(found.max())) == (shortest, longest)
        assert int(pairs.offspring().max()) == 30  # case 45, the superspreader of the first class
    law = interval_distribution(cases.infector_list("prodrome").serial_intervals())
    assert law.mean() == pytest.approx(10.391, abs=1e-3)
    curve = cases.epidemic_curve("prodrome")
    r = instantaneous_reproduction(curve, law, window=7).mean
    assert float(r[22:24].min()) > 2
    assert float(r[45:60].max()) < 1


def test_both_numbers_are_the_constant_of_a_simulated_outbreak() -> None:
    """Each case has Poisson(1.7) offspring after 2 to 4 days. Estimates of R by more than 500 cases lie within five
    standard errors: about a false alarm in a million seeds each.
    """
    rng, r, law = np.random.default_rng(3), 1.7, (0.0, 0.0, 0.25, 0.5, 0.25)
    day, infector, at = [0] * 30, [-1] * 30, 0
    while at < len(day):  # everybody who can infect on the first 20 days has all the offspring
        if day[at] <= 20:
            for _ in range(rng.poisson(r)):
                day.append(day[at] + int(rng.choice(5, p=law)))
                infector.append(at)
        at += 1
    pairs = InfectorList(day, infector)
    early = torch.tensor(day) <= 20
    assert int(early.sum()) > 500
    cohort = float(pairs.offspring()[early].double().mean())
    assert abs(cohort - r) < 5 * (r / int(early.sum())) ** 0.5
    weights = torch.bincount(torch.tensor(day)).double()[:21]
    by_day = cohort_reproduction(pairs)[:21].nan_to_num()
    assert float((by_day * weights).sum() / weights.sum()) == pytest.approx(cohort)
    incidence = torch.bincount(torch.tensor(day))[:22]  # infected by those of days up to 20, all of them
    found = instantaneous_reproduction(incidence, law, window=20)
    assert abs(float(found.mean[-1]) - r) < 5 * float(found.sd[-1])


def test_shares_of_intervals_are_a_distribution() -> None:
    law = interval_distribution(torch.tensor([[1.0, NAN], [3.0, 3.0]]))
    assert law.probabilities == (0.0, pytest.approx(1 / 3), 0.0, pytest.approx(2 / 3))


@pytest.mark.parametrize(
    ("ask", "sentence"),
    [
        (lambda: InfectorList([0, 1], [-1]), r"the days have shape \(2,\) and the infectors \(1,\): give one of each"),
        (lambda: InfectorList([0.5, 1], [-1, 0]), "a case has the day 0.5: give whole days, NaN where unknown"),
        (lambda: InfectorList([0, float("inf")], [-1, 0]), "a case has the day inf"),
        (lambda: InfectorList([0, 1], [-1, 1]), "case 1 has the infector 1: give the position of another of the 2"),
        (lambda: InfectorList([0, 1], [2, 0]), "case 0 has the infector 2"),
        (lambda: InfectorList([0, 1], [-2, 0]), "case 0 has the infector -2"),
        (lambda: InfectorList([0, 1], [-1.0, 0.5]), "case 1 has the infector 0.5"),
        (lambda: InfectorList([0, 1], [NAN, 0]), "case 0 has the infector nan"),
        (lambda: interval_distribution([-1, -1]), "no interval is known"),
        (lambda: interval_distribution([0, 3]), "an interval is 0 days: give whole days from 1 to 250"),
        (lambda: interval_distribution([2.5]), "an interval is 2.5 days"),
        (lambda: interval_distribution([251]), "an interval is 251 days"),
        (lambda: interval_distribution([-1.0]), "an interval is -1 days"),
    ],
)
def test_bad_lists_are_refused(ask: Callable[[], Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        ask()
