"""Weekly reports: sums of days, and a data site for each series with its own dispersion."""

import pyro
import torch

from case_studies.weekly_reports import report_weeks, weekly


def test_each_series_is_summed_by_week_and_observed_around_it() -> None:
    daily = {"cases": torch.rand(3, 5, 21) * 40, "deaths": torch.rand(3, 5, 21)}
    dispersion = {"cases": torch.full((3, 1, 1), 5.0), "deaths": torch.full((3, 1, 1), 50.0)}
    traced = pyro.poutine.trace(report_weeks).get_trace(daily, dispersion)
    series = traced.nodes["_RETURN"]["value"]
    assert set(series) == {"expected_cases", "expected_deaths"}
    for name, expected in daily.items():
        by_hand = torch.stack([expected[..., 7 * week : 7 * week + 7].sum(-1) for week in range(3)], -1)
        torch.testing.assert_close(weekly(expected), by_hand)
        torch.testing.assert_close(series[f"expected_{name}"], by_hand)
        fn = traced.nodes[name]["fn"]
        torch.testing.assert_close(fn.mean, by_hand, check_dtype=False)
        # Negative binomial: mean + mean ** 2 / dispersion.
        torch.testing.assert_close(fn.variance, by_hand + by_hand**2 / dispersion[name], check_dtype=False)
