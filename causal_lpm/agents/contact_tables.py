"""Contact matrices of countries, from the tables that come with the package."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from causal_lpm.agents.contacts_by_age import ContactMatrices
from causal_lpm.validate import known

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["contact_matrices"]

SOURCES = {
    "mistry18": ("contact_mistry18_countries.csv", "Mistry et al. 2021"),
    "prem16": ("contact_prem16_countries.csv", "Prem et al. 2021"),
    "polymod": ("contact_polymod_infants.csv", "POLYMOD, Mossong et al. 2008"),
}
"""Name -> table, and who made it."""


def contact_matrices(country: str, source: str = "mistry18") -> ContactMatrices:
    """The contacts a day of a country by age and setting.

    The sources differ, and so will epidemics: a person in Germany has 12.3 contacts a day in `mistry18`, and with the
    ages of 2023 8.3 in `prem16` and 7.2 in `polymod`. The default is `mistry18`, which is reciprocal with the people
    that it comes with: what children have with adults, adults have with children. Whatever the source, fit the
    transmission to data; a rate from a study with other contacts is another rate.

    - `mistry18`: AUS, CAN, DEU, FRA, GBR, IND, JPN, USA, ZAF in 18 groups; household, school, work and community,
      each with the weight that its authors give it. Inferred from censuses, not observed.
    - `prem16`: BRA, CAN, DEU, FRA, GBR, IND, KEN, NZL, USA, ZAF in 16 groups; home, school, work and other, projected
      from surveys. Not reciprocal: 7 to 18% of contacts have no counterpart.
    - `polymod`: BEL, DEU, FIN, GBR, ITA, LUX, NLD, POL as surveyed in 2005-06, in 16 groups (0, 1 to 4, 5 to 9, ...);
      home, school, work and other. As few as 5 were asked in a group: see `ContactMatrices.pooled`.

    Args:
        country: ISO code of three letters.
        source: One of the names above.

    Raises:
        ValueError: An unknown source, or a country that it does not have.

    Source: Mistry et al. (2021), Nat Commun 12:323; Prem et al. (2021), PLOS Comput Biol 17(7):e1009098; Mossong et al.
    (2008), PLOS Med 5(3):e74.

    >>> contact_matrices("DEU")
    ContactMatrices(household, school, work, community; 18 ages to 85+; DEU, Mistry et al. 2021)
    >>> round(contact_matrices("DEU").mean(), 1)
    12.3
    """
    from causal_lpm import data  # loads pandas

    known("source of contacts", source, SOURCES)
    table, authors = SOURCES[source]
    rows = data.read(table)
    countries = sorted(rows.iso3.unique())
    if country not in countries:
        others = [name for name, (file, _) in SOURCES.items() if country in set(data.read(file).iso3)]
        instead = (
            f"give source={' or '.join(map(repr, others))}" if others else "give one of them, or your own matrices"
        )
        raise ValueError(f"{source} has no contacts of {country!r}, only of {', '.join(countries)}: {instead}.")
    own = rows[rows.iso3 == country]
    columns = [name for name in own.columns if name[:1] == "c" and name[1:].isdigit()]
    settings = {str(name): torch.tensor(of.sort_values("age")[columns].to_numpy()) for name, of in _by_setting(own)}
    ages = tuple(int(name[1:]) for name in columns)
    one = next(of for _, of in _by_setting(own)).sort_values("age")
    people = dict(zip(ages, one.population.tolist(), strict=True)) if "population" in one else None
    asked = torch.tensor(one.participants.to_numpy()) if "participants" in one else None
    return ContactMatrices(settings, ages, f"{country}, {authors}", people, asked)


def _by_setting(rows: pd.DataFrame) -> list[tuple[str, pd.DataFrame]]:
    """In the order of the table."""
    return [(name, rows[rows.setting == name]) for name in rows.setting.unique()]
