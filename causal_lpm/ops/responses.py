"""Distributions of what an agent does, written as functions of its exogenous noise: x = f(parameter, noise).

Unobserved, a response is computed from its noise and adds nothing to the log density (that of its noise counts).
Observed, it adds the marginal log p of the observation, and the noise is drawn from its posterior given that
observation: abduction for one individual, after which other worlds replay the same individual (Pearl 2009, section 7.1;
Oberst and Sontag 2019 for the Gumbel posterior).
"""

import math
from abc import abstractmethod
from typing import Any, ClassVar, Literal, TypeAlias

import numpy as np
import pyro.distributions as dist
import torch
from torch.distributions import constraints

from causal_lpm import validate
from causal_lpm.ops.dimensions import world_dimensions
from causal_lpm.ops.exogenous import exogenous
from causal_lpm.ops.outcomes import checked_data, impossible, in_step, unknown

__all__ = ["Choice", "Coupling", "Event", "Response"]

Coupling: TypeAlias = Literal["gumbel", "inverse_cdf", "independent"]
"""How the choices of one agent in two worlds are related; data on one world cannot decide it."""


class Response(dist.TorchDistribution):
    """x = f(parameter, exogenous noise), agents in the last batch dimension.

    Args:
        name: Name of the response and of its noise.
        parameter: Hazards `[*dims, agents]` or logits `[*dims, agents, K]`.
        event_dim: Dimensions of one agent's parameter: 0 for a hazard, 1 for logits.

    A value of NaN is unknown: it has no log p, and does not change the noise.
    """

    kind: ClassVar[str]
    arg_constraints: ClassVar[dict[str, constraints.Constraint]] = {}
    has_enumerate_support = False

    def __init__(self, name: str, parameter: torch.Tensor, event_dim: int = 0) -> None:
        self.name, self._parameter, self.parameter_dim = name, parameter, event_dim
        self.drawn = False  # whether its value was computed from its noise, and is not data
        self._noise: torch.Tensor | None = None
        super().__init__(parameter.shape[: parameter.dim() - event_dim], validate_args=False)

    @property
    def parameter(self) -> torch.Tensor:
        """Hazards `[*dims, agents]` or logits `[*dims, agents, K]`."""
        return self._parameter

    def like(self, parameter: torch.Tensor) -> "Response":
        """The same response to another parameter."""
        return type(self)(self.name, parameter, self.parameter_dim)

    def expand(self, batch_shape: Any, _instance: Any = None) -> "Response":
        tail = self.parameter.shape[self.parameter.dim() - self.parameter_dim :]
        return self.like(self.parameter.expand(tuple(batch_shape) + tail))

    def sample(self, sample_shape: Any = ()) -> torch.Tensor:
        if tuple(sample_shape):
            raise ValueError(f"{self.name!r} cannot be sampled in shapes: its noise belongs to agents; use replicates.")
        self.drawn, value = True, self.respond(self.noise())
        return value.expand(np.broadcast_shapes(value.shape, self.batch_shape))

    def log_prob(self, value: torch.Tensor) -> torch.Tensor:
        if self.drawn:
            return torch.zeros(self.batch_shape, device=value.device)
        missing = unknown(value)
        return self.marginal(value) if missing is None else torch.where(missing, 0.0, self.marginal(_filled(value)))

    def noise(self) -> torch.Tensor:
        """Exogenous noise, `[*replicates, agents]` or `[*replicates, agents, K]`, drawn once."""
        if self._noise is None:
            self._noise = self.fresh_noise()
        return self._noise

    def abduct(self, noise: torch.Tensor, value: torch.Tensor) -> torch.Tensor:
        """Noise from its posterior given `value`, driven by prior `noise`."""
        missing = unknown(value)
        if missing is None:
            return self.posterior(noise, value)
        missing = missing.reshape(missing.shape + (1,) * self.noise_dim)
        return torch.where(missing, noise, self.posterior(noise, _filled(value)))

    def checked(self, data: Any) -> torch.Tensor:
        """Data of this response, refused where they are not among its outcomes, or impossible in every row."""
        what = f"{self.kind} {self.name!r}{in_step()}"
        given = checked_data(what, data, self.batch_shape, self.outcomes)
        never = self._factual().impossible(given)
        if bool(never.any()):
            impossible(self.name, given, never, what)
        return given

    def possible(self, data: torch.Tensor) -> torch.Tensor:
        """Data with NaN in the place of what is impossible in the factual world, `[agents]` or `[*dims, agents]`.

        A row in which the data are impossible has log p -inf whatever comes of it. There the agent is as if it were not
        observed: an infection of the immune, say, would lead out of all stages that there are.
        """
        never = self._factual().impossible(data)
        return torch.where(never, torch.nan, data) if bool(never.any()) else data

    def impossible(self, value: torch.Tensor) -> torch.Tensor:
        """Where an observation has probability 0, bool `[*dims, agents]`; the unknown is possible."""
        with torch.no_grad():
            return self.log_prob(value).isneginf()

    def _factual(self) -> "Response":
        """The same in the factual world, to which data belong."""
        parameter = self.parameter
        for dim in world_dimensions().values():
            if parameter.dim() - self.parameter_dim >= -dim:
                parameter = parameter.narrow(dim - self.parameter_dim, 0, 1)
        return self.like(parameter)

    @property
    @abstractmethod
    def outcomes(self) -> int:
        """How many outcomes an agent has, numbered from 0."""

    @property
    def noise_dim(self) -> int:
        """Dimensions of the noise right of the agents."""
        return 0

    @abstractmethod
    def fresh_noise(self) -> torch.Tensor:
        """Exogenous noise, `[*replicates, agents]` or `[*replicates, agents, K]`."""

    @abstractmethod
    def respond(self, noise: torch.Tensor) -> torch.Tensor:
        """What the agents do, given their noise."""

    @abstractmethod
    def marginal(self, value: torch.Tensor) -> torch.Tensor:
        """Log p of an observation, the noise integrated out."""

    @abstractmethod
    def posterior(self, noise: torch.Tensor, value: torch.Tensor) -> torch.Tensor:
        """Noise from its posterior given a known `value`, driven by prior `noise`."""


