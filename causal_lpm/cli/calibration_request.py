"""What `causal-lpm calibrate` was asked for, checked before anything runs or is written."""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from causal_lpm.inference.calibration.least_cost import check_counts
from causal_lpm.inference.calibration.methods import Method, method_of
from causal_lpm.inference.calibration.result import CalibrationResult
from causal_lpm.inference.calibration.simulator import ProblemSimulator
from causal_lpm.inference.files.netcdf import is_broken, is_netcdf
from causal_lpm.inference.posteriors.focus import FocusedPrior
from causal_lpm.inference.program.labels import labels_of
from causal_lpm.inference.program.problem import Problem
from causal_lpm.inference.runs.run_folder import identity
from causal_lpm.inference.studies.catalogue import load_model, load_study, with_data
from causal_lpm.inference.studies.series_file import read_series
from causal_lpm.inference.studies.study import HasData
from causal_lpm.validate import whole_number
from causal_lpm.whole_files import check_folder, holds_nothing

__all__ = ["FILE", "Request", "checked_request", "slug_of"]

FILE = "calibration.nc"
TEMPORARIES = r"calibration\.nc"
DIFFERS = {"data": "its data differ", "model": "its model differs", "density": "its surrogate differs"}


@dataclass(frozen=True)
class Request:
    """What is calibrated, how, and where the result goes.

    Attributes:
        target: As given.
        study: The model, and what came with it.
        data: Site -> numbers, those of the file if one was given.
        groups: Site -> labels of its groups.
        options: Of `fit`, those that change numbers.
        identity: What determines the numbers, as JSON can hold it; models by what they compute.
        out: The output folder.
    """

    target: str
    study: HasData
    data: Mapping[str, Any]
    groups: dict[str, Any] | None
    options: dict[str, Any]
    identity: dict[str, Any]
    out: Path

    @property
    def file(self) -> Path:
        """Where the result goes."""
        return self.out / FILE


def checked_request(
    target: str,
    *,
    method: str,
    file: Path | None = None,
    surrogate: str | None = None,
    simulating: Mapping[str, int | None],
    seed: int = 0,
    draws: int = 1000,
    out: Path | None = None,
) -> Request:
    """The request, as far as it can be checked without `fit`; arguments are the command's, `simulating` its counts.

    Raises:
        ValueError: it cannot be run, in one sentence.
        OSError: the file cannot be read.
    """
    chosen = method_of(method)
    study = with_data(load_study(target))
    options = _options(study, chosen, simulating, seed, draws)
    program = study.surrogate if surrogate is None else load_model(surrogate)
    data = study.observed() if file is None else read_series(file, study.group_labels)
    problem = Problem(study.model, data, program)
    for name in ("seed", "draws"):
        whole_number(name, options[name], low=int(name == "draws"))
    sizes = {name: options.get(name, 0) for name in ("budget", "gate", "ensemble")}
    check_counts(problem, **sizes, draws=draws)
    mine = {"target": target, "surrogate": surrogate, **options, **_fingerprints(chosen, problem)}
    folder = out or Path("results") / f"{slug_of(target)}-{identity(mine)}"
    _check_folder(folder, mine, chosen)
    # Labels of the data themselves come first.
    own = {
        name: list(study.group_labels)
        for name, series in problem.data.items()
        if series.groups is None and series.values.shape[-2:-1] == (len(study.group_labels),)
    }
    groups = labels_of(problem, own) or None
    return Request(target, study, data, groups, {**options, "surrogate": program}, mine, folder)


def slug_of(target: str) -> str:
    """The target as the name of a folder.

    >>> slug_of("my_model:epidemic")
    'my_model-epidemic'
    """
    return re.sub("[^A-Za-z0-9_]+", "-", target).strip("-")


def _options(
    study: HasData, method: Method, simulating: Mapping[str, int | None], seed: int, draws: int
) -> dict[str, Any]:
    """The options of `fit` that are numbers, with defaults filled in; `fit` says what is wrong with them."""
    options = {"method": method.name, "seed": seed, "draws": draws}
    if not method.simulates:
        for name, value in simulating.items():
            if value is not None:
                raise ValueError(
                    f"--{name} belongs to methods that simulate, and {method.name!r} optimises: leave it out."
                )
        return options
    if not method.trains and simulating.get("ensemble") is not None:
        raise ValueError(
            f"--ensemble belongs to methods that train networks, and {method.name!r} has none: leave it out."
        )
    defaults = {"budget": study.budget, "gate": 200, "ensemble": 5}
    return {**options, **{name: defaults[name] if value is None else value for name, value in simulating.items()}}


def _fingerprints(method: Method, problem: Problem) -> dict[str, Any]:
    """Of the data, and of models by what they compute: a changed model is another calibration."""
    digest = hashlib.sha256()
    for name, series in sorted(problem.data.items()):
        digest.update(name.encode() + series.values.numpy().tobytes() + str(series.dates).encode())
    found: dict[str, Any] = {"data": digest.hexdigest()[:16]}
    if method.simulates:
        found["model"] = ProblemSimulator(problem, FocusedPrior(problem)).identity()["fingerprint"]
    if method.uses_density:
        z = problem.draw(2, seed=1)
        with torch.no_grad():
            density = problem.log_likelihood(z, problem.repeated(2))
        found["density"] = [f"{value:.5g}" for value in density.tolist()]
    return found


def _check_folder(out: Path, mine: Mapping[str, Any], method: Method) -> None:
    """Raises ValueError (or FileExistsError) where the folder holds something else than this calibration."""
    check_folder("the output folder", out)
    file = out / FILE
    if is_damaged(out):
        return  # what is left of it is computed again
    if not file.exists():
        if out.is_dir() and not holds_nothing(out, TEMPORARIES) and not (out / "simulations").is_dir():
            raise ValueError(f"the output folder {out} is not empty and holds no calibration: give another.")
        return
    if not method.simulates:
        raise ValueError(f"the output folder {out} holds a calibration already: give another with --out.")
    there = _request_of(file)
    for key, value in mine.items():
        if there.get(key) != value:
            reason = DIFFERS.get(key, f"its {key} is {there.get(key)!r}, yours is {value!r}")
            raise ValueError(f"the output folder {out} holds another calibration ({reason}): give another folder.")


def is_damaged(out: Path) -> bool:
    """Whether the result of an output folder is damaged, as after a power cut.

    Beside simulations, of which `fit` says whether they are this calibration's, what is no NetCDF was the result.
    """
    file = out / FILE
    return is_broken(file) or (file.is_file() and not is_netcdf(file) and (out / "simulations").is_dir())


def _request_of(file: Path) -> dict[str, Any]:
    """What a finished result was asked for."""
    try:
        tree = CalibrationResult.load(file).tree
        whole = {"status", "method", "seed"} <= set(tree.attrs) and "posterior" in tree.children
        found = json.loads(tree.attrs.get("request", "{}")) if whole else None
    except (OSError, KeyError, ValueError, RuntimeError) as error:
        raise ValueError(f"{file} is not a result that can be read: give another folder.") from error
    if not isinstance(found, dict):
        raise ValueError(f"{file} is no whole result of a calibration: give another folder.")
    return found
