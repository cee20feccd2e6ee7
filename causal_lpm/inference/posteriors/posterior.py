"""What every posterior can do: it is given data sets, and what that makes draws, has a density and gates."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy.typing as npt
import torch

from causal_lpm.inference.diagnostics.report import Gate

__all__ = ["Data", "Draws", "HasMembers", "HasNuisances", "Posterior", "PosteriorGiven", "as_trained"]

Data = Mapping[str, Any]
"""Data site -> `[n, *shape]`, n data sets."""


class PosteriorGiven(Protocol):
    """The posterior given n data sets; nothing in it depends on what else was asked."""

    def sample(self, draws: int, seed: int) -> torch.Tensor:
        """Draws of z, `[draws, n, size]`."""
        ...

    def log_prob(self, z: torch.Tensor) -> torch.Tensor | None:
        """Log density at z `[s, n, size]`, `[s, n]`; None where there is none."""
        ...

    def gates(self, draws: int = 1000, seed: int = 0) -> tuple[Gate, ...]:
        """What there is to say of how it was made, and of `sample(draws, seed)`."""
        ...


class Posterior(Protocol):
    """The parameters given any data set of a problem's sites."""

    def given(self, data: Data) -> PosteriorGiven:
        """The posterior of these data sets."""
        ...


@runtime_checkable
class HasMembers(Protocol):
    """A posterior given data that is a mixture of members, trained alike."""

    def sample_members(self, each: int, seed: int) -> torch.Tensor:
        """Draws of each member, `[members, each, n, size]`."""
        ...


@dataclass(frozen=True)
class Draws:
    """Draws of one data set, chain after chain.

    Attributes:
        z: With nuisances that go with the parameters, `[draws, all]`.
        chains: Of equal length.
        statistics: Of each draw, by ArviZ's names, `[draws]`; None where there are none.
        exact: Whether they follow the density of the model.
    """

    z: torch.Tensor
    chains: int = 1
    statistics: Mapping[str, npt.NDArray[Any]] | None = None
    exact: bool = False


@runtime_checkable
class HasNuisances(Protocol):
    """A posterior given data that draws nuisances with the parameters."""

    def completed(self, draws: int, seed: int) -> Draws:
        """Draws of the first data set, `draws` or a little more; parameters come first, as in `sample`."""
        ...


def as_trained(posterior: Posterior) -> Posterior:
    """The posterior under the prior that it was trained with, which known truths of that prior belong to."""
    trained: Posterior = getattr(posterior, "trained", posterior)
    return trained
