"""The study as the command line knows it; everything heavy is imported when it is called."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from case_studies.boarding_school.inputs import counts
from case_studies.boarding_school.question import POLICIES, WORLDS
from causal_lpm.inference import ModelStudy

__all__ = ["study"]


def school() -> Any:
    """The model in four steps a day."""
    from case_studies.boarding_school import model

    return model.epidemic(4)


def school_without_luck() -> Any:
    """Its differentiable stand-in."""
    from case_studies.boarding_school import model

    return model.difference_equations(4)


def reproduce(out: Path, *, quick: bool, seed: int, workers: int, say: Callable[[str], None]) -> str:
    """The posterior for four steps a day and for one, and what isolation would have averted."""
    from case_studies.boarding_school import reproduction

    return reproduction.reproduce(out, quick=quick, seed=seed, workers=workers, say=say)


study = ModelStudy(
    "boarding-school",
    "Influenza in a boarding school, 1978, and what the length of a step does to it",
    "BMJ 1978;1:587, as read off its figure by De Vries et al. 2006",
    school,
    counts,
    school_without_luck,
    start_date="1978-01-22",
    outcomes=("infections", "infectious", "in_bed"),
    ranges=POLICIES,
    own_worlds=WORLDS,
    reproduction=reproduce,
)
