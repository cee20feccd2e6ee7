"""Whether a model can be calibrated: draws of its parameters pass side by side, and seeds determine its numbers."""

import numpy as np
import torch

from causal_lpm.inference.program.evaluation import ELEMENTWISE, NotElementwiseError
from causal_lpm.inference.program.problem import Problem, Simulated

__all__ = ["check_side_by_side"]


def check_side_by_side(problem: Problem) -> None:
    """Runs the model of a problem with a few draws, twice.

    A model that fails in some parts of its prior is left to the simulations, which count it.

    Raises:
        ValueError: the model does not carry draws side by side, or gives other numbers for the same seeds.
    """
    sizes = {size for series in problem.data.values() for size in series.values.shape} | problem.series_sizes
    n = next(count for count in (2, 3, 4, 5, 6, 7) if count not in sizes)  # no draws are taken for groups
    z, seeds = problem.prior.draw(n, seed=0), torch.arange(n)
    together = _simulated(problem, z, seeds)
    if isinstance(together, NotElementwiseError):
        raise together
    if isinstance(together, Exception):
        alone = (_simulated(problem, z[row, None], seeds[row, None]) for row in range(n))
        # A model may raise anything, which sets of simulations record; but not only where draws are side by side.
        if not any(isinstance(one, Exception) for one in alone):
            raise ValueError(
                f"the model runs with one draw of the parameters and not with {n} side by side "
                f"({type(together).__name__}: {str(together).rstrip('.')}): {ELEMENTWISE}"
            ) from together
        return
    again = _simulated(problem, z, seeds, stray=1)
    if isinstance(again, Exception) or not _equal(together, again):
        raise ValueError(
            "the model gives other numbers for the same seeds, so something in it draws from a generator of its own "
            "(numpy.random, random, torch.rand): let event, choose and observed draw, which take their luck from seeds."
        )


def _simulated(problem: Problem, z: torch.Tensor, seeds: torch.Tensor, stray: int = 0) -> Simulated | Exception:
    try:
        return problem.simulate(z, seeds, stray)
    except Exception as error:  # noqa: BLE001  the caller looks at it
        return error


def _equal(one: Simulated, other: Simulated) -> bool:
    both = [(one.data, other.data), (one.series, other.series)]
    return all(np.array_equal(a[name], b[name], equal_nan=True) for a, b in both for name in a)
