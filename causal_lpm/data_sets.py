"""The published data sets that are known by name, each with its hash, origin and licence."""

from dataclasses import dataclass

__all__ = ["DATASETS", "Dataset"]


@dataclass(frozen=True)
class Dataset:
    """A published data set as one file.

    Attributes:
        content: What is in it, with units.
        sha256: The hash of the file, 64 hexadecimal digits.
        origin: The publication it was made from.
        licence: The licence as found there.
        url: An address that serves exactly these bytes, where there is one.
    """

    content: str
    sha256: str
    origin: str
    licence: str
    url: str | None = None


_BMJ = ("mitmedialab/DeepABM-Pandemic, archive of doi:10.1136/bmj.n1087", "none: figures as facts only")
_DOHMH = ("nychealth/coronavirus-data", "public data of NYC DOHMH, no licence file")
_VACCINE = ("nychealth/covid-vaccine-data", "public data of NYC DOHMH, no licence file")
_INSIGHTS = ("the Economic Tracker of Opportunity Insights", "to be cited")
_GRADABM = ("AdityaLab/GradABM, archive of Chopra et al., AAMAS 2023, arXiv:2207.09714", "MIT")
_FIELD = (
    "NSSAC/FIELD_software, from USDA Census of Agriculture 2022 and APHIS",
    "Apache-2.0; the sources public domain",
)
_MINISTRY = ("New Zealand Ministry of Health, minhealthnz/nz-covid-data 827d1e1b", "CC BY-SA 4.0")
_SBIBM = ("sbibm 1.1.0 (Lueckmann et al. 2021)", "MIT")

