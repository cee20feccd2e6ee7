"""A neural posterior that is known, and what focuses on it, for tests."""

import torch

from causal_lpm.inference.posteriors.focus import Focus, focus_on
from causal_lpm.inference.program.problem import Problem
from tests.inference.calibration.conjugate import line


class Known:
    """A neural posterior that is a normal density around the features, with independent coordinates."""

    def __init__(self, sd: float) -> None:
        self.sd = sd

    def log_prob(self, z: torch.Tensor, features: torch.Tensor) -> torch.Tensor:
        return torch.distributions.Normal(features, self.sd).log_prob(z).sum(-1)

    def sample(self, draws: int, features: torch.Tensor, seed: int) -> torch.Tensor:
        generator = torch.Generator().manual_seed(seed)
        return features + self.sd * torch.randn(draws, *features.shape, generator=generator)


LINE = Problem(line, {"x": [0.0] * 4})


def focus(centre: float, sd: float) -> Focus:
    """The focus on a posterior of this mean and standard deviation in both coordinates."""
    return focus_on(LINE, Known(sd), torch.full((1, 2), centre), seed=0)  # type: ignore[arg-type]
