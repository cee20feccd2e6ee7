"""The study as the command line knows it; everything heavy is imported when it is called."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from causal_lpm.inference import ReproducedStudy, Reproduction, known

__all__ = ["study"]


def reproduce(out: Path, *, quick: bool, seed: int, workers: int, say: Callable[[str], None], **later: Any) -> str:
    """Calibrates, forecasts the second year, and compares policies."""
    from case_studies.h5n1_eggs import reproduction

    return reproduction.reproduce(out, quick=quick, seed=seed, workers=workers, say=say, **later)


def with_files(options: Mapping[str, str | float]) -> Reproduction:
    """The same, with forecasts scored on flocks and prices that came later."""
    from functools import partial

    from case_studies.h5n1_eggs.later import later_flocks, later_prices

    readers: dict[str, Callable[[Path], Any]] = {"flocks": later_flocks, "prices": later_prices}
    for name in options:
        known("option", name, readers)
    return partial(reproduce, **{name: readers[name](Path(str(file))) for name, file in options.items()})


study = ReproducedStudy(
    "h5n1-eggs",
    "Stop the spread or control prices? H5N1 from wild birds to farms to eggs (United States, 2022-23)",
    "USDA Census of Agriculture, APHIS and NASS; US Bureau of Labor Statistics; NSSAC FIELD index of wild birds",
    ("flocks", "culled", "price", "cost"),
    reproduce,
    with_options=with_files,
)
