"""What is observed of agents: where the data come from, and which values they may have.

Data are outcomes, whole numbers from 0, one an agent. NaN is an agent of whom nothing is known: it adds no log p, and
its noise keeps its prior.
"""

from typing import Any

import torch
from chirho.observational.handlers.condition import Observations
from pyro.poutine.condition_messenger import ConditionMessenger
from pyro.poutine.trace_struct import Trace

from causal_lpm.ops.dimensions import world_dimensions
from causal_lpm.ops.number_types import numbers
from causal_lpm.ops.pyro_stack import effectful, handlers_in_force
from causal_lpm.ops.step import Running, running_step

__all__ = ["checked_data", "data_of", "impossible", "in_step", "unknown"]


def data_of(name: str, obs: Any) -> Any:
    """The data of a response: `obs`, or those of `pyro.condition` or ChiRho's `condition` on its site, else None."""
    if obs is not None:
        return obs
    for handler in reversed(handlers_in_force()):
        if isinstance(handler, Running):
            name = handler.site_prefix + name  # as handlers outside of the step know it
        elif isinstance(handler, (ConditionMessenger, Observations)):
            found: Any = handler.data.nodes.get(name) if isinstance(handler.data, Trace) else handler.data.get(name)
            if found is not None:
                return found["value"] if isinstance(handler.data, Trace) else found
    return None


def in_step() -> str:
    """Where an error occurred, " in step 3" for example; empty outside of a rollout.

    >>> in_step()
    ''
    """
    step = running_step()
    return f" in step {step.number}" if step else ""


def unknown(data: torch.Tensor) -> torch.Tensor | None:
    """Which agents have no data (NaN), bool; None if all have some."""
    missing = data.isnan() if data.is_floating_point() else None
    return missing if missing is not None and bool(missing.any()) else None


def checked_data(what: str, data: Any, shape: torch.Size, outcomes: int) -> torch.Tensor:
    """The data of a response, one of its outcomes or NaN an agent.

    Args:
        what: What is observed, for the message.
        data: `[*draws, agents]`, 0 to `outcomes` - 1 or NaN.
        shape: Of the response, `[*dims, agents]`.
        outcomes: How many outcomes there are.

    Raises:
        ValueError: not one number an agent; another number; data that differ by world.

    >>> import torch
    >>> checked_data("event 'x'", [1, 2], torch.Size([2]), outcomes=2)
    Traceback (most recent call last):
    ValueError: what is observed of event 'x' is 2 for agent 1: give whole numbers from 0 to 1, or NaN where nothing ...
    """
    given = numbers(f"what is observed of {what}", data)
    by_world = any(given.dim() >= -dim and given.shape[dim] > 1 for dim in world_dimensions().values())
    lead = zip(reversed(given.shape[:-1]), reversed(shape[:-1]), strict=False)
    fits = given.dim() <= len(shape) and given.shape[-1] == shape[-1] and all(own in (1, size) for own, size in lead)
    if by_world or not fits:
        raise ValueError(
            f"what is observed of {what} has shape {tuple(given.shape)} where the model has {tuple(shape)}: give one "
            "number an agent, the same in all worlds."
        )
    number = given.double()
    wrong = ~number.isnan() & ((number < 0) | (number > outcomes - 1) | (number != number.trunc()))
    if bool(wrong.any()):
        raise ValueError(
            f"what is observed of {what} is {number[wrong][0].item():g} for agent {int(wrong.nonzero()[0, -1])}: give "
            f"whole numbers from 0 to {outcomes - 1}, or NaN where nothing is known."
        )
    return given


@effectful(type="impossible")
def impossible(name: str, data: torch.Tensor, never: torch.Tensor, what: str) -> None:
    """What is observed of a response has probability 0 for some agents, in some rows at least.

    Rows are draws and replicates. Where some can give the data, the others have log p -inf, which is an answer; where
    none can, there is a mistake in the data or in the model. A handler that sets `done` decides otherwise.

    Args:
        name: Of the response.
        data: `[*draws, agents]`.
        never: bool `[*dims, agents]`, where they have probability 0 in the factual world.
        what: What is observed, for the message.

    Raises:
        ValueError: no row can give the data.
    """
    rows = never.reshape(-1, never.shape[-1])
    if len(rows) == 0 or not bool(rows.any(-1).all()):
        return
    times = rows.sum(0)
    agent = int(times.argmax())
    row = int(rows[:, agent].nonzero()[0])
    seen = data.expand(never.shape).reshape(rows.shape)[row, agent].item()
    part = (
        ""
        if int(times[agent]) == len(rows)
        else f" in {int(times[agent])} of {len(rows)} rows, as others have in the rest"
    )
    raise ValueError(
        f"what is observed of {what} is {seen:g} for agent {agent}, which has probability 0{part}: look what makes it "
        "impossible, or give NaN where nothing is known."
    )
