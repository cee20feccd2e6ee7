"""Point calibration by gradients: the parameters and networks under which the data are most probable.

An optimiser. It gives one point without any uncertainty, and is what remains where a neural network generates
parameters that vary over time: one network a region, or one shared by all regions (Chopra et al., Differentiable
agent-based epidemiology, AAMAS 2023, arXiv:2207.09714).
"""

import math
import warnings
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyro
import torch
from pyro.infer.autoguide import AutoDelta

from causal_lpm.handlers import KeyedNoise, MeanField
from causal_lpm.inference.program.evaluation import torch_seed
from causal_lpm.inference.program.missing_days import GivenData
from causal_lpm.inference.program.program import read
from causal_lpm.inference.program.series import Series, as_series, check_support
from causal_lpm.validate import fits_in_time, known, whole_number

__all__ = ["PointCalibration", "point_calibration"]

Program = Callable[[], Any]
Estimator = Callable[[], AbstractContextManager[Any]]

LONGEST_GRADIENT = 10.0  # one wild week must not throw the network away


@dataclass(frozen=True)
class PointCalibration:
    """Where an optimiser ended: a point, never a posterior.

    Attributes:
        parameters: Latent site -> its value at the best step, in the model's units.
        state: Name of the module or `pyro.param` -> its state at the best step: a state dict, or a tensor. The modules
            themselves are left there too.
        generated: Deterministic site that depends on what was optimised, such as what a network generates -> its value
            at the best step.
        losses: Minus the log joint density at every step, float64 `[steps]`.
        best_step: The step with the smallest loss; luck is drawn anew at every step, so it is a noisy minimum.
        seed: Determines every number.
        estimator: The gradient handler that the model ran under.
    """

    parameters: dict[str, torch.Tensor]
    state: dict[str, Any]
    generated: dict[str, torch.Tensor]
    losses: npt.NDArray[np.float64]
    best_step: int
    seed: int
    estimator: Estimator = MeanField

    def run(self, program: Program, seed: int | None = None) -> Any:
        """What a program returns at the point: the calibrated model, or the same one over more days.

        Args:
            program: Without arguments, with sites of the same names; networks as the calibration left them.
            seed: Of the luck; that of the calibration if None.

        Returns:
            The result of the program, without gradient; its data sites are drawn.
        """
        luck = self.seed if seed is None else seed
        with (
            torch.no_grad(),
            torch_seed(luck),
            self.restored(),
            KeyedNoise(luck),
            self.estimator(),
            pyro.condition(data=self.parameters),
        ):
            return program()

    def restored(self) -> AbstractContextManager[Any]:
        """Inside, `pyro.param` finds what was optimised; modules, which hold it themselves, are registered anew."""
        plain = {name: value for name, value in self.state.items() if isinstance(value, torch.Tensor)}
        real: dict[str, Any] = dict.fromkeys(plain, torch.distributions.constraints.real)
        params = {name: value.clone().requires_grad_() for name, value in plain.items()}
        restored: AbstractContextManager[Any] = pyro.get_param_store().scope({"params": params, "constraints": real})
        return restored


