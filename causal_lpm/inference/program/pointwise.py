"""The log density of each number of the data by itself, for programs whose density is known."""

from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from pyro.poutine.messenger import Messenger

from causal_lpm.inference.program.problem import Problem
from causal_lpm.inference.program.scoring import by_day, valid_density

__all__ = ["pointwise_likelihood"]


def pointwise_likelihood(problem: Problem, z: torch.Tensor) -> dict[str, npt.NDArray[Any]]:
    """Data site -> log density of each of its numbers at z `[n, size]`, float64 `[n, *shape]`; NaN where missing.

    Sites whose numbers are joint, and those before the simulation, are left out.

    >>> import pyro, pyro.distributions as dist
    >>> from causal_lpm import observed
    >>> def model():
    ...     mean = pyro.sample("mean", dist.Normal(0.0, 1.0))
    ...     observed("x", dist.Normal(mean.unsqueeze(-1).expand(*mean.shape, 2), 1.0).to_event(1))
    >>> found = pointwise_likelihood(Problem(model, {"x": [0.0, 1.0]}), torch.zeros(1, 1))
    >>> found["x"].round(1).tolist()
    [[-0.9, -1.4]]
    """
    noted = _Noted(problem)

    def program() -> Any:
        with noted:
            return problem.model()

    with torch.no_grad():
        problem.log_likelihood(z, problem.everything(len(z)), program=program)
    return noted.found


class _Noted(Messenger):
    """Notes what each data site says of each number, once its value is there."""

    def __init__(self, problem: Problem) -> None:
        super().__init__()
        self._data = problem.data
        self.found: dict[str, npt.NDArray[Any]] = {}

    def _pyro_post_sample(self, msg: Any) -> None:
        name = msg["name"]
        if name not in self._data:
            return
        try:
            fn, _ = by_day(name, msg["fn"])
        except ValueError:  # joint over its days
            return
        present = self._data[name].present
        density = valid_density(fn, msg["value"]).double().expand(msg["value"].shape)
        each = density.reshape(-1, *present.shape)
        self.found[name] = np.asarray(torch.where(present, each, torch.nan))
