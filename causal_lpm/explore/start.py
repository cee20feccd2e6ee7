"""What a page begins with: a study, what it is told, and what its controls say at first."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, runtime_checkable

import xarray as xr

from causal_lpm.inference.results.tree_files import load
from causal_lpm.inference.studies import study_tree
from causal_lpm.inference.studies.catalogue import installed_studies, load_study, simulated
from causal_lpm.inference.studies.study import Options, Study, variant
from causal_lpm.reports.results import result_file
from causal_lpm.validate import whole_number

__all__ = ["MOST_REPLICATES_AT_FIRST", "Explorable", "Start", "begin"]

MOST_REPLICATES_AT_FIRST = 5  # the page answers in seconds before it answers well
FACTUAL = "factual"


@runtime_checkable
class Explorable(Protocol):
    """Anything whose policies can be moved in a page, such as a simulation."""

    def study(self) -> Study:
        """Its policies, outcomes and groups, and one replicate of many worlds."""
        ...


@dataclass(frozen=True)
class Start:
    """Where the controls of a page stand when it is opened.

    Attributes:
        study: What is simulated.
        target: What names it on the command line; empty where nothing does.
        options: Agents, days, device and what the study adds.
        replicates: How many.
        seed: Of all luck.
        base: Policies of the world that is compared with, where they differ from the defaults.
        base_name: What that world is called.
        acts: Policies of the other world, where they differ from the defaults.
    """

    study: Study
    target: str
    options: Options
    replicates: int
    seed: int = 0
    base: Mapping[str, float] = field(default_factory=dict)
    base_name: str = FACTUAL
    acts: Mapping[str, float] = field(default_factory=dict)

    def free(self, what: str) -> bool:
        """Whether the study lets anybody choose its agents or its days."""
        given = {"agents": self.options.agents, "days": self.options.days}
        given[what] += 1
        try:
            self.study.check(
                {FACTUAL: {}}, Options(given["agents"], given["days"], self.options.device, self.options.extra)
            )
        except ValueError:
            return False
        return True


def begin(
    thing: Explorable | Study | xr.DataTree | str | os.PathLike[str],
    *,
    agents: int | None = None,
    days: int | None = None,
    replicates: int | None = None,
    seed: int | None = None,
    extra: Mapping[str, str | float] | None = None,
) -> Start:
    """The start of a page.

    Args:
        thing: A simulation or anything else with `study()`; a study, or its name; or a result of a study, or where it
            was saved.
        agents: Agents; those of the result, or as many as the study has unless told otherwise, and so are the next
            three.
        days: Days.
        replicates: Replicates; at most 5, unless told otherwise.
        seed: Of all luck; 0, unless told otherwise.
        extra: What a study is told beside these.

    Raises:
        ValueError: an unknown study, one without worlds, or a number that is none.
        FileNotFoundError: there is no result at the path.
    """
    if isinstance(thing, xr.DataTree):
        start = _of_tree(thing)
    elif isinstance(thing, os.PathLike) or (isinstance(thing, str) and _is_path(thing)):
        start = _of_tree(load(result_file(thing)))
    elif isinstance(thing, str):
        start = _of_study(simulated(load_study(thing)), thing, extra or {})
    elif isinstance(thing, Explorable):
        start = _of_study(thing.study(), "", extra or {})
    elif hasattr(thing, "simulate"):
        start = _of_study(simulated(thing), _name_of(thing), extra or {})
    else:
        raise ValueError(f"a {type(thing).__name__} has no worlds to explore: give a study, its name or its result.")
    options = Options(
        start.options.agents if agents is None else whole_number("agents", agents),
        start.options.days if days is None else whole_number("days", days),
        start.options.device,
        start.options.extra,
    )
    return Start(
        start.study,
        start.target,
        options,
        start.replicates if replicates is None else whole_number("replicates", replicates),
        start.seed if seed is None else whole_number("seed", seed, low=0),
        start.base,
        start.base_name,
        start.acts,
    )


def _is_path(text: str) -> bool:
    return text not in installed_studies() and (Path(text).exists() or text.endswith((".nc", ".zarr")))


def _name_of(study: Study) -> str:
    """The name of an installed study, or of a model that was named as package.module:function."""
    if study.name in installed_studies():
        return study.name
    return study.source if ":" in study.source and " " not in study.source else ""


def _of_study(study: Study, target: str, extra: Mapping[str, str | float]) -> Start:
    study = variant(study, extra)
    options = Options(study.default_agents, study.default_days, extra=dict(extra))
    return Start(study, target, options, min(study.default_replicates, MOST_REPLICATES_AT_FIRST))


def _of_tree(tree: xr.DataTree) -> Start:
    if "study" not in tree.attrs or "predictions" not in tree.children:
        raise ValueError(
            "this result is of no study whose policies can be moved: give a result of causal-lpm run or whatif, or the "
            "name of a study."
        )
    name, source = str(tree.attrs["study"]), str(tree.attrs["source"])
    target = source if name not in installed_studies() and ":" in source else name
    extra = study_tree.options(tree)
    study = variant(simulated(load_study(target)), extra)
    options = Options(int(tree.attrs["agents"]), int(tree.attrs["days"]), str(tree.attrs["device"]), extra)
    acts = study_tree.acts(tree)
    other, base = next(iter(study_tree.references(tree).items()), (next(iter(acts)), None))
    count = tree["predictions"].sizes["replicate"]
    seed = int(tree.attrs["seed"])
    if base is None:
        return Start(study, target, options, count, seed, acts=acts[other])
    return Start(study, target, options, count, seed, acts[base], base, acts[other])