def _filled(value: torch.Tensor) -> torch.Tensor:
    return torch.where(value.isnan(), 0.0, value)


class Event(Response):
    """Happens with probability 1 - exp(-hazard): E < hazard with E ~ Exp(1)."""

    kind = "event"
    outcomes = 2
    support = constraints.boolean

    def __init__(
        self, name: str, parameter: torch.Tensor, event_dim: int = 0, where: torch.Tensor | None = None
    ) -> None:
        self.rate, self.where = parameter, where
        super().__init__(name, parameter, event_dim)
        if where is not None:
            self._batch_shape = torch.Size(np.broadcast_shapes(parameter.shape, where.shape))

    @property
    def parameter(self) -> torch.Tensor:
        """The hazard of every agent, computed on request."""
        return self.rate if self.where is None else torch.where(self.where, self.rate, 0.0)

    def fresh_noise(self) -> torch.Tensor:
        return exogenous(self.name, self.batch_shape[-1])

    def respond(self, noise: torch.Tensor) -> torch.Tensor:
        validate.hazard(self.name, self.rate)
        return noise < self.parameter

    def marginal(self, value: torch.Tensor) -> torch.Tensor:
        validate.hazard(self.name, self.rate)
        # The inner `where` keeps the gradient at hazard 0, where nothing happened, from being 0 * inf.
        happened = value.bool()
        rate = torch.where(happened, self.parameter, 1.0)
        return torch.where(happened, torch.log(-torch.expm1(-rate)), -self.parameter)

    def impossible(self, value: torch.Tensor) -> torch.Tensor:
        validate.hazard(self.name, self.rate)
        hazard = self.parameter.detach()  # without its logarithm
        return torch.where(hazard == 0, value == 1, hazard.isinf() & (value == 0))

    def posterior(self, noise: torch.Tensor, value: torch.Tensor) -> torch.Tensor:
        # Happened: Exp(1) truncated to [0, hazard], by inverse CDF at 1 - exp(-noise). Did not happen: memoryless.
        hazard = self.parameter
        early = -torch.log1p(torch.expm1(-noise) * -torch.expm1(-hazard))
        below = torch.nextafter(hazard, torch.zeros_like(hazard))
        return torch.where(value.bool(), torch.minimum(early, below), hazard + noise)


