"""Maps of the boroughs: what closures prevented, and deaths by week beside what was fitted."""

from pathlib import Path
from typing import Any

import xarray as xr

from case_studies.london.question import BOROUGHS
from case_studies.london.report import CLOSURES
from causal_lpm.inference import plot_map

__all__ = ["draw"]

OUTLINES = "outlines_london_boroughs.geojson"


def draw(numbers: dict[str, Any], folder: Path) -> None:
    """Deaths prevented per 100,000 residents of each borough, one map a closure."""
    folder.mkdir(exist_ok=True)
    worlds = [world for world in CLOSURES if world != "all open"]
    found = numbers["closures"]["by borough"]
    values = [[found[world]["expected_deaths"][name][0] for name in _placed()] for world in worlds]
    array = xr.DataArray(
        values,
        {"world": [CLOSURES[world] for world in worlds], "borough": list(_placed().values())},
        ("world", "borough"),
        "deaths prevented per 100,000 residents",
    )
    status = "" if numbers["status"] == "calibrated" else f"{numbers['status'].upper()}: "
    title = f"{status}deaths that a closure prevented, {numbers['closures']['kind']}"
    plot_map(array, outlines=OUTLINES, title=title).savefig(folder / "closures.png", dpi=120)


def _placed() -> dict[str, str]:
    """Borough -> place of the outlines, which have Hackney without the City of London."""
    return {name: name.removesuffix(" and City of London") for name in BOROUGHS}
