"""What the tree of a result needs of a problem: draws as arrays, labels of groups, dates of days."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy.typing as npt
import torch

from causal_lpm.inference.program.problem import Problem
from causal_lpm.validate import known

__all__ = ["arrays", "coords_of", "dates_of", "labels_of", "nuisances_of", "scales_of"]


def arrays(values: Mapping[str, torch.Tensor]) -> dict[str, npt.NDArray[Any]]:
    """Draws as float64 arrays, `[draw, *shape]`."""
    return {name: value.detach().double().numpy() for name, value in values.items()}


def nuisances_of(problem: Problem, z: torch.Tensor, all_of_them: bool = False) -> dict[str, torch.Tensor]:
    """Values of the nuisances that terms speak of, so that predictions go on with them, in z `[draw, all]`.

    With `all_of_them` the data speak of the others, too: z is a draw of the posterior of all latent sites.
    """
    nuisances = {p.name for p in problem.nuisances}
    informed = nuisances if all_of_them else nuisances - problem.prior.late if problem.terms else ()
    return {name: value for name, value in problem.constrain(z).items() if name in informed}


def coords_of(problem: Problem) -> dict[str, tuple[str, ...]]:
    """Dimension of a parameter -> its labels, where its site has some, `infer={"entries": labels}`."""
    named = [parameter for parameter in (*problem.parameters, *problem.nuisances) if parameter.entries]
    return {f"{each.name}_dim_{each.value.dim() - 1}": each.entries for each in named}


def scales_of(problem: Problem) -> dict[str, str]:
    """Parameter -> "log" where its support is the positive numbers, "logit" where it is the numbers from 0 to 1."""
    found = {}
    for parameter in problem.parameters:
        support = parameter.fn.support
        while hasattr(support, "base_constraint"):
            support = support.base_constraint
        low, high = (getattr(support, end, None) for end in ("lower_bound", "upper_bound"))
        if isinstance(low, int | float) and low == 0 and not parameter.event:
            if high is None:
                found[parameter.name] = "log"
            elif isinstance(high, int | float) and high == 1:
                found[parameter.name] = "logit"
    return found


def dates_of(problem: Problem) -> dict[str, npt.NDArray[Any]]:
    """Site -> the date of each day, where its data have dates."""
    return {name: series.dates for name, series in problem.data.items() if series.dates is not None}


def labels_of(problem: Problem, groups: Mapping[str, Any] | None) -> dict[str, Any]:
    """Site -> labels of its groups: as they are given, or else as the data have them.

    Raises:
        ValueError: groups of an unknown site, or others than those of the data.
    """
    for name in groups or {}:
        known("data site", name, problem.data)
    found = {name: series.groups for name, series in problem.data.items() if series.groups is not None}
    for name, labels in (groups or {}).items():
        own = found.get(name, labels)
        if isinstance(labels, Sequence) and not isinstance(labels, str) and list(map(str, labels)) != list(own):
            raise ValueError(
                f"the data of site {name!r} have the groups {', '.join(map(str, own))} and groups= says "
                f"{', '.join(map(str, labels))}: put both into the order of the model."
            )
    return {**found, **(groups or {})}
