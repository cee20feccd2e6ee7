"""Parameters of a study as a table: name, distribution, its arguments, and what the parameter is."""

from collections.abc import Callable, Collection, Mapping
from typing import Any, TypeAlias

import pyro
import pyro.distributions as dist
import torch

__all__ = ["Priors", "sampled", "vector"]

Priors: TypeAlias = Mapping[str, tuple[Callable[..., dist.TorchDistribution], tuple[float, float], str]]
"""Name -> (distribution, arguments, what it is)."""


def sampled(priors: Priors, nuisances: Collection[str] = ()) -> dict[str, torch.Tensor]:
    """Samples every parameter, `[1]`, or `[*draws, 1]` where draws are substituted.

    Args:
        priors: Of all parameters.
        nuisances: Those that a calibration does not ask for: they are drawn anew in each simulation.
    """
    mark: Any = {"nuisance": True}  # unknown to Pyro's type of this argument
    return {
        name: torch.atleast_1d(
            pyro.sample(name, family(*map(torch.tensor, arguments)), infer=mark if name in nuisances else None)
        )
        for name, (family, arguments, _) in priors.items()
    }


def vector(name: str, prior: dist.TorchDistribution) -> torch.Tensor:
    """Samples P numbers as one site, `[P]`, or `[*draws, P]` where draws `[*draws, 1, P]` are substituted."""
    value: torch.Tensor = pyro.sample(name, prior)
    return value.squeeze(-2) if value.dim() > 1 else value
