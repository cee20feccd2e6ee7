"""The questions that are asked of New Zealand."""

__all__ = ["QUESTIONS"]

QUESTIONS = {
    "covid": "who should have had the doses of 2021 first",
    "measles": "what more coverage with MMR would have averted",
}
"""Word on the command line -> what is asked."""
