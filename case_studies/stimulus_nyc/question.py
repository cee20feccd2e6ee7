"""The question: what would $500 a month from January 2021 have changed in the five boroughs?"""

from causal_lpm.inference import Policy

__all__ = ["BOROUGHS", "PAID", "PAYMENT", "POLICIES", "WORLDS"]

BOROUGHS = ("Bronx", "Brooklyn", "Manhattan", "Queens", "Staten Island")
PAID = {"2020-04": 1200.0, "2021-01": 600.0, "2021-03": 1400.0}
"""Federal payments to an adult, USD, by the month in which most were paid.

IRS: direct deposits began in mid-April 2020; on 29 December 2020 (almost all were sent by 15 January 2021); and on
12 March 2021 (officially on the 17th). Supplements to unemployment insurance are not in it.
"""
PAYMENT = 500.0
"""USD a month to every adult, on top of what was paid."""
POLICIES = {
    "payment": Policy("payment", 0.0, "USD a month to every adult from January 2021, beyond what was paid", 0.0, 2000.0)
}
WORLDS: dict[str, dict[str, float]] = {"as it was": {}, "$500 a month": {"payment": PAYMENT}}
