"""The 20 districts (of health boards), the ethnicities that are counted, and how far districts are from each other."""

import functools
import json

import torch

from causal_lpm import data
from causal_lpm.agents import distances
from causal_lpm.inference import known

__all__ = ["AUCKLAND", "DISTRICTS", "ETHNICITIES", "apart", "district_number"]

DISTRICTS = (
    "Northland",
    "Waitemata",
    "Auckland",
    "Counties Manukau",
    "Waikato",
    "Lakes",
    "Bay of Plenty",
    "Tairawhiti",
    "Taranaki",
    "Hawke's Bay",
    "Whanganui",
    "MidCentral",
    "Hutt Valley",
    "Capital and Coast",
    "Wairarapa",
    "Nelson Marlborough",
    "West Coast",
    "Canterbury",
    "South Canterbury",
    "Southern",
)
"""From north to south, as the packaged population numbers them; macrons dropped, as in all tables."""
AUCKLAND = (1, 2, 3)
"""The three districts of Auckland."""
ETHNICITIES = ("Maori", "Pacific Peoples", "Asian", "European or Other")
"""Prioritised: whoever names several counts once, for the first of these."""
ALSO = {"Hawkes Bay": "Hawke's Bay"}
"""Other spellings of the tables."""


def district_number(name: str) -> int:
    """The number of a district.

    Raises:
        ValueError: there is none of that name.

    >>> district_number("Hawkes Bay")
    9
    >>> district_number("Aukland")
    Traceback (most recent call last):
    ValueError: unknown district 'Aukland': did you mean 'Auckland'?
    """
    known("district", name := ALSO.get(name, name), DISTRICTS)
    return DISTRICTS.index(name)


@functools.cache
def apart() -> torch.Tensor:
    """Kilometres between the centres of districts, float64 `[20, 20]`."""
    outlines = json.loads(data.path("outlines_nz_dhb.geojson").read_text(encoding="utf-8"))
    where = {district_number(each["properties"]["name"]): each["properties"] for each in outlines["features"]}
    centres = [where[number] for number in range(len(DISTRICTS))]
    return distances([each["lon"] for each in centres], [each["lat"] for each in centres])
