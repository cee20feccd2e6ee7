"""The study as the command line knows it; everything heavy is imported when it is called."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

from causal_lpm.inference import ReproducedStudy

__all__ = ["study"]


def reproduce(
    out: Path, *, quick: bool, seed: int, workers: int, say: Callable[[str], None], agents: int | None = None
) -> str:
    """Sets the recorded answers against the labour market, and asks what $500 a month would have changed."""
    from case_studies.stimulus_nyc import reproduction

    return reproduction.reproduce(out, quick=quick, seed=seed, workers=workers, say=say, agents=agents)


study = ReproducedStudy(
    "stimulus-nyc",
    "Answers of a language model as evidence, and $500 a month (New York City, 2020-21)",
    "Archive of arXiv:2409.10568; NYS DOL and BLS LAUS; NYC DOHMH; US Census Bureau Household Pulse Survey",
    ("employed", "isolating", "infections", "deaths"),
    reproduce,
    with_agents=lambda agents: partial(reproduce, agents=agents),
)
