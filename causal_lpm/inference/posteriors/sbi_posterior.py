"""A posterior as sbi's own tools take one: flat parameters, flat data, draws for one or many data sets.

sbi's diagnostics ask a posterior for `sample_batched`, `sample` and `log_prob`, whatever made it.
"""

from typing import Any

import torch

from causal_lpm.inference.posteriors.posterior import Data, Posterior, PosteriorGiven, as_trained
from causal_lpm.inference.program.problem import Problem
from causal_lpm.inference.runs.seeds import replicate_seed

__all__ = ["SbiPosterior"]


class SbiPosterior:
    """What `sbi.diagnostics` ask of a posterior.

    Parameters are z, without constraints and in units of the prior's standard deviation, in the order of
    `problem.names`; data are those of all sites, one after the other. Data that are missing are so in all data sets. A
    posterior of a second round answers under the prior of that round.

    Args:
        problem: The model and data.
        posterior: Of any data of the same sites.
        seed: Of its draws; each call draws anew.
    """

    def __init__(self, problem: Problem, posterior: Posterior, seed: int = 0) -> None:
        self.problem, self._posterior, self._seed = problem, as_trained(posterior), seed
        self.default_x: torch.Tensor | None = self.flat(problem.repeated(1))

    def flat(self, data: Data) -> torch.Tensor:
        """Data sets, site -> `[n, *shape]`, as rows `[n, numbers]`; 0 where missing."""
        rows = [torch.as_tensor(data[name]).float() for name in self.problem.data]
        return torch.cat([values.nan_to_num(0.0).reshape(len(values), -1) for values in rows], -1)

    def given(self, x: torch.Tensor | None = None) -> PosteriorGiven:
        """The posterior of rows of data; of the problem's own, if none are given."""
        rows = torch.atleast_2d(self.default_x if x is None else x)
        shapes = {name: series.values.shape for name, series in self.problem.data.items()}
        parts = rows.split([shape.numel() for shape in shapes.values()], -1)
        return self._posterior.given(
            {
                name: part.reshape(-1, *shape).double().numpy()
                for (name, shape), part in zip(shapes.items(), parts, strict=True)
            }
        )

    def sample(self, sample_shape: Any = (), x: torch.Tensor | None = None, **options: Any) -> torch.Tensor:
        """Draws for one data set, `[*sample_shape, size]`; options of sbi's sampling play no part."""
        return self.sample_batched(sample_shape, x).squeeze(-2)

    def sample_batched(self, sample_shape: Any = (), x: torch.Tensor | None = None, **options: Any) -> torch.Tensor:
        """Draws for n data sets, `[*sample_shape, n, size]`."""
        shape = torch.Size(sample_shape)
        self._seed = replicate_seed(self._seed, 0)
        drawn = self.given(x).sample(max(shape.numel(), 1), self._seed)
        return drawn.reshape(*shape, *drawn.shape[1:]) if shape else drawn[0]

    def log_prob(self, theta: torch.Tensor, x: torch.Tensor | None = None, **options: Any) -> torch.Tensor:
        """Log density of z `[n, size]` for one data set, `[n]`.

        Raises:
            ValueError: a posterior that has none, as that of "nuts" and "abc".
        """
        density = self.given(x).log_prob(torch.atleast_2d(theta).unsqueeze(1))
        if density is None:
            raise ValueError("this posterior has no density: use what sbi does with draws alone.")
        return density[:, 0]

    def set_default_x(self, x: torch.Tensor) -> "SbiPosterior":
        """The data set that is meant where none is given."""
        self.default_x = torch.atleast_2d(x)
        return self
