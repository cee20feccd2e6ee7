"""The answer to a question as parts of a page: words, charts, tables, and what can be taken along."""

from dataclasses import dataclass
from typing import Any

import xarray as xr

from causal_lpm.explore.question import Question
from causal_lpm.inference.runs.run_folder import Arrays, identity
from causal_lpm.inference.studies import study_tree
from causal_lpm.inference.studies.manifest import data_hashes, manifest
from causal_lpm.provenance import provenance
from causal_lpm.reports import html
from causal_lpm.reports.charts import Charts, charts_of
from causal_lpm.reports.contents import Contents
from causal_lpm.reports.page import figures, switches
from causal_lpm.reports.results import contents_of

__all__ = ["Answer", "answer", "csv"]

SAME = "The same numbers"


@dataclass(frozen=True)
class Answer:
    """What a visitor gets.

    Attributes:
        question: That was asked.
        tree: The result, as the command line keeps it.
        contents: Of a report on it.
        charts: Of these.
    """

    question: Question
    tree: xr.DataTree
    contents: Contents
    charts: Charts

    def body(self) -> str:
        """HTML, with a place for each chart."""
        worlds = [str(world) for world in self.tree["predictions"].to_dataset()["world"].values]
        command = html.element("pre", self.question.command, class_="command", id="command", tabindex="0")
        return "\n".join(
            [
                html.paragraph(self.contents.question),
                html.section("Tables", "tables", *map(html.table, self.contents.tables)),
                html.section("Over time", "over-time", switches(worlds), *figures(self.charts.series, still=False)),
                html.section("Map", "map", *figures(self.charts.maps, still=False)),
                html.section("What these numbers do not say", "limits", html.listed(self.contents.limits)),
                html.section(SAME, "same", command) if self.question.command else "",
            ]
        )

    def drawings(self) -> list[dict[str, Any]]:
        """The charts, for the script of the page."""
        return [chart.for_script() for _, chart in (*self.charts.series, *self.charts.maps)]


def answer(question: Question, replicates: list[Arrays]) -> Answer:
    """The answer, from its replicates in order: the tree that the command line would make."""
    study, worlds, seed, options = question.start.study, question.worlds, question.seed, question.options
    tree = study_tree.build(
        study,
        worlds,
        question.references,
        replicates,
        seed,
        options,
        identity(manifest(study, worlds, seed, options)),
        provenance(seed=seed, data=data_hashes(options)),
    )
    contents = contents_of(tree)
    return Answer(question, tree, contents, charts_of(contents))


def csv(tree: xr.DataTree) -> str:
    """Every number of the result, a row for each world, replicate, group and day, a column for each outcome."""
    frame = tree["predictions"].to_dataset().isel(draw=0, drop=True).to_dataframe().reset_index()
    text: str = frame.to_csv(index=False)
    return text
