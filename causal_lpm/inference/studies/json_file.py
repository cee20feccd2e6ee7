"""The numbers of a result as JSON, for people who read them with other tools."""

import json
import os
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Any

import xarray as xr

from causal_lpm.inference.files.json_object import read_object
from causal_lpm.inference.policies.effects import CONVENTION, per_100k
from causal_lpm.inference.policies.summaries import summarise
from causal_lpm.inference.studies.study_tree import options, policies
from causal_lpm.whole_files import write_whole

__all__ = ["check_json_file", "to_json", "write_json"]


def to_json(tree: xr.DataTree) -> dict[str, Any]:
    """Totals per 100,000 of each world and replicate; median and 95% of replicates of what each contrast averts."""
    predictions = tree["predictions"].to_dataset()
    totals = {str(outcome): per_100k(predictions, str(outcome)).isel(draw=0) for outcome in predictions.data_vars}
    worlds = [
        {
            "name": world,
            "policy": policy,
            **{f"{name}_per_100k": values.sel(world=world).values.tolist() for name, values in totals.items()},
        }
        for world, policy in policies(tree).items()
    ]
    return {
        "study": tree.attrs["study"],
        "seed": int(tree.attrs["seed"]),
        "agents": int(tree.attrs["agents"]),
        "days": int(tree.attrs["days"]),
        "options": options(tree),
        "worlds": worlds,
        "convention": CONVENTION,
        "contrasts": _contrasts(tree),
    }


def _contrasts(tree: xr.DataTree) -> list[dict[str, Any]]:
    if "causal_effect" not in tree.children:
        return []
    return [
        {
            "name": row.name,
            "outcome": row.outcome,
            "quantity": f"{row.quantity} {row.units}",
            "median": row.median,
            "q025": row.interval_95[0],
            "q975": row.interval_95[1],
        }
        for row in summarise(tree["causal_effect"].to_dataset()[["averted"]])
    ]


def write_json(tree: xr.DataTree, path: str | os.PathLike[str]) -> None:
    """Writes `to_json` to a file, whole or not at all."""
    text = json.dumps(to_json(tree), indent=2) + "\n"
    write_whole(Path(path), lambda file: file.write_text(text, encoding="utf-8"))


def check_json_file(
    path: Path,
    out: Path,
    inputs: Iterable[object],
    own: Collection[str] = ("manifest.json", "results.nc", "replicates"),
    ours: tuple[str, str] = ("study", "contrasts"),
) -> None:
    """Raises ValueError unless the file can be written, and replaces nothing but the JSON of an earlier run.

    Args:
        path: the file asked for.
        out: the output folder of the run, which need not exist yet.
        inputs: what the run was told; what is a file among it is never written over.
        own: what the run itself writes into its folder.
        ours: two names in the JSON of a run, the second of a list.
    """
    file, folder = _resolved(path), _resolved(out)
    if folder.is_relative_to(file):
        raise ValueError(f"the JSON file {path} and the output folder {out} are in each other's way: rename one.")
    if file.is_relative_to(folder) and file.relative_to(folder).parts[0] in own:
        raise ValueError(f"the JSON file {path} belongs to the run itself: give another name.")
    named = {Path(value) for value in inputs if isinstance(value, str | Path)}
    if file in {_resolved(value) for value in named if value.is_file()}:
        raise ValueError(f"the JSON file {path} is an input of the run: give another name.")
    parent_is_there = file.parent.is_dir() and os.access(file.parent, os.W_OK)
    if not parent_is_there and not (file.parent == folder and not folder.exists()):
        raise ValueError(f"the JSON file {path} cannot be written: give a file in an existing folder.")
    if (path.is_symlink() or file.exists()) and not _is_json_with(file, *ours):
        raise ValueError(f"{path} is there and is not the JSON of an earlier run: give another file.")


def _resolved(path: Path) -> Path:
    """The path without links; one that leads to itself, of which `Path.resolve` may make a RuntimeError, stays."""
    return Path(os.path.realpath(path))


def _is_json_with(file: Path, name: str, rows: str) -> bool:
    try:
        content = read_object(file)
    except ValueError:
        return False
    return name in content and isinstance(content.get(rows), list)
