"""The question: what if the stay-at-home order had come a week earlier, or later, in the five boroughs?"""

from causal_lpm.inference import Policy

__all__ = ["BOROUGHS", "ORDER_DAY", "POLICIES", "WORLDS"]

BOROUGHS = ("Bronx", "Brooklyn", "Manhattan", "Queens", "Staten Island")
ORDER_DAY = 21
"""New York's stay-at-home order took effect on the evening of 22 March 2020; day 0 is 1 March."""
POLICIES = {
    "order_day": Policy("order_day", ORDER_DAY, "day of the stay-at-home order; 999 = never", 0, 999),
    "follows_deaths": Policy(
        "follows_deaths", 0, "whether people react to the deaths of their own world, not as observed", 0, 1, switch=True
    ),
}
WORLDS = {
    "as it was": {"follows_deaths": 1.0},
    "a week earlier": {"follows_deaths": 1.0, "order_day": ORDER_DAY - 7.0},
    "a week later": {"follows_deaths": 1.0, "order_day": ORDER_DAY + 7.0},
}
"""People react to the deaths of their own world in all three."""
