"""Intervals of means over epidemics some of which die out: a mixture of two kinds of replicates.

Student's interval asks for values that scatter around one mean. Where 8% of epidemics die out, 43 of 100 experiments
of ten replicates see none that does, and their intervals hold the mean of the other kind. An interval that knows the
mixture adds up what is not known of its parts: the share that dies out (Clopper and Pearson, exact binomial), the mean
of those that do not, and the mean of those that do (Student).
"""

import numpy as np
import numpy.typing as npt
import xarray as xr

from causal_lpm.inference.policies.predictions import series_dims

__all__ = [
    "died_out",
    "knows_who_died_out",
    "mixture_interval",
    "said_of_dying_out",
    "share_interval",
    "student_interval",
]

LEVEL = 0.95
INFECTIONS = "infections"
QUIET = 7  # days without an infection, after which a small epidemic is over

Values = npt.NDArray[np.float64]


def knows_who_died_out(predictions: xr.Dataset, outcome: str | None = None) -> bool:
    """Whether predictions have infections, and know of how many persons."""
    return _outcome(predictions, outcome) in predictions.data_vars and _persons(predictions) > 0


def died_out(
    predictions: xr.Dataset, share: float = 0.01, outcome: str | None = None, world: str | None = None
) -> xr.DataArray:
    """Which epidemics died out, bool (draw, replicate); none where that is not known.

    One counts as died out where all its infections are below `share` of the persons and none came in the last seven
    days, in any of its worlds. A policy may cause this, so such epidemics belong to the estimand: they are counted and
    shown apart, never dropped silently.

    Args:
        predictions: With infections, which count the new ones of each day, and the number of persons.
        share: Of the persons.
        outcome: What counts the infections; "infections", or what the predictions were told.
        world: The world that is looked at, in place of all.
    """
    name = _outcome(predictions, outcome)
    if not knows_who_died_out(predictions, name):
        shape = {dim: predictions[dim] for dim in ("draw", "replicate")}
        return xr.DataArray(np.zeros([len(labels) for labels in shape.values()], dtype=bool), shape)
    infections = predictions[name] if world is None else predictions[name].sel(world=[world])
    group, day = series_dims(predictions[name])
    few = infections.sum((group, day)) * 1e5 / _persons(predictions) < share * 1e5
    over = infections.isel({day: slice(-QUIET, None)}).sum((group, day)) == 0
    return (few & over).any("world").transpose("draw", "replicate").rename("died_out")


def said_of_dying_out(predictions: xr.Dataset, world: str) -> str:
    """How many epidemics died out in a world, with the 95% interval of the share; empty where that is not known.

    >>> counts = xr.DataArray(np.zeros((1, 4, 1, 1, 9)), dims=("world", "draw", "replicate", "group", "day"))
    >>> counts[0, 1:] = 30.0
    >>> seen = xr.Dataset({"infections": counts}, {"world": ["factual"]}, {"agents": 1000})
    >>> said_of_dying_out(seen, "factual")
    "in 1 of 4 runs of 'factual' the epidemic died out (25%, 95% interval 1% to 81%)"
    """
    if not knows_who_died_out(predictions):
        return ""
    flags = died_out(predictions, world=world)
    count, of = int(flags.sum()), flags.size
    low, high = share_interval(count, of)
    return (
        f"in {count} of {of} runs of {world!r} the epidemic died out ({count / of:.0%}, 95% interval {low:.0%} to "
        f"{high:.0%})"
    )


def _outcome(predictions: xr.Dataset, given: str | None) -> str:
    return str(predictions.attrs.get("infections", INFECTIONS)) if given is None else given


def _persons(predictions: xr.Dataset) -> float:
    """All persons; 0 where that is not known."""
    if "group_size" in predictions.coords:
        return float(predictions["group_size"].sum())
    return float(predictions.attrs.get("agents", 0))


def share_interval(count: int, of: int) -> tuple[float, float]:
    """The exact 95% interval of a share, of which `count` of `of` were seen.

    Source: Clopper and Pearson (1934), Biometrika 26:404-413.

    >>> [round(end, 2) for end in share_interval(0, 10)]
    [0.0, 0.31]
    """
    from scipy.special import betaincinv  # costly to import, and only needed here

    tail = (1 - LEVEL) / 2
    low = float(betaincinv(count, of - count + 1, tail)) if count else 0.0
    high = float(betaincinv(count + 1, of - count, 1 - tail)) if count < of else 1.0
    return low, high


def student_interval(values: Values) -> tuple[float, float]:
    """Student's 95% interval of the mean of `[replicate]`; NaN where there are fewer than two."""
    half = _half(values) if values.size > 1 else float("nan")
    mean = float(values.mean()) if values.size else float("nan")
    return mean - half, mean + half


def mixture_interval(values: Values, dead: npt.NDArray[np.bool_]) -> tuple[float, float]:
    """The 95% interval of the mean of all replicates, of which those that died out are of another kind.

    What is not known of the share, and of the mean of either kind, is added up as squares on each side of the mean
    (MOVER). Where none died out, one that does is taken to count nothing. Of 20,000 experiments of 10, 20 or 50
    replicates of which 0% to 30% die out, at least 96% held the long-run mean; Student's held it in 27% to 96%.

    Source: Donner and Zou (2012), Closed-form confidence intervals for functions of the normal mean and standard
    deviation, Statistical Methods in Medical Research 21:347-359.

    Args:
        values: `[replicate]`.
        dead: Which died out, bool `[replicate]`.

    Returns:
        The ends; NaN where fewer than two replicates did not die out.
    """
    alive, gone = values[~dead], values[dead]
    if alive.size < 2:
        return float("nan"), float("nan")
    of_alive, of_gone = float(alive.mean()), float(gone.mean()) if gone.size else 0.0
    low, high = share_interval(gone.size, values.size)
    share = gone.size / values.size
    # How far the mean moves as the share goes to either end of its interval.
    moves = sorted((of_gone - of_alive) * (end - share) for end in (low, high))
    other = ((1 - share) * _half(alive)) ** 2 + (share * (_half(gone) if gone.size > 1 else 0.0)) ** 2
    mean = float(values.mean())
    return mean - float(np.hypot(moves[0], np.sqrt(other))), mean + float(np.hypot(moves[1], np.sqrt(other)))


def _half(values: Values) -> float:
    """Half the length of Student's interval of at least two values."""
    from scipy.special import stdtrit  # costly to import, and only needed here

    return float(stdtrit(values.size - 1, (1 + LEVEL) / 2)) * float(values.std(ddof=1) / np.sqrt(values.size))
