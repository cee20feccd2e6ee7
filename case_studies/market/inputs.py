"""The data set of the study: the returns of one market with the published parameters."""

from typing import Any

__all__ = ["returns"]

SEED = 2023


def returns() -> dict[str, Any]:
    """100 daily returns, float64 `[100]`, as the site `quoted`."""
    from case_studies.market.known_truths import truths

    _, published = truths(1, 1, SEED)
    return {"quoted": published.returns[0].numpy()}
