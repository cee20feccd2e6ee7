"""The study as the command line knows it; everything heavy is imported when it is called."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from case_studies.nyc_first_wave.question import BOROUGHS, POLICIES, WORLDS
from causal_lpm.inference import ModelStudy

__all__ = ["study"]


def weeks_seen() -> Any:
    """The model until the day of the forecast."""
    from case_studies.nyc_first_wave import model, people, reproduction

    return model.first_wave_of(people.city(), reproduction.SEEN)


def whole_wave() -> Any:
    """The model until the end of June."""
    from case_studies.nyc_first_wave import model, people

    return model.first_wave_of(people.city())


def renewal() -> Any:
    """The surrogate."""
    from case_studies.nyc_first_wave import people, reproduction, surrogate

    return surrogate.renewal(people.city(), reproduction.SEEN)


def reported() -> dict[str, Any]:
    """The weeks that were known on the day of the forecast."""
    from case_studies.nyc_first_wave import data, reproduction

    return reproduction.reported(data.first_wave())


def persons() -> list[float]:
    """Residents of the boroughs."""
    from case_studies.nyc_first_wave import data

    return data.first_wave().persons.tolist()


def reproduce(out: Path, *, quick: bool, seed: int, workers: int, say: Callable[[str], None]) -> str:
    """Calibrates, forecasts, asks what if, and does it again with four times the agents."""
    from case_studies.nyc_first_wave import reproduction

    return reproduction.reproduce(out, quick=quick, seed=seed, workers=workers, say=say)


study = ModelStudy(
    "nyc-first-wave",
    "The stay-at-home order a week earlier or later (New York City, spring 2020)",
    "NYC Department of Health and Mental Hygiene, nychealth/coronavirus-data",
    weeks_seen,
    reported,
    renewal,
    group_labels=BOROUGHS,
    start_date="2020-03-01",
    step_days=7,
    outcomes=("expected_deaths", "infections", "cases", "admissions", "deaths"),
    ranges=POLICIES,
    own_worlds=WORLDS,
    group_sizes_of=persons,
    ahead=whole_wave,
    reproduction=reproduce,
)