class Choice(Response):
    """Categorical with the given logits, coupled across worlds in a named way."""

    kind = "choice"
    support = constraints.nonnegative_integer
    coupling: Coupling = "gumbel"

    def like(self, parameter: torch.Tensor) -> "Response":
        other = type(self)(self.name, parameter, self.parameter_dim)
        other.coupling = self.coupling
        return other

    @property
    def outcomes(self) -> int:
        return self.parameter.shape[-1]

    @property
    def noise_dim(self) -> int:
        return 0 if self.coupling == "inverse_cdf" else 1

    def fresh_noise(self) -> torch.Tensor:
        agents, options = self.parameter.shape[-2:]
        if self.coupling == "inverse_cdf":
            return exogenous(self.name, agents, "uniform")
        # A race of exponentials is Gumbel-max: argmin E_k exp(-logit_k).
        if self.coupling == "gumbel":
            return _races(self.name, agents, options)
        return self._independent_races(agents, options)

    def _independent_races(self, agents: int, options: int) -> torch.Tensor:
        """A field of its own for every world; the factual world has that of a run without worlds."""
        dims = list(self.parameter.shape[:-2])
        split = {dim + 1 for dim in world_dimensions().values()}  # the dimension of agents is not among `dims`
        worlds = [size if i - len(dims) in split else 1 for i, size in enumerate(dims)]
        names = [self.name, *(f"{self.name}_world_{i}" for i in range(1, math.prod(worlds)))]
        fields = torch.stack([_races(name, agents, options) for name in names])
        draws = list(fields.shape[1:-2])
        rank = max(len(worlds), len(draws))
        worlds, draws = ([1] * (rank - len(sizes)) + sizes for sizes in (worlds, draws))
        # A dimension holds worlds or draws, never both: interleave them, then merge each pair.
        fields = fields.reshape(*worlds, *draws, agents, options)
        order = [axis for i in range(rank) for axis in (i, rank + i)]
        merged = [w * d for w, d in zip(worlds, draws, strict=True)]
        return fields.permute(*order, -2, -1).reshape(*merged, agents, options)

    def respond(self, noise: torch.Tensor) -> torch.Tensor:
        if self.coupling == "inverse_cdf":
            upper = self.parameter.softmax(-1).cumsum(-1)
            # An impossible option is not chosen: neither first, by a uniform of 0, nor last, as a sum ends below 1.
            within = noise.clamp(min=torch.finfo(noise.dtype).tiny).minimum(upper[..., -1])
            return (within[..., None] > upper[..., :-1]).sum(-1)
        return (self.parameter - noise.log()).argmax(-1)

    def marginal(self, value: torch.Tensor) -> torch.Tensor:
        chosen = value.long().expand(self.batch_shape)[..., None]
        return self.parameter.log_softmax(-1).gather(-1, chosen)[..., 0]

    def posterior(self, noise: torch.Tensor, value: torch.Tensor) -> torch.Tensor:
        if self.coupling == "independent":
            return noise  # the observation says nothing about the other worlds' races
        probability = self.parameter.softmax(-1)
        chosen = value.long()[..., None]
        if self.coupling == "inverse_cdf":
            upper = probability.cumsum(-1)
            high = upper.gather(-1, chosen.expand((*upper.shape[:-1], 1)))[..., 0]
            width = probability.gather(-1, chosen.expand((*upper.shape[:-1], 1)))[..., 0]
            return high - width * (1.0 - noise)
        # Top-down: the winner arrives first, after Exp(1); the others later by Exp(p_k). Arrival a_k is E_k / p_k.
        first = noise.gather(-1, chosen.expand((*noise.shape[:-1], 1)))
        winner = torch.nn.functional.one_hot(value.long(), probability.shape[-1]).bool()
        return torch.where(winner, first * probability, first * probability + noise)


def _races(name: str, agents: int, options: int) -> torch.Tensor:
    """Exponential noise of every option, `[*replicates, agents, K]`: fields of one slot lack the last dimension."""
    noise = exogenous(name, agents, "exponential", options)
    return noise[..., None] if options == 1 else noise
