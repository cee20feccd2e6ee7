"""What a report shows: one form that results of studies, calibrations and simulations all come to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    import xarray as xr

    from causal_lpm.inference.diagnostics.report import Report

__all__ = ["Contents", "Geography", "Reportable", "Table"]


@dataclass(frozen=True)
class Table:
    """A table of a report, of texts that are ready to be read.

    Attributes:
        title: What it shows.
        columns: Their names.
        rows: Cells, as many in each as there are columns.
        caption: What must be known to read it, such as the kind of statement.

    Raises:
        ValueError: a row with more or fewer cells than columns.
    """

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    caption: str = ""

    def __post_init__(self) -> None:
        for row in self.rows:
            if len(row) != len(self.columns):
                raise ValueError(
                    f"a row of table {self.title!r} has {len(row)} cells for {len(self.columns)} columns: give as many."
                )


@dataclass(frozen=True)
class Geography:
    """Series by place, to be drawn as a map.

    Attributes:
        outlines: A packaged data set, such as `"outlines_nyc_boroughs.geojson"`.
        predictions: As `Contents.predictions`, whose labels of `group` are names of the outlines.
    """

    outlines: str
    predictions: xr.Dataset


@dataclass(frozen=True)
class Contents:
    """All that a report shows; what is empty has no section.

    Attributes:
        title: One line.
        question: What was asked, in a sentence.
        kind: Which statement the numbers make, as `"paired"`.
        held_fixed: What the worlds share, in words.
        source: The publication or data that it stands on.
        warning: What every reader must know first, such as that a calibration failed.
        predictions: Outcomes as variables (world, draw, replicate, group, day), as `predict` and studies give them;
            attribute `units` of each outcome says what is counted, as `"new per day"`.
        references: World -> the world that it is compared with.
        fitted: What a calibration expects of its data, in the same form, with one world.
        observed: Data, variables (group, day), named as the series of `fitted` that they are drawn with; NaN where
            missing.
        geography: Name of a column of the population, such as `"borough"` -> its series.
        tables: Beside those that a report makes of the predictions.
        gates: Of a calibration.
        provenance: Name -> text: versions, seed, data, commit.
        limits: Sentences that say what the numbers do not say.
    """

    title: str
    question: str
    kind: str
    held_fixed: str
    source: str = ""
    warning: str = ""
    predictions: xr.Dataset | None = None
    references: Mapping[str, str] = field(default_factory=dict)
    fitted: xr.Dataset | None = None
    observed: xr.Dataset | None = None
    geography: Mapping[str, Geography] = field(default_factory=dict)
    tables: Sequence[Table] = ()
    gates: Report | None = None
    provenance: Mapping[str, str] = field(default_factory=dict)
    limits: Sequence[str] = ()


@runtime_checkable
class Reportable(Protocol):
    """Anything of which a report can be written, such as a simulation."""

    def contents(self) -> Contents:
        """What the report shows."""
        ...
