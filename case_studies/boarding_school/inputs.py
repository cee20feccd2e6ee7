"""The data: how many boys were in bed each day."""

from typing import Any

__all__ = ["counts"]


def counts() -> dict[str, Any]:
    """Boys in bed from 22 January to 4 February 1978, float64 `[14]`, as the site `in_bed`."""
    from causal_lpm import data

    return {"in_bed": data.read("influenza_boarding_school_1978.csv")["in_bed"].to_numpy(float)}