def point_calibration(
    model: Program,
    data: Mapping[str, Any],
    *,
    steps: int = 200,
    learning_rate: float = 0.01,
    weight_decay: float = 0.0,
    seed: int = 0,
    guide: Any = None,
    estimator: Estimator = MeanField,
    progress: Callable[[int, int], None] | None = None,
) -> PointCalibration:
    """Maximises the log joint density of a model and its data by gradients through the simulation. An optimiser.

    Latent sites become points (`AutoDelta`: the mode of the prior times the likelihood, in the model's units);
    networks given to `pyro.module` are trained. The gradient has the bias of its handler, see `MeanField`. What comes
    out says nothing about how far the truth may be from it; for that use `fit(..., method="svi+npe")`.

    Args:
        model: A Pyro program without arguments, with sites `observed(name, distribution)` for the data.
        data: Site -> numbers of the site's shape, NaN where missing.
        steps: Of Adam, with a cosine schedule of the learning rate.
        learning_rate: At the beginning; it ends at a twentieth.
        weight_decay: Of Adam, on all parameters.
        seed: Of the agents' luck, drawn anew at every step, and of the initial values of the latent sites; the networks
            come with their own.
        guide: A guide for the latent sites whose draws carry gradients, in place of `AutoDelta(model)`.
        estimator: The gradient handler: `MeanField`, or `StraightThrough` for the exact simulation.
        progress: Called with (steps done, all).

    Returns:
        The best of all steps.

    Raises:
        ValueError: an unknown data site or data that it cannot produce; nothing to optimise, or nothing that a gradient
            reaches; a loss that is not finite.

    >>> import pyro, pyro.distributions as dist
    >>> from causal_lpm import observed
    >>> def model():
    ...     rate = pyro.sample("rate", dist.Gamma(1.0, 1.0))
    ...     observed("count", dist.Poisson(rate.expand(3)).to_event(1))
    >>> point = point_calibration(model, {"count": [2, 0, 4]}, steps=300, learning_rate=0.05)
    >>> round(float(point.parameters["rate"]), 2)  # (0 + 2 + 0 + 4) / (1 + 3)
    1.5
    """
    steps = whole_number("steps", steps)
    fits_in_time(f"{steps} steps", 50.0 * steps)  # each runs the model
    seed = whole_number("seed", seed, low=0)
    if not learning_rate > 0:
        raise ValueError(f"the learning rate is {learning_rate}: give a positive number, such as 0.01.")
    given = _check(model, data, seed, estimator)

    conditioned = _Conditioned(model, given, estimator, seed)
    with torch_seed(seed), pyro.get_param_store().scope():
        chosen = AutoDelta(conditioned) if guide is None else guide
        losses, best = _descend(conditioned, chosen, steps, learning_rate, weight_decay, progress)
        with torch.no_grad():
            for tensor, value in best.values():
                tensor.copy_(value)
            at_best = dict[str, Any](pyro.poutine.trace(chosen).get_trace().nodes)
        parameters = {
            name: node["value"].detach().clone()
            for name, node in at_best.items()
            if node["type"] == "sample" and not node["infer"].get("is_auxiliary")
        }
        generated = _generated(conditioned, chosen)
        of_guide = {name for name, node in at_best.items() if node["type"] == "param"}
        state = _state({name: value for name, (_, value) in best.items() if name not in of_guide})
    return PointCalibration(parameters, state, generated, losses, int(losses.argmin()), seed, estimator)


def _check(model: Program, data: Mapping[str, Any], seed: int, estimator: Estimator) -> dict[str, Series]:
    """The data as series, checked against one run of the model."""
    if not data:
        raise ValueError("there are no data: give a mapping from the model's data sites to their numbers.")
    with pyro.get_param_store().scope():
        sites = read(model, estimator(), data=data, seed=seed).of("parameter", "nuisance", "data")
    found: dict[str, Series] = {}
    for name, numbers in data.items():
        known("data site", name, sites)
        plain = numbers.numpy(force=True) if isinstance(numbers, torch.Tensor) else numbers
        found[name] = as_series(name, plain, tuple(sites[name].value.shape))
        check_support(name, found[name], sites[name].fn)
    for name, site in sites.items():
        if name not in data and not site.given and getattr(site.fn.support, "is_discrete", False):
            raise ValueError(f"site {name!r} is discrete and has no gradient: give its data, or a continuous prior.")
    return found


class _Conditioned:
    """The model with its data, its luck and its gradient handler inside: a guide looks at it without those outside."""

    def __init__(self, model: Program, data: Mapping[str, Series], estimator: Estimator, seed: int) -> None:
        self.model, self.data, self.estimator, self.seed = model, data, estimator, seed

    def __call__(self) -> Any:
        with KeyedNoise(self.seed), self.estimator(), GivenData(self.data):
            return self.model()


