"""What somebody decides: a named number that interventions address."""

from typing import Any

import pyro
import torch

from causal_lpm.ops.number_types import single_precision
from causal_lpm.ops.pyro_stack import effectful
from causal_lpm.ops.step import running_step

__all__ = ["policy"]


# Arguments travel by position, as in `events`.
@effectful(type="policy")
def _policy(name: str, value: torch.Tensor | float) -> torch.Tensor:
    given = single_precision(f"policy {name!r}", value).clone()
    decided: Any = pyro.deterministic(name, given, event_dim=0)
    # A copy, as the value of the site is: what a model writes into it does not change the act of an intervention.
    return single_precision(f"policy {name!r}", decided).clone()


def policy(name: str, value: torch.Tensor | float) -> torch.Tensor:
    """A named deterministic site for one policy: a number, a share, a start day.

    Put it into the initial state under the same name; then `do(actions={name: ...})` before the simulation and
    `StaticIntervention(day, {name: ...})` during it address the same thing. One site a policy, never one a day.

    Args:
        name: Name of the policy.
        value: A number, or one value an agent.

    Returns:
        float32 `[1]` or `[agents]`, with worlds to its left where an intervention splits it.

    Raises:
        ValueError: the value, or what an intervention puts in its place, is NaN, not a number, beyond float32, or a
            whole number above 2**24 that float32 would change; a policy that is named inside a step.

    >>> policy("school_closure_day", 30)
    tensor([30.])
    """
    if (step := running_step()) is not None:
        raise ValueError(
            f"policy {name!r} is named inside step {step.number}, where no intervention meets it: name it before the "
            "rollout, and give it to the initial state."
        )
    decided: torch.Tensor = _policy(name, value)
    return decided
