"""What leaves a simulation: its series, once, after the last day."""

import torch

from causal_lpm.ops.pyro_stack import effectful

__all__ = ["release"]


@effectful(type="release")
def release(series: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The series of a rollout as its caller gets them: themselves, unless a handler opens or holds back some.

    Called by `rollout` at its end, so that `observed` and all else after it sees what was released.

    Args:
        series: Name -> `[*dims, 1 or groups, days]`.

    >>> release({"cases": torch.tensor([[1, 2]])})
    {'cases': tensor([[1, 2]])}
    """
    return series
