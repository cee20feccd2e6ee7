"""The question: does a tax on transactions calm a market, and by which way does it act?"""

from causal_lpm.inference import Policy, Worlds

__all__ = ["POLICIES", "WORLDS"]

POLICIES = {
    policy.name: policy
    for policy in (
        Policy("tax", 0.0, "what a transaction costs, in the units of news and returns", 0, 1e3),
        Policy("silent", 1.0, "whether thresholds are revised after days on which nobody traded", 0, 1, switch=True),
    )
}
"""The defaults are the market as Cont describes it."""

WORLDS: Worlds = {
    "free": {},
    "taxed": {"tax": 0.0005},
    "free, silence teaches nothing": {"silent": 0.0},
    "taxed, silence teaches nothing": {"tax": 0.0005, "silent": 0.0},
}
"""The third and fourth take away one way by which the tax might act: what agents learn from a day without trade."""
