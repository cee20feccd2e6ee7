"""What somebody decides: a named number that interventions address."""

from typing import Any

import pyro
import torch
from pyro.poutine.runtime import effectful

from causal_lpm.ops.number_types import single_precision
from causal_lpm.ops.step import running_step

__all__ = ["policy"]


# By position, as in `events`.
@effectful(type="policy")
def _policy(name: str, value: torch.Tensor | float) -> torch.Tensor:
    given = single_precision(f"policy {name!r}", value).clone()
    decided: Any = pyro.deterministic(name, given, event_dim=0)
    # In memory of its own, as the site is: a model may write into it, and the act of an intervention stays what it is.
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
        ValueError: NaN, what is no number, a number beyond float32, a whole number above 2**24 that float32 would
            change; of the value, and of what an intervention puts in its place.

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
