"""The study as the command line knows it; everything heavy is imported when it is called."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from case_studies.market.inputs import returns
from case_studies.market.question import POLICIES, WORLDS
from causal_lpm.inference import ModelStudy

__all__ = ["study"]


def agents() -> Any:
    """Cont's market with the published priors."""
    from case_studies.market import cont

    return cont.returns_only()


def crowd() -> Any:
    """Its differentiable stand-in."""
    from case_studies.market import crowd

    return crowd.crowd()


def reproduce(out: Path, *, quick: bool, seed: int, workers: int, say: Callable[[str], None]) -> str:
    """Stylised facts and the tax, derivatives, and calibrations of known truths."""
    from case_studies.market import reproduction

    return reproduction.reproduce(out, quick=quick, seed=seed, workers=workers, say=say)


study = ModelStudy(
    "market",
    "Two markets of agents: which gradient calibrates one, and whether a tax calms it",
    "Cont 2007; Brock and Hommes 1998; Dyer et al., ICAIF 2023",
    agents,
    returns,
    crowd,
    budget=3000,
    outcomes=("returns", "traders"),
    ranges=POLICIES,
    own_worlds=WORLDS,
    reproduction=reproduce,
)
