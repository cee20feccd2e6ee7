import random
from collections.abc import Callable

import numpy as np
import pyro
import pyro.distributions as dist
import pytest
import torch

from causal_lpm import observed
from causal_lpm.inference.program.problem import Problem
from causal_lpm.inference.program.side_by_side import check_side_by_side

DAYS = 4


def noisy(noise: Callable[[], float]) -> Callable[[], None]:
    def model() -> None:
        mean = pyro.sample("mean", dist.Normal(0.0, 1.0))
        observed("x", dist.Normal(mean[..., None].expand(*mean.shape, DAYS) + noise(), 1.0).to_event(1))

    return model


@pytest.mark.parametrize("noise", [np.random.rand, random.random, lambda: torch.rand(())], ids=["numpy", "py", "torch"])
def test_luck_that_no_seed_determines_is_refused(noise: Callable[[], float]) -> None:
    problem = Problem(noisy(noise), {"x": np.ones(DAYS)})
    with pytest.raises(ValueError, match="other numbers for the same seeds"):
        check_side_by_side(problem)


def test_luck_that_a_seed_determines_is_not_refused() -> None:
    check_side_by_side(Problem(noisy(lambda: np.random.default_rng(0).random()), {"x": np.ones(DAYS)}))
