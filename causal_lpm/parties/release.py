"""What may leave a private run: which totals, within which limits, and with how much noise."""

import math
from collections.abc import Mapping
from fractions import Fraction

from causal_lpm import validate

__all__ = ["Release"]


class Release:
    """The totals that are opened at the end of a run; all others stay secret.

    A run in which a total is out of its range, or a group too small, opens nothing: whoever could ask for ranges and
    see which of them fit would read the totals off. Only that it did not fit is learnt.

    Args:
        ranges: Name of a tally -> the lowest and the highest number that it may have on any day, where its name is no
            word.
        min_group: How many agents a group must have at least, in a tally with or without groups.
        sigma2: Of the discrete Gaussian noise that EACH party adds to each number, so that it hides from all others
            together; the variance of the whole is the number of parties times that. None: no noise.
        exact: Exact totals are wanted although they tell much: from two parties, where each can take its own part off,
            or with public noise, where a series can tell who was infected.
        sensitivity: How far one agent's own entries can move all numbers of one tally, in Euclidean length: 1 for who
            is counted once at most. What an agent changes in others, by infecting them, is not in it.
        daily: The series of days is opened; else only the sums over all days, which need less noise.
        paired: Only differences are opened, of every world (the leftmost dimension) to the first.
        **named: Name of a tally -> its range, as in `Release(cases=(0, 5000))`.

    Raises:
        ValueError: no tally, a range that is none, numbers that are not positive.

    >>> Release(cases=(0, 5000), min_group=10, sigma2=25).noisy
    True
    """

    def __init__(
        self,
        ranges: Mapping[str, tuple[float, float]] | None = None,
        /,
        *,
        min_group: int = 1,
        sigma2: Fraction | float | None = None,
        exact: bool = False,
        sensitivity: float = 1.0,
        daily: bool = True,
        paired: bool = False,
        **named: tuple[float, float],
    ) -> None:
        self.ranges = {**(ranges or {}), **named}
        if not self.ranges:
            raise ValueError("nothing is released: name a tally with its range, as in Release(cases=(0, 5000)).")
        for name, ends in self.ranges.items():
            if not isinstance(ends, tuple) or len(ends) != 2 or not -math.inf < ends[0] <= ends[1] < math.inf:
                raise ValueError(
                    f"the range of {name!r} is {ends}: give the lowest and the highest number it may have, as in "
                    f"Release({name}=(0, 5000))."
                )
        self.min_group = validate.whole_number("min_group", min_group)
        self.sigma2 = _variance(sigma2)
        self.exact, self.daily, self.paired = exact, daily, paired
        if not 0 < sensitivity < math.inf:
            raise ValueError(f"the sensitivity is {sensitivity}: give how far one agent can move a tally, above 0.")
        self.sensitivity = float(sensitivity)

    @property
    def noisy(self) -> bool:
        """Whether noise is added to all that is opened."""
        return self.sigma2 is not None

    def check_parties(self, parties: int) -> None:
        """Raises ValueError for exact totals of two parties that nobody has asked for by name."""
        if parties == 2 and not (self.noisy or self.exact):
            raise ValueError(
                "exact totals of two parties tell each the other's, which is the total less its own: give the release "
                "noise (sigma2=), or exact=True if that is meant."
            )

    def described(self) -> str:
        """All settings as text, for parties to compare."""
        ranges = ", ".join(f"{name} in {low!r} to {high!r}" for name, (low, high) in sorted(self.ranges.items()))
        return (
            f"{ranges}; min_group={self.min_group}, sigma2={self.sigma2}, exact={self.exact}, "
            f"sensitivity={self.sensitivity!r}, daily={self.daily}, paired={self.paired}"
        )


def _variance(sigma2: Fraction | float | None) -> Fraction | None:
    if sigma2 is None:
        return None
    if not 0 < sigma2 < math.inf:
        raise ValueError(f"sigma2 is {sigma2}: the variance of noise must be above 0, or None for no noise.")
    return Fraction(sigma2)
