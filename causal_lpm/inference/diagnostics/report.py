"""One report of many gates: each passes, warns or fails, says its threshold and what to try next.

Six gates are tests with a p-value (SBC, marginal coverage, expected coverage, TARP, predictive checks,
misspecification). Each fails below `FAIL_P`, so that together they fail at most 6 x 0.8% = 4.8% of calibrations that
are right (Bonferroni; less, since they see much the same). The other gates are descriptive, with thresholds that an
exact posterior does not reach.
"""

from collections.abc import Iterable
from dataclasses import dataclass, fields
from typing import Literal

import numpy as np
import xarray as xr
from rich.markup import escape
from rich.table import Table

from causal_lpm.validate import known, unique_entries

__all__ = ["ENOUGH_SIMULATIONS", "FAIL_P", "WARN_P", "Gate", "Report", "Verdict", "gate_of_measure", "gate_of_test"]

FAIL_P = 0.008
WARN_P = 0.02
ENOUGH_SIMULATIONS = 200  # below, a test passes because it sees little

Verdict = Literal["pass", "warn", "fail"]
"""What a gate says."""
_STYLES = {"pass": "green", "warn": "yellow", "fail": "bold red"}


@dataclass(frozen=True)
class Gate:
    """One question to a calibration, and its answer.

    Attributes:
        name: of the gate.
        verdict: "pass", "warn" or "fail".
        value: what was measured; a p-value where the gate is a test.
        threshold: where it fails, or warns if it never fails.
        sentence: what was found.
        next_step: what to try; empty if it passed.

    Raises:
        ValueError: another verdict; a pass without a number.
    """

    name: str
    verdict: Verdict
    value: float
    threshold: float
    sentence: str
    next_step: str = ""

    def __post_init__(self) -> None:
        known("verdict", self.verdict, _STYLES)
        if self.verdict == "pass" and np.isnan(self.value):
            raise ValueError(f"gate {self.name!r} measured NaN, which is no pass: let it fail, and say what happened.")


def gate_of_test(name: str, p: float, finding: str, next_step: str, simulations: int) -> Gate:
    """The gate of a test: fails below `FAIL_P`, warns below `WARN_P` or with fewer than 200 simulations.

    >>> gate_of_test("sbc", 0.001, "Ranks of beta are U-shaped", "train longer", simulations=400).verdict
    'fail'
    >>> gate_of_test("sbc", 0.5, "Ranks look uniform", "train longer", simulations=100).verdict
    'warn'
    """
    few = simulations < ENOUGH_SIMULATIONS
    verdict: Verdict = "fail" if not p >= FAIL_P else "warn" if p < WARN_P or few else "pass"
    sentence = f"{finding} (p = {p:.2g}, {simulations} simulations)."
    if verdict == "warn" and few:
        sentence += f" {simulations} simulations see only gross faults."
        next_step = f"Use at least {ENOUGH_SIMULATIONS} simulations. {next_step}"
    return Gate(name, verdict, p, FAIL_P, sentence, "" if verdict == "pass" else next_step)


def gate_of_measure(name: str, value: float, thresholds: tuple[float, float], sentence: str, next_step: str) -> Gate:
    """The gate of a number that warns beyond the first threshold and fails beyond the second, in that direction.

    >>> [gate_of_measure("k-hat", k, (0.5, 0.7), "k.", "").verdict for k in (0.5, 0.6, 0.8, float("nan"))]
    ['pass', 'warn', 'fail', 'fail']
    >>> [gate_of_measure("share", share, (0.3, 0.03), "k.", "").verdict for share in (0.3, 0.1, 0.01)]
    ['pass', 'warn', 'fail']
    """
    warns, fails = thresholds
    sign = 1 if warns < fails else -1
    bad, worse = sign * value > sign * warns, not sign * value <= sign * fails  # NaN fails
    verdict: Verdict = "fail" if worse else "warn" if bad else "pass"
    return Gate(name, verdict, value, fails, sentence, "" if verdict == "pass" else next_step)


@dataclass(frozen=True)
class Report:
    """All gates of a calibration.

    Raises:
        ValueError: two gates of one name.

    Example:
        >>> report = Report((Gate("sbc", "pass", 0.4, 0.008, "Ranks look uniform."),))
        >>> report.status, report.failed, report.banner
        ('calibrated', (), '')
    """

    gates: tuple[Gate, ...]

    def __init__(self, gates: Iterable[Gate] = ()) -> None:
        object.__setattr__(self, "gates", tuple(gates))
        unique_entries("gate", [gate.name for gate in self.gates])

    @property
    def status(self) -> Literal["calibrated", "uncalibrated"]:
        """Uncalibrated if a gate failed, or if there is no gate: what was not checked is not calibrated."""
        return "uncalibrated" if self.failed or not self.gates else "calibrated"

    @property
    def failed(self) -> tuple[Gate, ...]:
        """The gates that failed."""
        return tuple(gate for gate in self.gates if gate.verdict == "fail")

    @property
    def banner(self) -> str:
        """One sentence for every plot and table of an uncalibrated result, else empty."""
        if self.status == "calibrated":
            return ""
        if not self.gates:
            return "UNCALIBRATED: no diagnostics were run."
        return f"UNCALIBRATED: {', '.join(gate.name for gate in self.failed)} failed; do not read this as a posterior."

    def table(self) -> Table:
        """The report for a terminal, worst first; 80 columns are enough."""
        # That no gate failed makes no posterior of what was optimised: the verdict on a result is not said here.
        title = "no gate failed" if self.status == "calibrated" else self.status
        table = Table(title=f"Diagnostics: {title}", title_justify="left")
        for column in ("gate", "verdict", "value\n(threshold)", "finding and next step"):
            table.add_column(column, justify="right" if column.startswith("value") else "left")
        for gate in sorted(self.gates, key=lambda gate: list(_STYLES).index(gate.verdict), reverse=True):
            verdict = f"[{_STYLES[gate.verdict]}]{gate.verdict}[/]"
            numbers = f"{gate.value:.3g}\n({gate.threshold:.3g})"
            text = escape(gate.sentence)
            if gate.next_step:
                text += f"\n[bold]Next:[/] {escape(gate.next_step)}"
            table.add_row(escape(gate.name), verdict, numbers, text)
        return table

    def to_dataset(self) -> xr.Dataset:
        """The report with dimension `gate`, of texts and float64, as NetCDF can hold it."""
        columns = {}
        for field in fields(Gate)[1:]:
            values = [getattr(gate, field.name) for gate in self.gates]
            columns[field.name] = ("gate", np.array(values, dtype=np.float64 if field.type is float else np.str_))
        names = np.array([gate.name for gate in self.gates], dtype=np.str_)
        return xr.Dataset(columns, coords={"gate": names}, attrs={"status": self.status})

    @classmethod
    def from_dataset(cls, dataset: xr.Dataset) -> "Report":
        """The report that `to_dataset` wrote.

        Raises:
            KeyError: a variable is missing.
        """
        rows = zip(*(dataset[field.name].values for field in fields(Gate)[1:]), strict=True)
        return cls(
            Gate(str(name), str(verdict), float(value), float(threshold), str(sentence), str(next_step))  # type: ignore[arg-type]
            for name, (verdict, value, threshold, sentence, next_step) in zip(dataset["gate"].values, rows, strict=True)
        )
