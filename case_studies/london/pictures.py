"""Maps of the boroughs: what closures prevented, and deaths by week beside what was fitted."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import xarray as xr

from case_studies.london.question import BOROUGHS
from case_studies.london.report import CLOSURES
from causal_lpm.inference import plot_map

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["closure_maps", "draw"]

OUTLINES = "outlines_london_boroughs.geojson"
BOTH = "Hackney and City of London"
PLACES = {name: name for name in BOROUGHS if name != BOTH} | {"Hackney": BOTH, "City of London": BOTH}
"""Place of the outlines -> its borough; the data have two places as one."""


def draw(numbers: dict[str, Any], folder: Path) -> None:
    """Writes `closures.png`, the maps of the closures."""
    folder.mkdir(exist_ok=True)
    closure_maps(numbers).savefig(folder / "closures.png", dpi=120)


def closure_maps(numbers: dict[str, Any]) -> "Figure":
    """Deaths prevented per 100,000 residents of each borough, one map a closure."""
    worlds = [world for world in CLOSURES if world != "all open"]
    found = numbers["closures"]["by borough"]
    values = [[found[world]["expected_deaths"][name][0] for name in PLACES.values()] for world in worlds]
    array = xr.DataArray(
        values,
        {"world": [CLOSURES[world] for world in worlds], "borough": list(PLACES)},
        ("world", "borough"),
        "deaths prevented per 100,000 residents",
    )
    status = "" if numbers["status"] == "calibrated" else f"{numbers['status'].upper()}: "
    title = f"{status}deaths that a closure prevented, {numbers['closures']['kind']}"
    return plot_map(array, outlines=OUTLINES, title=title)
