"""The question: a test that is seldom wrong and slow, or one that is often wrong and fast?"""

from itertools import product

from causal_lpm.inference import Policy, Worlds

__all__ = [
    "ADHERENCES",
    "FEW",
    "MIXED",
    "NOBODY",
    "POLICIES",
    "RATES",
    "TESTS",
    "VARIANTS",
    "WORLDS",
    "few",
    "grid",
    "world_name",
]

TESTS = {
    "slow test": {"false_positive_rate": 0.1, "delay": 3.0},
    "fast test": {"false_positive_rate": 0.4, "delay": 1.0},
}
"""Both find the same share of the infectious."""
RATES = (0.0, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3)
"""Probability a day that somebody without a reason takes a test."""
ADHERENCES = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
"""Probability that somebody with a positive result goes into quarantine."""

POLICIES = {
    policy.name: policy
    for policy in (
        Policy("false_positive_rate", 0.1, "probability that the test of somebody not infectious is positive", 0, 1),
        Policy("delay", 3, "days from the swab to the result", 0, 30, integer=True),
        Policy("sensitivity", 0.8, "probability that the test of somebody infectious is positive", 0, 1),
        Policy("testing_rate", 0.02, "probability a day that somebody without a reason takes a test", 0, 1),
        Policy("symptomatic_testing", 0.5, "the same of somebody with symptoms", 0, 1),
        Policy("contact_testing", 0.5, "the same on the day after a housemate's positive result", 0, 1),
        Policy("days_between_tests", 4, "days from a swab to the next at least", 1, 90, integer=True),
        Policy("adherence", 0.5, "probability that somebody with a positive result goes into quarantine", 0, 1),
        Policy("quarantine_days", 10, "days of quarantine from the day of the result", 1, 90, integer=True),
    )
}
"""The defaults are the world as it was: the slow test."""

NOBODY = {"testing_rate": 0.0, "symptomatic_testing": 0.0, "contact_testing": 0.0}
"""Nobody takes a test."""
WORLDS: Worlds = {"slow test": {}, "fast test": TESTS["fast test"], "nobody tests": NOBODY}
"""What is asked of one epidemic: the world as it was, the other test, and none."""

_TESTS_MIXED = {
    **{
        f"{100 * wrong:g}% false, after {delay:g} d": {"false_positive_rate": wrong, "delay": delay}
        for wrong, delay in product((0.1, 0.4), (3.0, 1.0))
    },
    "a coin: 40% of all positive, after 1 d": {**TESTS["fast test"], "sensitivity": 0.4},
}
MIXED: Worlds = {
    f"{name}, rate {100 * rate:g}%": {**rules, "testing_rate": rate}
    for name, rules in _TESTS_MIXED.items()
    for rate in (0.0, 0.02, 0.2)
}
"""One property of the slow test made that of the fast one, then the other; and a test that knows nothing."""

VARIANTS: dict[str, tuple[dict[str, float], dict[str, float]]] = {
    "as it is": ({}, {}),
    "R0 1.5": ({"R0": 1.5}, {}),
    "R0 4": ({"R0": 4.0}, {}),
    "half never have symptoms": ({"asymptomatic": 0.5}, {}),
    "sensitivity 60%": ({}, {"sensitivity": 0.6}),
    "of those with symptoms, 10% a day test": ({}, {"symptomatic_testing": 0.1}),
    "housemates are not told": ({}, {"contact_testing": 0.0}),
    "5 days of quarantine": ({}, {"quarantine_days": 5.0}),
    "14 days of quarantine": ({}, {"quarantine_days": 14.0}),
}
"""Another assumption -> the parameters and the policies that are not as they are."""
FEW = (0.0, 0.02, 0.1)
"""Testing rates at which other assumptions are tried."""


def few(acts: dict[str, float]) -> Worlds:
    """Both tests at few rates with the default adherence, and further policies: name -> policies."""
    half = POLICIES["adherence"].default
    return {
        world_name(test, rate, half): {**TESTS[test], "testing_rate": rate, **acts}
        for test, rate in product(TESTS, FEW)
    }


def world_name(test: str, rate: float, adherence: float) -> str:
    """The name of a world of the grid.

    >>> world_name("fast test", 0.005, 0.5)
    'fast test, rate 0.5%, adherence 50%'
    """
    return f"{test}, rate {100 * rate:g}%, adherence {100 * adherence:g}%"


def grid(rate: float) -> Worlds:
    """Both tests with every adherence, at one testing rate: name -> policies."""
    return {
        world_name(test, rate, adherence): {**TESTS[test], "testing_rate": rate, "adherence": adherence}
        for test, adherence in product(TESTS, ADHERENCES)
    }
