"""Exogenous noise: the luck of every agent, drawn apart from what the model makes of it.

A counterfactual keeps the noise and changes the rules. That works only if noise is a variable of its own: a Bernoulli
site is drawn again in every world, while `noise < probability` is not. So all randomness of an agent model enters here.
"""

import contextlib
from typing import Any, ClassVar, get_args

import pyro
import pyro.distributions as dist
import torch
from pyro.poutine.indep_messenger import IndepMessenger
from pyro.poutine.runtime import get_plates
from torch.distributions import constraints

from causal_lpm.kernels.quick_mode import without_quick_mode
from causal_lpm.ops.dimensions import refuse_worlds
from causal_lpm.ops.number_types import numbers
from causal_lpm.ops.pyro_stack import effectful
from causal_lpm.typing import NoiseKind
from causal_lpm.validate import fits_in_memory, known, whole_number

__all__ = ["RandomBits", "agent_plate", "checked_index", "exogenous"]


def agent_plate(agents: int) -> contextlib.AbstractContextManager[Any]:
    """The plate of agents at dimension -1; entering it inside itself does nothing (Pyro would raise)."""
    if any(frame.name == "agents" for frame in get_plates()):
        return contextlib.nullcontext()
    return IndepMessenger("agents", size=agents, dim=-1)


class RandomBits(dist.TorchDistribution):
    """63 random bits as an int64; its log probability is reported as 0, the constant being the same everywhere."""

    arg_constraints: ClassVar[dict[str, constraints.Constraint]] = {}
    support = constraints.nonnegative_integer
    has_enumerate_support = False

    def __init__(self, batch_shape: tuple[int, ...] = ()) -> None:
        super().__init__(torch.Size(batch_shape), validate_args=False)

    def expand(self, batch_shape: Any, _instance: Any = None) -> "RandomBits":
        return RandomBits(tuple(batch_shape))

    def sample(self, sample_shape: Any = ()) -> torch.Tensor:
        return torch.randint(0, 2**63 - 1, tuple(sample_shape) + tuple(self.batch_shape))

    def log_prob(self, value: torch.Tensor) -> torch.Tensor:
        return torch.zeros(value.shape)


def _distribution(kind: NoiseKind) -> dist.TorchDistribution:
    zero, one = torch.zeros(()), torch.ones(())
    fn: dist.TorchDistribution
    match kind:
        case "exponential":
            fn = dist.Exponential(one)
        case "uniform":
            fn = dist.Uniform(zero, one)
        case "gumbel":
            fn = dist.Gumbel(zero, one)
        case "normal":
            fn = dist.Normal(zero, one)
        case "bits":
            fn = RandomBits()
    return fn


@effectful(type="exogenous")
def _exogenous(name: str, agents: int, kind: NoiseKind, slots: int, index: torch.Tensor | None) -> torch.Tensor:
    _check_size(name, agents, slots)
    number = None if index is None else checked_index(name, index, slots)
    fn = _distribution(kind)
    # One number for everybody is not a field over agents: it stays outside the agent plate.
    plate = contextlib.nullcontext() if agents == 1 else agent_plate(agents)
    with plate:
        fn = fn.expand((agents,)) if slots == 1 else fn.expand((agents, slots)).to_event(1)
        noise: torch.Tensor = pyro.sample(f"{name}_noise", fn)
    if noise.is_floating_point() and bool(noise.isnan().any()):
        raise ValueError(
            f"the exogenous noise {name!r} contains NaN, and a comparison with NaN says no: give data on what agents "
            "did (obs= of event and choose), where NaN is unknown, and none on their noise."
        )
    refuse_worlds(f"the exogenous noise {name!r}", noise, len(fn.event_shape))
    if number is None:
        return noise
    field = noise[..., None] if slots == 1 else noise
    chosen = number.long()[..., None]
    return field.expand(chosen.shape[:-1] + field.shape[-1:]).gather(-1, chosen)[..., 0]


def _check_size(name: str, agents: int, slots: int) -> None:
    fits_in_memory(f"{agents} agents with {slots} values each of noise {name!r}", 8.0 * agents * slots)


@without_quick_mode
def exogenous(
    name: str,
    agents: int,
    kind: NoiseKind = "exponential",
    slots: int = 1,
    index: torch.Tensor | None = None,
) -> torch.Tensor:
    """Exogenous noise of every agent, the same in all worlds.

    By default a `pyro.sample` site named `{name}_noise` in the agent plate, which suits tests and tiny models; under
    `KeyedNoise` or `Seeds` it is recomputed from a seed and never stored.

    Args:
        name: Name of the noise; one name gives one field a step.
        agents: Number of agents; 1 gives one value for everybody.
        kind: `"exponential"`, `"uniform"`, `"gumbel"` or `"normal"`, each standard (float32), or `"bits"` (int64).
        slots: Number of independent values an agent.
        index: Whole numbers `[*dims, agents]`; picks one value an agent, for example by infection number, so that what
            an agent draws does not depend on the day on which it draws. The result may differ by world, the field
            does not.

    Returns:
        `[*replicates, agents]`, `[*replicates, agents, slots]` for slots > 1, or the shape of `index`.

    Raises:
        ValueError: unknown kind, agents or slots that are not whole numbers from 1, more than fit into memory, an index
            that is not one whole number an agent or lies outside the slots, noise that differs by world or is NaN.

    >>> import torch, pyro
    >>> pyro.set_rng_seed(0)
    >>> exogenous("recovery", 3).shape
    torch.Size([3])
    """
    known("kind of noise", kind, get_args(NoiseKind))
    agents, slots = whole_number("agents", agents), whole_number("slots", slots)
    _check_size(name, agents, slots if index is None else 1)
    if index is not None:
        index = numbers(f"the index into noise {name!r}", index)
        if index.shape[-1] != agents:
            raise ValueError(
                f"the index into noise {name!r} has shape {tuple(index.shape)} for {agents} agents: give one an agent."
            )
    noise: torch.Tensor = _exogenous(name, agents, kind, slots, index)
    return noise


def checked_index(name: str, index: torch.Tensor, slots: int) -> torch.Tensor:
    """The index as integers within the slots; a handler that answers noise with an index calls it."""
    if index.is_floating_point() and bool((index != index.trunc()).any()):
        raise ValueError(f"the index into noise {name!r} has NaN or fractions: give whole numbers.")
    whole = index.long() if index.dtype == torch.bool else index
    low, high = (end.item() for end in torch.aminmax(whole)) if whole.numel() else (0, 0)
    if not 0 <= low <= high < slots:
        raise ValueError(
            f"the index into noise {name!r} leaves 0..{slots - 1}: give as many slots as the index counts."
        )
    return whole.long() if whole.is_floating_point() else whole
