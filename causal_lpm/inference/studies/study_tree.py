"""The result of an experiment: one `xarray.DataTree`, on disk one NetCDF file.

Groups are named as ArviZ names them, and are those of a calibration:

- `predictions`: each outcome, daily new counts, (world, draw, replicate, group, day) with one draw, a coordinate
  `group_size`, and `date` where the study has a start date;
- `causal_effect`: what each world averts compared with its reference, per 100,000, (outcome, contrast, draw,
  replicate), as `effects` gives it;
- `constant_data`: `policy_value` `[world, policy]` with defaults filled in.

Root attributes say what kind of statement this is, how worlds are coupled, and where the numbers come from.
"""

import json
import logging
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import xarray as xr

from causal_lpm.inference.files.netcdf import clear_away, is_broken, is_netcdf
from causal_lpm.inference.policies.counted import NEW, counted_by
from causal_lpm.inference.policies.effects import effects
from causal_lpm.inference.policies.predictions import predictions_dataset
from causal_lpm.inference.results import tree_files
from causal_lpm.inference.runs.run_folder import Arrays
from causal_lpm.inference.studies.manifest import options_without_folders
from causal_lpm.inference.studies.study import Options, References, Study, Worlds, policy_values

__all__ = [
    "acts",
    "build",
    "check_target",
    "options",
    "options_text",
    "policies",
    "references",
    "remove_if_broken",
    "save",
]

_LOG = logging.getLogger("causal_lpm")


def build(
    study: Study,
    worlds: Worlds,
    references: References,
    replicates: Sequence[Arrays],
    seed: int,
    options: Options,
    identity: str,
    origin: Mapping[str, str],
) -> xr.DataTree:
    """The tree of an experiment, from its replicates in order.

    Args:
        study: what was simulated.
        worlds: name -> policy -> value, in order.
        references: world -> the world that it is compared with.
        replicates: for each replicate, outcome -> counts `[world, group, day]`.
        seed: the seed of the experiment.
        options: agents, days, device and what the study adds.
        identity: the experiment's name made from its manifest.
        origin: the provenance, taken when the run started.
    """
    predictions = predictions_dataset(
        {name: np.stack([each[name] for each in replicates], axis=1)[:, None] for name in study.outcomes},
        list(worlds),
        seed=seed,
        coupling=study.coupling,
        start_date=study.start_date,
        group_labels=study.groups,
        group_size=study.group_sizes(options),
        units={name: counted_by(getattr(study, "model", None)).get(name, NEW) for name in study.outcomes},
    )
    tree = {"predictions": predictions, "constant_data": _constant_data(study, worlds)}
    if references:
        tree["causal_effect"] = effects(predictions, references, study.outcomes, per=1e5)
    attributes = {
        "study": study.name,
        "title": study.title,
        "source": study.source,
        "kind": predictions.attrs["kind"],
        "coupling": study.coupling,
        "agents": options.agents,
        "days": options.days,
        "device": options.device,
        "options": json.dumps(options_without_folders(options)),
        "seed": seed,
        "experiment": identity,
    }
    result = xr.DataTree.from_dict(tree)
    result.attrs = attributes | {f"provenance_{key}": value for key, value in origin.items()}
    return result


def _constant_data(study: Study, worlds: Worlds) -> xr.Dataset:
    policies = study.policies.values()
    values = [list(policy_values(study, acts).values()) for acts in worlds.values()]
    return xr.Dataset(
        {
            "policy_value": (("world", "policy"), np.array(values, dtype=float).reshape(len(worlds), -1)),
            "policy_default": ("policy", np.array([float(policy.default) for policy in policies])),
            "policy_is_whole": ("policy", np.array([policy.integer or policy.switch for policy in policies])),
        },
        {"world": list(worlds), "policy": [policy.name for policy in policies]},
    )


def references(tree: xr.DataTree) -> dict[str, str]:
    """World -> the world that it is compared with; empty where nothing is compared."""
    if "causal_effect" not in tree.children:
        return {}
    data = tree["causal_effect"].to_dataset()
    return dict(zip(data["world"].values.tolist(), data["reference"].values.tolist(), strict=True))


def policies(tree: xr.DataTree) -> dict[str, dict[str, float]]:
    """World -> policy -> value, defaults filled in, worlds in order; whole numbers and switches as int."""
    data = tree["constant_data"].to_dataset()
    names, whole = data["policy"].values.tolist(), data["policy_is_whole"].values.tolist()
    return {
        world: {name: int(x) if is_whole else x for name, x, is_whole in zip(names, row, whole, strict=True)}
        for world, row in zip(data["world"].values.tolist(), data["policy_value"].values.tolist(), strict=True)
    }


def acts(tree: xr.DataTree) -> dict[str, dict[str, float]]:
    """World -> the policies that differ from the study's defaults."""
    data = tree["constant_data"].to_dataset()
    default = dict(zip(data["policy"].values.tolist(), data["policy_default"].values.tolist(), strict=True))
    return {
        world: {name: value for name, value in policy.items() if value != default[name]}
        for world, policy in policies(tree).items()
    }


def options(tree: xr.DataTree) -> dict[str, str | float]:
    """What the study was told beside agents and days, such as its mechanism; files by their name alone."""
    given: dict[str, str | float] = json.loads(tree.attrs["options"])
    return given


def options_text(tree: xr.DataTree) -> str:
    """The options for a caption, as "options: mechanism=described"; empty where none was given."""
    given = ", ".join(f"{key}={value}" for key, value in options(tree).items())
    return f"options: {given}" if given else ""


def remove_if_broken(path: str | os.PathLike[str]) -> None:
    """Removes a result that is damaged, as when the power fails; any other NetCDF file stays.

    Only for a folder of which the manifest says that this experiment began it: its replicates can make the result
    again, and what has the result's name and is no NetCDF is what was left of the result.
    """
    path = Path(path)
    if is_broken(path) or (path.is_file() and not is_netcdf(path)):
        _LOG.warning("%s is not whole and is written again.", path)
        clear_away(path)


def check_target(path: str | os.PathLike[str], identity: str, replicates: int) -> None:
    """Raises FileExistsError if the file holds another experiment, or more replicates of this one."""
    path = Path(path)
    if not path.exists():
        return
    try:
        with xr.open_datatree(path, engine="h5netcdf") as there:
            experiment = there.attrs.get("experiment")
            count = there["predictions"].sizes["replicate"] if "predictions" in there.children else 0
    except (OSError, KeyError, ValueError, RuntimeError) as error:
        raise FileExistsError(f"{path} is not a result that can be read: give another folder.") from error
    if experiment != identity:
        raise FileExistsError(f"{path} holds another result: give another folder.")
    if count > replicates:
        raise FileExistsError(
            f"{path} already holds {count} replicates of this experiment: "
            f"ask for at least {count}, or give another folder."
        )


def save(tree: xr.DataTree, path: str | os.PathLike[str]) -> None:
    """Writes the tree as NetCDF, whole or not at all.

    Raises:
        FileExistsError: if the file holds another result, or more replicates of this one.
        WriteError: if it cannot be written.
    """
    check_target(path, tree.attrs["experiment"], tree["predictions"].sizes["replicate"])
    tree_files.write(tree, Path(path))
