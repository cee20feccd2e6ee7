"""London's forecast: runs that are weighed by the last weeks seen, and the trend beside them."""

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from case_studies.london import forecast
from case_studies.london.deaths import weekly_deaths
from case_studies.london.question import CELLS


def runs(expected: np.ndarray) -> xr.Dataset:
    """Runs that expect so many deaths in London, `[draw, week]` from 9 March on, all of them of one cell."""
    cells = np.zeros((1, len(expected), 1, len(CELLS), 4 + expected.shape[1]))
    cells[0, :, 0, CELLS.index("75+, Camden"), 4:] = expected
    return xr.Dataset({"expected_deaths": (("world", "draw", "replicate", "group", "day"), cells)})


@settings(max_examples=20, deadline=None)
@given(st.lists(st.floats(-3, 3), min_size=2, max_size=8, unique=True), st.floats(5, 500))
def test_runs_weigh_the_more_the_nearer_they_are_to_the_last_weeks(logs: list[float], size: float) -> None:
    weekly = weekly_deaths()
    seen = weekly.sum(0).numpy()
    expected = seen * np.exp(np.sort(logs))[:, None]
    dispersion = np.full(len(logs), size)
    found = forecast.weights(runs(expected), dispersion, weekly)
    assert found.sum() == pytest.approx(1)
    too_low, too_high = found[np.sort(logs) <= -0.2], found[np.sort(logs) >= 0.2]  # a few deaths do not say it exactly
    assert (np.diff(too_low) >= 0).all()
    assert (np.diff(too_high) <= 0).all()
    other = expected.copy()
    other[:, :8] = 1.0  # before May
    other[:, 12:] = 7.0  # not seen
    assert np.allclose(forecast.weights(runs(other), dispersion, weekly), found)


def test_a_trend_goes_on() -> None:
    seen = np.exp(8 - 0.3 * np.arange(12))[None]
    ahead = forecast.trend(seen, 5, seed=1).mean(0)[0]
    # Means of 1,000 Poisson numbers of about 100: 5 standard errors are below 2%; half a death bends the line by less.
    assert ahead == pytest.approx(np.exp(8 - 0.3 * np.arange(12, 17)), rel=0.03)
