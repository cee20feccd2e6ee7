"""The study as the command line knows it; everything heavy is imported when it is called."""

from collections.abc import Callable
from pathlib import Path

from causal_lpm.inference import ReproducedStudy

__all__ = ["study"]


def reproduce(out: Path, *, quick: bool, seed: int, workers: int, say: Callable[[str], None]) -> str:
    """Forecasts of all methods from all weeks, and their scores."""
    from case_studies.ma_counties import reproduction

    return reproduction.reproduce(out, quick=quick, seed=seed, workers=workers, say=say)


study = ReproducedStudy(
    "ma-counties",
    "Deaths four weeks ahead by three calibrations (ten Massachusetts counties)",
    "GradABM, Chopra et al., AAMAS 2023, arXiv:2207.09714; its archive of Delphi's data",
    ("deaths",),
    reproduce,
)
