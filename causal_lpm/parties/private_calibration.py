"""Parameters are fitted to released totals by gradient descent; derivatives are computed on shares.

A loss is a public function of totals that were released, so its derivatives with respect to them are public. From there
back to the parameters torch's autograd runs on secrets, under `StraightThrough`: each party has a part of the gradient,
nobody has a party's contribution to it, and what is opened has the noise of the release.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from causal_lpm import validate
from causal_lpm.handlers.gradients import StraightThrough
from causal_lpm.handlers.private.numbers import is_secret
from causal_lpm.handlers.private.sharing import opened
from causal_lpm.ops.simulation import Rollout
from causal_lpm.parties.group_sizes import GroupSizes
from causal_lpm.parties.ledger import Ledger
from causal_lpm.parties.opening import Opening
from causal_lpm.parties.real_simulation import RealSimulation
from causal_lpm.parties.release import Release

__all__ = ["PrivateCalibration", "calibrate_private", "descend"]

Loss = Callable[[Mapping[str, Tensor]], Tensor]
"""Released totals -> one number, differentiable."""

Evaluation = Callable[[Mapping[str, float]], tuple[float, Mapping[str, float]]]
"""Parameters -> the loss, and its derivative by each of them."""


@dataclass(frozen=True)
class PrivateCalibration:
    """What a calibration has found.

    Attributes:
        values: Name -> the parameter with the least loss that was met.
        losses: The loss at each step.
        path: The parameters at each step.
        ledger: What was released on the way, and its price.
    """

    values: dict[str, float]
    losses: list[float]
    path: list[dict[str, float]]
    ledger: Ledger


def calibrate_private(
    real_sim: RealSimulation,
    loss: Loss,
    begin: Mapping[str, float],
    *,
    gradients: Release,
    steps: int = 40,
    rate: float = 0.1,
) -> PrivateCalibration:
    """Fits positive parameters of a deployed simulation, with all other parties; all come to the same values.

    Every step releases the totals of `real_sim` and a gradient, and has its price. The luck is the same in all steps.

    Args:
        real_sim: Deployed; its simulation takes the population and the parameters, tensors `[1]` by name, and has float
            columns where gradients flow, see `StraightThrough`.
        loss: Of the released totals.
        begin: Name -> where the descent begins, above 0; it goes along logarithms.
        gradients: The range of each parameter's derivative, and the noise on it. The sensitivity is that of a
            derivative to one agent, which nothing here bounds.
        steps: How many gradients are taken.
        rate: Step length of Adam, in logarithms.

    Raises:
        ValueError: parameters that are not positive, without a range of their derivative, or not reached by gradients;
            a total or derivative that may not be released.
        PartyLost: a process has gone.
        Disagreement: something public differs.

    >>> def pull(values):  # towards 2
    ...     return (values["beta"] - 2) ** 2, {"beta": 2 * (values["beta"] - 2)}
    >>> round(descend(pull, {"beta": 1.0}, steps=60, rate=0.1).values["beta"], 2)
    2.0
    """
    for name in begin:
        validate.known("range of a gradient", name, gradients.ranges)

    def evaluate(values: Mapping[str, float]) -> tuple[float, Mapping[str, float]]:
        return _evaluated(real_sim, loss, values, gradients)

    found = descend(evaluate, begin, steps, rate)
    return PrivateCalibration(found.values, found.losses, found.path, real_sim.ledger)


def descend(evaluate: Evaluation, begin: Mapping[str, float], steps: int, rate: float) -> PrivateCalibration:
    """Adam (Kingma and Ba 2015) along the logarithms of parameters; the rate falls to a tenth along a cosine."""
    validate.positive_count("steps", steps)
    if not begin or not all(0 < value < math.inf for value in begin.values()):
        raise ValueError(f"the calibration begins at {dict(begin)}: give positive numbers, at least one.")
    logarithms = torch.tensor([math.log(value) for value in begin.values()], dtype=torch.float64, requires_grad=True)
    optimiser = torch.optim.Adam([logarithms], lr=rate, eps=1e-30)  # slopes may be of any size
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps, rate / 10)
    losses: list[float] = []
    path: list[dict[str, float]] = []
    for _ in range(steps):
        values = dict(zip(begin, logarithms.detach().exp().tolist(), strict=True))
        value, slopes = evaluate(values)
        losses.append(value)
        path.append(values)
        logarithms.grad = torch.tensor([slopes[name] * x for name, x in values.items()], dtype=torch.float64)
        optimiser.step()
        schedule.step()
    best = min(range(steps), key=losses.__getitem__)
    return PrivateCalibration(path[best], losses, path, Ledger())


def _evaluated(
    real_sim: RealSimulation, loss: Loss, values: Mapping[str, float], gradients: Release
) -> tuple[float, dict[str, float]]:
    parameters = {name: torch.tensor([value], requires_grad=True) for name, value in values.items()}
    with StraightThrough(), real_sim.running(real_sim.settings.release) as (people, contacts):
        run = real_sim.simulation(people, *contacts, parameters)
    if not isinstance(run, Rollout):
        raise ValueError(f"the simulation returned {type(run).__name__}: return the Rollout of its rollout.")
    totals = {name: run.tallies[name] for name in real_sim.settings.release.ranges}
    # The loss is public from here on: its slopes are brought to the size of one, so that shares keep their digits.
    known = {name: total.detach().double().requires_grad_() for name, total in totals.items()}
    cost = loss(known)
    slopes = torch.autograd.grad(cost, list(known.values()), allow_unused=True)
    ways = [(total, slope) for total, slope in zip(totals.values(), slopes, strict=True) if slope is not None]
    scale = max((float(slope.abs().max()) for _, slope in ways), default=0.0)
    released = {name: x.detach() for name, x in known.items()}
    if scale == 0.0:
        real_sim.confirm(released)
        return float(cost.detach()), dict.fromkeys(values, 0.0)
    torch.autograd.backward([total for total, _ in ways], [(slope / scale).to(total.dtype) for total, slope in ways])
    derivatives = {name: parameter.grad for name, parameter in parameters.items()}
    for name, derivative in derivatives.items():
        if derivative is None or not is_secret(derivative):
            raise ValueError(f"no gradient flows from the released totals to {name!r}: see StraightThrough.")
    opening = Opening(_scaled(gradients, scale), GroupSizes(), real_sim.ledger)
    found = opened(opening.check({name: x for name, x in derivatives.items() if x is not None}))
    real_sim.confirm({**released, **found})
    return float(cost.detach()), {name: float(found[name]) * scale for name in values}


def _scaled(gradients: Release, scale: float) -> Release:
    """The release of derivatives that were divided by a public number."""
    ranges = {name: (low / scale, high / scale) for name, (low, high) in gradients.ranges.items()}
    return Release(
        ranges,
        min_group=1,
        sigma2=None if gradients.sigma2 is None else float(gradients.sigma2) / scale**2,
        exact=gradients.exact,
        sensitivity=gradients.sensitivity / scale,
    )
