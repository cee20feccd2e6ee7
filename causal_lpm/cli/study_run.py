"""Runs a study as the command line asks for it: checked first, then simulated, tabulated and drawn."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from causal_lpm.cli.progress import replicate_bar
from causal_lpm.cli.terminal import bad_input, check_plots, failures, show
from causal_lpm.cli.where import Where, connected, processes_of
from causal_lpm.inference.charts.fan_charts import save_fan_charts
from causal_lpm.inference.runs.run_folder import identity
from causal_lpm.inference.studies import settings as typed
from causal_lpm.inference.studies.experiment import run_experiment
from causal_lpm.inference.studies.json_file import check_json_file, write_json
from causal_lpm.inference.studies.manifest import manifest
from causal_lpm.inference.studies.study import Options, References, Study, Worlds, replicates_of
from causal_lpm.inference.studies.tables import result_tables
from causal_lpm.memory import reuse_freed_memory

__all__ = ["question_worlds", "run_study", "typed_worlds"]


def run_study(
    study: Study,
    worlds: Worlds,
    references: References,
    agents: int | None,
    days: int | None,
    replicates: int | None,
    seed: int,
    device: str,
    out: Path | None,
    json_file: Path | None,
    asked: tuple[int | None, str | None, int | None, int | None],
    plots: bool | None,
    extra: dict[str, str | float],
    full: bool = False,
) -> None:
    """Runs the worlds, keeps them and shows the tables; ends the program with a sentence where that is impossible.

    The arguments are the command's, those of `Where` in one; where they are None the study says. A zero is a mistake,
    not a missing value.
    """
    agents, days = study.default_agents if agents is None else agents, study.default_days if days is None else days
    options, where = Options(agents, days, device, extra), Where(*asked)
    number = replicates_of(study, full) if replicates is None else replicates
    with bad_input():
        where.check()
        processes = processes_of(where.executor, where.workers, 2 if device == "cpu" else 1)
        typed.check_experiment(study, worlds, references, number, seed, options, processes)
        typed.check_differences(study, worlds, references)
        out = out or Path("results") / f"{study.name}-{identity(manifest(study, worlds, seed, options))}"
        if json_file is not None:
            check_json_file(json_file, out, extra.values())
        check_plots(plots)
    reuse_freed_memory()  # the whole process is ours
    with failures():
        bar = replicate_bar(f"{study.name}, {len(worlds)} worlds, replicates")
        with connected(where.executor, processes, where.ranks) as place, bar as progress:
            kept = where.checkpoint_every
            tree = run_experiment(
                study, worlds, references, number, seed, options, out, processes, progress, place, kept
            )
        draw = None if plots is False else partial(save_fan_charts, tree)
        show(lambda: result_tables(tree), out / "results.nc", draw, partial(write_json, tree), json_file)


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
