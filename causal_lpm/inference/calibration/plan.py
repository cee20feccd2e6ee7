"""What a calibration was asked for beside its model and data."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypedDict

from causal_lpm.inference.posteriors.neural import Training
from causal_lpm.inference.runs.addresses import Where
from causal_lpm.inference.runs.runner import check_where
from causal_lpm.validate import positive_count, whole_number

__all__ = ["Options", "Plan", "Progress"]

Progress = Callable[[str, int, int], None]
"""Called with (stage, done, all)."""


class Options(TypedDict, total=False):
    """Further arguments of `fit`: how it learns (first line), and where it simulates."""

    ensemble: int
    second_round: bool
    training: Training | None
    settings: Mapping[str, Any]
    workers: int
    executor: Where
    batch: int | None
    folder: Any


@dataclass(frozen=True)
class Plan:
    """Everything that a method is told; see `fit` for what each means."""

    budget: int = 1000
    seed: int = 0
    gate: int = 200
    draws: int = 1000
    groups: Mapping[str, Any] | None = None
    progress: Progress | None = None
    ensemble: int = 5
    second_round: bool = True
    training: Training | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    workers: int = 1
    executor: Where = None
    batch: int | None = None
    folder: Any = None

    def __post_init__(self) -> None:
        counts = {"ensemble": self.ensemble, "draws": self.draws, "workers": self.workers}
        for what, number in {**counts, "batch": 1 if self.batch is None else self.batch}.items():
            positive_count(what, number)
        for what, number in {"budget": self.budget, "seed": self.seed, "gate": self.gate}.items():
            whole_number(what, number, low=-(2**63))
        if not 0 <= self.seed < 2**63:
            raise ValueError(f"seed is {self.seed}: give a whole number from 0 to 2**63 - 1.")
        if self.gate < 0:
            raise ValueError(
                f"gate is {self.gate}: give the number of simulations for the gates, 200 or more, or 0 for none."
            )
        check_where(self.executor, 1, 1)
        object.__setattr__(self, "settings", dict(self.settings or {}))  # None means none
        kept = None if self.folder is None else Path(self.folder)
        if kept is not None and kept.exists() and not kept.is_dir():
            raise FileExistsError(f"the folder {kept} is a file: give another folder.")
        object.__setattr__(self, "folder", kept)

    def told(self, stage: str) -> Callable[[int, int], None] | None:
        """The progress of one stage."""
        progress = self.progress
        return None if progress is None else lambda done, n: progress(stage, done, n)
