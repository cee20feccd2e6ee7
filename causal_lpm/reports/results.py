"""What a saved result says, as the contents of a report: whatever it holds decides the sections."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import xarray as xr

from causal_lpm.inference.calibration.result import CalibrationResult
from causal_lpm.inference.calibration.tables import parameter_table
from causal_lpm.inference.charts.style import banner_text
from causal_lpm.inference.diagnostics.report import Report
from causal_lpm.inference.policies.statements import kind_of
from causal_lpm.inference.results.tree_files import load
from causal_lpm.inference.studies import study_tree
from causal_lpm.inference.studies.tables import result_tables
from causal_lpm.reports.contents import Contents, Table
from causal_lpm.reports.outlines import geography_of
from causal_lpm.reports.prediction_tables import prediction_tables
from causal_lpm.reports.rich_tables import table_of

__all__ = ["contents_of", "result_file"]

FILES = ("results.nc", "predictions.nc", "calibration.nc")
OF_A_MODEL = "What a model says of worlds that nobody has seen rests on the model: on what it leaves out, too."
LUCK = "One run is one draw of luck: a single real epidemic may lie anywhere in the bands, or outside."
PRIOR = "Parameters were given or drawn from a prior; no data of an outbreak at hand have weighed them."


def result_file(path: str | os.PathLike[str]) -> Path:
    """The file of a result, also where its folder is given.

    Raises:
        FileNotFoundError: there is none.
        ValueError: a folder with several results.
    """
    path = Path(path)
    if path.is_file() or path.suffix == ".zarr":
        return path
    if not path.is_dir():
        raise FileNotFoundError(f"there is no result at {path}: give a file such as results.nc, or its folder.")
    found = [path / name for name in FILES if (path / name).is_file()]
    if not found:
        raise FileNotFoundError(f"there is no result in {path}: it has none of {', '.join(FILES)}.")
    if len(found) > 1:
        raise ValueError(f"{path} holds {' and '.join(file.name for file in found)}: give one of the files.")
    return found[0]


def contents_of(result: xr.DataTree | str | os.PathLike[str]) -> Contents:
    """The contents of a report on a result.

    Args:
        result: The tree of a study, a calibration or predictions, or where it was saved.

    Raises:
        FileNotFoundError: there is nothing at the path.
        ValueError: a tree that is none of these.
    """
    tree = result if isinstance(result, xr.DataTree) else load(result_file(result))
    if "study" in tree.attrs and "predictions" in tree.children:
        return _of_study(tree)
    if "posterior" in tree.children and "status" in tree.attrs:
        return _of_calibration(tree)
    raise ValueError("this is no result of a study or a calibration: give a file that causal-lpm has written.")


def _of_study(tree: xr.DataTree) -> Contents:
    predictions = tree["predictions"].to_dataset()
    references = study_tree.references(tree)
    acts = study_tree.acts(tree)
    worlds = [f"{world} ({_acts(acts[world])})" for world in acts]
    asked = f"What happens in {' and in '.join(worlds)}?"
    if references:
        pairs = [
            f"{other} ({_acts(acts[other])}) against {base} ({_acts(acts[base])})" for other, base in references.items()
        ]
        asked = f"What changes in {'; '.join(pairs)}?"
    count = f"{tree.attrs['agents']:,} agents, {tree.attrs['days']} days, {_replicates(predictions)}"
    about = {
        "agents, days, runs": count,
        "options": study_tree.options_text(tree),
        "experiment": tree.attrs["experiment"],
    }
    return Contents(
        title=str(tree.attrs["title"]),
        question=asked,
        kind=kind_of(predictions),
        held_fixed=str(tree.attrs["coupling"]),
        source=str(tree.attrs["source"]),
        warning=banner_text(tree),
        predictions=predictions,
        references=references,
        geography=geography_of(predictions),
        tables=[table_of(table) for table in result_tables(tree)],
        provenance={**{name: str(text) for name, text in about.items() if text}, **_provenance(tree)},
        limits=(OF_A_MODEL, LUCK, PRIOR),
    )


def _of_calibration(tree: xr.DataTree) -> Contents:
    gates = Report.from_dataset(tree["diagnostics"].to_dataset()) if "diagnostics" in tree.children else Report()
    result = CalibrationResult(tree, gates)
    predictions = tree["predictions"].to_dataset() if "predictions" in tree.children else None
    worlds = [] if predictions is None else [str(world) for world in predictions["world"].values]
    question = "Which parameters agree with the data, and can the answer be trusted?"
    if worlds:
        question = f"What does the calibrated model expect in {' and in '.join(worlds)}?"
    fixed = "every number is a draw of the parameters given the data, with luck of its own"
    tables: Sequence[Table] = [table_of(parameter_table(result))]
    references = dict.fromkeys(worlds[1:], worlds[0]) if worlds else {}
    if predictions is not None:
        fixed = str(predictions.attrs.get("coupling", fixed))
        tables = [*prediction_tables(predictions, references, result.banner), *tables]
    observed = tree["observed_data"].to_dataset() if "observed_data" in tree.children else None
    about = {name: str(tree.attrs[name]) for name in ("method", "status", "budget", "simulations", "failures")}
    return Contents(
        title=f"Calibration: {result.status}" if predictions is None else f"Predictions, parameters {result.status}",
        question=question,
        kind="interventional" if predictions is None else kind_of(predictions),
        held_fixed=fixed,
        warning=result.banner,
        predictions=predictions,
        references=references,
        fitted=_fitted(tree),
        observed=observed,
        geography={} if predictions is None else geography_of(predictions),
        tables=tables,
        gates=gates if gates.gates else None,
        provenance={**about, **_provenance(tree)},
        limits=(OF_A_MODEL, LUCK),
    )


def _fitted(tree: xr.DataTree) -> xr.Dataset | None:
    """What the calibration expects of its data, in the form of predictions of one world."""
    if "posterior_predictive" not in tree.children:
        return None
    given = tree["posterior_predictive"].to_dataset()
    series = [str(name) for name, values in given.data_vars.items() if str(values.dims[-1]).endswith("day")]
    flat = given[series].rename(draw="own_draw").stack(draw=("chain", "own_draw"), create_index=False)
    dataset: xr.Dataset = flat.expand_dims(world=["posterior predictive"], replicate=[0])
    return dataset if series else None


def _acts(acts: Mapping[str, float]) -> str:
    return ", ".join(f"{name}={value:g}" for name, value in acts.items()) or "the study's defaults"


def _replicates(predictions: xr.Dataset) -> str:
    count = predictions.sizes["replicate"]
    return f"{count} replicate{'s' * (count != 1)}"


def _provenance(tree: xr.DataTree) -> dict[str, str]:
    prefix = "provenance_"
    return {
        str(name).removeprefix(prefix): str(text) for name, text in tree.attrs.items() if str(name).startswith(prefix)
    }
