"""What a search for causes has found: necessity, sufficiency and responsibility, and how many traces say so."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from causal_lpm.inference.abduction.explanation_worlds import FACTUAL, KEPT, WITHOUT
from causal_lpm.validate import known

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["MEASURES", "Estimate", "Explanation", "estimate"]

MEASURES = ("necessity", "alone", "sufficiency", "responsibility")
SUPPORTED = "supported"

Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Estimate:
    """A mean over traces, and what stands behind it.

    Attributes:
        mean: NaN without traces.
        standard_error: Of the mean; traces of one draw (or path) count as one independent case. NaN below two of them.
        traces: How many traces were averaged.
        cases: How many different draws (or paths) they come from.
        status: `"supported"`, or why the number does not say much.
    """

    mean: float
    standard_error: float
    traces: int
    cases: int
    status: str

    @property
    def supported(self) -> bool:
        """Whether enough different draws stand behind the number."""
        return self.status == SUPPORTED


def estimate(values: npt.ArrayLike, cases: npt.ArrayLike, enough: int) -> Estimate:
    """The mean of `values [n]` with a standard error that is robust to several values of one case.

    Where all values are 0 or all are 1 the standard error is that of Agresti and Coull (1998), with two successes and
    two failures added: none that differs among n is not certainty.

    Args:
        values: Numbers or truth values.
        cases: Which draw each belongs to, `[n]`.
        enough: Different cases below which the status is a warning.

    >>> estimate([1, 0, 1, 1], [0, 1, 2, 3], enough=100)
    Estimate(mean=0.75, standard_error=0.25, traces=4, cases=4, status='too few: 4 cases, 100 are asked for')
    """
    x, number = np.asarray(values, dtype=np.float64), np.asarray(cases)
    if not x.size:
        return Estimate(np.nan, np.nan, 0, 0, f"too few: no case, {enough} are asked for")
    _, own = np.unique(number, return_inverse=True)
    different = int(own.max()) + 1
    status = SUPPORTED if different >= enough else f"too few: {different} cases, {enough} are asked for"
    mean = float(x.mean())
    if different < 2:
        error = np.nan
    elif mean in (0.0, 1.0) and not np.ptp(x):
        share = 2 / (different + 4)
        error = float(np.sqrt(share * (1 - share) / (different + 4)))
    else:
        residuals = np.bincount(own, x - mean)
        error = float(np.sqrt(different / (different - 1) * (residuals**2).sum()) / x.size)
    return Estimate(mean, error, int(x.size), different, status)


@dataclass(frozen=True)
class Explanation:
    """Which of some candidates made an outcome happen, by the search of `explain`.

    A trace is one draw (or path) in three worlds: as it was; without a random set of candidates, which then have their
    alternatives; and with that set kept at its causes. The case at hand are traces in which every candidate was as its
    cause says.

    Attributes:
        traces: `outcome` (trace, world), further measures (trace, world), `present` and `changed` (trace, candidate),
            `held` (trace, witness), `case` (trace); attributes `kind`, `abduction` and the settings of the search.
        enough: Different draws below which a number is marked.
    """

    traces: xr.Dataset
    enough: int

    @property
    def candidates(self) -> list[str]:
        """Names of the candidates."""
        return [str(name) for name in self.traces["candidate"].values]

    @property
    def witnesses(self) -> list[str]:
        """Names of the witnesses."""
        return [str(name) for name in self.traces["witness"].values]

    @property
    def refused(self) -> str:
        """What the gate said of an abduction that it refused; else empty."""
        status = str(self.traces.attrs["abduction"])
        return "" if status in ("none", "abducted") else status

    @property
    def status(self) -> str:
        """`"supported"`, or that the abduction was refused, or which numbers of the table rest on too few draws."""
        if self.refused:
            return f"the abduction was refused: {self.refused}"
        few = [f"{m} of {name}" for name in self.candidates for m in MEASURES if not self.of(name, m).supported]
        return SUPPORTED if not few else "too few draws behind " + ", ".join(few)

    def factual(self, what: str = "outcome") -> Estimate:
        """The share of the outcome, or the mean of a measure, as it was in all draws."""
        return self._mean(what, FACTUAL, np.ones(self.traces.sizes["trace"], dtype=bool))

    def of(self, candidate: str, measure: str) -> Estimate:
        """A measure of a candidate: `"necessity"`, `"alone"`, `"sufficiency"` or `"responsibility"`.

        Raises:
            ValueError: an unknown candidate or measure.
        """
        known("candidate", candidate, self.candidates)
        known("measure", measure, MEASURES)
        if measure == "alone":
            return self.without([name for name in self.candidates if name != candidate])
        changed = self._changed[:, self.candidates.index(candidate)]
        outcome = self.traces["outcome"].values
        if measure == "sufficiency":
            return self._estimate(outcome[:, KEPT], changed)
        if measure == "necessity":
            alone = changed & (self._changed.sum(1) == 1)
            return self._estimate(~outcome[:, WITHOUT], alone & self._at_hand & outcome[:, FACTUAL])
        return self._estimate(outcome[:, KEPT] & ~outcome[:, WITHOUT], changed & self._at_hand)

    def without(self, candidates: str | Collection[str], what: str = "outcome", free: Collection[str] = ()) -> Estimate:
        """The share of the outcome, or the mean of a measure, had exactly these candidates been otherwise.

        Args:
            candidates: Which had their alternatives; all others are as they were.
            what: `"outcome"`, or the name of a measure.
            free: Witnesses that are not held; the others are held with the probability of the search.

        Raises:
            ValueError: an unknown candidate, measure or witness.

        Returns:
            The mean over the case at hand.
        """
        names = [candidates] if isinstance(candidates, str) else list(candidates)
        for name in names:
            known("candidate", name, self.candidates)
        exactly: Bools = np.all(self._changed == np.isin(self.candidates, names), axis=1)
        for witness in free:
            known("witness", witness, self.witnesses)
            exactly = exactly & ~self.traces["held"].values[:, self.witnesses.index(witness)]
        return self._mean(what, WITHOUT, exactly & self._at_hand)

    def to_dataframe(self) -> "pd.DataFrame":
        """One row a candidate and measure: mean, standard error, traces, cases and status."""
        import pandas as pd  # costly to import, and only needed here

        rows: dict[tuple[str, str], dict[str, Any]] = {
            (name, measure): vars(self.of(name, measure)) for name in self.candidates for measure in MEASURES
        }
        table = pd.DataFrame.from_dict(rows, orient="index")
        table.index = pd.MultiIndex.from_tuples(list(rows), names=["candidate", "measure"])
        table.attrs = {name: self.traces.attrs[name] for name in ("kind", "abduction")}
        return table

    @property
    def _changed(self) -> Bools:
        changed: Bools = self.traces["changed"].values
        return changed

    @property
    def _at_hand(self) -> Bools:
        present: Bools = np.all(self.traces["present"].values, axis=1)
        return present

    def _mean(self, what: str, world: int, chosen: Bools) -> Estimate:
        measures = [str(name) for name, values in self.traces.data_vars.items() if "world" in values.dims]
        known("measure", what, measures)
        return self._estimate(self.traces[what].values[:, world], chosen)

    def _estimate(self, values: npt.NDArray[Any], chosen: Sequence[bool] | Bools) -> Estimate:
        found = estimate(values[chosen], self.traces["case"].values[chosen], self.enough)
        return replace(found, status=f"{self.refused}; {found.status}") if self.refused else found
