"""The people of the tables: persons by district, age and ethnicity."""

import functools
from pathlib import Path
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from case_studies.new_zealand.districts import DISTRICTS, ETHNICITIES, district_number
from causal_lpm import data

__all__ = ["PEOPLE", "TABLES", "persons"]

Floats: TypeAlias = npt.NDArray[np.float64]
TABLES = Path(__file__).with_name("data")
"""The folder of the study's tables; its README.md says what they are, and under which licence."""
PEOPLE = 5_172_834
"""Residents of New Zealand, July 2023, as the package's population has them; UN World Population Prospects 2024."""
BANDS = 19
"""Classes of age of the table of persons: five years each, the last 90 and over."""


@functools.cache
def persons() -> Floats:
    """Persons by district, five years of age (90 and over last) and ethnicity, `[20, 19, 4]`."""
    table = data.table(TABLES / "nz_population_dhb_age_ethnicity.csv")
    found = np.zeros((len(DISTRICTS), BANDS, len(ETHNICITIES)))
    first = table["age"].str.extract(r"^(\d+)", expand=False).astype(int)
    where = table["dhb"].map(district_number)
    np.add.at(found, (where, first // 5, table["ethnicity"].map(ETHNICITIES.index)), table["persons"])
    found.flags.writeable = False
    return found
