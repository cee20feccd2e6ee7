"""The data sets that come with the package, in its folder `packaged`: small tables that may be passed on."""

from causal_lpm.data_sets import Dataset

__all__ = ["PACKAGED"]

PACKAGED: dict[str, Dataset] = {
    "contact_mistry18_countries.csv": Dataset(
        "contacts a day of nine countries by setting and five-year age, weighted so that settings add up",
        "dcce91d568209e00c4f1cd33f5d6c9e07ad173f7f0d50e6a19620af9cfbb1fc0",
        "mobs-lab/mixing-patterns 1a28882 (Mistry et al. 2021, doi:10.1038/s41467-020-20544-y)",
        "Apache-2.0",
    ),
    "contact_polymod.csv": Dataset(
        ("contacts a day of eight European countries as surveyed in 2005-06, by setting and age, with participants"),
        "66fbdb8c5c3dcbfd6668473721ed2dfe4d946a86d5cfaf873c12be67ca88d158",
        "Mossong et al. 2008 (doi:10.1371/journal.pmed.0050074), through epiforecasts/socialmixr eb1fb97",
        "MIT (source CC BY)",
    ),
    "contact_polymod_infants.csv": Dataset(
        "the same with children below one apart, in 16 groups: 0, 1 to 4, 5 to 9, ..., 70 and over",
        "c4d740cf80a4306248969dcb1b8347656ec214d469ce90da0a61e51dda53c885",
        "Mossong et al. 2008 (doi:10.1371/journal.pmed.0050074), through epiforecasts/socialmixr eb1fb97",
        "MIT (source CC BY)",
    ),
    "contact_prem16_countries.csv": Dataset(
        "contacts a day of ten countries by setting and five-year age, not reciprocal",
        "4f00a679a7e19ba15ba9caa61073d74157edc8e29377c05fdf3d65045a658612",
        "Prem et al. 2021 (doi:10.1371/journal.pcbi.1009098), through Bisaloo/contactdata faf81fa",
        "MIT (source CC BY 4.0)",
    ),
    "household_sizes.csv": Dataset(
        ("share of households by number of members: twelve countries in classes, USA and Wellington by size"),
        "9c07949520f49e44eb1bc724e5c5921c57f600de15d20ef486408560f023280b",
        (
            "UN Population Division, Household Size and Composition 2019, through RenDerMch/COVID; US Census "
            "Bureau, through InstituteforDiseaseModeling/synthpops 5cbb07f; Stats NZ census 2018, as "
            "published on peopleandplaces.nz"
        ),
        "CC BY 3.0 IGO; public domain (MIT); CC BY 4.0",
    ),
    "influenza_boarding_school_1978.csv": Dataset(
        "boys in bed and convalescent a day, of 763",
        "ce1e83217499aa53a083759f0770b349e015eca192c17e78827f19d52fa6e380",
        ("BMJ 1978;1:587 as read off its figure by De Vries et al. 2006, through reconverse/outbreaks 3e0ad8f"),
        "MIT",
    ),
    "measles_hagelloch_1861.csv": Dataset(
        ("188 children with measles: dates, presumed infector, age, sex, household, school class, house in metres"),
        "d7fef560098d1e2bb5779769b910cdfa22b66d1fb922a72ce6277081bcac9466",
        "Pfeilsticker 1863, Oesterle 1992, through reconverse/outbreaks 3e0ad8f",
        "MIT",
    ),
    "nz_population_region_age.csv": Dataset(
        "usual residents of New Zealand, census 2018, by region or district and five-year age",
        "5278b52a7642e77cbe1a87bd23e9df686d7a2ddff5370d9a0acacc3a8b5e233e",
        "Stats NZ, through harmonic-analytics/db-censusnz 1cab4fd",
        "CC BY 4.0",
    ),
    "outlines_england_regions.geojson": Dataset(
        "outlines and centroids of the nine regions of England, WGS84",
        "8729f92b8b0ced12091dff5a61975c5345ff228782d8b58bd361fad090edab23",
        ("ONS, through martinjc/UK-GeoJSON 8833900; contains OS data, Crown copyright and database right 2014, 2016"),
        "OGL 3.0, CC BY 4.0",
    ),
    "outlines_london_boroughs.geojson": Dataset(
        "outlines and centroids of London's 33 boroughs, WGS84",
        "f6c7b4674660b6f1009dfd0e610e7497d31059638e6c2f04c9f89f7263e53f9a",
        ("ONS, through martinjc/UK-GeoJSON 8833900; contains OS data, Crown copyright and database right 2014, 2016"),
        "OGL 3.0, CC BY 4.0",
    ),
    "outlines_ma_counties.geojson": Dataset(
        "outlines and centroids of the 14 counties of Massachusetts, WGS84",
        "5a71f9702572c7e7279faead8e8c6d1a622504f65b0eeaa70665403fd38a9a90",
        "US Census Bureau 2017, through us-atlas 3.0.1",
        "public domain (ISC)",
    ),
    "outlines_nyc_boroughs.geojson": Dataset(
        "outlines and centroids of New York City's five boroughs, WGS84",
        "b3575273f5ba8f1b95a2ca0b6409e730245043163d7404c65b0198bfa9e1f78c",
        "New York City Department of City Planning 16a, as distributed with geopandas 0.14.4",
        "public data (BSD-3-Clause)",
    ),
    "outlines_nz_dhb.geojson": Dataset(
        "outlines and centroids of New Zealand's 20 health districts, WGS84",
        "bee1ba08615ccd8625727f1bc4fa971cba8aac15e4936ec3d7af3e0c7f2861e1",
        "Stats NZ 2015, through leon-sleepinglion/NZ-COVID-19-Visualization 739fa27",
        "CC BY 4.0",
    ),
    "outlines_us_states.geojson": Dataset(
        "outlines and centroids of 50 states and the District of Columbia, WGS84",
        "2ee626575539c13906ccc3f8f16e415af1ad8266ec42cc8b25a20a2a0d2979b7",
        "US Census Bureau 2017, through us-atlas 3.0.1",
        "public domain (ISC)",
    ),
    "population_wpp_countries.csv": Dataset(
        "persons of twelve countries by five-year age, 1 July 2023",
        "bc153ff845df7952f36ce35918616f1ec02b116956698137b0c4faa9440d07ee",
        "UN World Population Prospects 2024, through chitrams/populaR b1eb3b5",
        "CC BY 3.0 IGO (MIT)",
    ),
    "vital_rates_wpp_countries.csv": Dataset(
        "deaths per person and year by age, births per woman and year, twelve countries",
        "d7f270dd6a0b95a3c898ccdfdb1261f039b4352165239720133806e79e91ca60",
        "UN World Population Prospects 2024, through PPgp/wpp2024 2da7768",
        "CC BY 3.0 IGO",
    ),
}
