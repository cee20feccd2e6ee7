"""The question: who should have had the doses of 2021 first?"""

from causal_lpm.inference import Policy, Worlds

__all__ = ["POLICIES", "RULES", "WORLDS"]

RULES = (
    "as it was",
    "by age",
    "by district in proportion",
    "districts with most cases first",
    "Maori and Pacific people first",
)
"""Who gets the first doses of a week; how many there are in the country is the same in all."""
POLICIES = {
    "allocation": Policy("allocation", 0, "; ".join(f"{n} {rule}" for n, rule in enumerate(RULES)), 0, 4, True),
    "boundary_stays": Policy("boundary_stays", 0, "whether Auckland's boundary stays closed after 14 December", 0, 1),
}
WORLDS: Worlds = {rule: {"allocation": float(number)} for number, rule in enumerate(RULES)}
"""What is compared; the first is the reference of all others."""
