"""The question: what would the infirmary have averted, had it taken the ill away from the others?"""

from causal_lpm.inference import Policy, Worlds

__all__ = ["POLICIES", "WORLDS"]

POLICIES = {
    policy.name: policy
    for policy in (
        Policy("isolation_day", 999, "day from which the infectious meet fewer others; day 0 is 21 January", 0, 999),
        Policy("contacts", 0.5, "share of their contacts that they then have", 0, 1),
    )
}
"""The defaults are the world as it was."""

WORLDS: Worlds = {
    "as it was": {},
    "half the contacts from 24 January": {"isolation_day": 3.0},
    "half the contacts from 26 January": {"isolation_day": 5.0},
}
