"""The question: stop the spread or control prices?"""

from causal_lpm.inference import Policy, Worlds

__all__ = ["LARGEST_RISK", "LARGEST_SIZE", "POLICIES", "RANDOM", "WEIGHTS", "WORLDS"]

LARGEST_RISK, LARGEST_SIZE, RANDOM = 0, 1, 2
"""Which farms are protected: those of the largest hazard from wild birds, the largest, or any."""

POLICIES = {
    policy.name: policy
    for policy in (
        Policy(
            "protected", 0, "layer farms that keep wild birds away: their hazard from them falls by 80%", 0, 3_926, True
        ),
        Policy("protected_by", LARGEST_RISK, "which: 0 largest hazard first, 1 largest flock first, 2 any", 0, 2, True),
        Policy(
            "ring", 0, "share of the other layer flocks above 100,000 birds culled in a county with a flock found", 0, 1
        ),
        Policy("restock_weeks", 30, "weeks from culling to new birds, on average, where pullets are enough", 1, 200),
        Policy("spare_pullets", 0.25, "pullets beyond those that replace old hens, as a share of these", 0, 10),
        Policy("vaccinated", 0, "share of layer flocks vaccinated", 0, 1),
        Policy("dairy_hazard", 0, "infections a week and dairy herd: none was found before 2024", 0, 1),
        Policy("elasticity", -0.12, "relative change of eggs bought by that of their price", -5, -0.01),
    )
}
"""The defaults are the world as it was."""

WORLDS: Worlds = {
    "as it was": {},
    "100 farms protected": {"protected": 100.0},
    "100 largest protected": {"protected": 100.0, "protected_by": float(LARGEST_SIZE)},
    "100 of any protected": {"protected": 100.0, "protected_by": float(RANDOM)},
    "400 farms protected": {"protected": 400.0},
    "ring culling of half": {"ring": 0.5},
    "restocked in 20 weeks": {"restock_weeks": 20.0},
    "20 weeks, pullets doubled": {"restock_weeks": 20.0, "spare_pullets": 0.5},
    "half of flocks vaccinated": {"vaccinated": 0.5},
}
"""What is compared; the first is the reference of all others."""

WEIGHTS = {
    "spread": {"flocks": 1.0, "turkey_flocks": 1.0},
    "prices": {"cost": 1.0},
    "dollars": {"culled": 2e-8, "cost": 1.0, "spent": 1.0},
}
"""Name -> outcome -> loss of one: flocks found; what consumers pay more (billion USD); and that, what the policy costs
and birds culled, at 20 USD each (indemnity, disposal and cleaning: an assumption)."""
