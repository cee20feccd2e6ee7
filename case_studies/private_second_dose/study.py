"""The study as the command line knows it; everything heavy is imported when it is called."""

from collections.abc import Callable
from pathlib import Path

from case_studies.second_dose.inputs import SOURCE
from causal_lpm.inference import ReproducedStudy

__all__ = ["study"]


def reproduce(out: Path, *, quick: bool, seed: int, workers: int, say: Callable[[str], None]) -> str:
    """The private runs, their price, and how far they are from the clear run."""
    from case_studies.private_second_dose import reproduction

    return reproduction.reproduce(out, quick=quick, seed=seed, workers=workers, say=say)


study = ReproducedStudy(
    "private-second-dose",
    "Delaying the second vaccine dose, asked by three parties who do not see each other's people",
    SOURCE,
    ("infections", "hospitalisations", "deaths", "first_doses", "second_doses"),
    reproduce,
)
