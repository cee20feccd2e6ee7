"""The study as the command line knows it; everything heavy is imported when it is called."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from case_studies.test_choice.question import POLICIES, WORLDS
from causal_lpm.inference import ModelStudy

__all__ = ["study"]


def town_that_tested() -> Any:
    """The model of the epidemic that happened."""
    from case_studies.test_choice import happened

    return happened.model()


def reported() -> dict[str, Any]:
    """What was reported of it."""
    from case_studies.test_choice import happened

    return {name: values.values for name, values in happened.reported().items()}


def reproduce(out: Path, *, quick: bool, seed: int, workers: int, say: Callable[[str], None]) -> str:
    """Both tests at every rate and adherence, the front, and other assumptions."""
    from case_studies.test_choice import reproduction

    return reproduction.reproduce(out, quick=quick, seed=seed, workers=workers, say=say)


study = ModelStudy(
    "test-choice",
    "A test with few false positives after three days, or with many after one",
    "Larremore et al., Sci Adv 2021;7:eabd5393, doi:10.1126/sciadv.abd5393",
    town_that_tested,
    reported,
    outcomes=("deaths", "needless_days", "infections", "quarantine_days", "tests", "positives", "reported"),
    ranges=POLICIES,
    own_worlds=WORLDS,
    reproduction=reproduce,
)
