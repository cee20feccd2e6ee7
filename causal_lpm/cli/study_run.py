"""Runs a study as the command line asks for it: checked first, then simulated, tabulated and drawn."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from causal_lpm.cli.progress import replicate_bar
from causal_lpm.cli.terminal import bad_input, check_plots, failures, show
from causal_lpm.inference.charts.fan_charts import save_fan_charts
from causal_lpm.inference.runs.run_folder import identity
from causal_lpm.inference.studies import settings as typed
from causal_lpm.inference.studies.experiment import run_experiment
from causal_lpm.inference.studies.json_file import check_json_file, write_json
from causal_lpm.inference.studies.manifest import manifest
from causal_lpm.inference.studies.study import Options, References, Study, Worlds, replicates_of
from causal_lpm.inference.studies.tables import result_tables
from causal_lpm.memory import reuse_freed_memory

__all__ = ["StudyRun", "question_worlds", "run_study", "typed_worlds"]


@dataclass(frozen=True)
class StudyRun:
    """What to run and where its results go, as far as the command line says."""

    study: Study
    agents: int | None = None
    days: int | None = None
    replicates: int | None = None
    seed: int = 0
    device: str = "cpu"
    out: Path | None = None
    json_file: Path | None = None
    workers: int | None = None
    plots: bool | None = None
    extra: dict[str, str | float] = field(default_factory=dict)
    full: bool = False

    def options(self) -> Options:
        """The options with the study's defaults filled in; a zero is a mistake, not a missing value."""
        agents = self.study.default_agents if self.agents is None else self.agents
        days = self.study.default_days if self.days is None else self.days
        return Options(agents, days, self.device, self.extra)


def run_study(request: StudyRun, worlds: Worlds, references: References) -> None:
    """Runs the worlds, keeps them and shows the tables; ends the program with a sentence where that is impossible."""
    study, options = request.study, request.options()
    replicates = replicates_of(study, request.full) if request.replicates is None else request.replicates
    workers = (2 if options.device == "cpu" else 1) if request.workers is None else request.workers
    with bad_input():
        typed.check_experiment(study, worlds, references, replicates, request.seed, options, workers)
        typed.check_differences(study, worlds, references)
        name = f"{study.name}-{identity(manifest(study, worlds, request.seed, options))}"
        out = request.out or Path("results") / name
        if request.json_file is not None:
            check_json_file(request.json_file, out, options.extra.values())
        check_plots(request.plots)
    reuse_freed_memory()  # the whole process is ours
    with failures():
        with replicate_bar(f"{study.name}, {len(worlds)} worlds, replicates") as progress:
            tree = run_experiment(study, worlds, references, replicates, request.seed, options, out, workers, progress)
        draw = None if request.plots is False else partial(save_fan_charts, tree)
        show(lambda: result_tables(tree), out / "results.nc", draw, partial(write_json, tree), request.json_file)


def typed_worlds(study: Study, settings: Sequence[str]) -> tuple[Worlds, References]:
    """The worlds that were typed, each compared with the first."""
    worlds = typed.parse_worlds(settings, study.policies)
    return worlds, typed.against_first(worlds)


def question_worlds(study: Study, acts: Sequence[str]) -> tuple[Worlds, References]:
    """The study's defaults, and the same with these acts."""
    text = ", ".join(acts)
    changed = typed.parse_acts(text, study.policies)
    if not changed:
        raise ValueError("there is no act: give at least one, as in --do name=value.")
    return {"factual": {}, text: changed}, {text: "factual"}
