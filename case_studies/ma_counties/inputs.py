"""The figures that the study needs, each with its source."""

from collections.abc import Mapping
from types import MappingProxyType

__all__ = [
    "AGES",
    "COUNTIES",
    "FATALITY",
    "FIRST_WEEK",
    "HORIZON",
    "INFECTIOUS_DAYS",
    "LATENT_DAYS",
    "ORIGINS",
    "OUTCOME_DAYS",
    "PUBLISHED",
    "SUSCEPTIBILITY",
]

# The counties and forecast weeks of GradABM: its public repository, AdityaLab/GradABM (MIT), facts only.
COUNTIES: Mapping[int, str] = MappingProxyType(
    {
        25001: "Barnstable",
        25003: "Berkshire",
        25005: "Bristol",
        25009: "Essex",
        25011: "Franklin",
        25013: "Hampden",
        25015: "Hampshire",
        25021: "Norfolk",
        25023: "Plymouth",
        25027: "Worcester",
    }
)
ORIGINS = tuple(range(202014, 202031, 2))  # epidemiological weeks of the CDC; the last week of data of each forecast
HORIZON = 4  # weeks
FIRST_WEEK = 202010  # begins on 1 March 2020, two weeks before that of GradABM, so that courses of disease fill

AGES = ("0-19", "20-29", "30-39", "40-49", "50-59", "60-69", "70-79", "80+")

# Relative susceptibility by age: Romero-Brufau et al., BMJ 2021;373:n1087 (that of 0-19 the mean of its two decades).
# GradABM's program has the same nine decades, but indexes them by eight age groups of which the first is 0-19.
SUSCEPTIBILITY = (0.52, 1.03, 1.03, 1.03, 1.03, 1.27, 1.52, 1.52)

# Infection fatality by age: Verity et al., Lancet Infect Dis 2020;20:669, table 1 (that of 0-19 the mean of its two
# decades). The models scale all of them by one factor.
FATALITY = (0.0000428, 0.000309, 0.000844, 0.00161, 0.00595, 0.0193, 0.0428, 0.0780)

# Mean days exposed and infectious: GradABM's 3 and 5. Then 14 more days until death or recovery, in two equal stages:
# 22 days from infection to death in all, near 5 days to symptoms (median 5.1 in Lauer et al., Ann Intern Med 2020) and
# 17.8 from symptoms to death (Verity et al.).
LATENT_DAYS, INFECTIOUS_DAYS, OUTCOME_DAYS = 3.0, 5.0, 14.0

# ND, RMSE, MAE as published: both rows of table 2 of Gao, Li and An, DEpiABS, AAMAS 2026 (doi:10.65109/IEON9331,
# arXiv:2602.12102), means over five runs. ND is in the abstract too; the others are as a reader's note in a public
# repository gives them. We have not seen the table.
PUBLISHED: Mapping[str, tuple[float, float, float]] = MappingProxyType(
    {
        "published, joint GradABM": (0.97, 50.99, 30.02),
        "published, DEpiABS": (0.92, 18.95, 12.97),
    }
)
