"""What is asked of measles: five points more coverage in one district, or in those born 1982-2005."""

__all__ = ["AS_IT_WAS", "EFFECTS", "POINTS", "POLICIES", "WORLDS"]

POINTS = 0.05
"""More coverage, as a share: five points."""
POLICIES = ("district_points", "cohort_points")
AS_IT_WAS = "as it was"
EFFECTS = ("in the district", "in those born 1982-2005")
"""Where the coverage is higher; the district is a number of each simulation, `asked`."""
WORLDS = {
    AS_IT_WAS: {},
    **{name: {which: POINTS} for name, which in zip(EFFECTS, POLICIES, strict=True)},
}