DATASETS: dict[str, Dataset] = {
    "bmj2021_no_vaccine_median_curves.csv": Dataset(
        "infected, hospitalised and dead by day without vaccine: median, minimum, maximum over replicates",
        "8a4eb9ce10d5d2c58a0610acd7ce49515a2b4bb2fbd8b33093cbcaa1bc421ed3",
        *_BMJ,
    ),
    "bmj2021_parameters.json": Dataset(
        "parameters of the second-dose model",
        "92df70a20ec0885ea2e29af0b08a7223c5dd8c0c7a5f4f0b4d69deca9b91751c",
        *_BMJ,
    ),
    "bmj2021_population_marginals.csv": Dataset(
        "King County, Washington: ages, household sizes, occupations, mean contacts",
        "8c9f3283dc9b872fabaa613c4ef272abdcc3e60fb6ca69f9822dc373ed489d67",
        *_BMJ,
    ),
    "bmj2021_replicates.csv": Dataset(
        "the authors' replicates: deaths, infections and peaks per 100,000 agents and 180 days",
        "559af83ef5ef6a00b4baabe247f15bc5afb358cbed8f57f7ec31c5584f083ac6",
        *_BMJ,
    ),
    "bmj2021_stage_transition_probs.csv": Dataset(
        "probability of each transition between disease stages, by age",
        "71d3b5a8642c250f83173b4bb505f70b910d71b08f2005118b448878400004c3",
        *_BMJ,
    ),
    "bmj2021_stage_transition_times.csv": Dataset(
        "days until each transition between disease stages, by age",
        "e54934811eb2a3a520d9069b053e97f6776c5acf4eb0525fafdc64d00e8f6ac1",
        *_BMJ,
    ),
    "egg_layers_us.csv": Dataset(
        "United States: table-egg layers and all layers (birds), eleven dates 2019-12 to 2024-12",
        "6541c88105694425a0751556dda56938ae51b33605b50a196bbff5947c6370fb",
        "USDA NASS, Chickens and Eggs",
        "public domain",
    ),
    "egg_prices_us_monthly.csv": Dataset(
        "United States: USD a dozen eggs, grade A large, city average, by month, 2010 to 2024",
        "0075130a97c4d18b0e2a9069dea6590b9c3c7e178c614d0a6116e5a455153748",
        "US Bureau of Labor Statistics APU0000708111, through clairefro/the-eggconomist",
        "public domain",
    ),
    "gradabm_ma_county_age_population.csv": Dataset(
        "Massachusetts: persons by county and age",
        "2dfaf623f11bf92075bb3b100e9184b64f7fd411b843eb7362517739a82e1001",
        *_GRADABM,
    ),
    "gradabm_ma_county_daily.csv": Dataset(
        "Massachusetts 2020, by county and day: reported cases and deaths, doctor visits and surveyed symptoms (%)",
        "1d04b4fc454fc8010eb3bbdfc0a9bb493fae26ba6114819df6bb10b652c94af8",
        *_GRADABM,
    ),
    "h5n1_us_county_livestock.csv": Dataset(
        "United States: layers, pullets, turkeys, milk cows and layer farms by size, by county, 2022",
        "58ad568c315ad02a8289119c6d01d97ee6f67d4ebdd5c6470344bec74434d4fc",
        *_FIELD,
    ),
    "h5n1_us_flocks_2022_2023.csv": Dataset(
        "United States: flocks confirmed with H5N1, 2022 and 2023: dates, county, type, birds",
        "dd1bc214e821d1773d164cee9fbbc53a42c3131f9e5c4031a03c2078d5e2a997",
        *_FIELD,
    ),
    "h5n1_us_wild_bird_index.csv": Dataset(
        "United States: abundance of wild birds times prevalence of H5 by county and quarter, mean 1",
        "d9423111abba402bee333c8ac869ac1f929e3a0708966b1baa101f6a649628a2",
        *_FIELD,
    ),
    "h5n1_us_wild_birds_2022_2023.csv": Dataset(
        "United States: detections of H5N1 in wild birds by county and month of collection",
        "57d50a22b90abec54bfe79eed4fa3c27385a67c74afb6ceddaceb60f4f5837d7",
        *_FIELD,
    ),
    "ifr_verity2020.csv": Dataset(
        "infection fatality and hospitalisation by decade of age (%)",
        "1c0bf206b5c02a83febfea876d3989218e4354ba4f98de0a97a8fcf5e671eafe",
        "Verity et al., Lancet Infect Dis 2020;20:669, doi:10.1016/S1473-3099(20)30243-7",
        "CC BY 4.0",
    ),
    "limits_agency_llm_labor_predictions.csv": Dataset(
        "recorded answers of a language model: counts willing to work by New York City borough, month and payment arm",
        "4c344f30b75863a8d7b623b37786aa232dbf1341415f00bb17c5bd4d57faf73a",
        "the archive of AgentTorch (Chopra et al., arXiv:2409.10568)",
        "not stated: counts as facts only",
    ),
    "nyc_covid_daily_borough.csv": Dataset(
        "New York City: confirmed and probable cases, hospitalisations, deaths by day and borough",
        "2c8542e7d972ceb1cf4bd529f0702f9624d106a12bef1b8da0a4fcf0a3681e70",
        *_DOHMH,
    ),
    "nyc_employment_index_weekly.csv": Dataset(
        "New York City: employment relative to January 2020, by week and income",
        "431867c0a5286fbb36d98a14825f4dbda5ddfd993279549123db920488eb00ea",
        *_INSIGHTS,
    ),
    "nyc_household_pulse_biweekly.csv": Dataset(
        "New York metropolitan area, state, US: income lost and expected to be lost, telework, % of adults, by survey",
        "624a0dad1ca2ed05067176243dfd99091cb77693735317334b6e160e9170b792",
        "US Census Bureau, Household Pulse Survey time series",
        "public domain",
    ),
    "nyc_households_nta_agenttorch.csv": Dataset(
        "New York City: persons and households by type in 262 neighbourhoods",
        "ce6626cdc030e868fef75b5014c3eb88b1f19099b099361ba68f71e2559b9109",
        "the US census, as tabulated in the archive of AgentTorch",
        "US census tabulation, public",
    ),
    "nyc_population_and_burden_by_borough_group.csv": Dataset(
        "New York City: persons and cumulative cases, hospitalisations, deaths by borough and group",
        "5824a0bf604c4e702023094f0509ae70333a93603d29b56fe1c109ee566bbacd",
        *_DOHMH,
    ),
    "nyc_population_borough_age.csv": Dataset(
        "New York City: persons by borough and age, 2019",
        "446b2f7c428249e362ebbfd5c1f8bbd892ea12c5349fea76ef0d6f629db3dbfb",
        *_DOHMH,
    ),
    "nyc_ui_claims_monthly_borough_agenttorch.csv": Dataset(
        "New York City: unemployment insurance, persons and USD by month (0 = January 2019) and borough",
        "cd2478a9298fc448f1355c601dceea8648b113599d2b659b2f1695b2e90c9c0d",
        "the archive of AgentTorch",
        "not stated",
    ),
    "nyc_ui_initial_claims_weekly.csv": Dataset(
        "New York City: initial claims of unemployment insurance by week, persons and per 100 workers",
        "a3b55630a5326951761c4c47a352011e12c2aed1f412f7b87cdb60507ca735a7",
        *_INSIGHTS,
    ),
    "nyc_unemployment_monthly_borough.csv": Dataset(
        "New York City: labour force, employed, unemployed (persons) and rate (%) by month and borough",
        "b3e77f1644266efbbfa68485965edccfe2041150f55ef32fee86af72a23db90d",
        "tables of NYS DOL and BLS LAUS",
        "public",
    ),
    "nyc_vaccinated_weekly_age.csv": Dataset(
        "New York City: persons vaccinated so far by week and age ('<10' coded 5)",
        "491bee79e00b01ffa9042635cc3ca28155d70ec7024656daf3db4613c1ef13dc",
        *_VACCINE,
    ),
    "nyc_vaccinated_weekly_borough.csv": Dataset(
        "New York City: persons vaccinated so far by week and borough ('<10' coded 5)",
        "7db7951bc1a69488999b06b584df84487260ca1f8847c34a0fb5b69c7ac3f2da",
        *_VACCINE,
    ),
    "nyc_vaccine_doses_daily.csv": Dataset(
        "New York City: first, second, single and additional doses by day",
        "c911ee78a99567267bc54a10dfc19412996b82a43a50287fddc94aea9b66eab6",
        *_VACCINE,
    ),
    "nyc_variants.csv": Dataset(
        "New York City: sequenced cases by variant and four weeks",
        "2fa5183955b256751861ded4c3f2b27d0424bf771afe9670ebe369b279416a84",
        *_DOHMH,
    ),
    "nyc_weekly_rates_by_age.csv": Dataset(
        "New York City: cases, hospitalisations and deaths per 100,000 by week and age; blank = suppressed",
        "51eab8012370dbad35102d7187eab38d7c58f598025cc5326168d6d73a653fbc",
        *_DOHMH,
    ),
    "nz_covid_admissions_weekly_age.csv": Dataset(
        "New Zealand: admissions to hospital and intensive care by week and ten years of age",
        "14a769e86f4115020a3750b838f4b709ecc9fbc398958ef42ead4e3abf893584",
        *_MINISTRY,
    ),
    "nz_covid_cases_daily_dhb.csv": Dataset(
        "New Zealand: reported COVID-19 cases by day and district, July 2021 to June 2022",
        "43904368cf2c03a2e85eda92c55e5dd85991000c8b1a050cee05d5b60121e5c4",
        *_MINISTRY,
    ),
    "nz_covid_vaccinated_dhb_age_2021-12-15.csv": Dataset(
        "New Zealand: persons with one dose, two doses, and all from 12 years, by district, age and ethnicity",
        "ed37c54ce9b7415043259f9147ee1d52efd04c9199d09f570324ea2c1d1e921d",
        *_MINISTRY,
    ),
    "nz_covid_vaccinated_weekly_dhb.csv": Dataset(
        "New Zealand: persons with a first and a second dose in the week, by district and ethnicity; <5 coded 2",
        "e12cde4e2e9a0c31e1ebb9227457d7376d15fb404e21828f2e77c21ed2c940b6",
        *_MINISTRY,
    ),
    "nz_population_dhb_age_ethnicity.csv": Dataset(
        "New Zealand: persons by district, five-year age and prioritised ethnicity, users of health services 2021-22",
        "7d8fc87d03372142d1897bfa710a3117af00cf556c2bc6b6c35fc778d618939d",
        *_MINISTRY,
    ),
    "us_city_google_mobility_daily.csv": Dataset(
        "New York City, Boston, Seattle: visits by kind of place relative to January 2020, mean of seven days, by day",
        "a28de935eb3f7b873a66b5ab292e8a6f9bf90e3df52bf8cb2781fa46c66b5cd0",
        *_INSIGHTS,
    ),
    "us_policy_milestones_ny_ma_wa.csv": Dataset(
        "New York, Massachusetts, Washington: dates of closures, orders and reopening",
        "e50744b2f6041a09ce8398ac599f5182fa84105be33249349e4f06f2ea58b6c4",
        *_INSIGHTS,
    ),
    "us_state_google_mobility_weekly.csv": Dataset(
        "United States: mobility by state and week, relative to January 2020 (share)",
        "c40e28fddc0de70e9fb95b75c0999d76bee7705d956c085cd1db866bb5b243c9",
        *_INSIGHTS,
    ),
    "sbibm_lotka_volterra_reference_posterior_1000.csv": Dataset(
        "1,000 draws of the reference posterior of three observations of the task lotka_volterra",
        "bcc897f07d2d2f9dbad42f6a1f4854e5f25501caf410d9f030a79133d2d12b44",
        *_SBIBM,
    ),
    "sbibm_observations.csv": Dataset(
        "observations 1 to 3 of the tasks sir and lotka_volterra, and the parameters that made them",
        "946ef7799b753153bd767b4b0e95abb58fbdf377d7ed2a6160df113d9fc1da7e",
        *_SBIBM,
    ),
    "sbibm_published_c2st_sir_lv.csv": Dataset(
        "published C2ST of other methods by task and number of simulations",
        "fde3c9f478ae7d0a830fdf77b17f851f83be1f93ffe6ff3c1e3c167836dafd7f",
        *_SBIBM,
    ),
    "sbibm_sir_reference_posterior_1000.csv": Dataset(
        "1,000 draws of the reference posterior of three observations of the task sir",
        "39abb503c739333942d78e7a4e99ec82b6d5e9f9ed9f6b5d1945767494bfd1b2",
        *_SBIBM,
    ),
}
