"""What somebody decides: a named number that interventions address."""

import pyro
import torch

__all__ = ["policy"]


def policy(name: str, value: torch.Tensor | float) -> torch.Tensor:
    """A named deterministic site for one policy: a number, a share, a start day.

    Put it into the initial state under the same name; then `do(actions={name: ...})` before the simulation and
    `StaticIntervention(day, {name: ...})` during it address the same thing. One site a policy, never one a day.

    Args:
        name: Name of the policy.
        value: A number, or one value an agent.

    Returns:
        float32 `[1]` or `[agents]`, with worlds to its left where an intervention splits it.

    >>> policy("school_closure_day", 30)
    tensor([30.])
    """
    given = torch.atleast_1d(torch.as_tensor(value, dtype=torch.float32))
    decided: torch.Tensor | float = pyro.deterministic(name, given, event_dim=0)
    fitted: torch.Tensor = torch.atleast_1d(torch.as_tensor(decided, dtype=torch.float32))
    return fitted
