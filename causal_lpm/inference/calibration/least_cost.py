"""How much memory and time a calibration takes at the very least, before any of it is spent."""

import math

from causal_lpm.inference.calibration.simulator import batch_size
from causal_lpm.inference.program.problem import Problem
from causal_lpm.validate import fits_in_memory, fits_in_time

__all__ = ["check_counts"]

COPIES = 4  # of simulations and draws: as made, joined, as features, in the result
TRAINING = 5e4  # steps in which the training of a network is counted: a second


def check_counts(problem: Problem, budget: int, gate: int, draws: int, ensemble: int) -> None:
    """Raises ValueError where simulations, draws or networks are more than memory holds, or than months suffice for.

    `budget` and `gate` count simulations, `draws` those of the posterior in the result, `ensemble` networks.
    """
    shapes = [tuple(series.values.shape) for series in problem.data.values()]
    numbers, days = problem.size + sum(map(math.prod, shapes)), max((shape[-1] for shape in shapes if shape), default=1)
    simulations, together = budget + gate, batch_size(problem.agents)
    what, fewer = f"{simulations} simulations", "give a smaller budget, or fewer for the gates"
    fits_in_memory(what, 8.0 * COPIES * simulations * (numbers + 2), fewer)
    fits_in_time(what, simulations * days / together, together * problem.agents, fewer)
    fits_in_memory(f"{draws} draws", 8.0 * COPIES * draws * (problem.size + 2), "ask for fewer draws")
    fits_in_time(f"the training of {ensemble} networks", ensemble * TRAINING, instead="ask for fewer networks")
