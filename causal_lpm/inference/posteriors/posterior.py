"""What every posterior can do: it is given data sets, and what that makes draws, has a density and gates."""

from collections.abc import Mapping
from typing import Any, Protocol, runtime_checkable

import torch

from causal_lpm.inference.diagnostics.report import Gate

__all__ = ["Data", "HasChains", "HasMembers", "Posterior", "PosteriorGiven", "as_trained"]

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


@runtime_checkable
class HasChains(Protocol):
    """A posterior given data that draws Markov chains of all latent sites, nuisances among them."""

    def drawn(self, draws: int, seed: int) -> Any:
        """The chains themselves."""
        ...

    def completed(self, draws: int, seed: int) -> torch.Tensor:
        """Draws with nuisances, `[draws, n, all]`, chain after chain."""
        ...


def as_trained(posterior: Posterior) -> Posterior:
    """The posterior under the prior that it was trained with, which known truths of that prior belong to."""
    trained: Posterior = getattr(posterior, "trained", posterior)
    return trained
