"""The question: what do infections by age and borough depend on, and which closure helps whom?"""

from causal_lpm.inference import Policy, Worlds

__all__ = ["AGES", "BOROUGHS", "CELLS", "CLOSURE_DAY", "NEVER", "POLICIES", "SETTINGS", "WORLDS"]

AGES = ("0-19", "20-44", "45-64", "65-74", "75+")
BOROUGHS = (
    "Barking and Dagenham",
    "Barnet",
    "Bexley",
    "Brent",
    "Bromley",
    "Camden",
    "Croydon",
    "Ealing",
    "Enfield",
    "Greenwich",
    "Hackney and City of London",
    "Hammersmith and Fulham",
    "Haringey",
    "Harrow",
    "Havering",
    "Hillingdon",
    "Hounslow",
    "Islington",
    "Kensington and Chelsea",
    "Kingston upon Thames",
    "Lambeth",
    "Lewisham",
    "Merton",
    "Newham",
    "Redbridge",
    "Richmond upon Thames",
    "Southwark",
    "Sutton",
    "Tower Hamlets",
    "Waltham Forest",
    "Wandsworth",
    "Westminster",
)
CELLS = tuple(f"{age}, {borough}" for age in AGES for borough in BOROUGHS)
"""Ages in boroughs, in the order of the model's groups: age a in borough b is number 32 a + b."""

NEVER = 999.0
CLOSURE_DAY = {"school": 40.0, "work": 43.0, "leisure": 43.0}
"""Setting -> first day on which it was closed; day 0 is 10 February 2020.

Schools closed after Friday 20 March; people were told to stay at home on the evening of Monday 23 March.
"""
SETTINGS = tuple(CLOSURE_DAY)
POLICIES = {
    f"{setting}_closure_day": Policy(
        f"{setting}_closure_day", day, f"first day on which {setting} is closed; 0 = 10 February, 999 = never", 0, NEVER
    )
    for setting, day in CLOSURE_DAY.items()
}
"""Advice to avoid contacts at work and leisure came a week before their closure, and moves along with it."""

WORLDS: Worlds = {
    "as it was": {},
    "schools open": {"school_closure_day": NEVER},
    "work open": {"work_closure_day": NEVER},
    "leisure open": {"leisure_closure_day": NEVER},
    "all open": dict.fromkeys(POLICIES, NEVER),
}
"""What a closure is worth is what more happens without it, the others staying."""