def _descend(
    model: _Conditioned,
    guide: Program,
    steps: int,
    learning_rate: float,
    weight_decay: float,
    progress: Callable[[int, int], None] | None,
) -> tuple[npt.NDArray[np.float64], dict[str, tuple[torch.Tensor, torch.Tensor]]]:
    """Losses, and name -> (the parameter itself, its value at the best step)."""
    optimiser: torch.optim.Adam | None = None
    schedule: Any = None
    tensors: dict[str, torch.Tensor] = {}
    best: dict[str, tuple[torch.Tensor, torch.Tensor]] = {}
    losses = np.full(steps, math.inf)
    for step in range(steps):
        loss, used = _loss(model, guide)
        model.seed += 1
        if optimiser is None:
            tensors = {name: node["value"].unconstrained() for name, node in used.items()}
            if not tensors:
                raise ValueError(
                    "there is nothing to optimise: the model has no latent site (pyro.sample) and no network "
                    "(pyro.module)."
                )
            optimiser = torch.optim.Adam(tensors.values(), lr=learning_rate, weight_decay=weight_decay)
            schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps, learning_rate / 20)
        losses[step] = _finite(loss, step)
        if losses[step] <= losses[: step + 1].min():
            best = {name: (tensor, tensor.detach().clone()) for name, tensor in tensors.items()}
        optimiser.zero_grad()
        loss.backward()
        if step == 0:
            _reached(tensors)
        torch.nn.utils.clip_grad_norm_(tensors.values(), LONGEST_GRADIENT)
        optimiser.step()
        schedule.step()
        if progress is not None:
            progress(step + 1, steps)
    return losses, best


def _generated(model: Program, guide: Program) -> dict[str, torch.Tensor]:
    """Deterministic sites that a gradient would pass through: policies are none of them."""
    proposed = pyro.poutine.trace(guide).get_trace()
    nodes = dict[str, Any](pyro.poutine.trace(pyro.poutine.replay(model, trace=proposed)).get_trace().nodes)
    return {
        name: node["value"].detach().clone()
        for name, node in nodes.items()
        if node["type"] == "sample" and node["infer"].get("_deterministic") and node["value"].requires_grad
    }


def _loss(model: Program, guide: Program) -> tuple[torch.Tensor, dict[str, Any]]:
    """Minus the ELBO of one draw of the guide, and the parameters in use.

    Pyro's Trace_ELBO would ask for a plate around every dimension of a data site, such as regions side by side.
    """
    proposed = pyro.poutine.trace(guide).get_trace()
    joint = pyro.poutine.trace(pyro.poutine.replay(model, trace=proposed)).get_trace()
    nodes = (*proposed.nodes.items(), *joint.nodes.items())
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Encountered (NaN|[+-]?inf)")  # an error follows, in one sentence
        loss = torch.as_tensor(proposed.log_prob_sum() - joint.log_prob_sum())
    return loss, {name: node for name, node in nodes if node["type"] == "param"}


def _finite(loss: torch.Tensor, step: int) -> float:
    value = float(loss.detach())
    if not math.isfinite(value):
        raise ValueError(
            f"the loss of step {step} is {value}: look for a logarithm of zero or a division by zero in the model, "
            "bound the outputs of its networks, or lower the learning rate."
        )
    if not loss.requires_grad:
        raise ValueError(
            "no gradient reaches the data sites: multiply float columns by events instead of comparing or converting "
            "them, and let the distribution of a data site depend on the parameters."
        )
    return value


def _reached(tensors: Mapping[str, torch.Tensor]) -> None:
    lost = sorted(name for name, tensor in tensors.items() if tensor.grad is None)
    if lost:
        raise ValueError(
            f"no gradient reaches {lost[0]!r}: let the data sites depend on it, or leave it out of the model."
        )


def _state(values: Mapping[str, torch.Tensor]) -> dict[str, Any]:
    """Pyro's flat names, `module$$$layer.weight`, as one state dict a module."""
    state: dict[str, Any] = {}
    for name, value in values.items():
        module, separator, inside = name.partition("$$$")
        if separator:
            state.setdefault(module, {})[inside] = value
        else:
            state[name] = value
    return state
