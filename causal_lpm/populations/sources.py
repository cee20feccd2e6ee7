"""The tables behind each population, read into persons by place and year of age, and shares of households."""

import numpy as np
import pandas as pd

from causal_lpm import data
from causal_lpm.populations.blueprint import Blueprint
from causal_lpm.populations.household_sizes import from_classes, from_means, from_sizes
from causal_lpm.populations.rounding import Floats, spread, years

__all__ = ["COUNTRIES", "country", "king_county", "new_zealand", "nyc"]

COUNTRIES = ("AUS", "BRA", "CAN", "DEU", "FRA", "GBR", "IND", "JPN", "KEN", "NZL", "USA", "ZAF")
BOROUGHS = {"BX": "Bronx", "BK": "Brooklyn", "MN": "Manhattan", "QN": "Queens", "SI": "Staten Island"}
"""How codes of neighbourhoods begin -> name."""
CITY_AGES = [0, 5, 13, 18, 25, 35, 45, 55, 65, 75, 85]
PERSONS, SIZES = "population_wpp_countries.csv", "household_sizes.csv"


def nyc() -> Blueprint:
    """New York City, 2019: persons by borough and age; households by neighbourhood, added up by borough."""
    tables = ("nyc_population_borough_age.csv", "nyc_households_nta_agenttorch.csv", PERSONS)
    table, homes = data.read(tables[0]), data.read(tables[1])
    homes = homes[homes["household_num"] > 0]
    ages = {name: group["population"].to_numpy() for name, group in table.groupby("borough", sort=False)}
    profile = _years_of("USA")
    persons = {name: spread(CITY_AGES, ages[name], profile) for name in BOROUGHS.values()}
    columns = ["household_num", "Householder_living alone", "people_num"]
    sizes = {}
    for code, name in BOROUGHS.items():
        own = homes.loc[homes["area"].str.startswith(code), columns].to_numpy(dtype=np.float64)
        sizes[name] = from_means(*own.T)
    return Blueprint("borough", persons, sizes, tables, "USA", "outlines_nyc_boroughs.geojson")


def king_county() -> Blueprint:
    """King County, Washington: persons by ten years of age, households with 1 to 6 members."""
    tables = ("bmj2021_population_marginals.csv", PERSONS)
    table = data.read(tables[0]).set_index("table")
    ages = table.loc["age", "count"].to_numpy(dtype=np.float64)
    shares = table.loc["household_size", "value"].to_numpy(dtype=np.float64)
    persons = spread(list(range(0, 90, 10)), ages, _years_of("USA"))
    return Blueprint("county", {"King": persons}, {"King": shares / shares.sum()}, tables, "USA")


def new_zealand() -> Blueprint:
    """New Zealand, July 2023: districts and ages of the census of 2018, each age scaled to the country's persons."""
    tables = ("nz_population_region_age.csv", PERSONS, SIZES)
    table = data.read(tables[0])
    # The 189 persons outside of all districts have no outline to be drawn in.
    table = table[(table["level"] == "dhb") & ~table["name"].str.startswith("Area Outside")]
    census = table.pivot(index="name", columns="age", values="persons").loc[table["name"].unique()]
    lower = [int(age) for age in census.columns]
    profile = _years_of("NZL")
    today = np.add.reduceat(profile, lower)
    scaled = census.to_numpy(dtype=np.float64) * (today / census.to_numpy(dtype=np.float64).sum(0))
    persons = {str(name): spread(lower, row, profile) for name, row in zip(census.index, scaled, strict=True)}
    shares = _household_sizes("NZL")
    return Blueprint("district", persons, dict.fromkeys(persons, shares), tables, "NZL", "outlines_nz_dhb.geojson")


def country(iso3: str) -> Blueprint:
    """A country in July 2023: persons by five years of age, households in the newest year there is."""
    label = str(_of(data.read(PERSONS), iso3)["country"].iloc[0])
    return Blueprint("country", {label: _years_of(iso3)}, {label: _household_sizes(iso3)}, (PERSONS, SIZES), iso3)


def _of(table: pd.DataFrame, iso3: str) -> pd.DataFrame:
    return table[table["iso3"] == iso3]


def _years_of(iso3: str) -> Floats:
    own = _of(data.read(PERSONS), iso3)
    return years([int(age) for age in own["age"]], own["persons"].to_numpy(dtype=np.float64))


def _household_sizes(iso3: str) -> Floats:
    """Shares by single size: as in a table of them where the country has one, else from its classes.

    For New Zealand, the country's classes are divided as in the table of the Wellington Region.
    """
    table = _of(data.read(SIZES), iso3)
    classed = table["year"] == int(table.loc[table["members"] == "2-3", "year"].iloc[0])
    single = None if classed.all() else from_sizes(_shares(table[~classed]))
    if single is not None and table.loc[~classed, "place"].iloc[0] == table.loc[classed, "place"].iloc[0]:
        return single
    return from_classes(_shares(table[classed]), single)


def _shares(table: pd.DataFrame) -> dict[str, float]:
    return {str(size): float(share) for size, share in zip(table["members"], table["share"], strict=True)}
